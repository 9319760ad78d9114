package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// settle records what a confirmed change means for our picture of the
// system: the account, the grant, and the reasons for it.
func (e *Engine) settle(l *live, c onus.Change) write {
	return func(ctx context.Context, tx store.Tx) (func(), error) {
		row, _, err := tx.Get(ctx, store.Changes.Name, string(c.ID))
		if err != nil {
			return nil, err
		}
		if !c.Planned.WarrantOnly && !c.Planned.Target.IsGrant() {
			if err := e.settleAccount(ctx, tx, l, c, row.Event); err != nil {
				return nil, err
			}
		}
		if err := e.settleGrant(ctx, tx, l, c, row.Event); err != nil {
			return nil, err
		}
		if err := e.settleFinding(ctx, tx, l, c, row.Event); err != nil {
			return nil, err
		}
		if err := e.undoneByPerson(ctx, tx, c, row.Event); err != nil {
			return nil, err
		}
		return func() {}, e.landed(ctx, tx, l, c, row.Event)
	}
}

// settleAccount brings our picture of an account up to what was confirmed.
func (e *Engine) settleAccount(ctx context.Context, tx store.Tx, l *live, c onus.Change, cause string) error {
	t := c.Planned.Target
	if t.Account == "" {
		return nil // it was to be absent, and never was there
	}
	a, _, err := store.Accounts.Lookup(ctx, tx, store.AccountID(t.System, t.Account))
	if err != nil {
		return err
	}
	a.System, a.Ref, a.Name = t.System, t.Account, t.Name
	if a.Identity == "" {
		a.Identity, a.Matched = c.Identity, "made by "+string(c.ID)
	}
	switch c.Planned.Verb {
	case onus.EnsurePresent:
		a.Enabled, a.Gone = true, false
		a.Attributes = merged(a.Attributes, c.Planned.Attributes)
	case onus.EnsureEnabled:
		a.Enabled = true
	case onus.EnsureDisabled:
		a.Enabled = false
	case onus.EnsureAttributes:
		a.Attributes = merged(a.Attributes, c.Planned.Attributes)
	case onus.EnsureAbsent:
		a.Gone, a.Enabled = true, false
	}
	a.Was = stillAltered(a.Was, c.Planned)
	_, err = store.Accounts.Put(ctx, tx, e.event(ctx, tx, l, c, ledger.AccountObserved, cause, nil), a)
	return err
}

func merged(old, laid onus.Attributes) onus.Attributes {
	if len(old)+len(laid) == 0 {
		return nil
	}
	m := onus.Attributes{}
	for _, from := range []onus.Attributes{old, laid} {
		for k, v := range from {
			m[k] = v
			if v == "" {
				delete(m, k)
			}
		}
	}
	return m
}

// settleGrant moves the warrants of a grant (the account itself is the grant
// with no entitlement), and whether it is observed.
func (e *Engine) settleGrant(ctx context.Context, tx store.Tx, l *live, c onus.Change, cause string) error {
	t := c.Planned.Target
	g := onus.Grant{System: t.System, Entitlement: t.Entitlement, Identity: c.Identity}
	if c.Identity == "" {
		g.Account = t.Account // an orphan's
	}
	old, known, err := store.Grants.Lookup(ctx, tx, store.GrantID(g))
	if err != nil {
		return err
	}
	if known && c.Planned.Repairs != "" && !t.IsGrant() && t.Account != "" && old.Account != t.Account && c.Planned.Verb.TakesAway() {
		return nil // another account than the one that our record is about
	}
	if known {
		g = old
		g.Warrants = slices.Clone(old.Warrants)
	}
	now := tx.Now()
	typ := ledger.GrantWarranted
	gives := c.Planned.Verb == onus.EnsurePresent
	for i, w := range g.Warrants {
		ends := w.Ended.IsZero() && slices.Contains(c.Planned.Ends, onus.WarrantRef{Workflow: w.Workflow, Step: w.Step})
		if !ends {
			continue
		}
		g.Warrants[i].Ended, g.Warrants[i].EndedBy = now, string(l.run.ID)
		if !w.Until.IsZero() && !w.Until.After(now) {
			g.Warrants[i].EndedBy = "expired"
		}
	}
	if len(c.Planned.Undoes) > 0 {
		return e.settleUndone(ctx, tx, l, c, g, known, cause)
	}
	switch {
	case gives && c.Planned.Repairs != "" && !c.Planned.WarrantOnly:
		// It has the warrants that it had, and their ends.
	case gives:
		given(&g, l, c, now)
	case c.Planned.Verb.TakesAway():
		typ = ledger.GrantUnwarranted
	case !known:
		return nil // attributes of an account that nobody warranted
	default:
		return nil
	}
	if !c.Planned.WarrantOnly {
		g.Observed = gives || !t.IsGrant() && c.Planned.Verb == onus.EnsureDisabled
		g.Change = c.ID
		if gives {
			g.Path, g.Via = onus.Direct, ""
		}
	}
	if t.Account != "" {
		g.Account = t.Account
	}
	if t.EntitlementRef != "" {
		g.Ref = t.EntitlementRef
	}
	if g.FirstSeen.IsZero() && g.Observed {
		g.FirstSeen = now
	}
	_, err = store.Grants.Put(ctx, tx, e.event(ctx, tx, l, c, typ, cause, nil), g)
	return err
}

// given adds the warrant of a change, unless its step gives one already. An
// older end stays: planning again is no reason to have something for longer.
func given(g *onus.Grant, l *live, c onus.Change, now time.Time) {
	for _, w := range g.Warrants {
		if w.Workflow == l.run.Workflow && w.Step == c.Planned.Step && w.InForce(now) {
			return
		}
	}
	w := onus.Warrant{
		Workflow: l.run.Workflow, Version: l.run.Version, Step: c.Planned.Step, Since: now, Run: l.run.ID, Change: c.ID,
		Until: c.Planned.Until,
	}
	if w.Until.IsZero() && c.Planned.Expires > 0 {
		w.Until = now.Add(c.Planned.Expires)
	}
	g.Warrants = append(g.Warrants, w)
}

// isLeaver says whether a run is of somebody's leaving. Of a workflow that is
// defined no more, what set the run off says so.
func (e *Engine) isLeaver(ctx context.Context, l *live) (is bool, err error) {
	if isReversal(l.run) {
		return false, nil
	}
	if wf := e.Program.Workflows[l.run.Workflow]; wf != nil {
		return wf.Leaver, nil
	}
	err = e.Store.View(ctx, func(r store.Reader) error {
		o, _, err := store.Occasions.Lookup(ctx, r, l.run.Occasion)
		is = o.Kind == onus.Departed
		return err
	})
	return is, err
}

// residual looks once more at every account of somebody who leaves, on the
// systems themselves: those of the plan, and those that came since. What is
// left keeps the run from being done: it gives the write that stops it, or
// nil when nothing is left. What it saw is recorded, so that whoever plans
// again knows of it.
func (e *Engine) residual(ctx context.Context, l *live) (write, error) {
	accounts, err := e.accountsToLeave(ctx, l)
	if err != nil {
		return nil, err
	}
	systems := make([]onus.SystemName, len(accounts))
	for i, a := range accounts {
		systems[i] = a.System
	}
	if err := e.lastTurns(ctx, l, systems); err != nil {
		return nil, err
	}
	var left []string
	var sights []write
	at := len(l.changes) - 1
	for _, known := range accounts {
		conn, err := e.connectorOf(known.System)
		if err != nil {
			return nil, err
		}
		var a connector.Account
		err = e.call(ctx, known.System, func(ctx context.Context) (err error) {
			a, err = conn.Read(ctx, known.Ref)
			return err
		})
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil && connector.KindOf(err) == connector.NotFound {
			continue
		}
		found := ""
		switch {
		case err != nil:
			found = fmt.Sprintf("%s could not be read: %s", known.System, plain(err))
		case a.Enabled:
			found = fmt.Sprintf("%s on %s is enabled again", a.Name, known.System)
		default:
			for _, h := range a.Holds {
				if h.Path == onus.Direct {
					found = fmt.Sprintf("%s on %s holds %s", a.Name, known.System, h.Entitlement)
				}
			}
		}
		if found == "" {
			continue
		}
		left = append(left, found)
		if err == nil {
			sights = append(sights, e.sight(known.System, a))
		}
		for i, c := range l.changes {
			if c.Planned.Target.System == known.System && !c.Planned.Target.IsGrant() {
				at = i
			}
		}
	}
	if len(left) == 0 {
		return nil, nil //nolint:nilnil // nothing is left, and nothing went wrong
	}
	stop := e.stop(l, at, l.changes[at], onus.Residual, "the leaver is not out: "+strings.Join(left, "; "), "look at the system; then retry")
	run := l.run
	run.State, run.Reason = onus.RunExcepted, "access is left"
	put := e.putRun(l, run, ledger.RunExcepted)
	return func(ctx context.Context, tx store.Tx) (func(), error) {
		a, err := stop(ctx, tx)
		if err != nil {
			return nil, err
		}
		b, err := put(ctx, tx)
		if err != nil {
			return nil, err
		}
		for _, saw := range sights {
			if _, err := saw(ctx, tx); err != nil {
				return nil, err
			}
		}
		return func() { a(); b() }, nil
	}, nil
}

// accountsToLeave lists the accounts that a leaver's run answers for: those
// that its plan closes, and all that their holder has on the systems that the
// workflow empties.
func (e *Engine) accountsToLeave(ctx context.Context, l *live) ([]onus.Account, error) {
	var all []onus.Account
	seen := map[string]bool{}
	add := func(a onus.Account) {
		if id := store.AccountID(a.System, a.Ref); a.Ref != "" && !seen[id] {
			seen[id], all = true, append(all, a)
		}
	}
	for _, c := range l.changes {
		if t := c.Planned.Target; !t.IsGrant() {
			add(onus.Account{System: t.System, Ref: t.Account})
		}
	}
	wf := e.Program.Workflows[l.run.Workflow]
	err := e.Store.View(ctx, func(r store.Reader) error {
		known, err := store.Accounts.Find(ctx, r, "identity", string(l.run.Identity))
		for _, a := range known {
			if !a.Gone && e.Systems[a.System] != nil && empties(wf, a.System) {
				add(a)
			}
		}
		return err
	})
	return all, err
}

// empties says whether a workflow closes accounts and takes grants on a
// system; one that is defined no more counts as doing so.
func empties(wf *flow.Workflow, system onus.SystemName) bool {
	if wf == nil {
		return true
	}
	return slices.ContainsFunc(wf.Steps, func(s flow.Step) bool {
		w := s.Withdraw
		return w != nil && w.Accounts != "" && w.Grants && (len(w.Systems) == 0 || slices.Contains(w.Systems, system))
	})
}
