package authn

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/sshkey"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// Keys knows by which keys people sign. It is what package engine asks.
type Keys struct{}

// Enrol brings the SSH keys on record in line with those that the definitions
// name, public key → mail address. A key of somebody who is not known yet
// waits until they are; one that the definitions no longer name is removed,
// and so is one that they give to somebody else, who then has it anew.
func (Keys) Enrol(ctx context.Context, tx store.Tx, by onus.Actor, keys map[string]string) error {
	want := map[string]onus.Identity{}
	for key, mail := range keys {
		who, known, err := person(ctx, tx, mail)
		if err != nil {
			return err
		}
		if known {
			want[key] = who
		}
	}
	on, err := store.Credentials.Find(ctx, tx, "kind", onus.SignedBySSH)
	if err != nil {
		return err
	}
	for _, c := range on {
		if _, named := keys[c.Key]; named && (want[c.Key].ID == c.Person || want[c.Key].ID == "") {
			delete(want, c.Key)
			continue
		}
		if err := remove(ctx, tx, named(ledger.CredentialRemoved, by, c), c); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		c := store.Credential{Kind: onus.SignedBySSH, Person: want[key].ID, Key: key, Fingerprint: fingerprint(onus.SignedBySSH, key)}
		if _, err := enrol(ctx, tx, named(ledger.CredentialEnrolled, by, c), c); err != nil {
			return err
		}
	}
	return nil
}

// enrol keeps a new credential, and its fingerprint in the ledger: from there
// on it counts, and for nothing that was signed before.
func enrol(ctx context.Context, tx store.Tx, ev ledger.Event, c store.Credential) (store.Credential, error) {
	c.ID = onus.ID("crd", c.Kind, c.Fingerprint, string(c.Person))
	c.Enrolled = tx.Now()
	noted(ev, c)
	_, err := store.Credentials.Put(ctx, tx, ev, c)
	return c, err
}

func remove(ctx context.Context, tx store.Tx, ev ledger.Event, c store.Credential) error {
	ev, err := after(ctx, tx, store.Credentials, c.ID, ev)
	if err != nil {
		return err
	}
	c.Removed = tx.Now()
	noted(ev, c)
	_, err = store.Credentials.Put(ctx, tx, ev, c)
	return err
}

// named is the frame of an event about a key that the definitions name.
func named(typ ledger.Type, by onus.Actor, c store.Credential) ledger.Event {
	return ledger.Event{Type: typ, Actor: string(by), Owner: string(c.Person), Notes: map[string]string{}}
}

func noted(ev ledger.Event, c store.Credential) {
	ev.Notes["by"], ev.Notes["key"] = c.Kind, c.Fingerprint
}

// Has says whether a person has a key or a passkey to sign with.
func (Keys) Has(ctx context.Context, r store.Reader, person onus.IdentityID) (bool, error) {
	n, err := r.Count(ctx, store.Is(store.Credentials.Name, "signer", string(person)))
	return n > 0, err
}

// Check says whether the person of a statement signed it, by a key of theirs
// that counts now.
func (Keys) Check(ctx context.Context, r store.Reader, s onus.Signed, st onus.Statement) error {
	found, err := store.Credentials.Find(ctx, r, "fingerprint", s.Key)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(found, func(c store.Credential) bool { return c.Counts() && c.Kind == s.By && c.Person == st.Person })
	if i < 0 {
		return onus.Errorf(onus.Denied, "onus run takes in the keys that the definitions name", "the key %s is not on record as one of %s", s.Key, st.Person)
	}
	return verify(s, found[i].Key, found[i].Site)
}

// verify checks a signature by a public key, and nothing else.
func verify(s onus.Signed, key, site string) error {
	switch s.By {
	case onus.SignedBySSH:
		public, err := sshkey.Verify([]byte(s.Statement), s.Signature)
		switch {
		case err != nil:
			return onus.Errorf(onus.Denied, "", "it is not the signature of this statement: %w", err)
		case public != key:
			return onus.Errorf(onus.Denied, "", "it was made with another key than %s", s.Key)
		}
		return nil
	case onus.SignedByPasskey:
		return verifyAssertion(s, key, site)
	default:
		return onus.Errorf(onus.Denied, "", "nobody knows how a statement is signed by %q", s.By)
	}
}

// fingerprint names a public key of a kind; "": it cannot be read.
func fingerprint(by, key string) string {
	if by == onus.SignedBySSH {
		f, err := sshkey.Fingerprint(key)
		if err != nil {
			return ""
		}
		return f
	}
	cose, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(cose)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}
