package expr

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/onus-id/onus"
)

// maxText is the longest attribute that an expression may read. The static
// bound on cost counts on it.
const maxText = 4096

// maxItems is the longest list that the static bound counts on.
const maxItems = 256

var (
	recordType = types.NewObjectType("onus.Record")
	changeType = types.NewObjectType("onus.Change")
)

// object is a value with a fixed set of fields. The interpreter reaches its
// fields through the getters of fieldType, so the other ways to look at it are
// closed.
type object struct{ typ *types.Type }

func (o *object) Type() ref.Type { return o.typ }

func (o *object) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("%s does not convert to %v", o.typ, t)
}

func (o *object) ConvertToType(t ref.Type) ref.Val {
	return types.NewErr("%s does not convert to %s", o.typ, t)
}

// record shows attributes to an expression, converting them as they are read.
type record struct {
	object
	attrs onus.Attributes
}

func (r *record) Value() any { return r }

func (r *record) Equal(other ref.Val) ref.Val {
	o, ok := other.(*record)
	return types.Bool(ok && o == r)
}

// changed shows a Change to an expression.
type changed struct {
	object
	change Change
}

func (c *changed) Value() any { return c }

func (c *changed) Equal(other ref.Val) ref.Val {
	o, ok := other.(*changed)
	return types.Bool(ok && o == c)
}

// changeOf gives the change that a getter is asked about.
func changeOf(target any) Change {
	if c, ok := target.(*changed); ok {
		return c.change
	}
	return Change{}
}

// attrsOf gives the attributes of the record that a getter is asked about.
func attrsOf(target any) onus.Attributes {
	if r, ok := target.(*record); ok {
		return r.attrs
	}
	return nil
}

var changeFields = map[string]*types.FieldType{
	"kind": {
		Type:    types.StringType,
		IsSet:   func(target any) bool { return changeOf(target).Kind != "" },
		GetFrom: func(target any) (any, error) { return types.String(changeOf(target).Kind), nil },
	},
	"fields": {
		Type:    types.NewListType(types.StringType),
		IsSet:   func(target any) bool { return len(changeOf(target).Fields) > 0 },
		GetFrom: func(target any) (any, error) { return stringList(changeOf(target).Fields), nil },
	},
}

// fieldType gives the interpreter access to one attribute.
func fieldType(f Field) *types.FieldType {
	name, convert := f.Name, conversions[f.Type]
	return &types.FieldType{
		Type:  celTypes[f.Type],
		IsSet: func(target any) bool { return attrsOf(target)[name] != "" },
		GetFrom: func(target any) (any, error) {
			text := attrsOf(target)[name]
			if len(text) > maxText {
				return nil, fmt.Errorf("attribute %s is longer than %d bytes", name, maxText)
			}
			v, err := convert(text)
			if err != nil {
				// The text may be personal data: it stays out of the message.
				return nil, fmt.Errorf("attribute %s is not a valid %s", name, f.Type)
			}
			return v, nil
		},
	}
}

var celTypes = map[Type]*types.Type{
	String:    types.StringType,
	Int:       types.IntType,
	Bool:      types.BoolType,
	Date:      types.TimestampType,
	Timestamp: types.TimestampType,
	List:      types.NewListType(types.StringType),
	Unknown:   types.DynType,
}

// conversions read canonical text (see onus.Attributes); "" is what is absent.
var conversions = map[Type]func(text string) (ref.Val, error){
	String: func(text string) (ref.Val, error) { return types.String(text), nil },
	Int: func(text string) (ref.Val, error) {
		if text == "" {
			return types.IntZero, nil
		}
		n, err := strconv.ParseInt(text, 10, 64)
		return types.Int(n), err
	},
	Bool: func(text string) (ref.Val, error) {
		switch text {
		case "true":
			return types.True, nil
		case "false", "":
			return types.False, nil
		}
		return nil, strconv.ErrSyntax
	},
	Unknown:   func(text string) (ref.Val, error) { return types.String(text), nil },
	Date:      func(text string) (ref.Val, error) { return timestamp(time.DateOnly, text) },
	Timestamp: func(text string) (ref.Val, error) { return timestamp(time.RFC3339, text) },
	List: func(text string) (ref.Val, error) {
		var items []string
		if text != "" {
			if err := json.Unmarshal([]byte(text), &items); err != nil {
				return nil, err
			}
		}
		return stringList(items), nil
	},
}

func timestamp(layout, text string) (ref.Val, error) {
	if text == "" {
		return types.Timestamp{Time: time.Time{}}, nil
	}
	t, err := time.Parse(layout, text)
	return types.Timestamp{Time: t.UTC()}, err
}

func stringList(items []string) ref.Val {
	return types.NewStringList(types.DefaultTypeAdapter, items)
}

// peopleMap is the map "people": an index, never an enumeration. Compile
// refuses every expression that would ask for more than a look-up.
type peopleMap struct {
	object
	people People
}

func (m *peopleMap) Type() ref.Type { return types.MapType }

func (m *peopleMap) Value() any { return m }

func (m *peopleMap) Equal(other ref.Val) ref.Val {
	o, ok := other.(*peopleMap)
	return types.Bool(ok && o == m)
}

func (m *peopleMap) Find(key ref.Val) (ref.Val, bool) {
	k, ok := key.(types.String)
	if !ok || k == "" || m.people == nil {
		return nil, false
	}
	attrs, ok := m.people.Person(string(k))
	if !ok {
		return nil, false
	}
	return &record{object{recordType}, attrs}, true
}

func (m *peopleMap) Contains(key ref.Val) ref.Val {
	_, ok := m.Find(key)
	return types.Bool(ok)
}

func (m *peopleMap) Get(key ref.Val) ref.Val {
	if v, ok := m.Find(key); ok {
		return v
	}
	return types.NewErr("nobody active is known under that key in people")
}

func (m *peopleMap) Size() ref.Val { return types.NewErr("people can only be looked up") }

func (m *peopleMap) Iterator() traits.Iterator { return nobody{} }

// nobody is the iterator over people: Compile refuses to ask for it.
type nobody struct{}

func (nobody) HasNext() ref.Val { return types.False }

func (nobody) Next() ref.Val { return types.NewErr("people can only be looked up") }

func (nobody) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("an iterator does not convert to %v", t)
}

func (nobody) ConvertToType(ref.Type) ref.Val {
	return types.NewErr("an iterator does not convert")
}

func (nobody) Equal(ref.Val) ref.Val { return types.False }

func (nobody) Type() ref.Type { return types.IteratorType }

func (nobody) Value() any { return nil }

var (
	_ traits.Mapper   = (*peopleMap)(nil)
	_ traits.Iterator = nobody{}
)
