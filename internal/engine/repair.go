package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// drifting begins the ID of every occasion of a repair.
const drifting = "drift/"

// Repair records what a person chose to do about findings, all or none. It is
// planned at the next cycle, like everything; what is accepted as it is needs
// no plan.
func (e *Engine) Repair(ctx context.Context, roster Roster, o RepairOrder) ([]onus.Finding, error) {
	if err := o.check(e.Now()); err != nil {
		return nil, err
	}
	var done []onus.Finding
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		done = nil
		at, err := e.inCharge(ctx, tx, roster, tx.Now())
		if err != nil {
			return err
		}
		person := e.people.id(ctx, tx, o.Person)
		byHolder := map[string][]onus.Finding{}
		for _, id := range slices.Compact(slices.Sorted(slices.Values(o.Findings))) {
			f, err := e.choose(ctx, tx, at, o, id)
			if err != nil {
				return err
			}
			if f.State == onus.FindingAccepted {
				done = append(done, f)
				if _, err := store.Findings.Put(ctx, tx, chosen(o, person), f); err != nil {
					return err
				}
				continue
			}
			holder := string(f.System) + "/" + cmp.Or(string(f.Identity), string(f.Account))
			byHolder[holder] = append(byHolder[holder], f)
		}
		for _, holder := range slices.Sorted(maps.Keys(byHolder)) {
			if err := e.order(ctx, tx, o, person, byHolder[holder]); err != nil {
				return err
			}
			done = append(done, byHolder[holder]...)
		}
		return nil
	})
	return done, err
}

func chosen(o RepairOrder, person string) ledger.Event {
	ev := ledger.Event{Type: ledger.FindingChosen, Actor: string(o.By), Owner: person, Rule: string(o.Repair)}
	o.Permit.note(&ev)
	return ev
}

// choose lays a choice on one finding, if it may be.
func (e *Engine) choose(ctx context.Context, r store.Reader, at inCharge, o RepairOrder, id string) (onus.Finding, error) {
	f, err := store.Findings.Get(ctx, r, id)
	if err != nil {
		return f, err
	}
	if f.State.Ended() {
		return f, onus.Errorf(onus.Conflict, "onus drift list shows what stands", "finding %s is %s", f.ID, f.State)
	}
	if f.State == onus.FindingOrdered {
		return f, onus.Errorf(onus.Conflict, "wait for it, or refuse its run", "%s chose to %s finding %s already", f.Person, f.Repair, f.ID)
	}
	facts, err := repairFacts(ctx, r, onus.Occasion{Kind: onus.Drifted, Identity: f.Identity, Findings: []string{id}}, at)
	if err != nil {
		return f, err
	}
	if why := planning.Bars(&facts, f, o.Repair); why != "" {
		return f, onus.Errorf(onus.Conflict, otherwise(f, o.Repair), "finding %s cannot be repaired so: %s", f.ID, why)
	}
	f.State, f.Repair, f.Reason, f.By, f.Person, f.Why = onus.FindingOrdered, o.Repair, o.Reason, o.By, o.Person, ""
	f.Answers, f.Until = "", o.Until
	if o.Repair == onus.Adopt {
		f.Answers = cmp.Or(o.Answers, o.Person)
		if f.OnAccount() {
			f.State = onus.FindingAccepted // our records say nothing that could follow
		}
	}
	return f, nil
}

// otherwise says what can be done instead.
func otherwise(f onus.Finding, how onus.Repair) string {
	switch {
	case f.Kind == onus.Appeared && how == onus.Adopt:
		return "revoke it; whoever needs it asks for it with onus request"
	case f.Kind == onus.Vanished && how == onus.Restore:
		return "whoever needs it asks for it with onus request"
	case f.Kind == onus.Vanished:
		return "restore it, or adopt that it is gone"
	case f.Kind == onus.Altered:
		return "restore it as it was, or adopt it as it is"
	default:
		return "revoke it, or adopt it"
	}
}

// order records the choice for the findings of one holder, and the occasion
// that comes of it.
func (e *Engine) order(ctx context.Context, tx store.Tx, o RepairOrder, person string, findings []onus.Finding) error {
	occasion := onus.Occasion{
		Kind: onus.Drifted, State: onus.Waiting, Identity: findings[0].Identity, At: tx.Now(),
	}
	for i := range findings {
		occasion.Findings = append(occasion.Findings, findings[i].ID)
	}
	occasion.ID = drifting + onus.ID("rep", append(slices.Clone(occasion.Findings), store.Stamp(tx.Now()))...)
	if occasion.Identity != "" {
		who, err := store.Identities.Get(ctx, tx, string(occasion.Identity))
		if err != nil {
			return err
		}
		occasion.Source, occasion.Key = who.Source, who.Key
	}
	cause := ""
	for i := range findings {
		findings[i].Occasion = occasion.ID
		ev, err := store.Findings.Put(ctx, tx, chosen(o, person), findings[i])
		if err != nil {
			return err
		}
		cause = ev.ID
	}
	_, err := store.Occasions.Put(ctx, tx, ledger.Event{Type: ledger.OccasionArose, Actor: string(o.By), Owner: person, Cause: cause}, occasion)
	return err
}

// findingsOf gives the findings that an occasion is to repair.
func findingsOf(ctx context.Context, r store.Reader, o onus.Occasion) ([]onus.Finding, error) {
	all := make([]onus.Finding, len(o.Findings))
	for i, id := range o.Findings {
		var err error
		if all[i], err = store.Findings.Get(ctx, r, id); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// repairFacts gathers what a repair is planned from. The holder of an orphan
// is nobody, and all that is known of it is its account.
func repairFacts(ctx context.Context, r store.Reader, o onus.Occasion, at inCharge) (planning.Facts, error) {
	if o.Identity != "" {
		f, err := gather(ctx, r, at.program.Organisation.People, o, at)
		if err == nil {
			f.Denied, err = denied(ctx, r, o.Identity)
		}
		return f, err
	}
	f := planning.Facts{Now: at.At, Occasion: o, People: at.roster}
	findings, err := findingsOf(ctx, r, o)
	if err != nil {
		return f, err
	}
	err = orphan(ctx, r, &f, store.AccountID(findings[0].System, findings[0].Account))
	return f, err
}

// orphan gathers what is known of an account that is nobody's.
func orphan(ctx context.Context, r store.Reader, f *planning.Facts, id string) error {
	a, known, err := store.Accounts.Lookup(ctx, r, id)
	if err != nil {
		return err
	}
	if known && !a.Gone && a.Identity == "" {
		f.Accounts = []onus.Account{a}
	}
	f.Grants, err = store.Grants.Find(ctx, r, "account", id)
	return err
}

// denied lists what people said no to for an identity and nobody said yes to
// since.
func denied(ctx context.Context, r store.Reader, id onus.IdentityID) ([]onus.Wanted, error) {
	asked, err := store.Approvals.Find(ctx, r, "identity", string(id))
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(asked, func(a, b onus.Approval) int { return a.Asked.Compare(b.Asked) })
	said := map[onus.Wanted]bool{}
	for _, a := range asked {
		if a.State != onus.ApprovalDenied && a.State != onus.ApprovalApproved {
			continue
		}
		plan, known, err := store.Plans.Lookup(ctx, r, string(a.Plan))
		if err != nil {
			return nil, err
		}
		for i := 0; known && i < len(plan.Changes); i++ {
			if c := plan.Changes[i]; slices.Contains(a.Changes, store.ChangeID(a.Run, i)) {
				said[onus.Wanted{System: c.Target.System, Entitlement: c.Target.Entitlement}] = a.State == onus.ApprovalDenied
			}
		}
	}
	maps.DeleteFunc(said, func(_ onus.Wanted, no bool) bool { return !no })
	return slices.Collect(maps.Keys(said)), nil
}

// repair plans what an occasion of drift is to repair, on the facts given.
func repair(ctx context.Context, r store.Reader, o onus.Occasion, at inCharge, f planning.Facts) (undo, onus.Plan, error) {
	findings, err := findingsOf(ctx, r, o)
	if err != nil {
		return undo{}, onus.Plan{}, err
	}
	sys := at.program.Systems[findings[0].System]
	if sys == nil {
		return undo{}, onus.Plan{}, onus.Errorf(onus.Conflict, "refuse it", "system %s is not in the definitions any more", findings[0].System)
	}
	wf := planning.Drift(sys)
	return undo{wf: wf}, planning.Repair(at.program, wf, f, findings), nil
}

// planRepair plans one occasion of drift. What is barred by now is left out;
// the finding is open again at the next scan, and says so.
func (e *Engine) planRepair(ctx context.Context, r store.Reader, at waiting, out *survey) error {
	if id := at.occasion.Identity; id != "" && out.taken[id] {
		return nil // the next cycle plans it, on what is so then
	}
	f, err := repairFacts(ctx, r, at.occasion, out.charge)
	if err != nil {
		return err
	}
	of, plan, err := repair(ctx, r, at.occasion, out.charge, f)
	if onus.KindOf(err) == onus.Conflict {
		out.unwanted = append(out.unwanted, unwanted{at.occasion.ID, at.event})
		return nil
	}
	if err != nil {
		return err
	}
	if len(plan.Changes) == 0 {
		out.unwanted = append(out.unwanted, unwanted{at.occasion.ID, at.event})
		return nil
	}
	out.load(of).plans.add(planned{occasion: at.occasion.ID, cause: at.event, plan: plan, settles: true})
	out.taken[at.occasion.Identity] = true
	return nil
}

// replanRepair plans the rest of a repair's run on the facts of now.
func (e *Engine) replanRepair(ctx context.Context, r store.Reader, run onus.Run, roster Roster, now time.Time) (onus.Plan, error) {
	o, err := store.Occasions.Get(ctx, r, run.Occasion)
	if err != nil {
		return onus.Plan{}, err
	}
	at, err := e.inCharge(ctx, r, roster, now)
	if err != nil {
		return onus.Plan{}, err
	}
	f, err := repairFacts(ctx, r, o, at)
	if err != nil {
		return onus.Plan{}, err
	}
	_, plan, err := repair(ctx, r, o, at, f)
	return plan, err
}
