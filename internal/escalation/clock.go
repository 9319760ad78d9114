// Package escalation says whom an exception waits for and until when: who is
// there on its route, when it climbs, and what acknowledging, taking, handing
// over and putting off do to that. Deciding is pure, and time is an argument.
// Recording it is for package engine and package intake; telling people is
// for others.
package escalation

import (
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/rota"
)

// People knows who can be asked.
type People interface {
	// Why says why somebody cannot be asked now: "left", "is away until
	// 2026-03-09"; empty: they can.
	Why(mail string) (string, error)

	// OnDuty gives who is on duty by a rota now, or "".
	OnDuty(rota string) string

	// Hours gives when somebody is at work.
	Hours(mail string) rota.Hours
}

// A Clock moves exceptions at one moment.
type Clock struct {
	Now     time.Time
	People  People
	Heads   []string // the organisation's escalation, the last resort first
	Subject string   // mail address of whom it is about: nobody decides on their own access; empty: about nobody who could
}

// path is everybody an exception may come to, in order: its route, then the
// heads, the last resort last.
func (c *Clock) path(r onus.Route) []string {
	var path []string
	heads := slices.Clone(c.Heads)
	slices.Reverse(heads)
	for _, entry := range slices.Concat([]string{r.To}, r.Then, heads) {
		if entry != "" && !slices.ContainsFunc(path, func(p string) bool { return strings.EqualFold(p, entry) }) {
			path = append(path, entry)
		}
	}
	return path
}

// A Place is one place on a route, as it is now.
type Place struct {
	Entry string `json:"entry"`         // as the definitions name it
	Mail  string `json:"mail"`          // who it is now; empty: nobody
	Why   string `json:"why,omitempty"` // why they cannot be asked; empty: they can
}

// Places looks at everybody an exception of a route may come to.
func (c *Clock) Places(r onus.Route) ([]Place, error) {
	var places []Place
	for _, entry := range c.path(r) {
		p := Place{Entry: entry, Mail: entry}
		if name, ok := onus.Rota(entry); ok {
			if p.Mail = c.People.OnDuty(name); p.Mail == "" {
				p.Why = "has nobody on duty"
				places = append(places, p)
				continue
			}
		}
		var err error
		if p.Why, err = c.why(p.Mail); err != nil {
			return nil, err
		}
		places = append(places, p)
	}
	return places, nil
}

func (c *Clock) why(mail string) (string, error) {
	if c.Subject != "" && strings.EqualFold(mail, c.Subject) {
		return "is whom it is about", nil
	}
	return c.People.Why(mail)
}

// Open gives an exception to the first of its route who is there, and starts
// its clock.
func (c *Clock) Open(x onus.Exception) (onus.Exception, error) {
	if x.Route.Within <= 0 {
		x.Route.Within = time.Hour
	}
	x.State, x.Opened = onus.ExceptionOpen, c.Now
	return c.climb(x, -1)
}

// Climb moves an exception whose clock ran out to the next of its route who
// is there. The last one keeps it. Silence ends nothing (rule 6).
func (c *Clock) Climb(x onus.Exception) (onus.Exception, error) {
	if x.State != onus.ExceptionOpen || c.Now.Before(x.Deadline) {
		return x, nil
	}
	return c.climb(x, x.Step)
}

// Tend moves an exception on at once whose assignee is not there any more, or
// that waits for nobody while somebody is there. It gives why it moved, or "".
func (c *Clock) Tend(x onus.Exception) (onus.Exception, string, error) {
	if x.State != onus.ExceptionOpen {
		return x, "", nil
	}
	why := x.Nobody
	if x.Assignee != "" {
		var err error
		if why, err = c.why(x.Assignee); err != nil || why == "" {
			return x, "", err
		}
	}
	y, err := c.climb(x, x.Step)
	if err != nil || y.Assignee == "" && x.Assignee == "" {
		return x, "", err
	}
	return y, why, nil
}

// climb gives an exception to the first who is there after a step, or else to
// whoever is there at all.
func (c *Clock) climb(x onus.Exception, after int) (onus.Exception, error) {
	places, err := c.Places(x.Route)
	if err != nil {
		return x, err
	}
	here := x.Assignee
	step := find(places, after+1, len(places), here)
	if step < 0 && here != "" {
		why, err := c.why(here)
		if err != nil {
			return x, err
		}
		if why == "" {
			return c.startsAgain(x), nil // the last of the route keeps it
		}
	}
	if step < 0 {
		step = find(places, 0, len(places), here)
	}
	x.Assignee, x.Nobody = "", ""
	if step < 0 {
		x.Nobody = nobody(places)
		return c.startsAgain(x), nil
	}
	x.Assignee, x.Step = places[step].Mail, step
	return c.startsAgain(x), nil
}

// find gives the first place in [from, to) at which somebody else is there.
func find(places []Place, from, to int, but string) int {
	for i := max(0, from); i < to; i++ {
		if p := places[i]; p.Why == "" && !strings.EqualFold(p.Mail, but) {
			return i
		}
	}
	return -1
}

func nobody(places []Place) string {
	if len(places) == 0 {
		return "nobody is named"
	}
	whys := make([]string, len(places))
	for i, p := range places {
		whys[i] = p.Entry + " " + p.Why
	}
	return strings.Join(whys, "; ")
}

// startsAgain sets the clock for whoever has it now to acknowledge it.
func (c *Clock) startsAgain(x onus.Exception) onus.Exception {
	x.Acknowledged, x.Offered = time.Time{}, ""
	x.Deadline = c.after(x, x.Route.Within)
	return x
}

// after gives the moment when so much time has passed by the exception's clock.
func (c *Clock) after(x onus.Exception, d time.Duration) time.Time {
	if !x.Route.Working || x.Assignee == "" {
		return c.Now.Add(d)
	}
	return c.People.Hours(x.Assignee).After(c.Now, d)
}
