package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/nhi"
	"github.com/onus-id/onus/internal/store"
)

// The most people that a hunt names for one entitlement: enough to ask.
const mostPeers = 3

// creators are the attributes under which systems tell who made an account.
// They hold a mail address, the name of an account there, or an LDAP name.
var creators = []string{"created_by", "createdby", "creator", "creatorsname", "owner"}

// hunt looks for whoever may know whose an account is.
type hunt struct {
	e *Engine
	r store.Reader

	system onus.SystemName              // of which peers are known
	peers  map[string][]onus.IdentityID // by entitlement, the first few people who hold it there
}

// leads lists who may know whose an account is: by its last use, by who made
// it, and who else holds what it holds.
func (h *hunt) leads(ctx context.Context, of *onus.Handling) ([]onus.Lead, error) {
	id := store.AccountID(of.System, of.Account)
	a, known, err := store.Accounts.Lookup(ctx, h.r, id)
	if err != nil || !known {
		return nil, err
	}
	var leads []onus.Lead
	if last := nhi.LastUse(a); !last.IsZero() {
		leads = append(leads, onus.Lead{Says: "it was last used on " + last.Format(time.DateOnly)})
	}
	made, err := h.maker(ctx, a)
	if err != nil {
		return nil, err
	}
	if made != nil {
		leads = append(leads, *made)
	}
	if of.Identity != "" {
		who, err := store.Identities.Get(ctx, h.r, string(of.Identity))
		if err != nil {
			return nil, err
		}
		if who.Sponsor != "" {
			leads = append(leads, onus.Lead{Says: "its sponsor on record is " + who.Sponsor + ", who does not stand for it"})
		}
	}
	grants, err := store.Grants.Find(ctx, h.r, "account", id)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		if g.Entitlement == "" || !g.Observed {
			continue
		}
		peers, err := h.peersOf(ctx, g)
		if err != nil {
			return nil, err
		}
		for _, p := range peers {
			if !slices.ContainsFunc(leads, func(l onus.Lead) bool { return l.Mail == p.Mail }) {
				leads = append(leads, onus.Lead{Mail: p.Mail, Says: fmt.Sprintf("%s holds %s as well", p.Mail, g.Entitlement)})
			}
		}
	}
	return leads, nil
}

// maker says who made an account, as far as its system tells.
func (h *hunt) maker(ctx context.Context, a onus.Account) (*onus.Lead, error) {
	said := ""
	for name, text := range a.Attributes {
		if slices.Contains(creators, strings.ToLower(name)) && text != "" && (said == "" || text < said) {
			said = text
		}
	}
	if said == "" {
		return nil, nil //nolint:nilnil // nobody knows
	}
	if !strings.Contains(said, "@") { // the name of an account there; of an LDAP name, its first value
		name, _, _ := strings.Cut(said, ",")
		if _, value, is := strings.Cut(name, "="); is {
			name = value
		}
		found, err := store.Accounts.Find(ctx, h.r, "name", string(a.System)+"/"+name)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 || found[0].Identity == "" {
			return &onus.Lead{Says: said + " made it"}, nil
		}
		who, _, err := store.Identities.Lookup(ctx, h.r, string(found[0].Identity))
		if err != nil || who.State != onus.Active || who.Mail == "" {
			return &onus.Lead{Says: said + " made it"}, err
		}
		return &onus.Lead{Mail: who.Mail, Says: who.Mail + " made it"}, nil
	}
	who, known, err := personOf(ctx, h.r, said)
	if err != nil || !known || who.State != onus.Active {
		return &onus.Lead{Says: said + " made it"}, err
	}
	return &onus.Lead{Mail: who.Mail, Says: who.Mail + " made it"}, nil
}

// peersOf gives the first few people who hold an entitlement, too. The grants
// of a system are read once for all accounts of it.
func (h *hunt) peersOf(ctx context.Context, g onus.Grant) ([]onus.Identity, error) {
	if h.system != g.System {
		h.system, h.peers = g.System, map[string][]onus.IdentityID{}
		for row, err := range h.r.Find(ctx, store.Query{Kind: store.Grants.Name, Prefix: string(g.System) + "/"}) {
			if err != nil {
				return nil, err
			}
			other, err := store.Grants.Of(row)
			if err != nil {
				return nil, err
			}
			if other.Identity != "" && other.Observed && other.Entitlement != "" && len(h.peers[other.Entitlement]) < mostPeers {
				h.peers[other.Entitlement] = append(h.peers[other.Entitlement], other.Identity)
			}
		}
	}
	var people []onus.Identity
	for _, id := range h.peers[g.Entitlement] {
		who, known, err := store.Identities.Lookup(ctx, h.r, string(id))
		if err != nil {
			return nil, err
		}
		if known && who.Kind == onus.Person && who.State == onus.Active && who.Mail != "" {
			people = append(people, who)
		}
	}
	return people, nil
}
