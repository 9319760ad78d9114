package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/escalation"
)

type attendance struct {
	ExceptionPath
	IfMatch

	Body struct {
		Act    string    `json:"act" enum:"acknowledge,take,hand,accept,snooze"`
		To     string    `json:"to,omitempty" format:"email" maxLength:"320" doc:"to hand: mail address of who shall have it"`
		Until  time.Time `json:"until,omitzero" doc:"to snooze: until when"`
		Reason string    `json:"reason,omitempty" maxLength:"2000" doc:"why; to snooze needs one"`
	}
}

// acts are what somebody does about an exception short of ending it.
func (a *api) acts() {
	handle(a, operation(http.MethodPost, "/exceptions/{id}/acts", "attend-exception", "Acknowledge an exception, take it, hand it over, accept it or snooze it"),
		func(ctx context.Context, who Caller, in *attendance) (*struct{ Body onus.Exception }, error) {
			p, err := a.exception(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			if err := personal(who); err != nil {
				return nil, err
			}
			if err := in.holds(p.Exception); err != nil {
				return nil, err
			}
			x, err := a.Server.Attend(ctx, p.ID, escalation.Act{
				Act: in.Body.Act, By: who.actor(), Person: who.person(), From: p.Assignee, To: in.Body.To, Until: in.Body.Until, Reason: in.Body.Reason,
			})
			return &struct{ Body onus.Exception }{x}, err
		})
}
