package ownership

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
)

// Load gathers the facts of a time from what is kept: the duties of a program
// and of the machine identities on file, and what everybody said to them.
func Load(ctx context.Context, r store.Reader, p *flow.Program, roster flow.Roster, at time.Time) (*Facts, error) {
	identities := func(q store.Query) ([]onus.Identity, error) { return store.Identities.Query(ctx, r, q) }
	l := loader{identities: identities, p: p, roster: roster, f: newFacts(p, at), sponsors: map[string]sponsor{}}
	var err error
	if l.f.Proposed, err = proposed(ctx, r, p.Digest); err != nil {
		return nil, err
	}
	if err := l.load(); err != nil {
		return nil, err
	}
	acceptances, err := store.Acceptances.Find(ctx, r, "", "")
	if err != nil {
		return nil, err
	}
	absences, err := store.Absences.Find(ctx, r, "", "")
	if err != nil {
		return nil, err
	}
	last, err := store.Successions.Find(ctx, r, "", "")
	if err != nil {
		return nil, err
	}
	l.f.know(acceptances, absences, last)
	return l.f, nil
}

// proposed gives the duties of the versions that wait for a yes, but for one
// program's.
func proposed(ctx context.Context, r store.Reader, but onus.Digest) ([]Duty, error) {
	waiting, err := store.Versions.Find(ctx, r, "state", string(onus.VersionProposed))
	if err != nil {
		return nil, err
	}
	var all []Duty
	for _, v := range waiting {
		if v.Program == but {
			continue
		}
		p, err := definitions(ctx, r, string(v.Program))
		if err != nil {
			return nil, err
		}
		all = append(all, Duties(p)...)
	}
	return all, nil
}

func newFacts(p *flow.Program, at time.Time) *Facts {
	return &Facts{
		At: at.UTC(), Zone: p.Organisation.Zone, Term: p.Organisation.Acceptance, Duties: Duties(p), People: map[string]Someone{}, Shared: sharedIn(p),
		Acceptances: map[onus.DutyID]map[onus.IdentityID]onus.Acceptance{},
		Absences:    map[onus.IdentityID][]onus.Absence{},
		Last:        map[onus.DutyID]onus.Succession{},
	}
}

func sharedIn(p *flow.Program) func(string) bool {
	o := p.Organisation
	return func(mail string) bool {
		return slices.ContainsFunc(o.Shared, func(s string) bool { return strings.EqualFold(s, mail) }) ||
			o.SharedPattern != nil && o.SharedPattern.MatchString(mail)
	}
}

// A loader finds whom the definitions and the records name.
type loader struct {
	identities func(store.Query) ([]onus.Identity, error)
	p          *flow.Program
	roster     flow.Roster
	f          *Facts
	sponsors   map[string]sponsor
}

func (l *loader) find(key, value string) ([]onus.Identity, error) {
	return l.identities(store.Is(store.Identities.Name, key, value))
}

func (l *loader) load() error {
	if err := l.machines(); err != nil {
		return err
	}
	for _, d := range slices.Concat(l.f.Duties, l.f.Proposed) {
		for _, seat := range d.Chain {
			if err := l.person(seat.Mail); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Facts) know(acceptances []onus.Acceptance, absences []onus.Absence, last []onus.Succession) {
	for _, a := range acceptances {
		f.accept(a)
	}
	for _, a := range absences {
		f.Absences[a.Person] = append(f.Absences[a.Person], a)
	}
	for _, s := range last {
		f.Last[s.Duty] = s
	}
}

func (f *Facts) accept(a onus.Acceptance) {
	if f.Acceptances[a.Duty] == nil {
		f.Acceptances[a.Duty] = map[onus.IdentityID]onus.Acceptance{}
	}
	f.Acceptances[a.Duty][a.Person] = a
}

// person looks up whom a mail address means, once.
func (l *loader) person(mail string) error {
	key := strings.ToLower(mail)
	if _, known := l.f.People[key]; known || l.roster == nil {
		return nil
	}
	m, ok := l.roster.ByMail(mail)
	if !ok {
		return nil
	}
	s := Someone{Member: m}
	found, err := l.find("mail", m.Mail)
	if err != nil {
		return err
	}
	for _, i := range found {
		if s.ID == "" || i.State == onus.Active {
			s.ID = i.ID
		}
	}
	l.f.People[key] = s
	return nil
}

// machines adds the duty to answer for every machine identity that is active.
func (l *loader) machines() error {
	found, err := l.identities(store.Query{Key: "sponsor", To: "\U0010ffff"})
	if err != nil {
		return err
	}
	for _, nhi := range found {
		if nhi.Kind != onus.NonHuman || nhi.State != onus.Active {
			continue
		}
		s := Sponsored{ID: nhi.ID, Called: nhi.Login}
		sp, err := l.sponsor(nhi.Sponsor)
		if err != nil {
			return err
		}
		s.Sponsor, s.Manager, s.Head = sp.mail, sp.manager, sp.head
		if src := l.p.Sources[nhi.Source]; src != nil && src.Schema.Roles.Deputy != "" {
			dep, err := l.sponsor(nhi.Attributes[src.Schema.Roles.Deputy])
			if err != nil {
				return err
			}
			s.Deputy = dep.mail
		}
		if d := SponsorOf(l.p, s); len(d.Chain) > 0 {
			l.f.Duties = append(l.f.Duties, d)
		}
	}
	slices.SortFunc(l.f.Duties, func(a, b Duty) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return nil
}

// A sponsor is whom a record names to answer for a machine identity, and who
// comes after them.
type sponsor struct{ mail, manager, head string }

func (l *loader) sponsor(named string) (sponsor, error) {
	if named == "" {
		return sponsor{}, nil
	}
	if s, known := l.sponsors[named]; known {
		return s, nil
	}
	s := sponsor{mail: named}
	who, ok, err := l.named(named)
	if err != nil {
		return s, err
	}
	if ok {
		s.mail = who.Mail
		if over, ok, err := l.named(who.Manager); err != nil {
			return s, err
		} else if ok {
			s.manager = over.Mail
		}
		if src := l.p.Sources[who.Source]; src != nil && src.Schema.Roles.Unit != "" {
			s.head = l.p.Organisation.Units[who.Attributes[src.Schema.Roles.Unit]].Head
		}
	}
	l.sponsors[named] = s
	return s, nil
}

// named finds the person whom a record names by key or mail address, whether
// they are active or have left; an active one before a former one.
func (l *loader) named(key string) (onus.Identity, bool, error) {
	var best onus.Identity
	if key == "" {
		return best, false, nil
	}
	for _, by := range []store.Key{{Name: "key", Value: store.RecordID(l.p.Organisation.People, key)}, {Name: "mail", Value: key}} {
		found, err := l.find(by.Name, by.Value)
		if err != nil {
			return best, false, err
		}
		for _, i := range found {
			if i.Kind == onus.Person && (best.ID == "" || best.State != onus.Active && i.State == onus.Active) {
				best = i
			}
		}
		if best.ID != "" && best.State == onus.Active {
			break
		}
	}
	return best, best.ID != "", nil
}

// Unaccepted lists the duties of a program that nobody stands for who has
// accepted: no version may be published while there are any (rule 1).
func Unaccepted(ctx context.Context, r store.Reader, p *flow.Program, roster flow.Roster, at time.Time) ([]Lack, error) {
	f, err := Load(ctx, r, p, roster, at)
	if err != nil {
		return nil, err
	}
	return f.Lacks(), nil
}

// IsAway says whether a person is on leave on the day that it is in a zone.
func IsAway(ctx context.Context, r store.Reader, zone *time.Location, person onus.IdentityID, at time.Time) (bool, error) {
	leaves, err := store.Absences.Find(ctx, r, "person", string(person))
	return awayUntil(leaves, dateIn(zone, at)) != "", err
}
