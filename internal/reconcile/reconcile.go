// Package reconcile compares what a system shows with what was last observed
// there. It only says what differs: package engine records it, and package
// planning decides what shall be done about it.
package reconcile

import (
	"cmp"
	"maps"
	"slices"

	"github.com/onus-id/onus"
)

// Seen is an account as a scan or a read shows it.
type Seen struct {
	System     onus.SystemName
	Ref        onus.AccountRef
	Name       string
	Enabled    bool
	Attributes onus.Attributes
	Holds      []onus.Held
}

// Difference names one way in which an account is not what it was.
type Difference string

// The differences of an account.
const (
	New        Difference = "new"
	Back       Difference = "back" // it was gone
	Gone       Difference = "gone"
	Renamed    Difference = "renamed"
	Enabled    Difference = "enabled"
	Disabled   Difference = "disabled"
	Attributes Difference = "attributes"
)

// Observed is what one look at an account showed.
type Observed struct {
	AccountChanged bool
	Differences    []Difference // of the account itself; why AccountChanged
	Account        onus.Account // as it is now; whose it is stays as it was known
	Appeared       []onus.Held  // held now and not before, or by another path
	Vanished       []onus.Held  // held before and not now
}

// Account compares an account with what was known of it (nil: nothing) and of
// its grants. Both lists of the result are sorted by entitlement.
func Account(known *onus.Account, knownGrants []onus.Grant, seen Seen) Observed {
	o := Observed{Account: onus.Account{
		System: seen.System, Ref: seen.Ref, Name: seen.Name, Enabled: seen.Enabled, Attributes: seen.Attributes,
	}}
	if known == nil {
		o.Differences = []Difference{New}
	} else {
		o.Account.Identity, o.Account.Matched = known.Identity, known.Matched
		if known.Gone {
			o.Differences = append(o.Differences, Back)
		}
		if known.Name != seen.Name {
			o.Differences = append(o.Differences, Renamed)
		}
		if known.Enabled != seen.Enabled {
			d := Disabled
			if seen.Enabled {
				d = Enabled
			}
			o.Differences = append(o.Differences, d)
		}
		if !maps.Equal(known.Attributes, seen.Attributes) {
			o.Differences = append(o.Differences, Attributes)
		}
	}
	o.AccountChanged = len(o.Differences) > 0
	if known != nil {
		o.Account.Was = altered(known, &o.Account, o.Differences)
	}
	o.Appeared, o.Vanished = grants(knownGrants, seen)
	return o
}

// altered is what of an account was changed outside Onus, as it was before the
// first such change: what is as it was then is not altered any more. Of one
// that was gone nothing is: it is another finding.
func altered(known, now *onus.Account, differences []Difference) onus.Attributes {
	if slices.Contains(differences, Back) {
		return nil
	}
	was := maps.Clone(known.Was)
	note := func(attribute string) {
		if was == nil {
			was = onus.Attributes{}
		}
		if _, noted := was[attribute]; !noted {
			was[attribute] = known.Told(attribute)
		}
	}
	for _, d := range differences {
		switch d {
		case Renamed:
			note(onus.NameAttribute)
		case Enabled, Disabled:
			note(onus.StateAttribute)
		case Attributes:
			for _, from := range []onus.Attributes{known.Attributes, now.Attributes} {
				for k := range from {
					if known.Attributes[k] != now.Attributes[k] {
						note(k)
					}
				}
			}
		case New, Back, Gone:
		}
	}
	maps.DeleteFunc(was, func(k, before string) bool { return now.Told(k) == before })
	if len(was) == 0 {
		return nil
	}
	return was
}

// Absent is what the absence of a known account shows. It says nothing
// (false) unless the scan was complete: an account that a truncated scan did
// not reach is not gone.
func Absent(known onus.Account, knownGrants []onus.Grant, complete bool) (Observed, bool) {
	if !complete || known.Gone {
		return Observed{Account: known}, false
	}
	o := Observed{AccountChanged: true, Differences: []Difference{Gone}, Account: known}
	o.Account.Gone = true
	_, o.Vanished = grants(knownGrants, Seen{System: known.System, Ref: known.Ref})
	return o, true
}

func grants(known []onus.Grant, seen Seen) (appeared, vanished []onus.Held) {
	before := make(map[string]onus.Held, len(known))
	for i := range known {
		g := &known[i]
		mine := g.System == seen.System && (g.Account == "" || g.Account == seen.Ref)
		if mine && g.Observed && g.Entitlement != "" {
			before[g.Entitlement] = onus.Held{Entitlement: g.Entitlement, Ref: g.Ref, Path: g.Path, Via: g.Via}
		}
	}
	now := make(map[string]onus.Held, len(seen.Holds))
	for _, h := range seen.Holds {
		if other, ok := now[h.Entitlement]; !ok || nearer(h, other) < 0 {
			now[h.Entitlement] = h
		}
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if was, ok := before[name]; !ok || was != now[name] {
			appeared = append(appeared, now[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, ok := now[name]; !ok {
			vanished = append(vanished, before[name])
		}
	}
	return appeared, vanished
}

// nearer orders the paths to one entitlement: the direct one counts, for it
// alone can be taken away at the account.
func nearer(a, b onus.Held) int {
	return cmp.Or(cmp.Compare(distance(a.Path), distance(b.Path)), cmp.Compare(a.Via, b.Via), cmp.Compare(a.Ref, b.Ref))
}

func distance(p onus.Path) int {
	switch p {
	case onus.Direct:
		return 0
	case onus.OtherGrantor:
		return 1
	case onus.Inherited:
		return 2
	default:
		return 3
	}
}
