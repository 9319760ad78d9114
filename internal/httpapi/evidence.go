package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/sse"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/trail"
)

type explanation struct {
	Body attribution.Explanation
}

// LogQuery selects ledger entries.
type LogQuery struct {
	Where []string `query:"where,explode" maxItems:"20" doc:"conditions as name=value: person, owner, object, workflow, type, since, until" example:"type=change.*"`
	Words bool     `query:"words" doc:"in words and with names"`
	From  int64    `query:"from" minimum:"0" doc:"the entry to begin with"`
	State bool     `query:"state" doc:"with the state that each event left, where it was not erased"`
}

// LogLine is an entry, as whoever asks wants it.
type LogLine struct {
	trail.Line

	State json.RawMessage `json:"state,omitempty" doc:"what the event left"`
}

func (q LogQuery) line(l trail.Line) LogLine {
	line := LogLine{Line: l}
	if q.State {
		line.State = l.State
	}
	return line
}

// evidence is what there is to read in the ledger.
func (a *api) evidence() {
	handle(a, operation(http.MethodGet, "/explanations", "explain", "Why somebody has, or lacks, something, and who answers for it"),
		func(ctx context.Context, who Caller, in *struct {
			Who  string    `query:"who" required:"true" minLength:"1" maxLength:"320" doc:"login, mail address, record key or ID"`
			What string    `query:"what" required:"true" minLength:"1" maxLength:"512" doc:"an entitlement, or a system for the account on it" example:"role:ledger_write"`
			At   time.Time `query:"at" doc:"a time that has been; without it, now"`
		},
		) (*explanation, error) {
			if err := a.mayLook(ctx, who, server.Ref{Kind: "identity", ID: in.Who}); err != nil {
				return nil, err
			}
			x, err := a.Server.Books().Explain(ctx, in.Who, in.What, in.At)
			return &explanation{x}, err
		})

	handle(a, operation(http.MethodGet, "/changes/{id}/explanation", "explain-change", "Why one change was made, and how it went"),
		func(ctx context.Context, who Caller, in *struct {
			ID string `path:"id" doc:"of the change: RUN.NN"`
		},
		) (*explanation, error) {
			if err := a.mayLook(ctx, who, server.Ref{Kind: "change", ID: in.ID}); err != nil {
				return nil, err
			}
			x, err := a.Server.Books().ExplainChange(ctx, in.ID)
			return &explanation{x}, err
		})

	handle(a, operation(http.MethodGet, "/log", "read-log", "Ledger entries, oldest first"),
		func(ctx context.Context, who Caller, in *struct {
			LogQuery
			Page
		},
		) (*struct{ Body List[LogLine] }, error) {
			if err := a.mayLook(ctx, who, server.Ref{Kind: "ledger"}); err != nil {
				return nil, err
			}
			from, err := a.logPlace(in.Cursor)
			if err != nil {
				return nil, err
			}
			var lines []trail.Line
			more, err := a.Server.Books().LogPage(ctx, server.LogQuery{Where: in.Where, From: max(from, in.From), Words: in.Words}, in.Limit, &lines)
			list := List[LogLine]{Items: make([]LogLine, len(lines))}
			for i, l := range lines {
				list.Items[i] = in.line(l)
			}
			if more >= 0 {
				list.Next = a.cursor("log", strconv.FormatInt(more, 10))
			}
			return &struct{ Body List[LogLine] }{list}, err
		})

	follow := operation(http.MethodGet, "/log/live", "follow-log", "Ledger entries as they come, as server-sent events")
	sse.Register(a.huma, follow, map[string]any{"entry": LogLine{}, "problem": ProblemDetails{}}, func(ctx context.Context, in *struct {
		LogQuery

		After string `header:"Last-Event-ID" doc:"the number of the last entry that was seen" maxLength:"20"`
	}, send sse.Sender,
	) {
		ctx, stop := UntilClosing(ctx)
		defer stop()
		err := a.mayLook(ctx, callerOf(ctx), server.Ref{Kind: "ledger"})
		if n, bad := strconv.ParseInt(in.After, 10, 64); bad == nil && n >= 0 {
			in.From = n + 1
		}
		if err == nil {
			err = a.Server.Books().Log(ctx, server.LogQuery{Where: in.Where, From: in.From, Follow: true, Words: in.Words}, func(l trail.Line) error {
				return send(sse.Message{ID: int(l.Index), Data: in.line(l)})
			})
		}
		if ctx.Err() == nil && err != nil {
			_ = send.Data(*problemOf(ctx, a.Log, err)) // whoever follows has gone
		}
	})

	check := operation(http.MethodPost, "/verifications", "verify", "Check the ledger, the state or completeness now")
	handle(a, check, func(ctx context.Context, who Caller, in *struct {
		Body struct {
			What string `json:"what" enum:"ledger,state,completeness"`
		}
	},
	) (*struct{ Body server.Verification }, error) {
		if err := a.mayLook(ctx, who, server.Ref{Kind: "ledger"}); err != nil {
			return nil, err
		}
		books := a.Server.Books()
		var v server.Verification
		var err error
		switch in.Body.What {
		case "ledger":
			v, err = books.VerifyLedger(ctx)
		case "state":
			v, err = books.VerifyState(ctx)
		default:
			v, _, err = books.Completeness(ctx)
		}
		return &struct{ Body server.Verification }{v}, err
	})

	receipt := operation(http.MethodGet, "/events/{id}/receipt", "receipt", "The proof that an event is in the ledger, as a C2SP tlog-proof")
	receipt.Responses = map[string]*huma.Response{"200": {Description: "the proof", Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}}}}
	handle(a, receipt, func(ctx context.Context, who Caller, in *struct {
		ID string `path:"id" example:"evt_2f"`
	}) (*struct {
		Type string `header:"Content-Type"`
		Body []byte
	}, error,
	) {
		if err := a.mayLook(ctx, who, server.Ref{Kind: "ledger"}); err != nil {
			return nil, err
		}
		r, err := a.Server.Books().Receipt(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &struct {
			Type string `header:"Content-Type"`
			Body []byte
		}{"text/plain; charset=utf-8", r.Format()}, nil
	})
}

func (a *api) logPlace(cursor string) (int64, error) {
	place, err := a.placeOf("log", cursor)
	if err != nil || place == "" {
		return 0, err
	}
	n, err := strconv.ParseInt(place, 10, 64)
	if err != nil {
		return 0, onus.Errorf(onus.Internal, "", "a cursor of ours holds no number: %w", err)
	}
	return n, nil
}
