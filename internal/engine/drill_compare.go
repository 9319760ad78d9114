package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/store"
)

// snapshot reads everything that the systems show of the canary: all systems
// that any workflow of its source touches.
func (s *drillStep) snapshot(ctx context.Context) (map[onus.SystemName][]onus.Snapshot, error) {
	wf := s.e.Program.Workflows[s.d.Workflow]
	systems := map[onus.SystemName]bool{}
	for _, other := range s.e.Program.Workflows {
		if wf == nil || other.Source == wf.Source && !other.Requests {
			for _, name := range ownership.SystemsOf(s.e.Program, other) {
				systems[name] = true
			}
		}
	}
	var known []onus.Account
	err := s.e.Store.View(ctx, func(r store.Reader) (err error) {
		known, err = store.Accounts.Find(ctx, r, "identity", string(s.d.Identity))
		return err
	})
	if err != nil {
		return nil, err
	}
	all := map[onus.SystemName][]onus.Snapshot{}
	for _, name := range slices.Sorted(maps.Keys(systems)) {
		refs, names := []onus.AccountRef{}, []string{s.d.Canary}
		for _, a := range known {
			if a.System == name {
				refs, names = append(refs, a.Ref), append(names, a.Name)
			}
		}
		if all[name], err = s.e.record(ctx, name, refs, names); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	return all, nil
}

// record reads the accounts of these refs and these names that are there.
func (e *Engine) record(ctx context.Context, system onus.SystemName, refs []onus.AccountRef, names []string) ([]onus.Snapshot, error) {
	conn, err := e.connectorOf(system)
	if err != nil {
		return nil, err
	}
	found := map[onus.AccountRef]onus.Snapshot{}
	read := func(get func(context.Context) (connector.Account, error)) error {
		if e.Limit != nil {
			d, err := e.Limit.Reserve(ctx, system)
			if err != nil {
				return err
			}
			if err := e.Sleep(ctx, d); err != nil {
				return err
			}
		}
		return e.call(ctx, system, func(ctx context.Context) error {
			a, err := get(ctx)
			switch {
			case err == nil:
				found[a.Ref], err = recorded(ctx, conn, a)
			case connector.KindOf(err) == connector.NotFound:
				err = nil // it is compared as not there
			}
			return err
		})
	}
	for _, ref := range refs {
		if err := read(func(ctx context.Context) (connector.Account, error) { return conn.Read(ctx, ref) }); err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if err := read(func(ctx context.Context) (connector.Account, error) { return conn.Find(ctx, name) }); err != nil {
			return nil, err
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b onus.Snapshot) int { return cmp.Compare(a.Name, b.Name) }), nil
}

// recorded is an account with all that the system keeps of it. What the
// connector does not manage is kept as a digest: it is compared, and never shown.
func recorded(ctx context.Context, conn connector.Connector, a connector.Account) (onus.Snapshot, error) {
	shot := onus.Snapshot{Ref: a.Ref, Name: a.Name, Enabled: a.Enabled, Attributes: maps.Clone(a.Attributes), Holds: slices.Clone(a.Holds)}
	slices.SortFunc(shot.Holds, func(x, y onus.Held) int {
		return cmp.Or(cmp.Compare(x.Entitlement, y.Entitlement), cmp.Compare(x.Path, y.Path), cmp.Compare(x.Via, y.Via))
	})
	whole, can := conn.(connector.Recorder)
	if !can {
		return shot, nil
	}
	more, err := whole.Record(ctx, a.Ref)
	if err != nil {
		return shot, err
	}
	if shot.Attributes == nil {
		shot.Attributes = onus.Attributes{}
	}
	for name, value := range more {
		if _, managed := shot.Attributes[name]; !managed {
			shot.Attributes[name] = string(onus.DigestOf([]byte(value)))
		}
	}
	return shot, nil
}

// unreadable notes that a system could not be read for comparing.
func (s *drillStep) unreadable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.hinder(ctx, "a system cannot be read: "+plain(err))
}

// compare holds what the systems show after an undo against what they showed
// before, byte for byte. Declared is what differs as the definition says that
// undoing does, and the ref of an account that had to be made anew.
func compare(was, is map[onus.SystemName][]onus.Snapshot, changes []onus.Change) (differs, declared []onus.Difference) {
	systems := slices.Compact(slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is))))))
	for _, system := range systems {
		c := comparison{system: system, changes: changes}
		for _, a := range was[system] {
			c.account(&a, snapshotOf(is[system], a.Name))
		}
		for _, b := range is[system] {
			if snapshotOf(was[system], b.Name) == nil {
				c.account(nil, &b)
			}
		}
		differs, declared = append(differs, c.differs...), append(declared, c.declared...)
	}
	return differs, declared
}

func snapshotOf(all []onus.Snapshot, name string) *onus.Snapshot {
	if i := slices.IndexFunc(all, func(s onus.Snapshot) bool { return s.Name == name }); i >= 0 {
		return &all[i]
	}
	return nil
}

type comparison struct {
	system            onus.SystemName
	changes           []onus.Change
	differs, declared []onus.Difference
}

// did says whether a change on the system did something that is declared to
// be undone in another way than by what was before.
func (c *comparison) did(verb onus.Verb, entitlement, reversal string) bool {
	return slices.ContainsFunc(c.changes, func(ch onus.Change) bool {
		p := ch.Planned
		return p.Target.System == c.system && p.Verb == verb && p.Target.Entitlement == entitlement && (reversal == "" || p.Reversal == reversal)
	})
}

func (c *comparison) note(declared bool, what, was, is string) {
	d := onus.Difference{System: c.system, What: what, Was: was, Is: is}
	if declared {
		c.declared = append(c.declared, d)
	} else {
		c.differs = append(c.differs, d)
	}
}

func (c *comparison) account(was, is *onus.Snapshot) {
	switch {
	case is == nil:
		c.note(c.did(onus.EnsureAbsent, "", "irreversible"), "account "+was.Name, "there", "gone")
		return
	case was == nil:
		direct := slices.ContainsFunc(is.Holds, func(h onus.Held) bool { return h.Path == onus.Direct })
		kept := c.did(onus.EnsurePresent, "", "disabled") && !is.Enabled && !direct || c.did(onus.EnsurePresent, "", "irreversible")
		state := "there, enabled"
		if !is.Enabled {
			state = "there, disabled"
		}
		if direct {
			state += ", and holds something"
		}
		c.note(kept, "account "+is.Name, "not there", state)
		return
	}
	if was.Ref != is.Ref { // no system gives one twice
		c.note(c.did(onus.EnsureAbsent, "", ""), "ref of "+is.Name, string(was.Ref), string(is.Ref))
	}
	if was.Enabled != is.Enabled {
		c.note(c.did(onus.EnsureDisabled, "", "irreversible"), "enabled", strconv.FormatBool(was.Enabled), strconv.FormatBool(is.Enabled))
	}
	for _, name := range changedEither(was.Attributes, is.Attributes) {
		c.note(false, "attribute "+name, was.Attributes[name], is.Attributes[name])
	}
	for _, h := range was.Holds {
		if !slices.Contains(is.Holds, h) {
			c.note(c.did(onus.EnsureAbsent, h.Entitlement, "irreversible"), h.Entitlement, path(h), "not held so")
		}
	}
	for _, h := range is.Holds {
		if !slices.Contains(was.Holds, h) {
			c.note(c.did(onus.EnsurePresent, h.Entitlement, "irreversible"), h.Entitlement, "not held so", path(h))
		}
	}
}

func path(h onus.Held) string {
	return strings.TrimSpace(string(h.Path) + " " + h.Via)
}

// changedEither lists the attributes that are not the same, or not there in both.
func changedEither(was, is onus.Attributes) (names []string) {
	for name, v := range was {
		if now, there := is[name]; !there || now != v {
			names = append(names, name)
		}
	}
	for name := range is {
		if _, there := was[name]; !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// says tells some differences in one sentence.
func says(all []onus.Difference) string {
	const most = 5
	words := make([]string, 0, most)
	for i, d := range all {
		if i == most {
			words = append(words, fmt.Sprintf("and %d more", len(all)-most))
			break
		}
		words = append(words, fmt.Sprintf("on %s %s was %q and is %q", d.System, d.What, d.Was, d.Is))
	}
	return strings.Join(words, "; ")
}
