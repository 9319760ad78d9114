package planning

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flow/expr"
)

// Wants says whether the workflow is for this occasion.
func Wants(wf *flow.Workflow, f Facts) (bool, error) {
	if wf.Requests || f.Occasion.Kind == onus.Requested {
		return wf.Requests && f.Occasion.Kind == onus.Requested, nil
	}
	if wf.Source != "" && f.Occasion.Source != "" && wf.Source != f.Occasion.Source {
		return false, nil // its expressions know another source's attributes
	}
	if wf.When == nil {
		return true, nil
	}
	wanted, err := wf.When.Bool(f.vars(f.People))
	if err != nil {
		return false, &onus.Error{
			Kind: onus.Invalid, Err: err,
			Message: fmt.Sprintf("whether workflow %s is for %s cannot be worked out: %v", wf.Name, f.who(), err),
			Hint:    "correct the record, or let the workflow's `when` do without the attribute",
		}
	}
	return wanted, nil
}

// Plan works out all changes that one occasion warrants under a workflow, or
// why that cannot be done. A plan without changes means that there is nothing
// to do.
//
// What the workflow's steps state is given; what it, or a workflow it
// follows, warrants and no step states any longer is taken away, unless
// another reason still warrants it. What nobody warranted is touched by a
// withdraw step only. Where a withdraw step and another speak of one system,
// the withdrawal wins: taking away is not held hostage.
//
// The order is: what is given first, in the order of the steps (an account
// before what hangs on it), so that nobody is locked out in between; then
// grants that go; then accounts that go. Only what is given waits for other
// changes, unless a step says so: an addition that is held or fails keeps no
// old access alive, and a grant that cannot be removed keeps no account open.
func Plan(p *flow.Program, wf *flow.Workflow, version int, f Facts) (onus.Plan, *Refusal) {
	pl := newPlanner(p, wf, f)
	if f.Occasion.Kind == onus.Requested {
		return pl.onRequest(version)
	}
	if r := pl.require(); r != nil {
		return onus.Plan{}, r
	}
	withdraws, wants, r := pl.evaluate()
	if r != nil {
		return onus.Plan{}, r
	}
	if r := pl.give(wants); r != nil {
		return onus.Plan{}, r
	}
	pl.takeUnwanted(wants, withdraws)
	pl.withdraw(withdraws)
	return pl.judged(version)
}

// judged asks whoever must be asked about all that was drafted, and seals it.
func (pl *planner) judged(version int) (onus.Plan, *Refusal) {
	if r := pl.weigh(); r != nil {
		return onus.Plan{}, r
	}
	pl.separate()
	return pl.seal(version), nil
}

type planner struct {
	p       *flow.Program
	wf      *flow.Workflow
	f       Facts
	vars    expr.Vars
	seen    *witness
	owners  onus.Owners
	drafts  []draft
	created map[onus.SystemName]bool // accounts that this plan creates
	chose   []string                 // who chose the repairs that are planned
}

func newPlanner(p *flow.Program, wf *flow.Workflow, f Facts) *planner {
	seen := &witness{people: f.People}
	pl := &planner{p: p, wf: wf, f: f.sorted(), seen: seen, drafts: make([]draft, 0, len(wf.Steps)+2)}
	pl.vars = pl.f.vars(seen)
	pl.owners = onus.Owners{
		Workflow: wf.Owner, Provisioning: wf.Controls.Provisioning,
		Revocation: wf.Controls.Revocation, Exceptions: wf.Controls.Exceptions,
	}
	source := cmp.Or(wf.Source, f.Occasion.Source)
	if wf.Requests {
		source = cmp.Or(f.Occasion.Source, wf.Source)
	}
	if s := p.Sources[source]; s != nil {
		pl.owners.Data = s.Owner
	}
	if pl.standing() != "" {
		pl.owners.Standing = f.Request.Answers
	}
	return pl
}

// require checks what must hold before anything is planned.
func (pl *planner) require() *Refusal {
	for _, r := range pl.wf.Require {
		holds, err := r.That.Bool(pl.vars)
		if err != nil {
			return pl.cannot(r.That, "", "", "a requirement", err)
		}
		if holds {
			continue
		}
		message := fmt.Sprintf("%s: what workflow %s requires does not hold: %s", pl.f.who(), pl.wf.Name, cmp.Or(r.Says, r.That.Source()))
		if clause := pl.clause(r.That.Uses()); clause != "" {
			message += "; " + clause
		}
		return &Refusal{
			Category: cmp.Or(r.Otherwise, onus.InvalidAttribute), Message: message,
			Hint: fmt.Sprintf("correct record %s in source %s, or change the requirement", pl.f.Identity.Key, cmp.Or(pl.wf.Source, pl.f.Identity.Source)),
		}
	}
	return nil
}

// cannot refuses because an expression has no value.
func (pl *planner) cannot(e *expr.Program, step string, system onus.SystemName, what string, err error) *Refusal {
	r := &Refusal{
		Category: onus.Unresolvable, System: system, Step: step,
		Message: fmt.Sprintf("%s: %s of workflow %s cannot be worked out: %v", pl.f.who(), what, pl.wf.Name, err),
		Hint:    "look at the expression in the definition",
	}
	if uses := e.Uses(); len(uses) > 0 {
		r.Category = onus.InvalidAttribute
		r.Message += "; " + pl.clause(uses)
		r.Hint = "correct the record, or the expression"
	}
	return r
}

// evaluate works out what the steps state: which systems are withdrawn from,
// by which step, and what is wanted.
func (pl *planner) evaluate() (withdraws []int, wants []want, r *Refusal) {
	var applies []int
	for i := range pl.wf.Steps {
		s := &pl.wf.Steps[i]
		if s.When != nil {
			holds, err := s.When.Bool(pl.vars)
			if err != nil {
				return nil, nil, pl.cannot(s.When, s.ID, "", "the `when` of step "+s.ID, err)
			}
			if !holds {
				continue
			}
		}
		if s.Withdraw != nil {
			withdraws = append(withdraws, i)
		} else {
			applies = append(applies, i)
		}
	}
	if pl.gone() {
		return withdraws, nil, nil
	}
	for _, i := range applies {
		w, r := pl.want(i)
		if r != nil {
			return nil, nil, r
		}
		if !pl.withdrawn(withdraws, w.system) {
			wants = append(wants, w)
		}
	}
	return withdraws, wants, nil
}

// gone says that the subject has left and the occasion is no more than a
// later change of their record, which must bring nothing back.
func (pl *planner) gone() bool {
	if pl.f.Identity.State != onus.Left {
		return false
	}
	switch pl.f.Occasion.Kind {
	case onus.Moved, onus.Changed, onus.DateArrived, onus.Reversing, onus.Requested, onus.Drifted, onus.Reviewed, onus.Ruled:
		return true
	case onus.Joined, onus.Returned, onus.Departed:
		return false
	default:
		return false
	}
}

// family says whether a warrant is this workflow's to keep or end. Requests
// keep to themselves: what one gave, another neither prolongs nor ends.
func (pl *planner) family(w onus.Warrant) bool {
	if pl.f.left(w) {
		return true
	}
	return !pl.wf.Requests && (w.Workflow == pl.wf.Name || slices.Contains(pl.wf.Follows, w.Workflow))
}

// barred says that what the step gives has run out for this subject, so that
// it is not given again until they join or return.
func (pl *planner) barred(step string, g *onus.Grant) bool {
	if g == nil || pl.f.Occasion.Kind == onus.Joined || pl.f.Occasion.Kind == onus.Returned {
		return false
	}
	var last onus.Warrant
	var ended time.Time
	for _, w := range g.Warrants {
		if w.Step != step || !pl.family(w) {
			continue
		}
		if w.InForce(pl.f.Now) {
			return false
		}
		at := w.Ended
		if at.IsZero() {
			at, w.EndedBy = w.Until, Expired // its expiry is due and not yet carried out
		}
		if at.After(ended) || (at.Equal(ended) && w.EndedBy == Expired) {
			last, ended = w, at
		}
	}
	return last.EndedBy == Expired && !ended.Before(pl.began())
}

// Expired is the Warrant.EndedBy of a warrant whose time was up.
const Expired = "expired"

// began gives when the engagement that counts now began: what ran out before
// it belongs to an earlier one.
func (pl *planner) began() time.Time {
	zone := pl.p.Organisation.Zone
	if zone == nil {
		zone = time.UTC
	}
	t, err := time.ParseInLocation(time.DateOnly, pl.f.Identity.Starts, zone)
	if err != nil {
		return time.Time{} // the record has no start: nothing is earlier
	}
	return t
}

// grant gives what our records hold about an entitlement on a system (empty:
// the account), preferring that of the account.
func (pl *planner) grant(system onus.SystemName, entitlement string, account *onus.Account) *onus.Grant {
	var found *onus.Grant
	for i := range pl.f.Grants {
		g := &pl.f.Grants[i]
		if g.System != system || g.Entitlement != entitlement {
			continue
		}
		if found == nil || (account != nil && g.Account == account.Ref) {
			found = g
		}
	}
	return found
}

// holder gives the account that a grant hangs on, or nil where there is none
// any more.
func (pl *planner) holder(g *onus.Grant) *onus.Account {
	var found *onus.Account
	for i := range pl.f.Accounts {
		a := &pl.f.Accounts[i]
		if a.System != g.System {
			continue
		}
		if g.Account == a.Ref {
			return a
		}
		if g.Account == "" && found == nil {
			found = a
		}
	}
	return found
}

// held says whether the system shows the grant.
func (pl *planner) held(g *onus.Grant) bool {
	return g != nil && g.Observed && pl.holder(g) != nil
}

func direct(g *onus.Grant) bool { return g.Path == onus.Direct || g.Path == "" }
