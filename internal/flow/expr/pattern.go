package expr

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// A Pattern is a text with holes: the pieces stand in this order, with
// anything between them.
type Pattern []string

func (p Pattern) String() string { return strings.Join(p, "*") }

// Match says whether a text fits the pattern.
func (p Pattern) Match(s string) bool {
	if len(p) == 1 {
		return s == p[0]
	}
	first, last := p[0], p[len(p)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, piece := range p[1 : len(p)-1] {
		i := strings.Index(s, piece)
		if i < 0 {
			return false
		}
		s = s[i+len(piece):]
	}
	return true
}

// Patterns gives what texts the expression can give, as far as its form and
// the values of attributes show: one list for each way through its choices
// (a ? b : c), in which each pattern is for one combination of values.
func (p *Program) Patterns() [][]Pattern {
	if text, ok := p.Constant(); ok {
		return [][]Pattern{{{text}}}
	}
	return p.ways(p.tree.Expr())
}

// maxPatterns bounds what choices and values multiply to.
const maxPatterns = 256

func (p *Program) ways(x ast.Expr) [][]Pattern {
	if x.Kind() == ast.CallKind {
		c := x.AsCall()
		args := c.Args()
		switch c.FunctionName() {
		case operators.Conditional:
			return append(p.ways(args[1]), p.ways(args[2])...)
		case operators.Add:
			left, right := p.ways(args[0]), p.ways(args[1])
			if len(left)*len(right) > maxPatterns {
				break
			}
			var out [][]Pattern
			for _, l := range left {
				for _, r := range right {
					out = append(out, product(l, r))
				}
			}
			return out
		case "lowerAscii", "upperAscii", "trim":
			out := p.ways(c.Target())
			for _, way := range out {
				for _, pattern := range way {
					for i := range pattern {
						pattern[i] = applied[c.FunctionName()](pattern[i])
					}
				}
			}
			return out
		}
	}
	if s, ok := literalText(x); ok {
		return [][]Pattern{{{s}}}
	}
	if path, ok := selection(x); ok && p.schema != nil {
		variable, name, _ := strings.Cut(path, ".")
		if values := p.schema.values[name]; values != nil && variable != "change" {
			way := make([]Pattern, len(values))
			for i, v := range values {
				way[i] = Pattern{v}
			}
			return [][]Pattern{way}
		}
	}
	return [][]Pattern{{{"", ""}}}
}

var applied = map[string]func(string) string{
	"lowerAscii": func(s string) string { return ascii(s, 'A', 'Z', 'a'-'A') },
	"upperAscii": func(s string) string { return ascii(s, 'a', 'z', 'A'-'a') },
	"trim":       strings.TrimSpace,
}

// product gives every pattern of one list followed by every one of another.
func product(left, right []Pattern) []Pattern {
	if len(left)*len(right) > maxPatterns {
		return []Pattern{{"", ""}}
	}
	var out []Pattern
	for _, l := range left {
		for _, r := range right {
			joined := slices.Clone(l)
			joined[len(joined)-1] += r[0]
			out = append(out, append(joined, r[1:]...))
		}
	}
	return out
}

// Exclusive says whether two conditions surely never hold together. It knows
// negation, and comparisons of one value with constants; where it cannot
// tell, it says false.
func Exclusive(a, b *Program) bool {
	if isFalse(a) || isFalse(b) {
		return true
	}
	if a.tree == nil || b.tree == nil {
		return false
	}
	for _, x := range conjuncts(a.tree.Expr()) {
		for _, y := range conjuncts(b.tree.Expr()) {
			if contradict(x, y) {
				return true
			}
		}
	}
	return false
}

func isFalse(p *Program) bool {
	text, ok := p.Constant()
	return ok && text == "false"
}

func conjuncts(x ast.Expr) []ast.Expr {
	if x.Kind() == ast.CallKind && x.AsCall().FunctionName() == operators.LogicalAnd {
		out := make([]ast.Expr, 0, 4)
		for _, arg := range x.AsCall().Args() {
			out = append(out, conjuncts(arg)...)
		}
		return out
	}
	return []ast.Expr{x}
}

func contradict(x, y ast.Expr) bool {
	if negates(x, y) || negates(y, x) {
		return true
	}
	a, okA := allowed(x)
	b, okB := allowed(y)
	return okA && okB && a.of == b.of && a.excludes(b)
}

func negates(x, y ast.Expr) bool {
	return x.Kind() == ast.CallKind && x.AsCall().FunctionName() == operators.LogicalNot && text(x.AsCall().Args()[0]) == text(y)
}

// A domain is the values that a comparison lets through: of texts, those
// listed or all but those; of whole numbers, a range.
type domain struct {
	of     string // the value compared, as text
	values []string
	except bool // all but values
	ranged bool
	lo, hi int64
}

func (d domain) excludes(o domain) bool {
	switch {
	case d.ranged != o.ranged:
		return false
	case d.ranged:
		return d.hi < o.lo || o.hi < d.lo
	case d.except && o.except:
		return false
	case d.except:
		return o.excludes(d)
	}
	for _, v := range d.values {
		if slices.Contains(o.values, v) != o.except {
			return false
		}
	}
	return true
}

const (
	lowest  = -1 << 63
	highest = 1<<63 - 1
)

// allowed reads a comparison with a constant.
func allowed(x ast.Expr) (domain, bool) {
	if x.Kind() != ast.CallKind || len(x.AsCall().Args()) != 2 {
		return domain{}, false
	}
	op, left, right := x.AsCall().FunctionName(), x.AsCall().Args()[0], x.AsCall().Args()[1]
	if left.Kind() == ast.LiteralKind {
		left, right = right, left
		op = mirrored[op]
	}
	d := domain{of: text(left), lo: lowest, hi: highest}
	if op == operators.In && right.Kind() == ast.ListKind {
		for _, e := range right.AsList().Elements() {
			s, ok := literalText(e)
			if !ok {
				return d, false
			}
			d.values = append(d.values, s)
		}
		return d, true
	}
	if s, ok := literalText(right); ok {
		d.values, d.except = []string{s}, op == operators.NotEquals
		return d, op == operators.Equals || op == operators.NotEquals
	}
	if right.Kind() != ast.LiteralKind {
		return d, false
	}
	n, ok := right.AsLiteral().(types.Int)
	if !ok {
		return d, false
	}
	d.ranged = true
	v := int64(n)
	switch op {
	case operators.Equals:
		d.lo, d.hi = v, v
	case operators.Less:
		d.hi = max(v, lowest+1) - 1
	case operators.LessEquals:
		d.hi = v
	case operators.Greater:
		d.lo = min(v, highest-1) + 1
	case operators.GreaterEquals:
		d.lo = v
	default:
		return d, false
	}
	return d, true
}

var mirrored = map[string]string{
	operators.Equals: operators.Equals, operators.NotEquals: operators.NotEquals,
	operators.Less: operators.Greater, operators.LessEquals: operators.GreaterEquals,
	operators.Greater: operators.Less, operators.GreaterEquals: operators.LessEquals,
}

func literalText(x ast.Expr) (string, bool) {
	if x.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := x.AsLiteral().(types.String)
	return string(s), ok
}

// text writes an expression so that equal ones give equal texts.
func text(x ast.Expr) string {
	var b strings.Builder
	write(&b, x)
	return b.String()
}

func write(b *strings.Builder, x ast.Expr) {
	list := func(open string, xs []ast.Expr) {
		b.WriteString(open + "(")
		for _, x := range xs {
			write(b, x)
			b.WriteByte(',')
		}
		b.WriteByte(')')
	}
	switch x.Kind() {
	case ast.IdentKind:
		b.WriteString(x.AsIdent())
	case ast.LiteralKind:
		v := x.AsLiteral()
		b.WriteString(v.Type().TypeName() + fmt.Sprintf("%q", fmt.Sprint(v.Value())))
	case ast.SelectKind:
		s := x.AsSelect()
		write(b, s.Operand())
		b.WriteString("." + s.FieldName())
		if s.IsTestOnly() {
			b.WriteByte('?')
		}
	case ast.CallKind:
		c := x.AsCall()
		if c.IsMemberFunction() {
			write(b, c.Target())
		}
		list(" "+c.FunctionName(), c.Args())
	case ast.ListKind:
		list("[]", x.AsList().Elements())
	case ast.MapKind:
		for _, e := range x.AsMap().Entries() {
			list("{}", []ast.Expr{e.AsMapEntry().Key(), e.AsMapEntry().Value()})
		}
	case ast.ComprehensionKind:
		c := x.AsComprehension()
		list("loop "+c.IterVar()+" "+c.IterVar2()+" "+c.AccuVar(), []ast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()})
	case ast.StructKind, ast.UnspecifiedExprKind:
		b.WriteString("?")
	}
}
