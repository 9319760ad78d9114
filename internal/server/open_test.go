package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/server"
)

func TestSecretsComeFromWhereTheDefinitionsSay(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("ONUS_TEST_SECRET", "from the environment")
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(" from the file \r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	read := server.Secrets(dir, map[string]flow.Secret{
		"env": {Env: "ONUS_TEST_SECRET"}, "unset": {Env: "ONUS_TEST_NOT_SET"}, "file": {File: "secret"},
		"absolute": {File: filepath.Join(dir, "secret")}, "missing": {File: "no/such/file"}, "folder": {File: "."},
	})
	for name, want := range map[string]string{
		"env": "from the environment", "file": " from the file ", "absolute": " from the file ", "not named": "",
	} {
		if got, err := read(name); err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"unset", "missing", "folder"} {
		got, err := read(name)
		if onus.KindOf(err) != onus.Invalid || got != "" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if err != nil && (!strings.Contains(err.Error(), name) || onus.HintOf(err) == "") {
			t.Errorf("%s: the error does not say which secret, or what to do: %v", name, err)
		}
	}
}

func TestPathsAreRelativeToTheDefinitions(t *testing.T) {
	settings := map[string]string{"path": "feeds/hr.csv", "ca_file": "/etc/ca.pem", "url": "feeds/not-a-path"}
	got := server.Located("/acme", settings)
	for name, want := range map[string]string{"path": "/acme/feeds/hr.csv", "ca_file": "/etc/ca.pem", "url": "feeds/not-a-path"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if settings["path"] != "feeds/hr.csv" {
		t.Error("the definitions themselves were changed")
	}
	if server.Located("/acme", nil)["path"] != "" {
		t.Error("a path came from nowhere")
	}
}
