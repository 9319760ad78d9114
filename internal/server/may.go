package server

import (
	"context"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/store"
)

// A Ref names a thing that somebody may do something to, such as
// "approval apr_4f" or "system finance-db". The ledger and Onus itself have
// no ID.
type Ref struct{ Kind, ID string }

func (r Ref) String() string { return strings.TrimSpace(r.Kind + " " + r.ID) }

// A Machine is a machine identity that acts by a token, and what it is for.
type Machine struct {
	Identity onus.IdentityID
	Scopes   []string
	Behalf   *onus.Behalf // of an AI agent: in whose place it acts
}

// May says whether a person, by mail address, may do something, as things
// stand now.
func (s *Server) May(ctx context.Context, mail string, act authority.Action, on Ref) (authority.Ruling, error) {
	return s.may(ctx, act, on, func(b *bearings) (authority.Somebody, error) { return b.person(ctx, mail) })
}

// MachineMay says it of a machine.
func (s *Server) MachineMay(ctx context.Context, m Machine, act authority.Action, on Ref) (authority.Ruling, error) {
	return s.may(ctx, act, on, func(b *bearings) (authority.Somebody, error) { return b.machine(ctx, m) })
}

func (s *Server) may(ctx context.Context, act authority.Action, on Ref, who func(*bearings) (authority.Somebody, error)) (ruling authority.Ruling, err error) {
	var lines []ownership.Line
	if on.Kind == "duty" {
		if lines, err = s.Books().Owners(ctx, time.Time{}); err != nil {
			return ruling, err
		}
	}
	err = s.store.View(ctx, func(r store.Reader) error {
		b := &bearings{s: s, r: r, lines: lines}
		by, err := who(b)
		if err != nil {
			return err
		}
		thing, err := b.thing(ctx, on)
		if err != nil {
			return err
		}
		ruling = authority.Default.Decide(by, act, thing)
		return nil
	})
	return ruling, err
}

// MayUndo says whether a person may order, or preview, a reversal of a scope.
func (s *Server) MayUndo(ctx context.Context, mail string, scope onus.ReversalScope) (ruling authority.Ruling, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		b := &bearings{s: s, r: r}
		by, err := b.person(ctx, mail)
		if err != nil {
			return err
		}
		for _, part := range parts(scope) {
			t := authority.Thing{Kind: "what was done"}
			if err := b.scope(ctx, &t, part); err != nil {
				return err
			}
			clean(&t)
			if ruling = authority.Default.Decide(by, authority.Reverse, t); !ruling.Allowed {
				return nil
			}
		}
		return nil
	})
	return ruling, err
}

// parts are what somebody must be allowed to undo, each by itself, for a
// scope: power over one of several changes is none over the others.
func parts(scope onus.ReversalScope) (all []onus.ReversalScope) {
	for _, id := range scope.Changes {
		all = append(all, onus.ReversalScope{Change: id})
	}
	if len(all) == 0 {
		return []onus.ReversalScope{scope}
	}
	return all
}

// permit is what the policy says to an act of a person, for the engine to
// hear and record. Of somebody whom nobody knows it says nothing: the engine
// refuses them.
func (s *Server) permit(ctx context.Context, person string, act authority.Action, on Ref) (engine.Permit, error) {
	if person == "" {
		return engine.Permit{}, nil
	}
	ruling, err := s.May(ctx, person, act, on)
	return permitOf(ruling), err
}

// rule is May for what is not there yet.
func (s *Server) rule(ctx context.Context, person string, act authority.Action, on authority.Thing) (ruling authority.Ruling, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		by, err := (&bearings{s: s, r: r}).person(ctx, person)
		ruling = authority.Default.Decide(by, act, on)
		return err
	})
	return ruling, err
}

// permitted does something in a transaction if the policy permits it to a
// person; it is told which policy. What is wrong otherwise is told first, and
// a denial undoes it.
func (s *Server) permitted(ctx context.Context, r store.Reader, person string, act authority.Action, on authority.Thing, do func(policy string) error) error {
	clean(&on)
	by, err := (&bearings{s: s, r: r}).person(ctx, person)
	if err != nil {
		return err
	}
	ruling := authority.Default.Decide(by, act, on)
	if !ruling.Allowed {
		if err := do(""); err != nil {
			return err
		}
		return ruling.Err()
	}
	return do(ruling.Policy)
}

// permittedTo is permitted for what a reference names.
func (s *Server) permittedTo(ctx context.Context, r store.Reader, person string, act authority.Action, on Ref, do func(policy string) error) error {
	t, err := (&bearings{s: s, r: r}).thing(ctx, on)
	if err != nil {
		return err
	}
	return s.permitted(ctx, r, person, act, t, do)
}

func permitOf(r authority.Ruling) engine.Permit {
	if err := r.Err(); err != nil {
		return engine.Permit{Err: err}
	}
	return engine.Permit{Policy: r.Policy}
}

// Visible keeps of a list what a person may look at.
func Visible[T any](ctx context.Context, s *Server, mail string, list []T, ref func(T) Ref) (seen []T, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		b := &bearings{s: s, r: r}
		by, err := b.person(ctx, mail)
		if err != nil {
			return err
		}
		seen = make([]T, 0, len(list))
		for _, v := range list {
			thing, err := b.thing(ctx, ref(v))
			if err != nil {
				return err
			}
			if authority.Default.Decide(by, authority.Look, thing).Allowed {
				seen = append(seen, v)
			}
		}
		return nil
	})
	return seen, err
}
