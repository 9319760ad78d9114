package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// settleUndone records what a confirmed change of a reversal means for a
// grant, whose warrants that end have ended: those that it brings back are in
// force again as they were, and it gives none of its own.
func (e *Engine) settleUndone(ctx context.Context, tx store.Tx, l *live, c onus.Change, g onus.Grant, known bool, cause string) error {
	if !known && len(c.Planned.Restores) == 0 && !c.Planned.Target.IsGrant() {
		return nil // an account that nobody warranted
	}
	t := c.Planned.Target
	for _, back := range c.Planned.Restores {
		i := slices.IndexFunc(g.Warrants, func(w onus.Warrant) bool { return planning.SameWarrant(w, back) })
		if i < 0 {
			g.Warrants = append(g.Warrants, back)
		} else {
			g.Warrants[i] = back
		}
	}
	typ := ledger.GrantUnwarranted
	if len(c.Planned.Restores) > 0 || !c.Planned.WarrantOnly && c.Planned.Verb == onus.EnsurePresent {
		typ = ledger.GrantWarranted
	}
	if !c.Planned.WarrantOnly {
		g.Observed = c.Planned.Verb != onus.EnsureAbsent
		if g.Observed {
			g.Path, g.Via = onus.Direct, ""
		}
	}
	g.Change = c.ID
	if t.Account != "" {
		g.Account = t.Account
	}
	if t.EntitlementRef != "" {
		g.Ref = t.EntitlementRef
	}
	if g.FirstSeen.IsZero() && g.Observed {
		g.FirstSeen = tx.Now()
	}
	_, err := store.Grants.Put(ctx, tx, e.event(ctx, tx, l, c, typ, cause, nil), g)
	return err
}

// changedSince says, from the before-image, why a change of a reversal would
// undo what somebody did after it was planned; "" when it would not.
func (e *Engine) changedSince(ctx context.Context, l *live, c onus.Change, image onus.Image) (why string, err error) {
	p := c.Planned
	if len(p.Undoes) == 0 || p.Target.IsGrant() || p.Verb != onus.EnsureAttributes && p.Verb != onus.EnsureAbsent {
		return "", nil
	}
	err = e.Store.View(ctx, func(r store.Reader) error {
		o, err := store.Occasions.Get(ctx, r, l.run.Occasion)
		if err != nil || o.Forced {
			return err
		}
		if p.Verb == onus.EnsureAbsent {
			for _, h := range image.Holds {
				if h.Path == onus.Direct {
					why = fmt.Sprintf("the account holds %s, which came after the reversal was planned", h.Entitlement)
				}
			}
			return nil
		}
		set := onus.Attributes{} // as the newest of the changes to be undone left them
		for _, id := range slices.Backward(p.Undoes) {
			was, err := store.Changes.Get(ctx, r, string(id))
			if err != nil {
				return err
			}
			maps.Copy(set, was.Planned.Attributes)
		}
		for _, k := range slices.Sorted(maps.Keys(p.Attributes)) {
			left, known := set[k]
			if is := image.Attributes[k]; known && is != left && is != p.Attributes[k] {
				why = k + " was changed after the reversal was planned"
			}
		}
		return nil
	})
	return why, err
}

// withAuthors adds who ordered a reversal, or asked for access, to the authors
// of the plans that come of it, who may not approve of them.
func withAuthors(ctx context.Context, r store.Reader, occasion string, authors []string) ([]string, error) {
	o, known, err := store.Occasions.Lookup(ctx, r, occasion)
	switch {
	case err != nil || !known:
		return authors, err
	case o.Reversal != "":
		rev, err := store.Reversals.Get(ctx, r, o.Reversal)
		return append(authors, rev.Person), err
	case o.Request != "":
		req, err := store.Requests.Get(ctx, r, o.Request)
		if authors = append(authors, req.Person); req.Sponsor != "" {
			authors = append(authors, req.Sponsor)
		}
		return authors, err
	case len(o.Findings) > 0:
		findings, err := findingsOf(ctx, r, o)
		for _, x := range findings {
			authors = append(authors, x.Person)
		}
		return authors, err
	default:
		return authors, nil
	}
}
