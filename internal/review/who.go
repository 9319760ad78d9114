package review

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/escalation"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/store"
)

// A moment knows who stands for what, and who can be asked, at one time.
type moment struct {
	r     store.Reader
	p     *flow.Program // with whoever stands for a duty in the place of whom it names
	duty  *ownership.Facts
	clock *escalation.Clock

	whoever map[onus.IdentityID]holder
	bosses  map[string]string // key or mail of a manager → mail, or ""
	there   map[string]bool   // by mail in lower case
}

// A holder is an identity, and the event that left it so.
type holder struct {
	onus.Identity

	event string
	unit  string
}

func (d *Desk) moment(ctx context.Context, r store.Reader, roster flow.Roster, at time.Time) (*moment, error) {
	facts, err := ownership.Load(ctx, r, d.Program, roster, at)
	if err != nil {
		return nil, err
	}
	p := facts.In(d.Program)
	return &moment{
		r: r, p: p, duty: facts, clock: escalation.At(ctx, r, p, at),
		whoever: map[onus.IdentityID]holder{}, bosses: map[string]string{}, there: map[string]bool{},
	}, nil
}

// mostKnown is how many holders are kept in mind: grants come in order of
// system and holder.
const mostKnown = 20_000

func (m *moment) holder(ctx context.Context, id onus.IdentityID) (holder, error) {
	h, known := m.whoever[id]
	if known || id == "" {
		return h, nil
	}
	who, row, err := store.Identities.GetRow(ctx, m.r, string(id))
	if err != nil {
		return h, err
	}
	h = holder{Identity: who, event: row.Event, unit: m.unit(who)}
	if len(m.whoever) > mostKnown {
		clear(m.whoever)
	}
	m.whoever[id] = h
	return h, nil
}

// unit gives the business unit that somebody's record says.
func (m *moment) unit(who onus.Identity) string {
	src := m.p.Sources[who.Source]
	if src == nil || src.Schema.Roles.Unit == "" {
		return ""
	}
	return who.Attributes[src.Schema.Roles.Unit]
}

// ask gives who is asked about a line: the first of these who is there, does
// not hold it, and has not alone given it; "": nobody.
func (m *moment) ask(ctx context.Context, of []string, l *onus.Line, not string) (string, error) {
	g, _, err := store.Grants.Lookup(ctx, m.r, l.Grant)
	if err != nil {
		return "", err
	}
	return m.askOf(ctx, of, l, &g, not)
}

// askOf is ask where the grant is at hand.
func (m *moment) askOf(ctx context.Context, of []string, l *onus.Line, g *onus.Grant, not string) (string, error) {
	h, err := m.holder(ctx, l.Identity)
	if err != nil {
		return "", err
	}
	for _, entry := range of {
		mail, err := m.named(ctx, entry, l, &h)
		if err != nil {
			return "", err
		}
		if mail == "" || strings.EqualFold(mail, not) {
			continue
		}
		why, err := m.barsFrom(ctx, mail, g, &h)
		if err != nil {
			return "", err
		}
		if why == "" {
			return mail, nil
		}
	}
	return "", nil
}

// named gives whom an entry of a stage means for a line.
func (m *moment) named(ctx context.Context, entry string, l *onus.Line, h *holder) (string, error) {
	switch entry {
	case flow.ByManagerOf:
		return m.boss(ctx, h.Manager)
	case flow.BySponsorOf:
		if h.Kind != onus.NonHuman {
			return "", nil
		}
		if d, ok := m.duty.Duty(ownership.SponsorID(h.ID)); ok {
			return m.duty.Who(d).Seat.Mail, nil
		}
		return m.boss(ctx, h.Sponsor)
	case flow.ByEntitlement:
		if e := m.p.Entitlements[flow.EntitlementKey{System: l.System, Name: l.Entitlement}]; e != nil {
			return e.Owner, nil
		}
		return "", nil
	case flow.BySystem:
		if sys := m.p.Systems[l.System]; sys != nil {
			return sys.Owner, nil
		}
		return "", nil
	case flow.ByUnitHead:
		return m.p.Organisation.Units[h.unit].Head, nil
	default:
		return entry, nil
	}
}

// boss gives the mail of the active person that a record names by key or mail.
func (m *moment) boss(ctx context.Context, key string) (string, error) {
	if key == "" {
		return "", nil
	}
	mail, known := m.bosses[key]
	if known {
		return mail, nil
	}
	for _, by := range []store.Key{{Name: "key", Value: store.RecordID(m.p.Organisation.People, key)}, {Name: "mail", Value: key}} {
		found, err := store.Identities.Find(ctx, m.r, by.Name, by.Value)
		if err != nil {
			return "", err
		}
		for _, i := range found {
			if i.State == onus.Active && i.Kind == onus.Person && mail == "" {
				mail = i.Mail
			}
		}
	}
	if len(m.bosses) > mostKnown {
		clear(m.bosses)
	}
	m.bosses[key] = mail
	return mail, nil
}

// bars says why somebody may not decide a line, or "".
func (m *moment) bars(ctx context.Context, mail string, l *onus.Line) (string, error) {
	h, err := m.holder(ctx, l.Identity)
	if err != nil {
		return "", err
	}
	g, _, err := store.Grants.Lookup(ctx, m.r, l.Grant)
	if err != nil {
		return "", err
	}
	return m.barsFrom(ctx, mail, &g, &h)
}

func (m *moment) barsFrom(ctx context.Context, mail string, g *onus.Grant, h *holder) (string, error) {
	if strings.EqualFold(mail, h.Mail) {
		return "nobody reviews their own access", nil
	}
	key := strings.ToLower(mail)
	here, known := m.there[key]
	if !known {
		why, err := m.clock.People.Why(mail)
		if err != nil {
			return "", err
		}
		here = why == ""
		m.there[key] = here
	}
	if !here {
		return mail + " is not there", nil
	}
	alone, err := m.alone(ctx, mail, g)
	if err != nil || !alone {
		return "", err
	}
	return mail + " alone gave it", nil
}

// requested begins the step of a warrant that a request gave: its ID.
const requested = "req_"

// alone says whether somebody is the only one who stands behind the warrants
// of a line that are in force: they asked for it and nobody else said yes, or
// chose to adopt it. Behind what a workflow gives to everybody it is for stand
// those who published it.
func (m *moment) alone(ctx context.Context, mail string, g *onus.Grant) (bool, error) {
	var behind []string
	for _, w := range g.Warrants {
		if !w.InForce(m.clock.Now) {
			continue
		}
		if !w.Workflow.RepairsDrift() && !strings.HasPrefix(w.Step, requested) {
			return false, nil
		}
		who, err := authorsOf(ctx, m.r, w)
		if err != nil {
			return false, err
		}
		behind = append(behind, who...)
	}
	slices.Sort(behind)
	behind = slices.Compact(behind)
	return len(behind) == 1 && strings.EqualFold(behind[0], mail), nil
}

// authorsOf lists who asked for, chose and approved what a warrant stands for,
// by mail address in lower case.
func authorsOf(ctx context.Context, r store.Reader, w onus.Warrant) ([]string, error) {
	var who []string
	add := func(mail string) {
		if mail != "" {
			who = append(who, strings.ToLower(mail))
		}
	}
	req, known, err := store.Requests.Lookup(ctx, r, w.Step)
	if err != nil {
		return nil, err
	}
	if known {
		add(req.Person)
	}
	c, known, err := store.Changes.Lookup(ctx, r, string(w.Change))
	if err != nil || !known {
		return who, err
	}
	if c.Planned.Repairs != "" {
		f, known, err := store.Findings.Lookup(ctx, r, c.Planned.Repairs)
		if err != nil {
			return nil, err
		}
		if known {
			add(f.Person)
		}
	}
	if c.Approval == "" {
		return who, nil
	}
	a, known, err := store.Approvals.Lookup(ctx, r, c.Approval)
	if err != nil || !known {
		return who, err
	}
	for _, answer := range a.Answers {
		if answer.Yes {
			add(cmp.Or(answer.Person, answer.For))
		}
	}
	return who, nil
}

// path is who is asked about a line after its reviewers: the campaign's own
// path, and the heads of the organisation, the last resort last.
func (m *moment) path(t *onus.Terms) []string {
	heads := slices.Clone(m.p.Organisation.Escalation)
	slices.Reverse(heads)
	return slices.Concat(t.Then, heads)
}
