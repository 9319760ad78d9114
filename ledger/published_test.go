package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/onus-id/onus/ledger"
)

// files is a published log in memory.
type files map[string][]byte

func (f files) fetch(_ context.Context, path string) ([]byte, error) {
	data, ok := f[path]
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	return data, nil
}

func (f files) read(t ledger.Tile) ([]byte, error) { return f.fetch(context.Background(), t.Path()) }

func (f files) write(t ledger.Tile, data []byte) error {
	f[t.Path()] = append([]byte(nil), data...)
	return nil
}

// published is aLog as files.
func published(tb testing.TB, n int) (files, []ledger.Entry, *ledger.Policy) {
	tb.Helper()
	entries, signed, v := aLog(tb, n)
	f := files{ledger.CheckpointPath: []byte(signed)}
	var tiling ledger.Tiling
	for _, e := range entries {
		if err := tiling.Append(e.Leaf, f.write); err != nil {
			tb.Fatal(err)
		}
	}
	if err := tiling.Edge(f.write); err != nil {
		tb.Fatal(err)
	}
	return f, entries, &ledger.Policy{Logs: []ledger.PolicyKey{{Name: v.Name(), Verifier: v}}}
}

func verifyFiles(f files, p *ledger.Policy, since string) (ledger.Report, error) {
	r, _, err := ledger.VerifyPublished(context.Background(), f.fetch, ledger.Options{Policy: p, Since: since})
	return r, err
}

func TestAPublishedLogVerifies(t *testing.T) {
	for _, n := range []int{1, 2, 255, 256, 257, 512, 1000, 70_000} {
		f, _, p := published(t, n)
		r, err := verifyFiles(f, p, "")
		if err != nil || r.Size != int64(n) || r.Objects != min(n, 3) || r.Erased != 0 {
			t.Errorf("%d entries: %+v, %v", n, r, err)
		}
	}
}

// Cutting a log into tiles gives the same files in one go as with any number
// of stops, and the root that the frontier gives.
func TestTilingGoesOnWhereItStopped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 1200).Draw(t, "entries")
		whole, parts := files{}, files{}
		var once ledger.Tiling
		again := &ledger.Tiling{}
		tree := ledger.NewFrontier()
		for i := range n {
			leaf := fmt.Appendf(nil, "entry %d", i)
			if err := errors.Join(once.Append(leaf, whole.write), again.Append(leaf, parts.write), tree.Append(ledger.HashLeaf(leaf))); err != nil {
				t.Fatal(err)
			}
			if rapid.IntRange(0, 99).Draw(t, "stop") == 0 {
				if err := again.Edge(parts.write); err != nil {
					t.Fatal(err)
				}
				var err error
				if again, err = ledger.ResumeTiling(again.Size(), parts.read); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := errors.Join(once.Edge(whole.write), again.Edge(parts.write)); err != nil {
			t.Fatal(err)
		}
		for path, data := range whole {
			if string(parts[path]) != string(data) {
				t.Fatalf("%s differs", path)
			}
		}
		root, err := tree.Root()
		if err != nil || once.Root() != root || again.Root() != root {
			t.Fatalf("the roots differ: %x, %x, %x, %v", once.Root(), again.Root(), root, err)
		}
	})
}

// Every entry is proven, and every smaller size; and no proof serves for
// another place, entry or size.
func TestProofsOutOfTiles(t *testing.T) {
	f, entries, _ := published(t, 70_000)
	checkpoint, err := ledger.PeekCheckpoint(string(f[ledger.CheckpointPath]))
	if err != nil {
		t.Fatal(err)
	}
	small, err := ledger.ResumeTiling(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range checkpoint.Size {
		if i%997 == 0 || i == checkpoint.Size-1 || i < 3 {
			proof, err := ledger.ProveEntry(checkpoint.Size, i, f.read)
			if err != nil {
				t.Fatal(err)
			}
			if err := ledger.CheckEntry(proof, checkpoint, i, entries[i].Leaf); err != nil {
				t.Errorf("entry %d: %v", i, err)
			}
			if ledger.CheckEntry(proof, checkpoint, i, entries[(i+1)%checkpoint.Size].Leaf) == nil {
				t.Errorf("the proof of entry %d proves another entry", i)
			}
			if ledger.CheckEntry(proof, checkpoint, (i+1)%checkpoint.Size, entries[i].Leaf) == nil {
				t.Errorf("the proof of entry %d proves it at another place", i)
			}
			older := ledger.Checkpoint{Origin: checkpoint.Origin, Size: i, Root: small.Root()}
			growth, err := ledger.ProveGrowth(i, checkpoint.Size, f.read)
			if err != nil {
				t.Fatal(err)
			}
			if err := ledger.CheckGrowth(growth, older, checkpoint); err != nil {
				t.Errorf("from %d: %v", i, err)
			}
			older.Root[0] ^= 1
			if i > 0 && ledger.CheckGrowth(growth, older, checkpoint) == nil {
				t.Errorf("from %d: a fork is growth", i)
			}
		}
		if err := small.Append(entries[i].Leaf, func(ledger.Tile, []byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
}

// Who kept an older checkpoint finds out when the log shrank or was forked.
func TestAKeptCheckpointFindsForksAndShrinking(t *testing.T) {
	_, entries, p := published(t, 600)
	signer, v := newKey(t, "onus.example/log")
	p.Logs[0].Verifier = v
	sign := func(entries []ledger.Entry) (string, files) {
		var tiling ledger.Tiling
		out := files{}
		for _, e := range entries {
			if err := tiling.Append(e.Leaf, out.write); err != nil {
				t.Fatal(err)
			}
		}
		if err := tiling.Edge(out.write); err != nil {
			t.Fatal(err)
		}
		signed, err := ledger.Checkpoint{Origin: "onus.example/log", Size: tiling.Size(), Root: tiling.Root()}.Sign(signer)
		if err != nil {
			t.Fatal(err)
		}
		out[ledger.CheckpointPath] = []byte(signed)
		return signed, out
	}
	now, log := sign(entries)
	before, short := sign(entries[:300])
	other := append([]ledger.Entry(nil), entries...)
	e, err := ledger.ParseLeaf(other[100].Leaf)
	if err != nil {
		t.Fatal(err)
	}
	e.Rule = "another"
	if other[100].Leaf, err = e.Leaf(); err != nil {
		t.Fatal(err)
	}
	_, forked := sign(other)
	for name, c := range map[string]struct {
		log   files
		since string
		want  string // empty: it verifies
	}{
		"it grew":                    {log, before, ""},
		"nothing happened":           {log, now, ""},
		"it shrank":                  {short, now, "the log shrank: it had 600 entries, and now 300"},
		"two roots of one size":      {forked, now, "the log was forked: it has two roots for its 600 entries"},
		"rewritten and grown":        {forked, before, "it was forked: its first 300 entries are not those that were signed before"},
		"the older one is no text":   {log, "garbage", "this is not a checkpoint"},
		"the older one is a forgery": {log, strings.Replace(before, "300", "299", 1), "false"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := verifyFiles(c.log, p, c.since)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
