package intake_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flow/expr"
	"github.com/onus-id/onus/internal/intake"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/ledger"
	"github.com/onus-id/onus/source"
)

// desk is a company's intake with a clock that tests move.
type desk struct {
	t     testing.TB
	now   time.Time
	store store.Store
	prog  *flow.Program
	in    *intake.Intake
}

// The first day of every test, at ten in the morning.
var monday = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

func newDesk(tb testing.TB) *desk {
	tb.Helper()
	sk, _, err := ledger.NewKey("onus.test/log")
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := note.NewSigner(sk)
	if err != nil {
		tb.Fatal(err)
	}
	d := &desk{t: tb, now: monday, prog: company()}
	d.store, err = sqlite.Open(tb.Context(), tb.TempDir(), sqlite.Options{Signer: signer, Now: func() time.Time { return d.now }})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = d.store.Close() })
	d.in = &intake.Intake{Store: d.store, Now: func() time.Time { return d.now }}
	return d
}

// company has people from "hr" and service accounts from "nhi".
func company() *flow.Program {
	hr := &flow.Source{
		Name: "hr", Kind: onus.Person, Owner: "hana@acme.example", Driver: "csv", MinPercent: 80, Fresh: 48 * time.Hour,
		Route: onus.Route{To: "hana@acme.example", Within: time.Hour, Then: []string{"ingrid@acme.example", "omar@acme.example"}},
		Schema: flow.Schema{
			Key: "id",
			Attributes: []flow.Attribute{
				{Name: "id", Column: "employee_id", Type: expr.String, Required: true},
				{Name: "person", Type: expr.String},
				{Name: "login", Type: expr.String, Required: true},
				{Name: "name", Type: expr.String},
				{Name: "mail", Type: expr.String},
				{Name: "dept", Type: expr.String, Values: []string{"Finance", "IT", "HR", "Sales"}},
				{Name: "grade", Type: expr.Int},
				{Name: "manager", Type: expr.String},
				{Name: "start", Type: expr.Date},
				{Name: "end", Type: expr.Date},
				{Name: "status", Type: expr.String},
				{Name: "skills", Type: expr.List},
			},
			Roles: flow.Roles{
				Person: "person", Login: "login", Name: "name", Mail: "mail", Manager: "manager",
				Start: "start", End: "end", Status: "status", Gone: []string{"terminated"},
			},
			Moves: []string{"dept", "manager"},
		},
		Match: []flow.MatchRule{
			{Name: "mail", On: []string{"mail"}, Exact: true},
			{Name: "namesake", On: []string{"name", "dept"}},
		},
	}
	nhi := &flow.Source{
		Name: "nhi", Kind: onus.NonHuman, Owner: "omar@acme.example", Driver: "csv", MinPercent: 80,
		Route: onus.Route{To: "omar@acme.example", Within: time.Hour},
		Schema: flow.Schema{
			Key: "account",
			Attributes: []flow.Attribute{
				{Name: "account", Type: expr.String, Required: true},
				{Name: "sponsor", Type: expr.String, Required: true},
				{Name: "purpose", Type: expr.String},
				{Name: "until", Type: expr.Date},
			},
			Roles: flow.Roles{Login: "account", Name: "account", Sponsor: "sponsor", End: "until"},
		},
	}
	return &flow.Program{
		Organisation: flow.Organisation{Name: "Acme", People: "hr", Zone: time.UTC},
		Sources:      map[onus.SourceName]*flow.Source{"hr": hr, "nhi": nhi},
	}
}

// feed is a source whose rows a test writes down.
type feed struct {
	rows       []source.Row
	columns    []string
	at         time.Time
	err        error
	incomplete string
	reads      int
}

func (f *feed) Read(_ context.Context, yield func(source.Row) error) (source.Taken, error) {
	f.reads++
	for _, r := range f.rows {
		if err := yield(r); err != nil {
			return source.Taken{}, err
		}
	}
	t := source.Taken{At: f.at, Complete: f.incomplete == "" && f.err == nil, Why: f.incomplete, Rows: len(f.rows), Columns: f.columns}
	t.Digest = onus.DigestOf(fmt.Append(nil, f.rows, f.columns))
	return t, f.err
}

// hr writes rows of the roster: each is "id", then name=value pairs. What is
// not said is filled in, so that a test says only what it is about.
func (d *desk) hr(rows ...string) *feed {
	f := &feed{at: d.now.Add(-time.Minute)}
	for _, a := range d.prog.Sources["hr"].Schema.Attributes {
		f.columns = append(f.columns, cmp.Or(a.Column, a.Name))
	}
	for i, text := range rows {
		parts := strings.Split(text, "|")
		id := parts[0]
		v := map[string]string{"employee_id": id, "login": "u" + id, "name": "Name " + id, "mail": "u" + id + "@acme.example", "dept": "IT", "status": "active"}
		for _, p := range parts[1:] {
			name, value, _ := strings.Cut(p, "=")
			if v[name] = value; value == "" {
				delete(v, name)
			}
		}
		f.rows = append(f.rows, source.Row{Line: i + 2, Values: v})
	}
	return f
}

// ids numbers rows from a to b.
func ids(a, b int) []string {
	var rows []string
	for i := a; i <= b; i++ {
		rows = append(rows, fmt.Sprint(i))
	}
	return rows
}

func (d *desk) take(f source.Source) intake.Outcome {
	d.t.Helper()
	return d.takeFrom("hr", f)
}

func (d *desk) takeFrom(name onus.SourceName, f source.Source) intake.Outcome {
	d.t.Helper()
	out, err := d.in.Take(d.t.Context(), d.prog, d.prog.Sources[name], f)
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

func (d *desk) tick() intake.Outcome {
	d.t.Helper()
	out, err := d.in.Tick(d.t.Context(), d.prog)
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

// on moves the clock to ten in the morning of a day.
func (d *desk) on(day string) *desk {
	d.t.Helper()
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		d.t.Fatal(err)
	}
	d.now = at.Add(10 * time.Hour)
	return d
}

func all[T any](d *desk, k store.Kind[T]) []T {
	d.t.Helper()
	var vs []T
	err := d.store.View(d.t.Context(), func(r store.Reader) error {
		var err error
		vs, err = k.Find(d.t.Context(), r, "", "")
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return vs
}

// people shows every identity as "key:state", in order of key.
func (d *desk) people() string {
	d.t.Helper()
	identities := all(d, store.Identities)
	out := make([]string, 0, len(identities))
	for _, i := range identities {
		out = append(out, i.Key+":"+string(i.State))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// identity gives the identity whose record counts now.
func (d *desk) identity(key string) onus.Identity {
	d.t.Helper()
	for _, i := range all(d, store.Identities) {
		if i.Key == key {
			return i
		}
	}
	d.t.Fatalf("there is no identity with key %s, only %s", key, d.people())
	return onus.Identity{}
}

// waiting shows the occasions that wait as "kind key fields", sorted.
func (d *desk) waiting() string {
	d.t.Helper()
	var out []string
	for _, o := range all(d, store.Occasions) {
		if o.State != onus.Waiting {
			continue
		}
		s := string(o.Kind) + " " + o.Key
		if o.Kind != onus.Joined && o.Kind != onus.Returned {
			s += " [" + strings.Join(o.Fields, " ") + "]"
		}
		for _, i := range all(d, store.Identities) {
			if i.ID == o.Identity && o.Kind == onus.Returned && !i.Returned.Equal(o.At) {
				d.t.Errorf("%s came back at %s, and their record says %s", o.Key, o.At, i.Returned)
			}
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// open shows the open exceptions as "category key", sorted.
func (d *desk) open() string {
	d.t.Helper()
	var out []string
	for _, e := range all(d, store.Exceptions) {
		if e.State == onus.ExceptionOpen {
			out = append(out, strings.TrimSpace(string(e.Category)+" "+e.Key))
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// act has the engine take every waiting occasion.
func (d *desk) act() *desk {
	d.t.Helper()
	err := d.store.Update(d.t.Context(), func(tx store.Tx) error {
		found, err := store.Occasions.Find(d.t.Context(), tx, "state", string(onus.Waiting))
		if err != nil {
			return err
		}
		for _, o := range found {
			o.State = onus.Settled
			if _, err := store.Occasions.Put(d.t.Context(), tx, ledger.Event{Type: ledger.OccasionSettled, Actor: "engine"}, o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return d
}

// decide has a person act on the one open exception of a category and key.
func (d *desk) decide(c onus.Category, key string, state onus.ExceptionState, with map[string]string) {
	d.t.Helper()
	err := d.store.Update(d.t.Context(), func(tx store.Tx) error {
		found, err := store.Exceptions.Find(d.t.Context(), tx, "state", string(onus.ExceptionOpen))
		if err != nil {
			return err
		}
		for _, e := range found {
			if e.Category != c || e.Key != key {
				continue
			}
			e.State, e.Closed = state, d.now
			e.Decided = &onus.Decision{Act: string(state), By: "person:p", Reason: "I looked", With: with, At: d.now}
			_, err := store.Exceptions.Put(d.t.Context(), tx, ledger.Event{Type: ledger.ExceptionClosed, Actor: "person:p"}, e)
			return err
		}
		return errors.New("there is no such exception")
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// events counts the entries of the ledger.
func (d *desk) events() int {
	d.t.Helper()
	n := int64(0)
	err := d.store.View(d.t.Context(), func(r store.Reader) error {
		h, err := r.Head(d.t.Context())
		n = h.Size
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return int(n)
}

func is(tb testing.TB, what, got, want string) {
	tb.Helper()
	if got != want {
		tb.Errorf("%s: %s, want %s", what, cmp.Or(got, "nothing"), cmp.Or(want, "nothing"))
	}
}

func rowOf(line int, values map[string]string) source.Row {
	return source.Row{Line: line, Values: values}
}
