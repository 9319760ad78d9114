// Package httpapi is the door over HTTP: all that the command line does, as an
// OpenAPI 3.1 interface whose specification is made from these handlers. It
// decides nothing: each handler is one call of package server, made as the
// person whom the request is from.
package httpapi

//go:generate go test -run TestCommittedSpecification -update .
//go:generate go tool -modfile=../../tools/generate.mod oapi-codegen -generate models,client -response-type-suffix Reply -package client -o ../../api/client/client.gen.go ../../.cache/openapi-3.0.yaml

import (
	"context"
	"log/slog"
	"net/http"
	"path"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authn"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/telemetry"
)

// A Caller is whom a request is from.
type Caller struct {
	Name    string   `json:"name"`              // mail address; of a machine, its identity's ID
	ID      string   `json:"id"`                // of the identity
	Machine bool     `json:"machine,omitempty"` //
	Scopes  []string `json:"scopes,omitempty"`  // of a token; empty: all that the person may
	Token   string   `json:"token,omitempty" doc:"the ID of the token; absent: it is a session"`

	behalf *onus.Behalf // of an AI agent: in whose place it acts
}

// Callers knows whom a request is from.
type Callers interface {
	// Caller looks at a request's session or token as they stand now. Without
	// either, or with one that is no good any more, it is a Denied error.
	Caller(r *http.Request) (Caller, error)
}

// Config is what the door needs.
type Config struct {
	Server  *server.Server
	Callers Callers
	Replies Replies
	Metrics *telemetry.Metrics // nil: nothing is measured
	Log     *slog.Logger
	Now     func() time.Time
	Key     []byte // 32 random bytes: seals cursors

	Desk      *authn.Desk // where people and machines sign in
	Passkeys  *authn.Passkeys
	Providers map[string]*authn.Provider // identity providers by the name in their address
	Workloads []authn.Workload

	Console http.Handler                                 // pages for browsers, at every other address; nil: none
	Person  func(*http.Request) (server.SignedIn, error) // who looks at a page; goes with Console

	Rate  float64 // requests a second of one caller; 0: 20
	Burst int     // at once; 0: 40
}

// api is the door at work.
type api struct {
	Config

	huma     huma.API
	limits   *limits
	bundling sync.Mutex // held while a bundle of evidence is made
}

// Version is of the interface, as its paths and its specification name it.
const Version = "1"

// New makes the handler of everything under /api, and of the health checks.
func New(c Config) http.Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	operations, mux := http.NewServeMux(), http.NewServeMux()
	a := describe(c, operations)
	mux.Handle("/api/openapi.yaml", operations)
	mux.Handle("/api/openapi.json", operations)
	mux.Handle("/api/v"+Version+"/sign-in/", a.stranger(operations))
	a.singleSignOn(mux)
	mux.Handle("/api/", a.identify(a.once(a.measure(operations))))
	mux.HandleFunc("GET /healthz", a.healthz)
	mux.HandleFunc("GET /readyz", a.readyz)
	if c.Metrics != nil {
		mux.HandleFunc("GET /metrics", a.metrics)
	}
	if c.Console != nil {
		mux.Handle("/assets/", c.Console) // the same for everybody, and kept by browsers: not counted
		mux.Handle("/", a.pages(c.Console))
	}
	return telemetry.Traced(a.guard(mux))
}

// describe registers every operation on mux.
func describe(c Config, mux *http.ServeMux) *api {
	huma.NewError = newProblem
	cfg := huma.DefaultConfig("Onus", Version)
	cfg.Info.Description = "Access changes that somebody answers for. Errors are RFC 9457 problems; lists are paged by opaque cursors; " +
		"a POST may carry an Idempotency-Key; a decision carries the ETag of what it decides on in If-Match."
	cfg.DocsPath, cfg.SchemasPath = "", "" // they load scripts from elsewhere, and say nothing that the specification does not
	cfg.OpenAPIPath = "/api/openapi"
	cfg.CreateHooks = nil // no $schema links in answers
	cfg.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer", Description: "an API token, or a machine identity's"},
		"session": {Type: "apiKey", In: "cookie", Name: "__Host-onus"},
	}
	cfg.Security = []map[string][]string{{"token": {}}, {"session": {}}}
	a := &api{Config: c, huma: humago.New(mux, cfg), limits: newLimits(c.Rate, c.Burst)}
	a.signIn()
	a.account()
	a.approvals()
	a.exceptions()
	a.acts()
	a.can()
	a.delegations()
	a.evidence()
	a.drawings()
	a.controls()
	a.reversals()
	a.pauses()
	a.drills()
	a.requests()
	a.emergencies()
	a.owners()
	a.versions()
	a.campaigns()
	a.reviews()
	a.signing()
	a.proofs()
	a.late()
	a.reports()
	a.notices()
	a.orphans()
	a.logins()
	a.erasures()
	a.separations()
	a.findings()
	a.errors()
	return a
}

// schemaName names a type in the specification: by itself where it is of the
// vocabulary or of what the server shows, after its package where it is not.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[onus.Fault]() {
		return "VerdictFault" // a problem has faults, too
	}
	switch room := path.Base(t.PkgPath()); room {
	case ".", "onus", "server", "httpapi":
		return name
	default:
		return strings.ToUpper(room[:1]) + room[1:] + name
	}
}

// Specification is the interface as OpenAPI 3.1 in YAML.
func Specification() ([]byte, error) {
	return describe(Config{}, http.NewServeMux()).huma.OpenAPI().YAML()
}

// specification30 is the same in OpenAPI 3.0, which is what the generator of
// the client reads.
func specification30() ([]byte, error) {
	return describe(Config{}, http.NewServeMux()).huma.OpenAPI().DowngradeYAML()
}

// operation describes one operation; its path is below /api/v1.
func operation(method, path, id, summary string) huma.Operation {
	return huma.Operation{Method: method, Path: "/api/v" + Version + path, OperationID: id, Summary: summary, Errors: errorsOf(method)}
}

func errorsOf(method string) []int {
	errs := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusTooManyRequests}
	if method != http.MethodGet {
		errs = append(errs, http.StatusConflict, http.StatusPreconditionFailed)
	}
	return errs
}

// handle registers an operation whose errors are told as problems. It works on
// the definitions that are live when it begins.
func handle[I, O any](a *api, op huma.Operation, do func(context.Context, Caller, *I) (*O, error)) {
	free(a, op, func(ctx context.Context, who Caller, in *I) (*O, error) {
		defer a.Server.Hold()()
		return do(ctx, who, in)
	})
}

// free registers an operation that may take up other definitions, or waits for
// whoever does: it must not hold those that there are.
func free[I, O any](a *api, op huma.Operation, do func(context.Context, Caller, *I) (*O, error)) {
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, callerOf(ctx), in)
		if err != nil {
			return nil, problemOf(ctx, a.Log, err)
		}
		return out, nil
	})
}

// held asks something under the definitions that there are now, in an
// operation that is free. Nothing that holds asks it: who holds twice may wait
// for whoever waits for them.
func (a *api) held(ask func() error) error {
	defer a.Server.Hold()()
	return ask()
}

func (a *api) healthz(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("ok\n")) // whoever asks has gone
}

// readyz says whether requests can be answered: the store reads.
func (a *api) readyz(w http.ResponseWriter, r *http.Request) {
	if err := a.Server.Books().Ready(r.Context()); err != nil {
		a.Log.WarnContext(r.Context(), "not ready", slog.Any("error", err))
		http.Error(w, "the store does not answer", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ready\n")) // whoever asks has gone
}
