package httpapi

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/evidence"
	"github.com/onus-id/onus/internal/server"
)

// A Span is the time that something is reported over.
type Span struct {
	From time.Time `query:"from" required:"true"`
	To   time.Time `query:"to" doc:"the end, which is not part of it; without it, now"`
}

func (s Span) period(now time.Time) evidence.Period {
	if s.To.IsZero() {
		s.To = now.UTC()
	}
	return evidence.Period{From: s.From, To: s.To}
}

// reports are those that are asked for again and again, and what an auditor
// takes away.
func (a *api) reports() {
	handle(a, operation(http.MethodGet, "/reports", "list-reports", "The standing reports that there are"),
		func(context.Context, Caller, *struct{}) (*struct{ Body List[evidence.Standing] }, error) {
			return &struct{ Body List[evidence.Standing] }{List[evidence.Standing]{Items: evidence.Standings}}, nil
		})

	handle(a, operation(http.MethodGet, "/reports/{name}", "standing-report", "What happened in a period, and what was not as it should be, with who answers"),
		func(ctx context.Context, who Caller, in *struct {
			Name string `path:"name" maxLength:"40" example:"exceptions"`
			Span
		},
		) (*struct{ Body evidence.StandingReport }, error) {
			if err := a.mayLook(ctx, who, server.Ref{Kind: "ledger"}); err != nil {
				return nil, err
			}
			rep, err := a.Server.Books().StandingReport(ctx, in.Name, in.period(a.Now()))
			return &struct{ Body evidence.StandingReport }{rep}, err
		})

	bundle := operation(http.MethodGet, "/evidence/{control}/bundle", "evidence-bundle",
		"A bundle of evidence as a tar archive, made as it is asked for: one at a time, and for 400 days at most")
	bundle.Errors = append(bundle.Errors, http.StatusConflict)
	bundle.Responses = map[string]*huma.Response{"200": {Description: "the bundle: onus-verify bundle checks it when it is unpacked", Content: map[string]*huma.MediaType{
		"application/x-tar": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}}}
	handle(a, bundle, func(ctx context.Context, who Caller, in *struct {
		Control string `path:"control" maxLength:"40" example:"PR.AA-05"`
		Span
	},
	) (*huma.StreamResponse, error) {
		if err := a.mayLook(ctx, who, server.Ref{Kind: "ledger"}); err != nil {
			return nil, err
		}
		p := in.period(a.Now())
		if p.To.Sub(p.From) > longestBundle {
			return nil, onus.Errorf(onus.Invalid, "ask for one period after the other; onus evidence, where Onus runs, takes any", "a bundle over HTTP is of 400 days at most")
		}
		if !a.bundling.TryLock() {
			return nil, onus.Errorf(onus.Conflict, "try again in a minute", "another bundle is being made")
		}
		made, err := a.Server.Books().BundleTar(ctx, in.Control, p)
		a.bundling.Unlock()
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(out huma.Context) {
			defer made.Close()
			out.SetHeader("Content-Type", "application/x-tar")
			out.SetHeader("Content-Disposition", `attachment; filename="evidence.tar"`)
			if _, err := io.Copy(out.BodyWriter(), made); err != nil && ctx.Err() == nil {
				a.Log.WarnContext(ctx, "a bundle was not sent whole", slog.Any("error", err))
			}
		}}, nil
	})
}

// longestBundle is the longest period of one bundle over HTTP.
const longestBundle = 400 * 24 * time.Hour
