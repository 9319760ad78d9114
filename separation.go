package onus

import "time"

// An Exemption lets one identity hold, for a time, what a rule of separation
// of duty keeps apart. It is the reasoned decision of the rule's owner.
type Exemption struct {
	ID       string     `json:"id"`
	Rule     string     `json:"rule"`
	Identity IdentityID `json:"identity"`
	Until    time.Time  `json:"until"`
	Reason   string     `json:"reason"`
	By       Actor      `json:"by"`
	Person   string     `json:"person"` // mail address of who decided
	At       time.Time  `json:"at"`
	Approval string     `json:"approval,omitempty"` // the approval that it came with
	Run      RunID      `json:"run,omitempty"`      // and of which run that was
}
