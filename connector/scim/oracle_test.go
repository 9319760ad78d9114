package scim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector/connectortest"
)

// oracle sees and changes a SCIM server with plain requests. It shares no
// code with the connector, and talks to the server directly, never through a
// proxy that is in the connector's way.
type oracle struct{ base, token string }

// say sends one request and gives the status and the body.
func (o oracle) say(t *testing.T, method, path, body string) (int, map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, o.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/scim+json")
	request.Header.Set("Authorization", "Bearer "+o.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if len(bytes.TrimSpace(data)) > 0 {
		if err := json.Unmarshal(data, &out); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, data)
		}
	}
	return response.StatusCode, out
}

// must sends what has to succeed.
func (o oracle) must(t *testing.T, method, path, format string, args ...any) map[string]any {
	t.Helper()
	status, out := o.say(t, method, path, fmt.Sprintf(format, args...))
	if status/100 != 2 {
		t.Fatalf("oracle: %s %s: %d %v", method, path, status, out)
	}
	return out
}

func resources(list map[string]any) []map[string]any {
	var out []map[string]any
	all, _ := list["Resources"].([]any)
	for _, x := range all {
		if r, ok := x.(map[string]any); ok {
			out = append(out, r)
		}
	}
	return out
}

// user looks a user up by name.
func (o oracle) user(t *testing.T, name string) (map[string]any, bool) {
	t.Helper()
	for _, u := range resources(o.must(t, "GET", "/Users?filter="+url.QueryEscape(`userName eq "`+name+`"`), "")) {
		if u["userName"] == name {
			return u, true
		}
	}
	return nil, false
}

func (o oracle) id(t *testing.T, name string) string {
	t.Helper()
	u, ok := o.user(t, name)
	if !ok {
		t.Fatalf("oracle: no user %s", name)
	}
	return fmt.Sprint(u["id"])
}

func (o oracle) groups(t *testing.T) []map[string]any {
	t.Helper()
	return resources(o.must(t, "GET", "/Groups?count=100", ""))
}

func (o oracle) group(t *testing.T, entitlement string) string {
	t.Helper()
	for _, g := range o.groups(t) {
		if "group:"+fmt.Sprint(g["displayName"]) == entitlement {
			return fmt.Sprint(g["id"])
		}
	}
	t.Fatalf("oracle: no %s", entitlement)
	return ""
}

// members gives the ids a group lists, as often as it lists them.
func members(group map[string]any) []string {
	list, _ := group["members"].([]any)
	out := make([]string, 0, len(list))
	for _, x := range list {
		m, _ := x.(map[string]any)
		out = append(out, fmt.Sprint(m["value"]))
	}
	return out
}

func (o oracle) Seen(t *testing.T, name string) (connectortest.Seen, bool) {
	t.Helper()
	u, ok := o.user(t, name)
	if !ok {
		return connectortest.Seen{}, false
	}
	seen := connectortest.Seen{Ref: onus.AccountRef(fmt.Sprint(u["id"])), Enabled: u["active"] == true}
	for _, g := range o.groups(t) {
		if slices.Contains(members(g), fmt.Sprint(u["id"])) {
			seen.Holds = append(seen.Holds, "group:"+fmt.Sprint(g["displayName"]))
		}
	}
	return seen, true
}

func (o oracle) Create(t *testing.T, name string) {
	t.Helper()
	o.must(t, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"active":true}`, name)
}

func (o oracle) Delete(t *testing.T, name string) {
	t.Helper()
	o.must(t, "DELETE", "/Users/"+o.id(t, name), "")
}

const patching = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[%s]}`

func (o oracle) patch(t *testing.T, path, format string, args ...any) {
	t.Helper()
	o.must(t, "PATCH", path, patching, fmt.Sprintf(format, args...))
}

func (o oracle) Rename(t *testing.T, old, name string) {
	t.Helper()
	o.patch(t, "/Users/"+o.id(t, old), `{"op":"replace","path":"userName","value":%q}`, name)
}

func (o oracle) Grant(t *testing.T, name, entitlement string) {
	t.Helper()
	o.patch(t, "/Groups/"+o.group(t, entitlement), `{"op":"add","path":"members","value":[{"value":%q}]}`, o.id(t, name))
}

func (o oracle) Revoke(t *testing.T, name, entitlement string) {
	t.Helper()
	o.patch(t, "/Groups/"+o.group(t, entitlement), `{"op":"remove","path":%q}`, `members[value eq "`+o.id(t, name)+`"]`)
}

func (o oracle) newGroup(t *testing.T, name string) string {
	t.Helper()
	return fmt.Sprint(o.must(t, "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q}`, name)["id"])
}

func (o oracle) RenameEntitlement(t *testing.T, old, entitlement string) {
	t.Helper()
	_, name, _ := strings.Cut(entitlement, ":")
	o.patch(t, "/Groups/"+o.group(t, old), `{"op":"replace","path":"displayName","value":%q}`, name)
}

// GrantOtherwise puts the account into a group that is put into the group.
func (o oracle) GrantOtherwise(t *testing.T, name, entitlement string) string {
	t.Helper()
	child := "nested" + name
	id := o.newGroup(t, child)
	o.Grant(t, name, "group:"+child)
	o.patch(t, "/Groups/"+o.group(t, entitlement), `{"op":"add","path":"members","value":[{"value":%q}]}`, id)
	return "group:" + child
}

// LastMember makes the account the only member of a group. SCIM has no rule
// against an empty one.
func (o oracle) LastMember(t *testing.T, name string) string {
	t.Helper()
	group := "group:last" + name
	o.newGroup(t, "last"+name)
	o.Grant(t, name, group)
	return group
}

func (o oracle) FreeAttribute() string { return "department" }

func (o oracle) Attribute(t *testing.T, name, attribute string) string {
	t.Helper()
	u, ok := o.user(t, name)
	if !ok {
		t.Fatalf("oracle: no user %s", name)
	}
	extension, _ := u["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"].(map[string]any)
	value, _ := extension[attribute].(string)
	return value
}

func (o oracle) Attributes(name string) onus.Attributes {
	return onus.Attributes{
		"displayName": "Ana " + name, "givenName": "Ana", "familyName": name, "mail": name + "@acme.example",
		"title": "Clerk", "department": "Finance", "externalId": "hr-" + name,
	}
}

// CreatePastPage makes more users than the connector asks for at once.
func (o oracle) CreatePastPage(t *testing.T) []string {
	t.Helper()
	names := make([]string, 0, 25)
	for i := range 25 {
		name := fmt.Sprintf("page%s%02d", strings.ToLower(strings.Map(letters, t.Name())), i)
		names = append(names, name)
		if _, ok := o.user(t, name); !ok {
			o.Create(t, name)
		}
	}
	return names
}

func letters(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
		return r
	}
	return -1
}
