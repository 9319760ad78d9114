package onus

import "time"

// A Category says why a run, a row or a read stopped. Workflows route by it.
type Category string

// The categories of exception.
const (
	StaleSource      Category = "stale_source"      // older than its freshness limit
	BadRead          Category = "bad_read"          // failed, truncated, wrong header
	VolumeGuard      Category = "volume_guard"      // far fewer rows than last time
	InvalidAttribute Category = "invalid_attribute" // a row, or a require that does not hold
	DuplicateKey     Category = "duplicate_key"
	WeakMatch        Category = "weak_match"      // only a weak correlation rule fits
	AmbiguousMatch   Category = "ambiguous_match" // several fit
	GuardTripped     Category = "guard"           // the batch is past a bound
	Unresolvable     Category = "unresolvable"    // the planner met a fact it cannot plan with
	MissingApprover  Category = "missing_approver"
	DeniedBySystem   Category = "denied"
	ConflictOnSystem Category = "conflict"
	InvalidOnSystem  Category = "invalid"
	SystemUnreached  Category = "unavailable"
	Unconfirmed      Category = "unconfirmed" // applied, and the read back does not show it
	Residual         Category = "residual_access"
	OwnerMissing     Category = "owner_missing"
	SeparationBreach Category = "separation"     // somebody holds what a rule keeps apart
	ProcessDefect    Category = "process_defect" // the exception path has become the production path
	BreakGlass       Category = "break_glass"    // an account that is sealed for when Onus is down was used
	ReviewOverdue    Category = "review_overdue" // nobody looked in time at what a standing rule did
	Overdue          Category = "late"           // a leaver's access is not confirmed gone by its deadline
)

// The categories of what goes wrong with Onus itself. No workflow routes
// them: they go to the organisation's escalation.
const (
	ChannelDead Category = "channel_dead" // people are not told over it
	Unwitnessed Category = "unwitnessed"  // the ledger has too few cosignatures: effects wait
)

// DrillBroken is the category of a workflow whose undo is not proven: a drill
// of it failed or is overdue. It goes to the workflow's control owner for
// revocation, whatever its routes say.
const DrillBroken Category = "drill"

// Categories lists every category that a workflow may route.
var Categories = []Category{
	StaleSource, BadRead, VolumeGuard, InvalidAttribute, DuplicateKey, WeakMatch, AmbiguousMatch,
	GuardTripped, Unresolvable, MissingApprover, DeniedBySystem, ConflictOnSystem, InvalidOnSystem,
	SystemUnreached, Unconfirmed, Residual, OwnerMissing, SeparationBreach, ProcessDefect, ReviewOverdue, BreakGlass, Overdue,
}

// ExceptionState is how far an exception has come.
type ExceptionState string

// The states of an exception. Every one but open was a person's decision, or
// a fresh look that found the cause gone.
const (
	ExceptionOpen       ExceptionState = "open"
	ExceptionRetried    ExceptionState = "retried"
	ExceptionAmended    ExceptionState = "amended"
	ExceptionOverridden ExceptionState = "overridden"
	ExceptionRefused    ExceptionState = "refused"
	ExceptionCleared    ExceptionState = "cleared"
	ExceptionPractised  ExceptionState = "practised" // one for practice, acknowledged
)

// An Exception is something that stopped because it could not be validated,
// reconciled or confirmed. It belongs to one person (rule 5).
type Exception struct {
	ID       string         `json:"id"`
	State    ExceptionState `json:"state"`
	Category Category       `json:"category"`
	Group    string         `json:"group"`   // alike exceptions share it: one problem with a count
	Message  string         `json:"message"` // one sentence: what stopped, and why
	Hint     string         `json:"hint,omitempty"`
	Assignee string         `json:"assignee"` // mail address of the person it waits for; empty: Nobody says why
	Nobody   string         `json:"nobody,omitempty"`
	Route    Route          `json:"route"`
	Step     int            `json:"step"` // how far up the route, and then the organisation's escalation
	Opened   time.Time      `json:"opened"`
	Deadline time.Time      `json:"deadline"` // when it climbs
	Closed   time.Time      `json:"closed,omitzero"`
	Practice bool           `json:"practice,omitempty"` // nothing stopped: it is to be acknowledged, and no more

	Acknowledged time.Time     `json:"acknowledged,omitzero"` // since it climbed last
	Answered     time.Time     `json:"answered,omitzero"`     // by anybody, the first time
	Offered      string        `json:"offered,omitempty"`     // mail address of whom the assignee asks to have it
	Snoozed      time.Duration `json:"snoozed,omitempty"`     // how far its deadlines were put off in all
	Attended     *Decision     `json:"attended,omitempty"`    // the last thing that somebody did about it

	Source   SourceName   `json:"source,omitempty"`
	Read     string       `json:"read,omitempty"`
	Key      string       `json:"key,omitempty"` // of the record
	Identity IdentityID   `json:"identity,omitempty"`
	Occasion string       `json:"occasion,omitempty"`
	Workflow WorkflowName `json:"workflow,omitempty"`
	Batch    string       `json:"batch,omitempty"`
	Run      RunID        `json:"run,omitempty"`
	Change   ChangeID     `json:"change,omitempty"`
	System   SystemName   `json:"system,omitempty"`
	Plan     Digest       `json:"plan,omitempty"`
	Kept     string       `json:"kept,omitempty"` // the preserved state, as JSON
	Decided  *Decision    `json:"decided,omitempty"`
}

// A Decision is a person's choice on an exception.
type Decision struct {
	Act    string            `json:"act"` // what ends it: "retry", "amend", "override", "refuse"; else what was done about it
	By     Actor             `json:"by"`
	Person string            `json:"person,omitempty"` // mail address
	Reason string            `json:"reason,omitempty"`
	With   map[string]string `json:"with,omitempty"` // what an amendment put right
	At     time.Time         `json:"at"`
	Signed *Signed           `json:"signed,omitempty"`
	Policy string            `json:"policy,omitempty"` // that let them
}

// About is the digest of what stopped: what a decision on it is about, however
// often it climbed meanwhile.
func (x Exception) About() Digest {
	return DigestOfJSON([]any{x.ID, x.Category, x.Message, x.Opened.UTC(), x.Plan, x.Kept})
}
