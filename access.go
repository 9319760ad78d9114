package onus

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// Sensitivity weighs an entitlement.
type Sensitivity string

// The sensitivities, from least to most.
const (
	Low      Sensitivity = "low"
	Elevated Sensitivity = "elevated"
	Critical Sensitivity = "critical"
)

// Weight is the privilege weight that guards add up.
func (s Sensitivity) Weight() int {
	switch s {
	case Low:
		return 1
	case Elevated:
		return 5
	case Critical:
		return 25
	default:
		return 25 // unknown counts as the worst
	}
}

// An AccountRef is the provider's immutable id of an account (entryUUID,
// role OID, SCIM id), never a name: names are renamed and reused.
type AccountRef string

// An EntitlementRef is the provider's immutable id of what can be granted.
type EntitlementRef string

// An Account is an identity's presence on a system, as last observed.
type Account struct {
	System     SystemName `json:"system"`
	Ref        AccountRef `json:"ref"`
	Name       string     `json:"name"`               // what the system calls it today
	Identity   IdentityID `json:"identity,omitempty"` // empty: an orphan
	Matched    string     `json:"matched,omitempty"`  // the correlation rule that matched it
	Enabled    bool       `json:"enabled"`
	Attributes Attributes `json:"attributes,omitempty"`
	Gone       bool       `json:"gone,omitempty"` // a complete scan no longer has it

	// What was changed outside Onus and is not put right, as it was before:
	// attributes, the name (NameAttribute), whether it is enabled (StateAttribute).
	Was Attributes `json:"was,omitempty"`
}

// Told gives an attribute, the name or the state of an account as text.
func (a Account) Told(attribute string) string {
	switch attribute {
	case NameAttribute:
		return a.Name
	case StateAttribute:
		return strconv.FormatBool(a.Enabled)
	default:
		return a.Attributes[attribute]
	}
}

// Altered gives what was changed outside Onus, sorted.
func (a Account) Altered() []string { return slices.Sorted(maps.Keys(a.Was)) }

// A Held is an entitlement seen on an account.
type Held struct {
	Entitlement string         `json:"entitlement"` // "group:finance", "role:ledger_write"
	Ref         EntitlementRef `json:"ref,omitempty"`
	Path        Path           `json:"path"`
	Via         string         `json:"via,omitempty"` // the group, role or grantor it comes through
}

// Path is how an account came to hold an entitlement.
type Path string

// The paths. Only a direct one can be taken away at the account.
const (
	Direct       Path = "direct"
	Inherited    Path = "inherited"     // through another group or role
	OtherGrantor Path = "other_grantor" // granted by somebody else than us
)

// A Grant is an identity holding an entitlement on a system. It is never
// deleted: Observed and the warrants say whether it is in force, and the
// ledger who held what on a given day.
type Grant struct {
	System      SystemName     `json:"system"`
	Account     AccountRef     `json:"account,omitempty"` // empty until the account exists
	Entitlement string         `json:"entitlement"`       // empty: the account itself
	Ref         EntitlementRef `json:"ref,omitempty"`
	Identity    IdentityID     `json:"identity,omitempty"`
	Warrants    []Warrant      `json:"warrants,omitempty"` // why our records want it; none: nobody warranted it
	Observed    bool           `json:"observed"`
	Path        Path           `json:"path,omitempty"`
	Via         string         `json:"via,omitempty"`
	FirstSeen   time.Time      `json:"first_seen,omitzero"`
	Change      ChangeID       `json:"change,omitempty"` // the change that last moved it; empty: seen, not made by us
}

// A Warrant is one reason for a grant. A grant with two warrants stays when
// one of them ends.
type Warrant struct {
	Workflow WorkflowName `json:"workflow"`
	Version  int          `json:"version"`
	Step     string       `json:"step"`
	Since    time.Time    `json:"since"`
	Until    time.Time    `json:"until,omitzero"` // zero: as long as the record warrants it
	Run      RunID        `json:"run"`
	Change   ChangeID     `json:"change"`
	Ended    time.Time    `json:"ended,omitzero"`     // zero: in force
	EndedBy  string       `json:"ended_by,omitempty"` // "expired", or the run that withdrew it
}

// InForce says whether the warrant still gives a reason at that time.
func (w Warrant) InForce(now time.Time) bool {
	return w.Ended.IsZero() && (w.Until.IsZero() || now.Before(w.Until))
}

// Warranted says whether any warrant is in force.
func (g Grant) Warranted(now time.Time) bool {
	return slices.ContainsFunc(g.Warrants, func(w Warrant) bool { return w.InForce(now) })
}
