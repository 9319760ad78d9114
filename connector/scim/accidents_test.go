package scim_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/internal/rig"
)

// fake is a SCIM server of a few lines, for what no honest server does. It
// has users u1…uN and pages them as it is told to.
type fake struct {
	users  int
	most   int                                               // users in one page at most
	before func(w http.ResponseWriter, r *http.Request) bool // answers itself and says so
	list   func(start int) (total int, ids []string)         // instead of the honest page
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.before != nil && f.before(w, r) {
		return
	}
	switch r.URL.Path {
	case "/ServiceProviderConfig":
		w.WriteHeader(http.StatusNotFound)
	case "/Groups":
		_, _ = io.WriteString(w, `{"totalResults":0}`)
	case "/Users":
		start, _ := strconv.Atoi(r.URL.Query().Get("startIndex"))
		count, _ := strconv.Atoi(r.URL.Query().Get("count"))
		total, ids := f.users, []string{}
		for i := start; i <= f.users && len(ids) < min(count, f.most); i++ {
			ids = append(ids, fmt.Sprintf("u%d", i))
		}
		if f.list != nil {
			total, ids = f.list(start)
		}
		var items []string
		for _, id := range ids {
			items = append(items, fmt.Sprintf(`{"id":%q,"userName":%q,"active":true}`, id, "name-"+id))
		}
		_, _ = fmt.Fprintf(w, `{"totalResults":%d,"Resources":[%s]}`, total, strings.Join(items, ","))
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"404"}`)
	}
}

func (f fake) open(t *testing.T) connector.Connector {
	t.Helper()
	if f.most == 0 {
		f.most = 1000
	}
	return open(t, serve(t, f.ServeHTTP), secretToken, map[string]string{"page_size": "100"})
}

func scanned(t *testing.T, c connector.Connector) (names []string, complete bool, err error) {
	t.Helper()
	complete, err = c.Scan(t.Context(), func(a connector.Account) error {
		names = append(names, a.Name)
		return nil
	})
	if err != nil && complete {
		t.Errorf("complete, with the error %v", err)
	}
	return names, complete, err
}

func kind(t *testing.T, err error, want connector.Kind) {
	t.Helper()
	if err == nil || connector.KindOf(err) != want {
		t.Errorf("the error is %v, want one of kind %s", err, want)
	}
}

// awslabs/ssosync #65: a page of 50 was read as the full list.
func TestAPageOfFiftyIsNotTheFullList(t *testing.T) {
	names, complete, err := scanned(t, fake{users: 120, most: 50}.open(t))
	if err != nil || !complete || len(names) != 120 {
		t.Errorf("%d accounts, complete %t, %v; want all 120", len(names), complete, err)
	}
	names, complete, err = scanned(t, fake{users: 7, most: 1}.open(t))
	if err != nil || !complete || len(names) != 7 {
		t.Errorf("in pages of one: %d accounts, complete %t, %v; want all 7", len(names), complete, err)
	}
	// And a list that ends there though the server says there are more.
	_, complete, err = scanned(t, fake{list: func(start int) (int, []string) {
		if start > 1 {
			return 120, nil
		}
		return 120, []string{"u1", "u2"}
	}}.open(t))
	if complete {
		t.Error("2 of 120 accounts are called complete")
	}
	kind(t, err, connector.Transient)
}

// SailPoint, awslabs/ssosync #88: a read that was redirected gave no rows,
// and everybody was deprovisioned.
func TestARedirectIsNotAnEmptyDirectory(t *testing.T) {
	var followed atomic.Int32
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { followed.Add(1) })
	c := fake{before: func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, elsewhere+"/login?token="+secretToken, http.StatusFound)
		return true
	}}.open(t)
	_, complete, err := scanned(t, c)
	if complete {
		t.Error("complete")
	}
	kind(t, err, connector.Invalid)
	_, err = c.Find(t.Context(), "ana")
	kind(t, err, connector.Invalid)
	_, err = c.Read(t.Context(), "u1")
	kind(t, err, connector.Invalid)
	for _, want := range []connector.Desired{
		{Verb: onus.EnsureAbsent, Target: onus.Target{Account: "u1", Name: "ana"}},
		{Verb: onus.EnsureAbsent, Target: onus.Target{Account: "u1", Name: "ana", Entitlement: "group:a"}},
	} {
		if v, err := c.Verify(t.Context(), want); err == nil {
			t.Errorf("a redirect verifies %v as %+v", want.Target, v)
		}
	}
	if followed.Load() > 0 {
		t.Error("a redirect was followed, with the token")
	}
	if strings.Contains(err.Error(), secretToken) {
		t.Error("the address of the redirect, with what it carries, is in the error")
	}
}

// An address that is wrong answers 404 to everything. That is no proof that
// an account is gone.
func TestAWrongAddressIsNotADeletedAccount(t *testing.T) {
	c := open(t, serve(t, http.NotFound), "", nil)
	for _, want := range []connector.Desired{
		{Verb: onus.EnsureAbsent, Target: onus.Target{Account: "u1", Name: "ana"}},
		{Verb: onus.EnsureAbsent, Target: onus.Target{Name: "ana"}},
		{Verb: onus.EnsureDisabled, Target: onus.Target{Account: "u1", Name: "ana"}},
		{Verb: onus.EnsureAbsent, Target: onus.Target{Account: "u1", Name: "ana", Entitlement: "group:a"}},
		{Verb: onus.EnsureAbsent, Target: onus.Target{Account: "u1", Name: "ana", Entitlement: "group:a", EntitlementRef: "g1"}},
	} {
		if v, err := c.Verify(t.Context(), want); err == nil {
			t.Errorf("%s %+v is verified as %+v", want.Verb, want.Target, v)
		}
		if r, err := c.Apply(t.Context(), want); err == nil {
			t.Errorf("%s %+v ends as %q", want.Verb, want.Target, r.Outcome)
		}
	}
	if err := c.Probe(t.Context()); err == nil {
		t.Error("the probe passes")
	}
	if _, err := c.Find(t.Context(), "ana"); connector.KindOf(err) == connector.NotFound {
		t.Error("Find says that ana is not there")
	}
}

// Gitea answers 200 with a refusal in it; gateways answer 200 with a login page.
func TestAYesThatCarriesARefusalIsNoAnswer(t *testing.T) {
	for _, body := range []string{`<html>please log in</html>`, `{"error":"denied"}`, `{}`, `[]`, `null`, ``, `{"totalResults":1,"Resources":[{}]}`} {
		c := fake{before: func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = io.WriteString(w, body)
			return true
		}}.open(t)
		if _, complete, err := scanned(t, c); complete || err == nil {
			t.Errorf("%q is read as a whole directory", body)
		}
		if _, err := c.Read(t.Context(), "u1"); err == nil || connector.KindOf(err) == connector.NotFound {
			t.Errorf("%q is read as an account, or as none: %v", body, err)
		}
		if err := c.Probe(t.Context()); err == nil {
			t.Errorf("%q passes the probe", body)
		}
	}
}

// Saviynt: a directory that timed out marked live accounts as deleted.
func TestATimeoutIsNotADeletion(t *testing.T) {
	c := open(t, serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), "", map[string]string{"timeout": "50ms"})
	_, err := c.Read(t.Context(), "u1")
	kind(t, err, connector.Transient)
	_, complete, err := scanned(t, c)
	if complete {
		t.Error("complete")
	}
	kind(t, err, connector.Transient)
}

// A list that moves between two pages has left somebody out.
func TestAListThatMovesIsIncomplete(t *testing.T) {
	for name, list := range map[string]func(start int) (int, []string){
		"the total changes": func(start int) (int, []string) {
			if start == 1 {
				return 4, []string{"u1", "u2"}
			}
			return 3, []string{"u2", "u3"}
		},
		// u1 went and u5 came: the total is the same, and u3 would be missed.
		"one goes and one comes": func(start int) (int, []string) {
			return 4, map[bool][]string{true: {"u1", "u2"}, false: {"u3", "u4", "u5"}}[start == 1]
		},
		"the first page again and again": func(int) (int, []string) { return 4, []string{"u1", "u2"} },
		"more than there are":            func(int) (int, []string) { return 1, []string{"u1", "u2"} },
		"one twice":                      func(int) (int, []string) { return 2, []string{"u1", "u1"} },
	} {
		if names, complete, err := scanned(t, fake{list: list}.open(t)); complete || err == nil {
			t.Errorf("%s: %v is called complete, error %v", name, names, err)
		}
	}
}

// authentik #12827: a conflict answer on every resync, for ever. The account
// is there under a name that differs in case only; it is taken for what it is.
func TestAConflictIsNotMetAgainAndAgain(t *testing.T) {
	_, o := directory(t)
	o.Create(t, "Ana.K")
	c := open(t, o.base, o.token, nil)
	r, err := c.Apply(t.Context(), connector.Desired{Verb: onus.EnsurePresent, Target: onus.Target{Name: "ana.k"}})
	if err != nil || r.Outcome != connector.NoChange || string(r.Ref) != o.id(t, "Ana.K") {
		t.Errorf("outcome %q, ref %s, %v", r.Outcome, r.Ref, err)
	}
	// Where the server says conflict all the same, it is told once, as such.
	c = fake{before: func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"scimType":"uniqueness","detail":"taken"}`)
		}
		return r.Method == http.MethodPost
	}}.open(t)
	_, err = c.Apply(t.Context(), connector.Desired{Verb: onus.EnsurePresent, Target: onus.Target{Name: "bo"}})
	kind(t, err, connector.AlreadyExists)
}

// An account of the wanted name that belongs to somebody else is not theirs
// to take.
func TestAnAccountOfAnotherPersonIsNotTakenOver(t *testing.T) {
	_, o := directory(t)
	o.must(t, "POST", "/Users", `{"userName":"ana","externalId":"hr-1","title":"Head"}`)
	c := open(t, o.base, o.token, nil)
	want := connector.Desired{Verb: onus.EnsurePresent, Target: onus.Target{Name: "ana"}, Attributes: onus.Attributes{"externalId": "hr-2", "title": "Clerk"}}
	_, err := c.Apply(t.Context(), want)
	kind(t, err, connector.AlreadyExists)
	if u, _ := o.user(t, "ana"); u["title"] != "Head" || u["externalId"] != "hr-1" {
		t.Errorf("it was changed all the same: %v", u)
	}
}

// Microsoft Entra says active: "False".
func TestActiveInTextIsUnderstood(t *testing.T) {
	for said, want := range map[string]bool{`"False"`: false, `"false"`: false, `"True"`: true, `true`: true, `false`: false, `null`: true, `"perhaps"`: true, `{}`: true} {
		c := fake{before: func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/Users/u1" {
				_, _ = fmt.Fprintf(w, `{"id":"u1","userName":"ana","active":%s}`, said)
			}
			return r.URL.Path == "/Users/u1"
		}}.open(t)
		a, err := c.Read(t.Context(), "u1")
		if err != nil || a.Enabled != want {
			t.Errorf("active %s is read as %t, %v", said, a.Enabled, err)
		}
	}
}

// elimity-com/scim drops attributes it does not know and says yes.
func TestAnAttributeThatIsDroppedDoesNotHold(t *testing.T) {
	_, o := directory(t)
	o.Create(t, "ana")
	host := front(t, o.base, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPatch {
			_, _ = io.WriteString(w, `{"id":"x"}`)
			return
		}
		next.ServeHTTP(w, r)
	})
	c := open(t, host, o.token, nil)
	want := connector.Desired{Verb: onus.EnsureAttributes, Target: onus.Target{Name: "ana"}, Attributes: onus.Attributes{"department": "Finance"}}
	if r, err := c.Apply(t.Context(), want); err != nil || r.Outcome != connector.Wrote {
		t.Fatalf("%+v, %v", r, err)
	}
	if v, err := c.Verify(t.Context(), want); err != nil || v.Holds || !strings.Contains(v.Evidence, "department") {
		t.Errorf("the verdict is %+v, %v", v, err)
	}
}

// A server that refuses the path of one member gets the group without it; the
// form "remove members, value …" would empty it on one that keeps the RFC.
func TestARefusedPathDoesNotEmptyTheGroup(t *testing.T) {
	d, o := directory(t)
	if err := d.EnsureGroups("alpha"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ana", "bo", "cy"} {
		o.Create(t, name)
		o.Grant(t, name, "group:alpha")
	}
	host := front(t, o.base, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPatch {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"scimType":"invalidPath"}`)
			return
		}
		next.ServeHTTP(w, r)
	})
	c := open(t, host, o.token, nil)
	r, err := c.Apply(t.Context(), connector.Desired{Verb: onus.EnsureAbsent, Target: onus.Target{Name: "bo", Entitlement: "group:alpha"}})
	if err != nil || r.Outcome != connector.Wrote {
		t.Fatalf("%+v, %v", r, err)
	}
	for name, want := range map[string]int{"ana": 1, "bo": 0, "cy": 1} {
		if seen, _ := o.Seen(t, name); len(seen.Holds) != want {
			t.Errorf("%s holds %v", name, seen.Holds)
		}
	}
}

// withoutOwnGroups hides the groups attribute of users.
func withoutOwnGroups(t *testing.T, base string) string {
	t.Helper()
	return front(t, base, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasPrefix(r.URL.Path, "/scim/v2/Users") {
			q := r.URL.Query()
			q.Set("excludedAttributes", "groups")
			r.URL.RawQuery = q.Encode()
		}
		next.ServeHTTP(w, r)
	})
}

// Some servers show members only of a group that is asked for by its id.
func TestMembersThatAreNotListedAreFound(t *testing.T) {
	d, o := directory(t)
	if err := d.EnsureGroups("alpha", "beta"); err != nil {
		t.Fatal(err)
	}
	o.Create(t, "ana")
	o.Grant(t, "ana", "group:alpha")
	host := front(t, withoutOwnGroups(t, o.base), func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		q := r.URL.Query()
		switch {
		case r.URL.Path == "/scim/v2/Groups" && strings.Contains(q.Get("filter"), "members"):
			_, _ = io.WriteString(w, `{"totalResults":0}`)
			return
		case r.URL.Path == "/scim/v2/Groups":
			q.Set("excludedAttributes", "members")
		}
		r.URL.RawQuery = q.Encode()
		next.ServeHTTP(w, r)
	})
	c := open(t, host, o.token, nil)
	a, err := c.Find(t.Context(), "ana")
	if err != nil || len(a.Holds) != 1 || a.Holds[0].Entitlement != "group:alpha" {
		t.Errorf("%+v, %v", a, err)
	}
	_, err = c.Scan(t.Context(), func(s connector.Account) error {
		if !slices.Equal(s.Holds, a.Holds) {
			t.Errorf("the scan gives %+v, a read %+v", s.Holds, a.Holds)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// scimmy lists a member twice that was added twice.
func TestScimmyAMemberIsNotAddedTwice(t *testing.T) {
	server := rig.NeedScimmy(t)
	o := oracle{server.URL(), server.Token()}
	o.newGroup(t, "alpha")
	o.Create(t, "ana")
	c := open(t, o.base, o.token, nil)
	want := connector.Desired{Verb: onus.EnsurePresent, Target: onus.Target{Name: "ana", Entitlement: "group:alpha"}}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := c.Apply(t.Context(), want); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := members(o.groups(t)[0]); len(got) != 1 {
		t.Errorf("the group lists %v", got)
	}
	// Twice behind our back: what is listed twice is held once, and goes whole.
	o.Grant(t, "ana", "group:alpha")
	if got := members(o.groups(t)[0]); len(got) != 2 {
		t.Logf("this version of scimmy does not list a member twice: %v", got)
	}
	a, err := c.Find(t.Context(), "ana")
	if err != nil || len(a.Holds) != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	want.Verb = onus.EnsureAbsent
	if _, err := c.Apply(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if got := members(o.groups(t)[0]); len(got) != 0 {
		t.Errorf("the group still lists %v", got)
	}
}
