package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// Whatever joins, moves, leaves, edits by hand and reversals went before:
// undoing everything since a point leaves the system and our reasons as they
// were at that point, and where it does not, every difference is named.
func TestUndoingEverythingSinceAPointLeavesWhatWasSoThen(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		deletes := rapid.Bool().Draw(r, "deletes")
		if deletes {
			w.deletes()
		}
		if rapid.Bool().Draw(r, "leavers are deleted") {
			w.program.Workflows["leaver"].Steps[0].Withdraw.Accounts = "absent"
		}
		for _, wf := range w.program.Workflows {
			wf.Bounds.Subjects.Max = 1000
		}
		h := &history{world: w, r: r}
		h.act(rapid.IntRange(0, 5).Draw(r, "before"), false)
		h.refuseAll()
		then := w.snapshot()
		h.did = append(h.did, "--- the point")
		w.later(time.Second)
		since := w.now()
		outside := rapid.Bool().Draw(r, "by hand")
		h.act(rapid.IntRange(1, 6).Draw(r, "after"), outside)
		h.refuseAll()
		for _, login := range h.logins() {
			w.comesBack(login) // of somebody who left nothing is given back
		}
		fates := map[string][]planning.Undoing{}
		said := map[string]bool{} // who has a fate that leaves a difference
		for _, login := range h.logins() {
			scope := onus.ReversalScope{Identity: onus.IdentityID("idn_" + login), Since: since}
			p, err := w.eng.PreviewReversal(w.Context(), w.roster, scope, "")
			if onus.KindOf(err) == onus.NotFound {
				continue
			}
			w.must(err)
			fates[login] = p.Of[0].Fates
			for _, f := range p.Of[0].Fates {
				if f.Fate != planning.Undoes && f.Fate != planning.AlreadySo {
					said[login] = true
				}
			}
			w.reverses(scope)
		}
		got := w.snapshot()
		for _, login := range h.logins() {
			if outside && (said[login] || h.edited[login]) {
				continue
			}
			if said[login] {
				r.Fatalf("%s: with nothing done by hand a change is not undone: %v\n%s", login, fates[login], h.told())
			}
			if a, b := of(got, login, deletes), of(then, login, deletes); a != b {
				r.Fatalf("%s:\n got %s\nwant %s\nafter:\n%s", login, a, b, h.told())
			}
		}
		w.sound()
		if t.Failed() {
			r.FailNow()
		}
	})
}

// of is everything about one person in a snapshot. Where undoing an account
// means closing it, one that is closed and holds nothing is as one that is not
// there.
func of(s snapshot, login string, deletes bool) string {
	var words []string
	if a, there := s.access[login]; there && (deletes || a.Enabled || len(a.Holds) > 0) {
		words = append(words, fmt.Sprintf("enabled %v holds %v attributes %v", a.Enabled, a.Holds, s.attributes[login]))
	}
	for id, ws := range s.warrants {
		if strings.Contains(id, "idn_"+login) {
			for _, x := range ws {
				words = append(words, fmt.Sprintf("%s by %s/%s since %s", id, x.Workflow, x.Step, x.Since))
			}
		}
	}
	slices.Sort(words)
	return strings.Join(words, "; ")
}

type history struct {
	*world

	r      *rapid.T
	did    []string
	edited map[string]bool
}

func (h *history) told() string { return strings.Join(h.did, "\n") }

// logins of everybody who ever joined.
func (h *history) logins() []string {
	known := all(h.world, store.Identities)
	names := make([]string, len(known))
	for i, who := range known {
		names[i] = who.Login
	}
	return names
}

func (h *history) act(n int, outside bool) {
	acts := []string{"joined", "moved", "left", "reverse run", "reverse person"}
	if outside {
		acts = append(acts, "by hand")
	}
	for range n {
		h.later(time.Minute)
		login := rapid.SampledFrom([]string{"ana", "bea"}).Draw(h.r, "who")
		act := rapid.SampledFrom(acts).Draw(h.r, "act")
		department := rapid.SampledFrom([]string{"sales", "finance"}).Draw(h.r, "department")
		mail := rapid.SampledFrom([]string{"", "x@acme.example", "y@acme.example"}).Draw(h.r, "mail")
		attributes := onus.Attributes{"department": department}
		if mail != "" {
			attributes["mail"] = mail
		}
		known := slices.Contains(h.logins(), login)
		if !known && act != "joined" {
			continue
		}
		h.did = append(h.did, fmt.Sprintf("%s %s %s", login, act, attributes))
		switch act {
		case "joined":
			h.goes(onus.Joined, login, attributes)
		case "moved":
			h.goes(onus.Moved, login, attributes)
		case "left":
			h.goes(onus.Departed, login, nil)
		case "reverse run":
			var runs []onus.Run
			for _, run := range all(h.world, store.Runs) {
				if run.Identity == onus.IdentityID("idn_"+login) && run.State == onus.RunDone {
					runs = append(runs, run)
				}
			}
			slices.SortFunc(runs, func(a, b onus.Run) int { return a.Began.Compare(b.Began) })
			if len(runs) > 0 {
				i := rapid.IntRange(0, len(runs)-1).Draw(h.r, "run")
				h.did[len(h.did)-1] += fmt.Sprintf(" %d: %s %s", i, runs[i].Workflow, runs[i].Occasion)
				h.reverses(onus.ReversalScope{Run: runs[i].ID})
			}
		case "reverse person":
			if _, err := h.eng.Reverse(h.Context(), engine.ReversalOrder{
				Scope: onus.ReversalScope{Identity: onus.IdentityID("idn_" + login)}, By: "os:test", Person: ciso, Reason: "a mistake",
			}); onus.KindOf(err) != onus.NotFound {
				h.must(err)
			}
			h.plan()
			h.patiently(10 * time.Minute)
		case "by hand":
			h.byHand(login)
		}
	}
}

func (h *history) byHand(login string) {
	if _, there := h.dir.Access()[login]; !there {
		return
	}
	if h.edited == nil {
		h.edited = map[string]bool{}
	}
	h.edited[login] = true
	switch rapid.IntRange(0, 3).Draw(h.r, "edit") {
	case 0:
		h.dir.Grant(login, "group:finance")
	case 1:
		h.dir.Revoke(login, "group:staff")
	case 2:
		h.dir.SetAttributes(login, onus.Attributes{"mail": "hand@acme.example"})
	case 3:
		h.dir.SetEnabled(login, false)
	}
	h.must(h.eng.Observe(h.Context()))
}

// refuseAll ends what waits for a person.
func (h *history) refuseAll() {
	for _, x := range h.exceptions() {
		h.decide(engine.Refuse, x, nil)
	}
}
