package attribution_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/intake"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/versions/versionstest"
	"github.com/onus-id/onus/source"
)

// world takes a roster in and carries out what it warrants, by the very parts
// that do it for users.
type world struct {
	*works

	rows []string // "key login department"
}

const definitions = `
kind: Organisation
name: Acme
people: hr
escalation: [ciso@acme.example, omar@acme.example]
---
kind: Source
name: hr
of: person
owner: dana@acme.example
driver: csv
settings: {path: hr.csv}
key: id
attributes: {id: {required: true}, login: {required: true}, mail: {required: true}, department: {required: true}, end: {type: date}}
roles: {login: login, mail: mail, end: end}
moves: [department]
---
kind: System
name: dir
connector: sql
settings: {driver: sqlite, dsn: none.db, accounts: 'SELECT 1', grant: 'SELECT 1', revoke: 'SELECT 1', create: 'SELECT 1', disable: 'SELECT 1', enable: 'SELECT 1', holds: 'SELECT 1'}
owner: sol@acme.example
match: [{name: login, account: [name], identity: [login]}]
---
kind: Entitlement
system: dir
entitlements:
  - {name: 'group:staff', title: Staff, sensitivity: low}
  - {name: 'group:finance', title: Finance, sensitivity: low}
  - {name: 'role:guest', title: Guest, sensitivity: low}
---
kind: Workflow
name: joiner
owners: {workflow: priya@acme.example}
controls: {provisioning: mara@acme.example, revocation: ruth@acme.example, exceptions: ingrid@acme.example}
occasion: {source: hr, when: 'change.kind == "joined"'}
bounds: {subjects: 100 per 1h, changes: 1000 per 1h}
exceptions: {default: {to: ingrid@acme.example, within: 15m, then: [omar@acme.example, ciso@acme.example]}}
steps:
  - {id: account, account: {system: dir}, confirm: 2m, reverse: disable}
  - {id: staff, grant: {system: dir, entitlement: 'group:staff'}, confirm: 2m}
  - {id: team, when: 'subject.department == "finance"', grant: {system: dir, entitlement: 'group:finance'}, confirm: 2m}
  - {id: guest, when: 'subject.department == "visitors"', grant: {system: dir, entitlement: 'role:guest'}, expires: 30d, confirm: 2m}
---
kind: Workflow
name: extra
owners: {workflow: priya@acme.example}
controls: {provisioning: mara@acme.example, revocation: ruth@acme.example, exceptions: ingrid@acme.example}
occasion: {source: hr, when: 'change.kind == "moved"'}
bounds: {subjects: 100 per 1h, changes: 1000 per 1h}
exceptions: {default: {to: ingrid@acme.example, within: 15m, then: [omar@acme.example, ciso@acme.example]}}
steps:
  - {id: both, when: 'subject.department == "finance"', grant: {system: dir, entitlement: 'group:staff'}, confirm: 2m}
---
kind: Workflow
name: leaver
owners: {workflow: priya@acme.example}
controls: {provisioning: mara@acme.example, revocation: ruth@acme.example, exceptions: ingrid@acme.example}
occasion: {source: hr, when: 'change.kind == "left"'}
bounds: {subjects: 100 per 1h, changes: 1000 per 1h}
exceptions: {default: {to: ingrid@acme.example, within: 15m, then: [omar@acme.example, ciso@acme.example]}}
steps:
  - {id: out, withdraw: {accounts: disabled, grants: absent}, confirm: 2m}
`

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{works: newWorks(t, "group:staff", "group:finance", "role:guest")}
	w.define(definitions, engine.Retry{})
	return w
}

// Read is the roster, as a source.
func (w *world) Read(_ context.Context, yield func(source.Row) error) (source.Taken, error) {
	for i, r := range w.rows {
		f := strings.Fields(r)
		row := source.Row{Line: i + 2, Values: map[string]string{"id": f[0], "login": f[1], "mail": f[1] + "@acme.example", "department": f[2]}}
		if err := yield(row); err != nil {
			return source.Taken{}, err
		}
	}
	return source.Taken{
		At: w.clock, Complete: true, Rows: len(w.rows), Columns: []string{"id", "login", "mail", "department", "end"}, Digest: onus.DigestOf(fmt.Append(nil, w.rows)),
	}, nil
}

// day brings a roster, a scan, and all that both warrant.
func (w *world) day(rows ...string) {
	w.Helper()
	w.clock, w.rows = w.clock.Add(24*time.Hour), rows
	in := &intake.Intake{Store: w.store, Now: w.now}
	out, err := in.Take(w.Context(), w.program, w.program.Sources["hr"], w)
	w.must(err)
	if out.Held {
		w.Fatalf("the read is held: %s", out.Read.Reason)
	}
	w.cycle()
}

func (w *world) cycle() {
	w.Helper()
	versionstest.Publish(w, w.store, w.program)
	w.must(w.eng.Observe(w.Context()))
	_, err := w.eng.PlanAll(w.Context(), everybody{})
	w.must(err)
	for len(w.queue) > 0 {
		s := w.queue[0]
		if w.queue = w.queue[1:]; s.Exception == "" {
			w.must(w.eng.Handle(w.Context(), s))
		}
	}
}

// everybody is a roster on which all owners stand.
type everybody struct{}

func (everybody) ByMail(mail string) (flow.Member, bool) {
	return flow.Member{Mail: mail, Active: true, Kind: onus.Person}, true
}

func (everybody) Person(string) (onus.Attributes, bool) { return nil, false }

func (w *world) explain(who, what string) attribution.Explanation {
	w.Helper()
	x, err := w.tryExplain(who, what)
	w.must(err)
	return x
}

func (w *world) tryExplain(who, what string) (x attribution.Explanation, err error) {
	err = w.store.View(w.Context(), func(r store.Reader) error {
		x, err = attribution.Explain(w.Context(), indexed{r, w}, who, what, w.now())
		return err
	})
	return x, err
}
