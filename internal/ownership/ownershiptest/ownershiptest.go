// Package ownershiptest puts people in their places, for tests that are about
// something else.
package ownershiptest

import (
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/store"
)

// AcceptAll lets the named owner and the deputy of every duty accept it, each
// as themself, in one transaction. They must be on file as identities.
func AcceptAll(t *testing.T, st store.Store, p *flow.Program, roster flow.Roster) {
	t.Helper()
	err := st.Update(t.Context(), func(tx store.Tx) error {
		f, err := ownership.Load(t.Context(), tx, p, roster, tx.Now())
		if err != nil {
			return err
		}
		for _, d := range f.Duties {
			for _, seat := range d.Chain {
				if seat.As != ownership.AsOwner && seat.As != ownership.AsDeputy {
					continue
				}
				by := onus.Actor("person:" + string(f.Identity(seat.Mail)))
				if _, err := f.Accept(t.Context(), tx, d.ID, by, seat.Mail); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
