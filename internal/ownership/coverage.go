package ownership

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// A Problem is what is wrong with how a duty is covered.
type Problem string

// The problems of coverage, the worst first.
const (
	Unowned     Problem = "nobody"       // nobody stands; what needs the duty waits
	Lapsed      Problem = "lapsed"       // somebody else stands since the owner's acceptance ended
	Unreachable Problem = "unreachable"  // the named owner is not there to answer
	Declined    Problem = "declined"     // the named owner said no
	Unaccepting Problem = "not accepted" // the named owner has not accepted, and stands because nobody ever did
	Ending      Problem = "ends soon"
	Shallow     Problem = "short path" // fewer than two further people come after the owner
	TooMuch     Problem = "too much"   // one person answers for very much
)

var gravity = []Problem{Unowned, Lapsed, Unreachable, Declined, Unaccepting, Ending, Shallow, TooMuch}

// A Gap is a problem with one duty, or with all duties of one person.
type Gap struct {
	Problem Problem     `json:"problem"`
	Duty    onus.DutyID `json:"duty,omitempty"`
	Person  string      `json:"person,omitempty"`
	Says    string      `json:"says"`
}

// A SharedWorkflow reaches over several business units: one control owner
// answers for the whole, and the path up from there is written down.
type SharedWorkflow struct {
	Workflow onus.WorkflowName `json:"workflow"`
	Units    []string          `json:"units"`
	Control  string            `json:"control"` // mail of who stands as the designated control owner
	Path     []string          `json:"path"`
}

// A Coverage says how well duties are answered for.
type Coverage struct {
	Duties   int              `json:"duties"`
	Stood    int              `json:"stood"`    // that somebody stands for
	Accepted int              `json:"accepted"` // … who has accepted
	Gaps     []Gap            `json:"gaps"`     // the worst first
	Shared   []SharedWorkflow `json:"shared,omitempty"`
}

// most is for how many duties one person can stand before it is too much:
// who answers for everything answers for nothing.
const most = 12

// further is how many people rule 1 wants behind an owner.
const further = 2

// Cover judges how the duties are covered.
func (f *Facts) Cover(p *flow.Program) Coverage {
	c := Coverage{Duties: len(f.Duties), Gaps: []Gap{}}
	load := map[string]int{}
	for _, st := range f.All() {
		if st.Stands() {
			c.Stood++
			load[st.Seat.Mail]++
		}
		if st.Accepted() {
			c.Accepted++
		}
		c.Gaps = append(c.Gaps, f.gaps(st)...)
	}
	for _, mail := range sortedKeys(load) {
		if n := load[mail]; n > most {
			c.Gaps = append(c.Gaps, Gap{Problem: TooMuch, Person: mail, Says: fmt.Sprintf("%s answers for %d of %d duties", mail, n, len(f.Duties))})
		}
	}
	slices.SortStableFunc(c.Gaps, func(a, b Gap) int {
		return cmp.Compare(slices.Index(gravity, a.Problem), slices.Index(gravity, b.Problem))
	})
	for _, name := range sortedKeys(p.Workflows) {
		if s, is := f.shared(p, p.Workflows[name]); is {
			c.Shared = append(c.Shared, s)
		}
	}
	return c
}

func (f *Facts) gaps(st Standing) []Gap {
	var all []Gap
	d := st.Duty
	gap := func(p Problem, format string, args ...any) {
		all = append(all, Gap{Problem: p, Duty: d.ID, Person: d.Owner(), Says: d.Says() + ": " + fmt.Sprintf(format, args...)})
	}
	owner, _ := f.who(d.Owner())
	a := f.Acceptances[d.ID][owner.ID]
	switch {
	case !st.Stands() && st.Next.Mail == "":
		gap(Unowned, "%s %s, and nobody is left to ask", d.Owner(), st.Why)
	case !st.Stands():
		gap(Unowned, "%s %s; %s (%s) is asked", d.Owner(), st.Why, st.Next.Mail, st.Next.As)
	case f.absent(d.Owner()) != "":
		gap(Unreachable, "%s %s; %s (%s) stands", d.Owner(), st.Why, st.Seat.Mail, st.Seat.As)
	case a.State == onus.DutyDeclined:
		gap(Declined, "%s declined; %s (%s) stands", d.Owner(), st.Seat.Mail, st.Seat.As)
	case !strings.EqualFold(st.Seat.Mail, d.Owner()):
		gap(Lapsed, "%s %s; %s (%s) stands", d.Owner(), st.Why, st.Seat.Mail, st.Seat.As)
	case !st.Accepted():
		gap(Unaccepting, "%s has not accepted", d.Owner())
	}
	if st.Accepted() && !f.At.Before(st.Until.Add(-f.renewal())) {
		gap(Ending, "the acceptance of %s ends on %s", st.Seat.Mail, f.date(st.Until))
	}
	if ruleOne := []onus.Duty{onus.WorkflowOwner, onus.DataOwner, onus.SystemOwner, onus.ProvisioningControl, onus.RevocationControl, onus.ExceptionsControl}; slices.Contains(ruleOne, d.Kind) && len(d.Chain) <= further {
		gap(Shallow, "%d come after %s, and at least %d should", len(d.Chain)-1, d.Owner(), further)
	}
	return all
}

func (f *Facts) shared(p *flow.Program, wf *flow.Workflow) (SharedWorkflow, bool) {
	units := Units(p, wf)
	if len(units) < 2 {
		return SharedWorkflow{}, false
	}
	d, designated := f.Duty(onus.DutyID(designatedDuty + string(wf.Name)))
	if !designated {
		d, _ = f.Duty(onus.DutyID(exceptionsDuty + string(wf.Name)))
	}
	s := SharedWorkflow{Workflow: wf.Name, Units: units, Control: f.Who(d).Seat.Mail}
	for _, seat := range d.Chain {
		if !strings.EqualFold(seat.Mail, s.Control) {
			s.Path = append(s.Path, seat.Mail)
		}
	}
	return s, true
}

// A Line is a duty as a list shows it.
type Line struct {
	ID       onus.DutyID `json:"id"`
	Duty     onus.Duty   `json:"duty"`
	Of       string      `json:"of"`
	Owner    string      `json:"owner"` // as named
	Stands   string      `json:"stands,omitempty"`
	As       string      `json:"as,omitempty"`
	Accepted bool        `json:"accepted"`
	Until    time.Time   `json:"until,omitzero"`
	Why      string      `json:"why,omitempty"`   // the named owner does not stand
	Asked    string      `json:"asked,omitempty"` // whom it waits for
	Path     []string    `json:"path"`            // who comes after the owner
}

// Lines lists every duty.
func (f *Facts) Lines() []Line {
	all := make([]Line, 0, len(f.Duties))
	for _, st := range f.All() {
		all = append(all, st.line())
	}
	return all
}

func (s Standing) line() Line {
	l := Line{
		ID: s.Duty.ID, Duty: s.Duty.Kind, Of: s.Duty.Of, Owner: s.Duty.Owner(),
		Stands: s.Seat.Mail, As: s.Seat.As, Accepted: s.Accepted(), Until: s.Until, Why: s.Why, Asked: s.Next.Mail, Path: []string{},
	}
	for _, seat := range s.Duty.Chain[1:] {
		l.Path = append(l.Path, seat.Mail)
	}
	return l
}

// Open lists the duties that a person is to answer: those that they are named
// the owner or the deputy of, or were asked for, and have not accepted; to
// renew, those that they have.
func (f *Facts) Open(act, person string) []onus.DutyID {
	who, known := f.who(person)
	if !known || who.ID == "" {
		return nil
	}
	var all []onus.DutyID
	for _, d := range slices.Concat(f.Duties, f.Proposed) {
		if slices.Contains(all, d.ID) {
			continue
		}
		seat, named := d.seat(person)
		a := f.Acceptances[d.ID][who.ID]
		mine := seat.As == AsOwner || seat.As == AsDeputy || !a.Asked.IsZero()
		switch {
		case !named:
		case act == Renews && (a.State == onus.DutyAccepted || a.State == onus.DutyLapsed && !a.At.IsZero()):
			all = append(all, d.ID)
		case act != Renews && mine && !a.Holds(f.At) && a.State != onus.DutyDeclined:
			all = append(all, d.ID)
		}
	}
	return all
}
