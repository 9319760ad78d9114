package onus

import "time"

// A Delegation lets somebody answer requests for approval in another's place
// for a time. A yes under it counts as one, with both names on record. It
// passes on what its giver is asked in their own right, and nothing that was
// delegated to them.
type Delegation struct {
	ID     string     `json:"id"`
	From   string     `json:"from"` // mail address of who is asked
	Giver  IdentityID `json:"giver"`
	To     string     `json:"to"` // mail address of who may answer for them
	Taker  IdentityID `json:"taker"`
	Since  time.Time  `json:"since"`
	Until  time.Time  `json:"until"`
	Reason string     `json:"reason"`
	By     Actor      `json:"by"`
	Made   time.Time  `json:"made"`
	Ended  time.Time  `json:"ended,omitzero"` // before its time
	Why    string     `json:"why,omitempty"`  // why it ended before its time
}

// InForce says whether it counts at that time.
func (d Delegation) InForce(now time.Time) bool {
	return d.Ended.IsZero() && !now.Before(d.Since) && now.Before(d.Until)
}
