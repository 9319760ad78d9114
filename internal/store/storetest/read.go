package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

func viewIsOneSnapshot(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	put(t, s, thing("a", `1`, store.Key{Name: "k", Value: "v"}))
	view(t, s, func(r store.Reader) error {
		put(t, s, thing("a", `2`), thing("b", `1`, store.Key{Name: "k", Value: "v"}))
		row, _, err := r.Get(t.Context(), "thing", "a")
		if err != nil || string(row.Body) != `1` {
			t.Errorf("got %s, %v", row.Body, err)
		}
		ids, err := find(t.Context(), r, store.Is("thing", "k", "v"))
		if err != nil || !slices.Equal(ids, []string{"a"}) {
			t.Errorf("found %v, %v", ids, err)
		}
		n, err := r.Count(t.Context(), store.Query{Kind: "thing"})
		if err != nil || n != 1 {
			t.Errorf("counted %d, %v", n, err)
		}
		h, err := r.Head(t.Context())
		if err != nil || h.Size != 1 {
			t.Errorf("head %d, %v", h.Size, err)
		}
		events := 0
		for _, err := range r.Events(t.Context(), store.EventQuery{}) {
			if err != nil {
				return err
			}
			events++
		}
		if events != 1 {
			t.Errorf("saw %d events", events)
		}
		return nil
	})
}

func updateSeesItsOwnWrites(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	put(t, s, thing("old", `1`, store.Key{Name: "k", Value: "1"}))
	update(t, s, func(tx store.Tx) error {
		for round := range 3 {
			version := int64(round + 1)
			e, err := tx.Record(t.Context(), event, thing("new", strconv.Itoa(round), store.Key{Name: "k", Value: strconv.Itoa(round)}))
			if err != nil {
				return err
			}
			row, ok, err := tx.Get(t.Context(), "thing", "new")
			if err != nil || !ok || row.Version != version || row.Event != e.ID || string(row.Body) != strconv.Itoa(round) {
				t.Errorf("round %d: got %+v, %v, %v", round, row, ok, err)
			}
			ids, err := find(t.Context(), tx, store.Query{Kind: "thing", Key: "k", From: "0", To: "9"})
			want := [][]string{{"new", "old"}, {"new", "old"}, {"old", "new"}}[round]
			if err != nil || !slices.Equal(ids, want) {
				t.Errorf("round %d: found %v, %v", round, ids, err)
			}
			if n, err := tx.Count(t.Context(), store.Is("thing", "k", strconv.Itoa(round))); err != nil || n != []int{1, 2, 1}[round] {
				t.Errorf("round %d: counted %d, %v", round, n, err)
			}
			var last store.Entry
			for entry, err := range tx.Events(t.Context(), store.EventQuery{ID: e.ID, Bodies: true}) {
				if err != nil {
					return err
				}
				last = entry
			}
			if last.Index != version || string(last.Body) != strconv.Itoa(round) {
				t.Errorf("round %d: event %+v", round, last)
			}
		}
		return nil
	})
	verify(t, s)
}

func loopIsNotMoved(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	const many = 600 // more than are read at once
	update(t, s, func(tx store.Tx) error {
		for i := range many {
			if err := record(t.Context(), tx, thing(fmt.Sprintf("%04d", i), `1`, store.Key{Name: "due", Value: "1"})); err != nil {
				return err
			}
		}
		return nil
	})
	update(t, s, func(tx store.Tx) error {
		seen := 0
		for row, err := range tx.Find(t.Context(), store.Query{Kind: "thing", Key: "due", From: "", To: "9"}) {
			if err != nil {
				return err
			}
			if seen++; seen > many {
				t.Error("the loop met what it wrote itself")
				break
			}
			if err := record(t.Context(), tx, thing(row.ID, `2`, store.Key{Name: "due", Value: "3" + row.ID})); err != nil {
				return err
			}
			if n, err := tx.Count(t.Context(), store.Is("thing", "due", "3"+row.ID)); err != nil || n != 1 {
				t.Errorf("it does not see what it wrote: %d, %v", n, err)
			}
		}
		return nil
	})
}

// More than a writer remembers moves twice; nothing of it is lost, and nothing
// that a failed update did is remembered.
func forgottenIsReadAgain(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	const size = 1 << 20
	for round := range 4 { // through few objects twice, then through many
		for i := range 20 + 20*(round/2) {
			o := thing(strconv.Itoa(20*(round/2)+i), strconv.Quote(strings.Repeat(strconv.Itoa(round), size)))
			if err := s.Update(t.Context(), func(tx store.Tx) error {
				if err := record(t.Context(), tx, thing(o.ID, `"never"`)); err != nil {
					return err
				}
				return errNo
			}); !errors.Is(err, errNo) {
				t.Fatal(err)
			}
			put(t, s, o)
		}
	}
	view(t, s, func(r store.Reader) error {
		for row, err := range r.Find(t.Context(), store.Query{Kind: "thing"}) {
			if err != nil {
				return err
			}
			if row.Version != 2 || len(row.Body) != size+2 || row.Body[1] != '1' && row.Body[1] != '3' {
				t.Errorf("%s is version %d, %.10s…", row.ID, row.Version, row.Body)
			}
		}
		return nil
	})
	verify(t, s)
}

func findByRangesAndPages(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	const many = 1200 // more than are read at once
	update(t, s, func(tx store.Tx) error {
		for i := range many {
			id, even := fmt.Sprintf("%05d", i), strconv.FormatBool(i%2 == 0)
			// Two values of one name, and text that sorts by bytes only.
			keys := []store.Key{{Name: "at", Value: id}, {Name: "at", Value: fmt.Sprintf("%05d", i+1)}, {Name: "even", Value: even}}
			if err := record(t.Context(), tx, thing(id, `1`, keys...)); err != nil {
				return err
			}
		}
		for _, id := range []string{"B", "a", "Z", "é", "\U0001F600", "\uFFFD", "a b", "a-b"} {
			o := store.Object{Kind: "word", ID: id, Body: []byte(`1`), Keys: []store.Key{{Name: "w", Value: id}}}
			if err := record(t.Context(), tx, o); err != nil {
				return err
			}
		}
		return nil
	})
	ids := func(from, to, step int) []string {
		var ids []string
		for i := from; i < to; i += step {
			ids = append(ids, fmt.Sprintf("%05d", i))
		}
		return ids
	}
	words := []string{"B", "Z", "a", "a b", "a-b", "é", "\uFFFD", "\U0001F600"}
	for name, c := range map[string]struct {
		q     store.Query
		want  []string
		count int
	}{
		"all of a kind":            {store.Is("thing", "", ""), ids(0, many, 1), many},
		"all, limited":             {store.Query{Kind: "thing", Limit: 700}, ids(0, 700, 1), many},
		"all, going on":            {store.Query{Kind: "thing", After: "01189", Limit: 5}, ids(1190, 1195, 1), many},
		"a prefix":                 {store.Query{Kind: "thing", Prefix: "0011"}, ids(110, 120, 1), 10},
		"a long prefix":            {store.Query{Kind: "thing", Prefix: "0"}, ids(0, many, 1), many},
		"a prefix, going on":       {store.Query{Kind: "thing", Prefix: "0011", After: "00116", Limit: 2}, ids(117, 119, 1), 10},
		"a prefix that is an id":   {store.Query{Kind: "word", Prefix: "a"}, []string{"a", "a b", "a-b"}, 3},
		"a prefix nobody has":      {store.Query{Kind: "thing", Prefix: "x"}, nil, 0},
		"one value":                {store.Is("thing", "even", "true"), ids(0, many, 2), many / 2},
		"one value, going on":      {store.Query{Kind: "thing", Key: "even", From: "true", To: "true", After: "00100", Limit: 3}, ids(102, 108, 2), many / 2},
		"a range, each once":       {store.Query{Kind: "thing", Key: "at", From: "00010", To: "00012"}, ids(9, 13, 1), 4},
		"a long range":             {store.Query{Kind: "thing", Key: "at", From: "", To: "99999"}, ids(0, many, 1), many},
		"a range, limited":         {store.Query{Kind: "thing", Key: "at", From: "", To: "99999", Limit: 600}, ids(0, 600, 1), many},
		"an empty range":           {store.Query{Kind: "thing", Key: "at", From: "5", To: "4"}, nil, 0},
		"a value nobody has":       {store.Is("thing", "even", "perhaps"), nil, 0},
		"an unknown kind":          {store.Is("ghost", "", ""), nil, 0},
		"ids in order of bytes":    {store.Is("word", "", ""), words, len(words)},
		"values in order of bytes": {store.Query{Kind: "word", Key: "w", From: "A", To: "\U0010FFFF"}, words, len(words)},
	} {
		t.Run(name, func(t *testing.T) {
			view(t, s, func(r store.Reader) error {
				got, err := find(t.Context(), r, c.q)
				if err != nil || !slices.Equal(got, c.want) {
					t.Errorf("found %d: %.80v, %v; want %d", len(got), got, err, len(c.want))
				}
				n, err := r.Count(t.Context(), c.q)
				if err != nil || n != c.count {
					t.Errorf("counted %d, %v; want %d", n, err, c.count)
				}
				return nil
			})
		})
	}
	view(t, s, func(r store.Reader) error {
		for _, err := range r.Find(t.Context(), store.Query{Kind: "thing", Key: "at", From: "1", To: "2", After: "x"}) {
			if err == nil {
				t.Error("After in a range was passed over in silence")
			}
		}
		for _, err := range r.Find(t.Context(), store.Query{Kind: "thing", Key: "at", From: "1", To: "2", Prefix: "x"}) {
			if err == nil {
				t.Error("Prefix with a key was passed over in silence")
			}
		}
		// Other reads may go on inside a loop, and a loop may be left.
		for row, err := range r.Find(t.Context(), store.Is("thing", "", "")) {
			if err != nil {
				return err
			}
			if _, ok, err := r.Get(t.Context(), "thing", row.ID); err != nil || !ok {
				t.Errorf("inside the loop: %v, %v", ok, err)
			}
			break
		}
		return nil
	})
}

func keysAreReplaced(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	put(t, s, thing("a", `1`, store.Key{Name: "x", Value: "1"}, store.Key{Name: "y", Value: "1"}, store.Key{Name: "x", Value: "1"}))
	put(t, s, thing("a", `2`, store.Key{Name: "x", Value: "2"}, store.Key{Name: "y", Value: "1"}))
	for q, want := range map[store.Query]int{
		store.Is("thing", "x", "1"): 0, store.Is("thing", "x", "2"): 1, store.Is("thing", "y", "1"): 1,
	} {
		view(t, s, func(r store.Reader) error {
			ids, err := find(t.Context(), r, q)
			if err != nil || len(ids) != want {
				t.Errorf("%v finds %v, %v; want %d", q, ids, err, want)
			}
			return nil
		})
	}
	put(t, s, thing("a", `3`))
	verify(t, s)
}

func versionsAndChain(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	var events []ledger.Event
	for i := range 3 { // within an update, and from one to the next
		update(t, s, func(tx store.Tx) error {
			for range 2 {
				e, err := tx.Record(t.Context(), event, thing("a", strconv.Itoa(i)))
				if err != nil {
					return err
				}
				if !e.Time.Equal(tx.Now()) {
					t.Errorf("event at %v in a transaction at %v", e.Time, tx.Now())
				}
				events = append(events, e)
			}
			return nil
		})
	}
	before, ids := "", map[string]bool{}
	for i, e := range events {
		if e.Object != (ledger.Object{Kind: "thing", ID: "a", Version: int64(i + 1)}) || e.Before != before || e.After == before || e.After == "" {
			t.Errorf("event %d: %+v", i, e)
		}
		before = e.After
		ids[e.ID] = true
	}
	if len(ids) != len(events) {
		t.Error("two events share an id")
	}
	i := 0
	view(t, s, func(r store.Reader) error {
		for entry, err := range r.Events(t.Context(), store.EventQuery{ObjectKind: "thing", ObjectID: "a", Bodies: true}) {
			if err != nil {
				return err
			}
			e, err := ledger.ParseLeaf(entry.Leaf)
			if err != nil || e.ID != events[i].ID || !e.Time.Equal(events[i].Time) || ledger.Commit(entry.Salt, entry.Body) != e.After {
				t.Errorf("entry %d: %v, %v", i, e, err)
			}
			i++
		}
		return nil
	})
	if i != len(events) {
		t.Errorf("%d entries, want %d", i, len(events))
	}
}

func eventsAreFound(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	var first ledger.Event
	update(t, s, func(tx store.Tx) error {
		var err error
		o := thing("a", `"secret"`, store.Key{Name: "k", Value: "v"})
		o.Subject = "idn_1"
		if first, err = tx.Record(t.Context(), event, o); err != nil {
			return err
		}
		follow := event
		follow.Cause = first.ID
		for i := range 600 {
			if _, err := tx.Record(t.Context(), follow, thing(fmt.Sprint("b", i), `1`)); err != nil {
				return err
			}
		}
		return record(t.Context(), tx, thing("a", `2`))
	})
	for name, c := range map[string]struct {
		q    store.EventQuery
		want []int64 // first, last, number
	}{
		"all":       {store.EventQuery{}, []int64{0, 601, 602}},
		"a piece":   {store.EventQuery{From: 5, Limit: 590}, []int64{5, 594, 590}},
		"an object": {store.EventQuery{ObjectKind: "thing", ObjectID: "a"}, []int64{0, 601, 2}},
		"its last":  {store.EventQuery{ObjectKind: "thing", ObjectID: "a", From: 1}, []int64{601, 601, 1}},
		"a kind":    {store.EventQuery{ObjectKind: "thing", Limit: 1}, []int64{0, 0, 1}},
		"an id":     {store.EventQuery{ID: first.ID}, []int64{0, 0, 1}},
		"a cause":   {store.EventQuery{Cause: first.ID}, []int64{1, 600, 600}},
		"past all":  {store.EventQuery{From: 602}, []int64{0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			view(t, s, func(r store.Reader) error {
				got := []int64{0, 0, 0}
				for e, err := range r.Events(t.Context(), c.q) {
					if err != nil {
						return err
					}
					if e.Body != nil || e.Salt != nil {
						t.Error("bodies came unasked")
					}
					if got[2] == 0 {
						got[0] = e.Index
					}
					got[1] = e.Index
					got[2]++
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("got %v, want %v", got, c.want)
				}
				return nil
			})
		})
	}
	view(t, s, func(r store.Reader) error {
		for e, err := range r.Events(t.Context(), store.EventQuery{ID: first.ID, Bodies: true}) {
			if err != nil || string(e.Body) != `"secret"` || len(e.Salt) != 32 || e.Subject != "idn_1" ||
				!slices.Equal(e.Keys, []store.Key{{Name: "k", Value: "v"}}) || strings.Contains(string(e.Leaf), "secret") {
				t.Errorf("%+v, %v", e, err)
			}
		}
		return nil
	})
}

func misshapenIsRefused(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	long := strings.Repeat("x", 1001)
	other := event
	other.Type = "thing.invented"
	nobody := event
	nobody.Actor = ""
	huge := event
	huge.Notes = map[string]string{"much": strings.Repeat("x", ledger.MaxLeaf)}
	for name, c := range map[string]struct {
		e    ledger.Event
		o    store.Object
		kind onus.ErrorKind
	}{
		"no id":              {event, thing("", `1`), onus.Invalid},
		"no body":            {event, thing("a", ``), onus.Invalid},
		"a NUL":              {event, thing("a\x00b", `1`), onus.Invalid},
		"no UTF-8":           {event, thing("a\xff", `1`), onus.Invalid},
		"a long id":          {event, thing(long, `1`), onus.Invalid},
		"a NUL in a key":     {event, thing("a", `1`, store.Key{Name: "k", Value: "\x00"}), onus.Invalid},
		"a long key":         {event, thing("a", `1`, store.Key{Name: "k", Value: long}), onus.Invalid},
		"nobody acted":       {nobody, thing("a", `1`), onus.Invalid},
		"a leaf too long":    {huge, thing("a", `1`), onus.Invalid},
		"a type of no table": {other, thing("a", `1`), onus.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			err := s.Update(t.Context(), func(tx store.Tx) error {
				_, err := tx.Record(t.Context(), c.e, c.o)
				return err
			})
			wantKind(t, err, c.kind)
		})
	}
	view(t, s, func(r store.Reader) error {
		for _, id := range []string{"a\x00b", "a\xff", long} {
			if _, ok, err := r.Get(t.Context(), "thing", id); ok || err != nil {
				t.Errorf("asking for %.10q: %v, %v", id, ok, err)
			}
		}
		return nil
	})
	put(t, s, thing(long[:1000], `1`, store.Key{Name: long[:100], Value: long[:1000]})) // as long as it may be
	verify(t, s)
}

func everyEventIsSigned(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	if verify(t, s).Checkpoint != "" {
		t.Error("an empty ledger is signed")
	}
	for i := range 9 {
		objects := make([]store.Object, 0, i)
		for j := range i {
			objects = append(objects, thing(strconv.Itoa(j), strconv.Itoa(i)))
		}
		put(t, s, objects...)
		report := verify(t, s)
		if want := int64(i * (i + 1) / 2); report.Entries != want {
			t.Errorf("verified %d entries, want %d", report.Entries, want)
		}
	}
	_, other, err := ledger.NewKey("onus.test/log")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.VerifyLedger(t.Context(), s, other, nil); err == nil {
		t.Error("another key's signature was taken for good")
	}
}
