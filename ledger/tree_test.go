package ledger_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"github.com/onus-id/onus/ledger"
)

// rootOf is the definition of RFC 6962, section 2.1, word for word.
func rootOf(leaves [][]byte) ledger.Hash {
	switch n := len(leaves); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	default:
		k := 1 << (bits.Len(uint(n-1)) - 1)
		left, right := rootOf(leaves[:k]), rootOf(leaves[k:])
		return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
	}
}

// However often a frontier is put away and taken up again, it gives the root
// that the definition gives.
func TestFrontierGivesTheRoot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := ledger.NewFrontier()
		n := rapid.IntRange(0, 70).Draw(t, "leaves")
		leaves := make([][]byte, 0, n)
		for i := range n {
			leaf := fmt.Append(nil, i)
			leaves = append(leaves, leaf)
			if err := f.Append(ledger.HashLeaf(leaf)); err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "put away") {
				again, err := ledger.ParseFrontier(f.Marshal())
				if err != nil {
					t.Fatal(err)
				}
				f = again
			}
		}
		root, err := f.Root()
		if err != nil || root != rootOf(leaves) || f.Size() != int64(len(leaves)) {
			t.Fatalf("%d leaves: size %d, root %x, %v; want %x", len(leaves), f.Size(), root, err, rootOf(leaves))
		}
	})
}

func FuzzParseFrontier(f *testing.F) {
	frontier := ledger.NewFrontier()
	for i := range 7 {
		f.Add(frontier.Marshal())
		if err := frontier.Append(ledger.HashLeaf([]byte{byte(i)})); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(bytes.Repeat([]byte{0xff}, 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, err := ledger.ParseFrontier(data)
		if err == nil && !bytes.Equal(parsed.Marshal(), data) {
			t.Errorf("%x became %x", data, parsed.Marshal())
		}
	})
}

func newKey(tb testing.TB, origin string) (note.Signer, note.Verifier) {
	tb.Helper()
	sk, vk, err := ledger.NewKey(origin)
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := note.NewSigner(sk)
	if err != nil {
		tb.Fatal(err)
	}
	verifier, err := note.NewVerifier(vk)
	if err != nil {
		tb.Fatal(err)
	}
	return signer, verifier
}

func TestCheckpointIsASignedNote(t *testing.T) {
	signer, verifier := newKey(t, "onus.example/log")
	c := ledger.Checkpoint{Origin: "onus.example/log", Size: 42, Root: sha256.Sum256([]byte("x"))}
	signed, err := c.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(signed, "onus.example/log\n42\nLXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=\n\n— onus.example/log ") {
		t.Errorf("signed %q", signed)
	}
	got, err := ledger.OpenCheckpoint(signed, "onus.example/log", verifier)
	if err != nil || got != c {
		t.Errorf("opened %+v, %v", got, err)
	}
	if _, err := ledger.OpenCheckpoint(signed, "other.example/log", verifier); err == nil {
		t.Error("another log's checkpoint was taken")
	}
	if _, err := ledger.OpenCheckpoint(strings.Replace(signed, "42", "43", 1), "", verifier); err == nil {
		t.Error("a changed size was taken")
	}
	_, other := newKey(t, "onus.example/log")
	if _, err := ledger.OpenCheckpoint(signed, "", other); err == nil {
		t.Error("another key's signature was taken")
	}
	for _, origin := range []string{"", "two\nlines"} {
		if _, err := (ledger.Checkpoint{Origin: origin}).Sign(signer); err == nil {
			t.Errorf("%q was signed as an origin", origin)
		}
	}
}

// A signature does not make a text a checkpoint.
func TestASignedTextThatIsNoCheckpoint(t *testing.T) {
	signer, verifier := newKey(t, "o")
	root := "LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE="
	for text, good := range map[string]bool{
		"o\n0\n" + root + "\n":                   true,
		"o\n1\n" + root + "\nextension\n":        true,
		"o\n1\n":                                 false,
		"\n1\n" + root + "\n":                    false,
		"o\n01\n" + root + "\n":                  false,
		"o\n-1\n" + root + "\n":                  false,
		"o\n+1\n" + root + "\n":                  false,
		"o\n1\n" + root[:40] + "\n":              false,
		"o\n1\n" + root[:43] + "\n":              false,
		"o\n9223372036854775808\n" + root + "\n": false,
		// The same hash in base64 with bits left over.
		"o\n1\nLXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIF=\n": false,
	} {
		signed, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.OpenCheckpoint(string(signed), "o", verifier); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzOpenCheckpoint(f *testing.F) {
	signer, verifier := newKey(f, "o")
	signed, err := ledger.Checkpoint{Origin: "o", Size: 1}.Sign(signer)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := ledger.OpenCheckpoint(text, "o", verifier); err == nil && (c.Size != 1 || c.Root != ledger.Hash{}) {
			t.Errorf("%q was taken as %+v", text, c)
		}
	})
}

func TestKeyIsMadeOnceAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.key")
	signer, verifier, err := ledger.LoadOrCreateKey(path, "onus.example/log")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again, same, err := ledger.LoadOrCreateKey(path, "onus.example/log")
	if err != nil || same != verifier || again.KeyHash() != signer.KeyHash() {
		t.Errorf("a second look gives %s, %v; want %s", same, err, verifier)
	}
	signed, err := ledger.Checkpoint{Origin: "onus.example/log"}.Sign(again)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(verifier)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.OpenCheckpoint(signed, "", v); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestAKeyThatCannotBeUsed(t *testing.T) {
	const origin = "onus.example/log"
	for name, c := range map[string]struct {
		spoil  func(path string) error
		origin string
		want   string
	}{
		"others may read it": {func(p string) error { return os.Chmod(p, 0o640) }, origin, "chmod 600"},
		"of another log":     {func(string) error { return nil }, "other.example/log", "is of the log"},
		"damaged":            {func(p string) error { return os.WriteFile(p, []byte("PRIVATE+KEY+secret"), 0o600) }, origin, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ledger.key")
			if _, _, err := ledger.LoadOrCreateKey(path, origin); err != nil {
				t.Fatal(err)
			}
			if err := c.spoil(path); err != nil {
				t.Fatal(err)
			}
			_, _, err := ledger.LoadOrCreateKey(path, c.origin)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "PRIVATE") {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, _, err := ledger.LoadOrCreateKey(filepath.Join(t.TempDir(), "k"), "two words"); err == nil {
		t.Error("a name that notes cannot carry was taken")
	}
}
