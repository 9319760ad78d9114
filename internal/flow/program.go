// Package flow turns a folder of YAML definitions into a checked, compiled
// program, or into a list of every fault in it. It knows no clock, no network
// and no database: whoever calls it brings the roster and the time.
package flow

import (
	"regexp"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow/expr"
	"github.com/onus-id/onus/internal/rota"
)

// A Program is a folder of definitions, checked as a whole. It is never
// changed after Compile.
type Program struct {
	Digest       onus.Digest // of all definition files by relative path, in order of path
	Files        []File      // as they were compiled, in order of path; no tests
	Notes        []string    // what the check could not look at
	Organisation Organisation
	Sources      map[onus.SourceName]*Source
	Systems      map[onus.SystemName]*System
	Entitlements map[EntitlementKey]*Entitlement
	Workflows    map[onus.WorkflowName]*Workflow
	Separations  map[string]*Separation
	Campaigns    map[string]*onus.Terms
	Rotas        map[string]*rota.Rota
	Rules        map[string]*Rule // standing rules
}

// A File is one definition file.
type File struct {
	Path string `json:"path"` // relative to the folder, with forward slashes
	Text string `json:"text"`
}

// Organisation says who is who.
type Organisation struct {
	Name          string
	People        onus.SourceName   // the source that people come from
	Units         map[string]Unit   // business units by name
	Escalation    []string          // heads, by mail, the last resort first
	Shared        []string          // mailboxes that are nobody's own
	SharedPattern *regexp.Regexp    // addresses that look shared; nil: none
	Notify        Notify            // how people are told
	Operators     map[string]string // operating-system user → mail of a person
	Signers       []Signer          // whose key is whose, in the order of the file
	Unsigned      bool              // a yes to what is critical counts unsigned, from whoever has a key too
	Zone          *time.Location    // whose midnight a date means; UTC unless said
	Acceptance    time.Duration     // for how long an accepted duty stays accepted; 0: a year
	Approvals     []ApprovalRule    // of every grant

	Administrators []string // who run Onus itself, by mail; none of them decides about access
	Auditors       []string // who see everything and change nothing, by mail

	Zones      map[string]*time.Location // of people, by mail in lower case
	Hours      map[string]rota.Hours     // when people are at work, by the name of the zone
	Production Share                     // from when on the exception path is the production path
}

// A Share says from when on the exception path has become the production path.
type Share struct {
	Percent int           // of what a workflow set out to do
	Least   int           // exceptions, or it is too early to say
	Over    time.Duration // the stretch of time that is looked at
}

// A Unit is a business unit.
type Unit struct {
	Head          string // mail
	Administrator string // mail; administers what is of the unit, and nothing beyond it
	Deputy        string // of the administrator
}

// A Source is a feed as defined.
type Source struct {
	Name       onus.SourceName
	Kind       onus.IdentityKind
	Owner      string // data owner, by mail
	Deputy     string
	Route      onus.Route // for exceptions of the source; to the owner first
	Driver     string     // "csv", "sql"
	Settings   map[string]string
	Secrets    map[string]Secret
	Fresh      time.Duration // 0: no limit
	MinPercent int           // of the last good read's rows; fewer hold the read; default 80
	Schema     Schema
	Match      []MatchRule // record → identity, in order
	Bounds     Bounds      // over all workflows that read it
}

// A Secret is a reference, never a value.
type Secret struct {
	Env  string // name of an environment variable
	File string // path of a file that holds only the secret
}

// Schema is what a source's rows look like.
type Schema struct {
	Attributes []Attribute // in the order of the definition
	Key        string      // unique in a read
	Roles      Roles
	Moves      []string // a change in one of these is a move; in another, a change
}

// Attribute is one column.
type Attribute struct {
	Name     string
	Column   string // in the feed; the name itself unless said
	Type     expr.Type
	Required bool
	Personal bool     // erasable personal data
	Values   []string // the only ones allowed; nil: any
	Pattern  *regexp.Regexp
}

// Attribute gives the attribute of a name, or nil.
func (s *Schema) Attribute(name string) *Attribute {
	for i := range s.Attributes {
		if s.Attributes[i].Name == name {
			return &s.Attributes[i]
		}
	}
	return nil
}

// Roles say which attribute plays which part; empty: none does.
type Roles struct {
	Person  string // the person over several engagements (people)
	Login   string
	Name    string   // the first of Names
	Names   []string // the attributes that make the name that people read, in order
	Mail    string
	Manager string // key, person or mail of the manager
	Sponsor string // of an NHI: key, person or mail of a person
	Deputy  string // of an NHI: key, person or mail of who stands in for the sponsor
	Unit    string
	Zone    string // of a person: whose working hours are theirs
	Start   string // date: access may begin
	End     string // date: the last day of access; gone the day after
	Status  string // with Gone: values that mean "left"
	Gone    []string
}

// A MatchRule correlates. For a record, each of On is an attribute that must
// equal the identity's; for an account, On[i] is an attribute of the account
// ("name", or one of its attributes) and Of[i] the identity's.
type MatchRule struct {
	Name  string
	On    []string
	Of    []string
	Exact bool // false: weak; a weak match is an exception, never a guess
}

// A System is a place where access lives.
type System struct {
	Name      onus.SystemName
	Connector string // "ldap", "postgres", "scim", "sql"
	Settings  map[string]string
	Secrets   map[string]Secret
	Owner     string // system owner, by mail
	Deputy    string
	Unit      string
	Provider  string
	Vendor    string // who operates it, where that is not us
	Route     onus.Route
	Rate      float64        // requests a second over all processes; 0: no limit
	Match     []MatchRule    // account → identity, in order
	Bounds    Bounds         // over all workflows
	Approvals []ApprovalRule // of every grant on it
}

// EntitlementKey names an entitlement on a system.
type EntitlementKey struct {
	System onus.SystemName
	Name   string // "group:finance"
}

// An Entitlement is a catalogue entry.
type Entitlement struct {
	EntitlementKey
	Title       string
	Sensitivity onus.Sensitivity
	Owner       string
	Deputy      string       // the system's where the owner is
	Request     *Requestable // nil: nobody may ask for it
}

// A Workflow is a compiled workflow.
type Workflow struct {
	Name       onus.WorkflowName
	Digest     onus.Digest // of its own definition, canonical; a new one is a new version
	Owner      string
	Deputy     string
	Controls   Controls
	Source     onus.SourceName
	When       *expr.Program       // bool; over subject, before, change, people, now
	Follows    []onus.WorkflowName // whose grants are this workflow's to keep or take away
	Require    []Requirement
	Bounds     Bounds
	Exceptions map[onus.Category]onus.Route // resolved at compile time except role names; see Route
	Default    onus.Route
	Production Share
	Steps      []Step
	Leaver     bool   // it only takes access away (every step revokes): rule 9 lets it go on
	Requests   bool   // it gives what people ask for, and has no steps of its own; Source is that of people
	Drill      *Drill // nil: nothing proves that it can be undone
}

// A Drill is how a workflow's undo is proven.
type Drill struct {
	Every    time.Duration
	Within   time.Duration
	Canaries []Canary
}

// A Canary is nobody: a record that a workflow is tried on.
type Canary struct {
	Login string
	Key   string
	// Stages are what happens to the record, in order: it joins, it moves as
	// often as is said, and leaves where that is said.
	Stages []CanaryStage
}

// A CanaryStage is the record as it is after something happened to it.
type CanaryStage struct {
	Kind   onus.OccasionKind
	Record onus.Attributes
}

// Controls are the three control owners.
type Controls struct {
	Provisioning string
	Revocation   string
	Exceptions   string
	Designated   string // answers for the whole; empty: the control owner for exceptions does
	Deputies     Deputies
}

// Deputies stand in for the control owners.
type Deputies struct {
	Provisioning string
	Revocation   string
	Exceptions   string
	Designated   string
}

// Requirement is a condition that must hold before anything is planned.
type Requirement struct {
	That      *expr.Program // bool
	Otherwise onus.Category
	Says      string // the expression as written
}

// Bounds are what a guard allows. A zero limit is none.
type Bounds struct {
	Subjects Limit
	Changes  Limit
	Removals Limit
	Weight   Limit
	Owner    string // who is asked; the control owner for exceptions (the system owner for a system) unless said
	Deputy   string // of an owner who is named here
}

// A Limit is a number in a window of time.
type Limit struct {
	Max int
	Per time.Duration
}

// A Step states what should be true for a subject. Exactly one of Account,
// Grant and Withdraw is set.
type Step struct {
	ID                  string
	When                *expr.Program // bool; nil: always
	Account             *AccountStep
	Grant               *GrantStep
	Withdraw            *WithdrawStep
	Approve             *onus.ApprovalNeed
	Expires             time.Duration
	Confirm             time.Duration
	Reverse             string   // "disable", "absent", "restore", "irreversible"; what undoing means
	After               []string // ids of steps that must be confirmed first; set by the compiler where not said
	Uses                []string // attributes of the subject that the step's expressions look at, sorted
	Line                int
	File                string
	ContinueOnException bool // the run's independent changes go on
}

// AccountStep says that the subject has an account.
type AccountStep struct {
	System     onus.SystemName
	Name       *expr.Program            // string: the account's name; the subject's login unless said
	Attributes map[string]*expr.Program // string
	Disabled   bool                     // present, and disabled
}

// GrantStep says that the subject's account holds an entitlement.
type GrantStep struct {
	System      onus.SystemName
	Entitlement *expr.Program // string; a plain text compiles to a constant
	Constant    string        // the entitlement where it is a constant
}

// WithdrawStep says that the subject holds nothing: every account and grant,
// desired and observed, on the systems named (none: on all).
type WithdrawStep struct {
	Systems  []onus.SystemName
	Accounts string // "disabled" or "absent"
	Grants   bool   // grants are taken away too
	Sessions bool   // live sessions are ended where the connector can
}

// RouteFor gives the route of a category. "source.owner" and "system.owner"
// in it were resolved by the compiler where they could be; what depends on
// the system of a change stays and is resolved by Resolve.
func (w *Workflow) RouteFor(c onus.Category) onus.Route {
	if r, ok := w.Exceptions[c]; ok {
		return r
	}
	return w.Default
}
