package onus

import (
	"strings"
	"time"
)

// A Duty is what somebody answers for.
type Duty string

// The duties of design rule 1, and those beside them.
const (
	WorkflowOwner       Duty = "workflow owner"
	DataOwner           Duty = "data owner"
	SystemOwner         Duty = "system owner"
	ProvisioningControl Duty = "control owner for provisioning"
	RevocationControl   Duty = "control owner for revocation"
	ExceptionsControl   Duty = "control owner for exceptions"
	EntitlementOwner    Duty = "entitlement owner"
	Sponsor             Duty = "sponsor"
	GuardOwner          Duty = "guard's owner"
	DesignatedControl   Duty = "designated control owner" // of a whole workflow, above all one that reaches over several units
	UnitAdministrator   Duty = "administrator"            // of a unit, as far as the unit goes
	RuleOwner           Duty = "rule owner"               // of a standing rule
	PreApprover         Duty = "approver beforehand"      // of a standing rule: answers for what it does
)

// Owners are the people who answer for a decision, as they were named when
// it was made (rule 11). Each is the mail address under which the definitions
// name the person.
type Owners struct {
	Workflow     string `json:"workflow,omitempty"`
	Data         string `json:"data,omitempty"`
	System       string `json:"system,omitempty"`
	Provisioning string `json:"provisioning,omitempty"`
	Revocation   string `json:"revocation,omitempty"`
	Exceptions   string `json:"exceptions,omitempty"`
	Standing     string `json:"standing,omitempty"` // who approved beforehand the standing rule that acted
}

// A Route says whom an exception goes to and who is next when the clock runs
// out. People are named by mail address, or "rota:NAME" for whoever is on duty
// then; rule 1 wants at least two in Then.
type Route struct {
	To      string        `json:"to"`
	Within  time.Duration `json:"within"`            // to acknowledge it
	Resolve time.Duration `json:"resolve,omitempty"` // to end it once acknowledged; 0: four times Within
	Snooze  time.Duration `json:"snooze,omitempty"`  // how far it may be put off in all; 0: a day
	Working bool          `json:"working,omitempty"` // the clock runs while the person is at work only
	Then    []string      `json:"then"`
}

// ToResolve is how long whoever acknowledged an exception has to end it.
func (r Route) ToResolve() time.Duration {
	if r.Resolve > 0 {
		return r.Resolve
	}
	return 4 * r.Within
}

// MostSnooze is how far an exception may be put off, whatever a route says.
const MostSnooze = 7 * 24 * time.Hour

// ToSnooze is how far an exception of the route may be put off in all.
func (r Route) ToSnooze() time.Duration {
	if r.Snooze > 0 {
		return min(r.Snooze, MostSnooze)
	}
	return 24 * time.Hour
}

// Rota gives the name of the rota that a place on a route stands for.
func Rota(entry string) (name string, ok bool) { return strings.CutPrefix(entry, "rota:") }

// At gives the person an exception waits for after so many escalations; the
// last person of the route keeps it.
func (r Route) At(step int) string {
	if step <= 0 || len(r.Then) == 0 {
		return r.To
	}
	return r.Then[min(step, len(r.Then))-1]
}

// An Actor is who or what did something: "engine", "person:ID" for a person
// known to the roster, "os:NAME" for an operating-system user, "ssh:SHA256:…"
// for whoever holds that key, "machine:ID" for a
// machine identity that holds a token.
type Actor string

// UnknownActor is what to do about an actor whom the organisation does not know.
const UnknownActor = "map the operating-system user to a person under operators in Organisation, or the key in its file of signers"

// Engine is the actor of what no person did.
const Engine Actor = "engine"
