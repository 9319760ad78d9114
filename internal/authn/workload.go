package authn

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"path"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// workloadFor is how long a workload's token lasts where nothing else is said,
// and longestWorkload at most.
const (
	workloadFor     = 15 * time.Minute
	longestWorkload = time.Hour
)

// A Workload says which machine identity a program is that an identity
// provider vouches for, such as a pipeline at GitHub.
type Workload struct {
	Provider *Provider // of which only Issuer and HTTP matter
	Audience string    // whom the provider's word must be for
	Subject  string    // exact, or with * for what has no slash: "repo:acme/iam:ref:refs/heads/*"
	Login    string    // of the machine identity
	Scopes   []string
	For      time.Duration // 0: a quarter of an hour
}

// Exchange gives a token for the word of an identity provider, a JWT. The same
// word once more gives nothing.
func (d *Desk) Exchange(ctx context.Context, workloads []Workload, jwt string) (text string, t store.Token, err error) {
	issuer := issuerIn(jwt)
	for _, w := range workloads {
		if w.Provider.Issuer != issuer {
			continue // what a JWT says of itself only chooses who is asked whether it is true
		}
		at, ctx, err := w.Provider.provider(ctx)
		if err != nil {
			return "", t, err
		}
		token, c, err := d.idToken(ctx, at, w.Audience, jwt)
		if err != nil {
			continue
		}
		acts := token.Subject
		if c.Act != nil { // then the subject is in whose place, and not who acts
			acts = c.Act.Subject
		}
		if !w.is(acts) {
			continue
		}
		var behalf *onus.Behalf
		if c.Act != nil {
			if behalf, err = d.behalfOf(ctx, workloads, issuer, c); err != nil {
				return "", t, err
			}
		}
		return d.vouched(ctx, w, jwt, behalf)
	}
	return "", t, errNobody()
}

// is says whether a program of that subject is the workload.
func (w Workload) is(subject string) bool {
	is, err := path.Match(w.Subject, subject)
	return err == nil && is
}

// machine gives the active machine identity of a login.
func (d *Desk) machine(ctx context.Context, login string) (machine onus.IdentityID, err error) {
	err = d.Store.View(ctx, func(r store.Reader) error {
		found, err := store.Identities.Find(ctx, r, "login", login)
		for _, i := range found {
			if i.Kind == onus.NonHuman && i.State == onus.Active && !onus.IsCanary(i.ID) {
				machine = i.ID
			}
		}
		return err
	})
	if err == nil && machine == "" {
		err = errNobody()
	}
	return machine, err
}

func (d *Desk) vouched(ctx context.Context, w Workload, jwt string, behalf *onus.Behalf) (text string, t store.Token, err error) {
	machine, err := d.machine(ctx, w.Login)
	if err != nil {
		return "", t, err
	}
	lasts := w.For
	if lasts == 0 {
		lasts = workloadFor
	}
	// The signed part alone tells one word from another: an ECDSA signature has
	// a second form that is as good.
	said := jwt[:strings.LastIndexByte(jwt, '.')]
	return d.MakeToken(ctx, Grantee{
		Owner: machine, Name: "workload of " + w.Provider.Issuer, Scopes: w.Scopes, For: min(lasts, longestWorkload), Word: said, Behalf: behalf,
	})
}

// issuerIn reads, and does not believe, who a JWT says that it is from.
func issuerIn(jwt string) string {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return ""
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var says struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(data, &says) != nil {
		return ""
	}
	return says.Issuer
}
