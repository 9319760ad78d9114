package demo_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/onus-id/onus/internal/demo"
	"github.com/onus-id/onus/internal/export"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/trail"
	"github.com/onus-id/onus/ledger"
)

// After three days of work with real credentials, what the ledger and the
// whole store hold is judged: no secret in it, every event as its page says,
// every export valid.
func TestTheLedgerOfTheDemoIsFitToBeRead(t *testing.T) {
	for name, onReal := range map[string]bool{"embedded": false, "real": true} {
		t.Run(name, func(t *testing.T) { judge(t, onReal) })
	}
}

func judge(t *testing.T, onReal bool) {
	t.Helper()
	d, err := demo.Open(t.Context(), demo.Options{Dir: filepath.Join(t.TempDir(), "demo"), Real: onReal, Out: io.Discard, Now: time.Now})
	if errors.Is(err, rig.ErrMissing) {
		rig.Require(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Play(t.Context()); err != nil {
		t.Fatal(err)
	}
	secrets := secretsOf(t, d)
	noFileHolds(t, d, secrets)

	schema, err := jsonschema.NewCompiler().Compile("../export/testdata/ocsf-1.9.0-iam.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	b, err := server.OpenBooks(t.Context(), server.Options{Data: d.Data(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	seen := map[ledger.Type]int{}
	err = b.Log(t.Context(), server.LogQuery{Words: true}, func(l trail.Line) error {
		seen[l.Event.Type]++
		asItsPageSays(t, l)
		leaf, err := l.Event.Leaf()
		if err != nil {
			return err
		}
		for what, text := range map[string][]byte{"leaf": leaf, "state": l.State, "words": []byte(l.Text())} {
			for name, secret := range secrets {
				if bytes.Contains(text, secret) {
					t.Errorf("the %s of entry %d (%s) holds the secret %s", what, l.Index, l.Event.Type, name)
				}
			}
			if found := secretLooking.Find(text); found != nil {
				t.Errorf("the %s of entry %d (%s) holds what looks like a secret: %s", what, l.Index, l.Event.Type, found)
			}
		}
		return validOCSF(t, schema, l)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 20 {
		t.Errorf("only %d types of event were seen: %v", len(seen), seen)
	}
}

// secretLooking finds values under names that secrets have, credentials in
// addresses, and the headers and forms that tokens come in.
var secretLooking = regexp.MustCompile(`(?i)"(user)?(password|passwd|pwd|token|secret|api_?key|session(_?id)?|cookie|authorization)"\s*:\s*"[^"]+"|` +
	`://[^/\s"@:]+:[^/\s"@]+@|bearer [a-z0-9._-]{8,}|PRIVATE KEY|SCRAM-SHA|\{SSHA\}|(?-i:eyJ[A-Za-z0-9_-]{10,}\.)`)

// secretsOf gives everything in the demo's folder that must stay there.
func secretsOf(t *testing.T, d *demo.Demo) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(d.Dir, "secrets", "*"))
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, filepath.Join(d.Data(), "log.key"), filepath.Join(d.Data(), "master.key"))
	secrets := map[string][]byte{}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		secrets[filepath.Base(path)] = bytes.TrimSpace(data)
		if len(secrets[filepath.Base(path)]) < 8 {
			t.Fatalf("%s holds no secret that could be found", path)
		}
	}
	if len(secrets) < 3 {
		t.Fatalf("the demo has only the secrets %v", secrets)
	}
	return secrets
}

func noFileHolds(t *testing.T, d *demo.Demo, secrets map[string][]byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(d.Data(), "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, ".key") {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for name, secret := range secrets {
			if bytes.Contains(data, secret) {
				t.Errorf("%s holds the secret %s", path, name)
			}
		}
	}
}

// asItsPageSays holds an event to docs/ledger-events.md: its object, its
// notes and its optional fields are those that the page names.
func asItsPageSays(t *testing.T, l trail.Line) {
	t.Helper()
	e := l.Event
	m, known := ledger.Types[e.Type]
	if !known {
		t.Errorf("entry %d is of the type %q, which has no page", l.Index, e.Type)
	}
	if m.Object != "" && m.Object != e.Object.Kind {
		t.Errorf("%s moves a %s, and its page says %s", e.Type, e.Object.Kind, m.Object)
	}
	for name := range e.Notes {
		if m.Notes[name] == "" {
			t.Errorf("%s has the note %q, of which its page says nothing", e.Type, name)
		}
	}
	fields := strings.Split(m.Fields, ", ")
	for name, there := range map[string]bool{"cause": e.Cause != "", "workflow": e.Workflow != "", "rule": e.Rule != "", "inputs": len(e.Inputs) > 0} {
		if there && !slices.Contains(fields, name) {
			t.Errorf("%s has the field %q, of which its page says nothing", e.Type, name)
		}
	}
}

func validOCSF(t *testing.T, schema *jsonschema.Schema, l trail.Line) error {
	t.Helper()
	data, err := json.Marshal(export.OCSF(l, export.Origin{Log: "onus.log/main", Host: "h", Process: 1}))
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	if err := schema.Validate(v); err != nil {
		t.Errorf("entry %d is not OCSF: %v\n%s", l.Index, err, data)
	}
	return nil
}
