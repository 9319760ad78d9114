package ldap_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/connector/ldap"
	"github.com/onus-id/onus/internal/rig"
)

const userPassword = "open-sesame-1"

// target is a corner of a real slapd of its own, seen by ldap-utils.
type target struct {
	slapd          *rig.Slapd
	people, groups string
	passwordFile   string
	cutter         *connectortest.Proxy
	liar           *liar
	c              connector.Connector
}

var corners atomic.Int64

// newTarget makes a corner. Between the connector and slapd stand a liar and
// a proxy that cuts.
func newTarget(t *testing.T, slapd *rig.Slapd, change func(settings map[string]string)) *target {
	t.Helper()
	n := corners.Add(1)
	g := &target{
		slapd:  slapd,
		people: fmt.Sprintf("ou=t%d,%s", n, rig.SlapdPeople), groups: fmt.Sprintf("ou=t%d,%s", n, rig.SlapdGroups),
		passwordFile: filepath.Join(t.TempDir(), "password"),
		cutter:       connectortest.NewProxy(t, slapd.Addr()),
	}
	if err := os.WriteFile(g.passwordFile, []byte(slapd.RootPassword()), 0o600); err != nil {
		t.Fatal(err)
	}
	g.liar = newLiar(t, g.cutter.Addr())
	g.load(t, "dn: "+g.people+"\nobjectClass: organizationalUnit\n\ndn: "+g.groups+"\nobjectClass: organizationalUnit\n")
	g.group(t, "alpha", rig.SlapdNobody)
	g.group(t, "beta", rig.SlapdNobody)
	g.c = g.open(t, change, slapd.Password())
	return g
}

// open opens a connector by way of the liar and the cutter.
func (g *target) open(t *testing.T, change func(map[string]string), password string) connector.Connector {
	t.Helper()
	settings := map[string]string{
		"url": "ldap://" + g.liar.addr(), "bind_dn": g.slapd.BindDN(), "people_base": g.people, "groups_base": g.groups,
		"placeholder": rig.SlapdNobody, "policy_dn": rig.SlapdPolicy, "page_size": "100", "timeout": "5s",
	}
	if change != nil {
		change(settings)
	}
	c, err := ldap.Open(settings, func(name string) (string, error) {
		if name != "password" {
			return "", fmt.Errorf("no secret %q", name)
		}
		return password, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if closer, ok := c.(connector.Closer); ok {
			closer.Close()
		}
	})
	return c
}

// run runs one of the ldap-utils as the directory's root.
func (g *target) run(t *testing.T, input, program string, args ...string) string {
	t.Helper()
	return g.runAs(t, g.slapd.RootDN(), input, program, args...)
}

func (g *target) runAs(t *testing.T, dn, input, program string, args ...string) string {
	t.Helper()
	args = append([]string{"-x", "-H", g.slapd.URL(), "-D", dn, "-y", g.passwordFile}, args...)
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the oracle: %s %q: %v: %s\n%s", program, args, err, out, input)
	}
	return string(out)
}

func (g *target) load(t *testing.T, ldif string)   { t.Helper(); g.run(t, ldif, "ldapadd") }
func (g *target) modify(t *testing.T, ldif string) { t.Helper(); g.run(t, ldif, "ldapmodify") }

// search gives attribute values of every entry found, by attribute, in order.
func (g *target) search(t *testing.T, base, filter string, attributes ...string) []map[string][]string {
	t.Helper()
	out := g.run(t, "", "ldapsearch", append([]string{"-LLL", "-o", "ldif-wrap=no", "-E", "pr=400/noprompt", "-b", base, filter}, attributes...)...)
	var entries []map[string][]string
	for block := range strings.SplitSeq(out, "\n\n") {
		entry := map[string][]string{}
		for line := range strings.SplitSeq(block, "\n") {
			key, value, ok := strings.Cut(line, ":")
			if !ok || strings.HasPrefix(line, "#") {
				continue
			}
			if encoded, is64 := strings.CutPrefix(value, ":"); is64 {
				raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
				if err != nil {
					t.Fatal(err)
				}
				value = " " + string(raw)
			}
			entry[key] = append(entry[key], strings.TrimPrefix(value, " "))
		}
		if len(entry) > 0 {
			entries = append(entries, entry)
		}
	}
	return entries
}

func (g *target) dn(name string) string { return "uid=" + name + "," + g.people }

func (g *target) groupDN(entitlement string) string {
	return "cn=" + strings.TrimPrefix(entitlement, "group:") + "," + g.groups
}

func (g *target) group(t *testing.T, name string, members ...string) {
	t.Helper()
	g.load(t, "dn: "+g.groupDN(name)+"\nobjectClass: groupOfNames\nmember: "+strings.Join(members, "\nmember: ")+"\n")
}

func (g *target) Connector() connector.Connector { return g.c }
func (g *target) Entitlements() (a, b string)    { return "group:alpha", "group:beta" }
func (g *target) Attributes(name string) onus.Attributes {
	return onus.Attributes{"cn": name, "sn": name}
}

func (g *target) Seen(t *testing.T, name string) (connectortest.Seen, bool) {
	t.Helper()
	found := g.search(t, g.people, "(uid="+name+")", "entryUUID", "pwdAccountLockedTime")
	if len(found) == 0 {
		return connectortest.Seen{}, false
	}
	seen := connectortest.Seen{Ref: onus.AccountRef(found[0]["entryUUID"][0]), Enabled: len(found[0]["pwdAccountLockedTime"]) == 0}
	for _, group := range g.search(t, g.groups, "(member="+g.dn(name)+")", "cn") {
		seen.Holds = append(seen.Holds, "group:"+group["cn"][0])
	}
	return seen, true
}

func (g *target) Create(t *testing.T, name string) {
	t.Helper()
	g.load(t, g.person(name))
}

func (g *target) person(name string) string {
	return "dn: " + g.dn(name) + "\nobjectClass: inetOrgPerson\ncn: " + name + "\nsn: " + name + "\nuserPassword: " + userPassword + "\n\n"
}

func (g *target) Delete(t *testing.T, name string) {
	t.Helper()
	g.run(t, "", "ldapdelete", g.dn(name))
}

func (g *target) Rename(t *testing.T, old, name string) {
	t.Helper()
	g.run(t, "", "ldapmodrdn", "-r", g.dn(old), "uid="+name)
}

func (g *target) Grant(t *testing.T, name, entitlement string) {
	t.Helper()
	g.modify(t, "dn: "+g.groupDN(entitlement)+"\nchangetype: modify\nadd: member\nmember: "+g.dn(name)+"\n")
}

func (g *target) Revoke(t *testing.T, name, entitlement string) {
	t.Helper()
	g.modify(t, "dn: "+g.groupDN(entitlement)+"\nchangetype: modify\ndelete: member\nmember: "+g.dn(name)+"\n")
}

func (g *target) CanLogIn(t *testing.T, name string) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ldapwhoami", "-x", "-H", g.slapd.URL(), "-D", g.dn(name), "-w", userPassword)
	out, err := cmd.CombinedOutput()
	if err != nil && !strings.Contains(string(out), "Invalid credentials (49)") {
		t.Fatalf("the oracle: ldapwhoami: %v: %s", err, out)
	}
	return err == nil
}

func (g *target) FreeAttribute() string { return "description" }

func (g *target) Attribute(t *testing.T, name, attribute string) string {
	t.Helper()
	for _, e := range g.search(t, g.people, "(uid="+name+")", attribute) {
		if v := e[attribute]; len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

func (g *target) RenameEntitlement(t *testing.T, old, entitlement string) {
	t.Helper()
	g.run(t, "", "ldapmodrdn", "-r", g.groupDN(old), "cn="+strings.TrimPrefix(entitlement, "group:"))
}

func (g *target) LastMember(t *testing.T, name string) string {
	t.Helper()
	g.group(t, "lonely", g.dn(name))
	return "group:lonely"
}

// GrantOtherwise nests: the account is in inner, inner is in outer, outer in
// the group.
func (g *target) GrantOtherwise(t *testing.T, name, entitlement string) string {
	t.Helper()
	g.group(t, "inner", g.dn(name))
	g.group(t, "outer", g.groupDN("inner"))
	g.modify(t, "dn: "+g.groupDN(entitlement)+"\nchangetype: modify\nadd: member\nmember: "+g.groupDN("outer")+"\n")
	return "group:inner"
}

func (g *target) CutNextWrite(_ *testing.T, forwarded bool) {
	if forwarded {
		g.cutter.CutAnswer(isWrite)
	} else {
		g.cutter.CutRequest(isWrite)
	}
}

func (g *target) CutNextScan(*testing.T) {
	// The second page of accounts: 100 entries of more than 100 bytes fit in
	// the first, so that this many bytes end in the middle of one.
	pages := 0
	g.cutter.CutAnswersAfter(20_000, func(request []byte) bool {
		if strings.Contains(string(request), g.people) && strings.Contains(string(request), "1.2.840.113556.1.4.319") {
			pages++
		}
		return pages == 2
	})
}

func (g *target) LieOnNextWrite(*testing.T) { g.liar.lie() }

// CreatePastPage goes past the page size and past the 500 of one answer.
func (g *target) CreatePastPage(t *testing.T) []string {
	t.Helper()
	var ldif strings.Builder
	names := make([]string, 1203)
	for i := range names {
		names[i] = fmt.Sprintf("many%d", i)
		ldif.WriteString(g.person(names[i]))
	}
	g.load(t, ldif.String())
	return names
}

func (g *target) Secrets() []string {
	return []string{g.slapd.Password(), "wrong-secret-4"}
}

func (g *target) WithWrongSecret(t *testing.T) connector.Connector {
	t.Helper()
	return g.open(t, nil, "wrong-secret-4")
}

func TestOpenLDAPKeepsTheContract(t *testing.T) {
	slapd := rig.NeedSlapd(t)
	connectortest.Run(t, func(t *testing.T) connectortest.Target {
		t.Helper()
		return newTarget(t, slapd, nil)
	})
}
