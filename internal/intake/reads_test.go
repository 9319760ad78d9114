package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// What makes a whole read unbelievable, and how much of it is still enough.
func TestReadsThatAreHeld(t *testing.T) {
	double := func(n int) []string { return append(ids(1, 100), ids(1, n)...) }
	for name, tt := range map[string]struct {
		first, rows []string
		at          time.Duration // from now
		want        string
	}{
		"80 of 100":                {rows: ids(1, 100)[:80], first: ids(1, 100)},
		"79 of 100":                {rows: ids(1, 79), first: ids(1, 100), want: "volume_guard"},
		"stale":                    {rows: ids(1, 5), at: -48*time.Hour - time.Second, want: "stale_source"},
		"just fresh enough":        {rows: ids(1, 5), at: -48 * time.Hour},
		"dated in the future":      {rows: ids(1, 5), at: 2 * time.Hour, want: "stale_source"},
		"older than the last":      {first: ids(1, 5), rows: ids(1, 5), at: -2 * time.Hour, want: "stale_source"},
		"a tenth of doubles":       {rows: double(5), want: ""},
		"more doubles":             {rows: double(6), want: "bad_read"},
		"half of the rows are bad": {rows: append(ids(1, 10), bad(11, 20)...)},
		"more bad rows than good":  {rows: append(ids(1, 10), bad(11, 21)...), want: "bad_read"},
		"few rows, most of them bad": {
			rows: append(ids(1, 2), bad(3, 6)...),
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			if tt.first != nil {
				d.take(d.hr(tt.first...))
				d.now = d.now.Add(time.Hour)
			}
			f := d.hr(tt.rows...)
			if tt.at != 0 {
				f.at = d.now.Add(tt.at)
			}
			out := d.take(f)
			if out.Held != (tt.want != "") {
				t.Errorf("held %v: %s", out.Held, out.Read.Reason)
			}
			if tt.want != "" {
				is(t, "open", d.open(), tt.want)
				if out.Read.Good || out.Read.Reason == "" {
					t.Errorf("read %+v", out.Read)
				}
			}
		})
	}
}

func bad(a, b int) []string {
	rows := ids(a, b)
	for i := range rows {
		rows[i] += "|dept=Unknown"
	}
	return rows
}

// The same bad file again and again is one exception, and no entries.
func TestSameBadReadAgainOpensNothing(t *testing.T) {
	d := newDesk(t)
	d.take(d.hr(ids(1, 20)...))
	f := d.hr(ids(1, 5)...)
	first := d.take(f)
	n := d.events()
	for range 3 {
		d.now = d.now.Add(time.Minute)
		if again := d.take(f); strings.Join(again.Exceptions, " ") != strings.Join(first.Exceptions, " ") || !again.Held {
			t.Errorf("outcome %+v", again)
		}
	}
	is(t, "entries", fmt.Sprint(d.events()), fmt.Sprint(n))
	// What the owner refused stays out, and is not asked again.
	d.decide(onus.VolumeGuard, "", onus.ExceptionRefused, nil)
	d.untouched(t, func() {
		if out := d.take(f); !out.Held || len(out.Exceptions) != 0 {
			t.Errorf("outcome %+v", out)
		}
	})
	is(t, "open", d.open(), "")
}

// To try again is to look afresh: still bad is asked again.
func TestRetriedBadReadIsAskedAgain(t *testing.T) {
	d := newDesk(t)
	d.take(d.hr(ids(1, 20)...))
	f := d.hr(ids(1, 5)...)
	one := d.take(f).Exceptions[0]
	d.decide(onus.VolumeGuard, "", onus.ExceptionRetried, nil)
	two := d.take(f).Exceptions[0]
	if one == two {
		t.Error("the closed exception was opened again")
	}
	d.take(d.hr(ids(1, 20)...))
	is(t, "open", d.open(), "")
}

// An override lets exactly the read pass that the person saw.
func TestOverrideIsForExactlyThatRead(t *testing.T) {
	d := newDesk(t)
	d.take(d.hr(ids(1, 20)...))
	d.act()
	f := d.hr(ids(1, 10)...)
	d.take(f)
	d.decide(onus.VolumeGuard, "", onus.ExceptionOverridden, nil)
	if out := d.take(d.hr(ids(1, 9)...)); !out.Held {
		t.Errorf("another read passed: %+v", out)
	}
	if out := d.take(f); out.Held || out.Left != 10 {
		t.Errorf("outcome %+v", out)
	}
	is(t, "open", d.open(), "")
}

// What was cut short does not prove absence, whoever lets it pass.
func TestOverriddenIncompleteReadStillProvesNobodyGone(t *testing.T) {
	d := newDesk(t)
	d.take(d.hr(ids(1, 20)...))
	d.act()
	f := d.hr(append(ids(1, 17), "18|dept=Sales")...)
	f.incomplete = "cut"
	d.take(f)
	d.decide(onus.BadRead, "", onus.ExceptionOverridden, nil)
	if out := d.take(f); out.Held || out.Left != 0 || out.Moved != 1 {
		t.Errorf("outcome %+v", out)
	}
}

// A good file ages where it lies. It stays good, and everybody stays.
func TestGoodReadGrowsStale(t *testing.T) {
	d := newDesk(t)
	f := d.hr(ids(1, 5)...)
	d.take(f)
	d.now = d.now.Add(50 * time.Hour)
	d.untouched(t, func() {
		for range 2 {
			if out := d.take(f); !out.Held {
				t.Errorf("outcome %+v", out)
			}
		}
	})
	is(t, "open", d.open(), "stale_source")
	good := 0
	for _, r := range all(d, store.Reads) {
		if r.Good {
			good++
		}
	}
	is(t, "good reads", fmt.Sprint(good), "1")
	fresh := d.hr(ids(1, 5)...)
	if out := d.take(fresh); out.Held {
		t.Errorf("outcome %+v", out)
	}
	is(t, "open after the same file came anew", d.open(), "")
}

// The unchanged file leaves no trace; the same rows of a later day leave one.
func TestUnchangedReadCommitsNothing(t *testing.T) {
	d := newDesk(t)
	f := d.hr("1", "2", "3|dept=Nowhere")
	d.take(f)
	n := d.events()
	d.now = d.now.Add(time.Minute)
	out := d.take(f)
	if out.Unchanged != 2 || out.Bad != 1 || len(out.Exceptions) != 1 || !out.Read.Good {
		t.Errorf("outcome %+v", out)
	}
	is(t, "entries", fmt.Sprint(d.events()), fmt.Sprint(n))
	d.now = d.now.Add(24 * time.Hour)
	f.at = d.now
	d.take(f)
	is(t, "entries", fmt.Sprint(d.events()), fmt.Sprint(n+1))
}

// The same file under another schema is looked at anew.
func TestSchemaChangeLooksAtTheSameFileAnew(t *testing.T) {
	d := newDesk(t)
	f := d.hr("1|grade=4", "2|dept=Lab")
	d.take(f)
	d.act()
	is(t, "open", d.open(), "invalid_attribute 2")
	d.prog = company()
	dept := d.prog.Sources["hr"].Schema.Attribute("dept")
	dept.Values = append(dept.Values, "Lab")
	d.take(f)
	is(t, "open", d.open(), "")
	is(t, "waiting", d.waiting(), "joined 2")
}

// A crash between two commits, and the same file again: the end is the same,
// and until then the read is not good.
func TestCrashBetweenChunks(t *testing.T) {
	const chunk = 50
	rows := ids(1, 4*chunk)
	rows[10] += "|dept=Nowhere"
	whole := newDesk(t)
	whole.take(whole.hr(rows...)) // in one commit
	for crash := 1; crash <= 3; crash++ {
		d := newDesk(t)
		d.in.Chunk = chunk
		limp := &limping{Store: d.store, left: crash}
		d.in.Store = limp
		f := d.hr(rows...)
		if _, err := d.in.Take(t.Context(), d.prog, d.prog.Sources["hr"], f); !errors.Is(err, errCrash) {
			t.Fatalf("crash %d: error %v", crash, err)
		}
		for _, r := range all(d, store.Reads) {
			if r.Good {
				t.Errorf("crash %d: the read is good already", crash)
			}
		}
		d.in.Store = d.store
		if out := d.take(f); out.Held {
			t.Errorf("crash %d: held: %s", crash, out.Read.Reason)
		}
		for what, same := range map[string]bool{
			"identities": onus.DigestOfJSON(all(d, store.Identities)) == onus.DigestOfJSON(all(whole, store.Identities)),
			"records":    onus.DigestOfJSON(all(d, store.Records)) == onus.DigestOfJSON(all(whole, store.Records)),
			"occasions":  onus.DigestOfJSON(all(d, store.Occasions)) == onus.DigestOfJSON(all(whole, store.Occasions)),
			"exceptions": onus.DigestOfJSON(all(d, store.Exceptions)) == onus.DigestOfJSON(all(whole, store.Exceptions)),
			"reads":      onus.DigestOfJSON(all(d, store.Reads)) == onus.DigestOfJSON(all(whole, store.Reads)),
		} {
			if !same {
				t.Errorf("crash %d: other %s than without", crash, what)
			}
		}
	}
}

var errCrash = errors.New("crash")

// limping is a store that fails after some updates.
type limping struct {
	store.Store
	left int
}

func (l *limping) Update(ctx context.Context, fn func(tx store.Tx) error) error {
	if l.left--; l.left < 0 {
		return errCrash
	}
	return l.Store.Update(ctx, fn)
}

// From an occasion the causes lead back to the read, and no leaf holds what
// a record says of a person.
func TestLedgerLeadsBackToTheRead(t *testing.T) {
	d := newDesk(t)
	d.take(d.hr("7|name=Zaphod Beeblebrox|mail=zaphod@acme.example", "8|dept=Zarquon"))
	events := map[string]ledger.Event{}
	var joined string
	err := d.store.View(t.Context(), func(r store.Reader) error {
		for entry, err := range r.Events(t.Context(), store.EventQuery{}) {
			if err != nil {
				return err
			}
			for _, secret := range []string{"Zaphod", "zaphod", "Zarquon"} {
				if strings.Contains(string(entry.Leaf), secret) {
					t.Errorf("a leaf says %s: %s", secret, entry.Leaf)
				}
			}
			var e ledger.Event
			if err := json.Unmarshal(entry.Leaf, &e); err != nil {
				return err
			}
			if events[e.ID] = e; e.Type == ledger.OccasionArose {
				joined = e.ID
			}
			if _, known := ledger.Types[e.Type]; !known {
				t.Errorf("nobody explains events of type %s", e.Type)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var way []string
	for id := joined; id != ""; id = events[id].Cause {
		way = append(way, string(events[id].Type))
		if len(events[id].Inputs) != 1 || !strings.HasPrefix(events[id].Inputs[0], "sha256:") {
			t.Errorf("inputs of %s: %v", events[id].Type, events[id].Inputs)
		}
	}
	is(t, "the way back", strings.Join(way, " "), "occasion.arose identity.correlated record.seen read.taken")
}

// The data owner answers for what their source brought.
func TestEventsNameTheDataOwner(t *testing.T) {
	d := newDesk(t)
	d.take(d.hr("1|mail=hana@acme.example"))
	d.take(d.hr("1|mail=hana@acme.example", "2"))
	hana := string(d.identity("1").ID)
	n := 0
	err := d.store.View(t.Context(), func(r store.Reader) error {
		for entry, err := range r.Events(t.Context(), store.EventQuery{ObjectKind: "record", ObjectID: "hr/2"}) {
			if err != nil {
				return err
			}
			var e ledger.Event
			if err := json.Unmarshal(entry.Leaf, &e); err != nil {
				return err
			}
			n++
			is(t, "owner", e.Owner, hana)
		}
		return nil
	})
	if err != nil || n != 1 {
		t.Fatalf("%d events, error %v", n, err)
	}
}
