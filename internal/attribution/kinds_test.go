package attribution_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// order carries out the lines of a story that order something:
//
//	undo ana [WORKFLOW]   what the last run of Ana's, or of that workflow, did
//	mend revoke           every open finding, by revoking, adopting or restoring it
//	deny ana group:staff  a review denies her that
func (c *company) order(f []string) {
	c.Helper()
	switch f[0] {
	case "undo":
		run := c.lastRun(f[1], slices.Concat(f[2:], []string{""})[0])
		_, err := c.eng.Reverse(c.Context(), engine.ReversalOrder{
			Scope: onus.ReversalScope{Run: run.ID}, By: "person:idn_ruth", Person: "ruth@acme.example", Reason: "it was wrong",
		})
		c.must(err)
	case "back": // all that was done about an account that is nobody's
		for _, run := range c.runsOf("") {
			if run.Identity != "" {
				continue
			}
			_, err := c.eng.Reverse(c.Context(), engine.ReversalOrder{
				Scope: onus.ReversalScope{Run: run.ID}, By: "person:idn_ruth", Person: "ruth@acme.example", Reason: "it was ours",
			})
			c.must(err)
		}
	case "mend":
		var open []onus.Finding
		c.must(c.store.View(c.Context(), func(r store.Reader) (err error) {
			open, err = store.Findings.Find(c.Context(), r, "standing", "dir")
			return err
		}))
		if len(open) == 0 {
			c.Fatal("nothing was found that could be mended")
		}
		o := engine.RepairOrder{Repair: onus.Repair(f[1]), Reason: "so it shall be", By: "person:idn_sol", Person: "sol@acme.example"}
		for _, x := range open {
			if x.State != onus.FindingOpen {
				continue
			}
			o.Findings = append(o.Findings, x.ID)
		}
		_, err := c.eng.Repair(c.Context(), c.roster(), o)
		c.must(err)
	case "deny":
		c.must(c.store.Update(c.Context(), func(tx store.Tx) error {
			who := c.identity(f[1])
			held, err := store.Grants.Find(c.Context(), tx, "identity", string(who))
			if err != nil {
				return err
			}
			for _, g := range held {
				if g.Entitlement != f[2] {
					continue
				}
				ev, err := store.Denials.Put(c.Context(), tx, ledger.Event{Type: ledger.DenialMade, Actor: "person:idn_sol"}, onus.Denial{
					Grant: store.GrantID(g), System: g.System, Account: g.Account, Entitlement: g.Entitlement, Identity: who,
					Person: "sol@acme.example", Reason: "not needed", Since: tx.Now(),
				})
				if err != nil {
					return err
				}
				_, err = store.Occasions.Put(c.Context(), tx, ledger.Event{Type: ledger.OccasionArose, Actor: "person:idn_sol", Cause: ev.ID}, onus.Occasion{
					ID: "review/rvk_" + f[1], Kind: onus.Reviewed, State: onus.Waiting, Identity: who, At: tx.Now(), Denials: []string{store.GrantID(g)},
				})
				return err
			}
			c.Fatalf("%s has no %s", f[1], f[2])
			return nil
		}))
	}
	c.cycle()
}

// lastRun gives the newest run of somebody, of a workflow where one is named.
func (c *company) lastRun(login, workflow string) onus.Run {
	c.Helper()
	all := c.runsOf(login)
	for _, run := range slices.Backward(all) {
		if workflow == "" || string(run.Workflow) == workflow {
			return run
		}
	}
	c.Fatalf("%s has no run of %s", login, workflow)
	return onus.Run{}
}

func (c *company) runsOf(login string) (all []onus.Run) {
	c.Helper()
	c.must(c.store.View(c.Context(), func(r store.Reader) (err error) {
		if login == "" {
			all, err = store.Runs.Find(c.Context(), r, "", "")
		} else {
			all, err = store.Runs.Find(c.Context(), r, "identity", string(c.identity(login)))
		}
		return err
	}))
	slices.SortStableFunc(all, func(a, b onus.Run) int { return a.Began.Compare(b.Began) })
	return all
}

// Every kind of run that there is, by what makes one. Of each at least one is
// made again with the same digest, and in the whole story not one is not.
var kinds = map[string]struct {
	story string
	began string // the occasion of the run that it is about begins with it
	flow  string
}{
	"joiner":                          {"roster ana finance\nrun", "occ_", "joiner"},
	"mover":                           {"roster ana finance\nrun\nroster ana sales\nrun", "occ_", "mover"},
	"leaver":                          {"roster ana finance\nrun\nroster ana finance 2026-03-01\nrun", "occ_", "leaver"},
	"approved":                        {"roster ana payroll\nrun\nyes abe", "occ_", "joiner"},
	"amended":                         {"roster ana nowhere\nrun\ndecide invalid_attribute amend ingrid department=sales\nrun", "occ_", "joiner"},
	"planned again by an amendment":   {"refuses ana\nroster ana finance\nrun\nheal\ndecide denied amend ingrid department=sales", "occ_", "joiner"},
	"planned again on fresh facts":    {"refuses ana\nroster ana finance\nrun\nheal\nroster ana sales\nrun\ndecide denied retry ingrid\nrun", "occ_", "joiner"},
	"let through by an override":      {"crowd 45 finance\nrun\ndecide guard override ingrid", "occ_", "joiner"},
	"emergency":                       {"roster ana finance\nrun\nrule\nemergency ana role:pay", "emergency/", "requests"},
	"end of an emergency":             {"roster ana finance\nrun\nrule\nemergency ana role:pay\nwait 100h\nrun", "expiry/", "requests"},
	"request of an agent":             {"roster ana finance\nrun\nagent helper gus\nasks ana>helper ana role:pay\nyes abe", "request/req_", "requests"},
	"end of a request":                {"roster ana finance\nrun\nagent helper gus\nasks ana>helper ana role:pay\nyes abe\nwait 750h\nrun", "expiry/", "requests"},
	"revoked by a review":             {"roster ana finance\nrun\ndeny ana group:finance", "review/", ""},
	"repair that revokes":             {"roster ana finance\nrun\nput ana role:guest\nrun\nmend revoke", "drift/", ""},
	"repair that adopts":              {"roster ana finance\nrun\nput ana role:guest\nrun\nmend adopt", "drift/", ""},
	"repair that restores":            {"roster ana finance\nrun\ncut ana group:finance\nrun\nmend restore", "drift/", ""},
	"repair of an orphan":             {"create stray\nput stray role:guest\nrun\nmend revoke", "drift/", ""},
	"step of a standing rule":         {"create stray\nput stray role:guest\nrun\nrule nobodys\nrun\nwait 170h\nrun\nwait 560h\nrun", "rule/", ""},
	"reversal of what was nobody's":   {"create stray\nput stray role:guest\nrun\nmend revoke\nback stray", "reversal/", ""},
	"reversal of a joiner":            {"roster ana finance\nrun\nundo ana", "reversal/", "joiner"},
	"reversal of a mover":             {"roster ana finance\nrun\nroster ana sales\nrun\nundo ana", "reversal/", "mover"},
	"reversal of a leaver":            {"roster ana finance\nrun\nroster ana finance 2026-03-01\nrun\nroster ana finance\nrun\nundo ana leaver", "reversal/", ""},
	"reversal that asks":              {"roster ana finance\nrun\ncut ana group:finance\nrun\nmend restore\nundo ana joiner\ndecide conflict override ingrid\nrun", "reversal/", "joiner"},
	"reversal that is planned again":  {"roster ana finance\nrun\nrefuses ana\nundo ana\nheal\ncut ana group:finance\nrun\ndecide denied retry ingrid\nrun", "reversal/", "joiner"},
	"reversal of what was given back": {"roster ana finance\nrun\nundo ana\nundo ana", "reversal/", "joiner"},
}

func TestEveryKindOfRunIsMadeAgainBitForBit(t *testing.T) {
	base, err := txtar.ParseFile("testdata/company/acme.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			c := newCompany(t, part(base, "acme.yaml"))
			c.tell("run")
			for line := range strings.Lines(k.story) {
				c.tell(strings.TrimSpace(line))
			}
			about := 0
			for _, rep := range c.replayed() {
				run := rep.run
				if !rep.Same || rep.Again != run.Plan || len(rep.Differs) > 0 || len(rep.Missing) > 0 {
					t.Errorf("run of %s on %s: instead %q, missing %q, differs %q", run.Workflow, run.Occasion, rep.Instead, rep.Missing, rep.Differs)
				}
				if strings.HasPrefix(run.Occasion, k.began) && (k.flow == "" || string(run.Workflow) == k.flow) {
					about++
				}
			}
			if about == 0 {
				t.Errorf("no run of that kind came about")
			}
		})
	}
}

type again struct {
	attribution.Replay

	run onus.Run
}

// replayed makes every run again.
func (c *company) replayed() (all []again) {
	c.Helper()
	c.must(c.store.View(c.Context(), func(r store.Reader) error {
		p := attribution.NewPast(r)
		for _, run := range c.runsOf("") {
			rep, err := p.Replay(c.Context(), string(run.ID), attribution.WhatIf{})
			if err != nil {
				return err
			}
			all = append(all, again{rep, run})
		}
		return nil
	}))
	return all
}
