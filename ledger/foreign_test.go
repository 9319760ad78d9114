package ledger_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/torchwood"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/onus-id/onus/ledger"
)

// onDisk writes a published log into a folder.
func onDisk(t *testing.T, f files) string {
	t.Helper()
	dir := t.TempDir()
	for path, data := range f {
		to := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Verifiers that others wrote read our logs.
func TestTesseraVerifiesOurLogs(t *testing.T) {
	hash := func(bundle []byte) ([][]byte, error) {
		var b api.EntryBundle
		if err := b.UnmarshalText(bundle); err != nil {
			return nil, err
		}
		var hashes [][]byte
		for _, e := range b.Entries {
			h := ledger.HashLeaf(e)
			hashes = append(hashes, h[:])
		}
		return hashes, nil
	}
	for _, n := range []int{1, 256, 700, 66_000} {
		f, entries, p := published(t, n)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		dir := client.FileFetcher{Root: onDisk(t, f)}
		v := p.Logs[0].Verifier
		if err := fsck.New("onus.example/log", v, dir, hash, fsck.Opts{N: 1}).Check(ctx); err != nil {
			t.Errorf("%d entries: %v", n, err)
		}
		c, _, _, err := client.FetchCheckpoint(ctx, dir.ReadCheckpoint, v, "onus.example/log")
		if err != nil || c.Size != uint64(n) {
			t.Fatalf("%d entries: %+v, %v", n, c, err)
		}
		bundle, err := client.GetEntryBundle(ctx, dir.ReadEntryBundle, 0, c.Size)
		if err != nil || !bytes.Equal(bundle.Entries[0], entries[0].Leaf) {
			t.Errorf("%d entries: the first is %v, %v", n, bundle, err)
		}
		cancel()
	}
}

func TestTorchwoodVerifiesOurLogs(t *testing.T) {
	for _, n := range []int{1, 256, 700, 66_000} {
		f, entries, p := published(t, n)
		policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy("onus.example/log"), torchwood.SingleVerifierPolicy(p.Logs[0].Verifier))
		c, _, err := torchwood.VerifyCheckpoint(f[ledger.CheckpointPath], policy)
		if err != nil {
			t.Fatal(err)
		}
		tiles, err := torchwood.NewTileFS(os.DirFS(onDisk(t, f)))
		if err != nil {
			t.Fatal(err)
		}
		reader, err := torchwood.NewClient(tiles, torchwood.WithTimeout(30*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for i, e := range reader.AllEntries(t.Context(), c.Tree, 0) {
			if !bytes.Equal(e, entries[i].Leaf) {
				t.Fatalf("entry %d differs", i)
			}
			seen++
		}
		if err := reader.Err(); err != nil || seen != n {
			t.Errorf("read %d of %d: %v", seen, n, err)
		}
	}
}

// Our paths of tiles are theirs, both ways.
func TestTilePathsAreThoseOfTorchwood(t *testing.T) {
	for _, level := range []int{-1, 0, 1, 5} {
		for _, n := range []int64{0, 7, 255, 999, 1000, 1_234_067, 1_234_567_890} {
			for _, width := range []int{1, 255, 256} {
				got := ledger.Tile{Level: level, N: n, Width: width}.Path()
				if want := torchwood.TilePath(tlog.Tile{H: 8, L: level, N: n, W: width}); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				if back, err := ledger.ParseTilePath(got); err != nil || back != (ledger.Tile{Level: level, N: n, Width: width}) {
					t.Errorf("%s is read as %+v, %v", got, back, err)
				}
			}
		}
	}
}

// witnesses makes n witnesses, and a policy text that names them.
func witnesses(tb testing.TB, n int) (signers []note.Signer, lines string) {
	tb.Helper()
	for i := range n {
		name := string(rune('a' + i))
		secret, public, err := ledger.NewWitnessKey("witness.example/" + name)
		if err != nil {
			tb.Fatal(err)
		}
		s, again, err := ledger.NewCosigner(secret, func() time.Time { return time.Unix(1_800_000_000, 0) })
		if err != nil || again != public {
			tb.Fatalf("the key does not come back: %s, %s, %v", again, public, err)
		}
		signers = append(signers, s)
		lines += "witness " + name + " " + public + "\n"
	}
	return signers, lines
}

// What we cosign and prove satisfies a verifier that others wrote, under the
// very same text of a policy; and what we refuse it refuses.
func TestTorchwoodAgreesAboutPoliciesAndReceipts(t *testing.T) {
	f, entries, _ := published(t, 700)
	secret, public, err := ledger.NewKey("onus.example/other")
	if err != nil {
		t.Fatal(err)
	}
	log, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ledger.PeekCheckpoint(string(f[ledger.CheckpointPath]))
	if err != nil {
		t.Fatal(err)
	}
	c.Origin = "onus.example/other"
	w, lines := witnesses(t, 3)
	text := "log " + public + "\n" + lines + "group two 2 a b c\nquorum two # of three\n# onus: grace 5m\n"
	ours, err := ledger.ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := torchwood.ParsePolicy([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	proof, err := ledger.ProveEntry(700, 333, f.read)
	if err != nil {
		t.Fatal(err)
	}
	for name, signers := range map[string][]note.Signer{
		"no witness": {log}, "one": {log, w[0]}, "two": {log, w[0], w[2]}, "all": {log, w[0], w[1], w[2]},
		"one twice": {log, w[1], w[1]}, "no log": {w[0], w[1], w[2]},
	} {
		signed, err := c.Sign(signers...)
		if err != nil {
			t.Fatal(err)
		}
		receipt := ledger.Receipt{Index: 333, Leaf: entries[333].Leaf, Proof: proof, Checkpoint: signed}
		back, err := ledger.ParseReceipt(receipt.Format())
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = back.Verify(ours)
		other := torchwood.VerifyProof(theirs, tlog.RecordHash(entries[333].Leaf), receipt.Format())
		if good := name == "two" || name == "all"; good != (err == nil) || good != (other == nil) {
			t.Errorf("%s: we say %v, they say %v", name, err, other)
		}
		if len(receipt.Format()) > 3000 {
			t.Errorf("%s: a receipt is %d bytes", name, len(receipt.Format()))
		}
	}
}

// A second signature, of an algorithm that a reader does not know, is passed over.
func TestACheckpointHasRoomForASecondAlgorithm(t *testing.T) {
	f, _, p := published(t, 3)
	signed := string(f[ledger.CheckpointPath]) + "— onus.example/log AAAAAGFub3RoZXIgYWxnb3JpdGht\n"
	if _, err := p.Open(signed); err != nil {
		t.Error(err)
	}
	key := append([]byte{9}, make([]byte, 32)...)
	sum := sha256.Sum256(append([]byte("x\n"), key...))
	vkey := fmt.Sprintf("x+%x+%s", sum[:4], base64.StdEncoding.EncodeToString(key))
	if _, err := ledger.NewVerifier(vkey); err == nil || !strings.Contains(err.Error(), "algorithm 9, which this version does not know") {
		t.Errorf("got %v", err)
	}
}
