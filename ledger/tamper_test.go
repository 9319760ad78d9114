package ledger_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onus-id/onus/ledger"
)

// aBigLog is a published log of n short events.
func aBigLog(tb testing.TB, n int) (files, *ledger.Policy) {
	tb.Helper()
	signer, v := newKey(tb, "onus.example/log")
	f := files{}
	var tiling ledger.Tiling
	for i := range n {
		e := ledger.Event{
			Version: "1", ID: fmt.Sprint("evt_", i), Time: time.Unix(int64(i), 0).UTC(), Type: ledger.RunCreated, Actor: "e",
			Object: ledger.Object{Kind: "t", ID: fmt.Sprint(i), Version: 1},
		}
		leaf, err := e.Leaf()
		if err == nil {
			err = tiling.Append(leaf, f.write)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	signed, err := ledger.Checkpoint{Origin: v.Name(), Size: int64(n), Root: tiling.Root()}.Sign(signer)
	if err := errors.Join(err, tiling.Edge(f.write)); err != nil {
		tb.Fatal(err)
	}
	f[ledger.CheckpointPath] = []byte(signed)
	return f, &ledger.Policy{Logs: []ledger.PolicyKey{{Name: v.Name(), Verifier: v}}}
}

// piece is a bundle of entries with the tile of their hashes.
type piece struct {
	bundle  []byte
	hashes  []ledger.Hash
	offsets []int // of each entry in the bundle, and of its end
}

func pieces(t *testing.T, f files, n int) []piece {
	t.Helper()
	var all []piece
	for first := 0; first < n; first += ledger.TileWidth {
		width := min(ledger.TileWidth, n-first)
		at := func(level int) []byte {
			return f[ledger.Tile{Level: level, N: int64(first / ledger.TileWidth), Width: width}.Path()]
		}
		p := piece{bundle: at(ledger.EntryLevel)}
		for i, off := 0, 0; i < width; i++ {
			p.offsets = append(p.offsets, off)
			p.hashes = append(p.hashes, ledger.Hash(at(0)[32*i:]))
			off += 2 + int(binary.BigEndian.Uint16(p.bundle[off:]))
		}
		p.offsets = append(p.offsets, len(p.bundle))
		all = append(all, p)
	}
	return all
}

// In a log of 10,000 events every flip of a bit, every deletion, every swap
// and every truncation is found, and at its place. What stands before a change
// is untouched by it, so it is enough to check from there on; that the tiles
// themselves cannot change unseen is proven below.
func TestEveryChangeOfALogIsFound(t *testing.T) {
	const n = 10_000
	f, p := aBigLog(t, n)
	if r, err := verifyFiles(f, p, ""); err != nil || r.Size != n {
		t.Fatalf("the log itself: %+v, %v", r, err)
	}
	all := pieces(t, f, n)
	work := make(chan piece)
	var wg sync.WaitGroup
	var mu sync.Mutex
	tried := 0
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for p := range work {
				done := everyChange(t, p)
				mu.Lock()
				tried += done
				mu.Unlock()
			}
		})
	}
	seen := map[ledger.Hash]bool{}
	for _, p := range all {
		for _, h := range p.hashes { // before the piece is handed over: its worker flips their bits
			seen[h] = true
		}
		work <- p
	}
	close(work)
	wg.Wait()
	// No two entries are alike, so that any other order puts another entry
	// somewhere, and the check there fails as it does for a swap.
	if len(seen) != n {
		t.Errorf("%d different entries, want %d", len(seen), n)
	}
	if tried < 10_000_000 {
		t.Errorf("only %d changes were tried", tried)
	}
}

// everyChange makes every change to one piece and counts them.
func everyChange(t *testing.T, p piece) (tried int) {
	t.Helper()
	found := func(i int, from []byte, hashes []ledger.Hash, what string, args ...any) {
		tried++
		if at, err := ledger.CheckBundle(from, hashes[i:]); err == nil || at > 1 {
			t.Errorf("entry %d: %s: found at %d, %v", i, fmt.Sprintf(what, args...), at, err)
		}
	}
	data := append([]byte(nil), p.bundle...)
	for i := range p.hashes {
		off, end := p.offsets[i], p.offsets[i+1]
		for at := off; at < end; at++ {
			for bit := range 8 {
				data[at] ^= 1 << bit
				found(i, data[off:], p.hashes, "bit %d of byte %d", bit, at-off)
				data[at] ^= 1 << bit
			}
			found(i, data[off:at], p.hashes, "cut at byte %d", at-off)
		}
		for bit := range 256 {
			p.hashes[i][bit/8] ^= 1 << (bit % 8)
			found(i, data[off:], p.hashes, "bit %d of its hash", bit)
			p.hashes[i][bit/8] ^= 1 << (bit % 8)
		}
		found(i, data[end:], p.hashes, "deleted")
		if i+1 < len(p.hashes) {
			next := p.offsets[i+2]
			swapped := append(append([]byte(nil), data[end:next]...), data[off:end]...)
			found(i, append(swapped, data[next:]...), p.hashes, "swapped with the next")
		}
		found(i, append(append([]byte(nil), data[off:end]...), data[off:]...), p.hashes, "written twice")
	}
	return tried
}

// No bit of a checkpoint can change, and none of any tile above the entries.
// The whole verification is run for one bit of every hash there.
func TestNoBitOfACheckpointOrOfAnUpperTileCanChange(t *testing.T) {
	const n = 10_000
	f, p := aBigLog(t, n)
	w, lines := witnesses(t, 1)
	c, err := p.Open(string(f[ledger.CheckpointPath]))
	if err != nil {
		t.Fatal(err)
	}
	cosigned, err := c.Sign(w[0])
	if err != nil {
		t.Fatal(err)
	}
	line, err := ledger.SignatureLines([]byte(cosigned))
	if err != nil {
		t.Fatal(err)
	}
	signed := append(append([]byte(nil), f[ledger.CheckpointPath]...), line...)
	vkey := strings.Fields(lines)[2]
	v, err := ledger.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	witnessed, err := ledger.ParsePolicy("log " + anyKey(t) + "\n" + lines + "quorum a")
	if err != nil {
		t.Fatal(err)
	}
	witnessed.Logs, witnessed.Witnesses[0].Verifier = p.Logs, v
	if _, err := witnessed.Open(string(signed)); err != nil {
		t.Fatal(err)
	}
	for at := range signed {
		for bit := range 8 {
			signed[at] ^= 1 << bit
			if _, err := witnessed.Open(string(signed)); err == nil {
				t.Errorf("bit %d of byte %d of the checkpoint changed unseen: %q", bit, at, signed)
			}
			signed[at] ^= 1 << bit
		}
		if _, err := witnessed.Open(string(signed[:at])); err == nil {
			t.Errorf("the checkpoint is good when cut at byte %d", at)
		}
	}
	dice := rand.New(rand.NewPCG(1, 2))
	for path, data := range f {
		if !strings.HasPrefix(path, "tile/1/") {
			continue
		}
		for at := 0; at < len(data); at += 32 {
			bit := dice.IntN(256)
			data[at+bit/8] ^= 1 << (bit % 8)
			if _, err := verifyFiles(f, p, ""); err == nil {
				t.Errorf("bit %d of the hash at %d of %s changed unseen", bit, at, path)
			}
			data[at+bit/8] ^= 1 << (bit % 8)
		}
	}
}

func anyKey(t *testing.T) string {
	t.Helper()
	_, vkey, err := ledger.NewKey("onus.example/any")
	if err != nil {
		t.Fatal(err)
	}
	return vkey
}

// A file of a published log that is missing, short, long or exchanged for
// another is found, and the sentence says which.
func TestAHalfWrittenExportIsFound(t *testing.T) {
	whole, p := aBigLog(t, 600)
	for name, c := range map[string]struct {
		harm func(files)
		want string
	}{
		"no checkpoint":       {func(f files) { delete(f, "checkpoint") }, "there is no checkpoint there: it is no published log, or its export never finished"},
		"an empty checkpoint": {func(f files) { f["checkpoint"] = nil }, "this is not a checkpoint"},
		"a missing bundle":    {func(f files) { delete(f, "tile/entries/001") }, "tile/entries/001 is missing: the log of 600 entries is not all there"},
		"a missing tile":      {func(f files) { delete(f, "tile/0/001") }, "tile/0/001 is missing"},
		"a missing edge":      {func(f files) { delete(f, "tile/1/000.p/2") }, "tile/1/000.p/2 is missing"},
		"an empty bundle":     {func(f files) { f["tile/entries/001"] = nil }, "entry 256: tile/entries/001 is not what tile/0/001 stands for: it has 0 entries, and should have 256"},
		"a cut bundle":        {func(f files) { f["tile/entries/001"] = f["tile/entries/001"][:len(f["tile/entries/001"])-1] }, "entry 511: tile/entries/001 is not what tile/0/001 stands for: it ends in the middle of an entry"},
		"a long bundle": {
			func(f files) { f["tile/entries/001"] = append(f["tile/entries/001"], 0) },
			"it goes on after its 256 entries",
		},
		"a cut tile": {func(f files) { f["tile/0/001"] = f["tile/0/001"][:33] }, "entry 256: tile/0/001 is damaged: it is 33 bytes; 256 hashes are 8192"},
		"two bundles changed": {func(f files) {
			f["tile/entries/000"], f["tile/entries/001"] = f["tile/entries/001"], f["tile/entries/000"]
		}, "entry 0: tile/entries/000"},
		"bundles and tiles changed": {
			func(f files) {
				f["tile/entries/000"], f["tile/entries/001"] = f["tile/entries/001"], f["tile/entries/000"]
				f["tile/0/000"], f["tile/0/001"] = f["tile/0/001"], f["tile/0/000"]
			}, "does not have the hashes of its entries",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := files{}
			for path, data := range whole {
				f[path] = append([]byte(nil), data...)
			}
			c.harm(f)
			if _, err := verifyFiles(f, p, ""); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
