package connectortest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

func concurrent(s *subject) {
	const n = 8
	names, refs := make([]string, n), make([]onus.AccountRef, n)
	for i := range n {
		names[i] = s.fresh(fmt.Sprintf("u%d", i))
		refs[i] = s.create(names[i])
	}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for _, want := range []connector.Desired{
				grant(onus.EnsurePresent, refs[i], names[i], s.a),
				grant(onus.EnsurePresent, refs[i], names[i], s.b),
				grant(onus.EnsureAbsent, refs[i], names[i], s.a),
			} {
				if _, err := s.c.Apply(s.Context(), want); err != nil {
					s.Errorf("apply %s %+v: %v", want.Verb, want.Target, err)
				}
				if v, err := s.c.Verify(s.Context(), want); err != nil || !v.Holds && s.is.Settles == 0 {
					s.Errorf("verify %s %+v: %+v, %v", want.Verb, want.Target, v, err)
				}
			}
			if _, err := s.c.Read(s.Context(), refs[(i+1)%n]); err != nil {
				s.Error(err)
			}
		})
	}
	// And one grant wanted by several at once.
	shared := grant(onus.EnsurePresent, refs[0], names[0], s.b)
	for range 3 {
		wg.Go(func() {
			if _, err := s.c.Apply(s.Context(), shared); err != nil {
				s.Errorf("apply the same at once: %v", err)
			}
		})
	}
	wg.Wait()
	for _, name := range names {
		if got := s.seen(name).Holds; !slices.Equal(got, []string{s.b}) {
			s.Errorf("the oracle sees %s hold %v, want %s only", name, got, s.b)
		}
	}
}

// model is what should be there, by name.
type model map[string]*Seen

func randomOperations(s *subject) {
	for seed := range uint64(3) {
		s.Logf("seed %d", seed)
		s.random(rand.New(rand.NewPCG(seed, 0)), 40) //nolint:gosec // repeatable on purpose
		if s.Failed() {
			return
		}
	}
}

func (s *subject) random(r *rand.Rand, steps int) {
	names := []string{s.fresh("ana"), s.fresh("bo"), s.fresh("cy")}
	m := model{}
	for range steps {
		name := names[r.IntN(len(names))]
		entitlement := []string{s.a, s.b}[r.IntN(2)]
		if r.IntN(4) == 0 {
			s.behind(r, m, name, entitlement)
		} else {
			s.through(r, m, name, entitlement)
		}
		s.judge(m, names)
		if s.Failed() {
			return
		}
	}
}

// behind changes something with the oracle.
func (s *subject) behind(r *rand.Rand, m model, name, entitlement string) {
	now := m[name]
	switch {
	case now == nil:
		s.Logf("oracle: create %s", name)
		m[name] = &Seen{Ref: s.create(name), Enabled: true}
	case r.IntN(3) == 0:
		s.Logf("oracle: delete %s", name)
		s.target.Delete(s.T, name)
		delete(m, name)
	case slices.Contains(now.Holds, entitlement):
		s.Logf("oracle: revoke %s from %s", entitlement, name)
		s.target.Revoke(s.T, name, entitlement)
		now.Holds = without(now.Holds, entitlement)
	default:
		s.Logf("oracle: grant %s to %s", entitlement, name)
		s.target.Grant(s.T, name, entitlement)
		now.Holds = append(now.Holds, entitlement)
	}
}

// through changes something with the connector, and says what must come of it.
func (s *subject) through(r *rand.Rand, m model, name, entitlement string) {
	s.Helper()
	var possible []connector.Desired
	for _, v := range s.is.Account {
		if v != onus.EnsureAttributes {
			possible = append(possible, account(v, "", name, nil))
		}
	}
	for range 2 { // grants twice as often
		for _, v := range s.is.Grant {
			possible = append(possible, grant(v, "", name, entitlement))
		}
	}
	want := possible[r.IntN(len(possible))]
	now := m[name]
	if now != nil && r.IntN(2) == 0 {
		want.Target.Account = now.Ref
	}
	if want.Verb == onus.EnsurePresent && !want.Target.IsGrant() {
		want.Attributes = s.target.Attributes(name)
		if now != nil {
			want.Attributes = nil // as the oracle made it is well
		}
	}
	got, err := s.c.Apply(s.Context(), want)
	s.Logf("connector: %s %q on %s (by ref: %t): %s %v", want.Verb, want.Target.Entitlement, name, want.Target.Account != "", got.Outcome, err)
	if now == nil && (want.Target.IsGrant() || want.Verb == onus.EnsureDisabled || want.Verb == onus.EnsureEnabled) {
		switch {
		case err == nil && want.Verb == onus.EnsureAbsent && got.Outcome == connector.NoChange:
		case err == nil:
			s.Errorf("the account is not there, and the outcome is %q", got.Outcome)
		default:
			s.kind(err, connector.NotFound, connector.PrincipalMissing)
		}
		return
	}
	if err != nil {
		s.Fatalf("apply %s %+v: %v", want.Verb, want.Target, err)
	}
	if should := s.step(m, name, want); got.Outcome != should {
		s.Errorf("the outcome is %q, want %q", got.Outcome, should)
	}
	s.verify(want, true)
}

// step moves the model and gives the outcome that is due.
func (s *subject) step(m model, name string, want connector.Desired) connector.Outcome {
	now := m[name]
	entitlement := want.Target.Entitlement
	var done bool
	switch {
	case want.Target.IsGrant():
		done = slices.Contains(now.Holds, entitlement) == (want.Verb == onus.EnsurePresent)
		if !done && want.Verb == onus.EnsurePresent {
			now.Holds = append(now.Holds, entitlement)
		} else if !done {
			now.Holds = without(now.Holds, entitlement)
		}
	case want.Verb == onus.EnsurePresent:
		if done = now != nil; !done {
			seen := s.seen(name)
			m[name] = &Seen{Ref: seen.Ref, Enabled: seen.Enabled}
		}
	case want.Verb == onus.EnsureAbsent:
		done = now == nil
		delete(m, name)
	default:
		done = now.Enabled == (want.Verb == onus.EnsureEnabled)
		now.Enabled = want.Verb == onus.EnsureEnabled
	}
	if done {
		return connector.NoChange
	}
	return connector.Wrote
}

// judge compares the model with what the oracle sees and the connector reads.
func (s *subject) judge(m model, names []string) {
	s.Helper()
	for _, name := range names {
		want := m[name]
		seen, there := s.target.Seen(s.T, name)
		if there != (want != nil) {
			s.Errorf("%s: the oracle sees it: %t, want %t", name, there, want != nil)
			continue
		}
		found, err := s.c.Find(s.Context(), name)
		if want == nil {
			s.kind(err, connector.NotFound)
			continue
		}
		if err != nil {
			s.Fatal(err)
		}
		for _, e := range []string{s.a, s.b} {
			should := slices.Contains(want.Holds, e)
			if slices.Contains(seen.Holds, e) != should || holds(found, e) != should {
				s.Errorf("%s holds %s: the model says %t, the oracle sees %v, the connector reads %+v", name, e, should, seen.Holds, found.Holds)
			}
		}
		if seen.Ref != want.Ref || found.Ref != want.Ref || seen.Enabled != want.Enabled || found.Enabled != want.Enabled {
			s.Errorf("%s: the model says %+v, the oracle sees %+v, the connector reads %+v", name, *want, seen, found)
		}
	}
}

func without(list []string, gone string) []string {
	return slices.DeleteFunc(list, func(x string) bool { return x == gone })
}
