package intake

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flow/expr"
	"github.com/onus-id/onus/source"
)

// row is one good row, held compactly: a hundred thousand must fit beside
// everything else. Values stand in the order of the schema.
type row struct {
	key    string
	line   int
	values []string

	// What the store knows of the key; filled in by compare.
	identity onus.IdentityID // of the record with this key; empty: there is none
	state    rowState
	rule     string          // the match rule that found the identity
	fresh    bool            // the identity does not exist yet
	former   onus.IdentityID // from whom a person's decision takes the record
}

type rowState uint8

const (
	newKey rowState = iota
	unchanged
	differs
	cameBack // the record was gone
	unusable // it became a badRow after all
)

// badRow is a row that becomes an exception instead of a record.
type badRow struct {
	key      string // empty where the row does not even say that
	line     int
	category onus.Category
	message  string
	hint     string
	seen     map[string]string // what stood there, and candidates; for people
}

// table is a whole read, checked row by row.
type table struct {
	schema *flow.Schema
	taken  source.Taken
	rows   []*row
	byKey  map[string]*row
	bad    []badRow
	twice  int // rows whose key another row has too
	rowsIn int // all rows, bad ones too

	// present holds the keys of bad rows: their records are not gone.
	present map[string]bool
	// blurred: some row's own bounds are in doubt, so a neighbour may have
	// been swallowed: the absence of a key proves nothing.
	blurred bool
}

// readTable reads a feed to its end and checks every row against the schema.
// What it gives is complete even when the read as a whole cannot be believed.
func readTable(ctx context.Context, src *flow.Source, feed source.Source) (*table, error) {
	t := &table{schema: &src.Schema, byKey: map[string]*row{}, present: map[string]bool{}}
	columns := make([]string, len(src.Schema.Attributes))
	for i, a := range src.Schema.Attributes {
		columns[i] = columnOf(&a)
	}
	doubles := map[string][]int{} // lines by key
	taken, err := feed.Read(ctx, func(in source.Row) error {
		t.rowsIn++
		t.add(in, columns, doubles)
		return nil
	})
	t.taken = taken
	t.dropDoubles(doubles)
	return t, err
}

func columnOf(a *flow.Attribute) string {
	if a.Column != "" {
		return a.Column
	}
	return a.Name
}

// add checks one row.
func (t *table) add(in source.Row, columns []string, doubles map[string][]int) {
	key, keyFault := t.keyOf(in)
	if in.Fault != "" {
		if in.Values == nil || key == "" {
			t.blurred = true
		}
		t.reject(key, in.Line, in.Fault, "put the row right in the source", map[string]string{"row": in.Seen})
		return
	}
	if keyFault != "" {
		t.blurred = true // whose row it is nobody knows
		t.reject("", in.Line, keyFault, "export keys as text, not as numbers", in.Values)
		return
	}
	if first, ok := t.byKey[key]; ok {
		if doubles[key] == nil {
			doubles[key] = []int{first.line}
		}
		doubles[key] = append(doubles[key], in.Line)
		return
	}
	r := &row{key: key, line: in.Line, values: make([]string, len(columns))}
	var faults []string
	for i := range t.schema.Attributes {
		a := &t.schema.Attributes[i]
		text, err := Canonical(a, in.Values[columns[i]])
		switch {
		case err != nil:
			faults = append(faults, a.Name+" "+err.Error())
		case text == "" && a.Required:
			faults = append(faults, a.Name+" is missing")
		case a.Name == t.schema.Roles.Person && a.Type == expr.String && readAsNumber(text):
			faults = append(faults, a.Name+" was read as a number")
		}
		r.values[i] = text
	}
	t.byKey[key] = r // bad or not: a second row with this key is a double
	if len(faults) > 0 {
		r.state = unusable
		t.reject(key, in.Line, strings.Join(faults, "; "), "put the record right in the source", in.Values)
		return
	}
	t.rows = append(t.rows, r)
}

// keyOf gives the canonical key of a row, or why it has none.
func (t *table) keyOf(in source.Row) (key, fault string) {
	a := t.schema.Attribute(t.schema.Key)
	if a == nil {
		return "", "the schema names no key"
	}
	key, err := Canonical(a, in.Values[columnOf(a)])
	switch {
	case err != nil:
		return "", "the key " + a.Name + " " + err.Error()
	case key == "":
		return "", "the key " + a.Name + " is missing"
	case a.Type == expr.String && readAsNumber(key):
		return "", "the key " + a.Name + " was read as a number"
	}
	return key, ""
}

func (t *table) reject(key string, line int, what, hint string, seen map[string]string) {
	if key != "" {
		t.present[key] = true
	}
	t.bad = append(t.bad, badRow{
		key: key, line: line, category: onus.InvalidAttribute, hint: hint, seen: seen,
		message: fmt.Sprintf("%s: %s", whichRow(key, line), what),
	})
}

func whichRow(key string, line int) string {
	if key == "" {
		return fmt.Sprintf("the row on line %d cannot be used", line)
	}
	return fmt.Sprintf("record %s (line %d) cannot be used", key, line)
}

// dropDoubles takes out every row whose key stands twice: neither is more
// right than the other.
func (t *table) dropDoubles(doubles map[string][]int) {
	if len(doubles) == 0 {
		return
	}
	for _, lines := range doubles {
		t.twice += len(lines)
	}
	t.bad = slices.DeleteFunc(t.bad, func(b badRow) bool { return doubles[b.key] != nil })
	t.rows = slices.DeleteFunc(t.rows, func(r *row) bool { return doubles[r.key] != nil })
	for key, lines := range doubles {
		t.byKey[key].state = unusable
		t.present[key] = true
		text := make([]string, len(lines))
		for i, l := range lines {
			text[i] = strconv.Itoa(l)
		}
		t.bad = append(t.bad, badRow{
			key: key, line: lines[0], category: onus.DuplicateKey,
			message: fmt.Sprintf("record %s stands in the source %d times, on lines %s", key, len(lines), strings.Join(text, ", ")),
			hint:    "leave one row of each key in the source",
			seen:    map[string]string{"lines": strings.Join(text, ", ")},
		})
	}
	slices.SortStableFunc(t.bad, func(a, b badRow) int { return a.line - b.line })
}

// spoil turns a good row into a bad one.
func (t *table) spoil(r *row, category onus.Category, message, hint string, seen map[string]string) {
	r.state = unusable
	t.present[r.key] = true
	t.bad = append(t.bad, badRow{key: r.key, line: r.line, category: category, message: message, hint: hint, seen: seen})
}

// attributes writes a row as a record has it.
func (t *table) attributes(r *row) onus.Attributes {
	attrs := make(onus.Attributes, len(r.values))
	for i, v := range r.values {
		if v != "" {
			attrs[t.schema.Attributes[i].Name] = v
		}
	}
	return attrs
}

// value gives one attribute of a row by name.
func (t *table) value(r *row, name string) string {
	for i := range t.schema.Attributes {
		if t.schema.Attributes[i].Name == name {
			return r.values[i]
		}
	}
	return ""
}

// same says whether a row says what a record holds.
func (t *table) same(r *row, attrs onus.Attributes) bool {
	n := 0
	for i, v := range r.values {
		if v == "" {
			continue
		}
		n++
		if attrs[t.schema.Attributes[i].Name] != v {
			return false
		}
	}
	return n == len(attrs)
}
