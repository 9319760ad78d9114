package connectortest

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// Run proves the contract on one system. Each case opens a target of its own.
func Run(t *testing.T, open func(t *testing.T) Target) {
	t.Helper()
	for _, c := range []struct {
		name  string
		prove func(s *subject)
	}{
		{"the description is one that can be relied on", descriptionIsSound},
		{"probing good credentials succeeds", probeSucceeds},
		{"a wrong secret is told as such and never shown", wrongSecret},
		{"an account is created once", createTwice},
		{"an account that is there is found by name and by ref", findAndRead},
		{"an account is deleted once", deleteTwice},
		{"attributes are set, changed and cleared", attributes},
		{"a disabled account cannot log in, an enabled one can", disableAndEnable},
		{"a live session is ended", sessions},
		{"a grant is made once", grantTwice},
		{"a revocation is made once", revokeTwice},
		{"revoking what is absent changes nothing", revokeAbsent},
		{"nothing is granted to a ghost", ghostPrincipal},
		{"an unknown entitlement is not made up", unknownEntitlement},
		{"the last member leaves, or the system's refusal is told", lastMember},
		{"a grant held by another path is named as left", otherPath},
		{"a renamed account is followed by its ref", renamedAccount},
		{"a renamed entitlement is followed by its ref", renamedEntitlement},
		{"an old ref never touches a new account of the same name", recreatedName},
		{"a change behind our back is seen", behindOurBack},
		{"a stale version is a conflict", staleVersion},
		{"a scan sees every account with what it holds", scanSeesAll},
		{"a scan goes on past the first page", scanPages},
		{"a scan that is cut is not complete", scanCut},
		{"a scan stops when its reader does", scanStopped},
		{"an answer that was lost is ambiguous and settled by reading", lostAnswer},
		{"a write that was lost is not taken for done", lostWrite},
		{"a yes without effect does not hold", lie},
		{"throttling says until when", throttled},
		{"an ended context ends the call", endedContext},
		{"what cannot be done is said to be unsupported", unsupported},
		{"many at once do not disturb each other", concurrent},
		{"random operations agree with a model", randomOperations},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &subject{T: t, target: open(t)}
			s.c = watch(t, s.target)
			s.is = s.c.Describe()
			s.a, s.b = s.target.Entitlements()
			c.prove(s)
		})
	}
}

// subject is what a case works on.
type subject struct {
	*testing.T

	target Target
	c      connector.Connector
	is     connector.Description
	a, b   string // two entitlements
}

var named atomic.Int64

// fresh gives a name that no account has.
func (s *subject) fresh(base string) string {
	return fmt.Sprintf("%s%dx%d", base, time.Now().UnixNano()%1e6, named.Add(1)) //nolint:forbidigo // only to be unlike earlier runs on a shared server
}

// lacks logs that the target has no such ability, and says so.
func (s *subject) lacks(ability string) { s.Logf("not proven here: the target has no %s", ability) }

// does says whether the connector claims a verb.
func (s *subject) does(verb onus.Verb, grant bool) bool {
	verbs := s.is.Account
	if grant {
		verbs = s.is.Grant
	}
	if slices.Contains(verbs, verb) {
		return true
	}
	s.Logf("not proven here: the connector does not claim %s (grant: %t)", verb, grant)
	return false
}

// create makes an account with the oracle and gives its ref.
func (s *subject) create(name string) onus.AccountRef {
	s.Helper()
	s.target.Create(s.T, name)
	return s.seen(name).Ref
}

// seen is what the oracle sees of an account that must be there.
func (s *subject) seen(name string) Seen {
	s.Helper()
	seen, ok := s.target.Seen(s.T, name)
	if !ok {
		s.Fatalf("the oracle does not see %s", name)
	}
	return seen
}

// holds says whether the oracle sees the account hold an entitlement.
func (s *subject) holds(name, entitlement string) bool {
	s.Helper()
	return slices.Contains(s.seen(name).Holds, entitlement)
}

func account(verb onus.Verb, ref onus.AccountRef, name string, attributes onus.Attributes) connector.Desired {
	return connector.Desired{Verb: verb, Target: onus.Target{Account: ref, Name: name}, Attributes: attributes}
}

func grant(verb onus.Verb, ref onus.AccountRef, name, entitlement string) connector.Desired {
	return connector.Desired{Verb: verb, Target: onus.Target{Account: ref, Name: name, Entitlement: entitlement}}
}

// apply applies what must succeed with that outcome.
func (s *subject) apply(want connector.Desired, outcome connector.Outcome) connector.Result {
	s.Helper()
	r, err := s.c.Apply(s.Context(), want)
	if err != nil {
		s.Fatalf("apply %s %+v: %v", want.Verb, want.Target, err)
	}
	if r.Outcome != outcome {
		s.Fatalf("apply %s %+v ended as %q, want %q", want.Verb, want.Target, r.Outcome, outcome)
	}
	return r
}

// refused applies what must fail with one of these kinds.
func (s *subject) refused(want connector.Desired, kinds ...connector.Kind) {
	s.Helper()
	r, err := s.c.Apply(s.Context(), want)
	if err == nil {
		s.Fatalf("apply %s %+v ended as %q, want an error of kind %v", want.Verb, want.Target, r.Outcome, kinds)
	}
	s.kind(err, kinds...)
}

// kind checks the kind of an error.
func (s *subject) kind(err error, kinds ...connector.Kind) {
	s.Helper()
	e := typed(s.T, err)
	if !slices.Contains(kinds, e.Kind) {
		s.Fatalf("the error %q is of kind %s, want one of %v", e.Message, e.Kind, kinds)
	}
}

// verify waits, no longer than the system may take to settle, until the
// verdict holds or not, as wanted.
func (s *subject) verify(want connector.Desired, holds bool) connector.Verdict {
	s.Helper()
	deadline := time.Now().Add(s.is.Settles + time.Second) //nolint:forbidigo // a real system settles in real time
	for {
		v, err := s.c.Verify(s.Context(), want)
		if err != nil {
			s.Fatalf("verify %s %+v: %v", want.Verb, want.Target, err)
		}
		if v.Holds == holds {
			if v.Evidence == "" {
				s.Errorf("the verdict on %s %+v gives no evidence", want.Verb, want.Target)
			}
			return v
		}
		if time.Now().After(deadline) { //nolint:forbidigo // as above
			s.Fatalf("verify %s %+v: holds is %t (%s), want %t", want.Verb, want.Target, v.Holds, v.Evidence, holds)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// tier checks that a verdict reached the tier that the connector claims.
func (s *subject) tier(v connector.Verdict, claimed onus.Tier) {
	s.Helper()
	if v.Tier < claimed {
		s.Errorf("the verdict (%s) is of tier %q, and the connector claims %q", v.Evidence, v.Tier, claimed)
	}
}
