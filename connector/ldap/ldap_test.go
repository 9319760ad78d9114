package ldap_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/ldap"
	"github.com/onus-id/onus/internal/rig"
)

func account(verb onus.Verb, ref onus.AccountRef, name string) connector.Desired {
	return connector.Desired{Verb: verb, Target: onus.Target{Account: ref, Name: name}}
}

func grant(verb onus.Verb, ref onus.AccountRef, name, entitlement string) connector.Desired {
	return connector.Desired{Verb: verb, Target: onus.Target{Account: ref, Name: name, Entitlement: entitlement}}
}

// ana makes one account and gives its ref.
func (g *target) ana(t *testing.T) onus.AccountRef {
	t.Helper()
	g.Create(t, "ana")
	seen, _ := g.Seen(t, "ana")
	return seen.Ref
}

func (g *target) apply(t *testing.T, want connector.Desired) connector.Outcome {
	t.Helper()
	r, err := g.c.Apply(t.Context(), want)
	if err != nil {
		t.Fatalf("apply %s %+v: %v", want.Verb, want.Target, err)
	}
	return r.Outcome
}

func (g *target) verify(t *testing.T, want connector.Desired) connector.Verdict {
	t.Helper()
	v, err := g.c.Verify(t.Context(), want)
	if err != nil {
		t.Fatalf("verify %s %+v: %v", want.Verb, want.Target, err)
	}
	return v
}

// refused checks an error's kind, and that its message tells a person something.
func refused(t *testing.T, err error, kind connector.Kind, says string) {
	t.Helper()
	var e *connector.Error
	if !errors.As(err, &e) || e.Kind != kind || !strings.Contains(e.Message, says) {
		t.Errorf("got %v, want kind %s saying %q", err, kind, says)
	}
}

// configure changes the running server.
func (g *target) configure(t *testing.T, filter, change string) {
	t.Helper()
	out := g.runAs(t, g.slapd.ConfigDN(), "", "ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", "cn=config", filter, "dn")
	dn, _, _ := strings.Cut(out, "\n")
	g.runAs(t, g.slapd.ConfigDN(), dn+"\nchangetype: modify\n"+change+"\n", "ldapmodify")
}

// OpenLDAP writes pwdAccountLockedTime with success, and the bind still works
// until the policy has pwdLockout TRUE.
func TestALockThatNoPolicyEnforcesDoesNotHold(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	off := account(onus.EnsureDisabled, g.ana(t), "ana")
	g.modify(t, "dn: "+rig.SlapdPolicy+"\nchangetype: modify\nreplace: pwdLockout\npwdLockout: FALSE\n")
	if got := g.apply(t, off); got != connector.Wrote {
		t.Errorf("outcome %s", got)
	}
	if !g.CanLogIn(t, "ana") {
		t.Fatal("the lock has an effect: this test proves nothing")
	}
	if v := g.verify(t, off); v.Holds || len(v.Residual) == 0 || !strings.Contains(v.Evidence, "pwdLockout") {
		t.Errorf("the account can log in, and the verdict is %+v", v)
	}
	g.modify(t, "dn: "+rig.SlapdPolicy+"\nchangetype: modify\nreplace: pwdLockout\npwdLockout: TRUE\n")
	if v := g.verify(t, off); !v.Holds || v.Tier != onus.TierEffective {
		t.Errorf("the account is refused, and the verdict is %+v", v)
	}
}

// A server that does not say why it refuses leaves the lock unseen.
func TestALockThatWasNotSeenIsNotCalledEffective(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	off := account(onus.EnsureDisabled, g.ana(t), "ana")
	g.apply(t, off)
	g.configure(t, "(objectClass=olcPPolicyConfig)", "replace: olcPPolicyUseLockout\nolcPPolicyUseLockout: FALSE")
	if v := g.verify(t, off); !v.Holds || v.Tier != onus.TierStored || !strings.Contains(v.Evidence, "not seen in effect") {
		t.Errorf("the verdict is %+v", v)
	}
	blind := g.open(t, func(s map[string]string) { delete(s, "policy_dn") }, g.slapd.Password())
	v, err := blind.Verify(t.Context(), off)
	if err != nil || v.Tier != onus.TierStored || !strings.Contains(v.Evidence, "no password policy can be read") {
		t.Errorf("without a policy to read the verdict is %+v, %v", v, err)
	}
}

// Wrong passwords lock for a while; that is not a decision of ours.
func TestALockAfterWrongPasswordsIsNotDisabled(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	ref := g.ana(t)
	g.modify(t, "dn: "+g.dn("ana")+"\nchangetype: modify\nadd: pwdAccountLockedTime\npwdAccountLockedTime: 20200101000000Z\n")
	a, err := g.c.Read(t.Context(), ref)
	if err != nil || !a.Enabled {
		t.Errorf("read %+v, %v", a, err)
	}
	if got := g.apply(t, account(onus.EnsureDisabled, ref, "ana")); got != connector.Wrote {
		t.Errorf("disabling ended as %s", got)
	}
}

// An account that was bound before the lock goes on: the verdict says that it
// cannot see that.
func TestSessionsThatCannotBeSeenAreSaidSo(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	off := account(onus.EnsureDisabled, g.ana(t), "ana")
	g.apply(t, off)
	if v := g.verify(t, off); !strings.Contains(v.Evidence, "sessions bound before cannot be seen") {
		t.Errorf("the verdict is %+v", v)
	}
	if g.c.Describe().Sessions {
		t.Error("the connector claims sessions")
	}
}

// A page read as the full list made live accounts look deleted
// (awslabs/ssosync #65).
func TestAnAnswerEndedByTheSizeLimitIsNotComplete(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	var ldif strings.Builder
	for i := range 120 {
		ldif.WriteString(g.person(fmt.Sprintf("u%d", i)))
	}
	g.load(t, ldif.String())
	narrow := g.open(t, func(s map[string]string) { s["bind_dn"] = g.slapd.NarrowDN(); s["page_size"] = "20" }, g.slapd.Password())
	n := 0
	complete, err := narrow.Scan(t.Context(), func(connector.Account) error { n++; return nil })
	if complete || n >= 120 {
		t.Errorf("a scan of %d of 120 calls itself complete: %t", n, complete)
	}
	refused(t, err, connector.Denied, "prtotal")
}

// A directory that hides everything must not look empty.
func TestABaseThatIsNotThereIsNoEmptyDirectory(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	for _, setting := range []string{"people_base", "groups_base"} {
		lost := g.open(t, func(s map[string]string) { s[setting] = "ou=lost," + rig.SlapdBase }, g.slapd.Password())
		complete, err := lost.Scan(t.Context(), func(connector.Account) error { return nil })
		if complete {
			t.Error("a scan below nothing is complete")
		}
		refused(t, err, connector.Denied, "is not there, or")
		refused(t, lost.Probe(t.Context()), connector.Denied, "is not there, or")
	}
}

func TestTheLastMemberStaysWhereNothingMayStandIn(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), func(s map[string]string) { delete(s, "placeholder") })
	ref := g.ana(t)
	g.LastMember(t, "ana")
	_, err := g.c.Apply(t.Context(), grant(onus.EnsureAbsent, ref, "ana", "group:lonely"))
	refused(t, err, connector.Constraint, "last member")
	if seen, _ := g.Seen(t, "ana"); !slices.Equal(seen.Holds, []string{"group:lonely"}) {
		t.Errorf("the oracle sees %v", seen.Holds)
	}
}

// The same name recreated inherits what hung on the old one: OpenLDAP keeps
// members that do not exist.
func TestAccessLeftOfAnEarlierAccountIsNotInherited(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	g.Grant(t, "ana", "group:alpha") // a ghost: nobody has this name
	born := account(onus.EnsurePresent, "", "ana")
	_, err := g.c.Apply(t.Context(), born)
	refused(t, err, connector.Constraint, "earlier account")
	gone := account(onus.EnsureAbsent, "", "ana")
	if v := g.verify(t, gone); v.Holds || len(v.Residual) != 1 {
		t.Errorf("a group still lists the name, and the verdict is %+v", v)
	}
	if got := g.apply(t, gone); got != connector.Wrote {
		t.Errorf("taking it out ended as %s", got)
	}
	if v := g.verify(t, gone); !v.Holds {
		t.Errorf("the verdict is %+v", v)
	}
	if got := g.apply(t, gone); got != connector.NoChange {
		t.Errorf("again: %s", got)
	}
	g.apply(t, born)
	if seen, _ := g.Seen(t, "ana"); len(seen.Holds) != 0 {
		t.Errorf("the new account holds %v", seen.Holds)
	}
}

// The memberof overlay hands an assertion on to its own change, where it
// fails: memberOf then keeps what the group no longer lists, and whoever asks
// it still lets the account in.
func TestAMembershipThatTheServerStillShowsIsLeft(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	want := grant(onus.EnsureAbsent, g.ana(t), "ana", "group:alpha")
	g.Grant(t, "ana", "group:alpha")
	g.run(t, "dn: "+g.groupDN("alpha")+"\nchangetype: modify\ndelete: member\nmember: "+g.dn("ana")+"\n", "ldapmodify", "-e", "!assert=(cn=alpha)")
	if v := g.verify(t, want); v.Holds || len(v.Residual) != 1 || !strings.Contains(v.Residual[0], "memberOf") {
		t.Errorf("memberOf still names the group, and the verdict is %+v", v)
	}
}

// On a server that mends nothing itself, groups outside groups_base would go
// on listing the name.
func TestADeletedAccountIsInNoGroupOutsideTheBase(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	out := g.runAs(t, g.slapd.ConfigDN(), "", "ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", "cn=config", "(objectClass=olcRefintConfig)", "dn")
	dn, _, _ := strings.Cut(strings.TrimPrefix(out, "dn: "), "\n")
	g.runAs(t, g.slapd.ConfigDN(), "", "ldapdelete", dn)
	other := newTarget(t, g.slapd, nil)
	ref := g.ana(t)
	g.modify(t, "dn: "+other.groupDN("alpha")+"\nchangetype: modify\nadd: member\nmember: "+g.dn("ana")+"\n")
	g.apply(t, account(onus.EnsureAbsent, ref, "ana"))
	if left := g.search(t, rig.SlapdGroups, "(member="+g.dn("ana")+")", "cn"); len(left) != 0 {
		t.Errorf("the oracle sees the name in %v", left)
	}
}

func TestAnEmptyDirectoryIsComplete(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	complete, err := g.c.Scan(t.Context(), func(a connector.Account) error { return fmt.Errorf("there is %v", a) })
	if !complete || err != nil {
		t.Errorf("complete %t, %v", complete, err)
	}
}

// Between the read and the write somebody renames the account, and another
// takes its name.
func TestAWriteDoesNotFollowANameToSomebodyElse(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	ref := g.ana(t)
	done := false
	g.cutter.CutRequest(func(request []byte) bool {
		if !done && isWrite(request) {
			done = true
			g.Rename(t, "ana", "maria")
			g.Create(t, "ana")
		}
		return false
	})
	_, err := g.c.Apply(t.Context(), account(onus.EnsureDisabled, ref, "ana"))
	refused(t, err, connector.Conflict, "")
	for _, name := range []string{"ana", "maria"} {
		if seen, _ := g.Seen(t, name); !seen.Enabled {
			t.Errorf("%s was disabled", name)
		}
	}
}

func TestGroupsInACircleEnd(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	ref := g.ana(t)
	g.group(t, "one", g.dn("ana"))
	g.group(t, "two", g.groupDN("one"))
	g.modify(t, "dn: "+g.groupDN("one")+"\nchangetype: modify\nadd: member\nmember: "+g.groupDN("two")+"\nmember: "+g.groupDN("one")+"\n")
	a, err := g.c.Read(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]string, len(a.Holds))
	for i, h := range a.Holds {
		got[i] = fmt.Sprint(h.Entitlement, " ", h.Path, " ", h.Via)
	}
	if want := []string{"group:one direct ", "group:two inherited group:one"}; !slices.Equal(got, want) {
		t.Errorf("holds %q, want %q", got, want)
	}
}

func TestARenameKeepsTheRefAndTheGroups(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	ref := g.ana(t)
	g.Grant(t, "ana", "group:alpha")
	want := account(onus.EnsureAttributes, ref, "ana")
	want.Attributes = onus.Attributes{"uid": "Kim, Ana", "sn": "Kim"}
	if got := g.apply(t, want); got != connector.Wrote {
		t.Errorf("outcome %s", got)
	}
	if v := g.verify(t, want); !v.Holds {
		t.Errorf("the verdict is %+v", v)
	}
	if got := g.apply(t, want); got != connector.NoChange {
		t.Errorf("again: %s", got)
	}
	a, err := g.c.Find(t.Context(), "Kim, Ana")
	if err != nil || a.Ref != ref || len(a.Holds) != 1 {
		t.Errorf("found %+v, %v", a, err)
	}
	for _, e := range g.search(t, g.groups, "(cn=alpha)", "member") {
		if len(e["member"]) != 2 {
			t.Errorf("the oracle sees the members %q", e["member"])
		}
	}
	g.Create(t, "bo")
	bo, _ := g.Seen(t, "bo")
	taken := account(onus.EnsureAttributes, bo.Ref, "bo")
	taken.Attributes = onus.Attributes{"uid": "Kim, Ana"}
	_, err = g.c.Apply(t.Context(), taken)
	if k := connector.KindOf(err); k != connector.AlreadyExists && k != connector.Constraint {
		t.Errorf("a name that is taken gives %v", err)
	}
}

func TestWhatTheServerRefusesIsTold(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	ref := g.ana(t)
	narrow := g.open(t, func(s map[string]string) { s["bind_dn"] = g.slapd.NarrowDN() }, g.slapd.Password())
	with := func(verb onus.Verb, attributes onus.Attributes) connector.Desired {
		want := account(verb, ref, "ana")
		want.Attributes = attributes
		return want
	}
	for name, c := range map[string]struct {
		c    connector.Connector
		want connector.Desired
		kind connector.Kind
		says string
	}{
		"no right":                 {narrow, account(onus.EnsureDisabled, ref, "ana"), connector.Denied, "(50)"},
		"no right for a group":     {narrow, grant(onus.EnsurePresent, ref, "ana", "group:alpha"), connector.Denied, "(50)"},
		"unknown attribute":        {g.c, with(onus.EnsureAttributes, onus.Attributes{"shoeSize": "43"}), connector.Invalid, "(17)"},
		"wrong syntax":             {g.c, with(onus.EnsureAttributes, onus.Attributes{"manager": "nobody"}), connector.Invalid, "(21)"},
		"a needed attribute":       {g.c, with(onus.EnsureAttributes, onus.Attributes{"sn": ""}), connector.Constraint, "(65)"},
		"a password":               {g.c, with(onus.EnsureAttributes, onus.Attributes{"userPassword": "x"}), connector.Invalid, "not set by a workflow"},
		"a class":                  {g.c, with(onus.EnsureAttributes, onus.Attributes{"objectClass": "top"}), connector.Invalid, "not set by a workflow"},
		"an injected attribute":    {g.c, with(onus.EnsureAttributes, onus.Attributes{"cn)(x=*": "y"}), connector.Invalid, "no name of an attribute"},
		"a ref that is none":       {g.c, account(onus.EnsureDisabled, "*)(uid=*", "ana"), connector.NotFound, ""},
		"a group in other letters": {g.c, grant(onus.EnsurePresent, ref, "ana", "group:ALPHA"), connector.PrincipalMissing, "ALPHA"},
		"an entitlement of others": {g.c, grant(onus.EnsurePresent, ref, "ana", "role:x"), connector.Unsupported, "group:NAME"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.c.Apply(t.Context(), c.want)
			refused(t, err, c.kind, c.says)
		})
	}
	t.Run("a uid that is taken elsewhere", func(t *testing.T) {
		other := newTarget(t, g.slapd, nil)
		_, err := other.c.Apply(t.Context(), account(onus.EnsurePresent, "", "ana"))
		refused(t, err, connector.Constraint, "(19)")
	})
}

func TestAListOfValuesIsSetAndRead(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	want := account(onus.EnsureAttributes, g.ana(t), "ana")
	want.Attributes = onus.Attributes{"mail": `["b@acme.example","a@acme.example"]`, "manager": "UID=ana, " + g.people}
	g.apply(t, want)
	if v := g.verify(t, want); !v.Holds {
		t.Errorf("the verdict is %+v", v)
	}
	if got := g.apply(t, want); got != connector.NoChange {
		t.Errorf("again: %s", got)
	}
	a, err := g.c.Find(t.Context(), "ana")
	if err != nil || a.Attributes["mail"] != `["a@acme.example","b@acme.example"]` {
		t.Errorf("read %+v, %v", a, err)
	}
	if a.Attributes["userPassword"] != "" || a.Attributes["objectClass"] != "" {
		t.Errorf("a read gives %v", a.Attributes)
	}
}

func TestADirectoryThatIsAwayIsTransientAndComesBack(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	ref := g.ana(t)
	want := grant(onus.EnsurePresent, ref, "ana", "group:alpha")
	if _, err := g.c.Find(t.Context(), "ana"); err != nil {
		t.Fatal(err)
	}
	g.cutter.Refuse(true) // the idle connection dies too
	_, err := g.c.Apply(t.Context(), want)
	refused(t, err, connector.Transient, "")
	g.cutter.Refuse(false)
	if got := g.apply(t, want); got != connector.Wrote {
		t.Errorf("outcome %s", got)
	}
}

// A read that gets no answer in time is safe to repeat.
func TestAReadOutOfTimeIsTransient(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), func(s map[string]string) { s["timeout"] = "400ms" })
	ref := g.ana(t)
	g.cutter.Delay(5 * time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for _, ctx := range []context.Context{ctx, t.Context()} { // the caller's time, and ours
		start := time.Now()
		_, err := g.c.Read(ctx, ref)
		refused(t, err, connector.Transient, "in time")
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
	}
}

// A write that gets no answer in time may have been carried out.
func TestAWriteOutOfTimeIsAmbiguous(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), func(s map[string]string) { s["timeout"] = "500ms" })
	ref := g.ana(t)
	g.liar.hold(5 * time.Second)
	_, err := g.c.Apply(t.Context(), grant(onus.EnsurePresent, ref, "ana", "group:alpha"))
	refused(t, err, connector.Ambiguous, "in time")
}

func TestTLSIsAskedForAndChecked(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	g.ana(t)
	secure := g.open(t, func(s map[string]string) {
		s["url"], s["start_tls"], s["ca_file"] = g.slapd.URL(), "true", g.slapd.CAFile()
	}, g.slapd.Password())
	if _, err := secure.Find(t.Context(), "ana"); err != nil {
		t.Error(err)
	}
	strange := g.open(t, func(s map[string]string) { s["url"], s["start_tls"] = g.slapd.URL(), "true" }, g.slapd.Password())
	_, err := strange.Find(t.Context(), "ana")
	if err == nil {
		t.Fatal("a certificate that nobody trusts is trusted")
	}
	refused(t, err, connector.KindOf(err), "no TLS")
}

func TestSettingsAreChecked(t *testing.T) {
	good := map[string]string{"url": "ldaps://ldap.acme.example", "bind_dn": "cn=onus", "people_base": "ou=people", "groups_base": "ou=groups"}
	secret := func(string) (string, error) { return "x", nil }
	for change, says := range map[string]string{
		"":                                  "",
		"url=":                              "url",
		"url=http://x":                      "url",
		"url=ldap://user:pw@localhost":      "more than",
		"url=ldap://ldap.acme.example":      "in the clear",
		"url=ldap://127.0.0.1":              "",
		"bind_dn=":                          "bind_dn is missing",
		"people_base=nonsense":              "people_base is no DN",
		"page_size=0":                       "page_size",
		"page_size=many":                    "page_size",
		"timeout=10":                        "timeout",
		"start_tls=yes":                     "start_tls",
		"start_tls=true":                    "exclude each other",
		"ca_file=/nowhere/at/all":           "cannot be read",
		"group_class=x)(y":                  "no LDAP name",
		"peeple_base=ou=people":             `no setting "peeple_base"`,
		"account_classes=person, posixUser": "",
	} {
		given := maps.Clone(good)
		if k, v, ok := strings.Cut(change, "="); ok {
			given[k] = v
		}
		_, err := ldap.Open(given, secret)
		if says == "" {
			if err != nil {
				t.Errorf("%q: %v", change, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%q is taken", change)
			continue
		}
		refused(t, err, connector.Invalid, says)
	}
	if _, err := ldap.Open(good, nil); err == nil {
		t.Error("no way to get the password, and it opens")
	}
}

func TestASecretThatCannotBeReadIsSaidWithoutIt(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	for name, secret := range map[string]func(string) (string, error){
		"an error":  func(string) (string, error) { return "", errors.New("the file is gone") },
		"no secret": func(string) (string, error) { return "", nil },
	} {
		c, err := ldap.Open(map[string]string{"url": g.slapd.URL(), "bind_dn": g.slapd.BindDN(), "people_base": g.people, "groups_base": g.groups}, secret)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { refused(t, c.Probe(t.Context()), connector.Unauthenticated, "the secret") })
	}
}
