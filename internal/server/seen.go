package server

import (
	"context"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/versions"
)

// An Asker is who asks at a door: a person by mail address, or a machine.
type Asker struct {
	Mail    string
	Machine Machine
}

func (a Asker) somebody(ctx context.Context, b *bearings) (authority.Somebody, error) {
	if a.Machine.Identity != "" {
		return b.machine(ctx, a.Machine)
	}
	return b.person(ctx, a.Mail)
}

// begins are the kinds of thing that a beginning of their ID names.
var begins = map[string]string{
	"approval": store.Approvals.Name, "exception": store.Exceptions.Name, "request": store.Requests.Name, "reversal": store.Reversals.Name,
	"delegation": store.Delegations.Name, "erasure": store.Erasures.Name, "error": store.AccessErrors.Name, "finding": store.Findings.Name,
	"version": store.Versions.Name, "emergency": store.Emergencies.Name,
}

// Begins says whether a kind of thing may be named by a beginning of its ID.
func Begins(kind string) bool { return begins[kind] != "" }

// Seen gives the one thing that a reference names by its ID, or by a beginning
// of it, of those that somebody may look at. What they may not look at is not
// there for them: it is not even counted among those that begin so.
func (s *Server) Seen(ctx context.Context, who Asker, on Ref) (Ref, error) {
	var match []string
	err := s.store.View(ctx, func(r store.Reader) error {
		match = match[:0]
		b := &bearings{s: s, r: r}
		by, err := who.somebody(ctx, b)
		if err != nil {
			return err
		}
		ids, err := beginning(ctx, r, on)
		if err != nil {
			return err
		}
		for _, id := range ids {
			thing, err := b.thing(ctx, Ref{on.Kind, id})
			if err != nil {
				return err
			}
			if authority.Default.Decide(by, authority.Look, thing).Allowed {
				match = append(match, id)
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return on, err
	case len(match) == 0:
		return on, ErrUnseen(on)
	case len(match) > 1:
		return on, onus.Errorf(onus.Conflict, "give more of it", "%d %ss begin with %s", len(match), on.Kind, on.ID)
	}
	return Ref{on.Kind, match[0]}, nil
}

// beginning lists the IDs that a reference may mean.
func beginning(ctx context.Context, r store.Reader, on Ref) (ids []string, err error) {
	if _, known, err := r.Get(ctx, begins[on.Kind], on.ID); err != nil || known {
		return []string{on.ID}, err
	}
	if on.Kind == "version" { // people call it by its number, too
		if v, err := versions.Find(ctx, r, on.ID); err == nil {
			return []string{v.ID}, nil
		}
	}
	for row, err := range r.Find(ctx, store.Query{Kind: begins[on.Kind]}) {
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(row.ID, on.ID) {
			ids = append(ids, row.ID)
		}
	}
	return ids, nil
}

// ErrUnseen is the answer to who asks for what is not there, and for what they
// may not see: the same.
func ErrUnseen(on Ref) error {
	return onus.Errorf(onus.NotFound, "", "there is no %s, or it is not for you to see", on)
}

// VisibleDuties keeps of a list of duties those that a person may look at.
func (s *Server) VisibleDuties(ctx context.Context, mail string, lines []ownership.Line) (seen []ownership.Line, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		by, err := (&bearings{s: s, r: r}).person(ctx, mail)
		seen = make([]ownership.Line, 0, len(lines))
		for _, l := range lines {
			var t authority.Thing
			dutyOf(&t, l)
			clean(&t)
			if authority.Default.Decide(by, authority.Look, t).Allowed {
				seen = append(seen, l)
			}
		}
		return err
	})
	return seen, err
}
