package scim_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// Somebody changes the account between our read and our write.
func TestAChangeBetweenReadAndWriteIsAConflict(t *testing.T) {
	_, o := directory(t)
	o.Create(t, "ana")
	id := o.id(t, "ana")
	var meddle atomic.Bool
	host := front(t, o.base, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodGet && meddle.Swap(false) {
			o.patch(t, "/Users/"+id, `{"op":"replace","path":"title","value":"Head"}`)
		}
		next.ServeHTTP(w, r)
	})
	c := open(t, host, o.token, nil)
	for _, want := range []connector.Desired{
		{Verb: onus.EnsureDisabled, Target: onus.Target{Account: onus.AccountRef(id), Name: "ana"}},
		{Verb: onus.EnsureAttributes, Target: onus.Target{Account: onus.AccountRef(id), Name: "ana"}, Attributes: onus.Attributes{"title": "Clerk"}},
		{Verb: onus.EnsureAbsent, Target: onus.Target{Account: onus.AccountRef(id), Name: "ana"}},
	} {
		meddle.Store(true)
		_, err := c.Apply(t.Context(), want)
		kind(t, err, connector.Conflict)
		if seen, ok := o.Seen(t, "ana"); !ok || !seen.Enabled {
			t.Errorf("%s was carried out all the same: %+v", want.Verb, seen)
		}
	}
}

// A remembered id of a group is no more than a guess: the name may have moved
// to another group since.
func TestANameThatMovedToAnotherGroupIsFollowed(t *testing.T) {
	d, o := directory(t)
	if err := d.EnsureGroups("alpha"); err != nil {
		t.Fatal(err)
	}
	o.Create(t, "ana")
	o.Create(t, "bo")
	c := open(t, o.base, o.token, nil)
	grant := func(name string) connector.Result {
		t.Helper()
		r, err := c.Apply(t.Context(), connector.Desired{Verb: onus.EnsurePresent, Target: onus.Target{Name: name, Entitlement: "group:alpha"}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := grant("ana")
	o.RenameEntitlement(t, "group:alpha", "group:old")
	second := o.newGroup(t, "alpha")
	if r := grant("bo"); string(r.EntitlementRef) != second || r.EntitlementRef == first.EntitlementRef {
		t.Errorf("granted %s, want the group that has the name now, %s", r.EntitlementRef, second)
	}
	o.must(t, "DELETE", "/Groups/"+second, "")
	_, err := c.Apply(t.Context(), connector.Desired{Verb: onus.EnsurePresent, Target: onus.Target{Name: "ana", Entitlement: "group:alpha"}})
	kind(t, err, connector.PrincipalMissing)
}

// A server that pays no heed to a filter on members shows every group to
// everybody. It is found out.
func TestAFilterOnMembersThatIsIgnoredIsNotBelieved(t *testing.T) {
	d, o := directory(t)
	if err := d.EnsureGroups("alpha", "beta"); err != nil {
		t.Fatal(err)
	}
	o.Create(t, "ana")
	o.Create(t, "bo")
	o.Grant(t, "ana", "group:alpha")
	host := front(t, withoutOwnGroups(t, o.base), func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path == "/scim/v2/Groups" {
			q := r.URL.Query()
			q.Del("filter")
			r.URL.RawQuery = q.Encode()
		}
		next.ServeHTTP(w, r)
	})
	c := open(t, host, o.token, nil)
	for name, want := range map[string]int{"ana": 1, "bo": 0} {
		a, err := c.Find(t.Context(), name)
		if err != nil || len(a.Holds) != want {
			t.Errorf("%s holds %+v, %v", name, a.Holds, err)
		}
	}
}

// One mail address is ours to change; the others, and whatever we do not
// know, stay as they are, by PATCH and by PUT.
func TestWhatIsNotOursStaysAsItIs(t *testing.T) {
	for _, byPut := range []bool{false, true} {
		_, o := directory(t)
		host := front(t, o.base, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if byPut && r.URL.Path == "/scim/v2/ServiceProviderConfig" {
				_, _ = io.WriteString(w, `{"patch":{"supported":false}}`)
				return
			}
			if r.Method == http.MethodPut {
				body, err := io.ReadAll(r.Body)
				var sent map[string]any
				if err != nil || json.Unmarshal(body, &sent) != nil || sent["meta"] != nil || sent["groups"] != nil {
					t.Errorf("sent with what is read only: %s", body)
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
			}
			next.ServeHTTP(w, r)
		})
		o.must(t, "POST", "/Users", `{"userName":"ana","nickName":"A","name":{"familyName":"K","middleName":"M"},"emails":[
			{"type":"home","value":"h@x"},{"type":"work","value":"w@x","primary":true,"display":"w@x"},{"type":"other","value":"o@x"}]}`)
		c := open(t, host, o.token, nil)
		for _, mail := range []string{"new@x", ""} {
			want := connector.Desired{Verb: onus.EnsureAttributes, Target: onus.Target{Name: "ana"}, Attributes: onus.Attributes{"mail": mail, "givenName": "Ana", "department": "Finance"}}
			if r, err := c.Apply(t.Context(), want); err != nil || r.Outcome != connector.Wrote {
				t.Fatalf("%+v, %v", r, err)
			}
			u, _ := o.user(t, "ana")
			mails := map[string]any{}
			for _, e := range u["emails"].([]any) { //nolint:errcheck // a panic fails the test
				m := e.(map[string]any)                //nolint:errcheck // likewise
				mails[m["type"].(string)] = m["value"] //nolint:errcheck // likewise
			}
			wantMails := map[string]any{"home": "h@x", "other": "o@x"}
			if mail != "" {
				wantMails["work"] = mail
			}
			name := map[string]any{"familyName": "K", "middleName": "M", "givenName": "Ana"}
			if !reflect.DeepEqual(mails, wantMails) || u["nickName"] != "A" || !reflect.DeepEqual(u["name"], name) {
				t.Errorf("by PUT %t, mail %q: %v", byPut, mail, u)
			}
			if o.Attribute(t, "ana", "department") != "Finance" {
				t.Errorf("by PUT %t: the department is not set: %v", byPut, u)
			}
			if v, err := c.Verify(t.Context(), want); err != nil || !v.Holds {
				t.Errorf("by PUT %t, mail %q: %+v, %v", byPut, mail, v, err)
			}
			if r, err := c.Apply(t.Context(), want); err != nil || r.Outcome != connector.NoChange {
				t.Errorf("by PUT %t, mail %q: once more: %+v, %v", byPut, mail, r, err)
			}
		}
	}
}

// An id is one segment of an address, whatever is in it.
func TestAnIdIsNeverAnotherAddress(t *testing.T) {
	var asked atomic.Value
	c := fake{before: func(_ http.ResponseWriter, r *http.Request) bool {
		asked.Store(r.URL.EscapedPath())
		return false
	}}.open(t)
	for _, id := range []string{"a/b", "a b?c=d#e", "../Groups", "%2e%2e", "ü"} {
		_, err := c.Read(t.Context(), onus.AccountRef(id))
		kind(t, err, connector.NotFound)
		if want := "/Users/" + url.PathEscape(id); asked.Load() != want {
			t.Errorf("%q is asked for as %s", id, asked.Load())
		}
	}
	asked.Store("")
	for _, id := range []string{"", ".", ".."} {
		_, err := c.Read(t.Context(), onus.AccountRef(id))
		kind(t, err, connector.NotFound)
		if asked.Load() != "" {
			t.Errorf("%q is asked for as %s", id, asked.Load())
		}
	}
}
