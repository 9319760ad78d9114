package versions_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/ownership/ownershiptest"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/postgres"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/internal/versions"
	"github.com/onus-id/onus/ledger"
)

const (
	ana = "ana@acme.example" // heads the escalation, with lee
	lee = "lee@acme.example"
	mo  = "mo@acme.example" // owns everything else
)

const acme = `
kind: Organisation
name: Acme
people: hr
units: {East: {head: ana@acme.example}, West: {head: lee@acme.example}}
escalation: [ana@acme.example, lee@acme.example]
---
kind: Source
name: hr
of: person
owner: mo@acme.example
driver: csv
settings: {path: hr.csv}
key: login
attributes: {login: {required: true}, mail: {required: true}, team: {}}
roles: {login: login, mail: mail}
---
kind: System
name: one
connector: scim
settings: {url: 'http://127.0.0.1:1/'}
secrets: {token: {env: T}}
owner: mo@acme.example
unit: East
match: [{name: login, account: [name], identity: [login]}]
---
kind: System
name: two
connector: scim
settings: {url: 'http://127.0.0.1:1/'}
secrets: {token: {env: T}}
owner: mo@acme.example
unit: East
match: [{name: login, account: [name], identity: [login]}]
---
kind: Entitlement
system: one
name: group:staff
sensitivity: low
---
kind: Workflow
name: joiner
owners: {workflow: mo@acme.example}
controls: {provisioning: mo@acme.example, revocation: mo@acme.example, exceptions: mo@acme.example}
occasion: {source: hr, when: 'change.kind == "joined"'}
bounds: {subjects: 10 per 1h}
exceptions: {default: {to: mo@acme.example, within: 1h, then: [ana@acme.example, lee@acme.example]}}
steps:
  - {id: account, account: {system: one}, confirm: 2m}
  - {id: staff, grant: {system: one, entitlement: 'group:staff'}, confirm: 2m, when: 'subject.team == "x"'}
`

// world is a store with the people of acme on file.
type world struct {
	*testing.T

	store  store.Store
	people roster
}

type roster map[string]onus.Identity

func (r roster) ByMail(mail string) (flow.Member, bool) {
	i, known := r[strings.ToLower(mail)]
	return flow.Member{Mail: i.Mail, Active: i.State == onus.Active, Kind: i.Kind}, known
}

func (r roster) Person(key string) (onus.Attributes, bool) {
	i, known := r[key]
	return i.Attributes, known
}

func onEveryStore(t *testing.T, prove func(w *world)) {
	t.Helper()
	key, _, err := ledger.LoadOrCreateKey(t.TempDir()+"/log.key", "test.log")
	if err != nil {
		t.Fatal(err)
	}
	o := sqlite.Options{Signer: key, Now: time.Now}
	for name, open := range map[string]func(t *testing.T) (store.Store, error){
		"sqlite": func(t *testing.T) (store.Store, error) {
			t.Helper()
			return sqlite.Open(t.Context(), t.TempDir(), o)
		},
		"postgres": func(t *testing.T) (store.Store, error) {
			t.Helper()
			url, err := rig.NeedPostgres(t, true).NewDatabase(t.Context())
			if err != nil {
				return nil, err
			}
			return postgres.Open(t.Context(), url, o)
		},
	} {
		t.Run(name, func(t *testing.T) {
			st, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = st.Close() })
			w := &world{T: t, store: st, people: roster{}}
			for _, mail := range []string{ana, lee, mo} {
				w.employs("idn_"+mail[:2], mail, "y")
			}
			prove(w)
		})
	}
}

func (w *world) update(do func(tx store.Tx) error) {
	w.Helper()
	if err := w.store.Update(w.Context(), do); err != nil {
		w.Fatal(err)
	}
}

func (w *world) employs(id, mail, team string) {
	w.Helper()
	login, _, _ := strings.Cut(mail, "@")
	i := onus.Identity{
		ID: onus.IdentityID(id), Kind: onus.Person, State: onus.Active, Source: "hr", Key: login, Login: login, Mail: mail,
		Attributes: onus.Attributes{"login": login, "mail": mail, "team": team},
	}
	w.people[mail] = i
	w.update(func(tx store.Tx) error {
		_, err := store.Identities.Put(w.Context(), tx, ledger.Event{Type: ledger.IdentityChanged, Actor: "engine"}, i)
		return err
	})
}

func compile(t *testing.T, edits ...string) *flow.Program {
	t.Helper()
	text := acme
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("acme does not say %q", edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	p, faults := flow.Compile([]flow.File{{Path: "acme.yaml", Text: text}}, nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return p
}

// scope is over whose powers somebody has, now.
func (w *world) scope(r store.Reader, live, p *flow.Program) versions.Scope {
	w.Helper()
	on := versions.Scope{Live: live, Program: p}
	var err error
	if on.Now, err = ownership.Load(w.Context(), r, p, w.people, time.Now()); err != nil {
		w.Fatal(err)
	}
	if live != nil {
		if on.LiveNow, err = ownership.Load(w.Context(), r, live, w.people, time.Now()); err != nil {
			w.Fatal(err)
		}
	}
	return on
}

func (w *world) company() versions.Company {
	c := versions.Company{People: w.people, Now: time.Now()}
	for _, i := range w.people {
		c.Identities = append(c.Identities, i)
	}
	return c
}

func (w *world) differ(base string, live, p *flow.Program) versions.Difference {
	return versions.Differ(base, live, w.company(), p, w.company())
}

func (w *world) actor(mail string) versions.Actor {
	i := w.people[mail]
	return versions.Actor{By: onus.Actor("person:" + string(i.ID)), ID: i.ID, Mail: mail}
}

// goesLive proposes as one, and approves as another.
func (w *world) goesLive(author, approver string, live, p *flow.Program, base string) (v onus.Version) {
	w.Helper()
	w.update(func(tx store.Tx) (err error) {
		v, err = versions.Propose(w.Context(), tx, w.actor(author), versions.Proposal{Program: p, Difference: w.differ(base, live, p)})
		return err
	})
	ownershiptest.AcceptAll(w.T, w.store, p, w.people)
	w.update(func(tx store.Tx) (err error) {
		var stale bool
		v, stale, err = versions.Approve(w.Context(), tx, w.actor(approver), v.ID, versions.Judgement{Scope: w.scope(tx, live, p), Difference: w.differ(base, live, p)})
		if err == nil && stale {
			w.Fatalf("it is stale: %v", v.Effect)
		}
		return err
	})
	return v
}

// Rule 2: the author is the author whatever they are called: after a marriage,
// or by an address in other letters.
func TestTheAuthorUnderAnotherNameIsTheAuthor(t *testing.T) {
	onEveryStore(t, func(w *world) {
		p := compile(w.T)
		var v onus.Version
		w.update(func(tx store.Tx) (err error) {
			v, err = versions.Propose(w.Context(), tx, w.actor(ana), versions.Proposal{Program: p, Difference: w.differ("", nil, p)})
			return err
		})
		ownershiptest.AcceptAll(w.T, w.store, p, w.people)
		renamed := w.actor(ana)
		renamed.Mail = lee // the very person, with the address of somebody who may
		shouting := w.actor(ana)
		shouting.ID, shouting.Mail = "idn_somebody", strings.ToUpper(ana)
		for name, who := range map[string]versions.Actor{"by ID": renamed, "in capitals": shouting} {
			err := w.store.Update(t.Context(), func(tx store.Tx) error {
				_, _, err := versions.Approve(t.Context(), tx, who, v.ID, versions.Judgement{Scope: w.scope(tx, nil, p), Difference: w.differ("", nil, p)})
				return err
			})
			if onus.KindOf(err) != onus.Denied {
				w.Errorf("the author %s may: %v", name, err)
			}
		}
	})
}

// A machine proposes; it never says yes, whatever it owns.
func TestAMachineNeverSaysYes(t *testing.T) {
	onEveryStore(t, func(w *world) {
		p := compile(w.T)
		ci := versions.Actor{By: "machine:nhi_ci", ID: "nhi_ci", Machine: true, Name: "ci", Scopes: []string{"propose", "publish", "approve"}, Sponsor: &onus.Author{ID: "idn_an", Name: ana}}
		var v onus.Version
		w.update(func(tx store.Tx) (err error) {
			if _, err := versions.MayPropose(ci, w.scope(tx, nil, p)); err != nil {
				w.Errorf("it may not propose: %v", err)
			}
			v, err = versions.Propose(t.Context(), tx, ci, versions.Proposal{Program: p, Difference: w.differ("", nil, p)})
			return err
		})
		if !v.WroteBy("idn_an", "") {
			w.Error("its sponsor is no author")
		}
		for _, who := range []versions.Actor{ci, {By: "machine:nhi_other", ID: "nhi_other", Machine: true, Scopes: ci.Scopes}, w.actor(ana)} {
			err := w.store.Update(t.Context(), func(tx store.Tx) error {
				_, _, err := versions.Approve(t.Context(), tx, who, v.ID, versions.Judgement{Scope: w.scope(tx, nil, p), Difference: w.differ("", nil, p)})
				return err
			})
			if onus.KindOf(err) != onus.Denied {
				w.Errorf("%s says yes: %v", who.By, err)
			}
		}
	})
}

// The difference is told in words, and what was said yes to is bound to all
// of it: somebody else who would be concerned makes it another one.
func TestTheDifferenceInWords(t *testing.T) {
	onEveryStore(t, func(w *world) {
		first := compile(w.T)
		v := w.goesLive(mo, ana, nil, first, "")
		second := compile(w.T, `subject.team == "x"`, `subject.team == "y"`, "subjects: 10 per 1h", "subjects: 20 per 1h")
		d := w.differ(v.ID, first, second)
		for _, want := range []string{
			"3 people gain group:staff on one when they join",
			`workflow joiner: step staff: when was subject.team == "x" and is subject.team == "y"`,
			"workflow joiner: bounds was 10 subjects per 1h0m0s, to mo@acme.example and is 20 subjects per 1h0m0s, to mo@acme.example",
		} {
			if !slices.Contains(d.Words, want) {
				w.Errorf("it does not say %q:\n%s", want, strings.Join(d.Words, "\n"))
			}
		}
		back := versions.Differ("", second, w.company(), first, w.company())
		if back.Words[0] != "3 people lose group:staff on one when they join" {
			w.Errorf("the way back is %q", back.Words[0])
		}
		w.employs("idn_new", "new@acme.example", "z")
		if again := w.differ(v.ID, first, second); again.Shown == d.Shown {
			w.Error("one more who would be concerned changes nothing")
		}
		if same := w.differ(v.ID, first, first); len(same.Words) != 0 {
			w.Errorf("the same differs: %v", same.Words)
		}
	})
}

// Only what a version touches must be in somebody's reach, and all of it.
func TestPowersReachWhatIsTouched(t *testing.T) {
	onEveryStore(t, func(w *world) {
		first := compile(w.T)
		v := w.goesLive(ana, lee, nil, first, "")
		owned := compile(w.T, "subjects: 10 per 1h", "subjects: 20 per 1h")
		v = w.goesLive(ana, mo, first, owned, v.ID) // mo stands for the workflow and the system
		organisation := compile(w.T, "subjects: 10 per 1h", "subjects: 20 per 1h", "name: Acme", "name: Acme Ltd")
		w.update(func(tx store.Tx) (err error) {
			v, err = versions.Propose(t.Context(), tx, w.actor(ana), versions.Proposal{Program: organisation, Difference: w.differ(v.ID, owned, organisation)})
			return err
		})
		err := w.store.View(t.Context(), func(r store.Reader) error {
			if who := versions.Who(v, w.scope(r, owned, organisation)); !slices.Equal(who, []string{lee}) {
				w.Errorf("%v can say yes to another organisation", who)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// A workflow that is new, changed or gone touches every system that it acts
// on, and what is gone is touched as well: who answers for the workflow alone
// does not say yes to it.
func TestAWorkflowTouchesTheSystemsThatItActsOn(t *testing.T) {
	const (
		system = "secrets: {token: {env: T}}\nowner: mo@acme.example\nunit: East"
		theirs = "secrets: {token: {env: T}}\nowner: joe@acme.example\nunit: West"
		bounds = "subjects: 10 per 1h"
		gone   = "kind: System\nname: three\nconnector: scim\nsettings: {url: 'http://127.0.0.1:1/'}\n" + theirs + "\n" +
			"match: [{name: login, account: [name], identity: [login]}]\n---\nkind: Entitlement"
	)
	onEveryStore(t, func(w *world) {
		w.employs("idn_joe", "joe@acme.example", "y")
		for name, c := range map[string]struct{ live, p *flow.Program }{
			"changed, over another's system":  {compile(w.T, system, theirs), compile(w.T, system, theirs, bounds, "subjects: 20 per 1h")},
			"gone, and a system of another's": {compile(w.T, "kind: Entitlement", gone), compile(w.T)},
		} {
			ownershiptest.AcceptAll(w.T, w.store, c.live, w.people)
			err := w.store.View(t.Context(), func(r store.Reader) error {
				who := versions.Who(onus.Version{Authors: []onus.Author{{ID: "idn_new", Name: "new@acme.example"}}}, w.scope(r, c.live, c.p))
				if slices.Contains(who, mo) {
					w.Errorf("%s: %v can say yes", name, who)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Rule 2: the team must be able to explain, monitor and reverse.
func TestWhatATeamLacks(t *testing.T) {
	onEveryStore(t, func(w *world) {
		over := compile(w.T, "owner: mo@acme.example\nunit: East\nmatch: [{name: login, account: [name], identity: [login]}]\n---\nkind: Entitlement",
			"owner: mo@acme.example\nunit: West\nmatch: [{name: login, account: [name], identity: [login]}]\n---\nkind: Entitlement",
			"  - {id: staff", "  - {id: other, account: {system: two}, confirm: 2m}\n  - {id: staff")
		gone := w.people[lee]
		gone.State = onus.Left
		w.people[lee] = gone
		ownershiptest.AcceptAll(w.T, w.store, compile(w.T), w.people)
		err := w.store.View(t.Context(), func(r store.Reader) error {
			missing := strings.Join(versions.Missing(over, w.scope(r, nil, over).Now, w.people), "\n")
			for _, want := range []string{
				"workflow joiner cannot explain all that it touches: its systems are of East and West, and no control owner is designated for the whole",
				"workflow joiner cannot monitor all that it touches: its default route does not reach " + lee,
			} {
				if !strings.Contains(missing, want) {
					w.Errorf("it does not say %q:\n%s", want, missing)
				}
			}
			over.Rules = map[string]*flow.Rule{
				"nobodys": {Name: "nobodys", Case: onus.OrphanCase}, "again": {Name: "again", Case: onus.RehireCase}, "at night": {Name: "at night", Case: onus.EmergencyCase},
				"out": {Name: "out", Case: onus.LateCase, Steps: []flow.RuleStep{{ID: "off", Do: onus.RuleDisable}}},
			}
			missing = strings.Join(versions.Missing(over, w.scope(r, nil, over).Now, w.people), "\n")
			if !strings.Contains(missing, "standing rule again is of case rehire") || strings.Contains(missing, "standing rule nobodys is of case") || strings.Contains(missing, "standing rule at night is of case") ||
				strings.Contains(missing, "standing rule out is") {
				w.Errorf("a rule that nothing carries out:\n%s", missing)
			}
			over.Workflows["joiner"].Steps[0].Reverse = ""
			missing = strings.Join(versions.Missing(over, w.scope(r, nil, over).Now, w.people), "\n")
			if !strings.Contains(missing, "cannot reverse all that it touches: nothing says what undoing step account means") {
				w.Errorf("a step that nobody could reverse:\n%s", missing)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
