package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// commonEmergency is how long access lasts where nobody says.
const commonEmergency = time.Hour

// emergencies begins the ID of an occasion that an emergency gives.
const emergencies = "emergency/"

// An EmergencyOrder is an emergency as a person called it.
type EmergencyOrder struct {
	Wants  []onus.Wanted
	For    onus.IdentityID // empty: themself
	Lasts  time.Duration   // 0: an hour, or as long as the rule allows
	Reason string
	By     onus.Actor
	Person string // mail of the person; empty: nobody whom the organisation knows
	Permit Permit
}

// An OutsideError says that no standing rule covers an emergency, and why
// none does: it can still be asked for, with everybody's yes.
type OutsideError struct{ Why []string }

// Error says it in one sentence.
func (x *OutsideError) Error() string {
	if len(x.Why) == 0 {
		return "no standing rule is for emergencies"
	}
	return "no standing rule covers it: " + strings.Join(x.Why, "; ")
}

// Emergency records an emergency that a standing rule covers, and plans it at
// once; an OutsideError says that none does. What it gives takes the one road:
// in place of an approval stands the rule, and who approved it beforehand
// answers. Its end is settled here, and nothing moves it.
func (e *Engine) Emergency(ctx context.Context, roster Roster, o EmergencyOrder) (onus.Emergency, error) {
	var x onus.Emergency
	err := e.Store.Update(ctx, func(tx store.Tx) (err error) {
		if err := e.published(ctx, tx); err != nil {
			return err
		}
		at, err := e.inCharge(ctx, tx, roster, tx.Now())
		if err != nil {
			return err
		}
		if x, err = e.coveredBy(ctx, tx, at, o); err != nil {
			return err
		}
		return e.beginEmergency(ctx, tx, roster, &x, o)
	})
	if err != nil {
		return x, err
	}
	return x, e.planEmergency(ctx, roster, x)
}

// coveredBy gives the emergency under the first rule that covers it.
func (e *Engine) coveredBy(ctx context.Context, r store.Reader, at inCharge, o EmergencyOrder) (onus.Emergency, error) {
	x := onus.Emergency{State: onus.EmergencyStands, Wants: o.Wants, Reason: o.Reason, By: o.By, At: at.At}
	calls, err := asker(ctx, r, o.By, o.Person, "an emergency")
	if err != nil {
		return x, err
	}
	who := calls
	if o.For != "" {
		if who, err = store.Identities.Get(ctx, r, string(o.For)); err != nil {
			return x, err
		}
	}
	x.Person, x.Who, x.For = calls.Mail, calls.ID, who.ID
	if err := e.mayCall(ctx, r, at, calls, who, o); err != nil {
		return x, err
	}
	outside := &OutsideError{}
	for _, rule := range at.program.RulesFor(onus.EmergencyCase) {
		lasts := cmp.Or(o.Lasts, min(commonEmergency, rule.Bounds.Longest))
		why, err := uncovered(ctx, r, at, rule, who, o.Wants, lasts, "")
		if err != nil {
			return x, err
		}
		answers := at.Preapproved(rule)
		reviewers, err := reviewersOf(ctx, r, at.program, rule, calls, who)
		if err != nil {
			return x, err
		}
		switch {
		case answers.Mail == "":
			why = append(why, answers.Why)
		case answers.ID == who.ID || answers.ID == calls.ID:
			why = append(why, answers.Mail+" approved it beforehand, and nobody approves what they ask for or hold themself")
		}
		if len(reviewers) == 0 {
			why = append(why, "nobody is left to review it who had no part in it")
		}
		if len(why) > 0 {
			outside.Why = append(outside.Why, rule.Name+": "+strings.Join(why, ", "))
			continue
		}
		x.Rule, x.Digest, x.Until = rule.Name, rule.Digest, at.At.Add(lasts)
		x.Answers, x.AnswersWho, x.ReviewBy, x.Within, x.Due = answers.Mail, answers.ID, reviewers, rule.Review.Within, x.Until.Add(rule.Review.Within)
		x.Tell = hear(at.program, rule, x, who)
		return x, nil
	}
	return x, outside
}

// mayCall refuses what no emergency can be called for, whatever the rules say.
func (e *Engine) mayCall(ctx context.Context, r store.Reader, at inCharge, calls, who onus.Identity, o EmergencyOrder) error {
	wf := at.program.OnRequest()
	switch {
	case wf == nil:
		return onus.Errorf(onus.Denied, "add a workflow with occasion: {request: true}", "no workflow owns what an emergency gives")
	case strings.TrimSpace(o.Reason) == "":
		return onus.Errorf(onus.Invalid, "give one with --reason", "an emergency needs a reason")
	case len(o.Wants) == 0:
		return onus.Errorf(onus.Invalid, "name an entitlement", "the emergency asks for nothing")
	case who.State != onus.Active:
		return onus.Errorf(onus.Denied, "", "%s is not active: an emergency gives nothing to somebody who is not there", called(who))
	case e.as(calls, who) == "":
		return onus.Errorf(onus.Denied, "people call one for themselves, managers for their reports, sponsors for what they sponsor", "%s may not call an emergency for %s", calls.Mail, called(who))
	case at.unsponsored(who.ID):
		return onus.Errorf(onus.Denied, "name a sponsor first", "nobody answers for %s", called(who))
	case o.Permit.Err != nil:
		return o.Permit.Err
	}
	var lacking []string
	for _, st := range at.unanswered(e.Program, e.Program.Workflows[wf.Name]) {
		lacking = append(lacking, duty(st))
	}
	if len(lacking) > 0 { // rule 1 bends for no emergency
		return onus.Errorf(onus.Denied, "onus owners list shows who was asked", "nothing is given while nobody stands as %s", strings.Join(lacking, ", "))
	}
	standing, err := store.Emergencies.Find(ctx, r, "identity", string(who.ID))
	if err != nil {
		return err
	}
	for _, other := range standing {
		for _, w := range o.Wants {
			if other.State == onus.EmergencyStands && slices.Contains(other.Wants, w) {
				return onus.Errorf(onus.Conflict, "nothing prolongs it; after its end another can be called, which counts anew",
					"%s has %s on %s by emergency %s, until %s", called(who), w.Entitlement, w.System, other.ID, other.Until.UTC().Format(time.RFC3339))
			}
		}
	}
	return nil
}

// uncovered says why a rule does not cover something now, as if one emergency
// had not been.
func uncovered(ctx context.Context, r store.Reader, at inCharge, rule *flow.Rule, who onus.Identity, wants []onus.Wanted, lasts time.Duration, but string) ([]string, error) {
	u := planning.RuleUse{Now: at.At, Identity: who, People: at.roster, Wants: wants, Lasts: lasts}
	all, err := store.Emergencies.Query(ctx, r, store.Query{Key: "rule", From: rule.Name + "/", To: rule.Name + "0"}) // "0" comes after "/"
	if err != nil {
		return nil, err
	}
	for _, other := range all {
		if other.ID == but {
			continue
		}
		if other.State == onus.EmergencyStands {
			u.UnderWay++
		}
		if rule.Bounds.Uses.Max > 0 && other.At.After(at.At.Add(-rule.Bounds.Uses.Per)) {
			u.Used++
		}
	}
	return planning.Outside(rule, u), nil
}

// reviewersOf lists who may look at an emergency afterwards: those whom the
// rule names, then its owner and those after them, without whoever had a part.
func reviewersOf(ctx context.Context, r store.Reader, p *flow.Program, rule *flow.Rule, part ...onus.Identity) ([]string, error) {
	var may []string
	for _, mail := range slices.Concat(rule.Review.By, []string{rule.Owner, rule.Deputy}, p.Organisation.Escalation) {
		who, known, err := personOf(ctx, r, mail)
		if err != nil {
			return nil, err
		}
		had := slices.ContainsFunc(part, func(i onus.Identity) bool { return i.ID == who.ID })
		if known && who.Kind == onus.Person && who.State == onus.Active && !had && !slices.Contains(may, mail) {
			may = append(may, mail)
		}
	}
	return may, nil
}

// hear lists who hears of an emergency at once: it is never quiet.
func hear(p *flow.Program, rule *flow.Rule, x onus.Emergency, who onus.Identity) []string {
	all := slices.Concat([]string{x.Answers, rule.Owner, who.Mail}, rule.Tell)
	for _, w := range x.Wants {
		if sys := p.Systems[w.System]; sys != nil {
			all = append(all, sys.Owner)
		}
	}
	var once []string
	for _, mail := range all {
		if mail != "" && !slices.ContainsFunc(once, func(m string) bool { return strings.EqualFold(m, mail) }) {
			once = append(once, mail)
		}
	}
	return once
}

// beginEmergency records an emergency, the request that it is too, and the
// occasion that it gives, with the wake-up at its end. What cannot be given
// is refused here, and leaves nothing behind.
func (e *Engine) beginEmergency(ctx context.Context, tx store.Tx, roster Roster, x *onus.Emergency, o EmergencyOrder) error {
	wants, err := json.Marshal(x.Wants)
	if err != nil {
		return fmt.Errorf("keep what an emergency wants: %w", err)
	}
	x.ID = onus.ID("emg", string(x.For), string(x.Who), string(wants), store.Stamp(x.At))
	req := onus.Request{
		ID: x.ID, State: onus.RequestStands, For: x.For, Wants: x.Wants, Reason: x.Reason, Until: x.Until,
		By: x.By, Person: x.Person, Who: x.Who, At: x.At, Occasion: emergencies + x.ID, Rule: x.Rule, Answers: x.Answers,
	}
	who, err := store.Identities.Get(ctx, tx, string(x.For))
	if err != nil {
		return err
	}
	occasion := onus.Occasion{
		ID: req.Occasion, Kind: onus.Requested, State: onus.Waiting, Identity: who.ID, Source: who.Source, Key: who.Key,
		At: x.At, After: who.Attributes, Request: req.ID,
	}
	ev, err := store.Requests.Put(ctx, tx, ledger.Event{
		Type: ledger.RequestMade, Actor: string(x.By), Owner: string(x.Who), Rule: x.Rule,
		Notes: map[string]string{"for": string(x.For), "until": x.Until.UTC().Format(time.RFC3339)},
	}, req)
	if err != nil {
		return err
	}
	if _, err := store.Occasions.Put(ctx, tx, ledger.Event{Type: ledger.OccasionArose, Actor: string(x.By), Owner: string(x.Who), Cause: ev.ID}, occasion); err != nil {
		return err
	}
	foreseen, err := e.foresee(ctx, tx, roster, req, occasion)
	switch {
	case err != nil:
		return err
	case foreseen.Refusal != nil:
		return onus.Errorf(onus.Conflict, foreseen.Refusal.Hint, "%s", foreseen.Refusal.Message)
	case len(foreseen.Plan.Changes) == 0:
		return onus.Errorf(onus.Conflict, "onus explain shows why they have it", "%s has it already, or a review denied it and nobody lifted that: there is nothing to give", called(who))
	}
	for _, b := range foreseen.Stages {
		x.Waits = append(x.Waits, b.Of...)
	}
	x.Waits = slices.Compact(slices.Sorted(slices.Values(x.Waits)))
	began := ledger.Event{
		Type: ledger.EmergencyBegan, Actor: string(x.By), Owner: string(x.AnswersWho), Cause: ev.ID, Rule: x.Rule, Inputs: []string{string(x.Digest)},
		Notes: map[string]string{"for": string(x.For), "until": x.Until.UTC().Format(time.RFC3339)},
	}
	if len(x.Waits) > 0 {
		began.Notes["waits"] = strings.Join(x.Waits, ", ")
	}
	o.Permit.note(&began)
	if _, err := store.Emergencies.Put(ctx, tx, began, *x); err != nil {
		return err
	}
	return e.Queue.Enqueue(ctx, tx, Segment{Emergency: x.ID, At: x.Until})
}

// planEmergency plans what waits of an emergency, and commits it as a batch of
// its own. Its rule's bounds are its guard. Whatever keeps this from being
// done now, the next cycle does it.
func (e *Engine) planEmergency(ctx context.Context, roster Roster, x onus.Emergency) error {
	return e.planOnRequest(ctx, roster, func(ctx context.Context, r store.Reader, out *survey, _ *workload) error {
		row, known, err := r.Get(ctx, store.Occasions.Name, emergencies+x.ID)
		if err != nil || !known {
			return err
		}
		if o, err := store.Occasions.Of(row); err != nil || o.State != onus.Waiting {
			return err
		}
		return e.planOccasion(ctx, r, row, out)
	})
}

// planOnRequest surveys for the workflow that owns requests alone, and
// releases what comes of it.
func (e *Engine) planOnRequest(ctx context.Context, roster Roster, what func(context.Context, store.Reader, *survey, *workload) error) error {
	wf := e.Program.OnRequest()
	if wf == nil {
		return nil
	}
	work, err := e.surveyOf(ctx, roster, e.versions, []onus.WorkflowName{wf.Name}, func(ctx context.Context, r store.Reader, out *survey) error {
		return what(ctx, r, out, out.batches[0])
	})
	if err != nil {
		return err
	}
	for _, w := range work.batches {
		for _, r := range w.refused {
			if err := e.stopOccasion(ctx, w.wf, r); err != nil && !moved(err) {
				return err
			}
		}
		for _, part := range w.piles() {
			if _, err := e.release(ctx, w.wf, w.version, part, roster); err != nil && !moved(err) {
				return err
			}
		}
	}
	return nil
}
