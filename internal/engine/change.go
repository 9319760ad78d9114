package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/ledger"
)

// outcome says how a step left the run: free to go on, or waiting.
type outcome struct {
	wake    time.Time // not zero: nothing more is asked of the system until then
	why     string
	inPlace bool // it is soon: the run keeps its place meanwhile
}

// step moves one change as far as it goes: intent, apply, confirm. What it
// found and nobody has committed yet is left in found.
func (e *Engine) step(ctx context.Context, l *live, i int, found *[]write) (outcome, error) {
	c := l.changes[i]
	if c.State == onus.ChangePlanned {
		if c.Planned.WarrantOnly {
			return outcome{}, e.moveWarrant(ctx, l, i, found)
		}
		out, intended, err := e.intend(ctx, l, i, found)
		if err != nil || !intended {
			return out, err
		}
		c = l.changes[i]
	}
	return e.carryOut(ctx, l, i, c, found)
}

// moveWarrant changes only our record of why somebody holds something.
func (e *Engine) moveWarrant(ctx context.Context, l *live, i int, found *[]write) error {
	c := l.changes[i]
	c.State, c.Confirmed, c.Outcome, c.Evidence = onus.ChangeConfirmed, e.Now().UTC(), string(connector.NoChange), "only our record moved"
	before := *found
	err := e.commit(ctx, append(slices.Clone(before), e.notPaused(l), e.stillHere(l, c), e.putChange(l, i, c, ledger.ChangeConfirmed, nil), e.settle(l, c))...)
	*found = nil
	switch {
	case errors.Is(err, errPaused):
		*found = before
		return e.rests(ctx, l, found)
	case errors.Is(err, errLeft):
		*found = before
		return e.overtaken(ctx, l, found)
	}
	return err
}

// intend reads the before-image and commits it with the intent, and with all
// that was found before. Nothing was touched yet (rules 3 and 7).
func (e *Engine) intend(ctx context.Context, l *live, i int, found *[]write) (outcome, bool, error) {
	c := l.changes[i]
	image, err := e.before(ctx, l, c.Planned.Target)
	if err != nil {
		return e.troubled(ctx, l, i, c, err, "read what is there", found)
	}
	isNew := c.Planned.Verb == onus.EnsurePresent && !c.Planned.Target.IsGrant() && c.Planned.Target.Account == ""
	if isNew && image.Exists {
		*found = append(*found, e.stop(l, i, c, onus.ConflictOnSystem,
			fmt.Sprintf("an account named %s is on %s already, and nobody has said whose it is", image.Name, c.Planned.Target.System),
			"find out whose it is; then retry, or amend the login"))
		return outcome{}, false, e.flush(ctx, found)
	}
	if why, err := e.changedSince(ctx, l, c, image); err != nil {
		return outcome{}, false, err
	} else if why != "" {
		*found = append(*found, e.stop(l, i, c, onus.ConflictOnSystem, why,
			"a reversal leaves alone what was changed since: look at the system; then retry, override to go on without it, or refuse"))
		return outcome{}, false, e.flush(ctx, found)
	}
	c.State, c.Before, c.Intended = onus.ChangeIntended, &image, e.Now().UTC()
	c.Planned.Target.Account = image.Ref
	e.lease(&c)
	before := *found
	*found = append(slices.Clone(before), e.notPaused(l), e.stillHere(l, c),
		e.putChange(l, i, c, ledger.ChangeIntended, map[string]string{"verb": string(c.Planned.Verb), "system": string(c.Planned.Target.System)}))
	switch err := e.flush(ctx, found); {
	case errors.Is(err, errPaused):
		*found = before
		return outcome{}, false, e.rests(ctx, l, found)
	case errors.Is(err, errLeft):
		*found = before
		return outcome{}, false, e.overtaken(ctx, l, found)
	case err != nil:
		return outcome{}, false, err
	}
	l.fresh = i
	return outcome{}, true, nil
}

// flush commits what was found.
func (e *Engine) flush(ctx context.Context, found *[]write) error {
	if len(*found) == 0 {
		return nil
	}
	err := e.commit(ctx, *found...)
	*found = nil
	return err
}

// before reads what a system shows of the account of a change now.
func (e *Engine) before(ctx context.Context, l *live, t onus.Target) (image onus.Image, err error) {
	conn, err := e.connectorOf(t.System)
	if err != nil {
		return image, err
	}
	if err := e.turn(ctx, l, t.System); err != nil {
		return image, err
	}
	err = e.call(ctx, t.System, func(ctx context.Context) error {
		var a connector.Account
		var err error
		if ref := l.ref(t); ref != "" {
			a, err = conn.Read(ctx, ref)
		} else {
			a, err = conn.Find(ctx, t.Name)
		}
		if err == nil {
			image = a.Image()
		}
		return err
	})
	if err != nil && connector.KindOf(err) == connector.NotFound {
		return onus.Image{Name: t.Name}, nil
	}
	return image, err
}

// ref gives the immutable id of a target's account: as planned, or as an
// earlier change of this run learned it when it made the account.
func (l *live) ref(t onus.Target) onus.AccountRef {
	if t.Account != "" {
		return t.Account
	}
	for _, c := range l.changes {
		if c.Planned.Target.System == t.System && c.Planned.Target.Name == t.Name && c.State == onus.ChangeConfirmed {
			return c.Planned.Target.Account
		}
	}
	return ""
}

// guarded turns a panic of a connector into an error: nobody can say what
// was carried out.
func guarded(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &connector.Error{Kind: connector.Ambiguous, Message: "the connector broke down in the middle of it", Err: fmt.Errorf("panic: %v", p)}
		}
	}()
	return call()
}

// carryOut applies an intended change and reads it back until the system
// shows it, or the time for that runs out (rule 4).
func (e *Engine) carryOut(ctx context.Context, l *live, i int, c onus.Change, found *[]write) (outcome, error) {
	conn, err := e.connectorOf(c.Planned.Target.System)
	if err != nil {
		out, _, err := e.troubled(ctx, l, i, c, err, "reach the system", found)
		return out, err
	}
	want := connector.Desired{Verb: c.Planned.Verb, Target: c.Planned.Target, Attributes: c.Planned.Attributes}
	want.Target.Account = l.ref(want.Target)
	// An intent that this segment did not commit itself may have been carried
	// out before a crash: look before repeating it.
	mustLook := l.fresh != i
	if c.State == onus.ChangeIntended && !mustLook && c.Before != nil && !c.Planned.Target.IsGrant() {
		want.Version = c.Before.Version
	}
	if c.State == onus.ChangeIntended {
		if err := e.witnessed(ctx); err != nil {
			out, _, err := e.troubled(ctx, l, i, c, err, "wait for the ledger's witnesses", found)
			return out, err
		}
		if mustLook {
			if err := e.claim(ctx, l, i, found); err != nil {
				return outcome{}, err
			}
			c = l.changes[i]
			v, err := e.verify(ctx, l, conn, &want)
			if err != nil {
				out, _, err := e.troubled(ctx, l, i, c, err, "see whether it was carried out", found)
				return out, err
			}
			// Whether sessions were ended too nobody can say: they are ended again.
			if e.holds(conn, c, v) && !endsSessions(conn, c) {
				c.Applied = e.Now().UTC()
				e.confirm(l, i, c, want, v, "found so after an interruption", found)
				return outcome{}, nil
			}
			if gone, err := e.left(ctx, l, c); err != nil {
				return outcome{}, err
			} else if gone {
				return outcome{}, e.dropped(ctx, l, i, c, found)
			}
		} else if err := e.turn(ctx, l, c.Planned.Target.System); err != nil {
			out, _, err := e.troubled(ctx, l, i, c, err, "make the change", found)
			return out, err
		}
		done, sessions, err := e.apply(ctx, conn, c, want)
		if err != nil {
			l.fresh = -1 // whatever follows looks first
			out, _, err := e.troubled(ctx, l, i, c, err, "make the change", found)
			return out, err
		}
		c.State, c.Applied, c.Outcome, c.Sessions = onus.ChangeApplied, e.Now().UTC(), string(done.Outcome), sessions
		if done.Ref != "" {
			c.Planned.Target.Account, want.Target.Account = done.Ref, done.Ref
		}
		if done.EntitlementRef != "" {
			c.Planned.Target.EntitlementRef, want.Target.EntitlementRef = done.EntitlementRef, done.EntitlementRef
		}
	}
	return e.readBack(ctx, l, i, c, conn, want, found)
}

// witnessed waits until the intent is out of our own reach to change. What
// hinders that is for a while like a system that cannot be reached.
func (e *Engine) witnessed(ctx context.Context) error {
	if e.Witnessed == nil {
		return nil
	}
	err := e.Witnessed(ctx)
	if err == nil {
		return nil
	}
	return &connector.Error{Kind: connector.Transient, Message: plain(err), Err: err}
}

// endsSessions says whether live sessions go with a change.
func endsSessions(conn connector.Connector, c onus.Change) bool {
	_, can := conn.(connector.SessionEnder)
	return c.Planned.EndSessions && can
}

// apply makes one desired state true, live sessions included where the plan
// says so and the connector can. What was looked for just before needs no
// turn of its own.
func (e *Engine) apply(ctx context.Context, conn connector.Connector, c onus.Change, want connector.Desired) (done connector.Result, sessions string, err error) {
	end := func(ctx context.Context) error {
		if !c.Planned.EndSessions || want.Target.Account == "" {
			return nil
		}
		ender, can := conn.(connector.SessionEnder)
		if !can {
			sessions = "the connector cannot end live sessions: they last as long as the system lets them"
			return nil
		}
		n, err := ender.EndSessions(ctx, want.Target.Account)
		if err != nil && connector.KindOf(err) == connector.NotFound {
			return nil
		}
		sessions = fmt.Sprintf("%d ended", n)
		return err
	}
	// A deleted account's sessions can be ended only before. Else they are
	// ended after, or they would be opened again.
	deletes := want.Verb == onus.EnsureAbsent && !want.Target.IsGrant()
	err = e.call(ctx, want.Target.System, func(ctx context.Context) error {
		if deletes {
			if err := end(ctx); err != nil {
				return err
			}
		}
		var err error
		if done, err = conn.Apply(ctx, want); err != nil || deletes {
			return err
		}
		return end(ctx)
	})
	return done, sessions, err
}

func (e *Engine) verify(ctx context.Context, l *live, conn connector.Connector, want *connector.Desired) (v connector.Verdict, err error) {
	if err := e.turn(ctx, l, want.Target.System); err != nil {
		return v, err
	}
	err = e.call(ctx, want.Target.System, func(ctx context.Context) error {
		if want.Target.Account == "" && want.Verb != onus.EnsureAbsent {
			a, err := conn.Find(ctx, want.Target.Name)
			if err != nil && connector.KindOf(err) != connector.NotFound {
				return err
			}
			want.Target.Account = a.Ref
		}
		var err error
		v, err = conn.Verify(ctx, *want)
		return err
	})
	return v, err
}

// holds says whether a verdict is sure enough: a grant needs a fresh read, a
// revocation the effect itself wherever the connector can try it.
func (e *Engine) holds(conn connector.Connector, c onus.Change, v connector.Verdict) bool {
	need := onus.TierStored
	if d := conn.Describe(); c.Planned.Verb.TakesAway() && d.RevokeTier > need {
		need = min(d.RevokeTier, onus.TierEffective)
	}
	return v.Holds && v.Tier >= need
}

// readBack reads until the change shows, or its time runs out.
func (e *Engine) readBack(ctx context.Context, l *live, i int, c onus.Change, conn connector.Connector, want connector.Desired, found *[]write) (outcome, error) {
	deadline := c.Applied.Add(c.Planned.Confirm)
	for poll := max(conn.Describe().Settles, 50*time.Millisecond); ; poll = min(2*poll, 30*time.Second) {
		v, err := e.verify(ctx, l, conn, &want)
		if err == nil && e.holds(conn, c, v) {
			e.confirm(l, i, c, want, v, c.Outcome, found)
			return outcome{}, nil
		}
		if later, is := asLater(err); is {
			*found = append(*found, e.putChange(l, i, c, ledger.ChangeApplied, nil))
			return outcome{wake: later.at, why: later.why}, nil
		}
		if ctx.Err() != nil {
			return outcome{}, ctx.Err()
		}
		now := e.Now().UTC()
		if !now.Before(deadline) {
			cat, message := onus.Unconfirmed, notSeen(c, v, err)
			if len(v.Residual) > 0 {
				cat = onus.Residual
			}
			*found = append(*found, e.stop(l, i, c, cat, message, "look at the system; then retry, or override with a reason"))
			return outcome{}, e.flush(ctx, found)
		}
		wait := min(poll, deadline.Sub(now))
		if wait > e.Retry.Inline {
			*found = append(*found, e.putChange(l, i, c, ledger.ChangeApplied, nil))
			return outcome{wake: now.Add(wait), why: "waits for " + string(c.Planned.Target.System) + " to show it"}, nil
		}
		if err := e.Sleep(ctx, wait); err != nil {
			return outcome{}, err
		}
	}
}

// notSeen says in one sentence why a change counts as unconfirmed.
func notSeen(c onus.Change, v connector.Verdict, err error) string {
	said := fmt.Sprintf("the system answered %q, but within %s", c.Outcome, c.Planned.Confirm)
	switch {
	case err != nil:
		return said + " it could not be read back: " + plain(err)
	case len(v.Residual) > 0:
		return said + " access was still left: " + strings.Join(v.Residual, ", ")
	case v.Evidence != "":
		return said + " a fresh read did not show it: " + v.Evidence
	default:
		return said + " a fresh read did not show it"
	}
}

// plain gives the part of an error that people may see.
func plain(err error) string {
	var ce *connector.Error
	if errors.As(err, &ce) {
		return ce.Message
	}
	var oe *onus.Error
	if errors.As(err, &oe) {
		return oe.Message
	}
	return "the connector gave no reason that may be shown"
}

// confirm leaves a confirmed change, and what it means for our records, to
// be committed with the next intent.
func (e *Engine) confirm(l *live, i int, c onus.Change, want connector.Desired, v connector.Verdict, how string, found *[]write) {
	c.State, c.Confirmed, c.Outcome = onus.ChangeConfirmed, e.Now().UTC(), how
	c.Tier, c.Evidence, c.Error, c.Worker, c.Lease = v.Tier, v.Evidence, "", "", time.Time{}
	c.Trouble, c.Troubled = "", time.Time{}
	if want.Target.Account != "" {
		c.Planned.Target.Account = want.Target.Account
	}
	*found = append(*found, e.putChange(l, i, c, ledger.ChangeConfirmed, map[string]string{"tier": string(v.Tier)}), e.settle(l, c))
	// Later changes of the run build on it; the commit that carries their
	// intent carries this too.
	l.changes[i] = c
}

// troubled decides what an error of a connector means: wait as told, try
// again later, or ask a person. The engine owns every retry.
func (e *Engine) troubled(ctx context.Context, l *live, i int, c onus.Change, err error, doing string, found *[]write) (outcome, bool, error) {
	if ctx.Err() != nil {
		return outcome{}, false, ctx.Err() // we are told to stop: what was intended is looked at again later
	}
	if later, is := asLater(err); is {
		if c.Worker != "" { // whoever is woken up may go on with it
			c.Worker, c.Lease = "", time.Time{}
			*found = append(*found, e.putChange(l, i, c, ledger.ChangeRetried, map[string]string{"waits": "for its turn"}))
		}
		return outcome{wake: later.at, why: later.why}, false, nil
	}
	var ce *connector.Error
	kind := connector.KindOf(err)
	now := e.Now().UTC()
	c.Error = doing + ": " + plain(err)
	if c.Trouble = string(kind); c.Troubled.IsZero() {
		c.Troubled = now
	}
	var wait time.Duration
	switch kind {
	case connector.Throttled:
		if errors.As(err, &ce) && ce.Until.After(now) {
			wait = ce.Until.Sub(now)
		} else {
			wait = e.backoff(c.Attempts)
		}
	case connector.Transient, connector.Ambiguous:
		wait = e.backoff(c.Attempts)
	case connector.NotFound, connector.AlreadyExists, connector.PrincipalMissing, connector.Conflict, connector.Constraint,
		connector.Denied, connector.Unauthenticated, connector.Unsupported, connector.Invalid:
		cat, hint := categoryOf(kind)
		*found = append(*found, e.stop(l, i, c, cat, c.Error, hint))
		return outcome{}, false, e.flush(ctx, found)
	}
	c.Attempts++
	if c.Attempts >= e.Retry.Attempts {
		*found = append(*found, e.stop(l, i, c, onus.SystemUnreached,
			fmt.Sprintf("%s (tried %d times)", c.Error, c.Attempts), "see whether the system is up; then retry"))
		return outcome{}, false, e.flush(ctx, found)
	}
	parks := wait > e.Retry.Inline
	if c.Worker, c.Lease = "", (time.Time{}); !parks && c.State == onus.ChangeIntended {
		e.lease(&c)
	}
	*found = append(*found, e.putChange(l, i, c, ledger.ChangeRetried, map[string]string{"error": string(kind)}))
	if parks {
		return outcome{wake: now.Add(wait), why: c.Error}, false, nil
	}
	return outcome{wake: now.Add(wait), why: c.Error, inPlace: true}, false, e.flush(ctx, found)
}

// backoff doubles from attempt to attempt, with jitter so that the runs that
// a dead system stopped do not come back all at once.
func (e *Engine) backoff(attempt int) time.Duration {
	d := e.Retry.First << min(attempt, 20)
	if d > e.Retry.Longest || d <= 0 {
		d = e.Retry.Longest
	}
	return d/2 + rand.N(d/2+1) //nolint:gosec // jitter, not a secret
}

// categoryOf says which exception an error is that no waiting mends.
func categoryOf(k connector.Kind) (onus.Category, string) {
	switch k {
	case connector.Denied, connector.Unauthenticated:
		return onus.DeniedBySystem, "check the credentials that the definitions name and what they may do; then retry"
	case connector.Conflict, connector.AlreadyExists, connector.Constraint:
		return onus.ConflictOnSystem, "look at the system; then retry, amend, or override with a reason"
	case connector.NotFound, connector.PrincipalMissing, connector.Unsupported, connector.Invalid:
		return onus.InvalidOnSystem, "put the definitions or the system right; then retry"
	case connector.Throttled, connector.Transient, connector.Ambiguous:
		return onus.SystemUnreached, "see whether the system is up; then retry"
	default:
		return onus.SystemUnreached, "see whether the system is up; then retry"
	}
}
