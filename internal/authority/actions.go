package authority

import (
	"maps"
	"slices"
)

// An Action is something that somebody may or may not do.
type Action string

// The actions.
const (
	Look          Action = "look"      // see it, and all that led to it
	Request       Action = "request"   // ask for access
	Emergency     Action = "emergency" // have it at once, within a standing rule
	Withdraw      Action = "withdraw"
	Approve       Action = "approve" // say yes to a plan's changes
	Deny          Action = "deny"
	Acknowledge   Action = "acknowledge"
	Take          Action = "take" // an exception, over from somebody else
	HandOver      Action = "hand"
	Snooze        Action = "snooze"
	Retry         Action = "retry"
	Amend         Action = "amend"
	Refuse        Action = "refuse" // what an exception is about
	Override      Action = "override"
	Reverse       Action = "reverse"
	Repair        Action = "repair"  // what was changed outside Onus
	Certify       Action = "certify" // open, close and look after a campaign of recertification
	Review        Action = "review"  // decide a line of one, or look at what an emergency was
	Lift          Action = "lift"    // what a review denied
	Pause         Action = "pause"
	Recall        Action = "recall"
	Propose       Action = "propose" // a version of the definitions
	Publish       Action = "publish" // say yes to a proposed version
	Reject        Action = "reject"  // say no to it
	Accept        Action = "accept"  // a duty
	Decline       Action = "decline"
	Away          Action = "away"           // leave of absence
	AskErasure    Action = "ask-erasure"    // that what is kept about somebody be erased
	Erase         Action = "erase"          // say yes to that
	RefuseErasure Action = "refuse-erasure" // say no to it, or take it back
	Administer    Action = "administer"
	Keep          Action = "keep"       // one's own sign-ins and tokens
	Report        Action = "report"     // an access error
	Reply         Action = "reply"      // to a verdict
	Close         Action = "close"      // an access error
	Delegate      Action = "delegate"   // let another answer in one's place
	Undelegate    Action = "undelegate" // end that
	Exempt        Action = "exempt"     // let somebody hold what a rule keeps apart
	Practise      Action = "practise"   // a route for exceptions
	Vouch         Action = "vouch"      // that somebody asked for the invitation that another made them
	Drill         Action = "drill"      // prove a workflow's undo on its canaries
	Waive         Action = "waive"      // let versions go live whose undo is not proven
)

// groupOf says which group of the policy an action is in. Every permit is for
// one group, and its id begins with the group's name.
var groupOf = map[Action]string{
	Look: "looking", Request: "requesting", Emergency: "requesting", Withdraw: "withdrawing", Approve: "judging", Deny: "judging",
	Acknowledge: "handling", Take: "handling", HandOver: "handling", Snooze: "handling",
	Retry: "handling", Amend: "handling", Refuse: "handling", Override: "overriding",
	Reverse: "undoing", Repair: "undoing", Pause: "undoing", Recall: "undoing", Drill: "undoing", Waive: "waiving",
	Certify: "certifying", Review: "reviewing", Lift: "lifting",
	Propose: "proposing", Publish: "publishing", Reject: "publishing",
	Accept: "serving", Decline: "serving", Away: "keeping",
	AskErasure: "erasing", Erase: "erasing", RefuseErasure: "refusing", Administer: "administering", Keep: "keeping", Report: "reporting",
	Reply: "replying", Close: "closing", Delegate: "delegating", Undelegate: "delegating", Exempt: "exempting", Practise: "practising",
	Vouch: "vouching",
}

// Two groups of groups: what decides about access, and what changes anything.
var (
	deciding = []string{"judging", "handling", "overriding", "undoing", "publishing", "certifying", "reviewing", "lifting", "exempting", "closing", "waiving"}
	changing = []string{
		"requesting", "withdrawing", "judging", "handling", "overriding", "undoing", "proposing", "publishing", "certifying", "reviewing", "lifting",
		"serving", "erasing", "refusing", "administering", "reporting", "replying", "closing", "delegating", "exempting", "practising", "vouching", "waiving",
	}
)

// Actions are all of them, by name.
func Actions() []Action { return slices.Sorted(maps.Keys(groupOf)) }
