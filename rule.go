package onus

// A RuleCase says which edge case a standing rule settles.
type RuleCase string

// The cases.
const (
	EmergencyCase RuleCase = "emergency" // access at once, for a while
	OrphanCase    RuleCase = "orphan"    // accounts that are nobody's
	LateCase      RuleCase = "late"      // what a leaver still has past the deadline
	RehireCase    RuleCase = "rehire"    // somebody returns
)

// A RuleDeed is what a step of a standing rule does.
type RuleDeed string

// The deeds.
const (
	RuleTell     RuleDeed = "tell"
	RuleDisable  RuleDeed = "disable"
	RuleRemove   RuleDeed = "remove"
	RuleSessions RuleDeed = "sessions" // live ones are ended
	RuleRotate   RuleDeed = "rotate"   // secrets that the leaver knew
	RuleBlock    RuleDeed = "block"    // at the network
	RuleRestore  RuleDeed = "restore"  // what somebody had
	RuleAnew     RuleDeed = "anew"     // nothing of what somebody had comes back
)
