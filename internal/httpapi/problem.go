package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// ProblemDetails are an error as RFC 9457 writes it: what happened, to what, what to
// do, and every fault at once where there are several.
type ProblemDetails struct { //nolint:errname // RFC 9457 calls them so
	Type   string  `json:"type" doc:"names the kind of problem" example:"urn:onus:problem:conflict"`
	Title  string  `json:"title" doc:"the kind of problem in words" example:"the state does not allow it now"`
	Status int     `json:"status" doc:"the HTTP status" example:"409"`
	Detail string  `json:"detail" doc:"what happened, to what" example:"approval apr_4f was denied already"`
	Hint   string  `json:"hint,omitempty" doc:"what to do about it"`
	Faults []Fault `json:"faults,omitempty" doc:"everything that is wrong with the request, in one go"`
}

// A Fault is one thing that is wrong with a request.
type Fault struct {
	Where string `json:"where,omitempty" doc:"where: body.reason, query.limit, or file:line:col in definitions" example:"body.reason"`
	Says  string `json:"says" example:"expected length >= 1"`
	Hint  string `json:"hint,omitempty"`
}

func (p *ProblemDetails) Error() string { return p.Detail }

// GetStatus makes a ProblemDetails what huma answers with.
func (p *ProblemDetails) GetStatus() int { return p.Status }

// ContentType is that of RFC 9457.
func (p *ProblemDetails) ContentType(string) string { return "application/problem+json" }

// kinds say how each kind of error is told over HTTP.
var kinds = map[onus.ErrorKind]struct {
	status int
	title  string
}{
	onus.Internal:     {http.StatusInternalServerError, "something went wrong in Onus"},
	onus.Invalid:      {http.StatusUnprocessableEntity, "the input is wrong"},
	onus.NotFound:     {http.StatusNotFound, "there is no such thing"},
	onus.Conflict:     {http.StatusConflict, "the state does not allow it now"},
	onus.Denied:       {http.StatusForbidden, "this person may not"},
	onus.Unavailable:  {http.StatusServiceUnavailable, "a peer cannot be reached"},
	onus.LedgerClosed: {http.StatusServiceUnavailable, "the ledger cannot be written, so nothing is touched"},
}

// problemOf tells an error to whom asked. What was not meant for them is
// logged and told as nothing but the request's number.
func problemOf(ctx context.Context, log *slog.Logger, err error) *ProblemDetails {
	var ready *ProblemDetails
	if errors.As(err, &ready) {
		return ready
	}
	kind := onus.KindOf(err)
	p := &ProblemDetails{Type: "urn:onus:problem:" + string(kind), Title: kinds[kind].title, Status: kinds[kind].status, Detail: err.Error(), Hint: onus.HintOf(err)}
	var faults flow.Faults
	switch {
	case errors.As(err, &faults):
		p = problem(http.StatusUnprocessableEntity, "invalid", kinds[onus.Invalid].title, "the definitions have faults")
		for _, f := range faults {
			p.Faults = append(p.Faults, Fault{Where: fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Col), Says: f.Message, Hint: f.Hint})
		}
	case kind == onus.Internal:
		log.ErrorContext(ctx, "a request failed", slog.String("request", requestID(ctx)), slog.Any("error", err))
		p.Detail, p.Hint = "the request could not be answered; nothing was half done", "tell whoever runs Onus the request's number: "+requestID(ctx)
	}
	return p
}

func problem(status int, name, title, detail string) *ProblemDetails {
	return &ProblemDetails{Type: "urn:onus:problem:" + name, Title: title, Status: status, Detail: detail}
}

// newProblem is how huma tells what it finds wrong with a request itself.
func newProblem(status int, message string, errs ...error) huma.StatusError {
	p := problem(status, "request", "the request cannot be understood", message)
	for _, err := range errs {
		var d *huma.ErrorDetail
		if errors.As(err, &d) {
			p.Faults = append(p.Faults, Fault{Where: d.Location, Says: d.Message}) // never the value: it may be a secret
			continue
		}
		p.Faults = append(p.Faults, Fault{Says: err.Error()})
	}
	return p
}
