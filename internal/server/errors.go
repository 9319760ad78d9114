package server

import (
	"context"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/store"
)

// An ErrorReport is what somebody reports, in words.
type ErrorReport struct {
	Who, What  string
	ShouldHold bool
	At         time.Time // zero: now
	Reason     string
	Right      map[string]string // what the record should have said
	Match      map[string]string // SYSTEM/REF of an account → whose it is

	line int // of the file that it stands in
}

// sound refuses to judge on a ledger that is not whole, or that the state
// does not follow from: nothing may be built on it.
func (s *Server) sound(ctx context.Context) error {
	b := s.Books()
	for _, check := range []func(context.Context) (Verification, error){b.VerifyLedger, b.VerifyState} {
		v, err := check(ctx)
		if err != nil {
			return err
		}
		if !v.Good {
			return onus.Errorf(onus.LedgerClosed, "onus verify ledger and onus verify state tell more; no verdict rests on it until that is cleared up",
				"there is no verdict, for the ledger fails verification: %s", v.Says)
		}
	}
	return nil
}

// ReportError opens an access error, and works out whose it was.
func (s *Server) ReportError(ctx context.Context, by attribution.Speaker, rep ErrorReport) (e onus.AccessError, err error) {
	if err := s.sound(ctx); err != nil {
		return e, err
	}
	var v onus.Verdict
	err = s.store.View(ctx, func(r store.Reader) error {
		if e, err = s.meant(ctx, r, rep); err != nil {
			return err
		}
		v, err = attribution.NewPast(r).Judge(ctx, e)
		return err
	})
	if err != nil {
		return e, err
	}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		return s.permitted(ctx, tx, by.Person, authority.Report, authority.Thing{Kind: "error"}, func(policy string) (err error) {
			by.Policy = policy
			e, err = attribution.Report(ctx, tx, by, e, v)
			return err
		})
	})
	return e, err
}

// meant finds what a report is about.
func (s *Server) meant(ctx context.Context, r store.Reader, rep ErrorReport) (onus.AccessError, error) {
	now := s.Now()
	e := onus.AccessError{ShouldHold: rep.ShouldHold, At: rep.At, Reason: rep.Reason, Right: rep.Right, Reported: now, Match: map[string]onus.IdentityID{}}
	if e.At.IsZero() {
		e.At = now
	}
	if e.At.After(now) {
		return e, onus.Errorf(onus.Invalid, "name a time that has been", "nobody can say what will be at %s", e.At.UTC().Format(time.RFC3339))
	}
	who, err := attribution.FindIdentity(ctx, r, rep.Who)
	if err != nil {
		return e, err
	}
	e.Identity = who.ID
	for account, to := range rep.Match {
		i, err := attribution.FindIdentity(ctx, r, to)
		if err != nil {
			return e, err
		}
		e.Match[account] = i.ID
	}
	if src := s.Program.Sources[who.Source]; src != nil {
		for field := range rep.Right {
			if src.Schema.Attribute(field) == nil {
				return e, onus.Errorf(onus.Invalid, "onus explain shows a record as it was read", "records of %s have no field %s", src.Name, field)
			}
		}
	}
	e.System, e.Entitlement, err = s.thing(rep.What)
	return e, err
}

// thing finds an entitlement by its name, alone where only one system has
// it, or a system for the account itself.
func (s *Server) thing(what string) (onus.SystemName, string, error) {
	if _, known := s.Program.Systems[onus.SystemName(what)]; known {
		return onus.SystemName(what), "", nil
	}
	var on []onus.SystemName
	name := what
	for key := range s.Program.Entitlements {
		if key.Name == what || string(key.System)+"/"+key.Name == what {
			on, name = append(on, key.System), key.Name
		}
	}
	if len(on) == 0 {
		if system, rest, ok := strings.Cut(what, "/"); ok && s.Program.Systems[onus.SystemName(system)] != nil {
			return onus.SystemName(system), rest, nil // in no catalogue, and perhaps held all the same
		}
		return "", "", onus.Errorf(onus.NotFound, "name it as the catalogue does, or by SYSTEM/ENTITLEMENT", "no entitlement is called %s", what)
	}
	if len(on) > 1 {
		return "", "", onus.Errorf(onus.Conflict, "name it by SYSTEM/ENTITLEMENT", "%d systems have an entitlement %s", len(on), what)
	}
	return on[0], name, nil
}

// AnswerError records what somebody says to a verdict.
func (s *Server) AnswerError(ctx context.Context, o attribution.ErrorReply, match map[string]string) (e onus.AccessError, err error) {
	var v *onus.Verdict
	if len(match) > 0 || o.Evidence() {
		if err := s.sound(ctx); err != nil {
			return e, err
		}
		o.Match = map[string]onus.IdentityID{}
		err = s.store.View(ctx, func(r store.Reader) error {
			for account, to := range match {
				i, err := attribution.FindIdentity(ctx, r, to)
				if err != nil {
					return err
				}
				o.Match[account] = i.ID
			}
			was, err := store.AccessErrors.Get(ctx, r, o.Error)
			if err != nil {
				return err
			}
			was = o.With(was)
			was.Reported = s.Now()
			again, err := attribution.NewPast(r).Judge(ctx, was)
			v = &again
			return err
		})
		if err != nil {
			return e, err
		}
	}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		return s.permittedTo(ctx, tx, o.Person, authority.Reply, Ref{"error", o.Error}, func(policy string) (err error) {
			o.Policy = policy
			e, err = attribution.Reply(ctx, tx, o, v)
			return err
		})
	})
	return e, err
}

// CloseError ends an access error with a corrective action.
func (s *Server) CloseError(ctx context.Context, by attribution.Speaker, id string, action onus.Corrective) (e onus.AccessError, err error) {
	err = s.store.Update(ctx, func(tx store.Tx) error {
		return s.permittedTo(ctx, tx, by.Person, authority.Close, Ref{"error", id}, func(policy string) (err error) {
			by.Policy = policy
			e, err = attribution.CloseError(ctx, tx, by, id, action)
			return err
		})
	})
	return e, err
}

// AccessErrors lists the errors that were reported, newest first; all, or
// those that are open.
func (b *Books) AccessErrors(ctx context.Context, closed bool) (all []onus.AccessError, err error) {
	q := store.Query{}
	if !closed {
		q = store.Is(store.AccessErrors.Name, "state", string(onus.ErrorOpen))
	}
	err = b.store.View(ctx, func(r store.Reader) error {
		all, err = store.AccessErrors.Query(ctx, r, q)
		return err
	})
	return all, err
}

// AccessError gives one by its ID.
func (b *Books) AccessError(ctx context.Context, id string) (e onus.AccessError, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		e, err = store.AccessErrors.Get(ctx, r, id)
		return err
	})
	return e, err
}

// UndoScope is what a reversal undoes of all that the cause of an access error
// did; where it reached nobody else, of the runs that made the error.
func (b *Books) UndoScope(ctx context.Context, id string) (scope onus.ReversalScope, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		e, err := store.AccessErrors.Get(ctx, r, id)
		if err != nil {
			return err
		}
		blast, err := attribution.NewPast(r).Blast(ctx, e)
		if err != nil {
			return err
		}
		for _, h := range blast.Hits {
			scope.Changes = append(scope.Changes, h.Change)
		}
		if len(scope.Changes) > 0 {
			return nil
		}
		for _, run := range e.Verdict.Runs {
			changes, err := store.Changes.Query(ctx, r, store.ChangesOf(run))
			if err != nil {
				return err
			}
			for _, c := range changes {
				scope.Changes = append(scope.Changes, c.ID)
			}
		}
		if len(scope.Changes) == 0 {
			return onus.Errorf(onus.Conflict, "what differs from our records on a system is drift: onus drift lists it, and repairs it", "no change of ours made %s", id)
		}
		return nil
	})
	return scope, err
}

// Blast finds who else has an error of the same cause.
func (b *Books) Blast(ctx context.Context, id string) (blast attribution.Blast, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		e, err := store.AccessErrors.Get(ctx, r, id)
		if err != nil {
			return err
		}
		blast, err = attribution.NewPast(r).Blast(ctx, e)
		return err
	})
	return blast, err
}
