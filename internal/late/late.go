// Package late works out what of a leaver's access is left, how it weighs, and
// what held up its taking: each stretch of the delay is put to one cause, and
// to the person who answers for that. It is pure; package engine gathers what
// happened, and opens the exception.
package late

import (
	"cmp"
	"slices"
	"time"

	"github.com/onus-id/onus"
)

// A Cause is what held something up.
type Cause string

// The causes. Where several held at once the first of them counts.
const (
	LateRecord  Cause = "late record"     // the source told of the leaving after its day
	Decision    Cause = "waits for a yes" // of an approver
	Stopped     Cause = "exception"       // waits for whoever has it
	Unreachable Cause = "system down"     // the system could not be reached
	Throttled   Cause = "throttled"       // the system asked us to wait
	Unconfirmed Cause = "not shown yet"   // the system took it and does not show it
	Queue       Cause = "our own queue"   // nothing else held it up
)

// A Span is a stretch of time in which something held access up.
type Span struct {
	Cause Cause
	Owner string // mail address of who answers for it
	From  time.Time
	Until time.Time // zero: it goes on
}

// A Delay is how long one cause held it up, in all.
type Delay struct {
	Cause Cause         `json:"cause"`
	Owner string        `json:"owner"`
	Took  time.Duration `json:"took"`
}

// Account puts every moment between two times to one cause: of the spans that
// it lies in the first that is given, else to our own queue. The delays add up
// to the whole time, the longest first.
func Account(from, until time.Time, spans []Span, queue string) []Delay {
	if !from.Before(until) {
		return nil
	}
	cuts := []time.Time{from, until}
	for _, s := range spans {
		for _, t := range []time.Time{s.From, s.Until} {
			if t.After(from) && t.Before(until) {
				cuts = append(cuts, t)
			}
		}
	}
	slices.SortFunc(cuts, time.Time.Compare)
	type of struct {
		cause Cause
		owner string
	}
	took := map[of]time.Duration{}
	for i := range len(cuts) - 1 {
		a, b := cuts[i], cuts[i+1]
		to := of{Queue, queue}
		if k := slices.IndexFunc(spans, func(s Span) bool {
			return !s.From.After(a) && (s.Until.IsZero() || !s.Until.Before(b))
		}); k >= 0 {
			to = of{spans[k].Cause, spans[k].Owner}
		}
		took[to] += b.Sub(a)
	}
	var all []Delay
	for to, d := range took {
		if d > 0 {
			all = append(all, Delay{to.cause, to.owner, d})
		}
	}
	slices.SortFunc(all, func(a, b Delay) int {
		return cmp.Or(cmp.Compare(b.Took, a.Took), cmp.Compare(a.Cause, b.Cause), cmp.Compare(a.Owner, b.Owner))
	})
	return all
}

// A Thing is something that a leaver still has on a system.
type Thing struct {
	Account     string           `json:"account"`
	Entitlement string           `json:"entitlement,omitempty"` // empty: the account itself, enabled
	Sensitivity onus.Sensitivity `json:"sensitivity"`
}

// Left lists what a leaver still has on a system, the most sensitive first,
// and weighs it. A disabled account is no access; what hangs on it comes back
// with it, and so is left.
func Left(system onus.SystemName, accounts []onus.Account, grants []onus.Grant, weigh func(onus.SystemName, string) onus.Sensitivity) (left []Thing, weight int) {
	names := map[onus.AccountRef]string{}
	for _, a := range accounts {
		if a.System != system || a.Gone {
			continue
		}
		if names[a.Ref] = a.Name; a.Enabled {
			left = append(left, Thing{Account: a.Name, Sensitivity: onus.Low})
		}
	}
	for _, g := range grants {
		name, there := names[g.Account]
		if g.System == system && there && g.Observed && g.Entitlement != "" && g.Path != onus.Inherited {
			left = append(left, Thing{Account: name, Entitlement: g.Entitlement, Sensitivity: weigh(system, g.Entitlement)})
		}
	}
	for _, x := range left {
		weight += x.Sensitivity.Weight()
	}
	slices.SortFunc(left, func(a, b Thing) int {
		return cmp.Or(cmp.Compare(b.Sensitivity.Weight(), a.Sensitivity.Weight()), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Entitlement, b.Entitlement))
	})
	return left, weight
}
