package evidence

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// of gives a measure's rows from the objects of a kind that a query finds.
func of[T any](kind store.Kind[T], query func(Period) store.Query, row func(v T, p Period) (Row, bool)) func(context.Context, store.Reader, Period, func(Row) error) error {
	return func(ctx context.Context, r store.Reader, p Period, yield func(Row) error) error {
		q := query(p)
		q.Kind = kind.Name
		for found, err := range r.Find(ctx, q) {
			if err != nil {
				return err
			}
			v, err := kind.Of(found)
			if err != nil {
				return err
			}
			x, counts := row(v, p)
			if !counts {
				continue
			}
			x.Kind, x.ID, x.Event = found.Kind, found.ID, found.Event
			if err := yield(x); err != nil {
				return err
			}
		}
		return nil
	}
}

func all(Period) store.Query { return store.Query{} }

func by(key string) func(Period) store.Query {
	return func(p Period) store.Query { return p.between(key) }
}

// why makes a row of what was wrong with it, if anything was.
func why(answers string, cells []string, wrong ...string) Row {
	r := Row{Answers: answers, Cells: cells, Why: strings.Join(wrong, "; ")}
	r.Good = r.Why == ""
	return r
}

func fault(is bool, says string) []string {
	if is {
		return []string{says}
	}
	return nil
}

// measures are all that can be measured.
var measures = []measure{
	{
		id: "revocations", title: "Revocations confirmed inside their deadline", one: "revocation", many: "revocations", as: "confirmed inside their deadline",
		query:   "changes that take access away, of runs whose batch was planned in the period; good: confirmed by a fresh read, no later than its definition's time to confirm after the intent",
		columns: changeColumns, rows: changes(onus.Verb.TakesAway, inTime),
	},
	{
		id: "grants", title: "Access given and confirmed inside its deadline", one: "grant of access", many: "grants of access", as: "confirmed inside their deadline",
		query:   "changes that give access, of runs whose batch was planned in the period; good: confirmed by a fresh read, no later than its definition's time to confirm after the intent",
		columns: changeColumns, rows: changes(gives, inTime),
	},
	{
		id: "owned-changes", title: "Changes with every owner named", one: "change", many: "changes", as: "planned with a workflow owner, a system owner and control owners named",
		query:   "changes of runs whose batch was planned in the period; good: the owners for the workflow, the system, provisioning, revocation and exceptions were named",
		columns: changeColumns, rows: changes(func(onus.Verb) bool { return true }, owned),
	},
	{
		id: "critical-grants", title: "Critical access given with a yes", one: "grant of critical access", many: "grants of critical access", as: "given by the yes of named people",
		query:   "changes that give what is critical, of runs whose batch was planned in the period, and that were begun; good: an approval let it go",
		columns: changeColumns, rows: changes(gives, approved),
	},
	{
		id: "expiries", title: "Access given for a time, and taken when it was up", one: "grant with an end in the period", many: "grants with an end in the period", as: "not held past their end",
		query:   "grants with a warrant whose end lies in the period; good: it ended, or the system does not show the grant, or another warrant is in force",
		columns: []string{"system", "entitlement", "identity", "until", "held"}, rows: of(store.Grants, all, expiry),
	},
	{
		id: "approvals", title: "Requests for approval answered by a person in time", one: "request for approval", many: "requests for approval", as: "answered by a named person in time, and not in haste",
		query:   "approvals asked in the period; good: a person's yes or no before the deadline, each more than 10 seconds after it was asked, and not the subject's own",
		columns: []string{"state", "workflow", "system", "asked", "deadline", "ended", "answered by"}, rows: of(store.Approvals, all, approval),
	},
	{
		id: "exceptions", title: "Exceptions handled inside their clock", one: "exception", many: "exceptions", as: "handled before their clock ran out",
		query:   "exceptions opened in the period, practice apart; good: it never climbed, and is closed or its deadline lies ahead of the end of the period",
		columns: []string{"category", "state", "workflow", "source", "system", "opened", "deadline", "closed", "climbed"}, rows: of(store.Exceptions, by("opened"), exception),
	},
	{
		id: "overrides", title: "Overrides with a person and a reason", one: "override", many: "overrides", as: "a named person's, with a reason",
		query:   "exceptions opened in the period that a person overrode; good: the person and the reason are on record",
		columns: []string{"category", "workflow", "system", "closed", "by", "reason"}, rows: of(store.Exceptions, by("opened"), override),
	},
	{
		id: "errors", title: "Access errors with a verdict and a corrective action", one: "access error", many: "access errors", as: "attributed to somebody and closed with a corrective action, or no error",
		query:   "access errors reported in the period; good: the verdict found none, or is not undetermined and the error is closed",
		columns: []string{"state", "system", "entitlement", "reported", "classes", "confidence", "closed"}, rows: of(store.AccessErrors, by("at"), accessError),
	},
	{
		id: "findings", title: "What was changed outside Onus, and put right", one: "finding of drift", many: "findings of drift", as: "put right or decided by a person",
		query:   "findings of scans in the period; good: repaired, gone, or accepted by a named person with a reason",
		columns: []string{"kind", "state", "system", "entitlement", "found", "decided by", "repair"}, rows: of(store.Findings, by("found"), finding),
	},
	{
		id: "orphans", title: "Accounts that belong to somebody", one: "account", many: "accounts", as: "correlated to an identity",
		query:   "accounts that the systems show as of this ledger size; good: an identity is known for it",
		columns: []string{"system", "name", "identity", "rule", "enabled"}, rows: of(store.Accounts, all, orphan),
	},
	{
		id: "unwarranted", title: "Held access that our records warrant", one: "held grant", many: "held grants", as: "warranted by a rule, a request or a decision",
		query:   "grants that the systems show as of this ledger size; good: a warrant is in force at the end of the period",
		columns: []string{"system", "entitlement", "identity", "first seen"}, rows: of(store.Grants, all, warranted),
	},
	{
		id: "duties", title: "Duties that somebody stands for", one: "duty", many: "duties", as: "stood for by a person who accepted",
		query:   "duties as of this ledger size; good: a person holds it",
		columns: []string{"duty", "holder", "as", "since"}, rows: of(store.Successions, all, duty),
	},
	{
		id: "sponsors", title: "Machine identities with a sponsor", one: "machine identity", many: "machine identities", as: "sponsored by a named person",
		query:   "identities that are no persons and have not left, as of this ledger size; good: the register names a sponsor",
		columns: []string{"identity", "state", "sponsor"}, rows: of(store.Identities, all, sponsor),
	},
	{
		id: "versions", title: "Definitions made live by somebody else than their author", one: "version that went live", many: "versions that went live", as: "made live by a person who is not among their authors",
		query:   "versions of the definitions decided in the period that went live; good: who decided is named, and is no author",
		columns: []string{"number", "authors", "decided by", "decided"}, rows: of(store.Versions, all, version),
	},
	{
		id: "separations", title: "Breaches of separation of duty, decided", one: "breach of separation", many: "breaches of separation", as: "decided by a named person",
		query:   "exceptions of the category separation opened in the period; good: closed",
		columns: []string{"state", "opened", "closed", "decided by"}, rows: of(store.Exceptions, by("opened"), separation),
	},
	{
		id: "reads", title: "Readings of sources that could be believed", one: "reading of a source", many: "readings of sources", as: "complete and believed",
		query:   "readings that a source dates in the period; good: complete, and nothing was held",
		columns: []string{"source", "taken", "rows", "bad rows"}, rows: of(store.Reads, all, read),
	},
	{
		id: "leavers", title: "Leavers whose access was taken away", one: "leaver", many: "leavers", as: "followed by runs that are all done",
		query:   "occasions of somebody leaving in the period; good: settled, and every run of it is done",
		columns: occasionColumns, rows: occasions(onus.Departed),
	},
	{
		id: "movers", title: "Movers whose access was changed", one: "mover", many: "movers", as: "followed by runs that are all done",
		query:   "occasions of somebody moving in the period; good: settled, and every run of it is done",
		columns: occasionColumns, rows: occasions(onus.Moved),
	},
	{
		id: "reversals", title: "Reversals carried out", one: "reversal", many: "reversals", as: "carried out and confirmed",
		query:   "reversals ordered in the period; good: every occasion of it is settled and every run of it is done",
		columns: []string{"ordered by", "at", "changes", "reason"}, rows: reversals,
	},
	{
		id: "emergencies", title: "Emergency access that was gone in time and reviewed", one: "emergency", many: "emergencies", as: "gone by their end and reviewed in time",
		query:   "emergencies called in the period; good: confirmed gone and not overrun, and reviewed by its day, or not due yet at the end of the period",
		columns: []string{"rule", "state", "called by", "at", "until", "ended", "due", "reviewer", "warranted"}, rows: of(store.Emergencies, by("at"), emergency),
	},
	{
		id: "campaigns", title: "Recertification campaigns that are closed", one: "campaign", many: "campaigns", as: "closed with every line decided",
		query:   "campaigns opened in the period; good: closed, which a campaign is when every line is decided and what was denied is confirmed gone",
		columns: []string{"campaign", "state", "opened", "closed", "lines", "carried"}, rows: of(store.Campaigns, by("at"), campaign),
	},
	{
		id: "reviews", title: "Lines of campaigns that a person decided", one: "decided line", many: "decided lines", as: "decided by a named person with a reason",
		query:   "lines of campaigns decided in the period; good: a named person decided, and silence did not",
		columns: []string{"campaign", "verdict", "reviewer", "at", "system", "entitlement", "identity"}, rows: of(store.Reviews, all, review),
	},
	{
		id: "ledger", title: "Events in the ledger, with who acted", one: "event", many: "events", as: "readable leaves that name an actor and an object",
		query:   "ledger entries of the period; good: the leaf is well-formed and names its actor and its object. That the tree holds them, the checkpoint and the receipts prove",
		columns: []string{"entry", "time", "type", "actor"}, rows: entries,
	},
}

func expiry(g onus.Grant, p Period) (Row, bool) {
	counts := false
	var until onus.Warrant
	for _, w := range g.Warrants {
		if p.has(w.Until) {
			counts, until = true, w
		}
	}
	over := g.Observed && !g.Warranted(p.To)
	return why("", []string{string(g.System), g.Entitlement, string(g.Identity), when(until.Until), strconv.FormatBool(g.Observed)},
		fault(over, "it is held past its end")...), counts
}

func approval(a onus.Approval, p Period) (Row, bool) {
	who, wrong := make([]string, 0, len(a.Answers)), make([]string, 0, 2*len(a.Answers)+2)
	for _, x := range a.Answers {
		who = append(who, x.Person)
		wrong = append(wrong, fault(x.After < onus.Hasty, x.Person+" answered after "+x.After.String())...)
		wrong = append(wrong, fault(x.Who == a.Identity, x.Person+" answered about themselves")...)
	}
	late := a.Ended.IsZero() && !p.To.Before(a.Deadline) || !a.Ended.IsZero() && a.Ended.After(a.Deadline) || !a.Climbed.IsZero()
	wrong = append(wrong, fault(late, "nobody answered in time")...)
	wrong = append(wrong, fault(len(a.Answers) == 0 && !a.Ended.IsZero(), cmp.Or(a.Why, "it ended without an answer"))...)
	return why(strings.Join(a.Of, " "), []string{string(a.State), string(a.Workflow), string(a.System), when(a.Asked), when(a.Deadline), when(a.Ended), strings.Join(who, " ")}, wrong...), p.has(a.Asked)
}

func exception(x onus.Exception, p Period) (Row, bool) {
	open := x.State == onus.ExceptionOpen
	wrong := fault(x.Step > 0, fmt.Sprintf("it climbed %d times", x.Step))
	wrong = append(wrong, fault(open && p.To.After(x.Deadline), "it is open past its clock")...)
	return why(cmp.Or(x.Assignee, x.Nobody), []string{
		string(x.Category), string(x.State), string(x.Workflow), string(x.Source), string(x.System), when(x.Opened), when(x.Deadline), when(x.Closed), strconv.Itoa(x.Step),
	}, wrong...), !x.Practice
}

func override(x onus.Exception, _ Period) (Row, bool) {
	if x.State != onus.ExceptionOverridden {
		return Row{}, false
	}
	var d onus.Decision
	if x.Decided != nil {
		d = *x.Decided
	}
	return why(d.Person, []string{string(x.Category), string(x.Workflow), string(x.System), when(x.Closed), cmp.Or(d.Person, string(d.By)), d.Reason},
		append(fault(d.Person == "", "nobody is named"), fault(d.Reason == "", "there is no reason")...)...), true
}

func accessError(e onus.AccessError, _ Period) (Row, bool) {
	var v onus.Verdict
	if e.Verdict != nil {
		v = *e.Verdict
	}
	classes := make([]string, len(v.Faults))
	for i, f := range v.Faults {
		classes[i] = string(f.Class)
	}
	var wrong []string
	if v.Error || e.Verdict == nil {
		wrong = append(fault(v.Confidence == onus.Undetermined || e.Verdict == nil, "whose it was is undetermined"), fault(e.State == onus.ErrorOpen, "it is open")...)
	}
	return why(cmp.Or(v.Control.Today, v.Control.Mail), []string{
		string(e.State), string(e.System), e.Entitlement, when(e.Reported), strings.Join(classes, ", "), string(v.Confidence), when(e.Closed),
	}, wrong...), true
}

func emergency(v onus.Emergency, p Period) (Row, bool) {
	wrong := fault(!v.Overrun.IsZero() || v.Ended.IsZero() && p.To.After(v.Until), "it is not gone by its end")
	wrong = append(wrong, fault(v.Reviewed.IsZero() && !v.Due.IsZero() && p.To.After(v.Due) || v.Reviewed.After(v.Due), "it was not reviewed by "+when(v.Due))...)
	return why(v.Answers, []string{
		v.Rule, string(v.State), v.Person, when(v.At), when(v.Until), when(v.Ended), when(v.Due), v.Reviewer, strconv.FormatBool(v.Warranted),
	}, wrong...), true
}

func campaign(v onus.Campaign, _ Period) (Row, bool) {
	return why(v.Terms.Owner, []string{v.Terms.Name, string(v.State), when(v.Opened), when(v.Closed), strconv.Itoa(v.Lines), strconv.Itoa(v.Carry)},
		fault(v.State != onus.CampaignClosed, "it is "+string(v.State))...), true
}

func review(v onus.Review, p Period) (Row, bool) {
	return why(v.Person, []string{v.Campaign, string(v.Verdict), v.Person, when(v.At), string(v.Line.System), v.Line.Entitlement, string(v.Line.Identity)},
		append(fault(v.Silent || v.Person == "", "nobody decided it in time"), fault(v.Reason == "", "there is no reason")...)...), p.has(v.At) && !v.Planted
}

func finding(f onus.Finding, _ Period) (Row, bool) {
	undone := f.State == onus.FindingOpen || f.State == onus.FindingOrdered
	unreasoned := f.State == onus.FindingAccepted && (f.Person == "" || f.Reason == "")
	return why(f.Owner, []string{string(f.Kind), string(f.State), string(f.System), f.Entitlement, when(f.Found), f.Person, string(f.Repair)},
		append(fault(undone, "it is "+string(f.State)), fault(unreasoned, "nobody's reason is on record")...)...), true
}

func orphan(a onus.Account, _ Period) (Row, bool) {
	return why("", []string{string(a.System), a.Name, string(a.Identity), a.Matched, strconv.FormatBool(a.Enabled)}, fault(a.Identity == "", "it belongs to nobody")...), !a.Gone && !onus.IsCanary(a.Identity)
}

func warranted(g onus.Grant, p Period) (Row, bool) {
	return why("", []string{string(g.System), g.Entitlement, string(g.Identity), when(g.FirstSeen)}, fault(!g.Warranted(p.To), "nobody warranted it, or its time is up")...), g.Observed && !onus.IsCanary(g.Identity)
}

func duty(s onus.Succession, _ Period) (Row, bool) {
	return why("", []string{string(s.Duty), string(s.Holder), s.As, when(s.At)}, fault(s.Holder == "", "nobody stands for it: "+cmp.Or(s.Why, "nobody accepted"))...), true
}

func sponsor(i onus.Identity, _ Period) (Row, bool) {
	return why(i.Sponsor, []string{string(i.ID), string(i.State), i.Sponsor}, fault(i.Sponsor == "", "it has no sponsor")...), i.Kind == onus.NonHuman && i.State != onus.Left && !onus.IsCanary(i.ID)
}

func version(v onus.Version, p Period) (Row, bool) {
	authors := make([]string, len(v.Authors))
	for i, a := range v.Authors {
		authors[i] = a.Name
	}
	own := v.WroteBy("", v.Person)
	return why(v.Person, []string{strconv.Itoa(v.Number), strings.Join(authors, " "), v.Person, when(v.Decided)},
		append(fault(v.Person == "", "nobody is named who decided"), fault(own, "its author decided")...)...), v.Number > 0 && p.has(v.Decided)
}

func separation(x onus.Exception, _ Period) (Row, bool) {
	by := ""
	if x.Decided != nil {
		by = x.Decided.Person
	}
	return why(cmp.Or(x.Assignee, x.Nobody), []string{string(x.State), when(x.Opened), when(x.Closed), by}, fault(x.State == onus.ExceptionOpen, "it is open")...), x.Category == onus.SeparationBreach && !x.Practice
}

func read(v onus.Read, p Period) (Row, bool) {
	return why("", []string{string(v.Source), when(v.TakenAt), strconv.Itoa(v.Rows), strconv.Itoa(v.Bad)},
		append(fault(!v.Good, cmp.Or(v.Reason, "it was held")), fault(!v.Complete, "it was not complete")...)...), p.has(v.TakenAt)
}
