package flow

// The shape of a standing rule: handling of an edge case that was settled
// beforehand.

type ruleShape struct {
	place
	Kind        text             `yaml:"kind" want:"required" enum:"Rule"`
	Name        text             `yaml:"name" want:"required" doc:"how evidence names the rule"`
	Case        text             `yaml:"case" want:"required" enum:"emergency|orphan|late|rehire" doc:"what it settles: emergency (access at once, for a while), orphan (accounts of nobody), late (access that a leaver still has past the deadline), rehire (somebody returns)"`
	Because     text             `yaml:"because" want:"required" doc:"why it is settled so, for people to read"`
	Owner       text             `yaml:"owner" want:"required" missing:"the rule has no owner" doc:"who keeps the rule, and has the exceptions that come of it: mail address of one active person"`
	Deputy      text             `yaml:"deputy" doc:"mail address of who stands in for the owner"`
	PreApproved preApprovedShape `yaml:"pre_approved" want:"required" missing:"nobody approved the rule beforehand" doc:"who answers for what it does, and until when it acts"`
	Bounds      ruleBoundsShape  `yaml:"bounds" want:"required" doc:"what it is about, and no more"`
	Tell        []text           `yaml:"tell" doc:"who is told whenever it acts, beside its owner and who approved it: mail addresses"`
	Follow      followShape      `yaml:"follow" doc:"what must follow"`
	Steps       []ruleStepShape  `yaml:"steps" doc:"what is done, one after the other; of an emergency nothing, for it gives what was asked for"`
	Sealed      []sealedShape    `yaml:"sealed" doc:"accounts for when Onus or the sign-in of people is down; whoever uses one is found"`
	Route       routeShape       `yaml:"route" doc:"where exceptions of the rule go; the owner, the deputy, then the organisation's escalation unless said"`
}

func (r ruleShape) noun() string { return nounNamed("standing rule", r.Name) }

type preApprovedShape struct {
	place
	By    text `yaml:"by" want:"required" missing:"nobody approved the rule beforehand" doc:"mail address of the person who said yes beforehand, and answers for it"`
	Until text `yaml:"until" want:"required" doc:"the last day on which the rule acts, such as \"2026-12-31\""`
	Warn  span `yaml:"warn" doc:"how long before its end the owner is told; 14d unless said"`
}

func (preApprovedShape) noun() string { return "the approval beforehand" }

type ruleBoundsShape struct {
	place
	Source       text        `yaml:"source" doc:"whose records who is about; that of people unless said"`
	Who          expression  `yaml:"who" doc:"an expression over subject, now and people that is true of whom the rule is about; everybody of the source unless said"`
	Entitlements []sideShape `yaml:"entitlements" doc:"which entitlements, of the catalogue"`
	Systems      []text      `yaml:"systems" doc:"on which systems; of an emergency those of its entitlements, else all unless said"`
	AtOnce       number      `yaml:"at_once" doc:"how many of its cases may be under way at a time"`
	Uses         limit       `yaml:"uses" doc:"how often it may act, as in 5 per 30d"`
	Longest      span        `yaml:"longest" doc:"of an emergency: how long the access may last; 1h unless said"`
	Within       span        `yaml:"within" doc:"of a rehire: how long after leaving; of late: by when access must be confirmed gone"`
}

func (ruleBoundsShape) noun() string { return "the bounds" }

type followShape struct {
	place
	Review ruleReviewShape `yaml:"review" doc:"a person who had no part in it looks at what was done"`
}

func (followShape) noun() string { return "what must follow" }

type ruleReviewShape struct {
	place
	Within span   `yaml:"within" want:"required" doc:"by when, after it ended"`
	By     []text `yaml:"by" want:"required" doc:"mail addresses of who may; the first of them who had no part in it is asked"`
}

func (ruleReviewShape) noun() string { return "the review" }

type ruleStepShape struct {
	place
	ID      text       `yaml:"id" want:"required" doc:"how evidence names the step"`
	Do      text       `yaml:"do" want:"required" enum:"tell|disable|remove|sessions|rotate|block|restore|anew" doc:"tell; disable or remove an account; end sessions, rotate what the leaver knew, block at the network; restore what somebody had, or begin anew"`
	After   span       `yaml:"after" doc:"how long after the case came up; at once unless said"`
	When    expression `yaml:"when" doc:"an expression over subject, now and people that is true when the step applies; always unless said"`
	Systems []text     `yaml:"systems" doc:"on which systems; those of the bounds unless said"`
	Hook    text       `yaml:"hook" doc:"of rotate and block: the channel of the organisation that carries it out"`
}

func (s ruleStepShape) noun() string { return nounNamed("step", s.ID) }

type sealedShape struct {
	place
	System  text `yaml:"system" want:"required" doc:"where the account is"`
	Account text `yaml:"account" want:"required" doc:"its name there"`
	Kept    text `yaml:"kept" want:"required" doc:"where what opens it is kept, such as \"the safe of the branch, envelope 3\"; never what opens it"`
}

func (sealedShape) noun() string { return "the sealed account" }
