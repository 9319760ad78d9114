package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// ParseLeaf reads a leaf. It accepts exactly the bytes that Leaf writes: one
// event has one form, so nothing can hide in another. That this form is the
// one of RFC 8785 is held against another implementation by the tests.
func ParseLeaf(leaf []byte) (Event, error) {
	if len(leaf) > MaxLeaf {
		return Event{}, fmt.Errorf("the leaf is %d bytes; %d are allowed", len(leaf), MaxLeaf)
	}
	if e, ok := read(leaf); ok {
		return e, nil
	}
	return decode(leaf)
}

// decode reads a leaf by parsing any JSON and writing the event again: what
// ParseLeaf means, and where it learns to say what is wrong.
func decode(leaf []byte) (Event, error) {
	var e Event
	d := json.NewDecoder(bytes.NewReader(leaf))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return e, fmt.Errorf("the leaf is not an event: %w", err)
	}
	again, err := e.Leaf()
	if err != nil {
		return e, err
	}
	if !bytes.Equal(again, leaf) {
		return e, errors.New("the leaf is not in the form in which events are written")
	}
	return e, nil
}

// read reads a leaf in one pass, and knows only the form that Leaf writes:
// each text in the one way it can be written, the fields in their one order.
// It takes what decode takes and nothing else, in a tenth of the time; the
// tests hold one against the other.
func read(leaf []byte) (Event, bool) {
	var e Event
	if !utf8.Valid(leaf) {
		return e, false
	}
	r := reader{rest: string(leaf), ok: true}
	r.want(`{"actor":`)
	e.Actor = r.text()
	e.After = r.optional(`,"after":`)
	e.Before = r.optional(`,"before":`)
	e.Cause = r.optional(`,"cause":`)
	r.want(`,"id":`)
	e.ID = r.text()
	if r.take(`,"inputs":[`) {
		e.Inputs = r.list()
	}
	if r.take(`,"notes":{`) {
		e.Notes = r.notes()
	}
	r.want(`,"object":{"id":`)
	e.Object.ID = r.text()
	r.want(`,"kind":`)
	e.Object.Kind = r.text()
	r.want(`,"version":`)
	e.Object.Version = r.number()
	r.want(`}`)
	e.Owner = r.optional(`,"owner":`)
	e.Rule = r.optional(`,"rule":`)
	r.want(`,"time":`)
	e.Time = r.time()
	r.want(`,"type":`)
	e.Type = Type(r.text())
	r.want(`,"v":`)
	e.Version = r.text()
	e.Workflow = r.optional(`,"workflow":`)
	r.want(`}`)
	return e, r.ok && r.rest == "" && e.check() == nil
}

// reader reads what a writer wrote. Once something is not as it would be, it
// is not ok any more, and what it gives means nothing.
type reader struct {
	rest string
	ok   bool
}

// take passes over a text that may come next.
func (r *reader) take(next string) bool {
	after, ok := strings.CutPrefix(r.rest, next)
	r.rest = after
	return ok
}

// want passes over a text that must come next.
func (r *reader) want(next string) { r.ok = r.take(next) && r.ok }

// optional reads a field that is left out when it is empty.
func (r *reader) optional(key string) string {
	if !r.take(key) {
		return ""
	}
	s := r.text()
	r.ok = r.ok && s != ""
	return s
}

// text reads a string. Only what must be escaped is, and in one way.
func (r *reader) text() string {
	r.want(`"`)
	for i := range len(r.rest) {
		switch c := r.rest[i]; {
		case c == '"':
			s := r.rest[:i]
			r.rest = r.rest[i+1:]
			return s
		case c == '\\':
			return r.escaped(i)
		case c < ' ':
			r.ok = false
			return ""
		}
	}
	r.ok = false
	return ""
}

// escaped reads the rest of a string whose first escape is at i, and holds
// each escape against the one that a writer would have written.
func (r *reader) escaped(i int) string {
	s := append(make([]byte, 0, 2*i+16), r.rest[:i]...)
	for ; i < len(r.rest); i++ {
		c := r.rest[i]
		switch {
		case c == '"':
			r.rest = r.rest[i+1:]
			return string(s)
		case c < ' ':
			r.ok = false
			return ""
		case c != '\\':
			s = append(s, c)
			continue
		}
		raw, length := unescape(r.rest[i:])
		if length == 0 {
			break
		}
		s = append(s, raw)
		i += length - 1
	}
	r.ok = false
	return ""
}

// unescape gives the character that an escape at the beginning of s stands
// for, and the length of the escape; 0: no writer writes it.
func unescape(s string) (c byte, length int) {
	if len(s) < 2 {
		return 0, 0
	}
	if at := strings.IndexByte(shortEscapes, s[1]); at >= 0 {
		return escapedBytes[at], 2
	}
	if len(s) < 6 || s[:4] != `\u00` {
		return 0, 0
	}
	high, low := strings.IndexByte("01", s[4]), strings.IndexByte(hexDigits, s[5])
	if high < 0 || low < 0 {
		return 0, 0
	}
	c = byte(high<<4 | low) //nolint:gosec // both are below 16
	if strings.IndexByte(escapedBytes, c) >= 0 {
		return 0, 0 // it has a short one
	}
	return c, 6
}

// list reads strings up to the end of an array; there is at least one.
func (r *reader) list() []string {
	all := []string{r.text()}
	for r.ok && r.take(`,`) {
		all = append(all, r.text())
	}
	r.want(`]`)
	return all
}

// notes reads an object of strings to its end; there is at least one, and
// each name comes after the one before it.
func (r *reader) notes() map[string]string {
	all := map[string]string{}
	for last := ""; ; {
		name := r.text()
		r.want(`:`)
		if len(all) > 0 && compareUTF16(last, name) >= 0 {
			r.ok = false
		}
		all[name], last = r.text(), name
		if !r.ok || !r.take(`,`) {
			break
		}
	}
	r.want(`}`)
	return all
}

// number reads a whole number from 1 on, written as a string.
func (r *reader) number() int64 {
	digits := r.text()
	n := int64(0)
	for i := range len(digits) {
		d := int64(digits[i]) - '0'
		if d < 0 || d > 9 || n == 0 && d == 0 || n > (math.MaxInt64-d)/10 {
			r.ok = false
			return 0
		}
		n = 10*n + d
	}
	return n
}

// time reads a time, which has one form.
func (r *reader) time() time.Time {
	text := r.text()
	t, err := time.Parse(time.RFC3339Nano, text)
	var room [len(time.RFC3339Nano)]byte
	if err != nil || string(t.UTC().AppendFormat(room[:0], time.RFC3339Nano)) != text {
		r.ok = false
	}
	return t
}
