package review

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// follower is the name of the place up to which the ledger was looked at for
// what sets off a review.
const follower = "review"

const (
	page  = 1_000   // entries that are looked at in one snapshot
	most  = 200_000 // in one call: the next goes on
	stale = 20_000  // entries that set off nothing before the place is kept all the same
)

// A trigger is something that a campaign follows, and what it is about.
type trigger struct {
	cause    onus.ReviewCause
	event    string
	identity onus.IdentityID
	system   onus.SystemName
}

// follow opens the small reviews that moves, changes of owner and findings
// set off.
func (d *Desk) follow(ctx context.Context) error {
	causes := map[onus.ReviewCause][]string{}
	for _, name := range slices.Sorted(maps.Keys(d.Program.Campaigns)) {
		for _, c := range d.Program.Campaigns[name].After {
			causes[c] = append(causes[c], name)
		}
	}
	if len(causes) == 0 {
		return nil
	}
	var from, next, kept int64
	for range most / page {
		var found []trigger
		err := d.Store.View(ctx, func(r store.Reader) error {
			f, known, err := store.Followers.Lookup(ctx, r, follower)
			if err != nil {
				return err
			}
			if !known { // what happened before anybody followed is for the campaigns themselves
				head, err := r.Head(ctx)
				if err != nil {
					return err
				}
				f.Before, kept = head.Size, -1
			} else {
				kept = f.Before
			}
			from = max(f.Before, next)
			next, found, err = triggers(ctx, r, from, causes)
			return err
		})
		if err != nil {
			return err
		}
		if len(found) > 0 || kept < 0 || next-kept >= stale {
			if err := d.setOff(ctx, kept, next, found, causes); err != nil {
				if errors.Is(err, errMoved) {
					return nil
				}
				return err
			}
		}
		if next < from+page {
			return nil
		}
	}
	return nil
}

// triggers reads a page of the ledger.
func triggers(ctx context.Context, r store.Reader, from int64, causes map[onus.ReviewCause][]string) (next int64, found []trigger, err error) {
	next = from
	for e, err := range r.Events(ctx, store.EventQuery{From: from, Limit: page}) {
		if err != nil {
			return next, nil, err
		}
		next = e.Index + 1
		ev, err := ledger.ParseLeaf(e.Leaf)
		if err != nil {
			return next, nil, fmt.Errorf("follow the ledger at entry %d: %w", e.Index, err)
		}
		t := trigger{event: ev.ID}
		switch ev.Type { //nolint:exhaustive // all others set off nothing
		case ledger.OccasionSettled:
			o, known, err := store.Occasions.Lookup(ctx, r, ev.Object.ID)
			if err != nil {
				return next, nil, err
			}
			if known && o.Kind == onus.Moved {
				t.cause, t.identity = onus.AfterMove, o.Identity
			}
		case ledger.FindingOpened:
			f, known, err := store.Findings.Lookup(ctx, r, ev.Object.ID)
			if err != nil {
				return next, nil, err
			}
			if known && f.Identity != "" {
				t.cause, t.identity, t.system = onus.AfterFinding, f.Identity, f.System
			}
		case ledger.DutyHandedOver:
			of, name, _ := strings.Cut(ev.Object.ID, "/")
			switch of {
			case "system":
				t.cause, t.system = onus.AfterOwnerChange, onus.SystemName(name)
			case "sponsor":
				t.cause, t.identity = onus.AfterOwnerChange, onus.IdentityID(name)
			}
		}
		if t.cause != "" && len(causes[t.cause]) > 0 {
			found = append(found, t)
		}
	}
	return next, found, nil
}

// setOff opens what was found, and keeps the place, in one commit.
func (d *Desk) setOff(ctx context.Context, kept, next int64, found []trigger, causes map[onus.ReviewCause][]string) error {
	return d.Store.Update(ctx, func(tx store.Tx) error {
		f, known, err := store.Followers.Lookup(ctx, tx, follower)
		if err != nil {
			return err
		}
		if known && f.Before != kept || !known && kept >= 0 {
			return errMoved
		}
		for _, t := range found {
			for _, name := range causes[t.cause] {
				about := onus.Campaign{Cause: t.cause, Identity: t.identity, System: t.system}
				if going, err := goesOnAbout(ctx, tx, name, about); err != nil || going {
					if err != nil {
						return err
					}
					continue
				}
				o := Order{Name: name, By: onus.Engine, Reason: reasons[t.cause]}
				if _, err := d.open(ctx, tx, o, about, t.event); err != nil {
					return err
				}
			}
		}
		f = store.Follower{Name: follower, Before: next}
		_, err = store.Followers.Put(ctx, tx, ledger.Event{Type: ledger.LedgerFollowed, Actor: string(onus.Engine), Notes: f.Place()}, f)
		return err
	})
}

var reasons = map[onus.ReviewCause]string{
	onus.AfterMove: "the holder moved", onus.AfterOwnerChange: "another person answers for it now", onus.AfterFinding: "it was changed outside Onus",
}

// goesOnAbout says whether a review of the same cause about the same is open.
func goesOnAbout(ctx context.Context, r store.Reader, name string, about onus.Campaign) (bool, error) {
	held, err := heldBefore(ctx, r, name, about.Cause)
	return slices.ContainsFunc(held, func(c onus.Campaign) bool {
		return c.State != onus.CampaignClosed && c.Identity == about.Identity && c.System == about.System
	}), err
}
