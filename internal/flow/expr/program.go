package expr

import (
	"fmt"
	"slices"
	"strconv"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// A Program is a compiled expression. It is safe for use by several
// goroutines.
type Program struct {
	source   string
	want     Type
	uses     []string
	constant bool
	value    ref.Val // of a constant
	eval     cel.Program
	tree     *ast.AST // nil for a plain text
	schema   *schema
}

// Literal gives the program of a plain text.
func Literal(text string) *Program {
	return &Program{source: strconv.Quote(text), want: String, constant: true, value: types.String(text)}
}

func (e *Env) program(src string, checked *cel.Ast, want Type) (*Program, error) {
	opts := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	tree := checked.NativeRep()
	if slices.ContainsFunc(nodes(tree), func(n ast.NavigableExpr) bool { return n.Kind() == ast.ComprehensionKind }) {
		// Only a loop can cost more than its text shows; counting slows
		// everything else down for nothing.
		opts = append(opts, cel.CostLimit(maxCost))
	}
	eval, err := e.cel.Program(checked, opts...)
	if err != nil {
		return nil, Errors{{Line: 1, Message: err.Error()}}
	}
	p := &Program{source: src, want: want, uses: uses(tree), eval: eval, tree: tree, schema: e.schema}
	if constant(tree) {
		v, err := p.run(Vars{})
		if err != nil {
			return nil, Errors{{Line: 1, Message: err.Error()}}
		}
		p.constant, p.value = true, v
	}
	return p, nil
}

// Source gives the expression as it was written.
func (p *Program) Source() string { return p.source }

// Uses gives the attributes of the subject that the expression looks at,
// sorted. The caller must not change it.
func (p *Program) Uses() []string { return p.uses }

// Constant gives the text that the expression always gives, if it looks at
// nothing. A constant condition gives "true" or "false".
func (p *Program) Constant() (string, bool) {
	if !p.constant {
		return "", false
	}
	switch v := p.value.(type) {
	case types.String:
		return string(v), true
	case types.Bool:
		return strconv.FormatBool(bool(v)), true
	}
	return "", false
}

// Bool evaluates a condition.
func (p *Program) Bool(v Vars) (bool, error) {
	out, err := p.run(v)
	if err != nil {
		return false, err
	}
	b, ok := out.(types.Bool)
	if !ok {
		return false, fmt.Errorf("evaluate %s: it does not give true or false", p.source)
	}
	return bool(b), nil
}

// Text evaluates an expression that gives a text.
func (p *Program) Text(v Vars) (string, error) {
	out, err := p.run(v)
	if err != nil {
		return "", err
	}
	s, ok := out.(types.String)
	if !ok {
		return "", fmt.Errorf("evaluate %s: it does not give a text", p.source)
	}
	return string(s), nil
}

func (p *Program) run(v Vars) (ref.Val, error) {
	if p.constant {
		return p.value, nil
	}
	a, _ := activations.Get().(*activation)
	a.subject.attrs, a.before.attrs = v.Subject, v.Before
	a.change.change = v.Change
	a.people.people = v.People
	a.now.Time = v.Now
	out, _, err := p.eval.Eval(a)
	// What an expression gives is a plain value that keeps nothing of these.
	a.subject.attrs, a.before.attrs, a.change.change, a.people.people = nil, nil, Change{}, nil
	activations.Put(a)
	if err != nil {
		return nil, fmt.Errorf("evaluate %s: %w", p.source, err)
	}
	return out, nil
}

// activation holds the variables of one evaluation.
type activation struct {
	subject, before record
	change          changed
	people          peopleMap
	now             types.Timestamp
}

var activations = sync.Pool{New: func() any {
	return &activation{
		subject: record{object: object{recordType}},
		before:  record{object: object{recordType}},
		change:  changed{object: object{changeType}},
		people:  peopleMap{object: object{types.MapType}},
	}
}}

func (a *activation) ResolveName(name string) (any, bool) {
	switch name {
	case "subject":
		return &a.subject, true
	case "before":
		return &a.before, true
	case "change":
		return &a.change, true
	case "people":
		return &a.people, true
	case "now":
		return a.now, true
	}
	return nil, false
}

func (a *activation) Parent() interpreter.Activation { return nil }
