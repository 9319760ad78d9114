package connectortest

import (
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

func grantTwice(s *subject) {
	name := s.fresh("ana")
	ref := s.create(name)
	want := grant(onus.EnsurePresent, ref, name, s.a)
	s.verify(want, false)
	first := s.apply(want, connector.Wrote)
	if first.Ref != ref || first.EntitlementRef == "" {
		s.Errorf("the result %+v lacks the refs of account %s and entitlement", first, ref)
	}
	if !s.holds(name, s.a) || s.holds(name, s.b) {
		s.Errorf("the oracle sees %v, want %s only", s.seen(name).Holds, s.a)
	}
	if second := s.apply(want, connector.NoChange); second.EntitlementRef != first.EntitlementRef {
		s.Errorf("the second result has entitlement ref %q, want %q", second.EntitlementRef, first.EntitlementRef)
	}
	v := s.verify(want, true)
	s.tier(v, s.is.GrantTier)
	a, err := s.c.Read(s.Context(), ref)
	if err != nil {
		s.Fatal(err)
	}
	for _, h := range a.Holds {
		if h.Entitlement == s.a && h.Ref != first.EntitlementRef {
			s.Errorf("a read gives entitlement ref %q, the result gave %q", h.Ref, first.EntitlementRef)
		}
	}
}

func revokeTwice(s *subject) {
	name := s.fresh("ana")
	ref := s.create(name)
	s.target.Grant(s.T, name, s.a)
	s.target.Grant(s.T, name, s.b)
	want := grant(onus.EnsureAbsent, ref, name, s.a)
	s.verify(want, false)
	s.apply(want, connector.Wrote)
	if s.holds(name, s.a) || !s.holds(name, s.b) {
		s.Errorf("the oracle sees %v, want %s only", s.seen(name).Holds, s.b)
	}
	v := s.verify(want, true)
	s.tier(v, s.is.RevokeTier)
	if len(v.Residual) > 0 {
		s.Errorf("nothing is left, and the verdict names %v", v.Residual)
	}
	s.apply(want, connector.NoChange)
}

func revokeAbsent(s *subject) {
	name := s.fresh("ana")
	ref := s.create(name)
	want := grant(onus.EnsureAbsent, ref, name, s.a)
	s.apply(want, connector.NoChange)
	s.verify(want, true)
	// By name, while the ref is not known.
	s.apply(grant(onus.EnsureAbsent, "", name, s.a), connector.NoChange)
}

func ghostPrincipal(s *subject) {
	name := s.fresh("ghost")
	s.refused(grant(onus.EnsurePresent, "", name, s.a), connector.NotFound, connector.PrincipalMissing)
	s.verify(grant(onus.EnsurePresent, "", name, s.a), false)
	gone := s.fresh("gone")
	ref := s.create(gone)
	s.target.Delete(s.T, gone)
	s.refused(grant(onus.EnsurePresent, ref, gone, s.a), connector.NotFound, connector.PrincipalMissing)
	s.verify(grant(onus.EnsurePresent, ref, gone, s.a), false)
	// Whoever is not there holds nothing: the desired state is true.
	s.verify(grant(onus.EnsureAbsent, ref, gone, s.a), true)
	for _, verb := range []onus.Verb{onus.EnsureDisabled, onus.EnsureEnabled} {
		if s.does(verb, false) {
			s.refused(account(verb, ref, gone, nil), connector.NotFound)
		}
	}
}

func unknownEntitlement(s *subject) {
	name := s.fresh("ana")
	ref := s.create(name)
	kind, _, _ := strings.Cut(s.a, ":")
	unknown := kind + ":" + s.fresh("nowhere")
	s.refused(grant(onus.EnsurePresent, ref, name, unknown), connector.PrincipalMissing)
	s.verify(grant(onus.EnsurePresent, ref, name, unknown), false)
	s.refused(grant(onus.EnsurePresent, ref, name, "nonsense:x"), connector.PrincipalMissing, connector.Unsupported, connector.Invalid)
	if n := len(s.seen(name).Holds); n != 0 {
		s.Errorf("the oracle sees %v", s.seen(name).Holds)
	}
}

func lastMember(s *subject) {
	target, ok := s.target.(LastMember)
	if !ok {
		s.lacks("last member")
		return
	}
	name := s.fresh("ana")
	ref := s.create(name)
	entitlement := target.LastMember(s.T, name)
	want := grant(onus.EnsureAbsent, ref, name, entitlement)
	r, err := s.c.Apply(s.Context(), want)
	if err != nil {
		s.kind(err, connector.Constraint)
		if !s.holds(name, entitlement) {
			s.Error("the connector told of a refusal, and the member is gone")
		}
		s.verify(want, false)
		return
	}
	if r.Outcome != connector.Wrote || s.holds(name, entitlement) {
		s.Errorf("outcome %q; the oracle sees %v", r.Outcome, s.seen(name).Holds)
	}
	s.verify(want, true)
	// And back: what stood in for a member does not disturb.
	s.apply(grant(onus.EnsurePresent, ref, name, entitlement), connector.Wrote)
	if !s.holds(name, entitlement) {
		s.Error("the member did not come back")
	}
}

func otherPath(s *subject) {
	target, ok := s.target.(OtherPath)
	if !ok {
		s.lacks("other path")
		return
	}
	name := s.fresh("ana")
	ref := s.create(name)
	s.target.Grant(s.T, name, s.a)
	via := target.GrantOtherwise(s.T, name, s.a)
	a, err := s.c.Read(s.Context(), ref)
	if err != nil {
		s.Fatal(err)
	}
	paths := 0
	for _, h := range a.Holds {
		if h.Entitlement == s.a {
			paths++
		}
	}
	if paths < 2 {
		s.Errorf("%s is held by two paths, a read gives %+v", s.a, a.Holds)
	}
	want := grant(onus.EnsureAbsent, ref, name, s.a)
	if _, err := s.c.Apply(s.Context(), want); err != nil {
		// A system may refuse to take away one path only; then it says why.
		s.kind(err, connector.Constraint, connector.Denied, connector.Unsupported)
	}
	v := s.verify(want, false)
	if !strings.Contains(strings.Join(v.Residual, "\n"), via) {
		s.Errorf("the access is left through %q, the verdict names %q", via, v.Residual)
	}
	// Asking again does not pretend either.
	_, _ = s.c.Apply(s.Context(), want) // only the verdict after it matters
	s.verify(want, false)
}

func renamedAccount(s *subject) {
	name, renamed := s.fresh("ana"), s.fresh("maria")
	ref := s.create(name)
	s.target.Grant(s.T, name, s.a)
	s.target.Rename(s.T, name, renamed)
	if now := s.seen(renamed).Ref; now != ref {
		s.Logf("a rename changes the ref on this system: %s to %s", ref, now)
		_, err := s.c.Read(s.Context(), ref)
		s.kind(err, connector.NotFound)
		return
	}
	// Somebody else now has the old name.
	s.create(name)
	s.target.Grant(s.T, name, s.a)
	s.apply(grant(onus.EnsureAbsent, ref, name, s.a), connector.Wrote)
	if s.holds(renamed, s.a) {
		s.Error("the renamed account still holds the grant")
	}
	if !s.holds(name, s.a) {
		s.Error("the grant was taken from whoever has the old name now")
	}
	s.verify(grant(onus.EnsureAbsent, ref, name, s.a), true)
	a, err := s.c.Read(s.Context(), ref)
	if err != nil || a.Name != renamed {
		s.Errorf("a read by ref gives name %q, error %v; want %q", a.Name, err, renamed)
	}
	if s.does(onus.EnsureAbsent, false) {
		s.apply(account(onus.EnsureAbsent, ref, name, nil), connector.Wrote)
		if _, ok := s.target.Seen(s.T, renamed); ok {
			s.Error("the renamed account was not deleted")
		}
		s.seen(name)
	}
}

func renamedEntitlement(s *subject) {
	target, ok := s.target.(EntitlementRenamer)
	if !ok {
		s.lacks("renaming of entitlements")
		return
	}
	name := s.fresh("ana")
	ref := s.create(name)
	first := s.apply(grant(onus.EnsurePresent, ref, name, s.a), connector.Wrote)
	kind, _, _ := strings.Cut(s.a, ":")
	renamed := kind + ":" + s.fresh("renamed")
	target.RenameEntitlement(s.T, s.a, renamed)
	want := grant(onus.EnsureAbsent, ref, name, s.a)
	want.Target.EntitlementRef = first.EntitlementRef
	s.verify(want, false)
	s.apply(want, connector.Wrote)
	if n := len(s.seen(name).Holds); n != 0 {
		s.Errorf("the oracle still sees %v", s.seen(name).Holds)
	}
	s.verify(want, true)
}

func recreatedName(s *subject) {
	name := s.fresh("ana")
	old := s.create(name)
	s.target.Delete(s.T, name)
	ref := s.create(name)
	if ref == old {
		s.Fatalf("the system gave the ref %s again", ref)
	}
	s.target.Grant(s.T, name, s.a)
	_, err := s.c.Read(s.Context(), old)
	s.kind(err, connector.NotFound)
	s.refused(grant(onus.EnsurePresent, old, name, s.b), connector.NotFound, connector.PrincipalMissing)
	// Taking away from one who is gone: nothing to do, or not found; never
	// from whoever has the name now.
	for _, want := range []connector.Desired{
		grant(onus.EnsureAbsent, old, name, s.a),
		account(onus.EnsureAbsent, old, name, nil),
		account(onus.EnsureDisabled, old, name, nil),
	} {
		if !s.does(want.Verb, want.Target.IsGrant()) {
			continue
		}
		r, err := s.c.Apply(s.Context(), want)
		if err != nil {
			s.kind(err, connector.NotFound)
		} else if r.Outcome != connector.NoChange {
			s.Errorf("apply %s %+v by an old ref ended as %q", want.Verb, want.Target, r.Outcome)
		}
	}
	now := s.seen(name)
	if now.Ref != ref || !now.Enabled || !s.holds(name, s.a) || s.holds(name, s.b) {
		s.Errorf("the new account was touched by the old ref: %+v", now)
	}
}

func behindOurBack(s *subject) {
	name := s.fresh("ana")
	ref := s.create(name)
	want := grant(onus.EnsurePresent, ref, name, s.a)
	s.apply(want, connector.Wrote)
	s.target.Revoke(s.T, name, s.a)
	s.verify(want, false)
	s.apply(want, connector.Wrote) // nothing of the first time is remembered
	s.target.Revoke(s.T, name, s.a)
	s.target.Grant(s.T, name, s.b)
	s.apply(grant(onus.EnsureAbsent, ref, name, s.a), connector.NoChange)
	s.apply(grant(onus.EnsurePresent, ref, name, s.b), connector.NoChange)
}

func staleVersion(s *subject) {
	if !s.does(onus.EnsureDisabled, false) {
		return
	}
	name, renamed := s.fresh("ana"), s.fresh("maria")
	ref := s.create(name)
	a, err := s.c.Read(s.Context(), ref)
	if err != nil {
		s.Fatal(err)
	}
	if a.Version == "" {
		s.lacks("version of an account")
		return
	}
	s.target.Rename(s.T, name, renamed)
	want := account(onus.EnsureDisabled, ref, renamed, nil)
	want.Version = a.Version
	s.refused(want, connector.Conflict)
	if !s.seen(renamed).Enabled {
		s.Error("the conflict was told, and the change made")
	}
	stale := grant(onus.EnsurePresent, ref, renamed, s.a)
	stale.Version = want.Version
	s.refused(stale, connector.Conflict)
	if s.holds(renamed, s.a) {
		s.Error("the conflict was told, and the grant made")
	}
	a, err = s.c.Read(s.Context(), ref)
	if err != nil {
		s.Fatal(err)
	}
	want.Version = a.Version
	s.apply(want, connector.Wrote)
}
