package attribution_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// record names the release whose runs are recorded for the releases to come:
// make record RELEASE=v0.2.0.
var record = flag.String("record", "", "record the runs of this release in testdata/releases")

// story has a run of every kind that one company can have.
const story = `
roster ana finance
roster ben payroll
roster cem nowhere
run
yes abe
decide invalid_attribute amend ingrid department=sales
run
refuses dee
roster dee finance
run
heal
roster dee sales
run
decide denied retry ingrid
run
roster ana sales
run
put ana role:guest
create stray
put stray role:guest
run
mend revoke
cut ana group:sales
run
mend restore
deny ana group:staff
rule
emergency dee role:pay
agent helper gus
asks cem>helper cem role:pay
yes bob
undo ben joiner
roster dee sales 2026-03-01
run
roster dee sales
run
undo dee leaver
wait 750h
run
`

// recorded is a ledger as a file keeps it: what each entry says, and nothing
// that was worked out from that. It is a store.Reader of the last moment.
type recorded struct {
	store.Reader

	entries []store.Entry
	head    store.Head
}

type line struct {
	Leaf string          `json:"leaf"`
	Body json.RawMessage `json:"body,omitempty"`
	Keys []store.Key     `json:"keys,omitempty"`
}

// Events implements store.Reader.
func (r *recorded) Events(_ context.Context, q store.EventQuery) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		n := 0
		for _, e := range r.entries {
			ev, err := ledger.ParseLeaf(e.Leaf)
			if err != nil {
				yield(e, err)
				return
			}
			if e.Index < q.From || q.ID != "" && ev.ID != q.ID || q.ObjectKind != "" && ev.Object.Kind != q.ObjectKind || q.ObjectID != "" && ev.Object.ID != q.ObjectID {
				continue
			}
			if !yield(e, nil) {
				return
			}
			if n++; n == q.Limit {
				return
			}
		}
	}
}

// Head implements store.Reader.
func (r *recorded) Head(context.Context) (store.Head, error) { return r.head, nil }

// write keeps a ledger in a file.
func (c *company) write(path string) {
	c.Helper()
	file, err := os.Create(path)
	c.must(err)
	packed, err := gzip.NewWriterLevel(file, gzip.BestCompression)
	c.must(err)
	out := json.NewEncoder(packed)
	c.must(c.store.View(c.Context(), func(r store.Reader) error {
		for e, err := range r.Events(c.Context(), store.EventQuery{Bodies: true}) {
			if err != nil {
				return err
			}
			if err := out.Encode(line{string(e.Leaf), e.Body, e.Keys}); err != nil {
				return err
			}
		}
		return nil
	}))
	c.must(packed.Close())
	c.must(file.Close())
}

// read opens a recorded ledger, and gives its root.
func read(t *testing.T, path string) (*recorded, string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	packed, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorded{}
	root := onus.DigestOf(nil)
	lines := bufio.NewScanner(packed)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		r.entries = append(r.entries, store.Entry{Index: int64(len(r.entries)), Leaf: []byte(l.Leaf), Body: l.Body, Keys: l.Keys})
		root = onus.DigestOf([]byte(string(root) + l.Leaf))
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	r.head = store.Head{Size: int64(len(r.entries))}
	r.Reader = store.NewHistory(r).At(r.head.Size)
	return r, string(root)
}

// The runs of every release are made again by this one, with the same digest,
// from nothing but the ledger that was recorded then.
func TestRecordedRunsOfEveryReleaseAreMadeAgain(t *testing.T) {
	if *record != "" {
		base, err := txtar.ParseFile("testdata/company/acme.txtar")
		if err != nil {
			t.Fatal(err)
		}
		c := newCompany(t, part(base, "acme.yaml"))
		c.tell("run")
		for line := range strings.Lines(strings.TrimSpace(story)) {
			c.tell(strings.TrimSpace(line))
		}
		c.write(filepath.Join("testdata", "releases", *record+".jsonl.gz"))
	}
	files, err := filepath.Glob("testdata/releases/*.jsonl.gz")
	if err != nil || len(files) == 0 {
		t.Fatal("no release is recorded", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".jsonl.gz"), func(t *testing.T) {
			r, root := read(t, path)
			sum := strings.TrimSuffix(path, ".jsonl.gz") + ".sum"
			if *record != "" && strings.Contains(path, *record) {
				if err := os.WriteFile(sum, []byte(root+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(sum); err != nil || strings.TrimSpace(string(want)) != root {
				t.Fatalf("it is not what was recorded: %s, want %s (%v)", root, want, err)
			}
			runs, err := store.Runs.Find(t.Context(), r, "", "")
			if err != nil {
				t.Fatal(err)
			}
			p := attribution.NewPast(r)
			kinds := map[string]int{}
			for _, run := range runs {
				rep, err := p.Replay(t.Context(), string(run.ID), attribution.WhatIf{})
				if err != nil || !rep.Same || rep.Again != run.Plan {
					t.Errorf("run of %s on %s: instead %q, missing %q, differs %q (%v)", run.Workflow, run.Occasion, rep.Instead, rep.Missing, rep.Differs, err)
				}
				before, _, _ := strings.Cut(run.Occasion, "/")
				kinds[fmt.Sprintf("%.4s %s", before, run.Workflow)]++
			}
			for _, want := range []string{"occ_ joiner", "occ_ mover", "occ_ leaver", "emer requests", "requ requests", "expi requests", "drif ", "revi ", "reve joiner", "reve leaver"} {
				if !slices.ContainsFunc(slices.Collect(maps.Keys(kinds)), func(k string) bool { return strings.HasPrefix(k, want) }) {
					t.Errorf("no run of %q is recorded, only of %v", want, kinds)
				}
			}
			t.Logf("%d runs: %v", len(runs), kinds)
		})
	}
}
