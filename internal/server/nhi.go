package server

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/nhi"
	"github.com/onus-id/onus/internal/store"
)

// A MachineView is one machine identity in the inventory.
type MachineView struct {
	ID          onus.IdentityID    `json:"id"`
	Login       string             `json:"login"`
	Name        string             `json:"name,omitempty"`
	Kind        string             `json:"kind,omitempty"` // as its record says: "service_account", "api_key"
	State       onus.IdentityState `json:"state"`
	Source      onus.SourceName    `json:"source"`
	Sponsor     string             `json:"sponsor,omitempty"` // mail of the active person who answers for it
	Accounts    []MachineAccount   `json:"accounts,omitempty"`
	Holds       []MachineGrant     `json:"holds,omitempty"`
	Credentials []CredentialView   `json:"credentials,omitempty"`
	Due         time.Time          `json:"due,omitzero"` // the first rotation
	LastUse     time.Time          `json:"last_use,omitzero"`
	Risks       []nhi.Risk         `json:"risks,omitempty"`
}

// A MachineAccount is where a machine identity is.
type MachineAccount struct {
	System  onus.SystemName `json:"system"`
	Name    string          `json:"name"`
	Enabled bool            `json:"enabled"`
}

// A MachineGrant is what a machine identity holds.
type MachineGrant struct {
	System      onus.SystemName  `json:"system"`
	Entitlement string           `json:"entitlement"`
	Sensitivity onus.Sensitivity `json:"sensitivity"`
	Warranted   bool             `json:"warranted"`
}

// A CredentialView is a credential with when it is due to be renewed.
type CredentialView struct {
	nhi.Credential

	Due time.Time `json:"due,omitzero"`
}

// Machines is the inventory of machine identities, by login.
func (s *Server) Machines(ctx context.Context) ([]MachineView, error) {
	all := []MachineView{}
	err := s.store.View(ctx, func(r store.Reader) error {
		all = all[:0]
		for row, err := range r.Find(ctx, store.Query{Kind: store.Identities.Name}) {
			if err != nil {
				return err
			}
			who, err := store.Identities.Of(row)
			if err != nil {
				return err
			}
			if who.Kind != onus.NonHuman || onus.IsCanary(who.ID) {
				continue
			}
			v, err := s.machine(ctx, r, who)
			if err != nil {
				return err
			}
			all = append(all, v)
		}
		return nil
	})
	slices.SortFunc(all, func(a, b MachineView) int { return cmp.Or(cmp.Compare(a.Login, b.Login), cmp.Compare(a.ID, b.ID)) })
	return all, err
}

// Machine gives one machine identity by its ID, login, or record key.
func (s *Server) Machine(ctx context.Context, name string) (v MachineView, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		who, err := attribution.FindIdentity(ctx, r, name)
		if err != nil {
			return err
		}
		if who.Kind != onus.NonHuman {
			return onus.Errorf(onus.Invalid, "onus nhi list shows the machine identities", "%s is a person", name)
		}
		v, err = s.machine(ctx, r, who)
		return err
	})
	return v, err
}

func (s *Server) machine(ctx context.Context, r store.Reader, who onus.Identity) (MachineView, error) {
	v := MachineView{
		ID: who.ID, Login: who.Login, Name: who.Name, Kind: who.Attributes["kind"], State: who.State, Source: who.Source,
	}
	f := nhi.Facts{Now: s.Now(), Identity: who, Sensitivity: s.sensitivity}
	var err error
	if f.Sponsor, err = s.Engine.MailOf(ctx, r, who.Sponsor); err != nil {
		return v, err
	}
	v.Sponsor = f.Sponsor
	if f.Accounts, err = store.Accounts.Find(ctx, r, "identity", string(who.ID)); err != nil {
		return v, err
	}
	if f.Grants, err = store.Grants.Find(ctx, r, "identity", string(who.ID)); err != nil {
		return v, err
	}
	for _, a := range f.Accounts {
		if a.Gone {
			continue
		}
		v.Accounts = append(v.Accounts, MachineAccount{System: a.System, Name: a.Name, Enabled: a.Enabled})
		sys := s.Program.Systems[a.System]
		if sys == nil {
			continue
		}
		c, told := nhi.CredentialOf(a, sys.Connector)
		if !told {
			continue
		}
		f.Credentials = append(f.Credentials, c)
		due := c.Due(nhi.Usual)
		v.Credentials = append(v.Credentials, CredentialView{Credential: c, Due: due})
		if !due.IsZero() && (v.Due.IsZero() || due.Before(v.Due)) {
			v.Due = due
		}
		if c.LastUse.After(v.LastUse) {
			v.LastUse = c.LastUse
		}
	}
	for i := range f.Grants {
		if g := &f.Grants[i]; g.Observed && g.Entitlement != "" {
			v.Holds = append(v.Holds, MachineGrant{
				System: g.System, Entitlement: g.Entitlement, Sensitivity: s.sensitivity(g.System, g.Entitlement), Warranted: g.Warranted(f.Now),
			})
		}
	}
	slices.SortFunc(v.Holds, func(a, b MachineGrant) int {
		return cmp.Or(cmp.Compare(a.System, b.System), strings.Compare(a.Entitlement, b.Entitlement))
	})
	v.Risks = nhi.Risks(f, nhi.Usual)
	return v, nil
}

// sensitivity is what the catalogue says; what nobody weighed is critical.
func (s *Server) sensitivity(system onus.SystemName, entitlement string) onus.Sensitivity {
	if e := s.Program.Entitlements[flow.EntitlementKey{System: system, Name: entitlement}]; e != nil {
		return cmp.Or(e.Sensitivity, onus.Critical)
	}
	return onus.Critical
}
