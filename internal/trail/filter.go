package trail

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/ledger"
)

// A Filter selects events; its conditions are joined by "and". The zero
// Filter selects all.
type Filter struct {
	Person   string // who it is about or who acted: an ID once resolved
	Owner    string // who answers: an ID once resolved
	Kind     string // of the object
	Object   string // its ID, with Kind
	Workflow string // its name, or name@version
	Type     string // a type, or "change.*" for all of a group
	Since    time.Time
	Until    time.Time // not included
}

// ParseFilter reads conditions of the form name=value: person, owner, object
// (kind, or kind/id), workflow (name, or name@version), type (one, or
// "change.*"), since and until (a date, a time, or how long ago: 36h, 7d).
func ParseFilter(terms []string, now time.Time) (Filter, error) {
	var f Filter
	for _, term := range terms {
		name, value, ok := strings.Cut(term, "=")
		if !ok || value == "" {
			return f, onus.Errorf(onus.Invalid, "write it as name=value", "%q is not a condition", term)
		}
		if err := set(&f, name, value, now); err != nil {
			return f, err
		}
	}
	if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return f, onus.Errorf(onus.Invalid, "since comes before until", "no event lies between %s and %s", stamp(f.Since), stamp(f.Until))
	}
	return f, nil
}

func set(f *Filter, name, value string, now time.Time) error {
	var err error
	switch name {
	case "person":
		f.Person = value
	case "owner":
		f.Owner = value
	case "object":
		f.Kind, f.Object, _ = strings.Cut(value, "/")
	case "workflow":
		f.Workflow = value
	case "type":
		f.Type = value
		if !knowsType(value) {
			return onus.Errorf(onus.Invalid, "docs/ledger-events.md lists them; 'change.*' takes all of a group", "there is no type of event %q", value)
		}
	case "since":
		f.Since, err = parseTime(value, now)
	case "until":
		f.Until, err = parseTime(value, now)
	default:
		return onus.Errorf(onus.Invalid, "person, owner, object, workflow, type, since or until", "events have no %q to select by", name)
	}
	return err
}

func knowsType(want string) bool {
	for typ := range ledger.Types {
		if matchesType(want, string(typ)) {
			return true
		}
	}
	return false
}

func matchesType(want, typ string) bool {
	if group, all := strings.CutSuffix(want, ".*"); all {
		return strings.HasPrefix(typ, group+".")
	}
	return want == typ
}

// parseTime reads a time as people write it. A date is its first moment, UTC.
func parseTime(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	const day, longest = 24 * time.Hour, 200 * 365
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 32); err == nil && n <= longest {
			return now.Add(-time.Duration(n) * day).UTC(), nil
		}
	} else if d, err := time.ParseDuration(text); err == nil && d >= 0 && d <= longest*day {
		return now.Add(-d).UTC(), nil
	}
	return time.Time{}, onus.Errorf(onus.Invalid, "as in 2026-03-02, 2026-03-02T09:00:00Z, or 36h or 7d for how long ago", "%q is no time", text)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// A screen drops most leaves that a filter does not select by their bytes
// alone, without reading them as JSON. What it lets through must still be
// looked at.
type screen struct {
	all          [][]byte // that a leaf must have
	since, until time.Time
}

func (f Filter) screen() screen {
	s := screen{since: f.Since, until: f.Until}
	must := func(name, value, end string) {
		if value != "" {
			s.all = append(s.all, []byte(`"`+name+`":"`+escaped(value)+end))
		}
	}
	must("owner", f.Owner, `"`)
	must("kind", f.Kind, `"`)
	must("id", f.Object, `"`)
	switch group, all := strings.CutSuffix(f.Type, ".*"); {
	case all:
		must("type", group, ".")
	default:
		must("type", f.Type, `"`)
	}
	if strings.Contains(f.Workflow, "@") {
		must("workflow", f.Workflow, `"`)
	} else {
		must("workflow", f.Workflow, "@")
	}
	return s
}

// escaped writes a text as it stands in a leaf between its quotes.
func escaped(text string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		return text
	}
	// RFC 8785 leaves U+2028 and U+2029 as they are; package json does not.
	out := strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(strings.TrimSuffix(b.String(), "\n"))
	return out[1 : len(out)-1]
}

var timeField = []byte(`,"time":"`)

// passes says whether a leaf may be selected.
func (s screen) passes(leaf []byte) bool {
	for _, part := range s.all {
		if !bytes.Contains(leaf, part) {
			return false
		}
	}
	if s.since.IsZero() && s.until.IsZero() {
		return true
	}
	// The last one is the leaf's own: what notes it has come before it, and
	// within a text the quotes would be escaped.
	at := bytes.LastIndex(leaf, timeField)
	if at < 0 {
		return true // to be looked at
	}
	text, _, _ := bytes.Cut(leaf[at+len(timeField):], []byte(`"`))
	t, err := time.Parse(time.RFC3339Nano, string(text))
	return err != nil || s.within(t)
}

func (s screen) within(t time.Time) bool {
	return (s.since.IsZero() || !t.Before(s.since)) && (s.until.IsZero() || t.Before(s.until))
}

// Selects says whether an event about that subject is selected.
func (f Filter) Selects(e ledger.Event, subject string) bool {
	name, _, _ := strings.Cut(e.Workflow, "@")
	switch {
	case f.Owner != "" && e.Owner != f.Owner,
		f.Kind != "" && e.Object.Kind != f.Kind,
		f.Object != "" && e.Object.ID != f.Object,
		f.Type != "" && !matchesType(f.Type, string(e.Type)),
		f.Workflow != "" && !slices.Contains([]string{name, e.Workflow}, f.Workflow),
		!(screen{since: f.Since, until: f.Until}).within(e.Time):
		return false
	case f.Person == "":
		return true
	}
	return subject == f.Person || e.Actor == "person:"+f.Person || e.Notes["subject"] == f.Person
}
