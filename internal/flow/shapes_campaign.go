package flow

type campaignShape struct {
	place
	Kind      text               `yaml:"kind" want:"required" enum:"Campaign"`
	Name      text               `yaml:"name" want:"required" doc:"how commands and evidence name the campaign"`
	Owner     text               `yaml:"owner" want:"required" missing:"the campaign has no owner" doc:"who answers for it: mail address of one active person"`
	Control   text               `yaml:"control" want:"required" doc:"the control owner for revocation, who agrees on planted lines: mail address of one active person"`
	Scope     reviewScopeShape   `yaml:"scope" doc:"which grants it is about; all unless said"`
	Reviewers []text             `yaml:"reviewers" doc:"who decides, the first who can: subject.manager, subject.sponsor, entitlement.owner, system.owner, unit.head, or a mail address"`
	Within    span               `yaml:"within" doc:"how long a reviewer has, such as 14d"`
	Stages    []reviewStageShape `yaml:"stages" doc:"several looks, one after the other, in place of reviewers and within: what one keeps is asked of the next"`
	Remind    []span             `yaml:"remind" doc:"so long before a sheet is due its reviewer is reminded"`
	Silence   text               `yaml:"silence" want:"required" enum:"revoke|escalate" doc:"what becomes of lines that nobody decided in time: revoke, or escalate along then and revoke at its end; nothing is kept by silence"`
	Then      []text             `yaml:"then" doc:"who is asked when nobody answers, in order, by mail address"`
	Outliers  number             `yaml:"outliers" doc:"a line held by fewer than so many percent of the holder's unit comes first"`
	Carry     carryShape         `yaml:"carry" doc:"lines that nothing changed for need no second look for a time"`
	Every     span               `yaml:"every" doc:"it is opened again so long after it was opened last; only by command unless said"`
	After     []text             `yaml:"after" enum:"moved|owner_changed|finding" doc:"what sets off a review of the lines that it touches: moved, owner_changed, finding"`
}

func (s campaignShape) noun() string { return nounNamed("campaign", s.Name) }

type reviewScopeShape struct {
	place
	Systems      []text `yaml:"systems" doc:"on these systems only"`
	Entitlements []text `yaml:"entitlements" doc:"of these only, such as role:ledger_write"`
	Units        []text `yaml:"units" doc:"of people of these business units only"`
	Of           text   `yaml:"of" enum:"person|nhi" doc:"of people only, or of machine identities only"`
	Privileged   flag   `yaml:"privileged" doc:"only what is elevated or critical"`
	Changed      flag   `yaml:"changed" doc:"only what changed since the campaign was held last"`
	Accounts     flag   `yaml:"accounts" doc:"the accounts themselves, too"`
}

func (reviewScopeShape) noun() string { return "the scope" }

type reviewStageShape struct {
	place
	Reviewers []text `yaml:"reviewers" want:"required" doc:"who decides, the first who can: subject.manager, subject.sponsor, entitlement.owner, system.owner, unit.head, or a mail address"`
	Within    span   `yaml:"within" want:"required" doc:"how long a reviewer has, such as 14d"`
}

func (reviewStageShape) noun() string { return "the stage" }

type carryShape struct {
	place
	Within span `yaml:"within" want:"required" doc:"how old the decision may be that is carried over; each is carried once"`
	Below  text `yaml:"below" enum:"elevated|critical" doc:"only what is less than that; critical unless said"`
}

func (carryShape) noun() string { return "carry" }
