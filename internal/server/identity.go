package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/store"
)

// An IdentityView is a person or a machine with everything that is on record
// about it.
type IdentityView struct {
	onus.Identity

	Accounts []onus.Account `json:"accounts,omitempty"`
	Holds    []HeldView     `json:"holds,omitempty"`
	Runs     []onus.Run     `json:"runs,omitempty"` // the newest first
	Records  []onus.Record  `json:"records,omitempty"`
}

// A HeldView is something that an identity holds.
type HeldView struct {
	System      onus.SystemName `json:"system"`
	Entitlement string          `json:"entitlement"`
	Because     []string        `json:"because,omitempty"` // NAME@VERSION that warranted it; none: nobody did
}

// Identity gives one by login, mail address, record key or ID.
func (b *Books) Identity(ctx context.Context, name string) (v IdentityView, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		who, err := attribution.FindIdentity(ctx, r, name)
		if err != nil {
			return err
		}
		v = IdentityView{Identity: who}
		if v.Accounts, err = store.Accounts.Find(ctx, r, "identity", string(who.ID)); err != nil {
			return err
		}
		grants, err := store.Grants.Find(ctx, r, "identity", string(who.ID))
		if err != nil {
			return err
		}
		for _, g := range grants {
			if g.Observed && g.Entitlement != "" {
				v.Holds = append(v.Holds, b.heldView(g))
			}
		}
		slices.SortFunc(v.Holds, func(a, b HeldView) int {
			return cmp.Or(cmp.Compare(a.System, b.System), strings.Compare(a.Entitlement, b.Entitlement))
		})
		if v.Runs, err = store.Runs.Find(ctx, r, "identity", string(who.ID)); err != nil {
			return err
		}
		slices.SortFunc(v.Runs, func(a, b onus.Run) int { return b.Began.Compare(a.Began) })
		v.Records, err = store.Records.Find(ctx, r, "identity", string(who.ID))
		return err
	})
	return v, err
}

func (b *Books) heldView(g onus.Grant) HeldView {
	v := HeldView{System: g.System, Entitlement: g.Entitlement}
	for _, w := range g.Warrants {
		if w.InForce(b.now()) {
			v.Because = append(v.Because, fmt.Sprintf("%s@%d", w.Workflow, w.Version))
		}
	}
	return v
}
