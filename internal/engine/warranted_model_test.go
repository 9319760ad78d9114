package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flow/expr"
	"github.com/onus-id/onus/internal/intake"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/versions/versionstest"
)

// Whatever happens to people, and is asked for, edited by hand, undone, broken
// and restarted: in the end the system is what the records and the decisions
// warrant, by a model that knows neither plans nor warrants; and where it is
// not, a finding names it or somebody was asked about whom it is. As long as nothing breaks
// and nobody edits by hand, there is no difference, and nobody is asked.
func TestSystemsEndAsRecordsAndDecisionsWarrantOrSomebodyIsAsked(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		y := newYear(t, r)
		for range rapid.IntRange(1, 25).Draw(r, "acts") {
			y.act()
		}
		y.comesToRest()
		for login := range y.people {
			y.compare(login)
		}
		y.sound()
		if len(y.wrongs) > 0 {
			r.Fatalf("%s\nafter:\n%s", strings.Join(y.wrongs, "\n"), strings.Join(y.did, "\n"))
		}
	})
}

// A year is what went on in a company, and what a model makes of it.
type year struct {
	*world

	r      *rapid.T
	calm   bool // nothing breaks, and nobody edits by hand
	did    []string
	wrongs []string
	people map[string]*model
	in     *intake.Intake
	books  store.Store // healthy ones
}

// A model is what is known of one person.
type model struct {
	id     onus.IdentityID
	truth  record    // what is written down
	read   record    // what was read
	rested record    // what was read when all of it was carried out last
	comes  bool      // they came, left or came back since then
	access warranted // at that time
	undone bool      // it is so by an undoing, and not by the record

	seen   map[onus.RunID]bool
	last   onus.RunID // the last run, where nothing happened since
	before warranted  // it
}

type record struct {
	here       bool
	department string
}

// learns takes in what is written down.
func (m *model) learns() {
	m.comes = m.comes || m.truth.here != m.read.here
	if m.read != m.truth {
		m.last = ""
	}
	m.read = m.truth
}

// should is what is warranted once all that was read is carried out: who came
// has what their department has and nothing that they were given before, who
// moved keeps what they were given, and who went back to where they were, before
// anybody acted on it, has not moved.
func (m *model) should() warranted {
	switch {
	case !m.read.here:
		return warranted{}
	case m.comes:
		return warranted{account: true, department: m.read.department}
	case m.read.department != m.rested.department:
		return warranted{account: true, department: m.read.department, given: m.access.given}
	default:
		return m.access
	}
}

// rests says that all that was read is carried out.
func (m *model) rests() {
	now := m.should()
	if m.comes || m.read != m.rested {
		m.undone = false
	}
	m.access, m.rested, m.comes = now, m.read, false
}

// warranted is what somebody should have.
type warranted struct {
	account    bool
	department string
	given      time.Time // role:write until then
}

func (m warranted) holds(now time.Time) []string {
	if !m.account {
		return nil
	}
	holds := []string{"group:staff"}
	if m.department == "finance" {
		holds = append(holds, "group:finance")
	}
	if now.Before(m.given) {
		holds = append(holds, "role:write")
	}
	slices.Sort(holds)
	return holds
}

func newYear(t *testing.T, r *rapid.T) *year {
	t.Helper()
	w := newWorld(t)
	env, err := expr.NewEnv([]expr.Field{{Name: "login", Type: expr.String}, {Name: "department", Type: expr.String}})
	w.must(err)
	w.program.Workflows["joiner"].When, err = env.Compile(`change.kind == "joined" || change.kind == "returned"`, expr.Bool)
	w.must(err)
	hr := w.program.Sources["hr"]
	hr.Schema.Attributes = append(hr.Schema.Attributes, flow.Attribute{Name: "status", Type: expr.String})
	hr.Schema.Roles = flow.Roles{Login: "login", Name: "login", Mail: "mail", Manager: "manager", Status: "status", Gone: []string{"terminated"}}
	w.program.Organisation.Zone = time.UTC
	w.takesRequests()
	for _, wf := range w.program.Workflows {
		wf.Bounds.Subjects.Max = 10_000
	}
	w.program.Digest = onus.DigestOf([]byte("a year"))
	versionstest.Publish(w, w.store, w.program)
	y := &year{world: w, r: r, calm: rapid.Bool().Draw(r, "calm"), people: map[string]*model{}, books: w.store}
	y.in = &intake.Intake{Store: w.store, Now: w.now}
	for _, login := range []string{"ana", "bo"} {
		y.people[login] = &model{truth: record{here: true}, seen: map[onus.RunID]bool{}}
	}
	y.must(y.read())
	for _, who := range all(w, store.Identities) {
		if m := y.people[who.Login]; m != nil {
			m.id = who.ID
		}
	}
	y.carryOut()
	return y
}

// comesToRest lets everything that was broken work again, and time pass.
func (y *year) comesToRest() {
	y.did = append(y.did, "rest")
	y.dir.Heal()
	y.restart()
	y.must(y.read())
	looks := rapid.Bool().Draw(y.r, "somebody looks again")
	for range 4 {
		y.carryOut()
		y.must(y.eng.Observe(y.Context()))
		for _, x := range y.exceptions() {
			if looks {
				_, _ = y.eng.Decide(y.Context(), y.roster, engine.Order{Exception: x.ID, Act: engine.LookAgain, By: "os:test", Person: ciso, Reason: "it works again"})
			}
		}
		y.later(time.Hour)
	}
	y.carryOut()
	y.must(y.eng.Observe(y.Context()))
}

// compare holds what somebody truly has against the model.
func (y *year) compare(login string) {
	m := y.people[login]
	has := y.dir.Access()[login]
	want := m.should()
	for _, what := range y.differs(has, want) {
		by := y.asked(login, what)
		if by == "" && m.undone && len(y.differs(has, warranted{m.read.here, m.read.department, m.access.given})) == 0 {
			return // what was undone came back while things were broken
		}
		if by == "" || y.calm {
			y.wrong("%s truly has %+v, and %+v is warranted: %q is named by %q", login, has, want, what, by)
		}
	}
	if !y.calm {
		return
	}
	for _, x := range y.exceptions() {
		y.wrong("nothing broke, and somebody is asked: %s", x.Message)
	}
	for _, f := range all(y.world, store.Findings) {
		if f.State == onus.FindingGone && f.Kind == onus.Appeared {
			continue // a scan came between the end of what was lent and its taking
		}
		y.wrong("nobody edited anything, and something is found: %+v", f)
	}
}

func (y *year) differs(has connectortest.Seen, want warranted) (in []string) {
	if has.Enabled != want.account {
		in = append(in, "")
	}
	holds := want.holds(y.now())
	for _, e := range []string{"group:staff", "group:finance", "role:write"} {
		if slices.Contains(has.Holds, e) != slices.Contains(holds, e) {
			in = append(in, e)
		}
	}
	return in
}

// asked says what asks somebody about a difference; empty: nothing does.
func (y *year) asked(login, what string) string {
	id := y.people[login].id
	for _, f := range all(y.world, store.Findings) {
		if !f.State.Ended() && f.Name == login && (f.Entitlement == what || f.Entitlement == "") {
			return "finding " + string(f.Kind)
		}
	}
	for _, a := range all(y.world, store.Approvals) {
		if what == "role:write" && a.Identity == id && a.State == onus.ApprovalDenied {
			return "approval " + a.ID + ", which was asked anew on other facts, and denied: " + a.Why
		}
	}
	runs := map[onus.RunID]bool{}
	for _, run := range all(y.world, store.Runs) {
		runs[run.ID] = run.Identity == id && !run.State.Ended()
	}
	for _, x := range y.exceptions() {
		if runs[x.Run] || x.Identity == id {
			return "exception " + string(x.Category) + ": " + x.Message
		}
	}
	return ""
}
