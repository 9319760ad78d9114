package expr

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Env is where expressions over one source's records compile. It is safe for
// use by several goroutines, and compiles equal expressions once.
type Env struct {
	cel    *cel.Env
	schema *schema

	mu   sync.Mutex
	done map[compileKey]compiled // guarded by mu
}

type compileKey struct {
	src  string
	want Type
}

type compiled struct {
	program *Program
	err     error
}

// identifier is what CEL reads as one name.
var identifier = regexp.MustCompile(`^[_a-zA-Z][_a-zA-Z0-9]*$`)

// reserved names cannot follow a dot in CEL.
var reserved = []string{"in", "true", "false", "null"}

// NewEnv makes the environment of a schema. It refuses names that an
// expression could not write and types that do not exist.
func NewEnv(fields []Field) (*Env, error) {
	base, err := stdEnv()
	if err != nil {
		return nil, err
	}
	s := &schema{Provider: base.CELTypeProvider(), fields: make(map[string]*types.FieldType, len(fields)), values: map[string][]string{}}
	for _, f := range fields {
		switch {
		case !identifier.MatchString(f.Name) || slices.Contains(reserved, f.Name):
			return nil, fmt.Errorf("attribute %q: a name is a letter or _, then letters, digits and _", f.Name)
		case celTypes[f.Type] == nil:
			return nil, fmt.Errorf("attribute %q: there is no type %q", f.Name, f.Type)
		case s.fields[f.Name] != nil:
			return nil, fmt.Errorf("attribute %q is there twice", f.Name)
		}
		s.fields[f.Name] = fieldType(f)
		s.unclear = s.unclear || f.Type == Unknown
		s.names = append(s.names, f.Name)
		if f.Type == String && f.Values != nil {
			s.values[f.Name] = f.Values
		}
	}
	slices.Sort(s.names)
	env, err := base.Extend(cel.CustomTypeProvider(s))
	if err != nil {
		return nil, err
	}
	return &Env{cel: env, schema: s, done: map[compileKey]compiled{}}, nil
}

// maxSource is the longest expression, in characters.
const maxSource = 4000

// stdEnv is what all environments share: it is dear to make.
var stdEnv = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(append(functions,
		cel.Variable("subject", recordType),
		cel.Variable("before", recordType),
		cel.Variable("change", changeType),
		cel.Variable("now", cel.TimestampType),
		cel.Variable("people", cel.MapType(cel.StringType, recordType)),
		cel.ParserExpressionSizeLimit(maxSource),
		cel.ParserRecursionLimit(64),
		cel.DefaultUTCTimeZone(true),
		cel.HomogeneousAggregateLiterals(),
	)...)
})

// schema adds the types of records and changes to CEL's own.
type schema struct {
	types.Provider
	fields map[string]*types.FieldType
	names  []string // sorted
	values map[string][]string
	// unclear: there are attributes of type Unknown.
	unclear bool
}

func (s *schema) FindStructType(name string) (*types.Type, bool) {
	switch name {
	case recordType.TypeName():
		return types.NewTypeTypeWithParam(recordType), true
	case changeType.TypeName():
		return types.NewTypeTypeWithParam(changeType), true
	}
	return s.Provider.FindStructType(name)
}

func (s *schema) FindStructFieldNames(name string) ([]string, bool) {
	switch name {
	case recordType.TypeName():
		return s.names, true
	case changeType.TypeName():
		return []string{"fields", "kind"}, true
	}
	return s.Provider.FindStructFieldNames(name)
}

func (s *schema) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	switch name {
	case recordType.TypeName():
		f, ok := s.fields[field]
		return f, ok
	case changeType.TypeName():
		f, ok := changeFields[field]
		return f, ok
	}
	return s.Provider.FindStructFieldType(name, field)
}

func (s *schema) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if name == recordType.TypeName() || name == changeType.TypeName() {
		return types.NewErr("an expression cannot make a %s", name)
	}
	return s.Provider.NewValue(name, fields)
}

// Compile checks an expression and makes it ready. The expression must give
// want, String or Bool. An error is Errors: every fault of the expression.
func (e *Env) Compile(src string, want Type) (*Program, error) {
	key := compileKey{src, want}
	e.mu.Lock()
	done, ok := e.done[key]
	e.mu.Unlock()
	if !ok {
		done.program, done.err = e.compile(src, want)
		e.mu.Lock()
		e.done[key] = done
		e.mu.Unlock()
	}
	return done.program, done.err
}

func (e *Env) compile(src string, want Type) (*Program, error) {
	if want != Bool && want != String {
		return nil, fmt.Errorf("an expression gives %s or %s, not %s", Bool, String, want)
	}
	parsed, issues := e.cel.Parse(src)
	if issues.Err() != nil {
		return nil, e.explain(src, nil, issues)[:1] // what follows a syntax error is noise
	}
	checked, issues := e.cel.Check(parsed)
	if issues.Err() != nil {
		return nil, e.explain(src, parsed, issues)
	}
	if faults := e.inspect(checked, want); len(faults) > 0 {
		return nil, faults
	}
	if err := e.bound(checked); err != nil {
		return nil, Errors{err}
	}
	return e.program(src, checked, want)
}

// errTooDear is what an expression past the bound gets, at check time or when
// it is evaluated.
var errTooDear = errors.New("the expression costs too much")
