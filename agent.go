package onus

import (
	"encoding/json"
	"slices"
)

// kindAgent is what the register calls an AI agent, in the attribute "kind".
const kindAgent = "ai_agent"

// IsAgent says whether it is an AI agent. One asks and proposes in a person's
// place, within what was delegated to it; it never decides.
func (i Identity) IsAgent() bool { return i.Kind == NonHuman && i.Attributes["kind"] == kindAgent }

// A Behalf says in whose place an AI agent acts, and how that came to it, in
// the shape of the claims "sub" and "act" of RFC 8693 (section 4.1): the
// outermost sub is the person, the act in it is the agent at work, and what
// that nests are the agents that had it before, the latest first.
type Behalf struct {
	Sub IdentityID `json:"sub"`
	Act *Behalf    `json:"act,omitempty"`
}

// Agents lists the agents in the order in which it was delegated: the last is
// the one at work.
func (b Behalf) Agents() (all []IdentityID) {
	for act := b.Act; act != nil; act = act.Act {
		all = append(all, act.Sub)
	}
	slices.Reverse(all)
	return all
}

// To is what an agent has to whom it is passed on.
func (b Behalf) To(agent IdentityID) Behalf {
	return Behalf{Sub: b.Sub, Act: &Behalf{Sub: agent, Act: b.Act}}
}

// String is the claims as JSON, the way that the ledger keeps them.
func (b Behalf) String() string {
	text, err := json.Marshal(b)
	if err != nil {
		return "" // strings alone always have a JSON
	}
	return string(text)
}
