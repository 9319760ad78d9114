package attribution_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/intake"
	"github.com/onus-id/onus/internal/ownership/ownershiptest"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/versions/versionstest"
	"github.com/onus-id/onus/source"
)

// A company is one in which all is well until a case report says otherwise.
// Everybody who answers for something is on its own roster.
type company struct {
	*works

	began time.Time
	text  string
	rows  map[string][]string // login → department, end
	bots  map[string]string   // AI agent → mail of its sponsor
	taken time.Time           // when the source dates itself; zero: now
}

var columns = []string{"id", "login", "mail", "department", "end"}

func newCompany(t *testing.T, text string) *company {
	t.Helper()
	w := newWorks(t, "group:staff", "group:finance", "group:sales", "role:pay", "role:guest")
	c := &company{works: w, began: w.clock, rows: map[string][]string{}, bots: map[string]string{}}
	for who := range strings.FieldsSeq("priya lee dana sol mara ruth ingrid omar ciso gus abe bob author head") {
		c.rows[who] = []string{"office", ""}
	}
	c.publish(text)
	return c
}

// publish lets definitions run.
func (c *company) publish(text string) {
	c.Helper()
	c.text = text
	c.define(text, engine.Retry{Attempts: 2, First: time.Second, Longest: time.Second, Inline: 2 * time.Second})
}

// Read is the roster, as a source.
func (c *company) Read(_ context.Context, yield func(source.Row) error) (source.Taken, error) {
	var said []string
	for i, login := range c.sorted() {
		v := c.rows[login]
		row := source.Row{Line: i + 2, Values: map[string]string{"id": "k-" + login, "login": login, "mail": login + "@acme.example", "department": v[0], "end": v[1]}}
		said = append(said, login+" "+strings.Join(v, " "))
		if err := yield(row); err != nil {
			return source.Taken{}, err
		}
	}
	at := c.taken
	if at.IsZero() {
		at = c.clock
	}
	return source.Taken{At: at, Complete: true, Rows: len(c.rows), Columns: columns, Digest: onus.DigestOf(fmt.Append(nil, said))}, nil
}

func (c *company) sorted() []string {
	return slices.Sorted(maps.Keys(c.rows))
}

// cycle looks at everything and does what is due.
func (c *company) cycle() {
	c.Helper()
	in := &intake.Intake{Store: c.store, Now: c.now}
	_, err := in.Take(c.Context(), c.program, c.program.Sources["hr"], c)
	c.must(err)
	if len(c.bots) > 0 {
		_, err = in.Take(c.Context(), c.program, c.program.Sources["bots"], register{c})
		c.must(err)
	}
	_, err = in.Tick(c.Context(), c.program)
	c.must(err)
	versionstest.Publish(c, c.store, c.program)
	c.must(c.eng.Observe(c.Context()))
	roster, err := intake.LoadRoster(c.Context(), c.program, c.store)
	c.must(err)
	c.must(c.eng.ClimbOverdue(c.Context()))
	_, err = c.eng.PlanAll(c.Context(), roster)
	c.must(err)
	c.work()
	c.clock = c.clock.Add(time.Minute)
}

func (c *company) work() {
	c.Helper()
	for len(c.queue) > 0 {
		s := c.queue[0]
		if c.queue = c.queue[1:]; s.Exception == "" && s.Approval == "" && s.Emergency == "" {
			if s.At.After(c.clock) {
				c.clock = s.At
			}
			c.must(c.eng.Handle(c.Context(), s))
		}
	}
}

// tell carries out one line of a case report.
func (c *company) tell(line string) {
	c.Helper()
	f := strings.Fields(line)
	rest := func(n int) string { return strings.Join(f[n:], " ") }
	switch f[0] {
	case "roster": // roster ana finance [last day]
		c.rows[f[1]] = []string{f[2], ""}
		if len(f) > 3 {
			c.rows[f[1]][1] = f[3]
		}
	case "crowd": // crowd 6 finance
		n := 0
		_, err := fmt.Sscan(f[1], &n)
		c.must(err)
		for i := range n {
			c.rows[fmt.Sprintf("crowd%02d", i)] = []string{f[2], ""}
		}
	case "strike":
		delete(c.rows, f[1])
	case "dated": // the source dates itself so long ago
		d, err := time.ParseDuration(f[1])
		c.must(err)
		c.taken = c.clock.Add(-d)
	case "run":
		c.cycle()
		c.taken = time.Time{}
	case "wait":
		d, err := time.ParseDuration(f[1])
		c.must(err)
		c.clock = c.clock.Add(d)
	case "climb":
		c.must(c.eng.ClimbOverdue(c.Context()))
	case "put":
		c.dir.Grant(f[1], f[2])
	case "cut":
		c.dir.Revoke(f[1], f[2])
	case "create":
		c.dir.Create(f[1], nil)
	case "rename":
		c.dir.Rename(f[1], f[2])
	case "refuses":
		c.dir.FailOn(connectortest.OpApply, f[1], 0, connectortest.Fails(connector.Denied))
	case "lies":
		c.dir.FailOn(connectortest.OpApply, f[1], 0, connectortest.Lies())
	case "heal":
		c.dir.Heal()
	case "change": // change OLD => NEW
		old, now, ok := strings.Cut(rest(1), " => ")
		if !ok || !strings.Contains(c.text, old) {
			c.Fatalf("%q changes nothing of the definitions", line)
		}
		c.publish(strings.ReplaceAll(c.text, old, now))
	case "decide": // decide CATEGORY ACT PERSON [NAME=VALUE] because
		c.decide(onus.Category(f[1]), f[2], f[3], f[4:])
	case "rule": // a standing rule, which Gus approved beforehand and Ingrid keeps; or another, for orphans
		rule := onCall
		if len(f) > 1 {
			rule = nobodys
		} else if !strings.Contains(c.text, requests) {
			rule = requests + onCall
		}
		c.publish(c.text + rule)
		versionstest.Publish(c, c.store, c.program)
		ownershiptest.AcceptAll(c.T, c.store, c.program, c.roster())
	case "emergency": // emergency ana role:pay
		_, err := c.eng.Emergency(c.Context(), c.roster(), engine.EmergencyOrder{
			Wants: []onus.Wanted{{System: "dir", Entitlement: f[2]}}, Reason: "it is night", By: "person:" + onus.Actor(f[1]), Person: f[1] + "@acme.example",
		})
		c.must(err)
		c.work()
	case "agent", "asks", "writes":
		c.agent(f)
	case "undo", "back", "mend", "deny":
		c.order(f)
	case "yes", "no":
		c.answer(f[0] == "yes", f[1])
	default:
		c.Fatalf("nobody knows what %q means", line)
	}
}

// requests is the workflow that owns what is asked for.
const requests = `
---
kind: Workflow
name: requests
owners: {workflow: lee@acme.example}
controls: {provisioning: mara@acme.example, revocation: ruth@acme.example, exceptions: ingrid@acme.example}
occasion: {request: true}
bounds: {subjects: 40 per 1h, changes: 400 per 1h}
exceptions: {default: {to: ingrid@acme.example, within: 15m, then: [omar@acme.example, ciso@acme.example]}}
`

// nobodys is a standing rule for accounts that nobody answers for.
const nobodys = `
---
kind: Rule
name: nobodys
case: orphan
because: nobody answers for what nobody has
owner: ingrid@acme.example
pre_approved: {by: gus@acme.example, until: "2099-12-31"}
bounds: {systems: [dir], at_once: 20}
steps:
  - {id: told, do: tell}
  - {id: off, do: disable, after: 7d}
  - {id: gone, do: remove, after: 30d}
`

// onCall is a standing rule for emergencies.
const onCall = `
---
kind: Rule
name: on-call
case: emergency
because: nights
owner: ingrid@acme.example
pre_approved: {by: gus@acme.example, until: "2099-12-31"}
bounds: {entitlements: [{system: dir, entitlement: 'role:pay'}], at_once: 2, uses: 5 per 30d}
follow: {review: {within: 72h, by: [abe@acme.example, bob@acme.example]}}
`

func (c *company) roster() engine.Roster {
	c.Helper()
	roster, err := intake.LoadRoster(c.Context(), c.program, c.store)
	c.must(err)
	return roster
}

func (c *company) decide(category onus.Category, act, person string, more []string) {
	c.Helper()
	var open []onus.Exception
	c.must(c.store.View(c.Context(), func(r store.Reader) (err error) {
		open, err = store.Exceptions.Find(c.Context(), r, "state", string(onus.ExceptionOpen))
		return err
	}))
	roster, err := intake.LoadRoster(c.Context(), c.program, c.store)
	c.must(err)
	o := engine.Order{Act: act, By: "person:" + onus.Actor(person), Person: person + "@acme.example", Reason: "it seemed right", With: map[string]string{}}
	for _, m := range more {
		if k, v, ok := strings.Cut(m, "="); ok {
			o.With[k] = v
		}
	}
	done := 0
	for _, x := range open {
		if x.Category != category {
			continue
		}
		o.Exception = x.ID
		if _, err := c.eng.Decide(c.Context(), roster, o); onus.KindOf(err) != onus.Conflict || done == 0 {
			c.must(err) // what was decided before may have cleared it
		}
		done++
	}
	if done == 0 {
		c.Fatalf("no exception of category %s is open", category)
	}
	c.work()
}

func (c *company) answer(yes bool, person string) {
	c.Helper()
	var asked []onus.Approval
	c.must(c.store.View(c.Context(), func(r store.Reader) (err error) {
		asked, err = store.Approvals.Find(c.Context(), r, "state", string(onus.ApprovalAsked))
		return err
	}))
	roster, err := intake.LoadRoster(c.Context(), c.program, c.store)
	c.must(err)
	if len(asked) == 0 {
		c.Fatal("nobody is asked for an approval")
	}
	for _, a := range asked {
		_, err := c.eng.Answer(c.Context(), roster, engine.Vote{Approval: a.ID, Yes: yes, By: "person:" + onus.Actor(person), Person: person + "@acme.example", Reason: "looked fine"})
		c.must(err)
	}
	c.work()
}

// question is what is asked at the end of a report.
func (c *company) question(text string) onus.AccessError {
	c.Helper()
	e := onus.AccessError{At: c.clock, Reported: c.clock, Right: map[string]string{}, Match: map[string]onus.IdentityID{}, System: "dir"}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		switch f[0] {
		case "who":
			e.Identity = c.identity(f[1])
		case "what":
			e.Entitlement = f[1]
		case "should-hold":
			e.ShouldHold = true
		case "should-not-hold":
		case "at": // so long after the beginning
			d, err := time.ParseDuration(f[1])
			c.must(err)
			e.At = c.began.Add(d)
		case "right":
			k, v, _ := strings.Cut(f[1], "=")
			e.Right[k] = v
		case "match": // match ACCOUNT's NAME then, PERSON
			var accounts []onus.Account
			c.must(c.store.View(c.Context(), func(r store.Reader) (err error) {
				accounts, err = store.Accounts.Find(c.Context(), r, "name", "dir/"+f[1])
				return err
			}))
			e.Match[store.AccountID("dir", accounts[0].Ref)] = c.identity(f[2])
		default:
			c.Fatalf("nobody knows what %q asks", line)
		}
	}
	return e
}

func (c *company) identity(login string) (id onus.IdentityID) {
	c.Helper()
	c.must(c.store.View(c.Context(), func(r store.Reader) error {
		who, err := attribution.FindIdentity(c.Context(), r, login)
		id = who.ID
		return err
	}))
	return id
}

func (c *company) judge(e onus.AccessError) (v onus.Verdict) {
	c.Helper()
	c.must(c.store.View(c.Context(), func(r store.Reader) (err error) {
		v, err = attribution.NewPast(r).Judge(c.Context(), e)
		return err
	}))
	return v
}

// summary puts a verdict the way case reports put what they expect.
func summary(v onus.Verdict) string {
	switch {
	case !v.Error:
		return "no error"
	case len(v.Faults) == 0:
		return "undetermined"
	}
	var lines []string
	for _, f := range v.Faults {
		who, _, _ := strings.Cut(f.Accountable.Mail, "@")
		line := fmt.Sprintf("%s %s: %s", f.Confidence, f.Class, cmp.Or(who, "nobody"))
		if f.Since != "" {
			line += " since " + f.Since
		}
		if f.Vendor != "" {
			line += " vendor " + f.Vendor
		}
		var with []string
		for _, a := range f.Contributing {
			name, _, _ := strings.Cut(a.Mail, "@")
			with = append(with, name)
		}
		if len(with) > 0 {
			line += " with " + strings.Join(with, ", ")
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	who, _, _ := strings.Cut(v.Control.Mail, "@")
	return strings.Join(append(lines, "control: "+who), "\n")
}

func part(a *txtar.Archive, name string) string {
	for _, f := range a.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

// Each report tells what was done to a healthy company, and so what the
// verdict must be. The score is right class, owner, confidence and control.
func TestTheTruthCorpus(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("there is no corpus", err)
	}
	base, err := txtar.ParseFile("testdata/company/acme.txtar")
	if err != nil {
		t.Fatal(err)
	}
	right, all := map[string]int{}, map[string]int{}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := newCompany(t, part(base, "acme.yaml"))
			for line := range strings.Lines(part(a, "story")) {
				if line = strings.TrimSpace(line); line != "" {
					c.tell(line)
				}
			}
			e := c.question(part(a, "question"))
			v := c.judge(e)
			got, want := summary(v), strings.TrimSpace(part(a, "verdict"))
			class, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(want, "established "), "probable "), ":")
			all[class]++
			if got != want {
				t.Errorf("the verdict is\n%s\nand should be\n%s\nfor: %s\nreasons %v\ntried %v\nmissing %q", got, want, v.Sentence, v.Reasons, v.Tried, v.Missing)
				return
			}
			right[class]++
			c.cited(v)
			for range 5 { // whoever asks again is told the same, in the same order
				if diff := gocmp.Diff(v, c.judge(e)); diff != "" {
					t.Fatalf("the verdict is another one the next time:\n%s", diff)
				}
			}
		})
	}
	classes := make([]string, 0, len(all))
	for class := range all {
		classes = append(classes, class)
	}
	slices.Sort(classes)
	for _, class := range classes {
		t.Logf("%-16s %d of %d", class, right[class], all[class])
	}
}

// cited checks that every sentence of a verdict names entries, and that they
// are there.
func (c *company) cited(v onus.Verdict) {
	c.Helper()
	cites := func(what string, all []onus.Citation) {
		if len(all) == 0 {
			c.Errorf("nothing shows that %s", what)
		}
		c.must(c.store.View(c.Context(), func(r store.Reader) error {
			for _, cite := range all {
				found := false
				for e, err := range r.Events(c.Context(), store.EventQuery{ID: cite.Event}) {
					c.must(err)
					found = e.Index == cite.Index
				}
				if !found {
					c.Errorf("entry %d is not %s", cite.Index, cite.Event)
				}
			}
			return nil
		}))
	}
	for _, f := range v.Faults {
		cites(f.Says, f.Cites)
	}
	for _, s := range v.Reasons {
		if !strings.HasPrefix(s.Says, "None of the ") {
			cites(s.Says, s.Cites)
		}
	}
}
