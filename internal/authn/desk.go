package authn

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// Limits say how long somebody stays signed in. Zero values are those of
// DefaultLimits.
type Limits struct {
	Idle     time.Duration // without a request
	Absolute time.Duration // whatever happens
	Strong   time.Duration // since who it is was verified, for what is critical
	Token    time.Duration // the longest that a token may last
}

// DefaultLimits are the limits where nothing else is said.
var DefaultLimits = Limits{Idle: 30 * time.Minute, Absolute: 12 * time.Hour, Strong: 10 * time.Minute, Token: 366 * 24 * time.Hour}

func (l Limits) orDefault() Limits {
	or := func(d *time.Duration, other time.Duration) {
		if *d == 0 {
			*d = other
		}
	}
	or(&l.Idle, DefaultLimits.Idle)
	or(&l.Absolute, DefaultLimits.Absolute)
	or(&l.Strong, DefaultLimits.Strong)
	or(&l.Token, DefaultLimits.Token)
	return l
}

// A Desk is where people and machines sign in.
type Desk struct {
	Store  store.Store
	Now    func() time.Time
	Limits Limits
	Seal   *Seal

	// MailOf gives the mail address of an active person whom a record names by
	// key or mail, as a machine's names its sponsor.
	MailOf func(ctx context.Context, r store.Reader, ref string) (string, error)

	// Keeps names the policy by which somebody looks after their own sign-ins, or
	// is a Denied error; nil: none is asked. It goes into the event.
	Keeps func(who onus.Identity) (policy string, err error)
}

// errNobody is all that is said about a secret that is no good, whatever is
// wrong with it: who guesses learns nothing, not even whose it was.
func errNobody() error {
	return onus.Errorf(onus.Denied, "sign in, or send a token that is good", "nobody is signed in")
}

// secret makes a secret of 160 random bits or more, and its digest.
func secret(prefix string) (text, digest string) {
	text = prefix + rand.Text() + rand.Text()
	return text, digested(text)
}

// digested is all that is kept of a secret. Secrets are random and long, so
// there is nothing to gain from a slow digest.
func digested(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// one finds the one value that has a secret.
func one[T any](ctx context.Context, r store.Reader, k store.Kind[T], text string) (T, bool, error) {
	var zero T
	found, err := k.Find(ctx, r, "secret", digested(text))
	if err != nil || len(found) != 1 {
		return zero, false, err
	}
	return found[0], true, nil
}

// event is the frame of an event about somebody's sign-ins. Where they cause it
// themself, which is so unless an actor is named, it names the policy that lets
// them; another answers for what they do elsewhere.
func (d *Desk) event(ctx context.Context, r store.Reader, typ ledger.Type, owner onus.IdentityID, actor onus.Actor) (ledger.Event, error) {
	ev := ledger.Event{Type: typ, Actor: string(actor), Owner: string(owner), Notes: map[string]string{}}
	who, known, err := store.Identities.Lookup(ctx, r, string(owner))
	if err != nil || !known {
		return ev, err
	}
	self := "person:" + string(owner)
	if who.Kind == onus.NonHuman {
		self = "machine:" + string(owner)
	}
	if actor == "" {
		ev.Actor = self
	}
	if ev.Actor != self || d.Keeps == nil {
		return ev, nil
	}
	ev.Notes["policy"], err = d.Keeps(who)
	return ev, err
}

// after gives an event whose cause is the object's last one.
func after[T any](ctx context.Context, r store.Reader, k store.Kind[T], id string, ev ledger.Event) (ledger.Event, error) {
	_, row, err := k.GetRow(ctx, r, id)
	ev.Cause = row.Event
	return ev, err
}
