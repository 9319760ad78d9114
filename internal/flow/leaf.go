package flow

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/onus-id/onus/internal/flow/expr"
)

// The leaves of definitions. Each keeps its place. One that is there but
// wrong was reported when it was read, and is bad: nothing more is said of it.

// text is a text that YAML also takes for one.
type text struct {
	place
	value string
	bad   bool
}

// ok says whether there is a value to go on with.
func (t *text) ok() bool { return t.there() && !t.bad }

func (t *text) read(d *decoder, n *yaml.Node, f *field) {
	t.place, t.bad = d.at(n), true
	if n.Kind != yaml.ScalarNode {
		d.fault(n, f.name+" wants a text", "")
		return
	}
	if kind, ok := notText[n.ShortTag()]; ok {
		d.fault(n, f.name+" wants a text, and YAML reads "+n.Value+" as "+kind, "put it in quotes: "+strconv.Quote(n.Value))
		return
	}
	t.value = n.Value
	if strings.TrimSpace(t.value) == "" {
		d.fault(n, f.name+" is empty", f.doc)
		return
	}
	if f.enum != nil && !slices.Contains(f.enum, t.value) {
		hint := "it is one of " + strings.Join(f.enum, ", ")
		if near := expr.Nearest(t.value, f.enum); near != "" {
			hint = "did you mean " + near + "?"
		}
		d.fault(n, f.name+" cannot be "+oneLine(t.value), hint)
		return
	}
	t.bad = false
}

var notText = map[string]string{
	"!!int": "a number", "!!float": "a number", "!!bool": "true or false", "!!timestamp": "a date", "!!null": "nothing", "!!binary": "bytes",
}

// scalar is any plain value, as it is written: settings have numbers in them.
type scalar struct{ text }

func (s *scalar) read(d *decoder, n *yaml.Node, f *field) {
	s.place, s.bad = d.at(n), true
	switch {
	case n.Kind != yaml.ScalarNode:
		d.fault(n, f.name+" wants one value", "")
	case n.ShortTag() == "!!int" && len(n.Value) > 1 && n.Value[0] == '0':
		d.fault(n, f.name+": YAML reads "+n.Value+" as another number", "put it in quotes: "+strconv.Quote(n.Value))
	default:
		s.value, s.bad = n.Value, false
	}
}

// expression is a text that package expr compiles.
type expression struct{ text }

// flag is true or false.
type flag struct {
	place
	value bool
}

func (b *flag) read(d *decoder, n *yaml.Node, f *field) {
	b.place = d.at(n)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		d.fault(n, f.name+" wants true or false", "")
		return
	}
	b.value = n.Value == "true" || n.Value == "True" || n.Value == "TRUE"
}

// number is a whole number above zero.
type number struct {
	place
	value int
	bad   bool
}

func (i *number) read(d *decoder, n *yaml.Node, f *field) {
	i.place, i.bad = d.at(n), true
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || n.ShortTag() != "!!int" || strconv.Itoa(v) != n.Value {
		d.fault(n, f.name+" wants a whole number", "")
		return
	}
	if v <= 0 {
		d.fault(n, f.name+" cannot be "+n.Value, "it is a number above zero")
		return
	}
	i.value, i.bad = v, false
}

// decimal is a number above zero.
type decimal struct {
	place
	value float64
}

func (x *decimal) read(d *decoder, n *yaml.Node, f *field) {
	x.place = d.at(n)
	v, err := strconv.ParseFloat(n.Value, 64)
	if n.Kind != yaml.ScalarNode || err != nil || n.ShortTag() == "!!str" || !(v > 0) || v > 1e6 {
		d.fault(n, f.name+" wants a number above zero", "")
		return
	}
	x.value = v
}

// span is a duration above zero: a Go duration, with days.
type span struct {
	place
	value time.Duration
	bad   bool
}

func (s *span) read(d *decoder, n *yaml.Node, f *field) {
	s.place, s.bad = d.at(n), true
	v, problem := parseSpan(n.Value)
	if n.Kind != yaml.ScalarNode {
		problem = "is not a duration"
	}
	if problem != "" {
		d.fault(n, f.name+": "+strconv.Quote(oneLine(n.Value))+" "+problem, "write a duration such as 30s, 15m, 8h or 90d")
		return
	}
	s.value, s.bad = v, false
}

const (
	day     = 24 * time.Hour
	maxSpan = 36500 * day
)

var days = regexp.MustCompile(`^(-?[0-9]+)d(.*)$`)

// parseSpan reads a duration, or says what is the matter with the text.
func parseSpan(s string) (v time.Duration, problem string) {
	rest := s
	if m := days.FindStringSubmatch(s); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil || n > int(maxSpan/day) {
			return 0, "is too long"
		}
		v, rest = time.Duration(n)*day, m[2]
	}
	if rest != "" {
		r, err := time.ParseDuration(rest)
		if err != nil {
			return 0, "is not a duration"
		}
		v += r
	}
	switch {
	case v == 0:
		return 0, "is no time at all"
	case v < 0:
		return 0, "is less than nothing"
	case v > maxSpan:
		return 0, "is too long"
	}
	return v, ""
}

// limit is a number in a window: "40 per 1h".
type limit struct {
	place
	value Limit
}

var limitForm = regexp.MustCompile(`^(-?[0-9]+) +per +(\S+)$`)

func (l *limit) read(d *decoder, n *yaml.Node, f *field) {
	const hint = "write a number and a window, as in 40 per 1h"
	l.place = d.at(n)
	m := limitForm.FindStringSubmatch(n.Value)
	if n.Kind != yaml.ScalarNode || m == nil {
		d.fault(n, f.name+": "+strconv.Quote(oneLine(n.Value))+" is not a limit", hint)
		return
	}
	count, err := strconv.Atoi(m[1])
	if err != nil || count <= 0 {
		d.fault(n, f.name+": "+m[1]+" is no limit that work could pass", "to give nothing at all, leave the workflow out")
		return
	}
	per, problem := parseSpan(m[2])
	if problem != "" {
		d.fault(n, f.name+": the window "+strconv.Quote(m[2])+" "+problem, hint)
		return
	}
	l.value = Limit{Max: count, Per: per}
}

// moment is a point in time.
type moment struct {
	place
	value time.Time
}

func (m *moment) read(d *decoder, n *yaml.Node, f *field) {
	m.place = d.at(n)
	v, err := time.Parse(time.RFC3339, n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		d.fault(n, f.name+" wants a time that can be", "write 2026-03-02T09:00:00Z")
		return
	}
	m.value = v
}

// nameShape is one attribute, or several in order.
type nameShape struct {
	place
	parts []text
}

func (s *nameShape) read(d *decoder, n *yaml.Node, f *field) {
	s.place = d.at(n)
	s.parts = readTexts(d, n, f)
}

// stringsShape is a list of texts; one text is a list of one.
type stringsShape struct {
	place
	items []text
}

func (s *stringsShape) read(d *decoder, n *yaml.Node, f *field) {
	s.place = d.at(n)
	s.items = readTexts(d, n, f)
}

func readTexts(d *decoder, n *yaml.Node, f *field) []text {
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = n.Content
	}
	var out []text
	for _, item := range nodes {
		if item, ok := d.resolve(item, 0); ok {
			var t text
			t.read(d, item, f)
			out = append(out, t)
		}
	}
	return out
}
