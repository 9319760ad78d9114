package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/server"
)

type dutyAnswer struct {
	Body struct {
		Duty   onus.DutyID `json:"duty" minLength:"1" maxLength:"300" doc:"as the list of owners names it" example:"system/ledger"`
		Act    string      `json:"act" enum:"accept,renew,decline"`
		Reason string      `json:"reason,omitempty" maxLength:"2000" doc:"why; to decline needs one"`
	}
}

type leave struct {
	Body struct {
		From  string `json:"from" format:"date" doc:"the first day, in the organisation's zone"`
		Until string `json:"until" format:"date" doc:"the last"`
	}
}

// Ended says how many of something ended.
type Ended struct {
	Ended int `json:"ended"`
}

// DutyLine is a duty with who stands for it.
type DutyLine ownership.Line

// owners are who answers for what. People answer for themselves only: who asks
// is whose duty and whose leave it is.
func (a *api) owners() {
	handle(a, operation(http.MethodGet, "/owners", "list-owners", "Who stands for every duty, now or at any time"),
		func(ctx context.Context, who Caller, in *struct {
			Page

			At time.Time `query:"at" doc:"as it stood then; for a time to come what follows from what is known now"`
		},
		) (*struct{ Body List[DutyLine] }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			all, err := a.Server.Books().Owners(ctx, in.At)
			if err != nil {
				return nil, err
			}
			if all, err = a.Server.VisibleDuties(ctx, who.Name, all); err != nil {
				return nil, err
			}
			lines := make([]DutyLine, len(all))
			for i, l := range all {
				lines[i] = DutyLine(l)
			}
			id := func(l DutyLine) string { return string(l.ID) }
			list, err := page(a, "owners", in.Page, sorted(lines, id), id)
			return &struct{ Body List[DutyLine] }{list}, err
		})

	handle(a, operation(http.MethodGet, "/owners/coverage", "coverage", "What has no owner, a lapsed one, or one who cannot be reached"),
		func(ctx context.Context, who Caller, _ *struct{}) (*struct{ Body ownership.Coverage }, error) {
			if err := a.mayLook(ctx, who, server.Ref{Kind: "ledger"}); err != nil {
				return nil, err
			}
			c, err := a.Server.Books().Coverage(ctx)
			return &struct{ Body ownership.Coverage }{c}, err
		})

	handle(a, operation(http.MethodGet, "/duties/open", "list-open-duties", "The duties that whoever asks can accept, renew or decline"),
		func(ctx context.Context, who Caller, in *struct {
			Act string `query:"act" default:"accept" enum:"accept,renew,decline"`
		},
		) (*struct{ Body List[onus.DutyID] }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			ids, err := a.Server.OpenDuties(ctx, in.Act, who.Name)
			return &struct{ Body List[onus.DutyID] }{List[onus.DutyID]{Items: append([]onus.DutyID{}, ids...)}}, err
		})

	handle(a, operation(http.MethodPost, "/duties/answers", "answer-duty", "Accept, renew or decline what one is named or asked for"),
		func(ctx context.Context, who Caller, in *dutyAnswer) (*struct{ Body onus.Acceptance }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			said, err := a.Server.AnswerDuty(ctx, ownership.Answer{Duty: in.Body.Duty, Act: in.Body.Act, By: who.actor(), Person: who.person(), Reason: in.Body.Reason})
			return &struct{ Body onus.Acceptance }{said}, err
		})

	handle(a, operation(http.MethodPost, "/leaves", "go-away", "Say on which days one is away; others stand meanwhile"),
		func(ctx context.Context, who Caller, in *leave) (*struct{ Body onus.Absence }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			l, err := a.Server.Away(ctx, who.actor(), who.person(), in.Body.From, in.Body.Until)
			return &struct{ Body onus.Absence }{l}, err
		})

	handle(a, operation(http.MethodDelete, "/leaves", "come-back", "End every leave of whoever asks"),
		func(ctx context.Context, who Caller, _ *struct{}) (*struct{ Body Ended }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			n, err := a.Server.Back(ctx, who.actor(), who.person())
			return &struct{ Body Ended }{Ended{n}}, err
		})
}
