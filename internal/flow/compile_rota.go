package flow

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/rota"
)

// commonShare is the share of exceptions from which on the exception path is
// the production path, where nobody says otherwise.
var commonShare = Share{Percent: 20, Least: 5, Over: 30 * day}

func (c *compiler) share(s shareShape, usual Share) Share {
	if s.Percent.there() && !s.Percent.bad {
		usual.Percent = s.Percent.value
		if usual.Percent > 100 {
			c.fault(s.Percent.place, "no share is above 100 percent", "")
		}
	}
	if s.Least.there() && !s.Least.bad {
		usual.Least = s.Least.value
	}
	if s.Over.there() && !s.Over.bad {
		usual.Over = s.Over.value
		if usual.Over > 366*day {
			c.fault(s.Over.place, "that is longer than anybody looks back", "at most 366d")
		}
	}
	return usual
}

// zone gives the time zone of a name, or nil.
func (c *compiler) zone(t text) *time.Location {
	if !t.ok() {
		return nil
	}
	zone, err := time.LoadLocation(t.value)
	if err != nil || t.value == "Local" {
		c.fault(t.place, "unknown time zone "+oneLine(t.value), "write a name such as Europe/Berlin")
		return nil
	}
	return zone
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// hours compiles when people are at work.
func (c *compiler) hours(s *organisationShape) {
	o := &c.program.Organisation
	o.Hours, o.Zones = map[string]rota.Hours{}, map[string]*time.Location{}
	for _, e := range s.Zones.entries {
		c.person(e.key, "person of a time zone")
		if zone := c.zone(e.value); zone != nil {
			o.Zones[strings.ToLower(e.key.value)] = zone
		}
	}
	for _, e := range s.Hours.entries {
		zone := c.zone(e.key)
		if zone == nil {
			continue
		}
		h := rota.OfficeHours(zone)
		if len(e.value.Days) > 0 {
			h.Days = [7]bool{}
		}
		for _, d := range e.value.Days {
			if i := slices.Index(weekdays, d.value); i >= 0 {
				h.Days[i] = true
			}
		}
		h.From, h.Until = c.timeOfDay(e.value.From, h.From), c.timeOfDay(e.value.Until, h.Until)
		if h.From >= h.Until {
			c.fault(e.key.place, "the hours in "+zone.String()+" end before they begin", "")
		}
		h.Off = map[string]bool{}
		for _, d := range e.value.Off {
			if _, err := time.Parse(time.DateOnly, d.value); d.ok() && err != nil {
				c.fault(d.place, "not a date: "+oneLine(d.value), "write 2026-12-25")
			}
			h.Off[d.value] = true
		}
		o.Hours[zone.String()] = h
	}
}

// timeOfDay gives minutes after midnight.
func (c *compiler) timeOfDay(t text, usual int) int {
	if !t.ok() {
		return usual
	}
	if t.value == "24:00" {
		return 24 * 60
	}
	at, err := time.Parse("15:04", t.value)
	if err != nil {
		c.fault(t.place, "not a time of day: "+oneLine(t.value), `write "09:00"`)
		return usual
	}
	return at.Hour()*60 + at.Minute()
}

// HoursOf gives when somebody is at work: in the zone that their record says,
// or the organisation for them, or that of the organisation.
func (o *Organisation) HoursOf(mail, recorded string) rota.Hours {
	zone := o.Zone
	if z := o.Zones[strings.ToLower(mail)]; z != nil {
		zone = z
	}
	if recorded != "" && recorded != "Local" {
		if z, err := time.LoadLocation(recorded); err == nil {
			zone = z
		}
	}
	if zone == nil {
		zone = time.UTC
	}
	if h, ok := o.Hours[zone.String()]; ok {
		return h
	}
	return rota.OfficeHours(zone)
}

// clock gives what a route says of time.
func (c *compiler) clock(s routeShape) onus.Route {
	if s.Snooze.there() && s.Snooze.value > onus.MostSnooze {
		c.fault(s.Snooze.place, "an exception cannot be put off for "+oneLine(s.Snooze.node.Value), "at most 7d in all")
	}
	return onus.Route{Within: s.Within.value, Resolve: s.Resolve.value, Snooze: s.Snooze.value, Working: s.Hours.value == "working"}
}

// asked notes whom a route names: a person, or whoever a rota has on duty.
func (c *compiler) asked(t text, what string) {
	name, ok := onus.Rota(t.value)
	switch {
	case !ok:
		c.person(t, what)
	case c.program.Rotas[name] == nil:
		known := sortedKeys(c.program.Rotas)
		named := t
		named.value = name
		c.unknown("Rota", named, known)
	}
}

// rota compiles a rota with its calendar.
func (c *compiler) rota(s *rotaShape) {
	if !c.name("rota", s.Name, c.program.Rotas[s.Name.value] != nil) {
		return
	}
	file, line := s.doc.file, s.Name.line()
	r := &rota.Rota{Name: s.Name.value, File: file, Line: line}
	c.program.Rotas[r.Name] = r
	zone := c.program.Organisation.Zone
	if z := c.zone(s.Zone); z != nil {
		zone = z
	}
	for _, sh := range s.Shifts {
		if !sh.Person.ok() || !sh.From.ok() || !sh.Until.ok() {
			continue
		}
		shift, problem := rota.NewShift(sh.Person.value, sh.From.value, sh.Until.value, zone)
		if problem != "" {
			c.fault(sh.place, problem, `write from: "2026-03-02 09:00", until: "2026-03-09 09:00"`)
			continue
		}
		shift.File, shift.Line = file, sh.line()
		c.onDuty(r, shift, sh.Person)
	}
	if s.Calendar.ok() {
		c.calendar(r, s, zone)
	}
	if !s.Calendar.there() && len(s.Shifts) == 0 {
		c.fault(s.place, s.noun()+" has nobody on duty at any time", "add shifts, or the calendar that has them")
	}
}

// calendar reads the file that a rota names.
func (c *compiler) calendar(r *rota.Rota, s *rotaShape, zone *time.Location) {
	at := path.Join(path.Dir(s.doc.file), s.Calendar.value)
	i := slices.IndexFunc(c.program.Files, func(f File) bool { return f.Path == at })
	if i < 0 || !isCalendar(at) {
		c.fault(s.Calendar.place, "there is no calendar "+oneLine(s.Calendar.value)+" beside this file", "name an iCalendar file (*.ics) or a table (*_rota.csv)")
		return
	}
	reads := rota.ReadCSV
	if strings.HasSuffix(at, ".ics") {
		reads = rota.ReadICalendar
	}
	shifts, faults := reads(c.program.Files[i].Text, zone)
	for _, f := range faults {
		c.report(Fault{File: at, Line: f.Line, Col: 1, Message: f.Message, Hint: f.Hint})
	}
	doc := &document{file: at}
	for _, shift := range shifts {
		shift.File = at
		c.onDuty(r, shift, text{place: place{doc, &yaml.Node{Line: shift.Line, Column: 1}}, value: shift.Person})
	}
}

func (c *compiler) onDuty(r *rota.Rota, s rota.Shift, person text) {
	what := "person on duty by rota " + r.Name
	if c.address(person, "the "+what) {
		c.shifts = append(c.shifts, duty{person, what})
		r.Shifts = append(r.Shifts, s)
	}
}

// Coming looks at the rotas for a stretch of time to come, and says when
// nobody is on duty, and who is on duty and should not be.
func (p *Program) Coming(roster Roster, from, until time.Time) Faults {
	var found Faults
	for _, name := range sortedKeys(p.Rotas) {
		r := p.Rotas[name]
		for _, g := range r.Gaps(from, until) {
			found = append(found, Fault{
				File: r.File, Line: r.Line, Col: 1, Hint: "until then exceptions go to the next of their route",
				Message: fmt.Sprintf("nobody is on duty by rota %s from %s until %s", name, g.From.UTC().Format(time.RFC3339), g.Until.UTC().Format(time.RFC3339)),
			})
		}
		if roster == nil {
			continue
		}
		for _, s := range r.Within(from, until) {
			d := duty{text{place: place{&document{file: s.File}, &yaml.Node{Line: s.Line, Column: 1}}, value: s.Person}, "person on duty by rota " + name}
			if f, bad := d.check(&p.Organisation, roster); bad {
				found = append(found, f)
			}
		}
	}
	return found.sorted()
}
