package reconcile_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/reconcile"
)

var (
	ana   = onus.Account{System: "ldap", Ref: "u1", Name: "ana.k", Identity: "id-ana", Matched: "login", Enabled: true, Attributes: onus.Attributes{"mail": "a@x"}}
	sales = onus.Grant{System: "ldap", Account: "u1", Entitlement: "group:sales", Observed: true, Path: onus.Direct}
)

func seen(change func(*reconcile.Seen)) reconcile.Seen {
	s := reconcile.Seen{
		System: "ldap", Ref: "u1", Name: "ana.k", Enabled: true, Attributes: onus.Attributes{"mail": "a@x"},
		Holds: []onus.Held{{Entitlement: "group:sales", Path: onus.Direct}},
	}
	if change != nil {
		change(&s)
	}
	return s
}

func TestAccount(t *testing.T) {
	for name, tc := range map[string]struct {
		change      func(*reconcile.Seen)
		differences []reconcile.Difference
		appeared    []string
		vanished    []string
	}{
		"nothing moved": {},
		"it was renamed": {
			change:      func(s *reconcile.Seen) { s.Name = "ana.b" },
			differences: []reconcile.Difference{reconcile.Renamed},
		},
		"it was disabled behind our back": {
			change:      func(s *reconcile.Seen) { s.Enabled = false },
			differences: []reconcile.Difference{reconcile.Disabled},
		},
		"an attribute went": {
			change:      func(s *reconcile.Seen) { s.Attributes = nil },
			differences: []reconcile.Difference{reconcile.Attributes},
		},
		"a grant appeared and one vanished": {
			change: func(s *reconcile.Seen) {
				s.Holds = []onus.Held{{Entitlement: "group:finance", Path: onus.Direct}}
			},
			appeared: []string{"group:finance direct"}, vanished: []string{"group:sales direct"},
		},
		"only the inherited path is left": {
			change:   func(s *reconcile.Seen) { s.Holds[0].Path, s.Holds[0].Via = onus.Inherited, "group:all" },
			appeared: []string{"group:sales inherited"},
		},
		"a second path to what is held changes nothing": {
			change: func(s *reconcile.Seen) {
				s.Holds = append([]onus.Held{{Entitlement: "group:sales", Path: onus.Inherited, Via: "group:all"}}, s.Holds...)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := reconcile.Account(&ana, []onus.Grant{sales}, seen(tc.change))
			if diff := cmp.Diff(tc.differences, o.Differences); diff != "" {
				t.Errorf("differences: %s", diff)
			}
			if o.AccountChanged != (len(tc.differences) > 0) {
				t.Errorf("AccountChanged = %v", o.AccountChanged)
			}
			if diff := cmp.Diff(tc.appeared, words(o.Appeared)); diff != "" {
				t.Errorf("appeared: %s", diff)
			}
			if diff := cmp.Diff(tc.vanished, words(o.Vanished)); diff != "" {
				t.Errorf("vanished: %s", diff)
			}
			if o.Account.Identity != ana.Identity || o.Account.Matched != ana.Matched {
				t.Errorf("the account was %s's by %s, now %s's by %s", ana.Identity, ana.Matched, o.Account.Identity, o.Account.Matched)
			}
		})
	}
}

func words(held []onus.Held) []string {
	if held == nil {
		return nil
	}
	out := make([]string, 0, len(held))
	for _, h := range held {
		out = append(out, h.Entitlement+" "+string(h.Path))
	}
	return out
}

func TestANewAccountIsNobodys(t *testing.T) {
	o := reconcile.Account(nil, nil, seen(nil))
	if !o.AccountChanged || !slices.Equal(o.Differences, []reconcile.Difference{reconcile.New}) || o.Account.Identity != "" || len(o.Appeared) != 1 {
		t.Errorf("got %+v", o)
	}
}

func TestAGoneAccountComesBackToItsIdentity(t *testing.T) {
	gone := ana
	gone.Gone = true
	o := reconcile.Account(&gone, nil, seen(nil))
	if o.Account.Gone || o.Account.Identity != ana.Identity || !slices.Contains(o.Differences, reconcile.Back) {
		t.Errorf("got %+v", o)
	}
}

// A directory time-out marked live accounts as deleted (Saviynt).
func TestATruncatedScanProvesNothingGone(t *testing.T) {
	if o, gone := reconcile.Absent(ana, []onus.Grant{sales}, false); gone || o.AccountChanged || o.Account.Gone || o.Vanished != nil {
		t.Errorf("an incomplete scan found %+v", o)
	}
	o, gone := reconcile.Absent(ana, []onus.Grant{sales}, true)
	if !gone || !o.Account.Gone || len(o.Vanished) != 1 {
		t.Errorf("a complete scan found %+v", o)
	}
	if _, again := reconcile.Absent(o.Account, nil, true); again {
		t.Error("what is known to be gone went a second time")
	}
}

// Recording what a look showed leaves exactly what the system holds, whatever
// was known before; of one entitlement by several paths the direct one.
func TestRecordingConverges(t *testing.T) {
	paths := rapid.SampledFrom([]onus.Path{onus.Direct, onus.Inherited, onus.OtherGrantor})
	names := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"})
	rapid.Check(t, func(t *rapid.T) {
		record := map[string]onus.Path{}
		known := make([]onus.Grant, 0, 7)
		for _, name := range rapid.SliceOfNDistinct(names, 0, 5, rapid.ID).Draw(t, "known") {
			g := onus.Grant{System: "ldap", Account: "u1", Entitlement: name, Observed: rapid.Bool().Draw(t, "observed"), Path: paths.Draw(t, "path")}
			known = append(known, g)
			if g.Observed {
				record[name] = g.Path
			}
		}
		// What hangs on another account or system is none of this look's business.
		known = append(known, onus.Grant{System: "ldap", Account: "u2", Entitlement: "a", Observed: true, Path: onus.Direct},
			onus.Grant{System: "pg", Account: "u1", Entitlement: "b", Observed: true, Path: onus.Direct})
		s := seen(nil)
		s.Holds = nil
		truth := map[string]onus.Path{}
		rank := map[onus.Path]int{onus.Direct: 3, onus.OtherGrantor: 2, onus.Inherited: 1}
		for range rapid.IntRange(0, 8).Draw(t, "holds") {
			h := onus.Held{Entitlement: names.Draw(t, "name"), Path: paths.Draw(t, "path")}
			s.Holds = append(s.Holds, h)
			if rank[h.Path] > rank[truth[h.Entitlement]] {
				truth[h.Entitlement] = h.Path
			}
		}
		o := reconcile.Account(&ana, known, s)
		for _, h := range o.Appeared {
			record[h.Entitlement] = h.Path
		}
		for _, h := range o.Vanished {
			delete(record, h.Entitlement)
		}
		if diff := cmp.Diff(truth, record); diff != "" {
			t.Fatalf("recorded is not what is there: %s", diff)
		}
	})
}
