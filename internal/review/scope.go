package review

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
)

// A seen grant is one that a campaign looks at, and the row it is kept in.
type seen struct {
	onus.Grant

	row store.Row
}

// grants gives the grants that a campaign may be about, in order of their ID,
// from where it stands.
func grants(ctx context.Context, r store.Reader, p *flow.Program, c *onus.Campaign) iter.Seq2[seen, error] {
	return func(yield func(seen, error) bool) {
		for _, q := range queries(p, c) {
			for row, err := range r.Find(ctx, q) {
				g := seen{row: row}
				if err == nil {
					g.Grant, err = store.Grants.Of(row)
				}
				if err == nil && (onus.IsCanary(g.Identity) || row.ID <= c.After || c.System != "" && g.System != c.System) {
					continue
				}
				if !yield(g, err) || err != nil {
					return
				}
			}
		}
	}
}

// queries find them: those of one identity, or those of each system.
func queries(p *flow.Program, c *onus.Campaign) []store.Query {
	if c.Identity != "" {
		return []store.Query{store.Is(store.Grants.Name, "identity", string(c.Identity))}
	}
	systems := make([]onus.SystemName, 0, len(p.Systems))
	for name := range p.Systems {
		if (len(c.Terms.Scope.Systems) == 0 || slices.Contains(c.Terms.Scope.Systems, name)) && (c.System == "" || c.System == name) {
			systems = append(systems, name)
		}
	}
	slices.SortFunc(systems, func(a, b onus.SystemName) int { // as their grants are: "/" ends a name
		x, y := string(a)+"/", string(b)+"/"
		return strings.Compare(x, y)
	})
	all := make([]store.Query, 0, len(systems))
	for _, name := range systems {
		prefix := string(name) + "/"
		if c.After >= prefix+"\xff" {
			continue
		}
		all = append(all, store.Query{Kind: store.Grants.Name, Prefix: prefix, After: max(c.After, prefix)})
	}
	return all
}

// line makes the line of a grant, or says that the campaign is not about it.
func (m *moment) line(ctx context.Context, c *onus.Campaign, g *seen) (onus.Line, bool, error) {
	s := &c.Terms.Scope
	l := onus.Line{
		Grant: g.row.ID, Event: g.row.Event, System: g.System, Account: g.Account, Entitlement: g.Entitlement, Identity: g.Identity, Sensitivity: onus.Low,
	}
	if g.Entitlement != "" {
		l.Sensitivity = onus.Critical // what nobody weighed counts as the worst
		if e := m.p.Entitlements[flow.EntitlementKey{System: g.System, Name: g.Entitlement}]; e != nil && e.Sensitivity != "" {
			l.Sensitivity = e.Sensitivity
		}
	}
	switch {
	case g.Entitlement == "" && !s.Accounts,
		!g.Observed && !g.Warranted(m.clock.Now),
		len(s.Systems) > 0 && !slices.Contains(s.Systems, g.System),
		len(s.Entitlements) > 0 && !slices.Contains(s.Entitlements, g.Entitlement),
		s.Privileged && l.Sensitivity == onus.Low:
		return l, false, nil
	}
	h, err := m.holder(ctx, g.Identity)
	if err != nil {
		return l, false, err
	}
	l.Holder = h.event
	in := (s.Kind == "" || s.Kind == h.Kind) && (len(s.Units) == 0 || slices.Contains(s.Units, h.unit))
	if in && s.Changed && c.Cause == "" {
		in, err = m.changed(ctx, c, &l)
	}
	return l, in, err
}

// changed says whether a grant or its holder moved since the last campaign of
// the name was opened: its entries are newer than the ledger was then.
func (m *moment) changed(ctx context.Context, c *onus.Campaign, l *onus.Line) (bool, error) {
	if c.Last == "" {
		return true, nil
	}
	before, err := store.Campaigns.Get(ctx, m.r, c.Last)
	if err != nil {
		return false, err
	}
	for _, id := range []string{l.Event, l.Holder} {
		if at, ok := store.EventIndex(id); id != "" && (!ok || at >= before.Size) {
			return true, nil
		}
	}
	return false, nil
}

// peers counts who of each unit holds what, to tell what hardly anybody there
// holds.
type peers struct {
	people map[string]int  // by unit
	hold   map[holding]int // by unit and entitlement
}

type holding struct {
	unit, entitlement string
	system            onus.SystemName
}

// peers looks at everything that the campaign may be about once. A review of
// a few lines does without.
func (m *moment) peers(ctx context.Context, c *onus.Campaign) (peers, error) {
	of := peers{people: map[string]int{}, hold: map[holding]int{}}
	if c.Cause != "" {
		return of, nil
	}
	for row, err := range m.r.Find(ctx, store.Is(store.Identities.Name, "state", string(onus.Active))) {
		if err != nil {
			return of, err
		}
		who, err := store.Identities.Of(row)
		if err != nil {
			return of, err
		}
		if who.Kind == onus.Person {
			of.people[m.unit(who)]++
		}
	}
	whole := *c
	whole.After = ""
	for g, err := range grants(ctx, m.r, m.p, &whole) {
		if err != nil {
			return of, err
		}
		if g.Identity == "" || !g.Observed {
			continue
		}
		h, err := m.holder(ctx, g.Identity)
		if err != nil {
			return of, err
		}
		if h.Kind == onus.Person {
			of.hold[holding{h.unit, g.Entitlement, g.System}]++
		}
	}
	return of, nil
}

// beside writes on a line how many of the holder's unit hold it too.
func (p peers) beside(l *onus.Line, h holder) {
	if h.Kind == onus.Person && h.unit != "" {
		l.Peers, l.Hold = p.people[h.unit], p.hold[holding{h.unit, l.Entitlement, l.System}]
	}
}

// rank is where a line comes on its reviewer's list: what hardly anybody of
// the unit holds, and what nobody warranted, first.
func rank(t *onus.Terms, l *onus.Line, warranted bool) int {
	if !warranted || l.Peers > 0 && l.Hold*100 < t.Outliers*l.Peers {
		return 0
	}
	return 1
}
