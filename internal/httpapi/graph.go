package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onus-id/onus/internal/server"
)

// drawing is an explanation as a picture or a text.
type drawing struct {
	Type string `header:"Content-Type"`
	Body []byte
}

// drawings are explanations drawn in lanes.
func (a *api) drawings() {
	op := operation(http.MethodGet, "/explanations/graph", "draw-explanation", "Why somebody has, or lacks, something, drawn in lanes")
	text := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	op.Responses = map[string]*huma.Response{"200": {Description: "the drawing", Content: map[string]*huma.MediaType{
		"application/json": {Schema: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}}, "text/vnd.mermaid": text, "image/svg+xml": text,
	}}}
	handle(a, op, func(ctx context.Context, who Caller, in *struct {
		Who  string    `query:"who" required:"true" minLength:"1" maxLength:"320" doc:"login, mail address, record key or ID"`
		What string    `query:"what" required:"true" minLength:"1" maxLength:"512" doc:"an entitlement, or a system for the account on it" example:"role:ledger_write"`
		At   time.Time `query:"at" doc:"a time that has been; without it, now"`
		Form string    `query:"form" enum:"json,mermaid,svg" default:"json"`
	},
	) (*drawing, error) {
		if err := a.mayLook(ctx, who, server.Ref{Kind: "identity", ID: in.Who}); err != nil {
			return nil, err
		}
		x, err := a.Server.Books().Explain(ctx, in.Who, in.What, in.At)
		if err != nil {
			return nil, err
		}
		switch in.Form {
		case "svg":
			return &drawing{"image/svg+xml", []byte(x.Graph().SVG(nil))}, nil
		case "mermaid":
			return &drawing{"text/vnd.mermaid", []byte(x.Graph().Mermaid())}, nil
		default:
			body, err := json.Marshal(x.Graph())
			if err != nil {
				return nil, fmt.Errorf("draw an explanation: %w", err)
			}
			return &drawing{"application/json", body}, nil
		}
	})
}
