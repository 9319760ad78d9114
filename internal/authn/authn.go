// Package authn says who somebody is: by the SSH keys and passkeys that they
// sign decisions with, by single sign-on, by sessions, by tokens, and for
// machines by the word of an identity provider. What somebody may do it leaves
// to package authority. It remembers no right and no state of anybody: whether
// an identity is still there is looked up at every use.
//
// Secrets are kept as digests only. None is ever in an event, an error or a log.
package authn

import (
	"context"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// active gives an identity that may act now, by its ID.
func active(ctx context.Context, r store.Reader, id onus.IdentityID) (onus.Identity, error) {
	who, known, err := store.Identities.Lookup(ctx, r, string(id))
	if err != nil {
		return who, err
	}
	if !known || who.State != onus.Active {
		return who, onus.Errorf(onus.Denied, "somebody who is active must", "%s is not active", id)
	}
	return who, nil
}

// person gives the one active person that a mail address is of.
func person(ctx context.Context, r store.Reader, mail string) (onus.Identity, bool, error) {
	var found onus.Identity
	n := 0
	for _, m := range []string{mail, strings.ToLower(mail)} {
		all, err := store.Identities.Find(ctx, r, "mail", m)
		if err != nil {
			return found, false, err
		}
		for _, who := range all {
			if who.Kind == onus.Person && who.State == onus.Active && who.ID != found.ID {
				found, n = who, n+1
			}
		}
	}
	return found, n == 1, nil
}
