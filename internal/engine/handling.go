package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// stepping begins the ID of an occasion that a step of a standing rule gives.
const stepping = "rule/"

// A stride is one thing that becomes of a case: the handling as it shall be,
// the event that says so, and the occasion that it gives.
type stride struct {
	typ   ledger.Type
	h     onus.Handling
	notes map[string]string
	gives *onus.Occasion
}

// strides are what becomes of one case at one look, in order.
type strides struct {
	was string // the event that left the handling as it was read; empty: it is new
	of  []stride
}

func (s *strides) add(typ ledger.Type, h onus.Handling, gives *onus.Occasion, notes map[string]string) {
	h.Steps = slices.Clone(h.Steps)
	s.of = append(s.of, stride{typ, h, notes, gives})
}

// takeUp begins the handling of a case by a rule.
func takeUp(rule *flow.Rule, h onus.Handling, at inCharge) *strides {
	answers := at.Preapproved(rule)
	h.ID = onus.ID("hdl", rule.Name, store.AccountID(h.System, h.Account), string(h.Identity), store.Stamp(h.Since))
	h.State, h.Case, h.Rule, h.Digest, h.At = onus.HandlingStands, rule.Case, rule.Name, rule.Digest, at.At
	h.Answers, h.AnswersWho = answers.Mail, answers.ID
	s := &strides{}
	s.add(ledger.HandlingBegan, h, nil, map[string]string{"case": string(h.Case), "since": h.Since.UTC().Format(time.RFC3339)})
	return s
}

// now gives the handling as the last stride leaves it.
func (s *strides) now(or onus.Handling) onus.Handling {
	if len(s.of) == 0 {
		return or
	}
	return s.of[len(s.of)-1].h
}

func (s *strides) stop(h onus.Handling, why string) {
	h.State, h.Why = onus.HandlingStopped, why
	s.add(ledger.HandlingStopped, h, nil, nil)
}

// applying lists the steps of a rule that are about a case, due or not.
func applying(rule *flow.Rule, h *onus.Handling, use planning.RuleUse) ([]flow.RuleStep, error) {
	last := time.Duration(0)
	for _, s := range rule.Steps {
		last = max(last, s.After)
	}
	all, err := planning.DueOf(rule, use, last)
	return slices.DeleteFunc(all, func(s flow.RuleStep) bool { return s.Systems != nil && !slices.Contains(s.Systems, h.System) }), err
}

// stepOn takes the steps of a case that are due. Where inTurn is set, a step
// that touches a system waits until the one before it is done.
func (e *Engine) stepOn(ctx context.Context, r store.Reader, s *strides, rule *flow.Rule, h onus.Handling, use planning.RuleUse, inTurn bool) error {
	steps, err := applying(rule, &h, use)
	if err != nil {
		return nil //nolint:nilerr // it stays where it is, and whoever lists the cases is told why
	}
	open := false
	for _, step := range steps {
		if did, taken := h.Step(step.ID); taken {
			if did.Done.IsZero() {
				over, ended, err := e.stepEnded(ctx, r, &h, did)
				switch {
				case err != nil:
					return err
				case !over:
					open = true
				case ended != "" && inTurn:
					h.Overruled = true
					s.stop(h, ended)
					return nil
				default:
					h = done(h, step.ID, use.Now, ended)
					s.add(ledger.HandlingAnswered, h, nil, map[string]string{"step": step.ID})
				}
			}
			continue
		}
		if use.Now.Before(h.Since.Add(step.After)) || inTurn && open {
			open = true
			break
		}
		if e.cannotStep(step, &h) != "" {
			open = true
			continue
		}
		var gives *onus.Occasion
		h, gives = e.take(rule, step, h, use)
		s.add(ledger.HandlingStepped, h, gives, map[string]string{"step": step.ID, "do": string(step.Do)})
		did, _ := h.Step(step.ID)
		open = open || did.Done.IsZero()
	}
	if !open {
		h.State = onus.HandlingOver
		s.add(ledger.HandlingOver, h, nil, nil)
	}
	return nil
}

func done(h onus.Handling, step string, at time.Time, says string) onus.Handling {
	h.Steps = slices.Clone(h.Steps)
	for i := range h.Steps {
		if h.Steps[i].Step == step {
			h.Steps[i].Done, h.Steps[i].Answer = at, says
		}
	}
	return h
}

// take takes one step: what touches a system gives an occasion, which is
// planned and carried out like every other.
func (e *Engine) take(rule *flow.Rule, step flow.RuleStep, h onus.Handling, use planning.RuleUse) (onus.Handling, *onus.Occasion) {
	did := onus.Handled{Step: step.ID, Do: step.Do, Digest: rule.Digest, At: use.Now, Hook: step.Hook}
	var gives *onus.Occasion
	switch step.Do {
	case onus.RuleDisable, onus.RuleRemove, onus.RuleSessions:
		who := use.Identity
		gives = &onus.Occasion{
			ID: stepping + h.ID + "/" + step.ID, Kind: onus.Ruled, State: onus.Waiting, Identity: h.Identity, Source: who.Source, Key: who.Key,
			At: use.Now, Handling: h.ID, Step: step.ID,
		}
		did.Occasion = gives.ID
	case onus.RuleRotate, onus.RuleBlock: // the hook answers
	case onus.RuleTell, onus.RuleRestore, onus.RuleAnew:
		did.Done = use.Now
	}
	h.Steps = append(slices.Clone(h.Steps), did)
	return h, gives
}

// cannotStep says why a step is not taken by a rule: its system cannot do it,
// or could not undo it.
func (e *Engine) cannotStep(step flow.RuleStep, h *onus.Handling) string {
	if _, can := e.Systems[h.System].(connector.SessionEnder); step.Do == onus.RuleSessions && !can {
		return fmt.Sprintf("step %s would end live sessions, and nothing ends them on %s: they last as long as it lets them", step.ID, h.System)
	}
	verb := map[onus.RuleDeed]onus.Verb{onus.RuleDisable: onus.EnsureDisabled, onus.RuleRemove: onus.EnsureAbsent}[step.Do]
	if verb == "" || !e.cannotUndo(onus.PlannedChange{Verb: verb, Target: onus.Target{System: h.System, Account: h.Account}}) {
		return ""
	}
	return fmt.Sprintf("step %s would %s an account, and %s cannot undo that: its owner decides", step.ID, step.Do, h.System)
}

// stepEnded says whether nothing more comes of a step, and what a hook
// answered or why it was not carried out.
func (e *Engine) stepEnded(ctx context.Context, r store.Reader, h *onus.Handling, did onus.Handled) (over bool, says string, err error) {
	if did.Hook != "" {
		return hookOver(ctx, r, h, did)
	}
	o, known, err := store.Occasions.Lookup(ctx, r, did.Occasion)
	if err != nil || known && o.State != onus.Settled {
		return false, "", err
	}
	runs, err := store.Runs.Find(ctx, r, "occasion", did.Occasion)
	if err != nil {
		return false, "", err
	}
	slices.SortFunc(runs, func(a, b onus.Run) int { return a.Began.Compare(b.Began) })
	for _, run := range runs {
		if !run.State.Ended() {
			return false, "", nil
		}
		says = ""
		if run.State != onus.RunDone { // the last of them counts: it took the place of the others
			says = fmt.Sprintf("run %s of step %s ended %s: %s", run.ID, did.Step, run.State, run.Reason)
		}
	}
	return true, says, nil
}

// commitStrides records what becomes of cases, unless somebody moved them
// meanwhile: the next cycle looks again.
func (e *Engine) commitStrides(ctx context.Context, all []*strides) error {
	for chunk := range slices.Chunk(all, commitFindings) {
		err := e.Store.Update(ctx, func(tx store.Tx) error {
			for _, s := range chunk {
				if err := e.commitCase(ctx, tx, s); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) commitCase(ctx context.Context, tx store.Tx, s *strides) error {
	if len(s.of) == 0 {
		return nil
	}
	row, known, err := tx.Get(ctx, store.Handlings.Name, s.of[0].h.ID)
	if err != nil || known && row.Event != s.was {
		return err
	}
	cause := s.was
	for _, st := range s.of {
		h := st.h
		if h.State != onus.HandlingStands {
			h.Ended = tx.Now()
		}
		digest := h.Digest
		if n := len(h.Steps); n > 0 {
			digest = h.Steps[n-1].Digest
		}
		ev := ledger.Event{Type: st.typ, Actor: string(onus.Engine), Owner: string(h.AnswersWho), Cause: cause, Rule: h.Rule, Notes: st.notes}
		if st.typ == ledger.HandlingBegan || st.typ == ledger.HandlingStepped {
			ev.Inputs = []string{string(digest)}
		}
		if ev, err = store.Handlings.Put(ctx, tx, ev, h); err != nil {
			return err
		}
		cause = ev.ID
		if st.gives == nil {
			continue
		}
		_, err := store.Occasions.Put(ctx, tx, ledger.Event{
			Type: ledger.OccasionArose, Actor: string(onus.Engine), Owner: string(h.AnswersWho), Cause: cause, Rule: h.Rule,
		}, *st.gives)
		if err != nil {
			return err
		}
		if err := e.chooseByRule(ctx, tx, h, *st.gives, cause); err != nil {
			return err
		}
	}
	return nil
}

// chooseByRule orders the repair of the finding that a step settles, so that
// nobody is asked about what a rule is at.
func (e *Engine) chooseByRule(ctx context.Context, tx store.Tx, h onus.Handling, o onus.Occasion, cause string) error {
	if h.Finding == "" {
		return nil
	}
	f, err := store.Findings.Get(ctx, tx, h.Finding)
	if err != nil || f.State != onus.FindingOpen {
		return err
	}
	f.State, f.Repair, f.Reason, f.By, f.Person, f.Occasion, f.Why = onus.FindingOrdered, onus.Revoke, "standing rule "+h.Rule, onus.Engine, h.Answers, o.ID, ""
	_, err = store.Findings.Put(ctx, tx, ledger.Event{
		Type: ledger.FindingChosen, Actor: string(onus.Engine), Owner: string(h.AnswersWho), Cause: cause, Rule: string(onus.Revoke),
	}, f)
	return err
}

// ruleFacts gathers what a step of a standing rule is planned from.
func ruleFacts(ctx context.Context, r store.Reader, people onus.SourceName, o onus.Occasion, at inCharge) (planning.Facts, error) {
	if o.Identity != "" {
		return gather(ctx, r, people, o, at)
	}
	f := planning.Facts{Now: at.At, Occasion: o, People: at.roster}
	h, err := store.Handlings.Get(ctx, r, o.Handling)
	if err != nil {
		return f, err
	}
	err = orphan(ctx, r, &f, store.AccountID(h.System, h.Account))
	return f, err
}

// settle plans the step of an occasion. What no rule covers any more gives no
// change.
func settleByRule(ctx context.Context, r store.Reader, at inCharge, o onus.Occasion, f planning.Facts) (onus.Plan, error) {
	h, err := store.Handlings.Get(ctx, r, o.Handling)
	if err != nil {
		return onus.Plan{}, err
	}
	rule := at.program.Rules[h.Rule]
	if rule == nil || h.State == onus.HandlingStopped {
		return onus.Plan{}, nil
	}
	i := slices.IndexFunc(rule.Steps, func(s flow.RuleStep) bool { return s.ID == o.Step })
	if i < 0 {
		return onus.Plan{}, nil
	}
	return planning.Settle(at.program, rule, rule.Steps[i], h, f), nil
}

// planRuled plans one step of a standing rule. Its rule's bounds are its
// guard; those of its system count too.
func (e *Engine) planRuled(ctx context.Context, r store.Reader, at waiting, out *survey) error {
	o := at.occasion
	if o.Identity != "" && out.taken[o.Identity] {
		return nil // the next cycle plans it, on what is so then
	}
	f, err := ruleFacts(ctx, r, e.Program.Organisation.People, o, out.charge)
	if err != nil {
		return err
	}
	plan, err := settleByRule(ctx, r, out.charge, o, f)
	if err != nil {
		return err
	}
	if len(plan.Changes) == 0 {
		out.unwanted = append(out.unwanted, unwanted{o.ID, at.event})
		return nil
	}
	rule := out.charge.program.Rules[plan.Changes[0].Standing]
	out.load(undo{wf: planning.Standing(rule)}).plans.add(planned{occasion: o.ID, cause: at.event, plan: plan, settles: true})
	out.taken[o.Identity] = true
	return nil
}

// replanRuled plans the rest of a rule's run on the facts of now.
func (e *Engine) replanRuled(ctx context.Context, r store.Reader, run onus.Run, roster Roster, now time.Time) (onus.Plan, error) {
	o, err := store.Occasions.Get(ctx, r, run.Occasion)
	if err != nil {
		return onus.Plan{}, err
	}
	at, err := e.inCharge(ctx, r, roster, now)
	if err != nil {
		return onus.Plan{}, err
	}
	f, err := ruleFacts(ctx, r, e.Program.Organisation.People, o, at)
	if err != nil {
		return onus.Plan{}, err
	}
	return settleByRule(ctx, r, at, o, f)
}

// undoneByPerson stops the cases whose steps a person has undone: what a
// person decided against a rule, the rule does not do again.
func (e *Engine) undoneByPerson(ctx context.Context, tx store.Tx, c onus.Change, cause string) error {
	for _, id := range c.Planned.Undoes {
		was, known, err := store.Changes.Lookup(ctx, tx, string(id))
		if err != nil {
			return err
		}
		if !known || was.Planned.Standing == "" {
			continue
		}
		run, err := store.Runs.Get(ctx, tx, string(was.Run))
		if err != nil {
			return err
		}
		o, known, err := store.Occasions.Lookup(ctx, tx, run.Occasion)
		if err != nil || !known || o.Kind != onus.Ruled {
			return err
		}
		h, err := store.Handlings.Get(ctx, tx, o.Handling)
		if err != nil || h.Overruled {
			return err
		}
		h.State, h.Overruled, h.Why = onus.HandlingStopped, true, fmt.Sprintf("a person had step %s undone (%s)", o.Step, c.ID)
		if h.Ended.IsZero() {
			h.Ended = tx.Now()
		}
		_, err = store.Handlings.Put(ctx, tx, ledger.Event{
			Type: ledger.HandlingStopped, Actor: string(onus.Engine), Owner: string(h.AnswersWho), Cause: cause, Rule: h.Rule,
		}, h)
		if err != nil {
			return err
		}
	}
	return nil
}

// hearOfRule lists who hears of what a rule does in a case.
func hearOfRule(at inCharge, rule *flow.Rule, h *onus.Handling) []string {
	all := slices.Concat([]string{rule.Owner, h.Answers}, rule.Tell)
	if sys := at.program.Systems[h.System]; sys != nil {
		all = append(all, sys.Owner)
	}
	for _, l := range h.Leads {
		all = append(all, l.Mail)
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Compare(strings.ToLower(a), strings.ToLower(b)) })
	all = slices.CompactFunc(all, strings.EqualFold)
	return slices.DeleteFunc(all, func(m string) bool { return m == "" })
}
