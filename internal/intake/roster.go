package intake

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/source"
)

// A Roster is who is on record, as of one moment: for expressions the active
// people by key, person id or mail address, and for checking definitions
// everybody who has a mail address. It is made once and then only read, by as
// many as like; of a name that two people bear it knows neither.
type Roster struct {
	people  []person
	shapes  map[string][]string // attribute names that people share
	byKey   map[string]int32
	byWho   map[string]int32
	byMail  map[string]int32 // by lower case
	former  map[string]int32
	members map[string]flow.Member
	shared  map[string]bool // addresses that two active members have
}

// person is compact: a hundred thousand stand beside everything else.
type person struct {
	names  []string
	values []string
}

// nobody marks a name that two people bear.
const nobody = -1

func newRoster() *Roster {
	return &Roster{
		shapes: map[string][]string{}, byKey: map[string]int32{}, byWho: map[string]int32{},
		byMail: map[string]int32{}, former: map[string]int32{}, members: map[string]flow.Member{},
		shared: map[string]bool{},
	}
}

// LoadRoster makes the roster of the identities on file.
func LoadRoster(ctx context.Context, prog *flow.Program, s store.Store) (r *Roster, err error) {
	err = s.View(ctx, func(reader store.Reader) error {
		r, err = RosterOf(ctx, prog, reader)
		return err
	})
	return r, err
}

// RosterOf makes the roster of the identities that a reader shows.
func RosterOf(ctx context.Context, prog *flow.Program, reader store.Reader) (*Roster, error) {
	r := newRoster()
	for row, err := range reader.Find(ctx, store.Query{Kind: store.Identities.Name}) {
		if err != nil {
			return nil, err
		}
		var i onus.Identity
		if err := json.Unmarshal(row.Body, &i); err != nil {
			return nil, errors.New("identity " + row.ID + " cannot be read: verify the state")
		}
		if onus.IsCanary(i.ID) {
			continue // nobody
		}
		who := ""
		if src := prog.Sources[i.Source]; src != nil {
			who = src.Schema.Roles.Person
		}
		r.add(&i, who)
	}
	return r, nil
}

// RosterFromRows makes the roster that a source's rows would give, for
// definitions that are checked before anything was taken in. Rows that cannot
// be used are passed over; a read that cannot be believed is an error.
func RosterFromRows(ctx context.Context, src *flow.Source, zone *time.Location, feed source.Source, now time.Time) (*Roster, error) {
	t, err := readTable(ctx, src, feed)
	if err != nil {
		return nil, err
	}
	ageless := *src
	ageless.Fresh = 0 // an old export still says who is who
	if p := judge(&ageless, t, nil, now); p != nil {
		return nil, onus.Errorf(onus.Invalid, p.hint, "%s", p.message)
	}
	prog := &flow.Program{Organisation: flow.Organisation{Zone: zone}, Sources: map[onus.SourceName]*flow.Source{src.Name: src}}
	// Without a store there is no correlation but by the person: the
	// engagements of one person make one member.
	var order []string
	engagements := map[string][]onus.Record{}
	for _, row := range t.rows {
		who := "key " + row.key
		if p := t.value(row, src.Schema.Roles.Person); p != "" {
			who = "person " + p
		}
		if engagements[who] == nil {
			order = append(order, who)
		}
		engagements[who] = append(engagements[who], onus.Record{Source: src.Name, Key: row.key, Kind: src.Kind, Attributes: t.attributes(row)})
	}
	r := newRoster()
	for _, who := range order {
		i := become(nil, onus.IdentityID(who), src.Kind, stand(prog, engagements[who], nil, today(prog, now)))
		r.add(&i, src.Schema.Roles.Person)
	}
	return r, nil
}

func (r *Roster) add(i *onus.Identity, who string) {
	r.addMember(i)
	if i.Kind != onus.Person || i.State != onus.Active {
		return
	}
	var p person
	for name := range i.Attributes {
		p.names = append(p.names, name)
	}
	slices.Sort(p.names)
	shape := strings.Join(p.names, "\x00")
	if names, ok := r.shapes[shape]; ok {
		p.names = names
	}
	r.shapes[shape] = p.names
	for _, name := range p.names {
		p.values = append(p.values, i.Attributes[name])
	}
	n := int32(len(r.people)) //nolint:gosec // far fewer than two thousand million people
	r.people = append(r.people, p)
	claim(r.byKey, i.Key, n)
	claim(r.byWho, i.Attributes[who], n)
	claim(r.byMail, strings.ToLower(i.Mail), n)
	for _, f := range i.Formerly {
		_, key, _ := strings.Cut(f, "/")
		claim(r.former, key, n)
	}
}

// claim lets a name mean one person, or nobody.
func claim(names map[string]int32, name string, n int32) {
	if name == "" {
		return
	}
	if other, ok := names[name]; ok && other != n {
		n = nobody
	}
	names[name] = n
}

func (r *Roster) addMember(i *onus.Identity) {
	mail := strings.ToLower(i.Mail)
	if mail == "" {
		return
	}
	m := flow.Member{Mail: i.Mail, Name: i.Name, Active: i.State == onus.Active, Kind: i.Kind}
	old, ok := r.members[mail]
	if m.Active && old.Active {
		r.shared[mail] = true
	}
	if !ok || m.Active {
		r.members[mail] = m
	}
}

// Person implements expr.People. A key of today's comes before a person id,
// that before a mail address, and a key that somebody had earlier comes last.
func (r *Roster) Person(key string) (onus.Attributes, bool) {
	for _, names := range []map[string]int32{r.byKey, r.byWho, r.byMail, r.former} {
		n, ok := names[key]
		if !ok {
			continue
		}
		if n == nobody {
			return nil, false
		}
		return r.people[n].attributes(), true
	}
	if lower := strings.ToLower(key); lower != key {
		if n, ok := r.byMail[lower]; ok && n != nobody {
			return r.people[n].attributes(), true
		}
	}
	return nil, false
}

func (p person) attributes() onus.Attributes {
	attrs := make(onus.Attributes, len(p.names))
	for i, name := range p.names {
		attrs[name] = p.values[i]
	}
	return attrs
}

// ByMail implements flow.Roster. An address that two active members share is
// nobody's own: nobody active has it.
func (r *Roster) ByMail(mail string) (flow.Member, bool) {
	mail = strings.ToLower(mail)
	m, ok := r.members[mail]
	m.Active = m.Active && !r.shared[mail]
	return m, ok
}

// Len is how many active people there are.
func (r *Roster) Len() int { return len(r.people) }
