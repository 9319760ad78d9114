package flow

import (
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// A place is where something stands in a document; the zero place is nowhere.
type place struct {
	doc  *document
	node *yaml.Node
}

// placed is what keeps its place.
type placed interface{ put(at place) }

func (p *place) put(at place) { *p = at }

func (p *place) there() bool { return p.node != nil }

func (p *place) fault(message, hint string) Fault {
	line, col := p.doc.original(p.node.Line-1, p.node.Column-1)
	return Fault{File: p.doc.file, Line: p.doc.first + line + 1, Col: col + 1, Message: message, Hint: hint}
}

func (p *place) line() int { return p.doc.first + p.node.Line }

// inside gives the fault at a character of the place's text: line from 1 and
// column from 0 within the value, as package expr counts.
func (p *place) inside(line, column int, message, hint string) Fault {
	f := p.fault(message, hint)
	value := []rune(p.node.Value)
	at := 0
	for l := 1; at < len(value) && l < line; at++ {
		if value[at] == '\n' {
			l++
		}
	}
	at = min(at+column, len(value))
	if l, c, ok := p.locate(value, at); ok {
		l, c = p.doc.original(l, c)
		f.Line, f.Col = p.doc.first+l+1, c+1
	}
	return f
}

// locate walks the text as written beside the value that YAML made of it, up
// to a character of the value. Lines and columns count from 0.
func (p *place) locate(value []rune, at int) (line, col int, ok bool) {
	line, col = p.node.Line-1, p.node.Column-1
	if line >= len(p.doc.lines) {
		return 0, 0, false
	}
	raw := []rune(p.doc.lines[line])
	step := func() bool { // to the next character as written
		col++
		for col > len(raw) {
			line++
			if line >= len(p.doc.lines) {
				return false
			}
			raw, col = []rune(p.doc.lines[line]), 0
		}
		return true
	}
	here := func() rune {
		if col < len(raw) {
			return raw[col]
		}
		return '\n'
	}
	switch {
	case p.node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		line, col = line+1, 0
		if line >= len(p.doc.lines) {
			return 0, 0, false
		}
		raw = []rune(p.doc.lines[line])
		for unicode.IsSpace(here()) {
			if !step() {
				return 0, 0, false
			}
		}
	case p.node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		col++
	}
	for i := 0; ; i++ {
		// An indent is in the text as written only.
		for i < len(value) && here() != value[i] && !unicode.IsSpace(value[i]) && unicode.IsSpace(here()) {
			if !step() {
				return 0, 0, false
			}
		}
		if i == at {
			return line, col, true
		}
		n := 1
		switch {
		case p.node.Style&yaml.SingleQuotedStyle != 0 && value[i] == '\'':
			n = 2
		case p.node.Style&yaml.DoubleQuotedStyle != 0 && here() == '\\':
			n = escapeLength(string(raw[col:]))
		}
		for range n {
			if !step() {
				return 0, 0, false
			}
		}
	}
}

// escapeLength gives the length of the escape that a double-quoted text
// continues with.
func escapeLength(s string) int {
	if len(s) < 2 {
		return 1
	}
	switch s[1] {
	case 'x':
		return min(4, len(s))
	case 'u':
		return min(6, len(s))
	case 'U':
		return min(10, len(s))
	}
	return 2
}

// oneLine is a text for a message.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return s
}
