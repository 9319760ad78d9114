package escalation

import (
	"context"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/rota"
	"github.com/onus-id/onus/internal/store"
)

// At gives the clock of a moment, with people as they stand on file.
func At(ctx context.Context, r store.Reader, p *flow.Program, now time.Time) *Clock {
	b := &book{ctx: ctx, r: r, p: p, now: now, known: map[string]someone{}}
	return &Clock{Now: now, People: b, Heads: p.Organisation.Escalation}
}

// About gives the clock for the exceptions about an identity.
func (c *Clock) About(ctx context.Context, r store.Reader, who onus.IdentityID) (*Clock, error) {
	about := *c
	about.Subject = ""
	if who == "" {
		return &about, nil
	}
	i, _, err := store.Identities.Lookup(ctx, r, string(who))
	about.Subject = i.Mail
	return &about, err
}

// book reads people from the store, each once.
type book struct {
	ctx   context.Context //nolint:containedctx // it lives as long as one transaction
	r     store.Reader
	p     *flow.Program
	now   time.Time
	known map[string]someone
}

type someone struct {
	why, zone string
	err       error
}

func (b *book) Why(mail string) (string, error) {
	s := b.someone(mail)
	return s.why, s.err
}

func (b *book) OnDuty(name string) string {
	r := b.p.Rotas[name]
	if r == nil {
		return ""
	}
	mail, _ := r.OnDuty(b.now)
	return mail
}

func (b *book) Hours(mail string) rota.Hours {
	return b.p.Organisation.HoursOf(mail, b.someone(mail).zone)
}

func (b *book) someone(mail string) someone {
	key := strings.ToLower(mail)
	s, ok := b.known[key]
	if !ok {
		s.why, s.zone, s.err = b.look(mail)
		b.known[key] = s
	}
	return s
}

// look reads one person. Somebody whom no source has brought yet is taken at
// the definitions' word: they were checked against the roster.
func (b *book) look(mail string) (why, zone string, err error) {
	found, err := store.Identities.Find(b.ctx, b.r, "mail", mail)
	if err != nil || len(found) == 0 {
		return "", "", err
	}
	why = "left"
	for _, i := range found {
		if i.Kind == onus.NonHuman {
			why = "is no person"
			continue
		}
		if src := b.p.Sources[i.Source]; src != nil && src.Schema.Roles.Zone != "" {
			zone = i.Attributes[src.Schema.Roles.Zone]
		}
		switch i.State {
		case onus.Active:
			why, err = b.standing(i.ID)
			return why, zone, err
		case onus.Expected:
			why = "has not begun"
		case onus.Left:
		}
	}
	return why, zone, nil
}

// standing says why somebody who is active cannot be asked: they are away, or
// let lapse all that they had accepted to answer for.
func (b *book) standing(id onus.IdentityID) (string, error) {
	away, err := ownership.IsAway(b.ctx, b.r, b.p.Organisation.Zone, id, b.now)
	if err != nil || away {
		return "is away", err
	}
	accepted, err := store.Acceptances.Find(b.ctx, b.r, "person", string(id))
	if err != nil {
		return "", err
	}
	lapsed := false
	for _, a := range accepted {
		if a.Holds(b.now) {
			return "", nil
		}
		lapsed = lapsed || !a.At.IsZero()
	}
	if lapsed {
		return "let lapse what they had accepted", nil
	}
	return "", nil
}
