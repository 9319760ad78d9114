package ledger

// A Meaning explains a type of event to whoever reads the ledger.
type Meaning struct {
	When   string            // when it is written
	Actor  string            // who acted
	Owner  string            // who answers for it; empty: nobody has to yet
	Object string            // the kind of object that it moves; empty: the kind of the thing itself
	Fields string            // which optional fields its leaf has beside the common ones
	Notes  map[string]string // what each of its notes says
}

// The types of event. Each is explained in Types.
const (
	DefinitionsPinned Type = "definitions.pinned"
	WorkflowPinned    Type = "workflow.pinned"

	WorkflowPaused  Type = "workflow.paused"
	WorkflowResumed Type = "workflow.resumed"

	VersionProposed   Type = "version.proposed"
	VersionPublished  Type = "version.published"
	VersionRefused    Type = "version.refused"
	VersionSuperseded Type = "version.superseded"

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

	ChangeHeld       Type = "change.held"
	ChangeApproved   Type = "change.approved"
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

	ExceptionAcknowledged Type = "exception.acknowledged"
	ExceptionTaken        Type = "exception.taken"
	ExceptionOffered      Type = "exception.offered"
	ExceptionHandedOver   Type = "exception.handed_over"
	ExceptionSnoozed      Type = "exception.snoozed"

	ApprovalAsked   Type = "approval.asked"
	ApprovalGiven   Type = "approval.given"
	ApprovalDenied  Type = "approval.denied"
	ApprovalClimbed Type = "approval.climbed"
	ApprovalExpired Type = "approval.expired"

	DutyAsked      Type = "duty.asked"
	DutyAccepted   Type = "duty.accepted"
	DutyDeclined   Type = "duty.declined"
	DutyRenewed    Type = "duty.renewed"
	DutyLapsed     Type = "duty.lapsed"
	DutyHandedOver Type = "duty.handed_over"

	AbsenceRecorded  Type = "absence.recorded"
	AbsenceWithdrawn Type = "absence.withdrawn"

	DelegationGiven Type = "delegation.given"
	DelegationEnded Type = "delegation.ended"

	RequestMade      Type = "request.made"
	RequestWithdrawn Type = "request.withdrawn"

	EmergencyBegan    Type = "emergency.began"
	EmergencyOverran  Type = "emergency.overran"
	EmergencyEnded    Type = "emergency.ended"
	EmergencyReviewed Type = "emergency.reviewed"

	RuleStands Type = "rule.stands"
	RuleEnding Type = "rule.ending"
	RuleLapsed Type = "rule.lapsed"

	HandlingBegan    Type = "handling.began"
	HandlingStepped  Type = "handling.stepped"
	HandlingAnswered Type = "handling.answered"
	HandlingStopped  Type = "handling.stopped"
	HandlingOver     Type = "handling.over"

	SeparationExempted Type = "separation.exempted"

	ReversalOrdered Type = "reversal.ordered"

	DrillBegan      Type = "drill.began"
	DrillMoved      Type = "drill.moved"
	DrillEnded      Type = "drill.ended"
	DrillStands     Type = "drill.stands"
	DrillOverridden Type = "drill.overridden"

	FindingOpened   Type = "finding.opened"
	FindingChosen   Type = "finding.chosen"
	FindingReopened Type = "finding.reopened"
	FindingRepaired Type = "finding.repaired"
	FindingGone     Type = "finding.gone"

	CampaignOpened   Type = "campaign.opened"
	CampaignGathered Type = "campaign.gathered"
	CampaignFrozen   Type = "campaign.frozen"
	CampaignStaged   Type = "campaign.staged"
	CampaignClosed   Type = "campaign.closed"

	ReviewAsked     Type = "review.asked"
	ReviewShown     Type = "review.shown"
	ReviewReminded  Type = "review.reminded"
	ReviewClimbed   Type = "review.climbed"
	ReviewHanded    Type = "review.handed"
	ReviewAnswered  Type = "review.answered"
	ReviewDecided   Type = "review.decided"
	ReviewSilent    Type = "review.silent"
	ReviewConfirmed Type = "review.confirmed"
	ReviewReturned  Type = "review.returned"
	ReviewOverruled Type = "review.overruled"
	ReviewPlanted   Type = "review.planted"

	DenialMade   Type = "denial.made"
	DenialLifted Type = "denial.lifted"

	ErrorReported    Type = "error.reported"
	VerdictReached   Type = "verdict.reached"
	VerdictAccepted  Type = "verdict.accepted"
	VerdictContested Type = "verdict.contested"
	VerdictDissented Type = "verdict.dissented"
	ErrorClosed      Type = "error.closed"

	NoticeDue     Type = "notice.due"
	NoticeSent    Type = "notice.sent"
	NoticeFailed  Type = "notice.failed"
	NoticeDead    Type = "notice.dead"
	NoticeVoid    Type = "notice.void"
	NoticeRetried Type = "notice.retried"

	LedgerFollowed Type = "ledger.followed"

	CredentialEnrolled Type = "credential.enrolled" //nolint:gosec // a type of event, no credential
	CredentialRemoved  Type = "credential.removed"  //nolint:gosec // a type of event, no credential
	CredentialUsed     Type = "credential.used"     //nolint:gosec // a type of event, no credential

	SessionBegan        Type = "session.began"
	SessionUsed         Type = "session.used"
	SessionStrengthened Type = "session.strengthened"
	SessionEnded        Type = "session.ended"

	TokenMade    Type = "token.made"
	TokenUsed    Type = "token.used"
	TokenRevoked Type = "token.revoked"

	InvitationMade    Type = "invitation.made"
	InvitationVouched Type = "invitation.vouched"
	InvitationUsed    Type = "invitation.used"

	EpochBegan Type = "epoch.began"

	ErasureRequested Type = "erasure.requested"
	ErasureRefused   Type = "erasure.refused"
	ErasureCarried   Type = "erasure.carried"
	ObjectErased     Type = "object.erased"
)
