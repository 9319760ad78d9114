package ownership_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/internal/store/sqlstore"
	"github.com/onus-id/onus/ledger"
)

const (
	olga   = "olga@acme.example"  // system owner
	dirk   = "dirk@acme.example"  // her deputy
	hanna  = "hanna@acme.example" // escalation head
	ciso   = "ciso@acme.example"  // the last resort
	boss   = "boss@acme.example"  // olga's manager
	unit   = "unit@acme.example"  // head of olga's unit
	bot    = "bot@acme.example"   // a machine with a mail address
	it     = "it@acme.example"    // a shared mailbox
	carol  = "carol@acme.example" // everybody else's duties
	system = onus.DutyID("system/dir")
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

const definitions = `
kind: Organisation
name: Acme
people: hr
units: {Ops: {head: unit@acme.example, administrator: carol@acme.example, deputy: dirk@acme.example}}
escalation: [ciso@acme.example, hanna@acme.example]
shared: [it@acme.example]
zone: Pacific/Auckland
---
kind: Source
name: hr
of: person
owner: carol@acme.example
driver: csv
settings: {path: hr.csv}
key: id
attributes: {id: {}, login: {}, mail: {}, manager: {}, unit: {}, kind: {}}
roles: {login: login, mail: mail, manager: manager, unit: unit}
---
kind: Source
name: bots
of: nhi
owner: carol@acme.example
driver: csv
settings: {path: bots.csv}
key: id
attributes: {id: {}, login: {}, mail: {}, sponsor: {}, deputy: {}}
roles: {login: login, mail: mail, sponsor: sponsor, deputy: deputy}
---
kind: System
name: dir
connector: ldap
settings: {url: 'ldap://127.0.0.1', base: 'dc=acme'}
owner: olga@acme.example
deputy: dirk@acme.example
unit: Ops
match: [{name: login, account: [name], identity: [login]}]
---
kind: Entitlement
system: dir
entitlements:
  - {name: group:staff, sensitivity: low}
  - {name: group:finance, sensitivity: elevated, owner: carol@acme.example, deputy: dirk@acme.example}
---
kind: Workflow
name: joiner
owners: {workflow: carol@acme.example, deputy: dirk@acme.example}
controls:
  provisioning: carol@acme.example
  revocation: carol@acme.example
  exceptions: carol@acme.example
  designated: olga@acme.example
  deputies: {exceptions: dirk@acme.example}
occasion: {source: hr, when: 'change.kind == "joined"'}
bounds: {subjects: 10 per 1h, owner: olga@acme.example, deputy: dirk@acme.example}
exceptions:
  default: {to: carol@acme.example, within: 15m, then: [hanna@acme.example, ciso@acme.example]}
steps:
  - id: staff
    grant: {system: dir, entitlement: group:staff}
    confirm: 2m
`

// world is a store in which people say things about duties, and a clock that
// only tests move.
type world struct {
	testing.TB

	store    store.Store
	program  *flow.Program
	clock    time.Time
	verifier string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{TB: t, clock: start, program: compile(t, definitions)}
	key, verifier, err := ledger.LoadOrCreateKey(t.TempDir()+"/log.key", "test.log")
	w.must(err)
	w.verifier = verifier
	w.store, err = sqlite.Open(t.Context(), t.TempDir(), sqlstore.Options{Signer: key, Now: func() time.Time { return w.clock }})
	w.must(err)
	t.Cleanup(func() { w.store.Close() })
	return w
}

func compile(tb testing.TB, text string) *flow.Program {
	tb.Helper()
	p, faults := flow.Compile([]flow.File{{Path: "acme.yaml", Text: text}}, nil)
	if len(faults) > 0 {
		tb.Fatal(faults)
	}
	return p
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// pin keeps the definitions as those that are live.
func (w *world) pin() {
	w.Helper()
	files, err := json.Marshal(w.program.Files)
	w.must(err)
	w.update(func(tx store.Tx) error {
		set := store.Definitions{Digest: w.program.Digest, Files: files}
		if _, err := store.DefinitionSets.Put(w.Context(), tx, ledger.Event{Type: ledger.DefinitionsPinned, Actor: "engine"}, set); err != nil {
			return err
		}
		digest := string(w.program.Digest)
		v := onus.Version{ID: "ver_" + digest, State: onus.VersionLive, Number: 1, Program: w.program.Digest, Decided: tx.Now(), Proposed: tx.Now()}
		_, err := store.Versions.Put(w.Context(), tx, ledger.Event{Type: ledger.VersionPublished, Actor: "os:test", Inputs: []string{digest}}, v)
		return err
	})
}

func (w *world) update(do func(tx store.Tx) error) {
	w.Helper()
	w.must(w.store.Update(w.Context(), do))
}

// onFile puts people on file, as intake would.
func (w *world) onFile(people ...onus.Identity) {
	w.Helper()
	w.update(func(tx store.Tx) error {
		for _, i := range people {
			if _, err := store.Identities.Put(w.Context(), tx, ledger.Event{Type: ledger.IdentityChanged, Actor: "engine"}, i); err != nil {
				return err
			}
		}
		return nil
	})
}

func person(mail string) onus.Identity {
	login, _, _ := strings.Cut(mail, "@")
	i := onus.Identity{ID: idOf(mail), Kind: onus.Person, State: onus.Active, Source: "hr", Key: login, Login: login, Mail: mail}
	if mail == olga {
		i.Manager, i.Attributes = "boss", onus.Attributes{"unit": "Ops"}
	}
	return i
}

func idOf(mail string) onus.IdentityID {
	login, _, _ := strings.Cut(mail, "@")
	return onus.IdentityID("idn_" + login)
}

func machine(login, sponsor string) onus.Identity {
	return onus.Identity{ID: onus.IdentityID("idn_" + login), Kind: onus.NonHuman, State: onus.Active, Source: "bots", Key: login, Login: login, Sponsor: sponsor}
}

func everybody() []onus.Identity {
	var all []onus.Identity
	for _, mail := range []string{olga, dirk, hanna, ciso, boss, unit, carol} {
		all = append(all, person(mail))
	}
	b := machine("bot", olga)
	b.Mail = bot
	return append(all, b)
}

// facts are today's.
func (w *world) facts() *ownership.Facts {
	w.Helper()
	var f *ownership.Facts
	known := w.members()
	w.must(w.store.View(w.Context(), func(r store.Reader) (err error) {
		f, err = ownership.Load(w.Context(), r, w.program, known, w.clock)
		return err
	}))
	return f
}

// act lets somebody do something in a transaction of the time.
func (w *world) act(do func(f *ownership.Facts, tx store.Tx) error) error {
	w.Helper()
	members := w.members()
	return w.store.Update(w.Context(), func(tx store.Tx) error {
		f, err := ownership.Load(w.Context(), tx, w.program, members, w.clock)
		if err != nil {
			return err
		}
		return do(f, tx)
	})
}

type members map[string]flow.Member

func (m members) ByMail(mail string) (flow.Member, bool) {
	found, ok := m[strings.ToLower(mail)]
	return found, ok
}

func (w *world) members() members {
	w.Helper()
	all := members{}
	w.must(w.store.View(w.Context(), func(r store.Reader) error {
		found, err := store.Identities.Find(w.Context(), r, "", "")
		for _, i := range found {
			if i.Mail != "" {
				all[i.Mail] = flow.Member{Mail: i.Mail, Active: i.State == onus.Active, Kind: i.Kind}
			}
		}
		return err
	}))
	return all
}

func (w *world) say(act string, duty onus.DutyID, mail string) error {
	w.Helper()
	return w.act(func(f *ownership.Facts, tx store.Tx) error {
		_, err := f.Say(w.Context(), tx, ownership.Answer{Duty: duty, Act: act, By: onus.Actor("person:" + string(idOf(mail))), Person: mail, Reason: "because"})
		return err
	})
}

func (w *world) accepts(duty onus.DutyID, mails ...string) {
	w.Helper()
	for _, mail := range mails {
		w.must(w.say(ownership.Accepts, duty, mail))
	}
}

func (w *world) away(mail, from, until string) error {
	w.Helper()
	return w.act(func(f *ownership.Facts, tx store.Tx) error {
		_, err := f.Away(w.Context(), tx, onus.Actor("person:"+string(idOf(mail))), mail, from, until)
		return err
	})
}

func (w *world) back(mail string) error {
	w.Helper()
	return w.act(func(f *ownership.Facts, tx store.Tx) error {
		_, err := f.Back(w.Context(), tx, onus.Actor("person:"+string(idOf(mail))), mail)
		return err
	})
}

// look is the engine's look on the clock.
func (w *world) look() {
	w.Helper()
	w.must(w.act(func(f *ownership.Facts, tx store.Tx) error { return f.Tend(w.Context(), tx) }))
	if f := w.facts(); !f.Idle() {
		w.Fatal("a second look at the same moment has something to record")
	}
}

func (w *world) is(mail string, state onus.IdentityState) {
	w.Helper()
	i := person(mail)
	i.State = state
	w.onFile(i)
}

func (w *world) later(d time.Duration) { w.clock = w.clock.Add(d) }

// standing says who stands for a duty today.
func (w *world) standing(duty onus.DutyID) ownership.Standing {
	w.Helper()
	f := w.facts()
	d, ok := f.Duty(duty)
	if !ok {
		w.Fatal("there is no duty " + string(duty))
	}
	return f.Who(d)
}

func (w *world) want(duty onus.DutyID, mail string) {
	w.Helper()
	if st := w.standing(duty); st.Seat.Mail != mail {
		w.Errorf("%s: %q stands, want %q (the owner %s)", duty, st.Seat.Mail, mail, st.Why)
	}
}

func (w *world) sound() {
	w.Helper()
	if _, err := store.VerifyLedger(w.Context(), w.store, w.verifier, nil); err != nil {
		w.Errorf("the ledger does not verify: %v", err)
	}
	if _, err := store.VerifyState(w.Context(), w.store, nil); err != nil {
		w.Errorf("the state is not what the ledger says: %v", err)
	}
}

func (w *world) events(typ ledger.Type) []ledger.Event {
	w.Helper()
	var all []ledger.Event
	w.must(w.store.View(w.Context(), func(r store.Reader) error {
		for entry, err := range r.Events(w.Context(), store.EventQuery{}) {
			if err != nil {
				return err
			}
			e, err := ledger.ParseLeaf(entry.Leaf)
			if err != nil {
				return err
			}
			if e.Type == typ {
				all = append(all, e)
			}
		}
		return nil
	}))
	return all
}
