package remote

import (
	"context"
	"net/http"
	"time"

	"github.com/oapi-codegen/runtime/types"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/api/client"
	"github.com/onus-id/onus/internal/ownership"
)

// Owners are the duties that the person may see, with who stands for each.
func (s *Server) Owners(ctx context.Context, at time.Time) ([]ownership.Line, error) {
	return all[ownership.Line](s, func(cursor *string) (*http.Response, error) {
		return s.api.ListOwners(ctx, &client.ListOwnersParams{Cursor: cursor, At: some(at)})
	})
}

// Coverage says how well the duties of today are answered for.
func (s *Server) Coverage(ctx context.Context) (ownership.Coverage, error) {
	resp, err := s.api.Coverage(ctx)
	return ask[ownership.Coverage](s, resp, err)
}

// OpenDuties are those that the person can accept, renew or decline.
func (s *Server) OpenDuties(ctx context.Context, act, _ string) ([]onus.DutyID, error) {
	a := client.ListOpenDutiesParamsAct(act)
	resp, err := s.api.ListOpenDuties(ctx, &client.ListOpenDutiesParams{Act: &a})
	return items[onus.DutyID](s, resp, err)
}

// AnswerDuty accepts, renews or declines one.
func (s *Server) AnswerDuty(ctx context.Context, a ownership.Answer) (onus.Acceptance, error) {
	resp, err := s.api.AnswerDuty(ctx, client.DutyAnswerBody{Duty: string(a.Duty), Act: client.DutyAnswerBodyAct(a.Act), Reason: some(a.Reason)})
	return ask[onus.Acceptance](s, resp, err)
}

// Away says on which days the person is away.
func (s *Server) Away(ctx context.Context, _ onus.Actor, _, from, until string) (onus.Absence, error) {
	first, err := day(from)
	if err != nil {
		return onus.Absence{}, err
	}
	last, err := day(until)
	if err != nil {
		return onus.Absence{}, err
	}
	resp, err := s.api.GoAway(ctx, client.LeaveBody{From: first, Until: last})
	return ask[onus.Absence](s, resp, err)
}

// Back ends every leave of the person, and says how many there were.
func (s *Server) Back(ctx context.Context, _ onus.Actor, _ string) (int, error) {
	resp, err := s.api.ComeBack(ctx)
	n, err := ask[client.Ended](s, resp, err)
	return int(n.Ended), err
}

func day(text string) (types.Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return types.Date{}, onus.Errorf(onus.Invalid, "write it as 2026-08-01", "%q is not a day", text)
	}
	return types.Date{Time: t}, nil
}
