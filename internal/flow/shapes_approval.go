package flow

// The shapes of who must say yes, of what can be asked for, and of what
// nobody may have or do together.

type approvalShape struct {
	place
	Sensitivity text         `yaml:"sensitivity" enum:"low|elevated|critical" doc:"of grants that are at least this sensitive"`
	Weight      number       `yaml:"weight" doc:"of plans that give at least this privilege weight: 1 for low, 5 for elevated, 25 for critical"`
	Stages      []stageShape `yaml:"stages" want:"required" doc:"who must say yes, one stage after the other"`
}

func (approvalShape) noun() string { return "the approval rule" }

type requestShape struct {
	place
	Approve *approveShape `yaml:"approve" want:"required" doc:"who must say yes first"`
	Longest span          `yaml:"longest" want:"required" doc:"for how long it can be asked for at most, such as 90d"`
	By      []text        `yaml:"by" enum:"self|manager|sponsor" doc:"who may ask: self, manager (for their reports), sponsor (for what they sponsor); all unless said"`
}

func (requestShape) noun() string { return "the request" }

type separationShape struct {
	place
	Kind    text        `yaml:"kind" want:"required" enum:"SeparationOfDuty"`
	Name    text        `yaml:"name" want:"required" doc:"how evidence names the rule"`
	Owner   text        `yaml:"owner" want:"required" missing:"the rule has no owner" doc:"who decides about exceptions: mail address of one active person"`
	Deputy  text        `yaml:"deputy" doc:"mail address of who stands in for the owner"`
	Because text        `yaml:"because" want:"required" doc:"what the rule prevents, for people to read"`
	Apart   []sideShape `yaml:"apart" doc:"at least two sides; nobody may hold something of one and something of another"`
	Acts    []text      `yaml:"acts" enum:"request|approve|another stage|override" doc:"two acts that nobody may do in one run: request, approve, another stage (of the same approval), override"`
	Longest span        `yaml:"longest" doc:"for how long an exception can be made at most; 90d unless said"`
	Within  span        `yaml:"within" doc:"how long the owner has to decide about an exception; 24h unless said"`
}

func (s separationShape) noun() string { return nounNamed("rule", s.Name) }

type sideShape struct {
	place
	System      text         `yaml:"system" want:"required" doc:"the system that it is on"`
	Entitlement stringsShape `yaml:"entitlement" want:"required" doc:"one entitlement of the catalogue, or a list of them"`
}

func (sideShape) noun() string { return "the side" }
