package server

import (
	"context"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/intake"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/store"
)

// Owners lists every duty with who stands for it, as it was at a time.
func (b *Books) Owners(ctx context.Context, at time.Time) ([]ownership.Line, error) {
	var lines []ownership.Line
	if at.IsZero() || at.After(b.now()) {
		f, _, err := b.duties(ctx, at)
		if err == nil {
			lines = f.Lines()
		}
		return lines, err
	}
	err := b.store.View(ctx, func(r store.Reader) error {
		f, _, err := ownership.Past(ctx, r, at)
		if err == nil {
			lines = f.Lines()
		}
		return err
	})
	return lines, err
}

// Coverage says how well the duties of today are answered for.
func (b *Books) Coverage(ctx context.Context) (ownership.Coverage, error) {
	f, p, err := b.duties(ctx, time.Time{})
	if err != nil {
		return ownership.Coverage{}, err
	}
	return f.Cover(p), nil
}

// duties gives what is known today, as it is now or will be at a time.
func (b *Books) duties(ctx context.Context, at time.Time) (f *ownership.Facts, p *flow.Program, err error) {
	if at.IsZero() {
		at = b.now()
	}
	err = b.store.View(ctx, func(r store.Reader) error {
		if p, err = ownership.ProgramOf(ctx, r, b.now()); err != nil {
			return err
		}
		roster := intake.Seek(ctx, p, r)
		if f, err = ownership.Load(ctx, r, p, roster, at); err != nil {
			return err
		}
		return roster.Err()
	})
	return f, p, err
}

// OpenDuties lists the duties that a person is asked to accept, and has not.
func (b *Books) OpenDuties(ctx context.Context, person string) ([]onus.DutyID, error) {
	f, _, err := b.duties(ctx, time.Time{})
	if err != nil {
		return nil, err
	}
	return f.Open(ownership.Accepts, person), nil
}

// OpenDuties lists the duties that a person can accept or renew.
func (s *Server) OpenDuties(ctx context.Context, act, person string) ([]onus.DutyID, error) {
	if err := s.readPeople(ctx); err != nil {
		return nil, err
	}
	var ids []onus.DutyID
	err := s.duties(ctx, func(f *ownership.Facts, _ store.Tx) error {
		ids = f.Open(act, person)
		return nil
	})
	return ids, err
}

// AnswerDuty records what a person says to a duty.
func (s *Server) AnswerDuty(ctx context.Context, a ownership.Answer) (onus.Acceptance, error) {
	var said onus.Acceptance
	if err := s.readPeople(ctx); err != nil {
		return said, err
	}
	act := authority.Accept
	if a.Act == ownership.Declines {
		act = authority.Decline
	}
	err := s.duties(ctx, func(f *ownership.Facts, tx store.Tx) error {
		thing := authority.Thing{Kind: "duty", ID: string(a.Duty), Asked: f.Asked(a.Duty, a.Person)}
		return s.permitted(ctx, tx, a.Person, act, thing, func(policy string) (err error) {
			f.Policy = policy
			said, err = f.Say(ctx, tx, a)
			return err
		})
	})
	return said, err
}

// Away records that a person is away from the first day to the last, and
// hands over what they stand for.
func (s *Server) Away(ctx context.Context, by onus.Actor, person, from, until string) (onus.Absence, error) {
	var a onus.Absence
	if err := s.readPeople(ctx); err != nil {
		return a, err
	}
	err := s.duties(ctx, func(f *ownership.Facts, tx store.Tx) error {
		return s.permitted(ctx, tx, person, authority.Away, themself(person), func(policy string) (err error) {
			f.Policy = policy
			a, err = f.Away(ctx, tx, by, person, from, until)
			return err
		})
	})
	return a, err
}

// Back ends the leaves of a person.
func (s *Server) Back(ctx context.Context, by onus.Actor, person string) (int, error) {
	n := 0
	err := s.duties(ctx, func(f *ownership.Facts, tx store.Tx) error {
		return s.permitted(ctx, tx, person, authority.Away, themself(person), func(policy string) (err error) {
			f.Policy = policy
			n, err = f.Back(ctx, tx, by, person)
			return err
		})
	})
	return n, err
}

func themself(person string) authority.Thing {
	return authority.Thing{Kind: "identity", ID: person, Subjects: []string{person}}
}

// Unaccepted lists the duties of the definitions that nobody stands for who
// has accepted.
func (s *Server) Unaccepted(ctx context.Context) ([]ownership.Lack, error) {
	roster, err := s.people(ctx)
	if err != nil {
		return nil, err
	}
	var lacks []ownership.Lack
	err = s.store.View(ctx, func(r store.Reader) (err error) {
		lacks, err = ownership.Unaccepted(ctx, r, s.Program, roster, s.Now())
		return err
	})
	return lacks, err
}

// duties runs what is done about duties in one transaction.
func (s *Server) duties(ctx context.Context, do func(*ownership.Facts, store.Tx) error) error {
	roster, err := s.people(ctx)
	if err != nil {
		return err
	}
	return s.store.Update(ctx, func(tx store.Tx) error {
		f, err := ownership.Load(ctx, tx, s.Program, roster, tx.Now())
		if err != nil {
			return err
		}
		return do(f, tx)
	})
}

// readPeople reads the source of people where nobody is on file yet: who
// accepts a duty must be somebody.
func (s *Server) readPeople(ctx context.Context) error {
	roster, err := s.people(ctx)
	if err != nil || roster.Len() > 0 {
		return err
	}
	name := s.Program.Organisation.People
	_, err = s.lead(ctx, true, func(ctx context.Context) (Report, error) {
		_, err := s.intake.Take(ctx, s.Program, s.Program.Sources[name], s.feeds[name])
		return Report{}, err
	})
	return err
}
