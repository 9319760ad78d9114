package access

import (
	"context"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// gone stands where a sentence was that may have told about a person.
const gone = "(erased)"

// reduce records an object anew with nothing but IDs, states and times: what
// still says who answered for which access, and not for whose.
func reduce(ctx context.Context, tx store.Tx, o store.ObjectRef, e ledger.Event) error {
	switch o.Kind {
	case store.Identities.Name:
		return put(ctx, tx, store.Identities, o.ID, e, func(v onus.Identity) onus.Identity {
			return onus.Identity{ID: v.ID, Kind: v.Kind, State: v.State, Source: v.Source, Key: v.Key, Formerly: v.Formerly}
		})
	case store.Records.Name:
		return put(ctx, tx, store.Records, o.ID, e, func(v onus.Record) onus.Record {
			return onus.Record{Source: v.Source, Key: v.Key, Kind: v.Kind, Identity: v.Identity, Read: v.Read, Gone: v.Gone}
		})
	case store.Accounts.Name:
		return put(ctx, tx, store.Accounts, o.ID, e, func(v onus.Account) onus.Account {
			return onus.Account{System: v.System, Ref: v.Ref, Identity: v.Identity, Matched: v.Matched, Gone: v.Gone}
		})
	case store.Grants.Name:
		return put(ctx, tx, store.Grants, o.ID, e, func(v onus.Grant) onus.Grant {
			v.Via = "" // it may name another account
			return v
		})
	case store.Occasions.Name:
		return put(ctx, tx, store.Occasions, o.ID, e, func(v onus.Occasion) onus.Occasion {
			v.Before, v.After = nil, nil
			return v
		})
	case store.Plans.Name:
		return put(ctx, tx, store.Plans, o.ID, e, func(v onus.Plan) onus.Plan {
			for i := range v.Changes {
				v.Changes[i] = bare(v.Changes[i])
			}
			return v
		})
	case store.Runs.Name:
		return put(ctx, tx, store.Runs, o.ID, e, func(v onus.Run) onus.Run {
			v.Reason = ""
			return v
		})
	case store.Changes.Name:
		return put(ctx, tx, store.Changes, o.ID, e, func(v onus.Change) onus.Change {
			v.Planned, v.Before, v.Evidence, v.Error = bare(v.Planned), nil, "", ""
			return v
		})
	case store.Exceptions.Name:
		return put(ctx, tx, store.Exceptions, o.ID, e, func(v onus.Exception) onus.Exception {
			v.Message, v.Hint, v.Kept, v.Group = gone, "", "", string(v.Category)
			if v.Decided != nil {
				d := *v.Decided
				d.Reason, d.With = gone, nil
				v.Decided = &d
			}
			return v
		})
	case store.Approvals.Name:
		return put(ctx, tx, store.Approvals, o.ID, e, func(v onus.Approval) onus.Approval {
			v.Why, v.Answers = gone, slices.Clone(v.Answers)
			for i := range v.Answers {
				v.Answers[i].Reason = gone
			}
			return v
		})
	default:
		return onus.Errorf(onus.Internal, "add it to package access", "there is no rule how a %s is reduced to its IDs", o.Kind)
	}
}

func put[T any](ctx context.Context, tx store.Tx, k store.Kind[T], id string, e ledger.Event, cut func(T) T) error {
	v, err := k.Get(ctx, tx, id)
	if err != nil {
		return err
	}
	_, err = k.Put(ctx, tx, e, cut(v))
	return err
}

// bare is a planned change without the names, attributes and sentences of
// whom it was for; the owners are of those who answer, and stay.
func bare(c onus.PlannedChange) onus.PlannedChange {
	c.Target.Name, c.Attributes = "", nil
	c.Reason = onus.Reason{Rule: c.Reason.Rule, Says: gone}
	return c
}
