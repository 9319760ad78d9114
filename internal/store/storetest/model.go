package storetest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/onus-id/onus/internal/store"
)

// model is the simplest thing that keeps the same: maps.
type model map[string]modelObject

type modelObject struct {
	body    string
	version int64
	keys    []store.Key
}

// find is Find, the slow way.
func (m model) find(q store.Query) []string {
	type hit struct{ value, id string }
	var hits []hit
	for id, o := range m {
		if q.Key == "" {
			hits = append(hits, hit{"", id})
			continue
		}
		var values []string
		for _, k := range o.keys {
			if k.Name == q.Key && k.Value >= q.From && k.Value <= q.To {
				values = append(values, k.Value)
			}
		}
		if len(values) > 0 {
			hits = append(hits, hit{slices.Min(values), id})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.id, b.id)) })
	var ids []string
	for _, h := range hits {
		if (q.After == "" || h.id > q.After) && (q.Limit == 0 || len(ids) < q.Limit) {
			ids = append(ids, h.id)
		}
	}
	return ids
}

func storeDoesWhatAMapDoes(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	kinds := 0
	rapid.Check(t, func(rt *rapid.T) {
		kinds++
		kind := fmt.Sprint("kind", kinds) // a fresh world in the same store
		world := model{}
		rt.Repeat(map[string]func(*rapid.T){
			"update": func(rt *rapid.T) {
				next := maps.Clone(world)
				fail := rapid.Bool().Draw(rt, "fail")
				err := s.Update(t.Context(), func(tx store.Tx) error {
					for range rapid.IntRange(1, 6).Draw(rt, "steps") {
						step(t, rt, tx, kind, next)
					}
					if fail {
						return errNo
					}
					return nil
				})
				switch {
				case fail && !errors.Is(err, errNo), !fail && err != nil:
					rt.Fatalf("update: %v", err)
				case !fail:
					world = next
				}
			},
			"": func(rt *rapid.T) {
				err := s.View(t.Context(), func(r store.Reader) error {
					compare(t, rt, r, kind, world)
					return nil
				})
				if err != nil {
					rt.Fatal(err)
				}
			},
		})
	})
	verify(t, s)
}

var (
	drawID    = rapid.SampledFrom([]string{"a", "b", "c", "d/e"})
	drawName  = rapid.SampledFrom([]string{"k", "l"})
	drawValue = rapid.SampledFrom([]string{"", "1", "2", "3"})
)

func step(t *testing.T, rt *rapid.T, tx store.Tx, kind string, world model) {
	t.Helper()
	if rapid.IntRange(0, 3).Draw(rt, "what") == 0 {
		compare(t, rt, tx, kind, world)
		return
	}
	id := drawID.Draw(rt, "id")
	o := modelObject{body: strconv.Itoa(rapid.IntRange(0, 99).Draw(rt, "body")), version: world[id].version + 1}
	for range rapid.IntRange(0, 3).Draw(rt, "keys") {
		o.keys = append(o.keys, store.Key{Name: drawName.Draw(rt, "name"), Value: drawValue.Draw(rt, "value")})
	}
	e, err := tx.Record(t.Context(), event, store.Object{Kind: kind, ID: id, Body: json.RawMessage(o.body), Keys: o.keys})
	if err != nil {
		rt.Fatal(err)
	}
	if e.Object.Version != o.version {
		rt.Fatalf("%s is version %d, want %d", id, e.Object.Version, o.version)
	}
	world[id] = o
}

// compare asks the store and the model the same.
func compare(t *testing.T, rt *rapid.T, r store.Reader, kind string, world model) {
	t.Helper()
	id := drawID.Draw(rt, "get")
	row, ok, err := r.Get(t.Context(), kind, id)
	want, there := world[id]
	if err != nil || ok != there || string(row.Body) != want.body || row.Version != want.version {
		rt.Fatalf("get %s: %+v, %v, %v; want %+v", id, row, ok, err, want)
	}
	q := store.Query{Kind: kind, Limit: rapid.IntRange(0, 3).Draw(rt, "limit")}
	if rapid.Bool().Draw(rt, "by key") {
		q.Key, q.From, q.To = drawName.Draw(rt, "key"), drawValue.Draw(rt, "from"), drawValue.Draw(rt, "to")
	}
	if q.From == q.To && rapid.Bool().Draw(rt, "go on") {
		q.After = drawID.Draw(rt, "after")
	}
	ids, err := find(t.Context(), r, q)
	if err != nil || !slices.Equal(ids, world.find(q)) {
		rt.Fatalf("find %+v: %v, %v; want %v", q, ids, err, world.find(q))
	}
	n, err := r.Count(t.Context(), q)
	q.After, q.Limit = "", 0
	if err != nil || n != len(world.find(q)) {
		rt.Fatalf("count %+v: %d, %v; want %d", q, n, err, len(world.find(q)))
	}
}
