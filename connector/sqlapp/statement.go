package sqlapp

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// dialect is how a driver's SQL is spelt.
type dialect string

const (
	onPostgres dialect = "postgres"
	onSQLite   dialect = "sqlite"
)

// statement is one SQL statement whose named parameters were replaced by
// numbered ones. Values are bound by the driver, and never part of the text.
type statement struct {
	text   string
	params []string // params[i] is the name of parameter i+1
}

// args gives the values in the order of the numbers. What is not there is NULL.
func (s statement) args(values map[string]string) []any {
	args := make([]any, len(s.params))
	for i, name := range s.params {
		if v, ok := values[name]; ok && v != "" {
			args[i] = v
		}
	}
	return args
}

// uses says whether a parameter occurs.
func uses(list []statement, name string) bool {
	return slices.ContainsFunc(list, func(s statement) bool { return slices.Contains(s.params, name) })
}

// parse splits a text into statements at semicolons and numbers the
// parameters of each (":ref"). Texts, quoted names and comments are left as
// they are; a placeholder of the driver's own is refused, for nothing would be
// bound to it.
func parse(text string, d dialect) ([]statement, error) {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return nil, errors.New("it is not UTF-8 or holds a zero byte")
	}
	p := parser{in: text, dialect: d}
	for p.at < len(p.in) {
		if err := p.step(); err != nil {
			return nil, err
		}
	}
	p.end()
	if len(p.done) == 0 {
		return nil, errors.New("it is empty")
	}
	return p.done, nil
}

type parser struct {
	in      string
	at      int
	dialect dialect

	out    strings.Builder
	real   bool // something but space and comments is in out
	params []string
	done   []statement
}

const space = " \t\n\v\f\r"

// step takes the next token.
func (p *parser) step() error {
	rest := p.in[p.at:]
	c := rest[0]
	if !strings.ContainsRune(space+";", rune(c)) && !strings.HasPrefix(rest, "--") && !strings.HasPrefix(rest, "/*") {
		p.real = true
	}
	switch {
	case c == '\'':
		return p.quoted('\'', p.dialect == onPostgres && p.escapes())
	case c == '"', c == '`' && p.dialect == onSQLite:
		return p.quoted(c, false)
	case c == '[' && p.dialect == onSQLite:
		return p.until("]", "a name in brackets")
	case strings.HasPrefix(rest, "--"):
		if end := strings.IndexByte(rest, '\n'); end >= 0 {
			p.copy(end)
			return nil
		}
		p.at = len(p.in) // a comment at the end would swallow what is put behind it
		return nil
	case strings.HasPrefix(rest, "/*"):
		return p.comment()
	case c == '$' && p.dialect == onPostgres:
		return p.dollar()
	case strings.HasPrefix(rest, "::"):
		p.copy(2)
		return nil
	case c == ':' && len(rest) > 1 && starts(rest[1]):
		p.param(plain(rest[1:]))
		return nil
	case p.dialect == onSQLite && (c == '?' || c == '$' || c == '@'):
		return fmt.Errorf("it has the placeholder %q; values are named like :ref", firstWord(rest))
	case c == ';':
		p.at++
		p.end()
		return nil
	case starts(c): // a whole word, so that what stands in a name is no token
		p.copy(len(word(rest)))
		return nil
	default:
		p.copy(1)
		return nil
	}
}

func (p *parser) copy(n int) {
	p.out.WriteString(p.in[p.at : p.at+n])
	p.at += n
}

func (p *parser) param(name string) {
	i := slices.Index(p.params, name)
	if i < 0 {
		i = len(p.params)
		p.params = append(p.params, name)
	}
	sign := "?"
	if p.dialect == onPostgres {
		sign = "$"
	}
	p.out.WriteString(sign + strconv.Itoa(i+1))
	p.at += 1 + len(name)
}

// end closes the statement that is being read.
func (p *parser) end() {
	if p.real {
		p.done = append(p.done, statement{text: strings.Trim(p.out.String(), space), params: p.params})
	}
	p.out.Reset()
	p.real, p.params = false, nil
}

// quoted takes a text or a name; a doubled quote stands for one.
func (p *parser) quoted(quote byte, backslash bool) error {
	for i := p.at + 1; i < len(p.in); i++ {
		switch {
		case backslash && p.in[i] == '\\':
			i++
		case p.in[i] != quote:
		case i+1 < len(p.in) && p.in[i+1] == quote:
			i++
		default:
			p.copy(i + 1 - p.at)
			return nil
		}
	}
	return fmt.Errorf("a quote %c is not closed", quote)
}

// escapes says whether the text that begins here is an E'…'.
func (p *parser) escapes() bool {
	before := p.in[:p.at]
	if !strings.HasSuffix(before, "E") && !strings.HasSuffix(before, "e") {
		return false
	}
	return len(before) < 2 || !continues(before[len(before)-2])
}

func (p *parser) until(end, what string) error {
	i := strings.Index(p.in[p.at:], end)
	if i < 0 {
		return fmt.Errorf("%s is not closed", what)
	}
	p.copy(i + len(end))
	return nil
}

// comment takes a comment; those of PostgreSQL nest.
func (p *parser) comment() error {
	if p.dialect == onSQLite {
		return p.until("*/", "a comment")
	}
	depth := 0
	for i := p.at; i < len(p.in); {
		switch {
		case strings.HasPrefix(p.in[i:], "/*"):
			depth++
			i += 2
		case strings.HasPrefix(p.in[i:], "*/"):
			depth--
			i += 2
		default:
			i++
		}
		if depth == 0 {
			p.copy(i - p.at)
			return nil
		}
	}
	return errors.New("a comment is not closed")
}

// dollar takes $tag$ … $tag$, and refuses $1.
func (p *parser) dollar() error {
	rest := p.in[p.at:]
	tag := "$"
	if len(rest) > 1 && starts(rest[1]) {
		tag += plain(rest[1:])
	}
	if len(rest) <= len(tag) || rest[len(tag)] != '$' {
		return fmt.Errorf("it has the placeholder %q; values are named like :ref", firstWord(rest))
	}
	tag += "$"
	end := strings.Index(rest[len(tag):], tag)
	if end < 0 {
		return fmt.Errorf("a text in %s is not closed", tag)
	}
	p.copy(len(tag) + end + len(tag))
	return nil
}

// starts says whether a name may begin so; continues, whether it may go on.
func starts(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}

func continues(c byte) bool { return starts(c) || c >= '0' && c <= '9' || c == '$' }

func word(s string) string {
	for i := range len(s) {
		if !continues(s[i]) {
			return s[:i]
		}
	}
	return s
}

// plain gives a word without a $, which ends the tag of a text in dollars.
func plain(s string) string {
	w, _, _ := strings.Cut(word(s), "$")
	return w
}

// firstWord gives a sign and the word behind it, for a message.
func firstWord(s string) string { return s[:1] + word(s[1:]) }
