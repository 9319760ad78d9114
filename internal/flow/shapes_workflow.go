package flow

type workflowShape struct {
	place
	Kind       text              `yaml:"kind" want:"required" enum:"Workflow"`
	Name       text              `yaml:"name" want:"required" doc:"how definitions refer to the workflow"`
	Owners     ownersShape       `yaml:"owners" want:"required" missing:"the workflow has no workflow owner" doc:"who answers for the workflow: owners: {workflow: MAIL}"`
	Controls   controlsShape     `yaml:"controls" want:"required" missing:"the workflow has no control owners" doc:"the control owners for provisioning, revocation and exceptions"`
	Occasion   occasionShape     `yaml:"occasion" want:"required" doc:"what sets the workflow off"`
	Follows    []text            `yaml:"follows" doc:"workflows whose grants are this one's to keep or take away"`
	StepsOf    text              `yaml:"steps_of" doc:"another workflow whose steps are this one's too, and whose grants it follows"`
	Require    []requireShape    `yaml:"require" doc:"what must hold before anything is planned"`
	Bounds     boundsShape       `yaml:"bounds" want:"required" doc:"how much may be done before a person looks, as in {subjects: 40 per 1h, changes: 400 per 1h}"`
	Exceptions table[routeShape] `yaml:"exceptions" want:"required" doc:"where exceptions go, by category; default is needed, and its people come after those of the other routes"`
	Production shareShape        `yaml:"exception_path" doc:"from when on the exception path counts as the production path; as the organisation says unless said"`
	Drill      drillShape        `yaml:"drill" doc:"the proof that what the workflow does can be undone: canaries that it is tried on, again and again"`
	Steps      []stepShape       `yaml:"steps" doc:"what should be true of the subject"`
}

func (w workflowShape) noun() string { return nounNamed("workflow", w.Name) }

type ownersShape struct {
	place
	Workflow text `yaml:"workflow" want:"required" missing:"the workflow has no workflow owner" doc:"the workflow owner: mail address of one active person"`
	Deputy   text `yaml:"deputy" doc:"mail address of who stands in for the owner"`
}

func (ownersShape) noun() string { return "owners" }

type controlsShape struct {
	place
	Provisioning text          `yaml:"provisioning" want:"required" missing:"the workflow has no control owner for provisioning" doc:"the control owner for provisioning: mail address of one active person"`
	Revocation   text          `yaml:"revocation" want:"required" missing:"the workflow has no control owner for revocation" doc:"the control owner for revocation: mail address of one active person"`
	Exceptions   text          `yaml:"exceptions" want:"required" missing:"the workflow has no control owner for exceptions" doc:"the control owner for exceptions: mail address of one active person"`
	Designated   text          `yaml:"designated" doc:"who answers for the whole, above all where the workflow reaches over several units; the control owner for exceptions unless said"`
	Deputies     deputiesShape `yaml:"deputies" doc:"who stands in for the control owners"`
}

func (controlsShape) noun() string { return "controls" }

type deputiesShape struct {
	place
	Provisioning text `yaml:"provisioning" doc:"mail address of who stands in for the control owner for provisioning"`
	Revocation   text `yaml:"revocation" doc:"mail address of who stands in for the control owner for revocation"`
	Exceptions   text `yaml:"exceptions" doc:"mail address of who stands in for the control owner for exceptions"`
	Designated   text `yaml:"designated" doc:"mail address of who stands in for the designated control owner"`
}

func (deputiesShape) noun() string { return "deputies" }

type occasionShape struct {
	place
	Source  text       `yaml:"source" doc:"whose records set the workflow off"`
	When    expression `yaml:"when" doc:"an expression over subject, before, change, now and people that is true when the workflow should run"`
	Request flag       `yaml:"request" doc:"true, and nothing beside it: people's requests set it off, and it gives what they ask for"`
}

func (occasionShape) noun() string { return "the occasion" }

type drillShape struct {
	place
	Every    span          `yaml:"every" want:"required" doc:"how often it is proven, such as 30d"`
	Within   span          `yaml:"within" doc:"how long one drill may take; 1h unless said"`
	Canaries []canaryShape `yaml:"canaries" want:"required" doc:"who it is tried on: nobody real"`
}

func (drillShape) noun() string { return "the drill" }

type canaryShape struct {
	place
	Record table[scalar]   `yaml:"record" want:"required" doc:"the canary's record, as its source would have it"`
	Moves  []table[scalar] `yaml:"moves" doc:"what changes in the record, one time after the other"`
	Leaves flag            `yaml:"leaves" doc:"true: the canary leaves at the end"`
}

func (canaryShape) noun() string { return "the canary" }

type requireShape struct {
	place
	That      expression `yaml:"that" want:"required" doc:"an expression that must be true"`
	Otherwise text       `yaml:"otherwise" doc:"the category of the exception; invalid_attribute unless said"`
}

func (requireShape) noun() string { return "the requirement" }

type stepShape struct {
	place
	ID          text           `yaml:"id" want:"required" doc:"how evidence names the rule"`
	When        expression     `yaml:"when" doc:"an expression that is true when the step applies; always unless said"`
	Account     *accountShape  `yaml:"account" doc:"the subject has an account"`
	Grant       *grantShape    `yaml:"grant" doc:"the subject's account holds an entitlement"`
	Withdraw    *withdrawShape `yaml:"withdraw" doc:"the subject holds nothing"`
	Approve     *approveShape  `yaml:"approve" doc:"who must say yes first"`
	Expires     span           `yaml:"expires" doc:"when the grant ends by itself, such as 90d"`
	Confirm     span           `yaml:"confirm" want:"required" doc:"how long a read back may take to show the change, such as 2m; a change is done only when the system shows it"`
	Reverse     text           `yaml:"reverse" enum:"disable|absent|restore|irreversible" doc:"what undoing the step means"`
	After       []text         `yaml:"after" doc:"ids of steps that must be confirmed first"`
	OnException text           `yaml:"on_exception" enum:"continue|pause" doc:"continue: the run's other changes go on when this one stops; pause unless said"`
}

func (s stepShape) noun() string { return nounNamed("step", s.ID) }

type accountShape struct {
	place
	System     text              `yaml:"system" want:"required" doc:"the system that the account is on"`
	Name       expression        `yaml:"name" doc:"an expression for the account's name; the subject's login unless said"`
	Attributes table[expression] `yaml:"attributes" doc:"attributes of the account, each an expression"`
	Disabled   flag              `yaml:"disabled" doc:"the account is there, and disabled"`
}

func (accountShape) noun() string { return "the account" }

type grantShape struct {
	place
	System      text       `yaml:"system" want:"required" doc:"the system that the entitlement is on"`
	Entitlement expression `yaml:"entitlement" want:"required" doc:"plain, as in role:ledger_write, or an expression, as in \"'group:' + subject.department\": it is one where it has a quote or names subject, before, change or people"`
}

func (grantShape) noun() string { return "the grant" }

type withdrawShape struct {
	place
	Systems  []text `yaml:"systems" doc:"the systems; all unless said"`
	Accounts text   `yaml:"accounts" enum:"disabled|absent" doc:"what becomes of the accounts; disabled unless said"`
	Grants   text   `yaml:"grants" enum:"absent" doc:"absent: grants are taken away too"`
	Sessions text   `yaml:"sessions" enum:"end" doc:"end: live sessions are ended where the connector can"`
}

type approveShape struct {
	place
	Need   number       `yaml:"need" want:"required" doc:"how many must say yes"`
	Of     []text       `yaml:"of" want:"required" doc:"system.owner, entitlement.owner, source.owner, workflow.owner, subject.manager, subject.sponsor or mail addresses"`
	Within span         `yaml:"within" want:"required" doc:"how long they have; silence never approves"`
	Then   []stageShape `yaml:"then" doc:"who is asked when they have said yes, one stage after the other"`
}

// stages gives every stage in order.
func (s approveShape) stages() []stageShape {
	return append([]stageShape{{place: s.place, Need: s.Need, Of: s.Of, Within: s.Within}}, s.Then...)
}

type stageShape struct {
	place
	Need   number `yaml:"need" want:"required" doc:"how many must say yes"`
	Of     []text `yaml:"of" want:"required" doc:"system.owner, entitlement.owner, source.owner, workflow.owner, subject.manager, subject.sponsor or mail addresses"`
	Within span   `yaml:"within" want:"required" doc:"how long they have; silence never approves"`
}

func (stageShape) noun() string { return "the approval" }

func (approveShape) noun() string { return "the approval" }
