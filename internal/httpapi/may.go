package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/server"
)

// actor is the caller as the ledger names them.
func (c Caller) actor() onus.Actor {
	if c.Machine {
		return onus.Actor("machine:" + c.ID)
	}
	return onus.Actor("person:" + c.ID)
}

// person is the caller's mail address; a machine has none.
func (c Caller) person() string {
	if c.Machine {
		return ""
	}
	return c.Name
}

// acts is who acts, whatever an organisation says: somebody is signed in.
func (c Caller) acts(flow.Organisation) (onus.Actor, string) { return c.actor(), c.person() }

// signedIn is the caller as the desk knows them.
func (c Caller) signedIn() server.SignedIn {
	return server.SignedIn{Identity: onus.IdentityID(c.ID), Name: c.Name, Machine: c.Machine, Scopes: c.Scopes}
}

// asker is the caller as the policy asks about them.
func (c Caller) asker() server.Asker {
	if c.Machine {
		return server.Asker{Machine: c.machine()}
	}
	return server.Asker{Mail: c.Name}
}

// machine is the caller as a machine identity, which they must be.
func (c Caller) machine() server.Machine {
	return server.Machine{Identity: onus.IdentityID(c.ID), Scopes: c.Scopes, Behalf: c.behalf}
}

// seen gives the whole ID of what a beginning names, of what the caller may
// look at.
func (a *api) seen(ctx context.Context, who Caller, kind, id string) (string, error) {
	ref, err := a.Server.Seen(ctx, who.asker(), server.Ref{Kind: kind, ID: id})
	return ref.ID, err
}

// may is the ruling as an error. What somebody may not look at is not there
// for them: whether it exists is part of what they may not see.
func (a *api) may(ctx context.Context, who Caller, act authority.Action, on server.Ref) error {
	var ruling authority.Ruling
	var err error
	if who.Machine {
		ruling, err = a.Server.MachineMay(ctx, who.machine(), act, on)
	} else {
		ruling, err = a.Server.May(ctx, who.Name, act, on)
	}
	switch {
	case act == authority.Look && unseen(ruling, err):
		return server.ErrUnseen(on)
	case err != nil:
		return err
	default:
		return ruling.Err()
	}
}

// unseen says whether somebody is told that there is nothing: nor is what they
// named counted where it names several.
func unseen(r authority.Ruling, err error) bool {
	if err != nil {
		kind := onus.KindOf(err)
		return kind == onus.NotFound || kind == onus.Conflict
	}
	return !r.Allowed
}

func (a *api) mayLook(ctx context.Context, who Caller, on server.Ref) error {
	return a.may(ctx, who, authority.Look, on)
}

// look is mayLook for what may be named by a beginning of its ID.
func (a *api) look(ctx context.Context, who Caller, on server.Ref) (server.Ref, error) {
	if server.Begins(on.Kind) {
		return a.Server.Seen(ctx, who.asker(), on)
	}
	return on, a.mayLook(ctx, who, on)
}

// visible keeps of a list what the caller may look at.
func visible[T any](ctx context.Context, a *api, who Caller, list []T, ref func(T) server.Ref) ([]T, error) {
	if err := personal(who); err != nil {
		return nil, err
	}
	return server.Visible(ctx, a.Server, who.Name, list, ref)
}

// personal says that something is for people only.
func personal(who Caller) error {
	if who.Machine {
		return problem(http.StatusForbidden, "denied", "this machine may not", "a machine's token proposes; this is for people")
	}
	return nil
}

// place is where something stands in a list that is sorted by a time, then by
// these names.
func place(at time.Time, names ...string) string {
	return strings.Join(append([]string{at.UTC().Format("2006-01-02T15:04:05.000000000")}, names...), "\x00")
}
