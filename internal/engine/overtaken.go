package engine

import (
	"context"
	"errors"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// errLeft says that whom a change would give something has left since the
// plan was made, or that what it would give back has run out.
var errLeft = errors.New("they left or came back meanwhile, or what warrants it ended")

// hasLeft says whether a change would give something to somebody who left. A
// run that their leaving set off may give what belongs to leaving.
func (e *Engine) hasLeft(ctx context.Context, r store.Reader, l *live, c onus.Change) (bool, error) {
	onlySessions := c.Planned.EndSessions && c.Planned.Verb == onus.EnsureAttributes && len(c.Planned.Attributes) == 0
	if c.Planned.Verb.TakesAway() || onlySessions {
		return false, nil
	}
	who, known, err := store.Identities.Lookup(ctx, r, string(c.Identity))
	if err != nil || !known || who.State != onus.Left {
		return false, err
	}
	o, known, err := store.Occasions.Lookup(ctx, r, l.run.Occasion)
	return !known || o.Kind != onus.Departed, err
}

// isOver says whether a change is of an engagement that is over: it would give
// something to somebody who left, or came back since what set the run off. An
// undo does not reach over a return, either: whoever begins anew has nothing
// of what it is about, unless the definitions of now give it.
func (e *Engine) isOver(ctx context.Context, r store.Reader, l *live, c onus.Change) (bool, error) {
	takes := c.Planned.Verb.TakesAway()
	if gone, err := e.hasLeft(ctx, r, l, c); err != nil || gone || takes && !isReversal(l.run) {
		return gone, err
	}
	who, _, err := store.Identities.Lookup(ctx, r, string(c.Identity))
	if err != nil || who.Returned.IsZero() {
		return false, err
	}
	o, known, err := store.Occasions.Lookup(ctx, r, l.run.Occasion)
	return known && o.At.Before(who.Returned), err
}

// stillHere fails an intent to give somebody something after they left: the
// leaver's plan took only what there was when it was made.
func (e *Engine) stillHere(l *live, c onus.Change) write {
	return func(ctx context.Context, tx store.Tx) (func(), error) {
		gone, err := e.noMore(ctx, tx, l, c, tx.Now())
		if err == nil && gone {
			err = errLeft
		}
		return func() {}, err
	}
}

func (e *Engine) left(ctx context.Context, l *live, c onus.Change) (gone bool, err error) {
	err = e.Store.View(ctx, func(r store.Reader) error {
		gone, err = e.noMore(ctx, r, l, c, e.Now())
		return err
	})
	return gone, err
}

// noMore says whether a change shall not be made any more.
func (e *Engine) noMore(ctx context.Context, r store.Reader, l *live, c onus.Change, now time.Time) (bool, error) {
	if over, err := e.isOver(ctx, r, l, c); err != nil || over {
		return over, err
	}
	if out, err := ranOut(ctx, r, c, now); err != nil || out {
		return out, err
	}
	return e.answeredMeanwhile(ctx, r, l)
}

// ranOut says whether a repair would give back what has no reason any more:
// its plan may have waited for a yes until the time of it was up.
func ranOut(ctx context.Context, r store.Reader, c onus.Change, now time.Time) (bool, error) {
	p := c.Planned
	switch {
	case p.Repairs == "" || p.Verb != onus.EnsurePresent && p.Verb != onus.EnsureEnabled:
		return false, nil
	case p.WarrantOnly:
		return !p.Until.IsZero() && !p.Until.After(now), nil
	}
	g, _, err := store.Grants.Lookup(ctx, r, store.GrantID(onus.Grant{
		System: p.Target.System, Account: p.Target.Account, Entitlement: p.Target.Entitlement, Identity: c.Identity,
	}))
	return !g.Warranted(now), err
}

// overtaken ends a run whose person left: what is not made of it shall not be.
// What was found before is recorded first: a change that it asked about, say,
// has a row from then on.
func (e *Engine) overtaken(ctx context.Context, l *live, found *[]write) error {
	if err := e.flush(ctx, found); err != nil {
		return err
	}
	for i, c := range l.changes {
		if c.State.Ended() || c.State == onus.ChangePlanned && l.rows[i].Version == 0 {
			continue // one that never began has no row to end
		}
		*found = append(*found, e.refused(l, i, c))
	}
	run := l.run
	run.State, run.Ended, run.Reason = onus.RunSuperseded, e.Now().UTC(), errLeft.Error()
	put := e.putRun(l, run, ledger.RunEnded)
	*found = append(*found, func(ctx context.Context, tx store.Tx) (func(), error) {
		noted, err := put(ctx, tx)
		if err != nil {
			return nil, err
		}
		return noted, e.clearOf(ctx, tx, run.ID, "")
	})
	if err := e.flush(ctx, found); err != nil {
		return err
	}
	return errEnded
}

// errEnded ends a segment whose run has ended.
var errEnded = errors.New("the run has ended")

// dropped ends one change that was intended, is not so on the system, and
// must not be made any more; the rest of the run follows.
func (e *Engine) dropped(ctx context.Context, l *live, i int, c onus.Change, found *[]write) error {
	*found = append(*found, e.refused(l, i, c))
	return e.overtaken(ctx, l, found)
}

func (e *Engine) refused(l *live, i int, c onus.Change) write {
	c.State, c.Error = onus.ChangeRefused, errLeft.Error()
	return e.putChange(l, i, c, ledger.ChangeRefused, nil)
}

// landed raises the leaving again when something given is confirmed only
// after its holder left: the leaver's plan did not know of it.
func (e *Engine) landed(ctx context.Context, tx store.Tx, l *live, c onus.Change, cause string) error {
	gone, err := e.hasLeft(ctx, tx, l, c)
	if err != nil || !gone {
		return err
	}
	return e.leaveAgain(ctx, tx, c.Identity, string(c.ID), e.event(ctx, tx, l, c, ledger.OccasionArose, cause, nil))
}

func (e *Engine) leaveAgain(ctx context.Context, tx store.Tx, id onus.IdentityID, why string, ev ledger.Event) error {
	who, err := store.Identities.Get(ctx, tx, string(id))
	if err != nil {
		return err
	}
	_, err = store.Occasions.Put(ctx, tx, ev, onus.Occasion{
		ID: onus.ID("occ", "landed", why), Kind: onus.Departed, State: onus.Waiting, Identity: id,
		Source: who.Source, Key: who.Key, At: tx.Now(), Before: who.Attributes, After: who.Attributes,
	})
	return err
}

// clearOf closes the open exceptions of a run that ended, but for one, and
// takes back what people were asked about it.
func (e *Engine) clearOf(ctx context.Context, tx store.Tx, run onus.RunID, but string) error {
	if err := e.withdraw(ctx, tx, run); err != nil {
		return err
	}
	return e.clearAbout(ctx, tx, "run", string(run), func(x onus.Exception) bool { return x.ID != but })
}

// clearAbout closes the open exceptions found by a key that are meant.
func (e *Engine) clearAbout(ctx context.Context, tx store.Tx, key, value string, meant func(onus.Exception) bool) error {
	about, err := store.Exceptions.Find(ctx, tx, key, value)
	if err != nil {
		return err
	}
	for _, x := range about {
		if x.State != onus.ExceptionOpen || !meant(x) {
			continue
		}
		row, _, err := tx.Get(ctx, store.Exceptions.Name, x.ID)
		if err != nil {
			return err
		}
		if _, err := e.closeException(ctx, tx, x, row, onus.ExceptionCleared, nil); err != nil {
			return err
		}
	}
	return nil
}
