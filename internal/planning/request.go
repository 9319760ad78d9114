package planning

import (
	"fmt"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// confirmRequested is how long a system may take to show what was asked for.
const confirmRequested = 5 * time.Minute

// onRequest plans what one request warrants: each thing that it asks for,
// until its end. Its warrants bear its ID as their step. Of one that was
// withdrawn it plans the end; of one whose time is up nothing.
func (pl *planner) onRequest(version int) (onus.Plan, *Refusal) {
	req := pl.f.Request
	switch {
	case req == nil:
		return onus.Plan{}, &Refusal{
			Category: onus.Unresolvable, Message: pl.f.who() + ": the request is not known", Hint: "refuse it, and ask again",
		}
	case req.State == onus.RequestWithdrawn:
		pl.unrequest(req)
		return pl.seal(version), nil
	case pl.gone() || !pl.f.Now.Before(req.Until):
		return pl.seal(version), nil
	}
	wf := *pl.wf
	wf.Steps = make([]flow.Step, 0, len(req.Wants))
	pl.wf = &wf
	wants := make([]want, 0, len(req.Wants))
	for _, w := range req.Wants {
		step, r := pl.requestStep(req, w)
		if r != nil {
			return onus.Plan{}, r
		}
		wf.Steps = append(wf.Steps, step)
		wants = append(wants, want{step: len(wf.Steps) - 1, system: w.System, entitlement: w.Entitlement})
	}
	if r := pl.give(wants); r != nil {
		return onus.Plan{}, r
	}
	return pl.judged(version)
}

// requestStep is the step that gives one thing that was asked for.
func (pl *planner) requestStep(req *onus.Request, w onus.Wanted) (flow.Step, *Refusal) {
	if req.Rule != "" {
		return pl.emergencyStep(req, w)
	}
	id := req.ID
	e := pl.p.Entitlements[flow.EntitlementKey{System: w.System, Name: w.Entitlement}]
	if e == nil || e.Request == nil {
		return flow.Step{}, &Refusal{
			Category: onus.Unresolvable, System: w.System, Step: id,
			Message: fmt.Sprintf("%s: nobody may ask for %s on %s any more", pl.f.who(), w.Entitlement, w.System),
			Hint:    "refuse it, or let the catalogue say request: of it",
		}
	}
	return flow.Step{
		ID: id, Grant: &flow.GrantStep{System: w.System, Constant: w.Entitlement}, Approve: e.Request.Approve,
		Confirm: confirmRequested, Reverse: "absent",
	}, nil
}

// unrequest drafts the end of what a withdrawn request gave.
func (pl *planner) unrequest(req *onus.Request) {
	of := onus.WarrantRef{Workflow: pl.wf.Name, Step: req.ID}
	for i := range pl.f.Grants {
		g := &pl.f.Grants[i]
		for _, w := range g.Warrants {
			if w.Workflow == of.Workflow && w.Step == of.Step && w.Ended.IsZero() {
				ends := []onus.WarrantRef{of}
				pl.end(g, nil, ends, pl.keeper(g, ends), "the request was withdrawn: "+req.WhyNot)
				pl.endSessions(ends)
				break
			}
		}
	}
}
