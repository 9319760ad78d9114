package ledger_test

import (
	"bytes"
	"strings"
	"testing"

	"filippo.io/torchwood"

	"github.com/onus-id/onus/ledger"
)

// What is read as a tile's path is its one path.
func FuzzTilePath(f *testing.F) {
	for _, s := range []string{"tile/0/000", "tile/entries/x001/234.p/7", "tile/7/x123/x456/789", "tile/8/000", "tile/0/000.p/256", "tile/0/../000", "tile//000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		tile, err := ledger.ParseTilePath(path)
		if err == nil && tile.Path() != path {
			t.Errorf("%q is read as %+v, whose path is %q", path, tile, tile.Path())
		}
		if _, theirs := torchwood.ParseTilePath(path); err == nil && theirs != nil {
			t.Errorf("we read %q, and torchwood does not: %v", path, theirs)
		}
	})
}

// An entry bundle that was cut into entries is what they give again.
func FuzzBundle(f *testing.F) {
	f.Add([]byte("\x00\x01a\x00\x00\x00\x02bc"))
	f.Add([]byte("\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var again []byte
		for rest := data; len(rest) > 0; {
			var leaf []byte
			var err error
			if leaf, rest, err = ledger.CutEntry(rest); err != nil {
				return
			}
			if again, err = ledger.AppendEntry(again, leaf); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(again, data) {
			t.Errorf("%q became %q", data, again)
		}
	})
}

// A receipt has one form, and reading one never proves anything by itself.
func FuzzReceipt(f *testing.F) {
	log, entries, p := published(f, 5)
	proof, err := ledger.ProveEntry(5, 2, log.read)
	if err != nil {
		f.Fatal(err)
	}
	good := ledger.Receipt{Index: 2, Leaf: entries[2].Leaf, Proof: proof, Checkpoint: string(log["checkpoint"])}.Format()
	f.Add(good)
	f.Add([]byte("c2sp.org/tlog-proof@v1\nextra \nindex 0\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ledger.ParseReceipt(data)
		if err != nil {
			return
		}
		if !bytes.Equal(r.Format(), data) {
			t.Errorf("%q is read as %q", data, r.Format())
		}
		if _, _, err := r.Verify(p); err == nil && !bytes.Equal(r.Leaf, entries[r.Index].Leaf) {
			t.Errorf("%q proves what is not in the log", data)
		}
	})
}

// What torchwood refuses as a policy we refuse too.
func FuzzPolicy(f *testing.F) {
	_, vkey, err := ledger.NewKey("onus.example/log")
	if err != nil {
		f.Fatal(err)
	}
	_, lines := witnesses(f, 2)
	f.Add("log " + vkey + "\nquorum none\n")
	f.Add("log " + vkey + " https://x.example\n" + lines + "group g any a b\ngroup h all g a\nquorum h # ?\n# onus: grace 1m")
	f.Add("quorum none")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ledger.ParsePolicy(text)
		if err != nil {
			return
		}
		if len(p.Logs) == 0 || p.Grace < 0 || p.Grace > ledger.MaxGrace {
			t.Errorf("%q is read as %+v", text, p)
		}
		if _, theirs := torchwood.ParsePolicy([]byte(text)); theirs != nil && !strings.Contains(text, "\r") {
			t.Errorf("we read %q, and torchwood does not: %v", text, theirs)
		}
	})
}

// A checkpoint's text has one form.
func FuzzCheckpointText(f *testing.F) {
	f.Add("a\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
	f.Add("a\n01\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ledger.ParseCheckpoint(text)
		if err == nil && !strings.HasPrefix(text, c.Text()) {
			t.Errorf("%q is read as %+v", text, c)
		}
		_, _ = ledger.PeekCheckpoint(text)
	})
}
