package notify

import (
	"context"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// Tend looks at every question that is open, and tells whoever it waits for
// now and was not told: who is asked can change with no event of the question
// itself, as when somebody leaves or goes on leave and another stands in.
func (n *Notifier) Tend(ctx context.Context) (made int, err error) {
	if len(n.settings().Channels) == 0 {
		return 0, nil
	}
	var untold []onus.Matter
	err = n.Store.View(ctx, func(r store.Reader) error {
		untold = nil
		for _, of := range []struct {
			q   store.Query
			typ ledger.Type
		}{
			{store.Is(store.Exceptions.Name, "state", string(onus.ExceptionOpen)), ledger.ExceptionOpened},
			{store.Is(store.Approvals.Name, "state", string(onus.ApprovalAsked)), ledger.ApprovalAsked},
		} {
			for row, err := range r.Find(ctx, of.q) {
				if err != nil {
					return err
				}
				m := onus.Matter{Event: row.Event, Type: string(of.typ), Kind: row.Kind, ID: row.ID}
				missing, err := n.untold(ctx, r, m)
				if err != nil {
					return err
				}
				if missing && len(untold) < some {
					untold = append(untold, m)
				}
			}
		}
		return nil
	})
	if err != nil || len(untold) == 0 {
		return 0, err
	}
	err = n.Store.Update(ctx, func(tx store.Tx) (err error) {
		made, err = n.note(ctx, tx, untold, true)
		return err
	})
	return made, err
}

// untold says whether a question waits for somebody who was not told. One
// that nobody was told of at all is the follower's, who has not come to it.
func (n *Notifier) untold(ctx context.Context, r store.Reader, m onus.Matter) (bool, error) {
	a, err := n.ask(ctx, r, m)
	if err != nil && poison(err) {
		return false, nil // the follower put that on record
	}
	if err != nil || a == nil {
		return false, err
	}
	told, err := toldAlready(ctx, r, a.Matter)
	if err != nil || len(told) == 0 {
		return false, err
	}
	return slices.ContainsFunc(a.People, func(mail string) bool {
		return !slices.ContainsFunc(told, func(v onus.Notice) bool { return strings.EqualFold(v.Person, mail) })
	}), nil
}
