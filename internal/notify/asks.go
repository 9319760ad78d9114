package notify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// An asker says what an object asks for as it is now, after an event of a
// type; nil: nothing, or nothing any more. What people are told follows from
// the state and not from the event: an event that comes late asks for nothing
// that was settled meanwhile.
type asker func(n *Notifier, ctx context.Context, r store.Reader, m onus.Matter) (*Ask, error)

// askers are the types of event that are followed.
var askers = map[ledger.Type]asker{
	ledger.ExceptionOpened:  (*Notifier).exception,
	ledger.ExceptionClimbed: (*Notifier).exception,
	ledger.ExceptionOffered: (*Notifier).offered,
	ledger.ExceptionClosed:  (*Notifier).exceptionClosed,
	ledger.ApprovalAsked:    (*Notifier).approval,
	ledger.ApprovalClimbed:  (*Notifier).approval,
	ledger.ApprovalGiven:    (*Notifier).approvalEnded,
	ledger.ApprovalDenied:   (*Notifier).approvalEnded,
	ledger.ApprovalExpired:  (*Notifier).approvalEnded,
	ledger.DutyAsked:        (*Notifier).duty,
	ledger.ReviewAsked:      (*Notifier).review,
	ledger.ReviewReminded:   (*Notifier).review,
	ledger.EmergencyBegan:   (*Notifier).emergencyBegan,
	ledger.EmergencyEnded:   (*Notifier).emergencyEnded,
	ledger.HandlingStepped:  (*Notifier).handling,
	ledger.HandlingStopped:  (*Notifier).handling,
	ledger.RuleEnding:       (*Notifier).rule,
	ledger.RuleLapsed:       (*Notifier).rule,
}

// ask gives what a matter asks for now, with its round.
func (n *Notifier) ask(ctx context.Context, r store.Reader, m onus.Matter) (*Ask, error) {
	of, known := askers[ledger.Type(m.Type)]
	if !known {
		return nil, nil //nolint:nilnil // an event of a type that a later version knew
	}
	return of(n, ctx, r, m)
}

func (n *Notifier) exception(ctx context.Context, r store.Reader, m onus.Matter) (*Ask, error) {
	x, known, err := store.Exceptions.Lookup(ctx, r, m.ID)
	if err != nil || !known || x.State != onus.ExceptionOpen || !x.Acknowledged.IsZero() {
		return nil, err // whoever acknowledged it knows
	}
	path := slices.Concat([]string{x.Assignee}, rest(x.Route, x.Assignee), n.Program.Organisation.Escalation)
	who, err := there(ctx, r, path)
	if err != nil {
		return nil, err
	}
	m.Round = fmt.Sprintf("%s step %d", store.Stamp(x.Opened), x.Step)
	a := &Ask{
		Matter: m, People: who, Title: exceptionTitle(x), Until: x.Deadline, Facts: exceptionFacts(x), Path: "/exceptions/" + x.ID,
		Says: []string{plain(x.Message, 500)},
		Acts: []Act{{"See it", "onus exceptions show " + x.ID}},
	}
	if x.Hint != "" {
		a.Says = append(a.Says, "What to do: "+plain(x.Hint, 300))
	}
	if next := x.Route.At(x.Step + 1); len(who) > 0 && !strings.EqualFold(next, who[0]) {
		a.Then = "then " + next + " is asked"
	}
	return a, nil
}

// offered tells whom somebody asks to have their exception. Until they accept,
// it stays where it is.
func (n *Notifier) offered(ctx context.Context, r store.Reader, m onus.Matter) (*Ask, error) {
	x, known, err := store.Exceptions.Lookup(ctx, r, m.ID)
	if err != nil || !known || x.State != onus.ExceptionOpen || x.Offered == "" {
		return nil, err
	}
	m.Round = fmt.Sprintf("%s to %s", store.Stamp(x.Opened), x.Offered)
	return &Ask{
		Matter: m, People: []string{x.Offered}, Title: exceptionTitle(x), Until: x.Deadline, Facts: exceptionFacts(x), Path: "/exceptions/" + x.ID,
		Says: []string{x.Assignee + " asks you to have it: " + plain(x.Message, 500)},
		Acts: []Act{{"Accept it", "onus exceptions accept " + x.ID}, {"See it", "onus exceptions show " + x.ID}},
	}, nil
}

// rest is who comes after somebody on a route.
func rest(r onus.Route, mail string) []string {
	all := append([]string{r.To}, r.Then...)
	return all[slices.Index(all, mail)+1:]
}

// there gives the first of these people who is not known to have left.
func there(ctx context.Context, r store.Reader, mails []string) ([]string, error) {
	for _, mail := range mails {
		if _, rota := onus.Rota(mail); rota {
			continue // whoever is on duty is the assignee, or not there
		}
		found, err := store.Identities.Find(ctx, r, "mail", mail)
		if err != nil {
			return nil, err
		}
		left := len(found) > 0 && !slices.ContainsFunc(found, func(i onus.Identity) bool { return i.State != onus.Left })
		if mail != "" && !left {
			return []string{mail}, nil
		}
	}
	return nil, nil
}

func exceptionTitle(x onus.Exception) string {
	title := "Exception: "
	if x.Practice {
		title = "Practice, nothing stopped: "
	}
	title += strings.ReplaceAll(string(x.Category), "_", " ")
	switch {
	case x.System != "":
		title += " on " + string(x.System)
	case x.Source != "":
		title += " in source " + string(x.Source)
	}
	if x.Workflow != "" {
		title += " (" + string(x.Workflow) + ")"
	}
	return title
}

func exceptionFacts(x onus.Exception) []Fact {
	return facts("category", string(x.Category), "state", string(x.State), "system", string(x.System), "source", string(x.Source), "workflow", string(x.Workflow), "run", string(x.Run))
}

// facts makes facts of names and values, without those that have none.
func facts(pairs ...string) []Fact {
	var fs []Fact
	for pair := range slices.Chunk(pairs, 2) {
		if pair[1] != "" {
			fs = append(fs, Fact{pair[0], pair[1]})
		}
	}
	return fs
}

// exceptionClosed is news: a ticket can be closed.
func (n *Notifier) exceptionClosed(ctx context.Context, r store.Reader, m onus.Matter) (*Ask, error) {
	x, known, err := store.Exceptions.Lookup(ctx, r, m.ID)
	if err != nil || !known || x.State == onus.ExceptionOpen {
		return nil, err
	}
	m.Round = "closed " + store.Stamp(x.Closed)
	return &Ask{Matter: m, Title: exceptionTitle(x) + ": " + string(x.State), Facts: exceptionFacts(x), Path: "/exceptions/" + x.ID}, nil
}

func (n *Notifier) approval(ctx context.Context, r store.Reader, m onus.Matter) (*Ask, error) {
	v, known, err := store.Approvals.Lookup(ctx, r, m.ID)
	if err != nil || !known || v.State != onus.ApprovalAsked {
		return nil, err
	}
	b, err := engine.BallotOf(ctx, r, v, n.Now(), nil)
	if err != nil {
		return nil, err
	}
	m.Round = "asked"
	then := "then others are asked as well"
	if !v.Climbed.IsZero() {
		m.Round, then = "climbed", "then it is denied"
	}
	a := &Ask{
		Matter: m, People: slices.DeleteFunc(b.Eligible(), b.Answered), Title: fmt.Sprintf("Approval: yes or no to %s of %s", counted(len(v.Changes), "change"), v.Workflow),
		Until: v.Deadline, Then: then, Facts: approvalFacts(v), Path: "/approvals/" + v.ID,
		Acts: []Act{{"See it", "onus approvals show " + v.ID}, {"Yes", "onus approve " + v.ID}, {"No", "onus deny " + v.ID + " --reason WHY"}},
	}
	return a, n.weigh(ctx, r, v, a)
}

// weigh says what is asked, for whom, and whether it is of so little weight
// that a button is enough.
func (n *Notifier) weigh(ctx context.Context, r store.Reader, v onus.Approval, a *Ask) error {
	subject, _, err := store.Identities.Lookup(ctx, r, string(v.Identity))
	if err != nil {
		return err
	}
	who := subject.Login
	if who == "" {
		who = string(v.Identity)
	}
	a.Says = append(a.Says, "For: "+plain(who, 100))
	a.Yes = true
	for _, id := range v.Changes {
		c, err := store.Changes.Get(ctx, r, string(id))
		if err != nil {
			return err
		}
		a.Yes = a.Yes && c.Planned.Sensitivity == onus.Low
		a.Says = append(a.Says, fmt.Sprintf("%s (%s)", plain(planning.Describe(c.Planned), 200), c.Planned.Sensitivity))
	}
	if !a.Yes {
		a.Says = append(a.Says, "Look at it before you answer: it is of more than low weight")
	}
	return nil
}

func approvalFacts(v onus.Approval) []Fact {
	return facts("state", string(v.State), "system", string(v.System), "workflow", string(v.Workflow), "run", string(v.Run))
}

// approvalEnded is news for machines; that silence denied is also for those
// who answer for the workflow, as somebody waits in vain for what it was to give.
func (n *Notifier) approvalEnded(ctx context.Context, r store.Reader, m onus.Matter) (*Ask, error) {
	v, known, err := store.Approvals.Lookup(ctx, r, m.ID)
	if err != nil || !known || v.State == onus.ApprovalAsked {
		return nil, err
	}
	m.Round = "ended"
	a := &Ask{Matter: m, Title: fmt.Sprintf("Approval of %s: %s", v.Workflow, v.State), Facts: approvalFacts(v), Path: "/approvals/" + v.ID}
	silent := v.State == onus.ApprovalDenied && !slices.ContainsFunc(v.Answers, func(by onus.Answer) bool { return !by.Yes })
	if wf := n.Program.Workflows[v.Workflow]; silent && wf != nil {
		a.Title += ", as nobody answered in time"
		a.Acts = []Act{{"See it", "onus approvals show " + v.ID}}
		a.People, err = there(ctx, r, slices.Concat([]string{wf.Owner, wf.Deputy}, n.Program.Organisation.Escalation))
	}
	return a, err
}

func (n *Notifier) duty(ctx context.Context, r store.Reader, m onus.Matter) (*Ask, error) {
	v, known, err := store.Acceptances.Lookup(ctx, r, m.ID)
	if err != nil || !known || v.State != onus.DutyAsked {
		return nil, err
	}
	who, known, err := store.Identities.Lookup(ctx, r, string(v.Person))
	if err != nil || !known || who.State != onus.Active {
		return nil, err // whoever comes after them is asked by an event of their own
	}
	m.Round = "asked " + store.Stamp(v.Asked)
	return &Ask{
		Matter: m, People: []string{who.Mail}, Title: "Duty: will you answer for " + string(v.Duty) + "?", Facts: facts("duty", string(v.Duty)), Path: "/owners",
		Says: []string{"You are named for it. Until somebody accepts, nothing is given by what depends on it"},
		Acts: []Act{{"Yes", "onus owners accept " + string(v.Duty)}, {"No", "onus owners decline " + string(v.Duty) + " --reason WHY"}},
	}, nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
