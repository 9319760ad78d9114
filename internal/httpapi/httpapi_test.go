package httpapi_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/httpapi"
	"github.com/onus-id/onus/internal/server"
)

const (
	noor   = "noor@starter.example" // manager of George; head
	viktor = "viktor@starter.example"
	omar   = "omar@starter.example"
	tomas  = "tomas@starter.example" // stands in no relation to either
	api    = "/api/v1"
)

// Every operation there is asks who calls, before anything else.
func TestNothingIsAnsweredUnasked(t *testing.T) {
	w := newWorld(t)
	text, err := httpapi.Specification()
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		Paths map[string]map[string]any `yaml:"paths"`
	}
	if err := yaml.Unmarshal(text, &spec); err != nil {
		t.Fatal(err)
	}
	n := 0
	for path, methods := range spec.Paths {
		for method := range methods {
			if strings.HasPrefix(path, api+"/sign-in/") {
				continue // where nobody is somebody yet
			}
			n++
			w.want(w.ask("", strings.ToUpper(method), path, nil), http.StatusUnauthorized, "sign in")
		}
	}
	if n < 10 {
		t.Errorf("the specification has only %d operations", n)
	}
}

// OWASP ASVS V8 (authorization): a list shows what its reader may see, and
// what is not theirs is not there.
func TestAListShowsWhatItsReaderMaySee_ASVS_8(t *testing.T) {
	w := newWorld(t)
	id := w.omars()
	for who, sees := range map[string]bool{viktor: true, noor: true, omar: true, tomas: false} {
		got := w.want(w.ask(who, "GET", api+"/approvals", nil), http.StatusOK)
		if strings.Contains(string(got.body), id) != sees {
			t.Errorf("%s sees the approval: %v; want %v", who, !sees, sees)
		}
		status := http.StatusOK
		if !sees {
			status = http.StatusNotFound
		}
		w.want(w.ask(who, "GET", api+"/approvals/"+id, nil), status)
	}
	w.want(w.ask("machine nhi_ci", "GET", api+"/approvals", nil), http.StatusForbidden)
	w.want(w.ask(tomas, "GET", api+"/log", nil), http.StatusNotFound)
	w.want(w.ask(tomas, "POST", api+"/verifications", `{"what":"state"}`), http.StatusNotFound)
}

func TestADecisionIsMadeOnWhatWasSeen(t *testing.T) {
	w := newWorld(t)
	path := api + "/approvals/" + w.omars()
	seen := w.want(w.ask(viktor, "GET", path, nil), http.StatusOK, "group:payments").header.Get("ETag")
	yes := map[string]any{"yes": true, "reason": "seen with both"}

	w.want(w.ask(viktor, "POST", path+"/answers", yes), http.StatusPreconditionRequired, "If-Match")
	w.want(w.ask(viktor, "POST", path+"/answers", yes, "If-Match", `"another"`), http.StatusPreconditionFailed, "look again")
	w.want(w.ask(omar, "POST", path+"/answers", yes, "If-Match", seen), http.StatusForbidden, "omar@starter.example")
	w.want(w.ask(viktor, "POST", path+"/answers", yes, "If-Match", seen), http.StatusOK, "1 of 2 said yes")
	w.want(w.ask(viktor, "POST", path+"/answers", yes, "If-Match", seen), http.StatusPreconditionFailed)
	seen = w.ask(viktor, "GET", path, nil).header.Get("ETag")
	w.want(w.ask(viktor, "POST", path+"/answers", yes, "If-Match", seen), http.StatusConflict, "answered already")
}

// Two decisions at once, one made on what the other changed.
func TestOfTwoDecisionsAtOnceOneCounts(t *testing.T) {
	w := newWorld(t)
	path := api + "/approvals/" + w.omars()
	seen := w.ask(viktor, "GET", path, nil).header.Get("ETag")
	got := make([]int, 8)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			got[i] = w.ask(viktor, "POST", path+"/answers", map[string]any{"yes": true}, "If-Match", seen).status
		})
	}
	wg.Wait()
	counted := 0
	for _, status := range got {
		switch status {
		case http.StatusOK:
			counted++
		case http.StatusConflict, http.StatusPreconditionFailed:
		default:
			t.Errorf("one was answered %d", status)
		}
	}
	if counted != 1 {
		t.Errorf("%d of them counted: %v", counted, got)
	}
}

func TestAWriteWithAKeyIsDoneOnce(t *testing.T) {
	w := newWorld(t)
	path := api + "/approvals/" + w.omars()
	seen := w.ask(viktor, "GET", path, nil).header.Get("ETag")
	yes := map[string]any{"yes": true}
	first := w.want(w.ask(viktor, "POST", path+"/answers", yes, "If-Match", seen, "Idempotency-Key", "k1"), http.StatusOK)
	again := w.want(w.ask(viktor, "POST", path+"/answers", yes, "If-Match", seen, "Idempotency-Key", "k1"), http.StatusOK)
	if string(first.body) != string(again.body) || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("the second answer is %s; the first was %s", again.body, first.body)
	}
	w.want(w.ask(viktor, "POST", path+"/answers", map[string]any{"yes": false, "reason": "no"}, "If-Match", seen, "Idempotency-Key", "k1"),
		http.StatusUnprocessableEntity, "another request")
	// The key is the caller's own: nobody else is shown what it was answered with.
	w.want(w.ask(tomas, "POST", path+"/answers", yes, "If-Match", seen, "Idempotency-Key", "k1"), http.StatusNotFound)
}

// OWASP ASVS V2 (validation): all that is wrong is said at once, and what was
// sent is not sent back. V15 (mass assignment): nobody sets what is not asked for.
func TestEveryFaultAtOnce_ASVS_2_MassAssignment_ASVS_15(t *testing.T) {
	w := newWorld(t)
	path := api + "/approvals/" + w.omars()
	got := w.want(w.ask(viktor, "POST", path+"/answers", `{"yes":"hunter2","reason":7,"state":"approved","need":0}`, "If-Match", `"x"`), http.StatusUnprocessableEntity)
	var p httpapi.ProblemDetails
	if err := json.Unmarshal(got.body, &p); err != nil {
		t.Fatal(err)
	}
	where := map[string]bool{}
	for _, f := range p.Faults {
		where[f.Where] = true
	}
	for _, want := range []string{"body.yes", "body.reason", "body.state", "body.need"} {
		if !where[want] {
			t.Errorf("the fault of %s is not told: %s", want, got.body)
		}
	}
	if strings.Contains(string(got.body), "hunter2") {
		t.Errorf("what was sent comes back: %s", got.body)
	}
}

func TestPagesComeOneAfterTheOther(t *testing.T) {
	w := newWorld(t)
	var ids []string
	cursor := ""
	for range 10 {
		got := w.want(w.ask(noor, "GET", api+"/approvals?all=true&limit=1&cursor="+cursor, nil), http.StatusOK)
		var list struct {
			Items []struct{ ID string }
			Next  string
		}
		if err := json.Unmarshal(got.body, &list); err != nil {
			t.Fatal(err)
		}
		for _, item := range list.Items {
			ids = append(ids, item.ID)
		}
		if cursor = list.Next; cursor == "" {
			break
		}
		w.want(w.ask(noor, "GET", api+"/exceptions?cursor="+cursor, nil), http.StatusUnprocessableEntity, "not one of this list")
	}
	if len(ids) != 2 || ids[0] == ids[1] {
		t.Errorf("the pages gave %v; want two approvals, each once", ids)
	}
	w.want(w.ask(noor, "GET", api+"/approvals?limit=0", nil), http.StatusUnprocessableEntity, "query.limit")
}

func TestACallerIsHeldToARate(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.config.Rate, w.config.Burst, w.config.Now = 1, 3, func() time.Time { return now }
	w.open()
	for range 3 {
		w.want(w.ask(noor, "GET", api+"/exceptions", nil), http.StatusOK)
	}
	if after := w.want(w.ask(noor, "GET", api+"/exceptions", nil), http.StatusTooManyRequests).header.Get("Retry-After"); after != "1" {
		t.Errorf("Retry-After is %q", after)
	}
	w.want(w.ask(viktor, "GET", api+"/exceptions", nil), http.StatusOK) // others are not
	now = now.Add(time.Second)
	w.want(w.ask(noor, "GET", api+"/exceptions", nil), http.StatusOK)
}

// OWASP ASVS V3 (web frontend): no other site's page acts for whoever is signed
// in. V4 (API): a request is bounded, and headers are strict.
func TestStrictAtTheDoor_CSRF_ASVS_3_ASVS_4(t *testing.T) {
	w := newWorld(t)
	path := api + "/approvals/" + w.omars() + "/answers"
	cross := w.ask(viktor, "POST", path, map[string]any{"yes": true}, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	if cross.status != http.StatusForbidden {
		t.Errorf("another site's request is answered %d %s", cross.status, cross.body)
	}
	w.want(w.ask(viktor, "POST", path, `{"yes":true,"reason":"`+strings.Repeat("x", 2<<20)+`"}`, "If-Match", `"x"`, "Idempotency-Key", "big"), http.StatusRequestEntityTooLarge)
	big := w.ask(viktor, "POST", path, `{"yes":true,"reason":"`+strings.Repeat("x", 2<<20)+`"}`, "If-Match", `"x"`)
	if big.status != http.StatusRequestEntityTooLarge {
		t.Errorf("two mebibytes are answered %d %s", big.status, big.body)
	}
	got := w.ask("", "GET", "/healthz", nil)
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cache-Control": "no-store",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
	} {
		if have := got.header.Get(name); have != want {
			t.Errorf("%s is %q; want %q", name, have, want)
		}
	}
	w.want(w.ask("", "GET", "/readyz", nil), http.StatusOK, "ready")
}

// A handler that panics is answered like any other failure, and tells nothing.
func TestAPanicTellsNothing(t *testing.T) {
	var log bytes.Buffer
	door := httpapi.Guarded(slog.New(slog.NewTextHandler(&log, nil)), func(http.ResponseWriter, *http.Request) { panic("the secret is hunter2") })
	rec := httptest.NewRecorder()
	door.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if rec.Code != http.StatusInternalServerError || strings.Contains(rec.Body.String(), "hunter2") {
		t.Errorf("it is answered %d %s", rec.Code, rec.Body)
	}
	if id := rec.Header().Get("X-Request-Id"); id == "" || !strings.Contains(rec.Body.String(), id) || !strings.Contains(log.String(), id) {
		t.Errorf("the request %s cannot be found again: %s", id, log.String())
	}
}

// Nobody makes up a cursor, or moves one to another list.
func FuzzCursor(f *testing.F) {
	seal := httpapi.SealedBy([]byte("key"))
	f.Add("approvals", seal.Cursor("approvals", "place"))
	f.Add("approvals", seal.Cursor("log", "place"))
	f.Add("log", "")
	f.Add("log", "AAAA")
	f.Fuzz(func(t *testing.T, list, cursor string) {
		place, err := seal.Place(list, cursor)
		if err == nil && cursor != "" && seal.Cursor(list, place) != cursor {
			t.Errorf("%q opens as %q, which it is not", cursor, place)
		}
	})
}

func TestMetricsTellHowItGoes(t *testing.T) {
	w := newWorld(t)
	w.want(w.ask(noor, "GET", api+"/approvals", nil), http.StatusOK)
	w.want(w.ask(noor, "GET", api+"/approvals/apr_0nosuch", nil), http.StatusNotFound)
	got := string(w.want(w.ask("", "GET", "/metrics", nil), http.StatusOK).body)
	for _, line := range []string{
		`onus_approvals_waiting 2`, `onus_runs{state="waiting"} 2`, `onus_exceptions_overdue 0`,
		`onus_http_request_seconds_count{operation="GET /api/v1/approvals",status="200"} 1`,
		`onus_http_request_seconds_count{operation="GET /api/v1/approvals/{id}",status="404"} 1`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("the metrics do not say %s", line)
		}
	}
	if strings.Contains(got, "starter.example") || strings.Contains(got, "apr_") {
		t.Error("the metrics name who or what")
	}
	if got := w.ask("", "GET", "/metrics", nil, "X-Forwarded-For", "198.51.100.7"); got.status != http.StatusUnauthorized {
		t.Errorf("through a proxy anybody reads them: %d", got.status)
	}
}

func TestTheLogIsFollowedLive(t *testing.T) {
	w := newWorld(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.door.URL+api+"/log/live?where=type%3Dapproval.*&words=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(asHeader, noor)
	res, err := w.door.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	next := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "data: ") {
				if !strings.Contains(lines.Text(), want) {
					t.Errorf("the event %s does not say %q", lines.Text(), want)
				}
				return
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
	}
	next("approval.asked")
	next("approval.asked")
	path := api + "/approvals/" + w.omars()
	seen := w.ask(viktor, "GET", path, nil).header.Get("ETag")
	w.want(w.ask(viktor, "POST", path+"/answers", map[string]any{"yes": true}, "If-Match", seen), http.StatusOK)
	next("approval.given")
}

var update = flag.Bool("update", false, "write the specification again")

// The committed specification is the one that the handlers make.
func TestCommittedSpecification(t *testing.T) {
	text, err := httpapi.Specification()
	if err != nil {
		t.Fatal(err)
	}
	const file = "../../api/openapi.yaml"
	if *update {
		older, err := httpapi.Specification30()
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string][]byte{file: text, "../../.cache/openapi-3.0.yaml": older} {
			if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	have, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(have, text) {
		t.Errorf("%s is out of date (%v): make generate", file, err)
	}
}

// Pages are held to the same rate as the interface: together for a person, by
// address for whoever is nobody yet, single sign-on among it. What every page
// needs to be drawn counts for nothing.
func TestPagesAndSignInAreHeldToTheSameRate(t *testing.T) {
	w := newWorld(t)
	now, in := time.Now(), ""
	w.config.Rate, w.config.Burst, w.config.Now = 1, 3, func() time.Time { return now }
	w.config.Console = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("a page")) })
	w.config.Person = func(*http.Request) (server.SignedIn, error) {
		if in == "" {
			return server.SignedIn{}, onus.Errorf(onus.Denied, "", "nobody is signed in")
		}
		return server.SignedIn{Name: in}, nil
	}
	for name, c := range map[string]struct {
		who  string
		want [5]int
		ask  [5]string
	}{
		"a person":         {noor, [5]int{200, 200, 200, 429, 200}, [5]string{"/mine", api + "/exceptions", "/mine", "/mine", "/assets/onus.css"}},
		"nobody yet":       {"", [5]int{200, 404, 401, 429, 429}, [5]string{"/sign-in", "/sign-in/none", api + "/exceptions", "/sign-in/none/return", api + "/me"}},
		"guesses of a key": {"", [5]int{401, 401, 401, 429, 429}, [5]string{api + "/me", api + "/me", api + "/me", api + "/me", "/mine"}},
	} {
		w.open() // everybody's count begins anew
		in = c.who
		for i, path := range c.ask {
			got := w.ask(c.who, "GET", path, nil)
			if got.status != c.want[i] {
				t.Errorf("%s: request %d, of %s, is answered with %d; want %d", name, i+1, path, got.status, c.want[i])
			}
			if got.status == http.StatusTooManyRequests && got.header.Get("Retry-After") != "1" {
				t.Errorf("%s: it does not say when to come again", name)
			}
		}
	}
}
