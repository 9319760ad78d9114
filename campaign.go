package onus

import (
	"strings"
	"time"
)

// Terms are what a campaign is carried out under: its definition as it stood
// when it was opened.
type Terms struct {
	Name      string          `json:"name"`
	Owner     string          `json:"owner"`   // mail address of who answers for it
	Control   string          `json:"control"` // of the control owner for revocation, who agrees on planted lines
	Scope     ReviewScope     `json:"scope"`
	Stages    []ReviewStage   `json:"stages"`
	Remind    []time.Duration `json:"remind,omitempty"` // so long before a sheet is due
	Silence   Silence         `json:"silence"`
	Then      []string        `json:"then,omitempty"` // who is asked when nobody answers, in order
	Outliers  int             `json:"outliers,omitempty"`
	CarryFor  time.Duration   `json:"carry_for,omitempty"` // how old a decision may be that is carried over; 0: none is
	CarryLess Sensitivity     `json:"carry_less,omitempty"`
	Every     time.Duration   `json:"every,omitempty"`
	After     []ReviewCause   `json:"after,omitempty"`
}

// A ReviewScope says which grants a campaign is about; what is empty excludes
// nothing.
type ReviewScope struct {
	Systems      []SystemName `json:"systems,omitempty"`
	Entitlements []string     `json:"entitlements,omitempty"`
	Units        []string     `json:"units,omitempty"`
	Kind         IdentityKind `json:"kind,omitempty"`
	Privileged   bool         `json:"privileged,omitempty"` // elevated and critical only
	Changed      bool         `json:"changed,omitempty"`    // since the last campaign of the name
	Accounts     bool         `json:"accounts,omitempty"`   // and the accounts themselves
}

// A ReviewStage is one look at every line: whoever of Reviewers can is asked,
// the first of them first.
type ReviewStage struct {
	Reviewers []string      `json:"reviewers"` // "subject.manager", "subject.sponsor", "entitlement.owner", "system.owner", "unit.head", or a mail address
	Within    time.Duration `json:"within"`
}

// Silence is what becomes of lines that nobody decided in time. It never keeps
// anything (rule 6).
type Silence string

// What silence can mean. Whoever is last on the path of an escalation is not
// followed by anybody: then it revokes.
const (
	SilenceRevokes   Silence = "revoke"
	SilenceEscalates Silence = "escalate"
)

// A ReviewCause is what sets off a review of the few lines that it touches.
type ReviewCause string

// The causes of a micro-review.
const (
	AfterMove        ReviewCause = "moved"
	AfterOwnerChange ReviewCause = "owner_changed"
	AfterFinding     ReviewCause = "finding"
)

// CampaignState is how far a campaign has come.
type CampaignState string

// The states of a campaign. It is closed when every line is decided and all
// that was denied was confirmed gone, and never before.
const (
	CampaignGathering CampaignState = "gathering" // its lines are being frozen
	CampaignOpen      CampaignState = "open"
	CampaignClosed    CampaignState = "closed"
)

// A Campaign is a recertification of grants by named reviewers.
type Campaign struct {
	ID     string        `json:"id"`
	State  CampaignState `json:"state"`
	Terms  Terms         `json:"terms"`
	Opened time.Time     `json:"opened"`
	By     Actor         `json:"by"`
	Person string        `json:"person,omitempty"` // mail address of who opened it
	Reason string        `json:"reason,omitempty"`
	Last   string        `json:"last,omitempty"` // the campaign of the name that was closed before it
	Size   int64         `json:"size"`           // how many entries the ledger had when it was opened
	Stage  int           `json:"stage"`

	// Of a micro-review: what it is about.
	Cause    ReviewCause `json:"cause,omitempty"`
	Identity IdentityID  `json:"identity,omitempty"`
	System   SystemName  `json:"system,omitempty"`

	After  string `json:"after,omitempty"` // while it gathers: the grant up to which lines are frozen
	Lines  int    `json:"lines"`
	Sheets int    `json:"sheets"`
	Carry  int    `json:"carried"`          // of the lines
	Digest Digest `json:"digest,omitempty"` // over the frozen lines, in order

	Closed time.Time `json:"closed,omitzero"`
}

// A Line is one grant that is looked at, as it was when the list was frozen.
type Line struct {
	Grant       string      `json:"grant"`            // its ID
	Event       string      `json:"event,omitempty"`  // that left the grant so; empty: nobody holds it
	Holder      string      `json:"holder,omitempty"` // the event that left its holder so
	System      SystemName  `json:"system"`
	Account     AccountRef  `json:"account,omitempty"`
	Entitlement string      `json:"entitlement,omitempty"` // empty: the account itself
	Identity    IdentityID  `json:"identity,omitempty"`
	Sensitivity Sensitivity `json:"sensitivity,omitempty"`
	Peers       int         `json:"peers,omitempty"`   // people of the same unit
	Hold        int         `json:"hold,omitempty"`    // of them, those who hold it too
	Carried     string      `json:"carried,omitempty"` // the review that it stands on; empty: it is looked at
}

// SheetState is how far a sheet has come.
type SheetState string

// The states of a sheet.
const (
	SheetOpen     SheetState = "open"
	SheetAnswered SheetState = "answered" // every line of it is decided
	SheetHanded   SheetState = "handed"   // its undecided lines are on other sheets
	SheetSilent   SheetState = "silent"   // nobody decided in time
	SheetCarried  SheetState = "carried"  // of lines that nobody is asked about
)

// A Sheet is the lines that one reviewer is asked about together.
type Sheet struct {
	ID       string     `json:"id"` // begins with that of its campaign
	Campaign string     `json:"campaign"`
	State    SheetState `json:"state"`
	Stage    int        `json:"stage"`
	Reviewer string     `json:"reviewer,omitempty"` // mail address
	Due      time.Time  `json:"due,omitzero"`
	Step     int        `json:"step,omitempty"`     // how far up its path it has climbed
	Reminded int        `json:"reminded,omitempty"` // how often
	Asked    time.Time  `json:"asked,omitzero"`
	Shown    time.Time  `json:"shown,omitzero"` // when its reviewer first looked at it
	Lines    []Line     `json:"lines"`
}

// ReviewVerdict is what was decided on a line.
type ReviewVerdict string

// The verdicts.
const (
	VerdictKeep   ReviewVerdict = "keep"
	VerdictRevoke ReviewVerdict = "revoke"
)

// A Review is what was decided on one line of a campaign.
type Review struct {
	ID       string        `json:"id"` // of the campaign, and of the grant
	Campaign string        `json:"campaign"`
	Sheet    string        `json:"sheet"`
	Stage    int           `json:"stage"`
	Verdict  ReviewVerdict `json:"verdict"`
	Silent   bool          `json:"silent,omitempty"` // nobody decided it in time
	By       Actor         `json:"by"`
	Person   string        `json:"person,omitempty"` // mail address of who decided
	Reason   string        `json:"reason"`
	At       time.Time     `json:"at"`
	Took     time.Duration `json:"took,omitempty"` // of the reviewer's time; 0: not known
	Policy   string        `json:"policy,omitempty"`
	Line     Line          `json:"line"`
	Planted  bool          `json:"planted,omitempty"`

	Occasion string    `json:"occasion,omitempty"` // of a denial: which it gave
	Gone     time.Time `json:"gone,omitzero"`      // of a denial: when it was confirmed gone
	Proof    string    `json:"proof,omitempty"`    // the change that was confirmed, or how else that is known
	Lifted   time.Time `json:"lifted,omitzero"`    // of a denial: when somebody decided otherwise
}

// Waits says whether the review denied something that is not confirmed gone.
func (v Review) Waits() bool {
	return v.Verdict == VerdictRevoke && v.Gone.IsZero() && v.Lifted.IsZero()
}

// A Plant is a line that is known to be wrong: it says that somebody holds
// what they do not, to see whether the reviewer finds it.
type Plant struct {
	ID       string    `json:"id"` // that of its review
	Campaign string    `json:"campaign"`
	Line     Line      `json:"line"`
	By       Actor     `json:"by"`
	Person   string    `json:"person"`
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`
}

// A Denial is a decision that somebody shall not hold something. It stands,
// whatever workflow states otherwise, until a person lifts it.
type Denial struct {
	Grant       string     `json:"grant"`
	System      SystemName `json:"system"`
	Account     AccountRef `json:"account,omitempty"`
	Entitlement string     `json:"entitlement,omitempty"`
	Identity    IdentityID `json:"identity,omitempty"`
	Review      string     `json:"review"`
	Person      string     `json:"person,omitempty"` // who decided; empty: nobody did in time
	Reason      string     `json:"reason"`
	Since       time.Time  `json:"since"`
	Lifted      time.Time  `json:"lifted,omitzero"` // zero: it stands
	Lifter      string     `json:"lifter,omitempty"`
	Why         string     `json:"why,omitempty"` // it was lifted
}

// Stands says whether the denial holds.
func (d Denial) Stands() bool { return d.Lifted.IsZero() }

// reviewPrefix begins the name under which what reviews deny on a system is
// taken away. No definition can have such a name.
const reviewPrefix = "review:"

// ReviewOf is the name under which denials on a system are carried out.
func ReviewOf(system SystemName) WorkflowName { return WorkflowName(reviewPrefix + string(system)) }

// Reviewed says whether plans under that name carry out denials.
func (w WorkflowName) Reviewed() bool { return strings.HasPrefix(string(w), reviewPrefix) }
