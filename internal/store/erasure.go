package store

import (
	"slices"
	"time"

	"github.com/onus-id/onus"
)

// ErasureState is how far an erasure has come.
type ErasureState string

// The states of an erasure. There is no way back from carried.
const (
	ErasureRequested ErasureState = "requested"
	ErasureRefused   ErasureState = "refused"
	ErasureCarried   ErasureState = "carried"
)

// An Erasure is a request that the personal data of one subject be forgotten,
// and what became of it. It names people by ID only, and outlives the data.
type Erasure struct {
	ID        string          `json:"id"`
	Subject   onus.IdentityID `json:"subject"`
	Reason    string          `json:"reason"`
	State     ErasureState    `json:"state"`
	By        onus.IdentityID `json:"by"` // who asked
	At        time.Time       `json:"at"`
	Decider   onus.IdentityID `json:"decider,omitempty"` // who approved or refused
	DecidedAt time.Time       `json:"decided_at,omitzero"`
	Why       string          `json:"why,omitempty"` // of a refusal
	Entries   int64           `json:"entries,omitempty"`
	Objects   int             `json:"objects,omitempty"`
}

// Erasures are kept like everything else, and are nobody's personal data.
var Erasures = Kind[Erasure]{
	Name: "erasure", ID: func(v Erasure) string { return v.ID },
	Keys: func(v Erasure) []Key {
		return []Key{{"state", string(v.State)}, {"subject", string(v.Subject)}}
	},
}

// PersonalKinds are the names of the kinds whose objects hold somebody's
// personal data.
func PersonalKinds() []string {
	var names []string
	for name, k := range kinds {
		if of, ok := k.(interface{ hasSubject() bool }); ok && of.hasSubject() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (k Kind[T]) hasSubject() bool { return k.Subject != nil }
