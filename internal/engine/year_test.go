package engine_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/source"
)

// What may happen in a year of TestSystemsEndAsRecordsAndDecisionsWarrantOrSomebodyIsAsked.

func (y *year) act() {
	y.later(time.Minute)
	login := rapid.SampledFrom([]string{"ana", "bo"}).Draw(y.r, "who")
	acts := []string{"record", "record", "record", "carry out", "carry out", "plan", "request", "undo", "days", "scan", "restart"}
	if !y.calm {
		acts = append(acts, "edit", "edit", "trouble", "break", "repair", "heal")
	}
	act := rapid.SampledFrom(acts).Draw(y.r, "act")
	y.did = append(y.did, act+" "+login)
	switch act {
	case "record":
		y.record(login)
	case "carry out":
		y.carryOut()
	case "plan":
		y.survive(func() error { _, err := y.eng.PlanAll(y.Context(), y.roster); return err })
	case "request":
		y.request(login)
	case "undo":
		y.undo(login)
	case "days":
		y.later(time.Duration(rapid.IntRange(1, 4).Draw(y.r, "days")) * 24 * time.Hour)
	case "scan":
		y.survive(func() error { return y.eng.Observe(y.Context()) })
	case "restart":
		y.restart()
	case "edit":
		y.edit(login)
	case "repair":
		y.repairOne()
	case "trouble":
		y.trouble()
	case "break":
		y.engine(&brokenStore{Store: y.books, failFrom: rapid.IntRange(1, 15).Draw(y.r, "update"), once: true, after: rapid.Bool().Draw(y.r, "persisted")})
	case "heal":
		y.dir.Heal()
	}
}

// record writes down that somebody came, moved or left; it is read at once, or
// with what comes next.
func (y *year) record(login string) {
	m := y.people[login]
	if m.truth.here && rapid.IntRange(0, 2).Draw(y.r, "leaves") == 0 {
		y.told("leaves")
		m.truth.here = false
	} else {
		m.truth = record{true, rapid.SampledFrom([]string{"", "finance"}).Draw(y.r, "department")}
		y.told(m.truth.department)
	}
	if rapid.Bool().Draw(y.r, "read at once") {
		y.must(y.read())
	}
}

// read takes in what is written down.
func (y *year) read() error {
	feed := &roll{at: y.now()}
	row := func(values map[string]string) {
		feed.rows = append(feed.rows, source.Row{Line: len(feed.rows) + 2, Values: values})
	}
	for mail := range y.roster {
		login, _, _ := strings.Cut(mail, "@")
		row(map[string]string{"login": login, "mail": mail})
	}
	for login, m := range y.people {
		status := "terminated"
		if m.truth.here {
			status = "active"
		}
		row(map[string]string{"login": login, "mail": login + "@acme.example", "department": m.truth.department, "status": status})
	}
	out, err := y.in.Take(y.Context(), y.program, y.program.Sources["hr"], feed)
	if err != nil {
		return err
	}
	if out.Held || out.Bad > 0 {
		y.Fatalf("the read is %+v", out)
	}
	for _, m := range y.people {
		m.learns()
	}
	y.told("(read)")
	return nil
}

// A roll is the list of everybody.
type roll struct {
	at   time.Time
	rows []source.Row
}

func (f *roll) Read(_ context.Context, yield func(source.Row) error) (source.Taken, error) {
	for _, row := range f.rows {
		if err := yield(row); err != nil {
			return source.Taken{}, err
		}
	}
	return source.Taken{
		At: f.at, Complete: true, Rows: len(f.rows), Columns: []string{"login", "mail", "department", "manager", "status"}, Digest: onus.DigestOf(fmt.Append(nil, f.rows)),
	}, nil
}

func (y *year) wrong(format string, args ...any) {
	y.wrongs = append(y.wrongs, fmt.Sprintf(format, args...))
}

func (y *year) told(what string) {
	if len(y.did) == 0 {
		return
	}
	y.did[len(y.did)-1] += " " + what
}

// carryOut plans what waits and carries it out, and remembers what was before
// a run that came of it.
func (y *year) carryOut() {
	y.survive(func() error { _, err := y.eng.PlanAll(y.Context(), y.roster); return err })
	y.survive(func() error { return y.settleDown(10 * time.Minute) })
	for login, m := range y.people {
		if !y.quiet(login) {
			continue
		}
		var came []onus.RunID
		for _, run := range all(y.world, store.Runs) {
			if run.Identity == m.id && run.State == onus.RunDone && !m.seen[run.ID] {
				came, m.seen[run.ID] = append(came, run.ID), true
			}
		}
		was := m.access
		m.rests()
		switch len(came) {
		case 0:
		case 1:
			m.last, m.before = came[0], was
		default:
			m.last = ""
		}
	}
}

// survive does something as a process would: when it fails, another process
// takes over.
func (y *year) survive(do func() error) {
	err := do()
	if err == nil {
		return
	}
	y.told("[" + err.Error() + "]")
	if !errors.Is(err, errLost) && onus.KindOf(err) != onus.LedgerClosed {
		y.r.Fatalf("%v\nafter:\n%s", err, strings.Join(y.did, "\n"))
	}
	y.restart()
}

func (y *year) restart() {
	y.engine(y.books)
	y.must(y.eng.WakeInterrupted(y.Context()))
}

// quiet says whether nothing is under way about somebody.
func (y *year) quiet(login string) bool {
	id := y.people[login].id
	open := slices.ContainsFunc(all(y.world, store.Occasions), func(o onus.Occasion) bool {
		return o.Identity == id && (o.State == onus.Waiting || o.State == onus.Stopped)
	})
	return !open && !slices.ContainsFunc(all(y.world, store.Runs), func(run onus.Run) bool { return run.Identity == id && !run.State.Ended() })
}

// request asks for role:write, and its owner says yes or no, or nothing.
func (y *year) request(login string) {
	m := y.people[login]
	y.carryOut()
	if !m.read.here || !m.access.account || !y.quiet(login) {
		return
	}
	days := rapid.IntRange(1, 6).Draw(y.r, "days")
	var made []engine.Requested
	var err error
	y.survive(func() error {
		made, err = y.tryRequest(login+"@acme.example", days, nil, "role:write")
		if onus.KindOf(err) == onus.Conflict || onus.KindOf(err) == onus.Denied {
			y.told(err.Error())
			return nil
		}
		return err
	})
	if err != nil || len(made) == 0 || made[0].Refusal != nil {
		return
	}
	y.carryOut()
	answer := rapid.SampledFrom([]string{"yes", "yes", "no", "nothing"}).Draw(y.r, "answer")
	y.told(answer)
	given := false
	for _, a := range y.asking() {
		if answer == "nothing" || a.Identity != m.id {
			continue
		}
		y.survive(func() error { return y.answer(a, sol, answer == "yes") })
		given = slices.ContainsFunc(all(y.world, store.Approvals), func(b onus.Approval) bool { return b.ID == a.ID && b.State == onus.ApprovalApproved })
	}
	y.carryOut()
	if until := made[0].Request.Until; given && until.After(m.access.given) {
		m.access.given = until
	}
}

// undo reverses the last run about somebody, if nothing happened since.
func (y *year) undo(login string) {
	m := y.people[login]
	y.carryOut()
	if !m.read.here || !y.quiet(login) || m.last == "" {
		return
	}
	before := len(all(y.world, store.Reversals))
	y.survive(func() error {
		_, err := y.eng.Reverse(y.Context(), engine.ReversalOrder{Scope: onus.ReversalScope{Run: m.last}, By: "os:test", Person: ciso, Reason: "a mistake"})
		if onus.KindOf(err) == onus.NotFound || onus.KindOf(err) == onus.Conflict {
			y.told(err.Error())
			return nil
		}
		return err
	})
	if len(all(y.world, store.Reversals)) == before {
		return // it was refused, or never came to be; one whose answer was lost did
	}
	y.told(string(m.last))
	was, restored := m.access, m.before
	m.last = ""
	y.carryOut()
	for _, a := range y.asking() {
		if a.Identity == m.id {
			y.survive(func() error { return y.answer(a, sol, true) })
		}
	}
	y.carryOut()
	m.before, m.access, m.undone = was, restored, true
}

// edit changes something on the system by hand.
func (y *year) edit(login string) {
	if _, there := y.dir.Access()[login]; !there {
		return
	}
	y.people[login].last = ""
	edit := rapid.SampledFrom([]string{"grants", "revokes", "disables", "enables", "deletes"}).Draw(y.r, "edit")
	what := rapid.SampledFrom([]string{"group:staff", "group:finance", "role:write"}).Draw(y.r, "what")
	y.told(edit + " " + what)
	switch edit {
	case "grants":
		y.dir.Grant(login, what)
	case "revokes":
		y.dir.Revoke(login, what)
	case "disables":
		y.dir.SetEnabled(login, false)
	case "enables":
		y.dir.SetEnabled(login, true)
	case "deletes":
		y.dir.Delete(login)
	}
}

func (y *year) repairOne() {
	for _, f := range all(y.world, store.Findings) {
		if f.State == onus.FindingOpen && !f.OnAccount() {
			how := rapid.SampledFrom([]onus.Repair{onus.Revoke, onus.Restore}).Draw(y.r, "how")
			y.told(string(how) + " " + f.Name + " " + f.Entitlement)
			y.survive(func() error {
				if err := y.tryRepair(how, f.ID); onus.KindOf(err) == onus.LedgerClosed || errors.Is(err, errLost) {
					return err
				}
				return nil // it is not for this kind, or it is barred
			})
			y.carryOut()
			return
		}
	}
}

func (y *year) trouble() {
	faults := map[string]connectortest.Fault{
		"lost answer": connectortest.LosesAnswer(), "lost request": connectortest.LosesRequest(), "panic": connectortest.Panics(), "lie": connectortest.Lies(),
		"throttled": connectortest.ThrottledFor(time.Second), "slow": connectortest.IsSlow(2, 0), "cut": connectortest.CutAfter(1),
		"denied": connectortest.Fails(connector.Denied), "down": connectortest.Fails(connector.Transient),
	}
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(faults))).Draw(y.r, "fault")
	op := rapid.SampledFrom([]connectortest.Op{connectortest.OpFind, connectortest.OpRead, connectortest.OpApply, connectortest.OpVerify, connectortest.OpScan, connectortest.OpEndSessions}).Draw(y.r, "op")
	nth := rapid.IntRange(0, 3).Draw(y.r, "nth")
	y.told(fmt.Sprint(name, " ", op, " ", nth))
	y.dir.Fail(op, nth, faults[name])
}
