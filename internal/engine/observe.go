package engine

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/intake"
	"github.com/onus-id/onus/internal/reconcile"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// Observe scans every system and records what is not as it was last seen. A
// system that cannot be read to its end proves no absence, and is an
// exception of its owner; the others go on.
func (e *Engine) Observe(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(e.Program.Systems)) {
		if err := e.observe(ctx, e.Program.Systems[name]); err != nil {
			return err
		}
	}
	return nil
}

// ObserveOne scans one system.
func (e *Engine) ObserveOne(ctx context.Context, name onus.SystemName) error {
	sys := e.Program.Systems[name]
	if sys == nil {
		return onus.Errorf(onus.NotFound, "onus check lists what is defined", "there is no system %s", name)
	}
	return e.observe(ctx, sys)
}

// sighting is one account as a scan found it, against what was known.
type sighting struct {
	seen   reconcile.Observed
	orphan []onus.Grant // known under no identity; they move to the identity found now
}

// commitSightings is how many accounts one transaction records.
const commitSightings = 200

// scan is one look at one system.
type scan struct {
	e     *Engine
	sys   *flow.System
	since int64 // the ledger's size when it began: what moved later is newer than the scan
	known map[onus.AccountRef]onus.Account
	found []sighting
	n     int
}

func (e *Engine) observe(ctx context.Context, sys *flow.System) error {
	s := &scan{e: e, sys: sys, known: map[onus.AccountRef]onus.Account{}}
	err := e.Store.View(ctx, func(r store.Reader) error {
		head, err := r.Head(ctx)
		if err != nil {
			return err
		}
		s.since = head.Size
		known, err := store.Accounts.Find(ctx, r, "system", string(sys.Name))
		if err != nil {
			return err
		}
		for _, a := range known {
			s.known[a.Ref] = a
		}
		return nil
	})
	if err != nil {
		return err
	}
	conn, err := e.connectorOf(sys.Name)
	if err != nil {
		return err
	}
	if e.Limit != nil {
		d, err := e.Limit.Reserve(ctx, sys.Name)
		if err != nil {
			return err
		}
		if err := e.Sleep(ctx, d); err != nil {
			return err
		}
	}
	complete := false
	scanErr := guarded(func() (err error) {
		complete, err = conn.Scan(ctx, func(a connector.Account) error { return s.account(ctx, a) })
		return err
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := s.flush(ctx); err != nil {
		return err
	}
	if scanErr != nil || !complete {
		return e.unread(ctx, sys, scanErr)
	}
	for _, a := range s.known { // what is left was not seen
		if err := s.absent(ctx, a); err != nil {
			return err
		}
	}
	if err := s.flush(ctx); err != nil {
		return err
	}
	if err := e.readAgain(ctx, sys); err != nil {
		return err
	}
	return e.findDrift(ctx, sys)
}

// account takes one account of the scan.
func (s *scan) account(ctx context.Context, a connector.Account) error {
	if s.n++; s.n%5000 == 0 {
		s.e.Progress("%s: %d accounts seen", s.sys.Name, s.n)
	}
	var out sighting
	err := s.e.Store.View(ctx, func(r store.Reader) (err error) {
		out, err = s.against(ctx, r, a)
		return err
	})
	if err != nil || !out.news() {
		return err
	}
	return s.add(ctx, out)
}

// sight records one account as it was just read.
func (e *Engine) sight(system onus.SystemName, a connector.Account) write {
	return func(ctx context.Context, tx store.Tx) (func(), error) {
		sys := e.Program.Systems[system]
		if sys == nil {
			return func() {}, nil
		}
		s := &scan{e: e, sys: sys, since: math.MaxInt64}
		x, err := s.against(ctx, tx, a)
		if err != nil || !x.news() {
			return func() {}, err
		}
		return func() {}, s.record(ctx, tx, e.people.id(ctx, tx, sys.Owner), x)
	}
}

// news says whether a sighting is anything that is not known.
func (x sighting) news() bool {
	return x.seen.AccountChanged || len(x.seen.Appeared)+len(x.seen.Vanished) > 0
}

// against holds one account as it was seen against what is known.
func (s *scan) against(ctx context.Context, r store.Reader, a connector.Account) (out sighting, err error) {
	seen := reconcile.Seen{System: s.sys.Name, Ref: a.Ref, Name: a.Name, Enabled: a.Enabled, Attributes: a.Attributes, Holds: a.Holds}
	var known *onus.Account
	if k, ok := s.known[a.Ref]; ok {
		known = &k
		delete(s.known, a.Ref)
	}
	if known == nil { // gone ones are not in the list of the present
		k, ok, err := store.Accounts.Lookup(ctx, r, store.AccountID(s.sys.Name, a.Ref))
		if err != nil {
			return out, err
		}
		if ok {
			known = &k
		}
	}
	grants, err := store.Grants.Find(ctx, r, "account", store.AccountID(s.sys.Name, a.Ref))
	if err != nil {
		return out, err
	}
	out = sighting{seen: reconcile.Account(known, grants, seen)}
	if out.seen.Account.Identity != "" {
		return out, nil
	}
	id, rule, _ := intake.Correlate(s.sys.Match, out.seen.Account, func(attr, value string) []onus.Identity {
		return identitiesWith(ctx, r, attr, value)
	})
	if id == "" {
		return out, nil // an orphan, or a match too weak to act on
	}
	out.orphan = grants
	out.seen = reconcile.Account(known, nil, seen)
	out.seen.Account.Identity, out.seen.Account.Matched, out.seen.AccountChanged = id, rule, true
	return out, nil
}

// identitiesWith finds the identities that a match rule may mean. Only what
// is indexed can be matched on: login, mail and the record's key.
func identitiesWith(ctx context.Context, r store.Reader, attr, value string) []onus.Identity {
	found, err := store.Identities.Find(ctx, r, attr, value)
	if err != nil {
		return nil // no match now; the account stays an orphan until the next scan
	}
	return found
}

func (s *scan) absent(ctx context.Context, a onus.Account) error {
	var out sighting
	err := s.e.Store.View(ctx, func(r store.Reader) error {
		grants, err := store.Grants.Find(ctx, r, "account", store.AccountID(s.sys.Name, a.Ref))
		if err != nil {
			return err
		}
		seen, gone := reconcile.Absent(a, grants, true)
		if gone {
			out.seen = seen
		}
		return nil
	})
	if err != nil || !out.seen.AccountChanged {
		return err
	}
	return s.add(ctx, out)
}

func (s *scan) add(ctx context.Context, x sighting) error {
	s.found = append(s.found, x)
	if len(s.found) < commitSightings {
		return nil
	}
	return s.flush(ctx)
}

func (s *scan) flush(ctx context.Context) error {
	found := s.found
	s.found = nil
	if len(found) == 0 {
		return nil
	}
	return s.e.Store.Update(ctx, func(tx store.Tx) error {
		owner := s.e.people.id(ctx, tx, s.sys.Owner)
		for _, x := range found {
			if err := s.record(ctx, tx, owner, x); err != nil {
				return err
			}
		}
		return nil
	})
}

// moved says whether an object changed after the scan began: then the scan
// is the older news of the two.
func (s *scan) moved(ctx context.Context, tx store.Tx, kind, id string) (bool, error) {
	row, known, err := tx.Get(ctx, kind, id)
	if err != nil || !known {
		return false, err
	}
	for entry, err := range tx.Events(ctx, store.EventQuery{ID: row.Event}) {
		return err == nil && entry.Index >= s.since, err
	}
	return true, nil // recorded in this very transaction, or waiting for its number
}

func (s *scan) record(ctx context.Context, tx store.Tx, owner string, x sighting) error {
	a := x.seen.Account
	cause := ""
	if x.seen.AccountChanged {
		moved, err := s.moved(ctx, tx, store.Accounts.Name, store.AccountID(a.System, a.Ref))
		if err != nil || moved {
			return err
		}
		typ := ledger.AccountObserved
		if a.Gone {
			typ = ledger.AccountGone
		}
		ev, err := store.Accounts.Put(ctx, tx, ledger.Event{Type: typ, Actor: string(onus.Engine), Owner: owner, Rule: a.Matched}, a)
		if err != nil {
			return err
		}
		cause = ev.ID
		x.seen.Appeared, x.seen.Vanished = withAccount(a, x.seen)
	}
	for _, g := range x.orphan {
		g.Observed = false
		if g.Identity != "" {
			continue
		}
		if _, err := store.Grants.Put(ctx, tx, ledger.Event{Type: ledger.GrantGone, Actor: string(onus.Engine), Owner: owner, Cause: cause}, g); err != nil {
			return err
		}
	}
	for _, h := range x.seen.Appeared {
		if err := s.grant(ctx, tx, owner, cause, a, h, true); err != nil {
			return err
		}
	}
	for _, h := range x.seen.Vanished {
		if err := s.grant(ctx, tx, owner, cause, a, h, false); err != nil {
			return err
		}
	}
	return nil
}

// withAccount adds the account itself, the grant with no entitlement, to
// what appeared or vanished with it.
func withAccount(a onus.Account, o reconcile.Observed) (appeared, vanished []onus.Held) {
	itself := onus.Held{Path: onus.Direct}
	if a.Gone {
		return o.Appeared, append(o.Vanished, itself)
	}
	return append(o.Appeared, itself), o.Vanished
}

func (s *scan) grant(ctx context.Context, tx store.Tx, owner, cause string, a onus.Account, h onus.Held, observed bool) error {
	g := onus.Grant{System: a.System, Account: a.Ref, Entitlement: h.Entitlement, Identity: a.Identity}
	old, known, err := store.Grants.Lookup(ctx, tx, store.GrantID(g))
	if err != nil {
		return err
	}
	if known {
		if moved, err := s.moved(ctx, tx, store.Grants.Name, store.GrantID(g)); err != nil || moved {
			return err
		}
		g = old
		g.Account = a.Ref
	}
	if known && g.Observed == observed && (!observed || g.Path == h.Path && g.Via == h.Via && g.Ref == h.Ref) {
		return nil
	}
	typ := ledger.GrantGone
	g.Observed = observed
	if observed {
		typ = ledger.GrantObserved
		g.Ref, g.Path, g.Via = h.Ref, h.Path, h.Via
		if g.FirstSeen.IsZero() {
			g.FirstSeen = tx.Now()
		}
	}
	_, err = store.Grants.Put(ctx, tx, ledger.Event{Type: typ, Actor: string(onus.Engine), Owner: owner, Cause: cause, Rule: string(h.Path)}, g)
	return err
}

// unread opens the exception of a system that could not be scanned whole.
func (e *Engine) unread(ctx context.Context, sys *flow.System, cause error) error {
	why := "the scan did not come to its end"
	if cause != nil {
		why = plain(cause)
	}
	return e.Store.Update(ctx, func(tx store.Tx) error {
		id, err := e.nextID(ctx, tx, "scan", string(sys.Name))
		if err != nil {
			return err
		}
		return e.open(ctx, tx, onus.Exception{
			ID: id, Category: onus.SystemUnreached, Group: "scan " + string(sys.Name), System: sys.Name, Route: sys.Route,
			Message: fmt.Sprintf("system %s could not be scanned: %s; nothing counts as gone from it", sys.Name, why),
			Hint:    "see whether the system is up and what its credentials may do",
		}, "")
	})
}

// nextID gives the ID of the exception of a standing trouble: the open one,
// or that of the next time.
func (e *Engine) nextID(ctx context.Context, r store.Reader, parts ...string) (string, error) {
	for n := 1; ; n++ {
		id := onus.ID("exc", append(slices.Clone(parts), strconv.Itoa(n))...)
		x, known, err := store.Exceptions.Lookup(ctx, r, id)
		if err != nil || !known || x.State == onus.ExceptionOpen {
			return id, err
		}
	}
}

// readAgain clears the exception of a system that was scanned whole.
func (e *Engine) readAgain(ctx context.Context, sys *flow.System) error {
	return e.clearGroup(ctx, "scan "+string(sys.Name))
}

// clearGroup closes the open exceptions of a standing trouble that is gone.
func (e *Engine) clearGroup(ctx context.Context, group string) error {
	var open []onus.Exception
	err := e.Store.View(ctx, func(r store.Reader) (err error) {
		open, err = store.Exceptions.Find(ctx, r, "group", group)
		return err
	})
	open = slices.DeleteFunc(open, func(x onus.Exception) bool { return x.State != onus.ExceptionOpen })
	if err != nil || len(open) == 0 {
		return err
	}
	return e.Store.Update(ctx, func(tx store.Tx) error {
		for _, x := range open {
			now, row, err := store.Exceptions.GetRow(ctx, tx, x.ID)
			if err != nil {
				return err
			}
			if now.State != onus.ExceptionOpen {
				continue
			}
			if _, err := e.closeException(ctx, tx, now, row, onus.ExceptionCleared, nil); err != nil {
				return err
			}
		}
		return nil
	})
}
