package expr

import (
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/onus-id/onus"
)

const callKind = ast.CallKind

// variables are the names an expression sees.
var variables = []string{"subject", "before", "change", "now", "people"}

var changeKinds = []string{
	string(onus.Joined), string(onus.Moved), string(onus.Departed),
	string(onus.Returned), string(onus.Changed), string(onus.DateArrived),
}

// inspect finds what CEL's own checks let pass.
func (e *Env) inspect(checked *cel.Ast, want Type) Errors {
	tree := checked.NativeRep()
	var faults Errors
	add := func(id int64, message, hint string) {
		at := tree.SourceInfo().GetStartLocation(id)
		faults = append(faults, &Error{Line: at.Line(), Column: at.Column(), Message: message, Hint: hint})
	}
	if got := checked.OutputType(); !got.IsExactType(celTypes[want]) && (!got.IsExactType(types.DynType) || !e.schema.unclear) {
		f := &Error{Line: 1, Message: "the expression gives " + typeName(got) + " where " + wanted[want] + " is wanted"}
		if want == String && got.IsExactType(types.IntType) {
			f.Hint = "write string(...) around it"
		}
		faults = append(faults, f)
	}
	for _, n := range nodes(tree) {
		switch n.Kind() {
		case ast.IdentKind:
			if hint := misused(n); hint != "" {
				add(n.ID(), n.AsIdent()+" cannot stand alone", hint)
			}
		case ast.ComprehensionKind:
			c := n.AsComprehension()
			for _, v := range []string{c.IterVar(), c.IterVar2()} {
				if slices.Contains(variables, v) {
					add(n.ID(), v+" already has a meaning", "give the loop's variable another name")
				}
			}
		case ast.CallKind:
			for _, f := range e.impossible(n.AsCall()) {
				add(f.id, f.message, f.hint)
			}
		case ast.StructKind:
			add(n.ID(), "an expression cannot make an object", "")
		case ast.UnspecifiedExprKind, ast.LiteralKind, ast.ListKind, ast.MapKind, ast.SelectKind:
		}
	}
	slices.SortStableFunc(faults, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return faults
}

var wanted = map[Type]string{Bool: "true or false", String: "a text"}

func nodes(tree *ast.AST) []ast.NavigableExpr {
	return ast.MatchDescendants(ast.NavigateAST(tree), ast.AllMatcher())
}

// misused says how a variable should be used where it is not used so.
func misused(n ast.NavigableExpr) string {
	name := n.AsIdent()
	parent, ok := n.Parent()
	selected := ok && parent.Kind() == ast.SelectKind
	switch name {
	case "subject", "before":
		if !selected {
			return "name an attribute, as in " + name + ".department"
		}
	case "change":
		if !selected {
			return "use change.kind or change.fields"
		}
	case "people":
		if selected {
			return ""
		}
		if ok && parent.Kind() == ast.CallKind {
			c := parent.AsCall()
			switch c.FunctionName() {
			case operators.In:
				if c.Args()[1].ID() == n.ID() {
					return ""
				}
			case operators.Index:
				if c.Args()[0].ID() == n.ID() {
					return ""
				}
			}
		}
		return "people can only be looked up, as in subject.manager in people"
	}
	return ""
}

type finding struct {
	id            int64
	message, hint string
}

// impossible finds comparisons with texts that a value never has.
func (e *Env) impossible(c ast.CallExpr) []finding {
	args := c.Args()
	if len(args) == 1 && args[0].Kind() == ast.LiteralKind {
		return badLiteral(c.FunctionName(), args[0])
	}
	if len(args) != 2 {
		return nil
	}
	var out []finding
	check := func(value, text ast.Expr) {
		path, values := e.valuesOf(value)
		if values == nil || text.Kind() != ast.LiteralKind {
			return
		}
		if s, ok := text.AsLiteral().(types.String); ok && s != "" && !slices.Contains(values, string(s)) {
			f := finding{id: text.ID(), message: path + " is never \"" + string(s) + "\"", hint: "it is one of " + strings.Join(values, ", ")}
			if near := Nearest(string(s), values); near != "" {
				f.hint = "did you mean \"" + near + "\"?"
			}
			out = append(out, f)
		}
	}
	switch c.FunctionName() {
	case operators.Equals, operators.NotEquals:
		check(args[0], args[1])
		check(args[1], args[0])
	case operators.In:
		if args[1].Kind() == ast.ListKind {
			for _, item := range args[1].AsList().Elements() {
				check(args[0], item)
			}
			break
		}
		if path, ok := selection(args[1]); ok && path == "change.fields" && args[0].Kind() == ast.LiteralKind {
			if s, ok := args[0].AsLiteral().(types.String); ok && e.schema.fields[string(s)] == nil {
				f := finding{id: args[0].ID(), message: "unknown attribute \"" + string(s) + "\""}
				if near := Nearest(string(s), e.schema.names); near != "" {
					f.hint = "did you mean \"" + near + "\"?"
				}
				out = append(out, f)
			}
		}
	}
	return out
}

// badLiteral finds dates, times and durations that cannot be.
func badLiteral(function string, arg ast.Expr) []finding {
	s, ok := arg.AsLiteral().(types.String)
	if !ok {
		return nil
	}
	var err error
	hint := ""
	switch function {
	case "date":
		_, err = time.Parse(time.DateOnly, string(s))
		hint = "write a date that is in the calendar, such as 2026-03-02"
	case "timestamp":
		_, err = time.Parse(time.RFC3339, string(s))
		hint = "write a time such as 2026-03-02T09:00:00Z"
	case "duration":
		_, err = time.ParseDuration(string(s))
		hint = "write hours, minutes or seconds, such as 72h"
	}
	if err == nil {
		return nil
	}
	return []finding{{id: arg.ID(), message: "\"" + string(s) + "\" is no " + function, hint: hint}}
}

// valuesOf gives the only values of a selection, where they are known.
func (e *Env) valuesOf(x ast.Expr) (path string, values []string) {
	path, ok := selection(x)
	if !ok {
		return "", nil
	}
	if path == "change.kind" {
		return path, changeKinds
	}
	variable, name, _ := strings.Cut(path, ".")
	if variable != "subject" && variable != "before" {
		return "", nil
	}
	return path, e.schema.values[name]
}

// selection gives "subject.department" for that very expression.
func selection(x ast.Expr) (string, bool) {
	if x.Kind() != ast.SelectKind || x.AsSelect().Operand().Kind() != ast.IdentKind {
		return "", false
	}
	return x.AsSelect().Operand().AsIdent() + "." + x.AsSelect().FieldName(), true
}

// uses gives the attributes of the subject that the expression looks at.
func uses(tree *ast.AST) []string {
	var out []string
	for _, n := range nodes(tree) {
		if path, ok := selection(n); ok {
			if name, ok := strings.CutPrefix(path, "subject."); ok {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// constant says whether the expression looks at no variable at all.
func constant(tree *ast.AST) bool {
	return !slices.ContainsFunc(nodes(tree), func(n ast.NavigableExpr) bool {
		return n.Kind() == ast.IdentKind && slices.Contains(variables, n.AsIdent())
	})
}
