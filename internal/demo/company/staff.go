package company

import (
	"fmt"
	"strings"
)

// A person is one row of the roster.
type person struct {
	no, id, login string
	given, family string
	mail          string
	department    string
	unit, title   string
	grade         int
	manager       string // employee number
	start, end    int    // days from today; noDate: none
	status        string
	lead          bool // has people under them
	named         bool // leads a department, or a definition names them
	dropped       bool // HR took the row out of the file
}

// The values of status.
const (
	active = "active"
	leave  = "leave" // on leave: still one of us
	gone   = "left"
)

// A staff is the roster while the days pass over it.
type staff struct {
	all   []*person
	next  int             // of the names, numbers and ids given out
	taken map[string]bool // numbers of people whom the story has used
	// sponsor answers for two service accounts, and leaves on the busy day.
	sponsor *person
	story   []told
}

// firstStaff is everybody on the first day: about two hundred people.
func firstStaff() *staff {
	s := &staff{taken: map[string]bool{}}
	heads := map[string]*person{}
	for _, c := range theCast {
		p := s.hire(c.department, c.unit, c.title, c.grade, s.numberOf(c.manager))
		p.login, p.given, p.family, p.mail = c.login, c.given, c.family, Mail(c.login)
		p.start, p.lead, p.named = -3000+40*len(s.all), true, true
		if heads[c.department] == nil {
			heads[c.department] = p
		}
	}
	for _, d := range departments {
		s.fill(d, heads[d.name])
	}
	for i, p := range s.filter(func(p *person) bool { return !p.lead && p.grade == 1 }) {
		if i%14 == 5 { // they left long ago, and stay on file
			p.status, p.end = gone, -60-i
		}
	}
	for i, p := range s.filter(func(p *person) bool { return !p.lead && p.status == active }) {
		if i%80 == 41 {
			p.status = leave
		}
	}
	s.sponsor = s.pick(of(it, 3))
	return s
}

// fill hires a department's people: a lead for every eight, and contractors
// where there are many hands.
func (s *staff) fill(d department, head *person) {
	var lead *person
	for i := range d.size {
		unit := d.units[i%len(d.units)]
		if i%8 == 0 {
			lead = s.hire(d.name, unit, d.name+" Team Lead", 5, head.no)
			lead.lead = true
			continue
		}
		grade := 1 + (i*i+i/8)%4
		p := s.hire(d.name, unit, d.titles[grade-1], grade, lead.no)
		if (d.name == engineering || d.name == operations || d.name == it) && i%11 == 7 {
			p.title, p.end, p.start = "Contractor, "+p.title, 40+3*i, -120-i
		}
	}
}

// hire adds a person with a name of their own.
func (s *staff) hire(department, unit, title string, grade int, manager string) *person {
	p := &person{
		given: givenNames[s.next%len(givenNames)], family: familyNames[s.next*7%len(familyNames)],
		no: fmt.Sprintf("%06d", 1001+3*s.next), id: fmt.Sprintf("P-%05d", 20011+17*s.next),
		department: department, unit: unit, title: title, grade: grade, manager: manager,
		start: -400 - s.next*131%3100, end: noDate, status: active,
	}
	s.next++
	p.login = strings.ToLower(p.given + "." + p.family)
	p.mail = Mail(p.login)
	s.all = append(s.all, p)
	return p
}

// join hires somebody who starts so many days from today.
func (s *staff) join(department, unit, title string, grade, start int, manager string) *person {
	p := s.hire(department, unit, title, grade, manager)
	p.start = start
	return p
}

func (s *staff) filter(want func(*person) bool) []*person {
	var out []*person
	for _, p := range s.all {
		if want(p) {
			out = append(out, p)
		}
	}
	return out
}

// pick gives the first active person of a kind whom the story has not used
// yet. Whom a definition names is never picked.
func (s *staff) pick(want func(*person) bool) *person {
	for _, p := range s.all {
		if p.status == active && !p.named && !s.taken[p.no] && want(p) {
			s.taken[p.no] = true
			return p
		}
	}
	panic("company: the story asks for somebody whom the company does not have")
}

// of gives the condition of a plain employee in a department and grade.
func of(department string, grade int) func(*person) bool {
	return func(p *person) bool {
		return p.department == department && p.grade == grade && !p.lead && p.end == noDate
	}
}

func (s *staff) byLogin(login string) *person {
	for _, p := range s.all {
		if p.login == login {
			return p
		}
	}
	return nil
}

func (s *staff) numberOf(login string) string {
	if p := s.byLogin(login); p != nil {
		return p.no
	}
	return ""
}

// leadOf gives the number of the first lead of a department below its head.
func (s *staff) leadOf(department string) string {
	for _, p := range s.all {
		if p.department == department && p.lead && !p.named {
			return p.no
		}
	}
	return s.byLogin(theCast[0].login).no
}
