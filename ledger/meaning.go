package ledger

//go:generate go test -run TestEveryTypeHasItsPage -update .

// Types lists every type of event. A store refuses an event of any other.
var Types = map[Type]Meaning{
	DefinitionsPinned: {
		When: "the files of a program are kept, before anything is decided by them", Actor: "whoever proposed it", Owner: "whoever proposed it",
		Object: "definitions",
	},
	WorkflowPinned: {
		When: "a workflow that is new, or not as it was, goes live with a version of the definitions", Actor: "whoever published it", Owner: "the workflow owner",
		Object: "workflow", Fields: "cause, inputs, workflow",
	},

	WorkflowPaused: {
		When: "a person paused a workflow: it plans nothing and its runs begin nothing, but for what leavers lose", Actor: "the person who paused it", Owner: "the person who paused it",
		Object: "pause", Fields: "cause",
		Notes: map[string]string{"policy": "the policy that permitted it", "recalled": "the version of it that was recalled"},
	},
	WorkflowResumed: {
		When: "a person let a paused workflow go on: its runs take up where they stopped", Actor: "the person who resumed it", Owner: "the person who resumed it",
		Object: "pause", Fields: "cause",
		Notes: map[string]string{"policy": "the policy that permitted it"},
	},

	VersionProposed: {
		When: "somebody proposed a version of the definitions, or what it would do was worked out anew", Actor: "whoever proposed it, or looked again", Owner: "its first author",
		Object: "version", Fields: "cause, inputs",
		Notes: permitted(map[string]string{"shown": "the digest of all that is different under it", "base": "the version that was live then", "again": "the former version that it is", "behalf": behalf}),
	},
	VersionPublished: {
		When: "somebody else than its authors said yes to a version: it is live, and nothing else is", Actor: "the person who said yes", Owner: "the person who said yes",
		Object: "version", Fields: "cause, inputs, rule",
		Notes: permitted(map[string]string{"number": "its number in the order of going live", "shown": "the digest of what was said yes to"}),
	},
	VersionRefused: {
		When: "a person said no to a version, or an author took it back", Actor: "the person who said no", Owner: "the person who said no",
		Object: "version", Fields: "cause, rule",
		Notes: permitted(map[string]string{}),
	},
	VersionSuperseded: {
		When: "another version went live in the place of this one", Actor: "the person who said yes to the other", Owner: "the person who said yes to the other",
		Object: "version", Fields: "cause",
	},

	ReadTaken: {
		When: "a source was read whole, and the read passed its guards", Actor: "engine", Owner: "the data owner",
		Object: "read", Fields: "cause, inputs",
		Notes: map[string]string{"absence": `"proves nothing" when rows may be missing from it`, "bad": "how many became exceptions", "rows": "how many rows it had", "unchanged": "how many were as they had been"},
	},
	ReadHeld: {
		When: "a read was stale, failed, truncated or far too small; it changes nothing", Actor: "engine", Owner: "the data owner",
		Object: "read", Fields: "cause, inputs",
	},
	RecordSeen: {
		When: "a source's record is new or differs from the last read", Actor: "engine", Owner: "the data owner",
		Object: "record", Fields: "cause, inputs, rule",
	},
	RecordGone: {
		When: "a complete read no longer has a record", Actor: "engine", Owner: "the data owner",
		Object: "record", Fields: "cause, inputs, rule",
	},

	IdentityCorrelated: {
		When: "a record or an account was matched to an identity", Actor: "engine, or the person who decided the match", Owner: "the data owner",
		Object: "identity", Fields: "cause, inputs, rule",
	},
	IdentityChanged: {
		When: "an identity's facts or state changed", Actor: "engine", Owner: "the data owner",
		Object: "identity", Fields: "cause, inputs, rule",
		Notes: map[string]string{"day": "the date that arrived"},
	},

	AccountObserved: {
		When: "a system shows an account that is new or differs from the last look", Actor: "engine", Owner: "the system owner",
		Object: "account", Fields: "cause, rule, workflow",
	},
	AccountGone: {
		When: "a complete scan no longer has an account", Actor: "engine", Owner: "the system owner",
		Object: "account", Fields: "cause, rule, workflow",
	},
	GrantObserved: {
		When: "a system shows that an account holds an entitlement", Actor: "engine", Owner: "the system owner",
		Object: "grant", Fields: "cause, rule, workflow",
	},
	GrantGone: {
		When: "a complete scan no longer shows a grant", Actor: "engine", Owner: "the system owner",
		Object: "grant", Fields: "cause, rule, workflow",
	},
	GrantWarranted: {
		When: "our records came to want a grant", Actor: "engine", Owner: "the workflow owner",
		Object: "grant", Fields: "cause, rule, workflow",
	},
	GrantUnwarranted: {
		When: "a reason for a grant ended", Actor: "engine", Owner: "the workflow owner",
		Object: "grant", Fields: "cause, rule, workflow",
	},

	OccasionArose: {
		When: "something set a workflow off", Actor: "engine, or the person who asked", Owner: "the workflow owner",
		Object: "occasion", Fields: "cause, inputs, rule, workflow",
		Notes: map[string]string{"day": "the date that arrived"},
	},
	OccasionSettled: {
		When: "everything the occasion called for is done", Actor: "engine", Owner: "the workflow owner",
		Object: "occasion", Fields: "cause, inputs, rule, workflow",
		Notes: map[string]string{"overtaken": "the kind of the later occasion that took its place"},
	},
	OccasionStopped: {
		When: "an occasion was given up; nothing more comes of it", Actor: "the person who decided it", Owner: "the workflow owner",
		Object: "occasion", Fields: "cause, inputs, rule, workflow",
		Notes: map[string]string{"was": "what it was before a person decided"},
	},

	PlanMade: {
		When: "the changes that an occasion warrants were worked out", Actor: "engine", Owner: "the workflow owner",
		Object: "plan", Fields: "cause, inputs, workflow",
		Notes: map[string]string{
			"digest": "the plan's digest",
			"seen":   "how many entries the ledger had in the look that it was planned on; without it, the plan was made on what stood right before it",
			"at":     "when that look was",
			"was":    "what it was before a person decided",
			"cannot": "of a reversal: what it was told that systems cannot undo",
		},
	},
	BatchReleased: {
		When: "a batch was measured and may begin", Actor: "engine, or the guard's owner", Owner: "the workflow owner",
		Object: "batch", Fields: "cause, workflow",
		Notes: map[string]string{"was": "what it was before a person decided"},
	},
	BatchHeld: {
		When: "a batch is past a bound; none of it begins", Actor: "engine", Owner: "the guard's owner",
		Object: "batch", Fields: "cause, workflow",
	},
	BatchRefused: {
		When: "the guard's owner refused a held batch", Actor: "the person who refused", Owner: "the guard's owner",
		Object: "batch", Fields: "cause, workflow",
		Notes: map[string]string{"was": "what it was before a person decided"},
	},

	RunCreated: {
		When: "a plan is about to be carried out", Actor: "engine", Owner: "the workflow owner",
		Object: "run", Fields: "cause, workflow",
		Notes: map[string]string{"plan": "the plan's digest", "state": "where the run stands now"},
	},
	RunWaiting: {
		When: "a run waits for an approval, a date or a person", Actor: "engine", Owner: "the person waited for",
		Object: "run", Fields: "cause, workflow",
		Notes: map[string]string{"state": "where the run stands now"},
	},
	RunExcepted: {
		When: "a run stopped because something could not be validated or confirmed", Actor: "engine", Owner: "the exception's assignee",
		Object: "run", Fields: "cause, workflow",
		Notes: map[string]string{"state": "where the run stands now"},
	},
	RunResumed: {
		When: "a run goes on after what it waited for", Actor: "engine, or the person who decided", Owner: "the workflow owner",
		Object: "run", Fields: "cause, workflow",
		Notes: map[string]string{"state": "where the run stands now", "was": "what it was before a person decided"},
	},
	RunEnded: {
		When: "a run has nothing more to do", Actor: "engine", Owner: "the workflow owner",
		Object: "run", Fields: "cause, workflow",
		Notes: map[string]string{"state": "where the run stands now", "was": "what it was before a person decided"},
	},

	ChangeHeld: {
		When: "a change waits for approval", Actor: "engine", Owner: "the control owner",
		Object: "change", Fields: "cause, rule, workflow",
	},
	ChangeApproved: {
		When: "as many as must said yes to a change; it may be made", Actor: "the person whose yes was the last that it needed", Owner: "the control owner",
		Object: "change", Fields: "cause, rule, workflow",
	},
	ChangeIntended: {
		When: "a change is about to touch its system; written before it does", Actor: "engine", Owner: "the control owner",
		Object: "change", Fields: "cause, rule, workflow",
		Notes: map[string]string{"verb": "what is to be true", "system": "where"},
	},
	ChangeApplied: {
		When: "the system took a change; not yet read back", Actor: "engine", Owner: "the control owner",
		Object: "change", Fields: "cause, rule, workflow",
	},
	ChangeConfirmed: {
		When: "the system, read back, shows a change", Actor: "engine", Owner: "the control owner",
		Object: "change", Fields: "cause, rule, workflow",
		Notes: map[string]string{"tier": "how surely it was seen, L0 to L3"},
	},
	ChangeRetried: {
		When: "a change is to be tried again", Actor: "engine, or the person who decided", Owner: "the control owner",
		Object: "change", Fields: "cause, rule, workflow",
		Notes: map[string]string{"error": "what kind of error the last try met", "was": "what it was before a person decided"},
	},
	ChangeExcepted: {
		When: "a change could not be applied or confirmed", Actor: "engine", Owner: "the exception's assignee",
		Object: "change", Fields: "cause, rule, workflow",
		Notes: map[string]string{"category": "of its exception"},
	},
	ChangeOverridden: {
		When: "a person went against what the engine worked out", Actor: "the person who overrode", Owner: "the person who overrode",
		Object: "change", Fields: "cause, rule, workflow",
		Notes: map[string]string{"was": "what it was before a person decided"},
	},
	ChangeRefused: {
		When: "a person refused a change; it will not be made", Actor: "the person who refused", Owner: "the control owner",
		Object: "change", Fields: "cause, rule, workflow",
		Notes: map[string]string{"was": "what it was before a person decided"},
	},

	ExceptionOpened: {
		When: "something stopped and waits for a named person", Actor: "engine", Owner: "the assignee",
		Object: "exception", Fields: "cause, inputs, rule",
		Notes: map[string]string{"group": "a short digest that alike exceptions share", "practice": "nothing stopped: the route is being practised"},
	},
	ExceptionClimbed: {
		When: "nobody acted in time, or who had it is not there any more; the next person on the route is asked", Actor: "engine", Owner: "the new assignee; empty: nobody is there",
		Object: "exception", Fields: "cause, inputs, rule",
		Notes: map[string]string{"why": "time: it ran out; else the assignee is not there any more, or somebody is there again"},
	},
	ExceptionAcknowledged: {
		When: "whom it waits for says that they have it", Actor: "who acknowledged it", Owner: "the assignee",
		Object: "exception", Fields: "cause, rule", Notes: permitted(map[string]string{"practice": "it was for practice, and has ended with that"}),
	},
	ExceptionTaken: {
		When: "somebody of the route takes it in another's place", Actor: "who took it", Owner: "who took it",
		Object: "exception", Fields: "cause, rule", Notes: permitted(map[string]string{"practice": "it was for practice, and has ended with that"}),
	},
	ExceptionOffered: {
		When: "whom it waits for asks somebody else to have it; until they accept it stays", Actor: "who offered it", Owner: "the assignee",
		Object: "exception", Fields: "cause, rule", Notes: permitted(map[string]string{"to": "the ID of who is asked"}),
	},
	ExceptionHandedOver: {
		When: "who was asked to have it accepted", Actor: "who accepted it", Owner: "who accepted it",
		Object: "exception", Fields: "cause, rule", Notes: permitted(map[string]string{"practice": "it was for practice, and has ended with that"}),
	},
	ExceptionSnoozed: {
		When: "whom it waits for puts its deadline off, within what the route allows", Actor: "who put it off", Owner: "the assignee",
		Object: "exception", Fields: "cause, rule", Notes: permitted(map[string]string{"until": "the new deadline"}),
	},
	ExceptionClosed: {
		When: "an exception was decided, or a fresh look found its cause gone", Actor: "the person who decided, or engine", Owner: "the assignee",
		Object: "exception", Fields: "cause, inputs, rule",
		Notes: signed(map[string]string{"state": "how it was closed"}),
	},

	ApprovalAsked: {
		When: "named people are asked for a yes or no to the digest of a plan", Actor: "engine", Owner: "the first person asked",
		Object: "approval", Fields: "cause, inputs, rule, workflow",
		Notes: map[string]string{"need": "how many must say yes"},
	},
	ApprovalGiven: {
		When: "a person said yes to the digest of a plan", Actor: "the person who said yes", Owner: "the person who said yes",
		Object: "approval", Fields: "cause, inputs, workflow",
		Notes: signed(map[string]string{
			"state": "whether it is enough: approved, or still asked", "after": "the time since it was asked", "among": "how many were decided in one go",
			"hasty": "it took less than ten seconds",
		}),
	},
	ApprovalDenied: {
		When: "a person said no, or nobody answered in time; the changes are refused", Actor: "the person who said no, or engine", Owner: "the person who said no, or who was asked last",
		Object: "approval", Fields: "cause, inputs, workflow",
		Notes: signed(map[string]string{"state": "denied", "after": "the time since it was asked", "among": "how many were decided in one go", "hasty": "it took less than ten seconds"}),
	},
	ApprovalClimbed: {
		When: "nobody answered in time; further people are asked, once", Actor: "engine", Owner: "the first of those who are asked now",
		Object: "approval", Fields: "cause, inputs, workflow",
	},
	ApprovalExpired: {
		When: "a request can be answered no more: its plan is not the plan any more, or too few remain who may answer", Actor: "engine", Owner: "the first person asked",
		Object: "approval", Fields: "cause, inputs, workflow",
		Notes: map[string]string{"state": "stale, or lacking"},
	},

	DutyAsked: {
		When: "somebody is asked to answer for a duty, or to go on doing so; silence accepts nothing", Actor: "engine, or the person who asked", Owner: "who is asked",
		Object: "acceptance", Fields: "cause", Notes: map[string]string{"duty": "which duty", "as": "what they would stand as", "renewal": "the day on which their acceptance ends"},
	},
	DutyAccepted: {
		When: "somebody accepted a duty", Actor: "the person who accepted", Owner: "the person who accepted",
		Object: "acceptance", Fields: "cause", Notes: permitted(map[string]string{"duty": "which duty", "until": "the day on which the acceptance ends"}),
	},
	DutyDeclined: {
		When: "somebody declined a duty, or gave it up", Actor: "the person who declined", Owner: "the person who declined",
		Object: "acceptance", Fields: "cause", Notes: permitted(map[string]string{"duty": "which duty"}),
	},
	DutyRenewed: {
		When: "somebody who had accepted a duty goes on with it", Actor: "the person who renewed", Owner: "the person who renewed",
		Object: "acceptance", Fields: "cause", Notes: permitted(map[string]string{"duty": "which duty", "until": "the day on which the acceptance ends"}),
	},
	DutyLapsed: {
		When: "an acceptance ended by itself: its time ran out, the person left, or is named no longer", Actor: "engine", Owner: "whose acceptance it was",
		Object: "acceptance", Fields: "cause", Notes: map[string]string{"duty": "which duty", "because": "what ended it"},
	},
	DutyHandedOver: {
		When: "another person stands for a duty than before, or nobody until who is asked accepts", Actor: "engine, or the person whose act moved it", Owner: "who stands, or is asked",
		Object: "duty", Fields: "cause", Notes: map[string]string{"from": "who stood", "to": "who stands", "asked": "who was asked, where nobody stands", "because": "why it went over"},
	},

	AbsenceRecorded: {
		When: "somebody said on which days they are away", Actor: "the person who is away", Owner: "the person who is away",
		Object: "absence",
		Notes:  permitted(map[string]string{}),
	},
	AbsenceWithdrawn: {
		When: "a leave does not take place, or ended early", Actor: "the person who was to be away", Owner: "the person who was to be away",
		Object: "absence", Fields: "cause",
		Notes: permitted(map[string]string{}),
	},

	DelegationGiven: {
		When: "somebody who is asked for approvals let another answer in their place, for a time", Actor: "the person who delegated", Owner: "the person who delegated",
		Object: "delegation", Notes: permitted(map[string]string{"to": "the ID of who may answer", "until": "when it ends"}),
	},
	DelegationEnded: {
		When: "a delegation ended before its time: it was taken back, or who gave it has left", Actor: "the person who took it back, or engine", Owner: "the person who delegated",
		Object: "delegation", Fields: "cause",
		Notes: permitted(map[string]string{}),
	},

	RequestMade: {
		When: "a person, or an AI agent in a person's place, asked for entitlements for an identity; the occasion that it gives has it as its cause", Actor: "who asked", Owner: "the person who asked; of an agent its sponsor",
		Object: "request", Notes: permitted(map[string]string{"for": "the ID of who is to hold them", "until": "when it ends", "behalf": behalf}),
	},
	RequestWithdrawn: {
		When: "a request was withdrawn; what it gave is taken away", Actor: "the person who withdrew it", Owner: "the person who withdrew it",
		Object: "request", Fields: "cause",
		Notes: permitted(map[string]string{}),
	},

	EmergencyBegan: {
		When: "somebody called an emergency, and a standing rule gives the access at once, until its end; the request that it is too has it as its cause", Actor: "the person who called it", Owner: "who approved the rule beforehand",
		Object: "emergency", Fields: "inputs, rule",
		Notes: map[string]string{"for": "the ID of who is to hold it", "until": "its hard end", "waits": "whose yes it waits for all the same, where it does"},
	},
	EmergencyOverran: {
		When: "the end of an emergency is past, and what it gave is not confirmed gone; the rule's owner has an exception", Actor: "engine", Owner: "the rule owner",
		Object: "emergency", Fields: "cause, rule",
	},
	EmergencyEnded: {
		When: "all that an emergency gave is confirmed gone, or has another reason now; its review is due", Actor: "engine", Owner: "who approved the rule beforehand",
		Object: "emergency", Fields: "cause, rule",
		Notes: map[string]string{"due": "by when it must be reviewed", "sessions": "what became of live sessions"},
	},
	EmergencyReviewed: {
		When: "a person who had no part in an emergency looked at it", Actor: "the reviewer", Owner: "the reviewer",
		Object: "emergency", Fields: "cause, rule",
		Notes: map[string]string{"warranted": "whether the reviewer found that it was an emergency"},
	},

	RuleStands: {
		When: "a standing rule that did not act, or was about to end, was approved anew", Actor: "engine", Owner: "the rule owner",
		Object: "rule", Notes: map[string]string{"until": "the end of its approval"},
	},
	RuleEnding: {
		When: "a standing rule will soon act no more: its approval ends", Actor: "engine", Owner: "the rule owner",
		Object: "rule", Notes: map[string]string{"until": "the end of its approval"},
	},
	RuleLapsed: {
		When: "a standing rule does not act: its approval is over, or nobody answers for it", Actor: "engine", Owner: "the rule owner",
		Object: "rule", Notes: map[string]string{"until": "the end of its approval"},
	},

	HandlingBegan: {
		When: "a standing rule took a case up: an account that nobody answers for, or what a leaver still has past the deadline", Actor: "engine", Owner: "who approved the rule beforehand",
		Object: "handling", Fields: "inputs, rule", Notes: map[string]string{"case": "which edge case the rule settles", "since": "when the case came up"},
	},
	HandlingStepped: {
		When: "a step of a standing rule was due, and is taken: people are told, a hook is asked, or the occasion that changes a system has this as its cause", Actor: "engine", Owner: "who approved the rule beforehand",
		Object: "handling", Fields: "cause, inputs, rule", Notes: map[string]string{"step": "the step's id", "do": "what it does"},
	},
	HandlingAnswered: {
		When: "a step of a standing rule came to its end: a read back shows it, or the hook answered", Actor: "engine", Owner: "who approved the rule beforehand",
		Object: "handling", Fields: "cause, rule", Notes: map[string]string{"step": "the step's id"},
	},
	HandlingStopped: {
		When: "a standing rule goes no further with a case: somebody answers for the account, a person undid a step or decided otherwise, or the rule is not about it any more", Actor: "engine", Owner: "who approved the rule beforehand",
		Object: "handling", Fields: "cause, rule",
	},
	HandlingOver: {
		When: "every step of a standing rule is done in a case", Actor: "engine", Owner: "who approved the rule beforehand",
		Object: "handling", Fields: "cause, rule",
	},

	SeparationExempted: {
		When: "the owner of a rule of separation of duty let one identity hold, for a time, what the rule keeps apart", Actor: "the person who decided", Owner: "the person who decided",
		Object: "exemption", Fields: "cause, rule", Notes: permitted(map[string]string{"for": "the ID of who holds it", "until": "when it ends"}),
	},

	DrillBegan: {
		When: "a drill of a workflow's undo begins on a canary, because it is due or a person ordered it", Actor: "engine, or the person who ordered it", Owner: "the control owner for revocation",
		Object: "drill", Fields: "workflow",
		Notes: permitted(map[string]string{}),
	},
	DrillMoved: {
		When: "a drill goes on: a stage of the canary's record begins or is to be undone, or it is lost and takes away what it gave", Actor: "engine", Owner: "the control owner for revocation",
		Object: "drill", Fields: "cause, workflow",
		Notes: map[string]string{"stage": "what happens to the record, or is undone", "state": "the state of the drill, where it is lost"},
	},
	DrillEnded: {
		When: "a drill is over: everything was undone and compared, or it is lost", Actor: "engine", Owner: "the control owner for revocation",
		Object: "drill", Fields: "cause, workflow",
		Notes: map[string]string{"state": "passed, failed or void", "differences": "how many things were not as before", "undo": "the time to reverse"},
	},
	DrillStands: {
		When: "whether a workflow's undo is proven is not as it was", Actor: "engine", Owner: "the control owner for revocation",
		Object: "drilling", Fields: "cause, workflow",
		Notes: map[string]string{"state": "awaited, stands, failed, overdue or ended"},
	},
	DrillOverridden: {
		When: "a person lets new versions of a workflow go live for a while, although its undo is not proven", Actor: "the person", Owner: "the person",
		Object: "drilling", Fields: "cause, workflow",
		Notes: permitted(map[string]string{"until": "for how long"}),
	},

	ReversalOrdered: {
		When: "a person ordered that what earlier runs did be undone; the occasions that it gives have it as their cause", Actor: "the person who ordered it", Owner: "the person who ordered it",
		Object: "reversal", Notes: map[string]string{"changes": "how many changes it is about", "identities": "of how many identities", "policy": "the policy that let them"},
	},

	FindingOpened: {
		When: "a complete scan shows access that appeared, vanished or changed outside Onus", Actor: "engine", Owner: "the system owner",
		Object: "finding", Fields: "cause, rule",
	},
	FindingChosen: {
		When: "a person chose what is done about a finding; the occasion that it gives has it as its cause", Actor: "the person who chose", Owner: "the person who chose",
		Object: "finding", Fields: "cause, rule",
		Notes: permitted(map[string]string{}),
	},
	FindingReopened: {
		When: "the repair that was chosen ended otherwise than confirmed, or what was accepted is another thing now", Actor: "engine", Owner: "the system owner",
		Object: "finding", Fields: "cause, rule",
	},
	FindingRepaired: {
		When: "every change of the repair that was chosen is confirmed", Actor: "engine", Owner: "the person who chose the repair",
		Object: "finding", Fields: "cause, rule",
	},
	FindingGone: {
		When: "a complete scan does not show it any more, and no repair of ours made it so", Actor: "engine", Owner: "the system owner",
		Object: "finding", Fields: "cause, rule",
	},

	CampaignOpened: {
		When: "a campaign of recertification began: a person opened it, its time had come, or something happened that it follows", Actor: "the person who opened it, or engine", Owner: "the owner of the campaign",
		Object: "campaign", Fields: "cause",
	},
	CampaignGathered: {
		When: "some of a campaign's lines were frozen", Actor: "engine", Owner: "the owner of the campaign",
		Object: "campaign", Fields: "cause", Notes: map[string]string{"lines": "how many lines there are now"},
	},
	CampaignFrozen: {
		When: "the list of a campaign's lines is complete, and reviewers can decide", Actor: "engine", Owner: "the owner of the campaign",
		Object: "campaign", Fields: "cause, inputs", Notes: map[string]string{"lines": "how many lines there are", "carried": "of them, those carried over"},
	},
	CampaignStaged: {
		When: "what one stage of a campaign kept is asked of the next", Actor: "engine", Owner: "the owner of the campaign",
		Object: "campaign", Fields: "cause", Notes: map[string]string{"stage": "the stage, the first being 1"},
	},
	CampaignClosed: {
		When: "every line of a campaign is decided and all that was denied is confirmed gone", Actor: "the person who closed it, or engine", Owner: "the owner of the campaign",
		Object: "campaign", Fields: "cause",
	},
	ReviewAsked: {
		When: "a reviewer is asked about a sheet of lines, or a sheet records what is carried over", Actor: "engine", Owner: "the reviewer",
		Object: "sheet", Fields: "cause", Notes: map[string]string{"lines": "how many lines the sheet has"},
	},
	ReviewShown: {
		When: "the reviewer looked at a sheet for the first time", Actor: "the reviewer", Owner: "the reviewer", Object: "sheet", Fields: "cause",
	},
	ReviewReminded: {
		When: "a sheet is due soon", Actor: "engine", Owner: "the reviewer", Object: "sheet", Fields: "cause",
	},
	ReviewClimbed: {
		When: "nobody decided the lines of a sheet in time: they are asked of the next on the campaign's path", Actor: "engine", Owner: "the reviewer who did not decide",
		Object: "sheet", Fields: "cause",
	},
	ReviewHanded: {
		When: "the reviewer of a sheet cannot decide any more: its undecided lines are asked of others", Actor: "engine", Owner: "the owner of the campaign",
		Object: "sheet", Fields: "cause",
	},
	ReviewAnswered: {
		When: "every line of a sheet is decided", Actor: "whoever decided the last", Owner: "the reviewer", Object: "sheet", Fields: "cause",
	},
	ReviewDecided: {
		When: "a reviewer decided a line; a denial, and the occasion that it gives, have it as their cause", Actor: "the reviewer", Owner: "the reviewer",
		Object: "review", Fields: "cause, rule, inputs", Notes: map[string]string{"verdict": "keep or revoke", "policy": "the policy that let them"},
	},
	ReviewSilent: {
		When: "nobody decided a line in time, and it is denied; or none of its sheet was", Actor: "engine", Owner: "the reviewer who did not decide",
		Object: "review or sheet", Fields: "cause, rule",
	},
	ReviewConfirmed: {
		When: "what a review denied was confirmed gone on its system", Actor: "engine", Owner: "the owner of the campaign",
		Object: "review", Fields: "cause", Notes: map[string]string{"proof": "the change that was confirmed, or how else it is known"},
	},
	ReviewReturned: {
		When: "what had been confirmed gone is there again while its campaign is open", Actor: "engine", Owner: "the owner of the campaign",
		Object: "review", Fields: "cause",
	},
	ReviewOverruled: {
		When: "a person lifted what a review denied before it was gone: its campaign waits for it no more", Actor: "that person", Owner: "that person",
		Object: "review", Fields: "cause",
	},
	ReviewPlanted: {
		When: "the control owner put a line among a reviewer's that is known to be wrong", Actor: "the control owner", Owner: "the control owner",
		Object: "plant", Fields: "cause",
	},
	DenialMade: {
		When: "a review denied access: no workflow, request or repair gives it until a person lifts that", Actor: "the reviewer, or engine where nobody decided", Owner: "the reviewer, or the owner of the campaign",
		Object: "denial", Fields: "cause",
	},
	DenialLifted: {
		When: "a person lifted a denial: what it barred can be given again", Actor: "that person", Owner: "that person", Object: "denial", Fields: "cause, rule",
	},

	ErrorReported: {
		When: "somebody reported access that an identity holds and should not, or lacks and should hold", Actor: "whoever reports", Owner: "whoever reports",
		Object: "error", Notes: permitted(map[string]string{"times": "how often it was reported: more than once is a recurrence"}),
	},
	VerdictReached: {
		When: "it was worked out from the ledger whose an access error was", Actor: "engine", Owner: "the control owner who answers for the whole",
		Object: "error", Fields: "cause, inputs",
		Notes: map[string]string{
			"confidence": "established, probable or undetermined", "classes": "of the faults; empty: none was found",
			"entries": "how many entries the ledger had that it was reached on",
		},
	},
	VerdictAccepted: {
		When: "somebody whom a verdict names accepted it", Actor: "that person", Owner: "that person", Object: "error", Fields: "cause",
		Notes: permitted(map[string]string{}),
	},
	VerdictContested: {
		When: "somebody whom a verdict names contested it", Actor: "that person", Owner: "that person", Object: "error", Fields: "cause",
		Notes: permitted(map[string]string{}),
	},
	VerdictDissented: {
		When: "somebody whom a verdict names put on record that they see it otherwise", Actor: "that person", Owner: "that person", Object: "error", Fields: "cause",
		Notes: permitted(map[string]string{}),
	},
	ErrorClosed: {
		When: "the control owner closed an access error with a corrective action", Actor: "the control owner", Owner: "the control owner", Object: "error", Fields: "cause",
		Notes: permitted(map[string]string{"due": "the day by which the corrective action is to be done"}),
	},
	NoticeDue: {
		When: "somebody is to be told over a channel that something waits for them", Actor: "engine, or the person who ordered a practice message", Owner: "the person to be told",
		Object: "notice", Fields: "cause", Notes: permitted(map[string]string{"channel": "its name in the definitions", "events": "how many it tells about"}),
	},
	NoticeSent: {
		When: "the channel took it", Actor: "engine", Owner: "the person told",
		Object: "notice", Fields: "cause", Notes: map[string]string{"channel": "its name in the definitions", "attempt": "how many tries it took"},
	},
	NoticeFailed: {
		When: "the channel did not take it; it is tried again", Actor: "engine", Owner: "the person to be told",
		Object: "notice", Fields: "cause", Notes: map[string]string{"channel": "its name in the definitions", "attempt": "how many tries there were"},
	},
	NoticeDead: {
		When: "it was given up: nobody was told by it", Actor: "engine", Owner: "the person who was to be told",
		Object: "notice", Fields: "cause", Notes: map[string]string{"channel": "its name in the definitions; empty: none reaches the person", "attempt": "how many tries there were"},
	},
	NoticeVoid: {
		When: "what it asked was settled, or is asked of somebody else, before it was sent", Actor: "engine", Owner: "the person who was to be told",
		Object: "notice", Fields: "cause", Notes: map[string]string{"channel": "its name in the definitions"},
	},
	NoticeRetried: {
		When: "a person ordered that it be tried once more", Actor: "the person who ordered it", Owner: "the person to be told",
		Object: "notice", Fields: "cause", Notes: permitted(map[string]string{"channel": "its name in the definitions"}),
	},
	LedgerFollowed: {
		When: "everybody whom the entries before a place ask for something has a notice", Actor: "engine", Owner: "nobody: it only says how far was looked",
		Object: "follower", Notes: map[string]string{"before": "the number of the first entry that was not looked at"},
	},

	CredentialEnrolled: {
		When: "a key or passkey counts from now on as one by which its person signs", Actor: "engine, for a key that the definitions name, or the person", Owner: "the person whose it is",
		Object: "credential", Notes: permitted(map[string]string{"by": "ssh or passkey", "key": "the fingerprint of the public key"}),
	},
	CredentialRemoved: {
		When: "a key or passkey counts no more; what was signed with it before stays signed", Actor: "engine, for a key that the definitions no longer name, or who removed it", Owner: "the person whose it was",
		Object: "credential", Fields: "cause", Notes: permitted(map[string]string{"by": "ssh or passkey", "key": "the fingerprint of the public key"}),
	},

	CredentialUsed: {
		When: "a passkey that counts its uses was used", Actor: "the person", Owner: "the person whose it is",
		Object: "credential", Fields: "cause", Notes: permitted(map[string]string{"by": "passkey", "key": "the fingerprint of the public key"}),
	},

	SessionBegan: {
		When: "a person signed in", Actor: "the person", Owner: "the person", Object: "session",
		Notes: permitted(map[string]string{"how": "by single sign-on (oidc), a passkey or an invitation"}),
	},
	SessionUsed: {
		When: "a session is still used; told every few minutes at most", Actor: "the person", Owner: "the person", Object: "session", Fields: "cause", Notes: permitted(map[string]string{}),
	},
	SessionStrengthened: {
		When: "the person of a session was verified again; the session has a new secret", Actor: "the person", Owner: "the person", Object: "session", Fields: "cause",
		Notes: permitted(map[string]string{"how": "by single sign-on (oidc) or a passkey"}),
	},
	SessionEnded: {
		When: "a person signed out, or somebody ended the session", Actor: "the person, or who ended it", Owner: "the person", Object: "session", Fields: "cause", Notes: permitted(map[string]string{}),
	},

	TokenMade: {
		When: "a token lets a program act as somebody", Actor: "the owner, or the identity provider whose word it was given for", Owner: "the owner", Object: "token",
		Notes: permitted(map[string]string{"scopes": "what it may be used for", "until": "when it expires", "behalf": behalf}),
	},
	TokenUsed: {
		When: "a token is used; told once an hour at most", Actor: "the owner", Owner: "the owner", Object: "token", Fields: "cause", Notes: permitted(map[string]string{}),
	},
	TokenRevoked: {
		When: "a token counts no more", Actor: "who revoked it", Owner: "the owner", Object: "token", Fields: "cause", Notes: permitted(map[string]string{}),
	},

	InvitationMade: {
		When: "somebody may sign in once without anything else, to register a passkey", Actor: "who invited them", Owner: "who is invited", Object: "invitation",
		Notes: permitted(map[string]string{"until": "when it expires"}),
	},
	InvitationVouched: {
		When: "another person than who invited them vouches that they asked for it; before that it lets nobody in", Actor: "who vouches", Owner: "who is invited",
		Object: "invitation", Fields: "cause", Notes: permitted(map[string]string{}),
	},
	InvitationUsed: {
		When: "an invitation was used, and is no good any more", Actor: "who was invited", Owner: "who was invited", Object: "invitation", Fields: "cause", Notes: permitted(map[string]string{}),
	},

	EpochBegan: {
		When: "the ledger goes on as another log, from where a restored backup had ended", Actor: "the person who decided it", Owner: "the person who decided it",
		Notes: map[string]string{"former": "the signed checkpoint that was published last before it"},
	},

	ErasureRequested: {
		When: "somebody asked that a person's data be erased, by the subject's ID", Actor: "the person who asked", Owner: "the person who asked",
		Object: "erasure", Notes: permitted(map[string]string{"subject": "the ID of whose data it is"}),
	},
	ErasureRefused: {
		When: "a second person said no, or who asked took it back; nothing is erased", Actor: "the person who refused", Owner: "the person who refused",
		Object: "erasure", Fields: "cause", Notes: permitted(map[string]string{"subject": "the ID of whose data it is"}),
	},
	ErasureCarried: {
		When: "a second person approved it, and the same transaction erased the data", Actor: "the person who approved", Owner: "the person who approved",
		Object: "erasure", Fields: "cause", Notes: permitted(map[string]string{
			"subject": "the ID of whose data it is", "requested_by": "the ID of the person who asked",
			"entries": "how many ledger entries lost their values", "objects": "how many objects were reduced to their IDs",
		}),
	},
	ObjectErased: {
		When: "an object was reduced to its IDs because its subject was erased", Actor: "the person who approved", Owner: "the person who approved",
		Fields: "cause", Notes: map[string]string{"subject": "the ID of whose data it was"},
	},
}

// behalf is a note of what an AI agent does.
const behalf = "of an AI agent: in whose place, and by which chain of delegation, as the claims sub and act of RFC 8693 with IDs"

// permitted adds the note of what the policy over who may do what has let
// somebody do.
func permitted(notes map[string]string) map[string]string {
	notes["policy"] = "the policy that let them"
	return notes
}

// signed adds the notes of what a person may have signed.
func signed(notes map[string]string) map[string]string {
	permitted(notes)
	notes["statement"] = "the digest of the statement that the person signed, if they did"
	notes["signed"] = "how they signed: ssh or passkey"
	notes["signature"] = "the signature, in base64"
	notes["key"] = "the fingerprint of the key that they signed with"
	notes["signer"] = "the ID of the person who signed"
	return notes
}
