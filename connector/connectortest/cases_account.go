package connectortest

import (
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

func descriptionIsSound(s *subject) {
	if s.is.Kind == "" || len(s.is.Entitlements) == 0 {
		s.Errorf("the description %+v names no kind or no entitlements", s.is)
	}
	if s.is.GrantTier < onus.TierStored {
		s.Errorf("a grant needs tier L1, and the connector claims %q", s.is.GrantTier)
	}
	for _, v := range s.is.Reverses {
		if !slices.Contains(s.is.Account, v) && !slices.Contains(s.is.Grant, v) {
			s.Errorf("the connector reverses %s, which it does not do", v)
		}
	}
	_, ends := s.target.Connector().(connector.SessionEnder)
	if s.is.Sessions != ends {
		s.Errorf("Describe says that sessions can be ended: %t; the connector has EndSessions: %t", s.is.Sessions, ends)
	}
}

func probeSucceeds(s *subject) {
	if err := s.c.Probe(s.Context()); err != nil {
		s.Fatal(err)
	}
}

func wrongSecret(s *subject) {
	secretive, ok := s.target.(Secretive)
	if !ok {
		s.lacks("wrong secret")
		return
	}
	bad := watched{Connector: secretive.WithWrongSecret(s.T), t: s.T, secrets: secretive.Secrets()}
	err := bad.Probe(s.Context())
	if err == nil {
		s.Fatal("a wrong secret passes the probe")
	}
	s.kind(err, connector.Unauthenticated)
	name := s.fresh("ana")
	s.create(name)
	if _, err := bad.Find(s.Context(), name); err == nil {
		s.Error("a wrong secret can read")
	}
	if _, err := bad.Apply(s.Context(), grant(onus.EnsurePresent, "", name, s.a)); err == nil {
		s.Error("a wrong secret can write")
	}
}

func createTwice(s *subject) {
	if !s.does(onus.EnsurePresent, false) {
		return
	}
	name := s.fresh("ana")
	want := account(onus.EnsurePresent, "", name, s.target.Attributes(name))
	s.verify(want, false)
	first := s.apply(want, connector.Wrote)
	seen := s.seen(name)
	if first.Ref == "" || first.Ref != seen.Ref {
		s.Errorf("the result has ref %q, the oracle sees %q", first.Ref, seen.Ref)
	}
	if second := s.apply(want, connector.NoChange); second.Ref != seen.Ref {
		s.Errorf("the second result has ref %q, want %q", second.Ref, seen.Ref)
	}
	s.verify(want, true)
	want.Target.Account = first.Ref
	s.apply(want, connector.NoChange)
	s.tier(s.verify(want, true), onus.TierStored)
}

func findAndRead(s *subject) {
	name := s.fresh("ana")
	ref := s.create(name)
	s.target.Grant(s.T, name, s.a)
	found, err := s.c.Find(s.Context(), name)
	if err != nil {
		s.Fatal(err)
	}
	read, err := s.c.Read(s.Context(), ref)
	if err != nil {
		s.Fatal(err)
	}
	for _, a := range []connector.Account{found, read} {
		if a.Ref != ref || a.Name != name || !a.Enabled || !holds(a, s.a) || holds(a, s.b) {
			s.Errorf("the oracle made %s %s holding %s, the connector reads %+v", name, ref, s.a, a)
		}
	}
	_, err = s.c.Find(s.Context(), s.fresh("nobody"))
	s.kind(err, connector.NotFound)
	s.target.Delete(s.T, name)
	_, err = s.c.Read(s.Context(), ref)
	s.kind(err, connector.NotFound)
	_, err = s.c.Find(s.Context(), name)
	s.kind(err, connector.NotFound)
}

func deleteTwice(s *subject) {
	if !s.does(onus.EnsureAbsent, false) {
		return
	}
	name := s.fresh("ana")
	want := account(onus.EnsureAbsent, s.create(name), name, nil)
	s.verify(want, false)
	s.apply(want, connector.Wrote)
	if _, ok := s.target.Seen(s.T, name); ok {
		s.Fatal("the oracle still sees the account")
	}
	s.tier(s.verify(want, true), onus.TierStored)
	s.apply(want, connector.NoChange)
}

func attributes(s *subject) {
	free, ok := s.target.(FreeAttribute)
	if !ok {
		s.lacks("free attribute")
		if slices.Contains(s.is.Account, onus.EnsureAttributes) {
			s.Error("the connector claims attributes, and the target offers none to try")
		}
		return
	}
	if !s.does(onus.EnsureAttributes, false) {
		return
	}
	name, key := s.fresh("ana"), free.FreeAttribute()
	ref := s.create(name)
	for _, value := range []string{"one", "two, \"quoted\" and ünïcode", ""} {
		want := account(onus.EnsureAttributes, ref, name, onus.Attributes{key: value})
		s.verify(want, false)
		s.apply(want, connector.Wrote)
		if got := free.Attribute(s.T, name, key); got != value {
			s.Errorf("the oracle sees %q, want %q", got, value)
		}
		s.apply(want, connector.NoChange)
		s.tier(s.verify(want, true), onus.TierStored)
		a, err := s.c.Read(s.Context(), ref)
		if err != nil {
			s.Fatal(err)
		}
		if a.Attributes[key] != value {
			s.Errorf("a read gives %q, want %q", a.Attributes[key], value)
		}
	}
}

func disableAndEnable(s *subject) {
	if !s.does(onus.EnsureDisabled, false) {
		return
	}
	logins, canTry := s.target.(Logins)
	name := s.fresh("ana")
	ref := s.create(name)
	if canTry && !logins.CanLogIn(s.T, name) {
		s.Fatal("the oracle cannot log in to begin with")
	}
	off := account(onus.EnsureDisabled, ref, name, nil)
	s.verify(off, false)
	s.apply(off, connector.Wrote)
	if s.seen(name).Enabled {
		s.Error("the oracle sees the account enabled")
	}
	if canTry && logins.CanLogIn(s.T, name) {
		s.Error("a disabled account can log in")
	}
	if !canTry {
		s.lacks("login")
	}
	s.apply(off, connector.NoChange)
	s.tier(s.verify(off, true), s.is.RevokeTier)
	if a, err := s.c.Read(s.Context(), ref); err != nil || a.Enabled {
		s.Errorf("a read gives enabled %t, error %v", a.Enabled, err)
	}
	if !s.does(onus.EnsureEnabled, false) {
		return
	}
	on := account(onus.EnsureEnabled, ref, name, nil)
	s.verify(on, false)
	s.apply(on, connector.Wrote)
	if !s.seen(name).Enabled {
		s.Error("the oracle sees the account disabled")
	}
	if canTry && !logins.CanLogIn(s.T, name) {
		s.Error("an account that was enabled again cannot log in")
	}
	s.apply(on, connector.NoChange)
	s.tier(s.verify(on, true), onus.TierStored)
	s.verify(off, false)
}

func sessions(s *subject) {
	target, ok := s.target.(Sessions)
	if !ok {
		s.lacks("session")
		if s.is.Sessions {
			s.Error("the connector claims to end sessions, and the target offers none to try")
		}
		return
	}
	name := s.fresh("ana")
	ref := s.create(name)
	alive := target.OpenSession(s.T, name)
	if !alive() {
		s.Fatal("the oracle's session does not work to begin with")
	}
	ender, ok := s.target.Connector().(connector.SessionEnder)
	if !ok {
		s.Log("the connector cannot end sessions, and says so in Describe")
		return
	}
	off := account(onus.EnsureDisabled, ref, name, nil)
	if s.does(onus.EnsureDisabled, false) {
		s.apply(off, connector.Wrote)
		v, err := s.c.Verify(s.Context(), off)
		if err != nil {
			s.Fatal(err)
		}
		if alive() && len(v.Residual) == 0 {
			s.Error("a session of the disabled account lives, and the verdict does not name it")
		}
	}
	n, err := ender.EndSessions(s.Context(), ref)
	if err != nil {
		s.Fatal(err)
	}
	for range 100 {
		if !alive() {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if alive() {
		s.Fatalf("the session lives after %d were ended", n)
	}
	if s.does(onus.EnsureDisabled, false) {
		if v := s.verify(off, true); len(v.Residual) > 0 {
			s.Errorf("all sessions are ended, and the verdict names %v", v.Residual)
		}
	}
	if n, err := ender.EndSessions(s.Context(), ref); n != 0 || err != nil {
		s.Errorf("ending sessions again ended %d with %v", n, err)
	}
}

// holds says whether an account holds an entitlement directly.
func holds(a connector.Account, entitlement string) bool {
	return slices.ContainsFunc(a.Holds, func(h onus.Held) bool {
		return h.Entitlement == entitlement && h.Path == onus.Direct
	})
}
