package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/server"
)

// ErrorPath names one.
type ErrorPath struct {
	ID string `path:"id" doc:"of the access error, or a beginning that only one has" example:"err_4f"`
}

type errorReport struct {
	Body struct {
		Who        string            `json:"who" minLength:"1" maxLength:"320" doc:"login, mail address, record key or ID"`
		What       string            `json:"what" minLength:"1" maxLength:"512" doc:"an entitlement, or a system for the account itself" example:"role:ledger_write"`
		ShouldHold bool              `json:"should_hold" doc:"whether they should hold it, and do not; or hold it, and should not"`
		At         time.Time         `json:"at,omitzero" doc:"when it was so; absent: now"`
		Reason     string            `json:"reason,omitempty" maxLength:"2000" doc:"how you know"`
		Right      map[string]string `json:"right,omitempty" maxProperties:"50" doc:"what the record should have said, by field"`
		Match      map[string]string `json:"match,omitempty" maxProperties:"50" doc:"whose an account is, by SYSTEM/REF"`
	}
}

type errorReply struct {
	ErrorPath

	Body struct {
		Act    string            `json:"act" enum:"accept,contest,dissent"`
		Reason string            `json:"reason,omitempty" maxLength:"2000" doc:"why; only to accept needs none"`
		Right  map[string]string `json:"right,omitempty" maxProperties:"50" doc:"to contest: what the record should have said"`
		Match  map[string]string `json:"match,omitempty" maxProperties:"50" doc:"to contest: whose an account is"`
	}
}

type correction struct {
	ErrorPath

	Body struct {
		Action string `json:"action" minLength:"1" maxLength:"2000" doc:"what is done so that it does not come again"`
		Owner  string `json:"owner" maxLength:"320" doc:"mail address of who does it"`
		Due    string `json:"due" format:"date" doc:"by when"`
	}
}

// errors are access that somebody has and should not, or the other way round,
// and whose error it was.
func (a *api) errors() {
	handle(a, operation(http.MethodGet, "/errors", "list-errors", "The access errors that are open, with their verdicts, oldest first"),
		func(ctx context.Context, who Caller, in *struct {
			Page

			All bool `query:"all" doc:"those that are closed, too"`
		},
		) (*struct{ Body List[onus.AccessError] }, error) {
			all, err := a.Server.Books().AccessErrors(ctx, in.All)
			if err != nil {
				return nil, err
			}
			if all, err = visible(ctx, a, who, all, func(e onus.AccessError) server.Ref { return server.Ref{Kind: "error", ID: e.ID} }); err != nil {
				return nil, err
			}
			at := func(e onus.AccessError) string { return place(e.Reported, e.ID) }
			list, err := page(a, "errors", in.Page, sorted(all, at), at)
			return &struct{ Body List[onus.AccessError] }{list}, err
		})

	a.manyErrors()
	handle(a, operation(http.MethodPost, "/errors", "report-error", "Report an access error, and work out whose it was"),
		func(ctx context.Context, who Caller, in *errorReport) (*struct{ Body onus.AccessError }, error) {
			// The verdict tells what somebody holds, and why: it is for who may see that.
			if err := a.mayLook(ctx, who, server.Ref{Kind: "identity", ID: in.Body.Who}); err != nil {
				return nil, err
			}
			e, err := a.Server.ReportError(ctx, who.speaker(), server.ErrorReport{
				Who: in.Body.Who, What: in.Body.What, ShouldHold: in.Body.ShouldHold, At: in.Body.At, Reason: in.Body.Reason, Right: in.Body.Right, Match: in.Body.Match,
			})
			return &struct{ Body onus.AccessError }{e}, err
		})

	handle(a, operation(http.MethodGet, "/errors/{id}", "show-error", "An access error with its verdict"),
		func(ctx context.Context, who Caller, in *ErrorPath) (*struct{ Body onus.AccessError }, error) {
			id, err := a.seen(ctx, who, "error", in.ID)
			if err != nil {
				return nil, err
			}
			e, err := a.Server.Books().AccessError(ctx, id)
			return &struct{ Body onus.AccessError }{e}, err
		})

	handle(a, operation(http.MethodGet, "/errors/{id}/blast", "error-blast", "Who else has an error of the same cause, and what undoes it"),
		func(ctx context.Context, who Caller, in *ErrorPath) (*struct{ Body attribution.Blast }, error) {
			if err := a.mayLook(ctx, who, server.Ref{Kind: "ledger"}); err != nil {
				return nil, err // it tells of everybody
			}
			id, err := a.seen(ctx, who, "error", in.ID)
			if err != nil {
				return nil, err
			}
			b, err := a.Server.Books().Blast(ctx, id)
			return &struct{ Body attribution.Blast }{b}, err
		})

	handle(a, operation(http.MethodGet, "/errors/{id}/scope", "error-scope", "What a reversal undoes, of all that the cause of an access error did"),
		func(ctx context.Context, who Caller, in *ErrorPath) (*struct{ Body onus.ReversalScope }, error) {
			id, err := a.seen(ctx, who, "error", in.ID)
			if err != nil {
				return nil, err
			}
			scope, err := a.Server.Books().UndoScope(ctx, id)
			if err == nil {
				err = a.mayUndo(ctx, who, scope) // whoever may undo it may see what it is
			}
			return &struct{ Body onus.ReversalScope }{scope}, err
		})

	handle(a, operation(http.MethodPost, "/errors/{id}/replies", "reply-to-verdict", "Accept a verdict, contest it, or put on record that one sees it otherwise"),
		func(ctx context.Context, who Caller, in *errorReply) (*struct{ Body onus.AccessError }, error) {
			id, err := a.seen(ctx, who, "error", in.ID)
			if err != nil {
				return nil, err
			}
			e, err := a.Server.AnswerError(ctx, attribution.ErrorReply{
				Speaker: who.speaker(), Error: id, Act: in.Body.Act, Reason: in.Body.Reason, Right: in.Body.Right,
			}, in.Body.Match)
			return &struct{ Body onus.AccessError }{e}, err
		})

	handle(a, operation(http.MethodPost, "/errors/{id}/closure", "close-error", "Close an access error with what is done so that it does not come again"),
		func(ctx context.Context, who Caller, in *correction) (*struct{ Body onus.AccessError }, error) {
			id, err := a.seen(ctx, who, "error", in.ID)
			if err != nil {
				return nil, err
			}
			e, err := a.Server.CloseError(ctx, who.speaker(), id, onus.Corrective{What: in.Body.Action, Owner: in.Body.Owner, Due: in.Body.Due})
			return &struct{ Body onus.AccessError }{e}, err
		})

	handle(a, operation(http.MethodPost, "/runs/{id}/replays", "replay", "Make a recorded decision again, or with one thing otherwise; nothing is changed by it"),
		func(ctx context.Context, who Caller, in *struct {
			ID   string `path:"id" doc:"of the run"`
			Body struct {
				Record   map[string]string `json:"record,omitempty" maxProperties:"50" doc:"the record as it should have been, by field"`
				Workflow string            `json:"workflow,omitempty" maxLength:"200" doc:"under another version of the workflow: NAME@VERSION"`
				Without  []string          `json:"without,omitempty" maxItems:"50" doc:"as if nobody had decided these exceptions and approvals"`
				Match    map[string]string `json:"match,omitempty" maxProperties:"50" doc:"whose an account should have been, by SYSTEM/REF"`
				Rules    []string          `json:"rules,omitempty" maxItems:"50" doc:"how standing rules could have been: NAME=none, or NAME.BOUND=VALUE"`
			}
		},
		) (*struct{ Body attribution.Replay }, error) {
			if err := a.mayLook(ctx, who, server.Ref{Kind: "run", ID: in.ID}); err != nil {
				return nil, err
			}
			rep, err := a.Server.Books().Replay(ctx, in.ID, attribution.WhatIf{
				Record: in.Body.Record, Workflow: in.Body.Workflow, Without: in.Body.Without, Match: in.Body.Match, Rules: in.Body.Rules,
			})
			return &struct{ Body attribution.Replay }{rep}, err
		})

	free(a, operation(http.MethodGet, "/plan", "plan", "What the next run would do; sources are read and systems scanned, and nothing is changed"),
		func(ctx context.Context, who Caller, _ *struct{}) (*struct{ Body server.PlanView }, error) {
			if err := a.held(func() error { return a.mayLook(ctx, who, server.Ref{Kind: "ledger"}) }); err != nil {
				return nil, err
			}
			v, err := a.Server.PlanView(ctx)
			return &struct{ Body server.PlanView }{v}, err
		})
}

func (c Caller) speaker() attribution.Speaker {
	return attribution.Speaker{By: c.actor(), Person: c.person()}
}

// Reported is one of several access errors that are reported together.
type Reported struct {
	Who        string    `json:"who" minLength:"1" maxLength:"320" doc:"login, mail address, record key or ID"`
	What       string    `json:"what" minLength:"1" maxLength:"512" doc:"an entitlement, or a system for the account itself"`
	ShouldHold bool      `json:"should_hold" doc:"whether they should hold it, and do not; or hold it, and should not"`
	At         time.Time `json:"at,omitzero" doc:"when it was so; absent: now"`
	Reason     string    `json:"reason,omitempty" maxLength:"2000" doc:"how you know"`
}

// manyErrors are reported together: all of them, or none.
func (a *api) manyErrors() {
	handle(a, operation(http.MethodPost, "/errors/bulk", "report-errors", "Report several access errors, all or none: a list, what a finding says, or what a reversal undid"),
		func(ctx context.Context, who Caller, in *struct {
			Body struct {
				Errors   []Reported `json:"errors,omitempty" maxItems:"1000"`
				Finding  string     `json:"finding,omitempty" maxLength:"100" doc:"the ID of a finding of drift, in place of a list"`
				Reversal string     `json:"reversal,omitempty" maxLength:"100" doc:"the ID of a reversal, in place of a list"`
				Reason   string     `json:"reason,omitempty" maxLength:"2000" doc:"of what a finding or a reversal says"`
			}
		},
		) (*struct{ Body List[onus.AccessError] }, error) {
			reports, err := a.reported(ctx, who, in.Body.Errors, in.Body.Finding, in.Body.Reversal, in.Body.Reason)
			if err != nil {
				return nil, err
			}
			for _, rep := range reports { // each of them, and not only the first
				if err := a.mayLook(ctx, who, server.Ref{Kind: "identity", ID: rep.Who}); err != nil {
					return nil, err
				}
			}
			all, err := a.Server.ReportErrors(ctx, who.speaker(), reports)
			return &struct{ Body List[onus.AccessError] }{List[onus.AccessError]{Items: all}}, err
		})
}

func (a *api) reported(ctx context.Context, who Caller, list []Reported, finding, reversal, reason string) (reports []server.ErrorReport, err error) {
	switch {
	case len(list) > 0 && finding == "" && reversal == "":
		for _, e := range list {
			reports = append(reports, server.ErrorReport{Who: e.Who, What: e.What, ShouldHold: e.ShouldHold, At: e.At, Reason: e.Reason})
		}
		return reports, nil
	case len(list) == 0 && finding != "" && reversal == "":
		on, err := a.look(ctx, who, server.Ref{Kind: "finding", ID: finding})
		if err != nil {
			return nil, err
		}
		return a.Server.ErrorsOfFinding(ctx, on.ID, reason)
	case len(list) == 0 && finding == "" && reversal != "":
		on, err := a.look(ctx, who, server.Ref{Kind: "reversal", ID: reversal})
		if err != nil {
			return nil, err
		}
		return a.Server.ErrorsOfReversal(ctx, on.ID, reason)
	default:
		return nil, onus.Errorf(onus.Invalid, "give errors, finding or reversal", "say in exactly one way what the access errors are")
	}
}
