package engine

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// Signatures knows by which keys people sign. Package authn does.
type Signatures interface {
	// Check says whether the person of a statement signed it, by a key of
	// theirs that counts now.
	Check(ctx context.Context, r store.Reader, s onus.Signed, st onus.Statement) error
	// Has says whether a person has a key that counts.
	Has(ctx context.Context, r store.Reader, person onus.IdentityID) (bool, error)
}

// signedWithin is how old a signed statement may be when it arrives, and how
// far ahead the clock of whoever made it.
const (
	signedWithin = 10 * time.Minute
	signedAhead  = time.Minute
)

// What people decide about, in statements.
const (
	actApprove = "approve"
	actDeny    = "deny"
)

// StateVote writes the statement that a person signs to give this answer.
func (e *Engine) StateVote(ctx context.Context, r store.Reader, v Vote) (onus.Statement, error) {
	a, err := store.Approvals.Get(ctx, r, v.Approval)
	if err != nil {
		return onus.Statement{}, err
	}
	who, _, err := personOf(ctx, r, v.Person)
	return e.fresh(aboutApproval(a, v), who.ID, v.Reason, nil), err
}

func aboutApproval(a onus.Approval, v Vote) onus.Statement {
	act := actDeny
	if v.Yes {
		act = actApprove
	}
	return onus.Statement{Act: act, Object: store.Approvals.Name + " " + a.ID, About: a.Plan}
}

// StateOrder writes the statement that a person signs to decide so on an
// exception.
func (e *Engine) StateOrder(ctx context.Context, r store.Reader, o Order) (onus.Statement, error) {
	x, err := store.Exceptions.Get(ctx, r, o.Exception)
	if err != nil {
		return onus.Statement{}, err
	}
	who, _, err := personOf(ctx, r, o.Person)
	return e.fresh(aboutException(x, o), who.ID, o.Reason, o.With), err
}

func aboutException(x onus.Exception, o Order) onus.Statement {
	return onus.Statement{Act: o.Act, Object: store.Exceptions.Name + " " + x.ID, About: x.About()}
}

func (e *Engine) fresh(st onus.Statement, person onus.IdentityID, reason string, with map[string]string) onus.Statement {
	var nonce [32]byte
	_, _ = rand.Read(nonce[:]) // it never fails
	st.Log, st.Person, st.At, st.Nonce = e.Origin, person, e.Now().UTC().Truncate(time.Second), hex.EncodeToString(nonce[:])
	st.Said = onus.SaidDigest(st.Nonce, reason, with)
	return st
}

// attest checks that a person signed what is about to be recorded as theirs,
// and adds the evidence to its event. Unsigned, there is nothing to check.
func (e *Engine) attest(ctx context.Context, tx store.Tx, ev *ledger.Event, s *onus.Signed, want onus.Statement, person onus.IdentityID, reason string, with map[string]string) error {
	if s == nil {
		return nil
	}
	no := func(why string) error {
		return onus.Errorf(onus.Denied, "look at it again, and sign what it is now", "the signature does not count: %s", why)
	}
	st, err := onus.ParseStatement(s.Statement)
	if err != nil {
		return no(err.Error())
	}
	want.Log, want.Person, want.At, want.Nonce = e.Origin, person, st.At, st.Nonce
	want.Said = onus.SaidDigest(st.Nonce, reason, with)
	switch {
	case st != want:
		return no("it is of another decision than this one")
	case len(st.Nonce) != 64:
		return no("its nonce is not 32 bytes")
	case tx.Now().Sub(st.At) > signedWithin || st.At.Sub(tx.Now()) > signedAhead:
		return no("it is of " + st.At.Format(time.RFC3339) + ", and now is " + tx.Now().UTC().Format(time.RFC3339))
	case e.Signatures == nil:
		return no("nobody here can check it")
	}
	if err := e.Signatures.Check(ctx, tx, *s, st); err != nil {
		return onus.Errorf(onus.Denied, onus.HintOf(err), "the signature does not count: %w", err)
	}
	notes := maps.Clone(ev.Notes)
	if notes == nil {
		notes = map[string]string{}
	}
	notes["statement"], notes["signed"], notes["key"], notes["signer"] = string(st.Digest()), s.By, s.Key, string(st.Person)
	notes["signature"] = base64.StdEncoding.EncodeToString(s.Signature)
	ev.Notes = notes
	return nil
}

// attestDecision is attest for a decision on an exception.
func (e *Engine) attestDecision(ctx context.Context, tx store.Tx, ev *ledger.Event, x onus.Exception, d *onus.Decision) error {
	if d.Signed == nil {
		return nil
	}
	who, _, err := personOf(ctx, tx, d.Person)
	if err != nil {
		return err
	}
	return e.attest(ctx, tx, ev, d.Signed, aboutException(x, Order{Act: d.Act}), who.ID, d.Reason, d.With)
}

// MustSign says why a yes of somebody counts only when they sign it, if so.
func (e *Engine) MustSign(ctx context.Context, r store.Reader, a onus.Approval, person string) error {
	who, _, err := personOf(ctx, r, person)
	if err != nil {
		return err
	}
	return e.mustSign(ctx, r, a, who)
}

// mustSign says why a yes that nobody signed does not count, if so: what is
// critical wants a signature of whoever can give one.
func (e *Engine) mustSign(ctx context.Context, r store.Reader, a onus.Approval, who onus.Identity) error {
	if e.Signatures == nil || e.Program.Organisation.Unsigned {
		return nil
	}
	critical := false
	for _, id := range a.Changes {
		c, err := store.Changes.Get(ctx, r, string(id))
		if err != nil {
			return err
		}
		critical = critical || c.Planned.Sensitivity == onus.Critical
	}
	if !critical {
		return nil
	}
	has, err := e.Signatures.Has(ctx, r, who.ID)
	if err != nil || !has {
		return err
	}
	return onus.Errorf(onus.Denied, "onus approve --sign KEYFILE, or with the passkey at the console",
		"what it gives is critical, and %s has a key: a yes that is not signed does not count", who.Mail)
}
