package flow

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// A document is one YAML document of a file. Documents are read one by one,
// so that a syntax error in one does not hide what is wrong with the others.
type document struct {
	file  string
	first int      // the line of the file that the document begins on, from 0
	lines []string // as YAML read them
	edits map[int][]edit
	root  *yaml.Node // nil: empty, or not YAML
}

// split reads a file's documents.
func split(f File, broken func(*document, Fault)) []*document {
	text := strings.TrimPrefix(f.Text, "\ufeff")
	if !utf8.ValidString(text) {
		broken(nil, Fault{File: f.Path, Line: 1, Col: 1, Message: "the file is not UTF-8", Hint: "save it as UTF-8"})
		return nil
	}
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	var docs []*document
	first := 0
	for i := 1; i <= len(lines); i++ {
		// Three dashes at the edge end a document, even within a block of text.
		if i < len(lines) && lines[i] != "---" && !strings.HasPrefix(lines[i], "--- ") {
			continue
		}
		d := &document{file: f.Path, first: first, lines: lines[first:i]}
		d.parse(broken)
		if d.root != nil {
			docs = append(docs, d)
		}
		first = i
	}
	return docs
}

func (d *document) parse(broken func(*document, Fault)) {
	node, err := parseYAML(d.lines)
	if err != nil {
		if lines, edits := quoteExpressions(d.lines); edits != nil {
			if again, errAgain := parseYAML(lines); errAgain == nil {
				node, err = again, nil
				d.lines, d.edits = lines, edits
			}
		}
	}
	if err != nil {
		broken(d, d.syntaxFault(err))
		return
	}
	if node.Kind == yaml.DocumentNode && len(node.Content) == 1 {
		root := node.Content[0]
		if root.Kind != yaml.ScalarNode || root.Value != "" {
			d.root = root
		}
	}
}

func parseYAML(lines []string) (*yaml.Node, error) {
	var n yaml.Node
	err := yaml.Unmarshal([]byte(strings.Join(lines, "\n")), &n)
	return &n, err
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntaxFault finds the place of a syntax error. The library names the line
// in some of its errors only: the first line whose prefix is already broken
// is where the reader should look.
func (d *document) syntaxFault(err error) Fault {
	f := Fault{File: d.file, Line: d.first + 1, Col: 1, Message: "not YAML: " + err.Error()}
	m := yamlLine.FindStringSubmatch(err.Error())
	if m != nil {
		f.Message = "not YAML: " + m[2]
	}
	line := len(d.lines)
	if m != nil && m[1] != "" {
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = min(n, len(d.lines))
		}
	}
	for i := range d.lines {
		if tab := strings.TrimLeft(d.lines[i], " "); strings.HasPrefix(tab, "\t") {
			f.Hint = "indent with spaces: YAML allows no tabs"
			line = i + 1
			break
		}
	}
	if l, col, c := unclosed(d.lines); c != 0 && f.Hint == "" {
		return Fault{File: d.file, Line: d.first + l + 1, Col: col + 1, Message: "not YAML: this " + string(c) + " is never closed", Hint: "close it, or put a text that has it in quotes"}
	}
	if f.Hint == "" {
		f.Hint = "look for a missing quote, bracket or colon at or just above this line"
	}
	f.Line = d.first + max(1, line)
	if line >= 1 && line <= len(d.lines) {
		f.Col = 1 + len(d.lines[line-1]) - len(strings.TrimLeft(d.lines[line-1], " \t"))
	}
	return f
}

// unclosed finds the innermost bracket that no later one closes.
func unclosed(lines []string) (line, col int, bracket rune) {
	type opened struct {
		line, col int
		bracket   rune
	}
	var open []opened
	quote, before := rune(0), ' '
	for l, text := range lines {
		for i, c := range []rune(text) {
			switch {
			case quote != 0:
				if c == quote && before != '\\' {
					quote = 0
				}
			case (c == '\'' || c == '"') && strings.ContainsRune(" [{,:(", before):
				quote = c
			case c == '#' && before == ' ':
				text = ""
			case c == '[' || c == '{':
				open = append(open, opened{l, i, c})
			case (c == ']' || c == '}') && len(open) > 0:
				open = open[:len(open)-1]
			}
			before = c
			if text == "" {
				break
			}
		}
		before = ' '
	}
	if len(open) == 0 || quote != 0 {
		return 0, 0, 0
	}
	last := open[len(open)-1]
	return last.line, last.col, last.bracket
}

// An edit is where an expression was put in quotes for YAML's sake.
type edit struct {
	col    int    // of the quoted form, in characters, from 0
	quoted string // what YAML read
	was    int    // characters in the file
}

// bareExpression is a value that begins with a quoted text and goes on as an
// expression: 'group:' + subject.department. People write it so, and YAML
// wants quotes around the whole.
var bareExpression = regexp.MustCompile(`:[ ]+((?:'[^']*'|"[^"\\]*")[ ]*(?:\+|==|!=|\?|&&|\|\||in )[ ]*\S)`)

// quoteExpressions puts bare expressions in quotes, line by line.
func quoteExpressions(lines []string) ([]string, map[int][]edit) {
	out := make([]string, len(lines))
	var edits map[int][]edit
	for i, line := range lines {
		var b strings.Builder
		rest := line
		for {
			m := bareExpression.FindStringSubmatchIndex(rest)
			if m == nil {
				break
			}
			begin := m[2]
			inFlow := strings.ContainsAny(line[:len(line)-len(rest)+begin], "{[")
			end := begin + expressionEnd(rest[begin:], inFlow)
			b.WriteString(rest[:begin])
			quoted := "'" + strings.ReplaceAll(rest[begin:end], "'", "''") + "'"
			if edits == nil {
				edits = map[int][]edit{}
			}
			edits[i] = append(edits[i], edit{utf8.RuneCountInString(b.String()), quoted, utf8.RuneCountInString(rest[begin:end])})
			b.WriteString(quoted)
			rest = rest[end:]
		}
		b.WriteString(rest)
		out[i] = b.String()
	}
	return out, edits
}

// expressionEnd finds where an expression ends on its line: at the bracket or
// comma of the mapping it stands in, at a comment, or with the line.
func expressionEnd(s string, inFlow bool) int {
	depth, quote := 0, byte(0)
	for i := range len(s) {
		c := s[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '#' && i > 0 && s[i-1] == ' ':
			return len(strings.TrimRight(s[:i], " "))
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case inFlow && depth == 0 && strings.IndexByte(",]}", c) >= 0:
			return len(strings.TrimRight(s[:i], " "))
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		}
	}
	return len(strings.TrimRight(s, " "))
}

// original turns a place that YAML gave into the place in the file. All count
// from 0.
func (d *document) original(line, col int) (int, int) {
	shift := 0
	for _, e := range d.edits[line] {
		n := utf8.RuneCountInString(e.quoted)
		switch {
		case col >= e.col+n:
			shift += n - e.was
		case col > e.col:
			// Within the quotes: the first and every doubling are not in the file.
			prefix := string([]rune(e.quoted)[1 : col-e.col])
			return line, e.col - shift + utf8.RuneCountInString(strings.ReplaceAll(prefix, "''", "'"))
		}
	}
	return line, col - shift
}
