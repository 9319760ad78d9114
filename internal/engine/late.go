package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/late"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// overdue begins the group of every exception about late access.
const overdue = "late "

// A Remainder is what a leaver still has on one system.
type Remainder struct {
	Identity  onus.IdentityID `json:"identity"`
	System    onus.SystemName `json:"system"`
	Since     time.Time       `json:"since"`             // when it should have begun to go: after their last day, or when we learnt of it
	Rule      string          `json:"rule,omitempty"`    // the standing rule that sets the deadline; empty: none does
	Deadline  time.Time       `json:"deadline,omitzero"` // by when it is to be confirmed gone
	Late      bool            `json:"late"`
	Left      []late.Thing    `json:"left"`
	Weight    int             `json:"weight"`
	Delays    []late.Delay    `json:"delays"`
	Exception string          `json:"exception,omitempty"`
}

// Remainders lists what leavers still have whose leaving is not carried out:
// the heaviest first.
func (e *Engine) Remainders(ctx context.Context, roster Roster) (all []Remainder, err error) {
	err = e.Store.View(ctx, func(r store.Reader) error {
		at, err := e.inCharge(ctx, r, roster, e.Now())
		if err != nil {
			return err
		}
		open, err := openLate(ctx, r)
		if err != nil {
			return err
		}
		if all, err = e.remainders(ctx, r, at, false); err != nil {
			return err
		}
		for i := range all {
			all[i].Exception = open[all[i].key()].ID
		}
		return nil
	})
	return all, err
}

func (m *Remainder) key() string { return string(m.Identity) + "/" + string(m.System) }

// openLate gives the open exceptions about late access by whose it is, and where.
func openLate(ctx context.Context, r store.Reader) (map[string]onus.Exception, error) {
	open, err := store.Exceptions.Find(ctx, r, "state", string(onus.ExceptionOpen))
	byKey := map[string]onus.Exception{}
	for _, x := range open {
		if strings.HasPrefix(x.Group, overdue) {
			byKey[string(x.Identity)+"/"+string(x.System)] = x
		}
	}
	return byKey, err
}

// A leaving is one that is not carried out yet: its occasion waits or stopped,
// or its run is not over.
type leaving struct {
	occasion onus.Occasion
	run      *onus.Run // nil: none is planned
}

func leavings(ctx context.Context, r store.Reader) ([]leaving, error) {
	var all []leaving
	for _, state := range []onus.OccasionState{onus.Waiting, onus.Stopped} {
		occasions, err := store.Occasions.Find(ctx, r, "state", string(state))
		if err != nil {
			return nil, err
		}
		for _, o := range occasions {
			if o.Kind == onus.Departed {
				all = append(all, leaving{occasion: o})
			}
		}
	}
	for _, state := range []onus.RunState{onus.RunHeld, onus.RunReady, onus.RunWaiting, onus.RunExcepted} {
		runs, err := store.Runs.Find(ctx, r, "state", string(state))
		if err != nil {
			return nil, err
		}
		for i := range runs {
			o, known, err := store.Occasions.Lookup(ctx, r, runs[i].Occasion)
			if err != nil {
				return nil, err
			}
			if known && o.Kind == onus.Departed {
				all = append(all, leaving{o, &runs[i]})
			}
		}
	}
	return all, nil
}

func (e *Engine) remainders(ctx context.Context, r store.Reader, at inCharge, onlyLate bool) ([]Remainder, error) {
	var rules []*flow.Rule
	for _, rule := range at.program.RulesFor(onus.LateCase) {
		if at.standingOf(rule).State != onus.RuleLapsed && rule.Bounds.Within > 0 {
			rules = append(rules, rule)
		}
	}
	if onlyLate && len(rules) == 0 {
		return nil, nil
	}
	going, err := leavings(ctx, r)
	if err != nil {
		return nil, err
	}
	all := []Remainder{}
	for _, l := range going {
		some, err := e.remaindersOf(ctx, r, at, rules, l, onlyLate)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b Remainder) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.key(), b.key()))
	})
	return slices.CompactFunc(all, func(a, b Remainder) bool { return a.key() == b.key() }), nil
}

func (e *Engine) remaindersOf(ctx context.Context, r store.Reader, at inCharge, rules []*flow.Rule, l leaving, onlyLate bool) ([]Remainder, error) {
	who, err := store.Identities.Get(ctx, r, string(l.occasion.Identity))
	if err != nil || who.State != onus.Left {
		return nil, err
	}
	accounts, err := store.Accounts.Find(ctx, r, "identity", string(who.ID))
	if err != nil {
		return nil, err
	}
	grants, err := store.Grants.Find(ctx, r, "identity", string(who.ID))
	if err != nil {
		return nil, err
	}
	var all []Remainder
	seen := map[onus.SystemName]bool{}
	for _, a := range accounts {
		sys := at.program.Systems[a.System]
		if seen[a.System] || sys == nil {
			continue
		}
		seen[a.System] = true
		m := Remainder{Identity: who.ID, System: a.System, Since: since(e.Program, l.occasion, who)}
		if m.Left, m.Weight = late.Left(a.System, accounts, grants, e.sensitivityOf); len(m.Left) == 0 {
			continue
		}
		use := planning.RuleUse{Now: at.At, Identity: who, People: at.roster}
		for _, rule := range rules {
			by := l.occasion.At.Add(rule.Bounds.Within)
			if rule.Bounds.On(a.System) && (m.Rule == "" || by.Before(m.Deadline)) && len(planning.Outside(rule, use)) == 0 {
				m.Rule, m.Deadline = rule.Name, by
			}
		}
		m.Late = m.Rule != "" && at.At.After(m.Deadline)
		if onlyLate && !m.Late {
			continue
		}
		if m.Delays, err = e.delays(ctx, r, at, l, sys, m.Since); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// sensitivityOf is what the catalogue says; what nobody weighed is critical.
func (e *Engine) sensitivityOf(system onus.SystemName, entitlement string) onus.Sensitivity {
	if x := e.Program.Entitlements[flow.EntitlementKey{System: system, Name: entitlement}]; x != nil {
		return cmp.Or(x.Sensitivity, onus.Critical)
	}
	return onus.Critical
}

// since is when a leaver's access should have begun to go: after the last day
// that the record names, where a read told of it later; else when we learnt.
func since(p *flow.Program, o onus.Occasion, who onus.Identity) time.Time {
	zone := p.Organisation.Zone
	if zone == nil {
		zone = time.UTC
	}
	last, err := time.ParseInLocation(time.DateOnly, who.Ends, zone)
	if over := last.AddDate(0, 0, 1); err == nil && o.Read != "" && over.Before(o.At) {
		return over
	}
	return o.At
}

// delays puts the time since somebody should have been out of a system to its
// causes, as far as our records tell.
func (e *Engine) delays(ctx context.Context, r store.Reader, at inCharge, l leaving, sys *flow.System, from time.Time) ([]late.Delay, error) {
	var spans []late.Span
	if src := at.program.Sources[l.occasion.Source]; src != nil {
		spans = append(spans, late.Span{Cause: late.LateRecord, Owner: src.Owner, From: from, Until: l.occasion.At})
	}
	about := []store.Key{{Name: "occasion", Value: l.occasion.ID}}
	queue := ""
	if l.run != nil {
		about = append(about, store.Key{Name: "run", Value: string(l.run.ID)}, store.Key{Name: "batch", Value: l.run.Batch})
		if wf := at.program.Workflows[l.run.Workflow]; wf != nil {
			queue = wf.Controls.Revocation
		}
	}
	for _, k := range about {
		found, err := store.Exceptions.Find(ctx, r, k.Name, k.Value)
		if err != nil {
			return nil, err
		}
		for _, x := range found {
			mine := x.Run == "" || l.run != nil && x.Run == l.run.ID
			if x.Practice || !mine || x.System != "" && x.System != sys.Name {
				continue
			}
			s := late.Span{Cause: late.Stopped, Owner: x.Assignee, From: x.Opened, Until: x.Closed}
			if x.Category == onus.SystemUnreached {
				s.Cause, s.Owner = late.Unreachable, sys.Owner
			}
			spans = append(spans, s)
		}
	}
	if l.run == nil {
		return late.Account(from, at.At, spans, queue), nil
	}
	asked, err := store.Approvals.Find(ctx, r, "run", string(l.run.ID))
	if err != nil {
		return nil, err
	}
	for _, a := range asked {
		spans = append(spans, late.Span{Cause: late.Decision, Owner: strings.Join(a.Of, ", "), From: a.Asked, Until: a.Ended})
	}
	changes, err := store.Changes.Query(ctx, r, store.ChangesOf(l.run.ID))
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		if c.Planned.Target.System == sys.Name && !c.State.Ended() {
			spans = append(spans, held(c, sys.Owner)...)
		}
	}
	return late.Account(from, at.At, spans, queue), nil
}

// held says what a change waits for on its system.
func held(c onus.Change, owner string) (spans []late.Span) {
	if c.State == onus.ChangeApplied {
		spans = append(spans, late.Span{Cause: late.Unconfirmed, Owner: owner, From: c.Applied})
	}
	if c.Trouble != "" {
		cause := late.Unreachable
		if c.Trouble == string(connector.Throttled) {
			cause = late.Throttled
		}
		spans = append(spans, late.Span{Cause: cause, Owner: owner, From: c.Troubled})
	}
	return spans
}

// watchLate opens an exception for every system that a leaver is not out of by
// the deadline of a standing rule, and closes those that are over.
func (e *Engine) watchLate(ctx context.Context, roster Roster) error {
	var opens []Remainder
	var over []onus.Exception
	var charge inCharge
	err := e.Store.View(ctx, func(r store.Reader) (err error) {
		opens, over = nil, nil
		if charge, err = e.inCharge(ctx, r, roster, e.Now()); err != nil {
			return err
		}
		stand, err := e.remainders(ctx, r, charge, true)
		if err != nil {
			return err
		}
		open, err := openLate(ctx, r)
		if err != nil {
			return err
		}
		for _, m := range stand {
			if _, known := open[m.key()]; !known {
				opens = append(opens, m)
			}
			delete(open, m.key())
		}
		for _, x := range open {
			over = append(over, x)
		}
		return nil
	})
	if err != nil || len(opens)+len(over) == 0 {
		return err
	}
	return e.Store.Update(ctx, func(tx store.Tx) error {
		for _, x := range over {
			if err := e.clearAbout(ctx, tx, "group", x.Group, func(y onus.Exception) bool { return y.ID == x.ID }); err != nil {
				return err
			}
		}
		for _, m := range opens {
			if err := e.openLate(ctx, tx, charge, m); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *Engine) openLate(ctx context.Context, tx store.Tx, at inCharge, m Remainder) error {
	id, err := e.nextID(ctx, tx, "late", m.key())
	if err != nil {
		return err
	}
	preserved, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("keep what is left of %s: %w", m.key(), err)
	}
	return e.open(ctx, tx, onus.Exception{
		ID: id, Category: onus.Overdue, Group: overdue + string(m.System), Identity: m.Identity, System: m.System,
		Message: fmt.Sprintf("a leaver is not confirmed out of %s by %s (rule %s): %s", m.System, m.Deadline.UTC().Format("2006-01-02 15:04 MST"), m.Rule, m.Says()),
		Hint:    "onus late shows what is left and what holds it up; it closes when the access is confirmed gone",
		Route:   at.program.Rules[m.Rule].Route, Kept: string(preserved),
	}, "")
}

// Says tells what is left, how it weighs, and what held it up longest.
func (m *Remainder) Says() string {
	things := make([]string, 0, len(m.Left))
	for _, x := range m.Left {
		what := "account " + x.Account
		if x.Entitlement != "" {
			what = fmt.Sprintf("%s (%s)", x.Entitlement, x.Sensitivity)
		}
		things = append(things, what)
	}
	says := fmt.Sprintf("%s left, weight %d", strings.Join(things, ", "), m.Weight)
	if len(m.Delays) > 0 {
		d := m.Delays[0]
		says += fmt.Sprintf("; %s of it is %s", d.Took.Round(time.Second), d.Cause)
		if d.Owner != "" {
			says += ", for which " + d.Owner + " answers"
		}
	}
	return says
}
