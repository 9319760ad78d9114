package ledgerapp_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/sqlapp"
	"github.com/onus-id/onus/internal/demo/ledgerapp"
)

// What the application says of itself through its settings is what was put
// into it.
func TestTheLeftoversAreSeenThroughTheSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := ledgerapp.Create(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	mine := ledgerapp.User{Login: "ana", Name: "Ana K", Mail: "ana@acme.example", Roles: []string{"controller"}}
	if err := ledgerapp.Seed(t.Context(), path, mine); err != nil {
		t.Fatal(err)
	}
	c, err := sqlapp.Open(ledgerapp.Settings(path), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if closer, ok := c.(connector.Closer); ok {
			_ = closer.Close() // the test is over
		}
	})
	if err := c.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	got := map[string]connector.Account{}
	if complete, err := c.Scan(t.Context(), func(a connector.Account) error {
		got[a.Name] = a
		return nil
	}); err != nil || !complete {
		t.Fatalf("the scan ended with complete %t and %v", complete, err)
	}
	all := append(ledgerapp.Leftovers(), mine)
	if len(got) != len(all) {
		t.Errorf("the scan gives %v", slices.Sorted(maps.Keys(got)))
	}
	for _, u := range all {
		a := got[u.Login]
		var direct []string
		for _, h := range a.Holds {
			if h.Path == onus.Direct {
				direct = append(direct, strings.TrimPrefix(h.Entitlement, "role:"))
			}
		}
		if want := slices.Sorted(slices.Values(u.Roles)); a.Enabled == u.Inactive || a.Attributes["mail"] != u.Mail || !slices.Equal(direct, want) {
			t.Errorf("%s is %+v, want %+v", u.Login, a, u)
		}
	}
	inherited := map[string]string{}
	for _, h := range got["ana"].Holds {
		if h.Path == onus.Inherited {
			inherited[h.Entitlement] = h.Via
		}
	}
	if len(inherited) != 2 || inherited["role:clerk"] != "role:controller" || inherited["role:viewer"] != "role:controller" {
		t.Errorf("a controller is a clerk, and so a viewer; the scan gives %v", inherited)
	}
}

func TestAnExistingFileIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := ledgerapp.Create(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if err := ledgerapp.Create(t.Context(), path); err == nil {
		t.Error("it was created again")
	}
	if err := ledgerapp.Seed(t.Context(), path, ledgerapp.User{Login: "x", Roles: []string{"no such role"}}); err == nil {
		t.Error("a role that is not there was given")
	}
	if err := ledgerapp.Seed(t.Context(), path); err != nil {
		t.Errorf("the refused seed left something: %v", err)
	}
}
