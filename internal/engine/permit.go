package engine

import (
	"maps"

	"github.com/onus-id/onus/ledger"
)

// A Permit is what the policy over who may do what said to an act. The zero
// value says nothing: then what the engine itself asks of people decides.
type Permit struct {
	Policy string // the one that permits it; it goes into the event
	Err    error  // why none does; told after what the engine finds wrong itself
}

// note adds the policy to what an act records.
func (p Permit) note(ev *ledger.Event) {
	if p.Policy == "" {
		return
	}
	notes := maps.Clone(ev.Notes)
	if notes == nil {
		notes = map[string]string{}
	}
	notes["policy"] = p.Policy
	ev.Notes = notes
}
