package scimdir_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus/internal/demo/scimdir"
)

const token = "t0ken"

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func empty() *scimdir.Directory {
	return scimdir.New(scimdir.Options{Token: token, Now: func() time.Time { return noon }})
}

type answered struct {
	status int
	etag   string
	body   map[string]any
}

// ask sends one request straight to the handler.
func ask(tb testing.TB, d http.Handler, method, path, body string, headers ...string) answered {
	tb.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	a := answered{status: w.Code, etag: w.Header().Get("ETag")}
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &a.body); err != nil {
			tb.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
		}
	}
	return a
}

func must(tb testing.TB, d http.Handler, status int, method, path, body string, headers ...string) answered {
	tb.Helper()
	a := ask(tb, d, method, path, body, headers...)
	if a.status != status {
		tb.Fatalf("%s %s %s: %d %v, want %d", method, path, body, a.status, a.body, status)
	}
	return a
}

func made(tb testing.TB, d http.Handler, where, body string) string {
	tb.Helper()
	return fmt.Sprint(must(tb, d, 201, "POST", where, body).body["id"])
}

func ops(list string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + list + `]}`
}

func TestPatchesInTheFormsThatClientsUse(t *testing.T) {
	const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	for _, c := range []struct{ name, ops, want string }{
		{"a path", `{"op":"replace","path":"title","value":"Head"}`, `"title":"Head"`},
		{"an upper-case operation", `{"op":"Replace","path":"title","value":"Head"}`, `"title":"Head"`},
		{"a path in another case", `{"op":"replace","path":"TITLE","value":"Head"}`, `"title":"Head"`},
		{"a sub-attribute", `{"op":"add","path":"name.givenName","value":"Ana"}`, `"name":{"familyName":"K","givenName":"Ana"}`},
		{"an extension", `{"op":"add","path":"` + enterprise + `:department","value":"Finance"}`, `"department":"Finance"`},
		{"a whole extension", `{"op":"add","path":"` + enterprise + `","value":{"department":"Finance"}}`, `"department":"Finance"`},
		{"no path", `{"op":"replace","value":{"active":"False","name.givenName":"Ana"}}`, `"active":false`},
		{"a value path", `{"op":"replace","path":"emails[type eq \"work\"].value","value":"new@x"}`, `"value":"new@x"`},
		{"a value path removed", `{"op":"remove","path":"emails[type eq \"work\"]"}`, `"emails":[{"type":"home","value":"h@x"}]`},
		{"removed whole", `{"op":"remove","path":"emails"}`, `"title":"Clerk"`},
	} {
		d := empty()
		id := made(t, d, "/Users", `{"userName":"ana","title":"Clerk","name":{"familyName":"K"},"emails":[{"type":"work","value":"w@x"},{"type":"home","value":"h@x"}]}`)
		a := must(t, d, 200, "PATCH", "/Users/"+id, ops(c.ops))
		data, err := json.Marshal(a.body)
		if err != nil || !strings.Contains(string(data), c.want) {
			t.Errorf("%s: %s, want %s", c.name, data, c.want)
		}
		if c.name == "removed whole" && a.body["emails"] != nil {
			t.Errorf("emails are left: %s", data)
		}
	}
}

func TestRefusals(t *testing.T) {
	d := empty()
	ana := made(t, d, "/Users", `{"userName":"ana"}`)
	group := made(t, d, "/Groups", `{"displayName":"alpha"}`)
	for _, c := range []struct {
		status                       int
		scimType, method, path, body string
	}{
		{409, "uniqueness", "POST", "/Users", `{"userName":"ANA"}`},
		{409, "uniqueness", "POST", "/Groups", `{"displayName":"Alpha"}`},
		{400, "invalidValue", "POST", "/Users", `{"displayName":"nobody"}`},
		{400, "invalidValue", "POST", "/Users", `{"userName":"bo","active":"perhaps"}`},
		{400, "invalidSyntax", "POST", "/Users", `{`},
		{400, "invalidFilter", "GET", "/Users?filter=" + url.QueryEscape(`userName eq`), ""},
		{400, "invalidPath", "PATCH", "/Users/" + ana, ops(`{"op":"add","path":"a[","value":1}`)},
		{400, "invalidPath", "PATCH", "/Users/" + ana, ops(`{"op":"add","path":"urn:x:y:title","value":1}`)},
		{400, "mutability", "PATCH", "/Users/" + ana, ops(`{"op":"replace","path":"id","value":"x"}`)},
		{400, "noTarget", "PATCH", "/Users/" + ana, ops(`{"op":"replace","path":"emails[type eq \"x\"].value","value":"x"}`)},
		{400, "invalidSyntax", "PATCH", "/Users/" + ana, ops(``)},
		{400, "invalidSyntax", "PATCH", "/Users/" + ana, ops(`{"op":"grant","path":"title","value":"x"}`)},
		{400, "invalidValue", "PATCH", "/Groups/" + group, ops(`{"op":"add","path":"members","value":[{"value":"ghost"}]}`)},
		{400, "invalidValue", "PATCH", "/Groups/" + group, ops(`{"op":"add","path":"members","value":[{"value":"` + group + `"}]}`)},
		{404, "", "GET", "/Users/" + group, ""},
		{404, "", "DELETE", "/Users/nobody", ""},
		{404, "", "GET", "/User/" + ana, ""},
		{404, "", "POST", "/Bulk", "{}"},
		{405, "", "DELETE", "/Users", ""},
	} {
		a := ask(t, d, c.method, c.path, c.body)
		got, _ := a.body["scimType"].(string)
		if a.status != c.status || got != c.scimType {
			t.Errorf("%s %s %s: %d %v, want %d %s", c.method, c.path, c.body, a.status, a.body, c.status, c.scimType)
		}
	}
	if a := must(t, d, 200, "GET", "/Users/"+ana, ""); a.etag != `W/"1"` {
		t.Errorf("a refused change moved the version to %s", a.etag)
	}
	if a := ask(t, d, "GET", "/Users", "", "Authorization", "Bearer other"); a.status != 401 {
		t.Errorf("a wrong token: %d", a.status)
	}
}

func TestVersions(t *testing.T) {
	d := empty()
	id := made(t, d, "/Users", `{"userName":"ana"}`)
	set := ops(`{"op":"replace","path":"title","value":"Head"}`)
	must(t, d, 304, "GET", "/Users/"+id, "", "If-None-Match", `W/"1"`)
	must(t, d, 200, "PATCH", "/Users/"+id, set, "If-Match", `W/"1"`)
	must(t, d, 412, "PATCH", "/Users/"+id, set, "If-Match", `W/"1"`)
	must(t, d, 412, "DELETE", "/Users/"+id, "", "If-Match", `W/"1"`)
	must(t, d, 204, "DELETE", "/Users/"+id, "", "If-Match", `W/"2"`)
}

func TestPagesAndFilters(t *testing.T) {
	d := empty()
	for i := range 230 {
		made(t, d, "/Users", fmt.Sprintf(`{"userName":"u%03d","title":"t%d","active":%t,"emails":[{"type":"work","value":"u%03d@x"}]}`, i, i%3, i%2 == 0, i))
	}
	for _, c := range []struct {
		query       string
		total, page float64
	}{
		{"", 230, 100},
		{"count=500", 230, 100},
		{"count=30&startIndex=221", 230, 10},
		{"count=0", 230, 0},
		{"count=-1&startIndex=-5", 230, 0},
		{"startIndex=231", 230, 0},
		{filter(`userName eq "U007"`), 1, 1},
		{filter(`userName sw "u00"`), 10, 10},
		{filter(`userName co "22" and title eq "t1"`), 5, 5},
		{filter(`title eq "t0" or title eq "t1"`), 154, 100},
		{filter(`not (title eq "t0")`), 153, 100},
		{filter(`active eq false and userName lt "u010"`), 5, 5},
		{filter(`emails[type eq "work" and value eq "u100@x"]`), 1, 1},
		{filter(`emails.value ew "9@x"`), 23, 23},
		{filter(`nickName pr`), 0, 0},
		{filter(`title pr`), 230, 100},
		{filter(`urn:ietf:params:scim:schemas:core:2.0:User:userName eq "u001"`), 1, 1},
	} {
		a := must(t, d, 200, "GET", "/Users?"+c.query, "")
		if a.body["totalResults"] != c.total || a.body["itemsPerPage"] != c.page {
			t.Errorf("%s: %v in all, %v here; want %v, %v", c.query, a.body["totalResults"], a.body["itemsPerPage"], c.total, c.page)
		}
	}
	a := must(t, d, 200, "GET", "/Users?attributes=userName&count=1", "")
	if data, _ := json.Marshal(a.body["Resources"]); strings.Contains(string(data), "title") || !strings.Contains(string(data), "userName") || !strings.Contains(string(data), `"id"`) { //nolint:errchkjson // from JSON
		t.Errorf("asked for userName only: %s", data)
	}
}

func filter(f string) string { return "filter=" + url.QueryEscape(f) }

func TestFaultsStrikeAsOftenAsTheyAreTold(t *testing.T) {
	d := empty()
	if err := d.EnsureGroups("alpha", "beta"); err != nil {
		t.Fatal(err)
	}
	create := func(name string) answered { return ask(t, d, "POST", "/Users", `{"userName":"`+name+`"}`) }
	d.SetFaults(scimdir.Faults{LieOnWrite: 1, Throttle: 1, RetryAfter: 7 * time.Second})
	if a := create("ana"); a.status != 429 {
		t.Errorf("throttled: %d", a.status)
	}
	if a := create("ana"); a.status != 201 || len(d.Accounts()) != 0 {
		t.Errorf("a lie: %d, %v", a.status, d.Accounts())
	}
	if a := create("ana"); a.status != 201 || len(d.Accounts()) != 1 {
		t.Errorf("healed: %d, %v", a.status, d.Accounts())
	}
	ana := d.Accounts()[0].ID
	d.SetGroupFaults("alpha", scimdir.Faults{LieOnWrite: scimdir.Always})
	groups := must(t, d, 200, "GET", "/Groups", "").body["Resources"].([]any) //nolint:errcheck // a panic fails the test
	for range 2 {
		for _, g := range groups {
			id := fmt.Sprint(g.(map[string]any)["id"]) //nolint:errcheck // a panic fails the test
			must(t, d, 200, "PATCH", "/Groups/"+id, ops(`{"op":"add","path":"members","value":[{"value":"`+ana+`"}]}`))
		}
	}
	if got := d.Accounts()[0].Groups; !slices.Equal(got, []string{"beta"}) {
		t.Errorf("only alpha lies; ana is in %v", got)
	}
	d.SetFaults(scimdir.Faults{})
	for _, g := range groups {
		id := fmt.Sprint(g.(map[string]any)["id"]) //nolint:errcheck // a panic fails the test
		must(t, d, 200, "PATCH", "/Groups/"+id, ops(`{"op":"add","path":"members","value":[{"value":"`+ana+`"}]}`))
	}
	if got := d.Accounts()[0].Groups; !slices.Equal(got, []string{"alpha", "beta"}) {
		t.Errorf("healed; ana is in %v", got)
	}
	d.SetFaults(scimdir.Faults{FailAfterWrite: 1, Unavailable: 1})
	if a := create("bo"); a.status != 503 || len(d.Accounts()) != 1 {
		t.Errorf("unavailable: %d, %v", a.status, d.Accounts())
	}
	if a := create("bo"); a.status != 500 || len(d.Accounts()) != 2 {
		t.Errorf("done and failed: %d, %v", a.status, d.Accounts())
	}
}

// What was answered is there again after the process ended at any moment; what
// is on disk of an answer that was never given does not disturb.
func TestWhatWasAnsweredOutlivesTheProcess(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(t.TempDir(), "directory.jsonl")
		d := empty()
		if err := d.Keep(path); err != nil {
			rt.Fatal(err)
		}
		var users, groups []string
		steps := rapid.IntRange(1, 40).Draw(rt, "steps")
		for i := range steps {
			pick := func(list []string) string { return rapid.SampledFrom(list).Draw(rt, "which") }
			switch kind := rapid.IntRange(0, 7).Draw(rt, "deed"); {
			case kind == 0 || len(users) == 0:
				users = append(users, made(t, d, "/Users", fmt.Sprintf(`{"userName":"u%d"}`, i)))
			case kind == 1 || len(groups) == 0:
				groups = append(groups, made(t, d, "/Groups", fmt.Sprintf(`{"displayName":"g%d"}`, i)))
			case kind == 2:
				must(t, d, 200, "PATCH", "/Users/"+pick(users), ops(fmt.Sprintf(`{"op":"replace","path":"active","value":%t}`, i%2 == 0)))
			case kind == 3 && len(users) > 1:
				gone := pick(users)
				must(t, d, 204, "DELETE", "/Users/"+gone, "")
				users = slices.DeleteFunc(users, func(u string) bool { return u == gone })
			case kind == 4:
				must(t, d, 200, "PATCH", "/Groups/"+pick(groups), ops(`{"op":"remove","path":"members[value eq \"`+pick(users)+`\"]"}`))
			case kind == 5: // the process ends in the middle of a line
				if err := d.Close(); err != nil {
					rt.Fatal(err)
				}
				tear(t, path)
				next := empty()
				if err := next.Keep(path); err != nil {
					rt.Fatal(err)
				}
				if want, got := picture(t, d), picture(t, next); want != got {
					rt.Fatalf("kept %s\nwant %s", got, want)
				}
				d = next
			default:
				must(t, d, 200, "PATCH", "/Groups/"+pick(groups), ops(`{"op":"add","path":"members","value":[{"value":"`+pick(users)+`"}]}`))
			}
		}
		copied := filepath.Join(t.TempDir(), "copy.jsonl")
		if err := d.Save(copied); err != nil {
			rt.Fatal(err)
		}
		again := empty()
		if err := again.Load(copied); err != nil {
			rt.Fatal(err)
		}
		if want, got := picture(t, d), picture(t, again); want != got {
			rt.Fatalf("loaded %s\nwant %s", got, want)
		}
		if err := d.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

// tear leaves the beginning of a line that was never finished.
func tear(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(`{"kind":"User","id":"half`); err != nil {
		t.Fatal(err)
	}
}

func picture(t *testing.T, d http.Handler) string {
	t.Helper()
	data, err := json.Marshal([]any{must(t, d, 200, "GET", "/Users", "").body, must(t, d, 200, "GET", "/Groups", "").body})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestAFileThatIsNoDirectoryIsRefused(t *testing.T) {
	for _, text := range []string{"hello\n", `{"kind":"Robot","id":"1"}` + "\n", `{"kind":"User"}` + "\n"} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := empty().Load(path); err == nil {
			t.Errorf("%q is loaded", text)
		}
	}
}

func TestItIsServedOnLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "example.com:80", "nonsense"} {
		if _, stop, err := empty().Serve(t.Context(), addr); err == nil {
			stop()
			t.Errorf("it is served on %q", addr)
		}
	}
	base, stop, err := empty().Serve(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(base, "http://127.0.0.1:") {
		t.Errorf("it is at %s", base)
	}
	stop()
	if response, err := http.Get(base + "/Users"); err == nil {
		response.Body.Close()
		t.Error("it answers after it was stopped")
	}
}

// No body and no filter brings the directory down, or makes it show something
// that it then does not find.
func FuzzRequests(f *testing.F) {
	f.Add("PATCH", `userName eq "ana"`, ops(`{"op":"add","path":"members","value":[{"value":"x"}]}`))
	f.Add("PATCH", `a.b pr`, ops(`{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","value":3}`))
	f.Add("PATCH", `emails[value eq 1]`, ops(`{"op":"add","path":"name","value":[1]},{"op":"add","path":"name.givenName","value":1}`))
	f.Add("PUT", `not(id eq null)`, `{"userName":"x","emails":{"a":[]},"members":3,"active":null}`)
	f.Add("POST", `meta.version eq "W/1" or urn:x:y gt 1.5`, `{"userName":"bo","ID":"mine","Groups":[{}]}`)
	f.Fuzz(func(t *testing.T, method, filter, body string) {
		if !slices.Contains([]string{"PATCH", "PUT", "POST"}, method) {
			return
		}
		d := empty()
		id := made(t, d, "/Users", `{"userName":"ana","emails":[{"value":"a@x","type":"work"}]}`)
		path := "/Users/" + id
		if method == "POST" {
			path = "/Users"
		}
		if a := ask(t, d, method, path, body); a.status >= 500 {
			t.Fatalf("%s %s: %d %v", method, body, a.status, a.body)
		}
		if a := ask(t, d, "GET", "/Users?filter="+url.QueryEscape(filter), ""); a.status >= 500 {
			t.Fatalf("filter %s: %d %v", filter, a.status, a.body)
		}
		for _, account := range d.Accounts() {
			must(t, d, 200, "GET", "/Users/"+account.ID, "")
		}
	})
}
