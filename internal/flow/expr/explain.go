package expr

import (
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// explain turns CEL's findings into faults that say what to do.
func (e *Env) explain(src string, parsed *cel.Ast, issues *cel.Issues) Errors {
	var tree *ast.AST
	if parsed != nil {
		tree = parsed.NativeRep()
	}
	lines := strings.Split(src, "\n")
	out := make(Errors, 0, len(issues.Errors()))
	for _, issue := range issues.Errors() {
		f := e.explainOne(tree, issue)
		// The place of a selection is its dot; what is wrong comes after it.
		if f.Line <= len(lines) {
			if line := []rune(lines[f.Line-1]); f.Column < len(line) && line[f.Column] == '.' {
				f.Column++
			}
		}
		out = append(out, f)
	}
	return out
}

var (
	undefinedField = regexp.MustCompile(`^undefined field '(.*)'$`)
	undeclared     = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	noOverload     = regexp.MustCompile(`^found no matching overload for '(.*)' applied to '(.*)'$`)
	operator       = regexp.MustCompile(`^_?([^a-zA-Z_]+|in)_?$`)
)

func (e *Env) explainOne(tree *ast.AST, issue *common.Error) *Error {
	f := &Error{Line: max(1, issue.Location.Line()), Column: max(0, issue.Location.Column()), Message: issue.Message}
	if m := undefinedField.FindStringSubmatch(issue.Message); m != nil {
		known, of := e.schema.names, ""
		if path, ok := selectionByID(tree, issue.ExprID); ok {
			of, _, _ = strings.Cut(path, ".")
			of += "."
		}
		if of == "change." {
			known = []string{"fields", "kind"}
		}
		f.Message = "unknown attribute " + of + m[1]
		if near := Nearest(m[1], known); near != "" {
			f.Hint = "did you mean " + of + near + "?"
		} else if len(known) > 0 {
			f.Hint = "there are " + strings.Join(known, ", ")
		}
		return f
	}
	if m := undeclared.FindStringSubmatch(issue.Message); m != nil {
		name := m[1]
		f.Message = "unknown name " + name
		names := make([]string, 0, 64)
		for fn := range e.cel.Functions() {
			if identifier.MatchString(fn) {
				names = append(names, fn)
			}
		}
		slices.Sort(names)
		if e.schema.fields[name] != nil {
			f.Hint = "did you mean subject." + name + "?"
		} else if near := Nearest(name, variables); near != "" {
			f.Hint = "did you mean " + near + "?"
		} else if near := Nearest(name, names); near != "" {
			f.Hint = "did you mean " + near + "?"
		} else {
			f.Hint = "a text stands in quotes; names are " + strings.Join(variables, ", ")
		}
		return f
	}
	if m := noOverload.FindStringSubmatch(issue.Message); m != nil {
		operands := types2words.Replace(m[2])
		if op := operator.FindStringSubmatch(m[1]); op != nil {
			f.Message = "the operator " + op[1] + " does not fit " + operands
		} else {
			f.Message = "the function " + m[1] + " does not fit " + operands
		}
		switch {
		case strings.Contains(operands, "timestamp") && strings.Contains(operands, "string"):
			f.Hint = `write a date as date("2026-03-02")`
		case strings.Contains(operands, "int") && strings.Contains(operands, "string"):
			f.Hint = "a number stands without quotes, a text within them; string(...) makes a text"
		}
		return f
	}
	if text, ok := strings.CutPrefix(issue.Message, "Syntax error: "); ok {
		text, _, _ = strings.Cut(text, " expecting ")
		f.Message = "syntax error: " + strings.ReplaceAll(text, "<EOF>", "the end")
	}
	return f
}

var types2words = strings.NewReplacer(
	"google.protobuf.Timestamp", "timestamp", "google.protobuf.Duration", "duration",
	"wrapper(", "(", "onus.Record", "record", "onus.Change", "change",
)

func typeName(t *types.Type) string { return types2words.Replace(t.String()) }

func selectionByID(tree *ast.AST, id int64) (string, bool) {
	if tree == nil {
		return "", false
	}
	for _, n := range nodes(tree) {
		if n.ID() == id {
			return selection(n)
		}
	}
	return "", false
}

// Nearest gives the candidate that is a likely slip of the pen away from a
// word, or "".
func Nearest(word string, candidates []string) string {
	best, bestDistance := "", 1+max(1, len(word)/3)
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c), bestDistance); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour, and stops counting at limit.
func distance(a, b string, limit int) int {
	ra, rb := []rune(a), []rune(b)
	if d := len(ra) - len(rb); d >= limit || -d >= limit {
		return limit
	}
	rows := make([][]int, len(ra)+1)
	for i := range rows {
		rows[i] = make([]int, len(rb)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i, x := range ra {
		for j, y := range rb {
			d := rows[i][j]
			if x != y {
				d++
			}
			d = min(d, rows[i][j+1]+1, rows[i+1][j]+1)
			if i > 0 && j > 0 && x == rb[j-1] && ra[i-1] == y {
				d = min(d, rows[i-1][j-1]+1)
			}
			rows[i+1][j+1] = d
		}
	}
	return min(limit, rows[len(ra)][len(rb)])
}
