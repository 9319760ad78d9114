package bench_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/review"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/ledger"
)

// campaignGrants is how many grants the campaign looks at: -args -grants=100000
// for a quick look.
var campaignGrants = flag.Int("grants", 1_000_000, "how many grants BenchmarkCampaign looks at")

const (
	grantsEach = 10 // by as many people
	reports    = 20 // of a manager
	perInsert  = 1_000
)

// A million grants frozen into lines, each with who reviews it and how many of
// its unit hold it too, beside a bulk insert of the same grants as plain rows.
func BenchmarkCampaign(b *testing.B) {
	ctx, n := b.Context(), *campaignGrants
	p := reviewed(b)
	for b.Loop() {
		st, err := sqlite.Open(ctx, b.TempDir(), options(b))
		if err != nil {
			b.Fatal(err)
		}
		w := &workshop{B: b, store: st}
		w.heldBy(ctx, n)
		b.ReportMetric(0, "ns/op")

		began := time.Now()
		w.must(plainly(ctx, st, n))
		floor := time.Since(began)

		desk := &review.Desk{Store: st, Program: p, Now: time.Now}
		began = time.Now()
		c, err := desk.Open(ctx, review.Order{Name: "all", By: "os:bench", Person: "o1@bench.example", Reason: "to measure it"})
		w.must(err)
		c, err = desk.Gather(ctx, noRoster{}, c.ID)
		w.must(err)
		took := time.Since(began)
		if c.State != onus.CampaignOpen || c.Lines != n {
			b.Fatalf("%d lines, %s", c.Lines, c.State)
		}
		b.ReportMetric(took.Seconds(), "s-campaign")
		b.ReportMetric(floor.Seconds(), "s-bulk-insert")
		b.ReportMetric(took.Seconds()/floor.Seconds(), "times-the-insert")
		b.ReportMetric(float64(c.Sheets), "events")
		b.ReportMetric(peak(b), "MiB-peak")
		if took > 3*floor {
			b.Errorf("it took %.1f times as long as the bulk insert, and 3 times was the bound", took.Seconds()/floor.Seconds())
		}
		w.must(st.Close())
	}
}

type noRoster struct{}

func (noRoster) ByMail(string) (flow.Member, bool) { return flow.Member{}, false }

// reviewed is a company with a campaign over everything.
func reviewed(b *testing.B) *flow.Program {
	b.Helper()
	text := `
kind: Organisation
name: Bench
people: hr
units: {u0: {head: o1@bench.example}}
escalation: [o1@bench.example, o2@bench.example, o3@bench.example]
---
kind: Source
name: hr
of: person
owner: o1@bench.example
driver: csv
settings: {path: hr.csv}
key: login
attributes: {login: {}, mail: {}, unit: {}, manager: {}}
roles: {login: login, mail: mail, manager: manager, unit: unit}
---
kind: System
name: dir
connector: sql
settings: {driver: sqlite, dsn: none, accounts: SELECT 1}
owner: o1@bench.example
match: [{name: login, account: [name], identity: [login]}]
---
kind: Campaign
name: all
owner: o1@bench.example
control: o2@bench.example
reviewers: [subject.manager, system.owner]
within: 14d
silence: revoke
outliers: 10
`
	p, faults := flow.Compile([]flow.File{{Path: "bench.yaml", Text: text}}, nil)
	if len(faults) > 0 {
		b.Fatal(faults)
	}
	return p
}

// heldBy records people and what they hold, as intake and scans would.
func (w *workshop) heldBy(ctx context.Context, n int) {
	w.Helper()
	for from := 0; from < n; from += 10_000 {
		w.must(w.store.Update(ctx, func(tx store.Tx) error {
			for i := from; i < min(n, from+10_000); i++ {
				who := i / grantsEach
				if i%grantsEach == 0 {
					login := fmt.Sprintf("p%07d", who)
					a := onus.Attributes{"login": login, "mail": login + "@bench.example", "unit": fmt.Sprintf("u%d", who%50), "manager": fmt.Sprintf("p%07d", who/reports)}
					identity := onus.Identity{
						ID: onus.IdentityID("idn_" + login), Kind: onus.Person, State: onus.Active, Source: "hr", Key: login, Login: login, Mail: a["mail"], Manager: a["manager"], Attributes: a,
					}
					if _, err := store.Identities.Put(ctx, tx, ledger.Event{Type: ledger.IdentityChanged, Actor: "engine"}, identity); err != nil {
						return err
					}
				}
				if _, err := store.Grants.Put(ctx, tx, ledger.Event{Type: ledger.GrantObserved, Actor: "engine"}, aGrant(i)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

func aGrant(i int) onus.Grant {
	who := fmt.Sprintf("p%07d", i/grantsEach)
	return onus.Grant{
		System: "dir", Account: onus.AccountRef("acc-" + who), Entitlement: fmt.Sprintf("group:g%03d", (i/grantsEach%50)*7+i%grantsEach), Identity: onus.IdentityID("idn_" + who),
		Observed: true, Path: onus.Direct, FirstSeen: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Warrants: []onus.Warrant{{Workflow: "joiner", Version: 1, Step: "team", Since: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Run: "run_bench", Change: "run_bench.01"}},
	}
}

// plainly is the floor: the same grants as rows of a table, a thousand in a
// transaction, found by their ID and by their holder.
func plainly(ctx context.Context, st store.Store, n int) error {
	db, _ := st.Writer()
	for _, statement := range []string{"CREATE TABLE bench_grants (id TEXT PRIMARY KEY, holder TEXT, body BLOB) WITHOUT ROWID", "CREATE INDEX bench_holder ON bench_grants (holder)"} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	for from := 0; from < n; from += perInsert {
		if err := inserted(ctx, db, from, min(n, from+perInsert)); err != nil {
			return err
		}
	}
	return nil
}

func inserted(ctx context.Context, db *sql.DB, from, to int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to take back
	insert, err := tx.PrepareContext(ctx, "INSERT INTO bench_grants VALUES (?, ?, ?)")
	if err != nil {
		return err
	}
	defer insert.Close()
	for i := from; i < to; i++ {
		g := aGrant(i)
		body, err := json.Marshal(g)
		if err != nil {
			return err
		}
		if _, err := insert.ExecContext(ctx, store.GrantID(g), string(g.Identity), body); err != nil {
			return err
		}
	}
	return tx.Commit()
}
