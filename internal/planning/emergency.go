package planning

import (
	"fmt"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// standing names the standing rule that gives what is planned; empty: none,
// and whoever must say yes is asked.
func (pl *planner) standing() string {
	if pl.f.Request == nil {
		return ""
	}
	return pl.f.Request.Rule
}

// answerDenied is how long a rule's owner has to answer where an emergency
// would give what was denied.
const answerDenied = time.Hour

// emergencyStep is the step that gives one thing of an emergency. Nobody is
// asked, for who approved the rule said yes beforehand: but to what somebody
// said no to, the rule's owner must say yes.
func (pl *planner) emergencyStep(req *onus.Request, w onus.Wanted) (flow.Step, *Refusal) {
	key := flow.EntitlementKey{System: w.System, Name: w.Entitlement}
	rule := pl.p.Rules[req.Rule]
	if rule == nil || !slices.Contains(rule.Bounds.Entitlements, key) {
		return flow.Step{}, &Refusal{
			Category: onus.Unresolvable, System: w.System, Step: req.ID,
			Message: fmt.Sprintf("%s: standing rule %s is not there any more, or not about %s on %s", pl.f.who(), req.Rule, w.Entitlement, w.System),
			Hint:    "refuse it, and ask with onus request",
		}
	}
	s := flow.Step{
		ID: req.ID, Grant: &flow.GrantStep{System: w.System, Constant: w.Entitlement}, Confirm: confirmRequested, Reverse: "absent",
	}
	if slices.Contains(pl.f.Denied, w) {
		s.Approve = &onus.ApprovalNeed{Need: 1, Of: []string{rule.Owner}, Within: answerDenied}
	}
	return s, nil
}
