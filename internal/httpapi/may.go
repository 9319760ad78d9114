package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
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

// may is the ruling as an error. What somebody may not look at is not there
// for them: whether it exists is part of what they may not see.
func (a *api) may(ctx context.Context, who Caller, act authority.Action, on server.Ref) error {
	var ruling authority.Ruling
	var err error
	if who.Machine {
		ruling, err = a.Server.MachineMay(ctx, server.Machine{Identity: onus.IdentityID(who.ID), Scopes: who.Scopes}, act, on)
	} else {
		ruling, err = a.Server.May(ctx, who.Name, act, on)
	}
	switch {
	case err != nil && (act != authority.Look || onus.KindOf(err) != onus.NotFound):
		return err
	case !ruling.Allowed && act == authority.Look:
		return onus.Errorf(onus.NotFound, "", "there is no %s, or it is not for you to see", on)
	default:
		return ruling.Err()
	}
}

func (a *api) mayLook(ctx context.Context, who Caller, on server.Ref) error {
	return a.may(ctx, who, authority.Look, on)
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
