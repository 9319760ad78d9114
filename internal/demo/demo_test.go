package demo_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus/internal/demo"
	"github.com/onus-id/onus/internal/rig"
)

// played plays the whole demo and gives what it told.
func played(t *testing.T, onReal bool) string {
	t.Helper()
	var out bytes.Buffer
	d, err := demo.Open(t.Context(), demo.Options{Dir: filepath.Join(t.TempDir(), "demo"), Real: onReal, Out: &out, Now: time.Now})
	if errors.Is(err, rig.ErrMissing) {
		rig.Require(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Play(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	verified(t, d)
	return out.String()
}

func TestTheDemoTellsWhatItShould(t *testing.T) {
	told := played(t, false)
	for _, want := range []string{
		"197 joined", "Nothing was changed by it", "unconfirmed", "weak_match", "duplicate_key", "invalid_attribute", "owner_missing",
		"has role:clerk on finance-ledger because department is \"Finance\"", "the ledger is whole", "the state is what the ledger says",
		"nobody warranted it",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("the demo does not tell of %q", want)
		}
	}
	if t.Failed() {
		t.Log(told)
	}
}

// On slapd and PostgreSQL the same three files come to the same end, as the
// systems themselves show.
func TestOnRealSystemsTheSameFilesEndTheSame(t *testing.T) {
	told := played(t, true)
	for _, want := range []string{"197 joined", "weak_match", "owner_missing", "the state is what the ledger says"} {
		if !strings.Contains(told, want) {
			t.Errorf("the demo does not tell of %q:\n%s", want, told)
		}
	}
}

func TestAFolderThatIsNoDemoIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "precious")
	if err := os.WriteFile(kept, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := demo.Open(t.Context(), demo.Options{Dir: dir, Now: time.Now}); err == nil {
		t.Fatal("the demo took a folder that is somebody's")
	}
	if got, err := os.ReadFile(kept); err != nil || string(got) != "data" {
		t.Errorf("what stood there is now %q, %v", got, err)
	}
}
