package ledger

// A Meaning explains a type of event to whoever reads the ledger.
type Meaning struct {
	When  string // when it is written
	Actor string // who acted
	Owner string // who answers for it; empty: nobody has to yet
}

// The types of event. Each is explained in Types.
const (
	DefinitionsPinned Type = "definitions.pinned"
	WorkflowPinned    Type = "workflow.pinned"

	ReadTaken  Type = "read.taken"
	ReadHeld   Type = "read.held"
	RecordSeen Type = "record.seen"
	RecordGone Type = "record.gone"

	IdentityCorrelated Type = "identity.correlated"
	IdentityChanged    Type = "identity.changed"

	AccountObserved  Type = "account.observed"
	AccountGone      Type = "account.gone"
	GrantObserved    Type = "grant.observed"
	GrantGone        Type = "grant.gone"
	GrantWarranted   Type = "grant.warranted"
	GrantUnwarranted Type = "grant.unwarranted"

	OccasionArose   Type = "occasion.arose"
	OccasionSettled Type = "occasion.settled"
	OccasionStopped Type = "occasion.stopped"

	PlanMade      Type = "plan.made"
	BatchReleased Type = "batch.released"
	BatchHeld     Type = "batch.held"
	BatchRefused  Type = "batch.refused"

	RunCreated  Type = "run.created"
	RunWaiting  Type = "run.waiting"
	RunExcepted Type = "run.excepted"
	RunResumed  Type = "run.resumed"
	RunEnded    Type = "run.ended"

	ChangePlanned    Type = "change.planned"
	ChangeHeld       Type = "change.held"
	ChangeIntended   Type = "change.intended"
	ChangeApplied    Type = "change.applied"
	ChangeConfirmed  Type = "change.confirmed"
	ChangeRetried    Type = "change.retried"
	ChangeExcepted   Type = "change.excepted"
	ChangeOverridden Type = "change.overridden"
	ChangeRefused    Type = "change.refused"

	ExceptionOpened  Type = "exception.opened"
	ExceptionClimbed Type = "exception.climbed"
	ExceptionClosed  Type = "exception.closed"
)

// Types lists every type of event. A store refuses an event of any other.
var Types = map[Type]Meaning{
	DefinitionsPinned: {"the files of a program are kept, before anything is decided by them", "whoever ran or published it", "the workflow owners named in it"},
	WorkflowPinned:    {"a version of a workflow is bound to the definitions it came with", "whoever ran or published it", "the workflow owner"},

	ReadTaken:  {"a source was read whole, and the read passed its guards", "engine", "the data owner"},
	ReadHeld:   {"a read was stale, failed, truncated or far too small; it changes nothing", "engine", "the data owner"},
	RecordSeen: {"a source's record is new or differs from the last read", "engine", "the data owner"},
	RecordGone: {"a complete read no longer has a record", "engine", "the data owner"},

	IdentityCorrelated: {"a record or an account was matched to an identity", "engine, or the person who decided the match", "the data owner"},
	IdentityChanged:    {"an identity's facts or state changed", "engine", "the data owner"},

	AccountObserved:  {"a system shows an account that is new or differs from the last look", "engine", "the system owner"},
	AccountGone:      {"a complete scan no longer has an account", "engine", "the system owner"},
	GrantObserved:    {"a system shows that an account holds an entitlement", "engine", "the system owner"},
	GrantGone:        {"a complete scan no longer shows a grant", "engine", "the system owner"},
	GrantWarranted:   {"our records came to want a grant", "engine", "the workflow owner"},
	GrantUnwarranted: {"a reason for a grant ended", "engine", "the workflow owner"},

	OccasionArose:   {"something set a workflow off", "engine, or the person who asked", "the workflow owner"},
	OccasionSettled: {"everything the occasion called for is done", "engine", "the workflow owner"},
	OccasionStopped: {"an occasion was given up; nothing more comes of it", "the person who decided it", "the workflow owner"},

	PlanMade:      {"the changes that an occasion warrants were worked out", "engine", "the workflow owner"},
	BatchReleased: {"a batch was measured and may begin", "engine, or the guard's owner", "the workflow owner"},
	BatchHeld:     {"a batch is past a bound; none of it begins", "engine", "the guard's owner"},
	BatchRefused:  {"the guard's owner refused a held batch", "the person who refused", "the guard's owner"},

	RunCreated:  {"a plan is about to be carried out", "engine", "the workflow owner"},
	RunWaiting:  {"a run waits for an approval, a date or a person", "engine", "the person waited for"},
	RunExcepted: {"a run stopped because something could not be validated or confirmed", "engine", "the exception's assignee"},
	RunResumed:  {"a run goes on after what it waited for", "engine, or the person who decided", "the workflow owner"},
	RunEnded:    {"a run has nothing more to do", "engine", "the workflow owner"},

	ChangePlanned:    {"a change became part of a run", "engine", "the control owner"},
	ChangeHeld:       {"a change waits for approval", "engine", "the control owner"},
	ChangeIntended:   {"a change is about to touch its system; written before it does", "engine", "the control owner"},
	ChangeApplied:    {"the system took a change; not yet read back", "engine", "the control owner"},
	ChangeConfirmed:  {"the system, read back, shows a change", "engine", "the control owner"},
	ChangeRetried:    {"a change is to be tried again", "engine, or the person who decided", "the control owner"},
	ChangeExcepted:   {"a change could not be applied or confirmed", "engine", "the exception's assignee"},
	ChangeOverridden: {"a person went against what the engine worked out", "the person who overrode", "the person who overrode"},
	ChangeRefused:    {"a person refused a change; it will not be made", "the person who refused", "the control owner"},

	ExceptionOpened:  {"something stopped and waits for a named person", "engine", "the assignee"},
	ExceptionClimbed: {"nobody acted in time; the next person on the route is asked", "engine", "the new assignee"},
	ExceptionClosed:  {"an exception was decided, or a fresh look found its cause gone", "the person who decided, or engine", "the assignee"},
}
