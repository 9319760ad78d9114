package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus/ledger"
)

// published writes a log of n entries into a folder, with its policy.
func published(t *testing.T, n int) (dir, policy string, receipt ledger.Receipt) {
	t.Helper()
	secret, vkey, err := ledger.NewKey("onus.example/log")
	if err != nil {
		t.Fatal(err)
	}
	key, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	put := func(path string, data []byte) error {
		to := filepath.Join(dir, filepath.FromSlash(path))
		return errors.Join(os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, data, 0o600))
	}
	write := func(tile ledger.Tile, data []byte) error { return put(tile.Path(), data) }
	var tiling ledger.Tiling
	for i := range n {
		e := ledger.Event{
			Version: "1", ID: "evt_" + strings.Repeat("x", i+1), Type: ledger.RunCreated, Actor: "engine",
			Object: ledger.Object{Kind: "thing", ID: strings.Repeat("x", i+1), Version: 1},
		}
		leaf, err := e.Leaf()
		if err := errors.Join(err, tiling.Append(leaf, write)); err != nil {
			t.Fatal(err)
		}
		receipt.Leaf, receipt.Index = leaf, int64(i)
	}
	receipt.Checkpoint, err = ledger.Checkpoint{Origin: "onus.example/log", Size: int64(n), Root: tiling.Root()}.Sign(key)
	if err := errors.Join(err, tiling.Edge(write), put("checkpoint", []byte(receipt.Checkpoint))); err != nil {
		t.Fatal(err)
	}
	receipt.Proof, err = ledger.ProveEntry(int64(n), receipt.Index, func(tile ledger.Tile) ([]byte, error) {
		return os.ReadFile(filepath.Join(dir, filepath.FromSlash(tile.Path())))
	})
	if err != nil {
		t.Fatal(err)
	}
	policy = filepath.Join(t.TempDir(), "policy")
	if err := os.WriteFile(policy, []byte("log "+vkey+"\nquorum none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, policy, receipt
}

func TestVerify(t *testing.T) {
	dir, policy, r := published(t, 5)
	_, other, _ := published(t, 5)
	file := func(data []byte) string {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	receipt := file(r.Format())
	for _, c := range []struct {
		args []string
		want string // of the answer, or of the error
		good bool
	}{
		{[]string{"receipt", receipt, "--policy", policy}, "the receipt is good: event evt_xxxxx is entry 4 of the 5 of onus.example/log\n{", true},
		{[]string{"ledger", dir, "--policy", policy}, "the ledger is whole: 5 entries about 5 objects, root ", true},
		{[]string{"ledger", dir, "--policy", policy, "--since", file([]byte(r.Checkpoint))}, "the ledger is whole", true},
		{[]string{"receipt", receipt, "--policy", other}, "is signed by no key of the policy", false},
		{[]string{"ledger", dir, "--policy", other}, "is signed by no key of the policy", false},
		{[]string{"receipt", file([]byte("x")), "--policy", policy}, "this is not a receipt", false},
		{[]string{"receipt", receipt, "--policy", receipt}, "line 1 of the policy", false},
		{[]string{"receipt", receipt + "x", "--policy", policy}, "the receipt cannot be read", false},
		{[]string{"receipt", receipt, "--policy", policy + "x"}, "the policy cannot be read", false},
		{[]string{"ledger", t.TempDir(), "--policy", policy}, "it is no published log, or its export never finished", false},
		{[]string{"ledger", dir, "--policy", policy, "--since", receipt}, "the older checkpoint: ", false},
		{[]string{"receipt", receipt}, "a policy must be given", false},
		{[]string{"receipt"}, "usage:", false},
		{[]string{"moon", "x", "--policy", policy}, `"moon" cannot be verified`, false},
	} {
		var out bytes.Buffer
		err := run(t.Context(), c.args, &out)
		said := out.String()
		if err != nil {
			said = err.Error()
		}
		if c.good != (err == nil) || !strings.Contains(said, c.want) {
			t.Errorf("%q: got %q, %v; want %q", c.args, out.String(), err, c.want)
		}
	}
}

// Who is to trust it must be able to read it: of our house it has package
// ledger alone, and the modules behind that can be counted on one hand.
func TestItDependsOnLittle(t *testing.T) {
	list, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}} {{.ImportPath}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]bool{}
	for line := range strings.Lines(string(list)) {
		module, pkg, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if module == "github.com/onus-id/onus" && pkg != module+"/ledger" && pkg != module+"/cmd/onus-verify" {
			t.Errorf("it depends on %s", pkg)
		}
		if module != "" {
			modules[module] = true
		}
	}
	if len(modules) > 5 {
		t.Errorf("it depends on %d modules: %v", len(modules), modules)
	}
}
