package flow

// The shapes of the documents that people write. Package schema makes the
// JSON Schema from them, so that editors and Onus cannot disagree.

type organisationShape struct {
	place
	Kind          text             `yaml:"kind" want:"required" enum:"Organisation"`
	Name          text             `yaml:"name" want:"required" doc:"what the organisation is called"`
	People        text             `yaml:"people" want:"required" doc:"the source that people, and so owners, come from"`
	Units         table[unitShape] `yaml:"units" doc:"business units by name"`
	Escalation    []text           `yaml:"escalation" want:"required" doc:"heads by mail address: where an exception ends when nobody acts, the last resort first"`
	Shared        []text           `yaml:"shared" doc:"mail addresses that are nobody's own; none of them can own anything"`
	SharedPattern text             `yaml:"shared_pattern" doc:"a regular expression for addresses that look shared"`
	Notify        notifyShape      `yaml:"notify" doc:"how people are told that something waits for them"`
	Operators     table[text]      `yaml:"operators" doc:"operating-system user → mail address of the person who acts as it"`
	Signers       text             `yaml:"signers" doc:"the file of the keys by which people act and sign, in the format of OpenSSH: mail address, public key; called allowed_signers"`
	Unsigned      text             `yaml:"unsigned" enum:"refused|allowed" doc:"whether an unsigned yes to what is critical counts from somebody who has a key or passkey; refused unless said"`
	Zone          text             `yaml:"zone" doc:"whose midnight a date means, such as Europe/Berlin; UTC unless said"`
	Acceptance    span             `yaml:"acceptance" doc:"for how long an accepted duty stays accepted, a year at most and unless said"`
	Approvals     []approvalShape  `yaml:"approvals" doc:"who must say yes to a grant whichever workflow gives it, beside those whom its step asks"`

	Administrators []text `yaml:"administrators" doc:"mail addresses of who run Onus itself: sign-ins, tokens, channels; none of them decides about access"`
	Auditors       []text `yaml:"auditors" doc:"mail addresses of who see everything and change nothing"`

	Zones      table[text]       `yaml:"zones" doc:"time zones of people who live in another than the organisation's, by mail address"`
	Hours      table[hoursShape] `yaml:"hours" doc:"when people are at work, by time zone; Monday to Friday, 09:00 to 17:00 unless said"`
	Production shareShape        `yaml:"exception_path" doc:"from when on the exception path counts as the production path; {percent: 20, least: 5, over: 30d} unless said"`
}

func (organisationShape) noun() string { return "the organisation" }

type hoursShape struct {
	place
	Days  []text `yaml:"days" enum:"mon|tue|wed|thu|fri|sat|sun" doc:"days of the week; Monday to Friday unless said"`
	From  text   `yaml:"from" doc:"time of day; \"09:00\" unless said"`
	Until text   `yaml:"until" doc:"time of day; \"17:00\" unless said"`
	Off   []text `yaml:"off" doc:"dates on which nobody works, such as \"2026-12-25\""`
}

func (hoursShape) noun() string { return "the hours" }

type shareShape struct {
	place
	Percent number `yaml:"percent" doc:"of what a workflow set out to do; more of it ended in an exception"`
	Least   number `yaml:"least" doc:"at least so many exceptions"`
	Over    span   `yaml:"over" doc:"the stretch of time that is looked at, such as 30d"`
}

type rotaShape struct {
	place
	Kind     text         `yaml:"kind" want:"required" enum:"Rota"`
	Name     text         `yaml:"name" want:"required" doc:"how routes refer to the rota: rota:NAME"`
	Zone     text         `yaml:"zone" doc:"of times that are written without one; the organisation's unless said"`
	Calendar text         `yaml:"calendar" doc:"a file beside this one: an iCalendar file (*.ics), or from,until,person (*_rota.csv)"`
	Shifts   []shiftShape `yaml:"shifts" doc:"who is on duty when; of shifts that overlap the one that began last counts"`
}

func (r rotaShape) noun() string { return nounNamed("rota", r.Name) }

type shiftShape struct {
	place
	Person text `yaml:"person" want:"required" doc:"mail address of the one who is on duty"`
	From   text `yaml:"from" want:"required" doc:"such as \"2026-03-02 09:00\""`
	Until  text `yaml:"until" want:"required" doc:"such as \"2026-03-09 09:00\""`
}

func (shiftShape) noun() string { return "the shift" }

type unitShape struct {
	place
	Head          text `yaml:"head" want:"required" doc:"mail address of the person who heads the unit"`
	Administrator text `yaml:"administrator" doc:"mail address of who administers what is of the unit, and nothing beyond it"`
	Deputy        text `yaml:"deputy" doc:"mail address of who stands in for the administrator"`
}

func (unitShape) noun() string { return "the unit" }

type sourceShape struct {
	place
	Kind       text                  `yaml:"kind" want:"required" enum:"Source"`
	Name       text                  `yaml:"name" want:"required" doc:"how definitions refer to the source"`
	Of         text                  `yaml:"of" want:"required" enum:"person|nhi" doc:"what its records are: person or nhi (service accounts, API keys, bots, agents)"`
	Owner      text                  `yaml:"owner" want:"required" missing:"the source has no data owner" doc:"the data owner: mail address of one active person"`
	Deputy     text                  `yaml:"deputy" doc:"mail address of who stands in for the owner"`
	Route      routeShape            `yaml:"route" doc:"where exceptions of the source go; the owner, the deputy, then the organisation's escalation unless said"`
	Driver     text                  `yaml:"driver" want:"required" enum:"csv|sql" doc:"how the feed is read"`
	Settings   table[scalar]         `yaml:"settings" doc:"what the driver needs to know; for csv the path, relative to this folder"`
	Secrets    table[secretShape]    `yaml:"secrets" doc:"secrets by reference: {env: NAME} or {file: PATH}"`
	Fresh      span                  `yaml:"fresh" doc:"how old a read may be before nothing is done with it"`
	MinPercent number                `yaml:"min_percent" doc:"of the last good read's rows; fewer hold the read; 80 unless said"`
	Key        text                  `yaml:"key" want:"required" doc:"the attribute that is unique in a read"`
	Attributes table[attributeShape] `yaml:"attributes" want:"required" doc:"the columns, by the name that expressions use"`
	Roles      rolesShape            `yaml:"roles" want:"required" doc:"which attribute plays which part"`
	Moves      []text                `yaml:"moves" doc:"attributes whose change is a move; any other is a change"`
	Match      []sourceMatchShape    `yaml:"match" doc:"rules that find the identity of a new record, in order"`
	Bounds     boundsShape           `yaml:"bounds" doc:"how much all workflows together may do in one go because of it"`
}

func (s sourceShape) noun() string { return nounNamed("source", s.Name) }

type attributeShape struct {
	place
	Type     text   `yaml:"type" enum:"string|int|bool|date|timestamp|list" doc:"string unless said"`
	Column   text   `yaml:"column" doc:"what the feed calls it; the name itself unless said"`
	Required flag   `yaml:"required" doc:"a row without it is bad"`
	Personal flag   `yaml:"personal" doc:"personal data, which can be erased"`
	Values   []text `yaml:"values" doc:"the only values allowed"`
	Pattern  text   `yaml:"pattern" doc:"a regular expression that the whole value must match"`
}

type rolesShape struct {
	place
	Person  text      `yaml:"person" doc:"names the person over several engagements"`
	Login   text      `yaml:"login" want:"required" doc:"the name that accounts are made from"`
	Name    nameShape `yaml:"name" doc:"the attribute that people read, or a list of them in order"`
	Mail    text      `yaml:"mail" doc:"mail address; how owners and routes name people"`
	Manager text      `yaml:"manager" doc:"key, person or mail of the manager"`
	Sponsor text      `yaml:"sponsor" doc:"of a non-human identity: key, person or mail of the person who answers for it"`
	Deputy  text      `yaml:"deputy" doc:"of a non-human identity: key, person or mail of who stands in for the sponsor"`
	Unit    text      `yaml:"unit" doc:"business unit"`
	Zone    text      `yaml:"zone" doc:"of a person: the time zone whose working hours are theirs, such as Europe/Berlin"`
	Start   text      `yaml:"start" doc:"date on which access may begin"`
	End     text      `yaml:"end" doc:"date of the last day of access"`
	Status  text      `yaml:"status" doc:"says, with gone, whether somebody has left"`
	Gone    []text    `yaml:"gone" doc:"values of the status that mean left"`
}

func (rolesShape) noun() string { return "roles" }

type sourceMatchShape struct {
	place
	Name       text   `yaml:"name" want:"required" doc:"how evidence names the rule"`
	Attributes []text `yaml:"attributes" want:"required" doc:"each must equal the identity's"`
	Weak       flag   `yaml:"weak" doc:"a weak match is an exception, never a guess"`
}

func (sourceMatchShape) noun() string { return "the match rule" }

type systemShape struct {
	place
	Kind      text                `yaml:"kind" want:"required" enum:"System"`
	Name      text                `yaml:"name" want:"required" doc:"how definitions refer to the system"`
	Connector text                `yaml:"connector" want:"required" doc:"what speaks to it: ldap, postgres, scim or sql"`
	Settings  table[scalar]       `yaml:"settings" doc:"what the connector needs to know"`
	Secrets   table[secretShape]  `yaml:"secrets" doc:"secrets by reference: {env: NAME} or {file: PATH}"`
	Owner     text                `yaml:"owner" want:"required" missing:"the system has no system owner" doc:"the system owner: mail address of one active person of ours"`
	Deputy    text                `yaml:"deputy" doc:"mail address of who stands in for the owner"`
	Unit      text                `yaml:"unit" doc:"business unit, as the organisation names it"`
	Provider  text                `yaml:"provider" doc:"who provides it"`
	Vendor    text                `yaml:"vendor" doc:"who operates it, where that is not us"`
	Route     routeShape          `yaml:"route" doc:"where exceptions of the system go; the owner, the deputy, then the organisation's escalation unless said"`
	Rate      decimal             `yaml:"rate" doc:"requests a second, over all processes"`
	Match     []accountMatchShape `yaml:"match" want:"required" doc:"rules that find whose an account is, in order"`
	Bounds    boundsShape         `yaml:"bounds" doc:"what all workflows together may do to it"`
	Approvals []approvalShape     `yaml:"approvals" doc:"who must say yes to a grant on it, after those whom its step and the organisation ask"`
}

func (s systemShape) noun() string { return nounNamed("system", s.Name) }

type accountMatchShape struct {
	place
	Name     text   `yaml:"name" want:"required" doc:"how evidence names the rule"`
	Account  []text `yaml:"account" want:"required" doc:"name, or attributes of the account"`
	Identity []text `yaml:"identity" want:"required" doc:"attributes of the identity, one for each of the account's"`
	Weak     flag   `yaml:"weak" doc:"a weak match is an exception, never a guess"`
}

func (accountMatchShape) noun() string { return "the match rule" }

type entitlementShape struct {
	place
	Kind         text         `yaml:"kind" want:"required" enum:"Entitlement"`
	System       text         `yaml:"system" want:"required" doc:"where it can be granted"`
	Name         text         `yaml:"name" doc:"kind and name, such as group:finance or role:ledger_write"`
	Title        text         `yaml:"title" doc:"what it lets somebody do, for people to read"`
	Sensitivity  text         `yaml:"sensitivity" enum:"low|elevated|critical" doc:"low, elevated or critical"`
	Owner        text         `yaml:"owner" doc:"mail address of who decides about it; the system owner unless said"`
	Deputy       text         `yaml:"deputy" doc:"mail address of who stands in for the owner"`
	Request      requestShape `yaml:"request" doc:"who may ask for it, and who says yes; nobody may ask unless said"`
	Entitlements []entryShape `yaml:"entitlements" doc:"several of one system"`
}

func (entitlementShape) noun() string { return "the entitlement" }

type entryShape struct {
	place
	Name        text `yaml:"name" want:"required" doc:"kind and name, such as group:finance or role:ledger_write"`
	Title       text `yaml:"title" doc:"what it lets somebody do, for people to read"`
	Sensitivity text `yaml:"sensitivity" want:"required" enum:"low|elevated|critical" doc:"low, elevated or critical"`
	Owner       text `yaml:"owner" doc:"mail address of who decides about it; the system owner unless said"`
	Deputy      text `yaml:"deputy" doc:"mail address of who stands in for the owner"`

	Request requestShape `yaml:"request" doc:"who may ask for it, and who says yes; nobody may ask unless said"`
}

func (e entryShape) noun() string { return nounNamed("entitlement", e.Name) }

type routeShape struct {
	place
	To      text   `yaml:"to" doc:"mail address, rota:NAME, source.owner, system.owner or workflow.owner"`
	Within  span   `yaml:"within" doc:"how long each person has to acknowledge it"`
	Resolve span   `yaml:"resolve" doc:"how long whoever acknowledged it has to end it; four times within unless said"`
	Snooze  span   `yaml:"snooze" doc:"how far it may be put off in all, at most 7d; 24h unless said"`
	Hours   text   `yaml:"hours" enum:"always|working" doc:"always: the clock runs day and night; working: only while the person is at work; always unless said"`
	Then    []text `yaml:"then" doc:"who is next when the time runs out; at least two further people"`
}

type boundsShape struct {
	place
	Subjects limit `yaml:"subjects" doc:"identities touched, as in 40 per 1h"`
	Changes  limit `yaml:"changes" doc:"changes, as in 400 per 1h"`
	Removals limit `yaml:"removals" doc:"changes that take access away, as in 20 per 24h"`
	Weight   limit `yaml:"weight" doc:"privilege weight: 1 for low, 5 for elevated, 25 for critical"`
	Exceeded text  `yaml:"exceeded" enum:"hold" doc:"hold: nothing is done until the owner has looked"`
	Owner    text  `yaml:"owner" doc:"who is asked past a bound: mail address"`
	Deputy   text  `yaml:"deputy" doc:"who stands in for the owner of the bounds: mail address"`
}

func nounNamed(kind string, name text) string {
	if name.ok() {
		return kind + " " + name.value
	}
	return "the " + kind
}
