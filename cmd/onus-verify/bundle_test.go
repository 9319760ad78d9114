package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// realBundle lets the real command make a bundle, and the policy for it.
func realBundle(t *testing.T) (dir, policy string) {
	t.Helper()
	dir = t.TempDir()
	onus := filepath.Join(dir, "onus")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", onus, "../onus").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	sh := exec.CommandContext(t.Context(), "sh", "-e", "-c", `
./onus init acme
./onus publish -q acme
for key in acme/practice-keys/*; do ./onus owners accept -q --all --dir acme --sign $key || true; done
./onus versions approve -q ver_ --dir acme --sign acme/practice-keys/helen
./onus run -q acme --until-idle || true
./onus evidence -q --control A.5.18 --from 2020-01-01 --out bundle
printf 'log %s\nquorum none\n' "$(./onus ledger key)" > policy`)
	sh.Dir = dir
	if out, err := sh.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "bundle"), filepath.Join(dir, "policy")
}

func TestABundleIsProvedOffline(t *testing.T) {
	good, policy := realBundle(t)
	check := func(dir string) (string, error) {
		var out bytes.Buffer
		err := run(context.Background(), []string{"bundle", dir, "--policy", policy}, &out)
		return out.String(), err
	}
	says, err := check(good)
	if err != nil || !strings.HasPrefix(says, "the bundle is good: A.5.18 from 2020-01-01T00:00:00Z to ") {
		t.Fatalf("%s, %v", says, err)
	}
	manifestOf := func(dir string) (m map[string]any) {
		text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
		if err == nil {
			err = json.Unmarshal(text, &m)
		}
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	write := func(dir, name string, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// list gives what a manifest holds under a name, each as it can be changed.
	list := func(m map[string]any, name string) (all []map[string]any) {
		entries, _ := m[name].([]any) // of anything else there are none, which fails below
		for _, e := range entries {
			if one, is := e.(map[string]any); is {
				all = append(all, one)
			}
		}
		if len(all) == 0 {
			t.Fatalf("the manifest has no %s", name)
		}
		return all
	}
	first := func(m map[string]any) map[string]any { return list(m, "proofs")[0] }
	opened := func(m map[string]any, want string) map[string]any {
		for _, p := range list(m, "proofs") {
			if p["kind"] == want {
				return p
			}
		}
		t.Fatalf("nothing proves a %s", want)
		return nil
	}
	for name, c := range map[string]struct {
		forge func(dir string)
		want  string
	}{
		"a file was changed":     {func(dir string) { write(dir, "report.html", []byte("all is well")) }, "report.html is not the file that the manifest names"},
		"a file was added":       {func(dir string) { write(dir, "note.txt", []byte("trust us")) }, "note.txt is not of this bundle"},
		"a file is missing":      {func(dir string) { _ = os.Remove(filepath.Join(dir, "checkpoint")) }, "cannot be read"},
		"no manifest":            {func(dir string) { _ = os.Remove(filepath.Join(dir, "manifest.json")) }, "this is no bundle of evidence"},
		"another format":         {remade(t, func(m map[string]any) { m["format"] = "onus-evidence-9" }), "no bundle of evidence that this program knows"},
		"a row left out":         {remade(t, func(m map[string]any) { list(m, "queries")[0]["rows"] = 3.0 }), "the manifest says 3"},
		"a body exchanged":       {remade(t, func(m map[string]any) { opened(m, "change")["body"] = "e30=" }), "the event committed to something else"},
		"another's receipt":      {remade(t, func(m map[string]any) { first(m)["id"] = "run_other.01" }), "the receipt is of event"},
		"another log":            {remade(t, func(m map[string]any) { m["origin"] = "elsewhere" }), "and the bundle of elsewhere"},
		"more than is signed":    {remade(t, func(m map[string]any) { m["size"] = 1e6 }), "the checkpoint covers"},
		"another root":           {remade(t, func(m map[string]any) { m["root"] = strings.Repeat("0", 64) }), "root is not the one"},
		"later than the measure": {remade(t, func(m map[string]any) { m["size"] = 1.0 }), "is not among the 1 that it was measured on"},
		"out of the folder":      {remade(t, func(m map[string]any) { first(m)["receipt"] = "../policy" }), "is not among the files"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(good)); err != nil {
				t.Fatal(err)
			}
			c.forge(dir)
			if says, err := check(dir); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %v; want %s", says, err, c.want)
			}
		})
	}
	if kinds := list(manifestOf(good), "queries"); len(kinds) != 6 { // as A.5.18 is measured
		t.Errorf("it has %d queries", len(kinds))
	}
	_, other, _ := published(t, 5)
	if err := run(context.Background(), []string{"bundle", good, "--policy", other}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "not the log's") {
		t.Errorf("under the policy of another log: %v", err)
	}
}

// remade changes the manifest of a bundle.
func remade(t *testing.T, change func(map[string]any)) func(dir string) {
	t.Helper()
	return func(dir string) {
		name := filepath.Join(dir, "manifest.json")
		var m map[string]any
		text, err := os.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(text, &m)
		}
		if err != nil {
			t.Fatal(err)
		}
		change(m)
		if text, err = json.Marshal(m); err == nil {
			err = os.WriteFile(name, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
