package authority_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/onus-id/onus/internal/authority"
)

// actions are all of them, in the order of the matrix.
var actions = []authority.Action{
	authority.Look, authority.Request, authority.Withdraw, authority.Approve, authority.Deny, authority.Acknowledge, authority.Take,
	authority.HandOver, authority.Snooze, authority.Retry, authority.Amend, authority.Refuse, authority.Override, authority.Reverse,
	authority.Pause, authority.Recall, authority.Propose, authority.Publish, authority.Reject, authority.Accept, authority.Decline,
	authority.Away, authority.AskErasure, authority.Erase, authority.Administer, authority.Keep, authority.Report,
	authority.Certify, authority.Review, authority.Lift,
	authority.Reply, authority.Close, authority.Delegate, authority.Undelegate, authority.Exempt, authority.Practise, authority.RefuseErasure, authority.Emergency, authority.Vouch,
	authority.Drill, authority.Waive,
}

const ana = "ana@acme.example"

var somebody = authority.Somebody{Name: ana, Active: true}

func with(change func(*authority.Somebody)) authority.Somebody {
	who := somebody
	change(&who)
	return who
}

// relations are every way in which somebody may stand to a thing.
var relations = []struct {
	name string
	who  authority.Somebody
	on   authority.Thing
}{
	{"nobody to it", somebody, authority.Thing{}},
	{"its owner", somebody, authority.Thing{Owners: []string{ana}}},
	{"its owner, mail in capitals", somebody, authority.Thing{Owners: []string{"Ana@ACME.example"}}},
	{"its owner once, another stands now", somebody, authority.Thing{Owners: []string{"lee@acme.example"}}},
	{"its owner, who has left", with(func(s *authority.Somebody) { s.Active = false }), authority.Thing{Owners: []string{ana}, Asked: []string{ana}}},
	{"control owner", somebody, authority.Thing{Controls: []string{ana}}},
	{"asked", somebody, authority.Thing{Asked: []string{ana}}},
	{"on the route", somebody, authority.Thing{Route: []string{ana}}},
	{"asked and the subject", somebody, authority.Thing{Asked: []string{ana}, Route: []string{ana}, Owners: []string{ana}, Subjects: []string{ana}}},
	{"asked and the requester", somebody, authority.Thing{Asked: []string{ana}, Requesters: []string{ana}}},
	{"the requester", somebody, authority.Thing{Requesters: []string{ana}}},
	{"the author", somebody, authority.Thing{Authors: []string{ana}}},
	{"owner and the author", somebody, authority.Thing{Owners: []string{ana}, Authors: []string{ana}}},
	{"the subject", somebody, authority.Thing{Subjects: []string{ana}}},
	{"manager of the subject", somebody, authority.Thing{Managers: []string{ana}}},
	{"unit administrator", with(func(s *authority.Somebody) { s.Administer = []string{"finance"} }), authority.Thing{Units: []string{"finance"}}},
	{"administrator of another unit", with(func(s *authority.Somebody) { s.Administer = []string{"sales"} }), authority.Thing{Units: []string{"finance"}}},
	{"administrator of one of two units", with(func(s *authority.Somebody) { s.Administer = []string{"finance"} }), authority.Thing{Units: []string{"finance", "sales"}}},
	{"escalation head", with(func(s *authority.Somebody) { s.Roles = []authority.Role{authority.Head} }), authority.Thing{}},
	{"auditor", with(func(s *authority.Somebody) { s.Roles = []authority.Role{authority.Auditor} }), authority.Thing{}},
	{"auditor and everything else", with(func(s *authority.Somebody) { s.Roles = []authority.Role{authority.Auditor, authority.Head} }), all()},
	{"administrator of Onus", with(func(s *authority.Somebody) { s.Roles = []authority.Role{authority.Administrator} }), authority.Thing{}},
	{"administrator and everything else", with(func(s *authority.Somebody) { s.Roles = []authority.Role{authority.Administrator, authority.Head} }), all()},
	{"machine without a scope", authority.Somebody{Name: "nhi_ci", Machine: true, Active: true}, authority.Thing{}},
	{"machine that may propose", authority.Somebody{Name: "nhi_ci", Machine: true, Active: true, Scopes: []string{"propose"}}, authority.Thing{}},
	{"machine whose sponsor has left", authority.Somebody{Name: "nhi_ci", Machine: true, Scopes: []string{"propose"}}, authority.Thing{}},
	{"agent in the place of the subject", agent("request"), authority.Thing{Subjects: []string{ana}}},
	{"agent in the place of the manager", agent("request"), authority.Thing{Managers: []string{ana}, Requesters: []string{ana}}},
	{"agent in the place of another", agent("request"), authority.Thing{Subjects: []string{"lee@acme.example"}}},
	{"agent in whose place everybody asks", agent("propose", "request"), all()},
	{"agent whose token is for less", agent("propose"), authority.Thing{Subjects: []string{ana}}},
	{"agent in the place of an auditor", authority.Somebody{Name: "nhi_bot", Machine: true, Active: true, Scopes: []string{"propose", "request"}, Place: ana, Roles: []authority.Role{authority.Auditor}}, authority.Thing{Subjects: []string{ana}}},
	{"agent in the place of a head", authority.Somebody{Name: "nhi_bot", Machine: true, Active: true, Scopes: []string{"request"}, Place: ana, Roles: []authority.Role{authority.Head}}, all()},
	{"agent whose person has left", authority.Somebody{Name: "nhi_bot", Machine: true, Scopes: []string{"request"}, Place: ana}, authority.Thing{Subjects: []string{ana}}},
	{"machine whose own it is", authority.Somebody{Name: "nhi_ci", Machine: true, Active: true}, authority.Thing{Subjects: []string{"nhi_ci"}}},
	{"administrator who asked for it", with(func(s *authority.Somebody) { s.Roles = []authority.Role{authority.Administrator} }), authority.Thing{Requesters: []string{ana}}},
	{"escalation head whom it is about", with(func(s *authority.Somebody) { s.Roles = []authority.Role{authority.Head} }), authority.Thing{Subjects: []string{ana}}},
	{"machine named everywhere", authority.Somebody{Name: ana, Machine: true, Active: true, Scopes: []string{"propose"}}, all()},
}

// agent is an AI agent in ana's place, with a token for some things.
func agent(scopes ...string) authority.Somebody {
	return authority.Somebody{Name: "nhi_bot", Machine: true, Active: true, Scopes: scopes, Place: ana}
}

// all is a thing to which ana is everything but its subject.
func all() authority.Thing {
	me := []string{ana}
	return authority.Thing{Owners: me, Controls: me, Asked: me, Route: me, Managers: me, Units: []string{"finance"}}
}

// The matrix: every action by every relation, as testdata/matrix shows it.
func TestAuthorityMatrix(t *testing.T) {
	var got strings.Builder
	for _, r := range relations {
		var may []string
		for _, act := range actions {
			if authority.Default.Decide(r.who, act, r.on).Allowed {
				may = append(may, string(act))
			}
		}
		if len(may) == 0 {
			may = []string{"nothing"}
		}
		fmt.Fprintf(&got, "%-36s %s\n", r.name+":", strings.Join(may, " "))
	}
	want, err := os.ReadFile("testdata/matrix")
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the matrix is\n%s\nand should be\n%s", got.String(), want)
	}
}

// Every policy that the file has decides something in the matrix: one that
// never does is either wrong or untested.
func TestEveryPolicyDecidesSomething(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range relations {
		for _, act := range actions {
			seen[authority.Default.Decide(r.who, act, r.on).Policy] = true
		}
	}
	for _, act := range []authority.Action{authority.Erase, authority.Withdraw} { // the one who asked, and an owner too
		on := all()
		on.Requesters = []string{ana}
		seen[authority.Default.Decide(somebody, act, on).Policy] = true
	}
	file, err := os.ReadFile("policy.cedar")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(file)) {
		id, ok := strings.CutPrefix(strings.TrimSpace(line), `@id("`)
		if id = strings.TrimSuffix(id, `")`); ok && !seen[id] {
			t.Errorf("nothing in these tests is decided by policy %s", id)
		}
	}
}

func TestARulingSaysWhy(t *testing.T) {
	on := authority.Thing{Kind: "approval", ID: "apr_1", Asked: []string{ana}}
	for _, c := range []struct {
		who  authority.Somebody
		act  authority.Action
		on   authority.Thing
		want string
	}{
		{somebody, authority.Approve, on, "ana@acme.example may approve approval apr_1, as whoever is asked about it"},
		{authority.Somebody{Name: "lee@acme.example", Active: true}, authority.Approve, on, "lee@acme.example may not approve approval apr_1: only whoever is asked about it may"},
		{with(func(s *authority.Somebody) { s.Active = false }), authority.Approve, on, "ana@acme.example may not approve approval apr_1: only somebody who is active on the roster may"},
		{somebody, "conjure", on, `nobody knows what it is to "conjure"`},
	} {
		if got := authority.Default.Decide(c.who, c.act, c.on).Says; got != c.want {
			t.Errorf("it says %q; want %q", got, c.want)
		}
	}
}

// Whatever else somebody is, alone they bring nobody critical access: a
// version needs another's yes than its author's, and a request another's than
// that of who asked or shall hold it.
func TestNobodyAloneGivesCriticalAccess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		people := []string{ana, "lee@acme.example", "mo@acme.example"}
		some := func(name string) []string {
			return rapid.SliceOfDistinct(rapid.SampledFrom(people), rapid.ID).Draw(t, name)
		}
		who := authority.Somebody{
			Name: ana, Active: true, Machine: rapid.IntRange(0, 9).Draw(t, "machine") == 9,
			Roles:      rapid.SliceOfNDistinct(rapid.SampledFrom([]authority.Role{authority.Head, authority.Administrator, authority.Auditor}), 0, 1, rapid.ID).Draw(t, "roles"),
			Administer: rapid.SliceOfDistinct(rapid.SampledFrom([]string{"finance", "sales"}), rapid.ID).Draw(t, "units"),
			Scopes:     rapid.SliceOfDistinct(rapid.SampledFrom([]string{"propose", "request", "publish", "approve"}), rapid.ID).Draw(t, "scopes"),
			Place:      rapid.SampledFrom([]string{"", ana, "lee@acme.example"}).Draw(t, "place"),
		}
		thing := func(kind string) authority.Thing {
			return authority.Thing{
				Kind: kind, ID: "1", Owners: some(kind + " owners"), Controls: some(kind + " controls"), Asked: some(kind + " asked"),
				Route: some(kind + " route"), Managers: some(kind + " managers"), Subjects: some(kind + " subjects"), Units: []string{"finance"},
			}
		}
		version, request := thing("version"), thing("request")

		// Nobody but ana acts. What she begins carries her name from then on.
		var proposed, live, asked, given bool
		for range rapid.IntRange(1, 30).Draw(t, "acts") {
			act := rapid.SampledFrom([]authority.Action{ // those that bring access about
				authority.Propose, authority.Publish, authority.Request, authority.Approve, authority.Override,
			}).Draw(t, "act")
			on := &request
			if act == authority.Propose || act == authority.Publish {
				on = &version
			}
			if !authority.Default.Decide(who, act, *on).Allowed {
				continue
			}
			proposed = proposed || act == authority.Propose
			live = live || proposed && act == authority.Publish
			asked = asked || act == authority.Request
			given = given || (asked || slices.Contains(request.Subjects, ana)) && (act == authority.Approve || act == authority.Override)
			if act == authority.Propose {
				version.Authors = []string{ana}
			}
			if act == authority.Request {
				request.Requesters = []string{ana}
			}
		}
		if live {
			t.Fatal("ana wrote a version and made it live alone")
		}
		if given {
			t.Fatal("ana brought about access alone")
		}
	})
}
