package connectortest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// scan collects a scan by name.
func (s *subject) scan() (map[string]connector.Account, bool, error) {
	s.Helper()
	got := map[string]connector.Account{}
	complete, err := s.c.Scan(s.Context(), func(a connector.Account) error {
		if _, twice := got[a.Name]; twice {
			s.Errorf("the scan yields %s twice", a.Name)
		}
		got[a.Name] = a
		return nil
	})
	return got, complete, err
}

func scanSeesAll(s *subject) {
	plain, grants, both := s.fresh("ana"), s.fresh("bo"), s.fresh("cy")
	for _, name := range []string{plain, grants, both} {
		s.create(name)
	}
	s.target.Grant(s.T, grants, s.a)
	s.target.Grant(s.T, both, s.a)
	s.target.Grant(s.T, both, s.b)
	got, complete, err := s.scan()
	if err != nil || !complete {
		s.Fatalf("the scan ended with complete %t and %v", complete, err)
	}
	for _, name := range []string{plain, grants, both} {
		a, ok := got[name]
		if !ok {
			s.Errorf("the scan does not see %s", name)
			continue
		}
		seen := s.seen(name)
		if a.Ref != seen.Ref || !a.Enabled || holds(a, s.a) != slices.Contains(seen.Holds, s.a) || holds(a, s.b) != slices.Contains(seen.Holds, s.b) {
			s.Errorf("the scan gives %+v, the oracle sees %+v", a, seen)
		}
		read, err := s.c.Read(s.Context(), a.Ref)
		if err != nil {
			s.Fatal(err)
		}
		if x, y := onus.DigestOfJSON(a.Image()), onus.DigestOfJSON(read.Image()); x != y {
			s.Errorf("the scan gives %+v, a read %+v", a, read)
		}
	}
}

func scanPages(s *subject) {
	target, ok := s.target.(Pager)
	if !ok {
		s.lacks("paging")
		return
	}
	names := target.CreatePastPage(s.T)
	got, complete, err := s.scan()
	if err != nil || !complete {
		s.Fatalf("the scan ended with complete %t and %v after %d accounts", complete, err, len(got))
	}
	missing := 0
	for _, name := range names {
		if _, ok := got[name]; !ok {
			missing++
		}
	}
	if missing > 0 {
		s.Errorf("the scan calls itself complete and misses %d of %d accounts", missing, len(names))
	}
}

func scanCut(s *subject) {
	target, ok := s.target.(ScanCutter)
	if !ok {
		s.lacks("cutting of a scan")
		return
	}
	if p, ok := s.target.(Pager); ok {
		p.CreatePastPage(s.T) // so that there is a middle
	}
	s.create(s.fresh("ana"))
	target.CutNextScan(s.T)
	got, complete, err := s.scan()
	if complete || err == nil {
		s.Fatalf("a scan that was cut after %d accounts ended with complete %t and %v", len(got), complete, err)
	}
	s.kind(err, connector.Transient, connector.Ambiguous, connector.Throttled)
	if _, complete, err = s.scan(); err != nil || !complete {
		s.Errorf("the scan after it ended with complete %t and %v", complete, err)
	}
}

func scanStopped(s *subject) {
	for range 3 {
		s.create(s.fresh("ana"))
	}
	enough, n := errors.New("enough"), 0
	complete, err := s.c.Scan(s.Context(), func(connector.Account) error {
		n++
		return enough
	})
	if complete || !errors.Is(err, enough) || n != 1 {
		s.Errorf("the reader stopped at once; the scan went on for %d and ended with complete %t and %v", n, complete, err)
	}
}

func lostAnswer(s *subject) {
	target, ok := s.target.(Cutter)
	if !ok {
		s.lacks("cutting of answers")
		return
	}
	name := s.fresh("ana")
	ref := s.create(name)
	want := grant(onus.EnsurePresent, ref, name, s.a)
	target.CutNextWrite(s.T, true)
	s.refused(want, connector.Ambiguous)
	if !s.holds(name, s.a) {
		s.Fatal("the oracle says that the write did not arrive: the target cuts too early")
	}
	s.verify(want, true)
	s.apply(want, connector.NoChange)
	if !s.does(onus.EnsurePresent, false) {
		return
	}
	name = s.fresh("bo")
	birth := account(onus.EnsurePresent, "", name, s.target.Attributes(name))
	target.CutNextWrite(s.T, true)
	s.refused(birth, connector.Ambiguous)
	found, err := s.c.Find(s.Context(), name)
	if err != nil || found.Ref != s.seen(name).Ref {
		s.Errorf("after an ambiguous creation Find gives %+v, %v", found, err)
	}
	s.apply(birth, connector.NoChange)
}

func lostWrite(s *subject) {
	target, ok := s.target.(Cutter)
	if !ok {
		s.lacks("cutting of writes")
		return
	}
	name := s.fresh("ana")
	ref := s.create(name)
	want := grant(onus.EnsurePresent, ref, name, s.a)
	target.CutNextWrite(s.T, false)
	// From here a lost write looks like a lost answer.
	s.refused(want, connector.Ambiguous)
	if s.holds(name, s.a) {
		s.Fatal("the oracle says that the write arrived")
	}
	s.verify(want, false)
	s.apply(want, connector.Wrote)
	s.verify(want, true)
}

func lie(s *subject) {
	target, ok := s.target.(Liar)
	if !ok {
		s.lacks("lying")
		return
	}
	name := s.fresh("ana")
	ref := s.create(name)
	wants := []connector.Desired{grant(onus.EnsurePresent, ref, name, s.a), grant(onus.EnsureAbsent, ref, name, s.b)}
	if s.does(onus.EnsureDisabled, false) {
		wants = append(wants, account(onus.EnsureDisabled, ref, name, nil))
	}
	if s.does(onus.EnsureAbsent, false) {
		wants = append(wants, account(onus.EnsureAbsent, ref, name, nil))
	}
	s.target.Grant(s.T, name, s.b)
	for _, want := range wants {
		target.LieOnNextWrite(s.T)
		// To find out by itself is better than to be taken in.
		if _, err := s.c.Apply(s.Context(), want); err != nil {
			_ = typed(s.T, err)
		}
		s.verify(want, false)
		s.apply(want, connector.Wrote)
		s.verify(want, true)
	}
}

func throttled(s *subject) {
	target, ok := s.target.(Throttler)
	if !ok {
		s.lacks("throttling")
		return
	}
	name := s.fresh("ana")
	ref := s.create(name)
	want := grant(onus.EnsurePresent, ref, name, s.a)
	before := time.Now() //nolint:forbidigo // the provider's clock is the real one
	target.ThrottleNext(s.T, 2*time.Second)
	_, err := s.c.Apply(s.Context(), want)
	if err == nil {
		s.Fatal("the provider refused, and the connector says that it did not")
	}
	s.kind(err, connector.Throttled)
	e := typed(s.T, err)
	if wait := e.Until.Sub(before); wait < time.Second || wait > 10*time.Second {
		s.Errorf("told to wait 2s, the connector says %v", wait)
	}
	if s.holds(name, s.a) {
		s.Error("the connector repeated a request in secret")
	}
}

func endedContext(s *subject) {
	name := s.fresh("ana")
	ref := s.create(name)
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	if _, err := s.c.Apply(ctx, grant(onus.EnsurePresent, ref, name, s.a)); err == nil {
		s.Error("apply goes on in an ended context")
	} else if k := connector.KindOf(err); k != connector.Transient && k != connector.Ambiguous {
		s.Errorf("an ended context gives kind %s", k)
	}
	if _, err := s.c.Read(ctx, ref); err == nil {
		s.Error("read goes on in an ended context")
	} else if connector.KindOf(err) == connector.NotFound {
		s.Error("an ended context is told as not found")
	}
	if complete, err := s.c.Scan(ctx, func(connector.Account) error { return nil }); complete || err == nil {
		s.Error("scan goes on in an ended context")
	}
	if _, err := s.c.Read(s.Context(), ref); err != nil {
		s.Errorf("the connector does not recover: %v", err)
	}
}

func unsupported(s *subject) {
	name := s.fresh("ana")
	ref := s.create(name)
	for _, verb := range []onus.Verb{onus.EnsurePresent, onus.EnsureAbsent, onus.EnsureDisabled, onus.EnsureEnabled, onus.EnsureAttributes, "nonsense"} {
		if !slices.Contains(s.is.Account, verb) {
			s.refused(account(verb, ref, name, onus.Attributes{"x": "y"}), connector.Unsupported)
		}
		if !slices.Contains(s.is.Grant, verb) {
			s.refused(grant(verb, ref, name, s.a), connector.Unsupported)
		}
	}
	seen := s.seen(name)
	if !seen.Enabled || len(seen.Holds) > 0 || seen.Ref != ref {
		s.Errorf("something was done all the same: %+v", seen)
	}
	// Hostile names are names, not commands.
	for _, hostile := range []string{"*", "x)(uid=*", "x' OR '1'='1", `x" or "a" eq "a`, "a,b+c=d", "x;y", strings.Repeat("n", 300)} {
		_, err := s.c.Find(s.Context(), hostile)
		if err == nil {
			s.Errorf("somebody is found under the name %q", hostile)
		} else {
			s.kind(err, connector.NotFound, connector.Invalid)
		}
	}
}
