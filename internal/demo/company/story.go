package company

import (
	"fmt"
	"strings"

	"github.com/onus-id/onus"
)

// An Event is one thing that a day brings: what HR or the register wrote,
// and what ought to come of it.
type Event struct {
	Kind     onus.OccasionKind // what happened; empty: the record is at fault
	Category onus.Category     // the exception that it must end in; empty: none
	Nonhuman bool
	Key      string // of the row: employee number, or id in the register
	Login    string
	Says     string // one sentence for people
}

// Story tells what a day brings, in the order in which it is told. The first
// day brings everybody, and so has no story. The bad evening brings one event
// besides those of the bad day.
func Story(day int) []Event {
	s, r := staffOf(day), registerOf(day)
	var out []Event
	for _, e := range append(s.story, r.story...) {
		if e.day == day {
			out = append(out, e.Event)
		}
	}
	return out
}

// told is an event and the day that brings it.
type told struct {
	Event
	day int
}

// staffOf gives the roster as it stands on a day.
func staffOf(day int) *staff {
	s := firstStaff()
	if day >= BusyDay {
		s.busyDay()
	}
	if day >= BadDay {
		s.badDay()
	}
	if day >= BadEvening {
		s.badEvening()
	}
	return s
}

func (s *staff) tell(day int, kind onus.OccasionKind, p *person, format string, args ...any) {
	s.story = append(s.story, told{Event{Kind: kind, Key: p.no, Login: p.login, Says: p.name() + " " + fmt.Sprintf(format, args...)}, day})
}

func (s *staff) complain(day int, category onus.Category, p *person, says string) {
	s.story = append(s.story, told{Event{Category: category, Key: p.no, Login: p.login, Says: says}, day})
}

// busyDay is a day of joiners, movers and leavers.
func (s *staff) busyDay() {
	const day = BusyDay
	join := func(department, unit, title string, grade, start int) *person {
		return s.join(department, unit, title, grade, start, s.leadOf(department))
	}
	for range 2 {
		p := join(engineering, instruments, "Engineer", 2, 0)
		s.tell(day, onus.Joined, p, "joins Engineering")
	}
	p := join(finance, corporate, "Accountant", 2, 0)
	s.tell(day, onus.Joined, p, "joins Finance, and so reads the ledger and enters postings")
	p = join(finance, corporate, "Group Accountant", 4, 0)
	s.tell(day, onus.Joined, p, "joins Finance at grade 4: releasing payments waits for two approvals")
	p = join(sales, services, "Account Manager", 2, 0)
	s.tell(day, onus.Joined, p, "joins Sales")
	p = join(it, corporate, "Contractor, Systems Engineer", 2, 0)
	p.end = 90
	s.tell(day, onus.Joined, p, "joins IT as a contractor for 90 days")
	p = join(operations, services, "Operator", 1, 30)
	s.tell(day, onus.Joined, p, "joins Operations in 30 days: nothing is due before")

	old := s.rehired()
	p = join(old.department, old.unit, "Operator", 1, 0)
	p.id, p.given, p.family, p.login, p.mail = old.id, old.given, old.family, old.login, old.mail
	s.tell(day, onus.Returned, p, "comes back under a new number: the same person, none of the old grants")

	s.moves(day)
	s.departures(day)
}

func (s *staff) rehired() *person {
	return s.filter(func(p *person) bool { return p.status == gone && p.department == operations })[0]
}

func (s *staff) moves(day int) {
	p := s.pick(of(sales, 3))
	p.department, p.unit, p.title, p.manager = finance, corporate, "Senior Accountant", s.leadOf(finance)
	s.tell(day, onus.Moved, p, "moves from Sales to Finance: the sales group goes, the ledger comes")
	p = s.pick(of(finance, 2))
	p.department, p.unit, p.title, p.manager = sales, services, "Account Manager", s.leadOf(sales)
	s.tell(day, onus.Moved, p, "moves from Finance to Sales: what the ledger gave is taken away")
	p = s.pick(of(finance, 3))
	p.grade, p.title = 4, "Group Accountant"
	s.tell(day, onus.Moved, p, "is promoted to grade 4: releasing payments waits for two approvals")
	p = s.pick(func(p *person) bool { return of(engineering, 2)(p) && p.unit == instruments })
	p.unit = services
	s.tell(day, onus.Moved, p, "moves from Instruments to Services")
	p = s.pick(of(operations, 3))
	p.department, p.unit, p.title, p.manager = it, corporate, "Senior Systems Engineer", s.leadOf(it)
	s.tell(day, onus.Moved, p, "moves from Operations to IT")

	p = s.pick(of(people, 2))
	was := p.name()
	p.family = "Brandt"
	p.mail = Mail(strings.ToLower(p.given + "." + p.family))
	s.tell(day, onus.Changed, p, "was %s: name and mail change, the login stays", was)
	p = s.pick(func(p *person) bool { return p.department == engineering && p.end != noDate })
	p.end += 180
	s.tell(day, onus.Changed, p, "has a contract that goes on for another 180 days")
}

func (s *staff) departures(day int) {
	for _, from := range []func(*person) bool{of(engineering, 2), of(finance, 2)} {
		p := s.pick(from)
		p.status, p.end = gone, -1
		s.tell(day, onus.Departed, p, "leaves %s", p.department)
	}
	p := s.pick(of(sales, 2))
	p.dropped = true
	s.tell(day, onus.Departed, p, "leaves Sales, and HR takes the row out of the file")
	p = s.pick(func(p *person) bool { return p.department == operations && p.end != noDate })
	p.end = -1
	s.tell(day, onus.Departed, p, "had a contract that ended yesterday, and nobody wrote that they left")
	p = s.sponsor
	p.status, p.end = gone, -1
	s.tell(day, onus.Departed, p, "leaves IT, and two service accounts still name them as sponsor")
}

// badDay is a day on which HR's file is whole and wrong.
func (s *staff) badDay() {
	const day = BadDay
	p := s.join(engineering, instruments, "Technician", 1, 0, s.leadOf(engineering))
	s.tell(day, onus.Joined, p, "joins Engineering: nothing is wrong here")

	same := s.pick(of(operations, 2))
	p = s.join(same.department, same.unit, same.title, same.grade, 0, same.manager)
	p.id = "" // nobody has looked yet who this is
	p.given, p.family, p.login, p.mail = same.given, same.family, same.login+"2", same.mail
	s.complain(day, onus.WeakMatch, p, fmt.Sprintf("%s is on the roster twice, as %s and as %s without a person's number: one mail address, and nobody may guess", p.name(), same.no, p.no))

	p = s.join(sales, services, "Sales Assistant", 1, 0, "009999")
	s.complain(day, onus.InvalidAttribute, p, p.name()+" joins Sales under a manager whom nobody knows")

	first := s.pick(of(sales, 1))
	p = s.join(sales, services, "Sales Assistant", 1, 0, s.leadOf(sales))
	p.no = first.no
	s.complain(day, onus.DuplicateKey, p, fmt.Sprintf("%s and %s are both employee %s", first.name(), p.name(), p.no))
}

// badEvening comes after: the owner of a system leaves.
func (s *staff) badEvening() {
	p := s.byLogin(leavingOwner)
	p.status, p.end = gone, -1
	s.tell(BadEvening, onus.Departed, p, "leaves, and finance-ledger has no owner: nothing more is granted there, what must go still goes")
}

func (p *person) name() string { return p.given + " " + p.family }
