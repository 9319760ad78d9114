package scim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// Over any nesting of groups, circles included, a user holds what can be
// reached; a read and a scan agree, and a revocation is verified only when no
// path is left.
func TestNestedGroupsAreFollowedWhereverTheyLead(t *testing.T) {
	d, o := directory(t)
	const n = 5
	names := make([]string, n)
	ids := make([]string, n)
	for i := range n {
		names[i] = fmt.Sprintf("g%d", i)
		if err := d.EnsureGroups(names[i]); err != nil {
			t.Fatal(err)
		}
		ids[i] = o.group(t, "group:"+names[i])
	}
	o.Create(t, "ana")
	ana := o.id(t, "ana")
	// The account's own groups are left out: they would give the answer away.
	filtering := open(t, withoutOwnGroups(t, o.base), o.token, nil)
	rapid.Check(t, func(rt *rapid.T) {
		edge := rapid.SliceOfN(rapid.Bool(), n*n, n*n).Draw(rt, "group in group")
		in := rapid.SliceOfN(rapid.Bool(), n, n).Draw(rt, "user in group")
		var reach [n][n]bool // group i leads to group j
		for i := range n {
			var list []string
			if in[i] {
				list = append(list, fmt.Sprintf(`{"value":%q}`, ana))
			}
			for j := range n {
				if i != j && edge[i*n+j] { // j is in i
					reach[j][i] = true
					list = append(list, fmt.Sprintf(`{"value":%q}`, ids[j]))
				}
			}
			o.must(t, "PUT", "/Groups/"+ids[i], `{"displayName":%q,"members":[%s]}`, names[i], strings.Join(list, ","))
		}
		for k := range n {
			for i := range n {
				for j := range n {
					reach[i][j] = reach[i][j] || reach[i][k] && reach[k][j]
				}
			}
		}
		var want []string
		for i := range n {
			if in[i] {
				want = append(want, "direct "+names[i])
			}
			for j := range n {
				if i != j && in[i] && reach[i][j] {
					want = append(want, "inherited "+names[j]+" group:"+names[i])
				}
			}
		}
		slices.Sort(want)
		a, err := filtering.Read(t.Context(), onus.AccountRef(ana))
		if err != nil {
			rt.Fatal(err)
		}
		if got := paths(a); !slices.Equal(got, want) {
			rt.Fatalf("a read gives %v, want %v", got, want)
		}
		_, err = filtering.Scan(t.Context(), func(s connector.Account) error {
			if got := paths(s); !slices.Equal(got, want) {
				rt.Fatalf("a scan gives %v, want %v", got, want)
			}
			return nil
		})
		if err != nil {
			rt.Fatal(err)
		}
		for i := range n {
			v, err := filtering.Verify(t.Context(), connector.Desired{Verb: onus.EnsureAbsent, Target: onus.Target{Account: onus.AccountRef(ana), Name: "ana", Entitlement: "group:" + names[i]}})
			held := slices.ContainsFunc(want, func(w string) bool { return strings.Fields(w)[1] == names[i] })
			if err != nil || v.Holds == held {
				rt.Fatalf("%s is held: %t; the verdict is %+v, %v", names[i], held, v, err)
			}
		}
	})
}

func paths(a connector.Account) []string {
	out := make([]string, 0, len(a.Holds))
	for _, h := range a.Holds {
		out = append(out, strings.TrimSpace(string(h.Path)+" "+strings.TrimPrefix(h.Entitlement, "group:")+" "+h.Via))
	}
	slices.Sort(out)
	return out
}
