package server

import (
	"context"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/intake"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/versions"
)

// companyOf gathers everybody who is there or expected, with what they have.
func companyOf(ctx context.Context, st store.Store, p *flow.Program, now func() time.Time) (versions.Company, error) {
	c := versions.Company{Now: now(), Accounts: map[onus.IdentityID][]onus.Account{}, Grants: map[onus.IdentityID][]onus.Grant{}}
	people, err := intake.LoadRoster(ctx, p, st)
	if err != nil {
		return c, err
	}
	c.People = people
	err = st.View(ctx, func(r store.Reader) error {
		c.Identities = nil
		for _, state := range []onus.IdentityState{onus.Active, onus.Expected} {
			found, err := store.Identities.Find(ctx, r, "state", string(state))
			if err != nil {
				return err
			}
			c.Identities = append(c.Identities, found...)
		}
		accounts, err := store.Accounts.Query(ctx, r, store.Query{})
		if err != nil {
			return err
		}
		for _, a := range accounts {
			if !a.Gone && !onus.IsCanary(a.Identity) {
				c.Accounts[a.Identity] = append(c.Accounts[a.Identity], a)
			}
		}
		grants, err := store.Grants.Query(ctx, r, store.Query{})
		if err != nil {
			return err
		}
		for _, g := range grants {
			if onus.IsCanary(g.Identity) {
				continue
			}
			c.Grants[g.Identity] = append(c.Grants[g.Identity], g)
		}
		return nil
	})
	return c, err
}
