package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// plan works out what to commit: per identity the records that are new,
// changed or gone, and the exceptions that open and close.
func (t *taking) plan(ctx context.Context, r store.Reader, found comparison) error {
	t.lostZeros(&found)
	t.contradictions()
	if err := t.correlate(ctx, r, found); err != nil {
		return err
	}
	if t.table.blurred {
		found.missing = nil
	}
	t.units(found)
	t.exceptionActs()
	t.acts = t.closeReads(t.acts)
	return nil
}

// lostZeros finds keys that are a known key without its leading zeros, which
// a spreadsheet took. The known record is not gone, and nobody joined.
func (t *taking) lostZeros(found *comparison) {
	bare := map[string]string{}
	for _, m := range found.missing {
		if z := withoutZeros(m.key); z != "" && z != m.key {
			bare[z] = m.key
		}
	}
	if len(bare) == 0 {
		return
	}
	for _, r := range t.table.rows {
		known, ok := bare[withoutZeros(r.key)]
		if r.state != newKey || !ok {
			continue
		}
		t.table.spoil(r, onus.InvalidAttribute,
			fmt.Sprintf("record %s (line %d) is record %s with its leading zeros lost: the key was read as a number", r.key, r.line, known),
			"export keys as text, not as numbers", t.table.attributes(r))
		t.table.present[known] = true
	}
	found.missing = slices.DeleteFunc(found.missing, func(m missing) bool { return t.table.present[m.key] })
}

// contradictions finds records of one person that run from the same day and
// disagree about where the person stands: which is right nobody can say.
// What the store holds already stays.
func (t *taking) contradictions() {
	roles := t.src.Schema.Roles
	if roles.Person == "" {
		return
	}
	groups := map[string][]*row{}
	for _, r := range t.table.rows {
		if p := t.table.value(r, roles.Person); p != "" && r.state != unusable && t.phase(r) == running {
			groups[p] = append(groups[p], r)
		}
	}
	decisive := append([]string{roles.Login, roles.Mail}, t.src.Schema.Moves...)
	for _, r := range t.table.rows { // in the order of the file
		group := groups[t.table.value(r, roles.Person)]
		if r.state == unchanged || r.state == unusable || len(group) < 2 || t.table.value(r, roles.Person) == "" {
			continue
		}
		for _, other := range group {
			names := t.disagree(r, other, decisive)
			if other == r || len(names) == 0 || t.table.value(r, roles.Start) != t.table.value(other, roles.Start) {
				continue
			}
			seen := t.table.attributes(r)
			seen["other record"] = other.key
			t.table.spoil(r, onus.AmbiguousMatch,
				fmt.Sprintf("records %s and %s are of one person from the same day and disagree on %s", r.key, other.key, strings.Join(names, ", ")),
				"end one of them in the source, or correct it", seen)
			break
		}
	}
}

func (t *taking) phase(r *row) phase {
	roles := t.src.Schema.Roles
	zone := zoneOf(t.prog)
	left := roles.Status != "" && slices.Contains(roles.Gone, t.table.value(r, roles.Status))
	return phaseOf(dateIn(t.table.value(r, roles.Start), zone), dateIn(t.table.value(r, roles.End), zone), left, t.day)
}

func (t *taking) disagree(a, b *row, attrs []string) []string {
	var names []string
	for _, name := range attrs {
		if name != "" && t.table.value(a, name) != t.table.value(b, name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// correlate finds the identity of every row that is not as it was.
func (t *taking) correlate(ctx context.Context, r store.Reader, found comparison) error {
	if !slices.ContainsFunc(t.table.rows, func(r *row) bool { return r.state != unchanged && r.state != unusable }) {
		return nil
	}
	x := newIndex(t.src)
	for stored, err := range r.Find(ctx, store.Query{Kind: store.Identities.Name}) {
		if err != nil {
			return err
		}
		var i onus.Identity
		if err := json.Unmarshal(stored.Body, &i); err != nil {
			return errors.New("identity " + stored.ID + " cannot be read: verify the state")
		}
		if i.Kind == t.src.Kind && !onus.IsCanary(i.ID) {
			x.add(&i)
		}
	}
	for _, r := range t.table.rows {
		if r.state != unchanged && r.state != unusable {
			t.identify(x, r, found.was[r.key])
		}
	}
	return nil
}

// identify decides whose record a row is: whose the record of this key has
// been, unless the row now names another person; else whom a person decided;
// else whom the rules find; else it is somebody new. A number that was given
// up may be given to another person; one in use changes hands only by a
// person's decision.
func (t *taking) identify(x *index, r *row, was onus.Attributes) {
	value := func(attr string) string { return t.table.value(r, attr) }
	person := ""
	if x.person != "" {
		person = value(x.person)
	}
	another := person != "" && was[x.person] != "" && was[x.person] != person
	switch {
	case r.identity != "" && !another, t.decided(x, r, person):
		return
	case r.state == differs:
		t.ask(r, onus.AmbiguousMatch, x.person, append([]onus.IdentityID{r.identity}, x.find(x.person, person)...),
			fmt.Sprintf("record %s was one person's and now names another", r.key))
		return
	}
	ids, rule, problem := x.match(t.src, value)
	switch {
	case problem == onus.WeakMatch:
		t.ask(r, problem, rule, ids, fmt.Sprintf("record %s fits an identity only by the weak rule %s", r.key, rule))
	case problem != "":
		t.ask(r, problem, rule, ids, fmt.Sprintf("record %s fits more than one identity by the rule %s", r.key, rule))
	case len(ids) == 1:
		r.identity, r.rule = ids[0], rule
	default:
		t.introduce(x, r, person)
	}
}

// decided applies a person's amendment of an earlier weak or ambiguous match:
// with identity=ID, or identity=new for somebody whom Onus does not know.
func (t *taking) decided(x *index, r *row, person string) bool {
	for _, e := range slices.Backward(t.past.decided) {
		if e.Key != r.key || e.Decided == nil || e.Category != onus.WeakMatch && e.Category != onus.AmbiguousMatch {
			continue
		}
		id := onus.IdentityID(e.Decided.With["identity"])
		_, known := x.known[id]
		if !known && id != "new" {
			return false
		}
		before := r.identity
		if r.identity = id; id == "new" {
			t.introduce(x, r, person)
		}
		if r.rule = "decided"; r.identity != before {
			r.former = before
		}
		return true
	}
	return false
}

// introduce makes an identity of a row's own. Its id comes of the first
// record's person or key, so that taking the read again makes no second one.
func (t *taking) introduce(x *index, r *row, person string) {
	parts := []string{string(t.src.Name), "key", r.key}
	if person != "" {
		parts = []string{string(t.src.Name), "person", person}
	}
	id := onus.IdentityID(onus.ID("idn", parts...))
	for n := 1; ; n++ {
		if _, taken := x.known[id]; !taken {
			break
		}
		id = onus.IdentityID(onus.ID("idn", append(parts, r.key, strconv.Itoa(n))...))
	}
	r.identity, r.fresh = id, true
	attrs := t.table.attributes(r)
	roles := t.src.Schema.Roles
	x.add(&onus.Identity{
		ID: id, Key: r.key, Attributes: attrs, Login: attrs[roles.Login], Name: attrs[roles.Name], Mail: attrs[roles.Mail],
	})
}

// ask turns a row into an exception with the candidates to choose from.
func (t *taking) ask(r *row, category onus.Category, rule string, candidates []onus.IdentityID, message string) {
	seen := t.table.attributes(r)
	ids := make([]string, len(candidates))
	for i, id := range candidates {
		ids[i] = string(id)
	}
	seen["candidates"], seen["rule"] = strings.Join(ids, ", "), rule
	t.table.spoil(r, category, message, "amend it with identity=ID of who it is, or identity=new", seen)
}

// units gathers the work by identity: everything of one identity is committed
// in one transaction.
func (t *taking) units(found comparison) {
	byIdentity := map[onus.IdentityID]*unit{}
	var units []*unit
	of := func(id onus.IdentityID) *unit {
		u := byIdentity[id]
		if u == nil {
			u = &unit{taking: t, identity: id}
			byIdentity[id] = u
			units = append(units, u)
		}
		return u
	}
	for _, r := range t.table.rows {
		switch r.state {
		case unchanged:
			t.out.Unchanged++
		case newKey, differs, cameBack:
			u := of(r.identity)
			u.rows, u.fresh = append(u.rows, r), u.fresh || r.fresh
			if r.former != "" {
				lost := of(r.former)
				lost.lost = append(lost.lost, r.key)
			}
		case unusable:
		}
	}
	for _, m := range found.missing {
		u := of(m.identity)
		u.missing = append(u.missing, m.key)
	}
	for _, u := range units {
		t.acts = append(t.acts, u)
	}
	t.out.Bad = len(t.table.bad)
}
