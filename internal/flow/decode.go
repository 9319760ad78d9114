package flow

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/onus-id/onus/internal/flow/expr"
)

// A decoder reads a document into the shapes of shapes.go, keeping the place
// of everything. What is wrong is reported and left out, and the rest is read.
type decoder struct {
	doc    *document
	report func(Fault)
	left   int // nodes that may still be read: anchors can multiply a small file
}

const (
	maxNodes = 200_000
	maxDepth = 40
)

// A leaf reads itself from a node.
type leaf interface {
	read(d *decoder, n *yaml.Node, f *field)
	shape() Shape
}

// A field of a shape, from its tags: `yaml:"name"`, `want:"required"`,
// `enum:"a|b"`, `doc:"what it is"`, `missing:"what to say when
// it is not there"`.
type field struct {
	index    int
	name     string
	required bool
	enum     []string
	doc      string
	missing  string
}

var fieldsOf = struct {
	sync.Mutex
	m map[reflect.Type][]field
}{m: map[reflect.Type][]field{}}

// fields gives the fields of a shape.
func fields(t reflect.Type) []field {
	fieldsOf.Lock()
	defer fieldsOf.Unlock()
	if fs, ok := fieldsOf.m[t]; ok {
		return fs
	}
	var fs []field
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		name, ok := tag.Lookup("yaml")
		if !ok {
			continue
		}
		f := field{index: i, name: name, required: tag.Get("want") == "required", doc: tag.Get("doc"), missing: tag.Get("missing")}
		if enum := tag.Get("enum"); enum != "" {
			f.enum = strings.Split(enum, "|")
		}
		fs = append(fs, f)
	}
	fieldsOf.m[t] = fs
	return fs
}

func (d *decoder) at(n *yaml.Node) place { return place{d.doc, n} }

func (d *decoder) fault(n *yaml.Node, message, hint string) {
	at := d.at(n)
	d.report(at.fault(message, hint))
}

// resolve follows an alias, and says whether the node may be read at all.
func (d *decoder) resolve(n *yaml.Node, depth int) (*yaml.Node, bool) {
	d.left--
	if d.left < 0 || depth > maxDepth {
		if d.left > -maxNodes {
			d.fault(n, "the document is too large or too deep", "")
			d.left = -maxNodes
		}
		return nil, false
	}
	if n.Kind == yaml.AliasNode {
		return n.Alias, true
	}
	return n, true
}

// read reads a node into a value of any shape. It reports what is wrong.
func (d *decoder) read(n *yaml.Node, v reflect.Value, f *field, depth int) {
	n, ok := d.resolve(n, depth)
	if !ok {
		return
	}
	switch l := v.Addr().Interface().(type) {
	case leaf:
		l.read(d, n, f)
		return
	case tableReader:
		l.readTable(d, n, f, depth)
		return
	}
	switch v.Kind() { //nolint:exhaustive // shapes are made of these kinds only
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.read(n, v.Elem(), f, depth)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			d.fault(n, f.name+" wants a list", "write "+f.name+": [...]")
			return
		}
		if f.required && len(n.Content) == 0 {
			d.fault(n, f.name+" is empty", f.doc)
		}
		v.Set(reflect.MakeSlice(v.Type(), 0, len(n.Content))) // an empty list is not an absent one
		for _, item := range n.Content {
			elem := reflect.New(v.Type().Elem()).Elem()
			d.read(item, elem, f, depth+1)
			v.Set(reflect.Append(v, elem))
		}
	case reflect.Struct:
		d.readStruct(n, v, f, depth)
	default:
		panic("flow: no shape of kind " + v.Kind().String())
	}
}

func (d *decoder) readStruct(n *yaml.Node, v reflect.Value, f *field, depth int) {
	if p, ok := v.Addr().Interface().(placed); ok {
		p.put(d.at(n))
	}
	if n.Kind != yaml.MappingNode {
		d.fault(n, f.name+" wants a mapping", "it has "+strings.Join(names(fields(v.Type())), ", "))
		return
	}
	known := fields(v.Type())
	seen := map[string]bool{}
	for _, p := range d.pairs(n, f, depth) {
		i := slices.IndexFunc(known, func(f field) bool { return f.name == p.key.Value })
		if i < 0 {
			hint := "there are " + strings.Join(names(known), ", ")
			if near := expr.Nearest(p.key.Value, names(known)); near != "" {
				hint = "did you mean " + near + "?"
			}
			d.fault(p.key, "unknown field "+p.key.Value, hint)
			continue
		}
		seen[known[i].name] = true
		if isNull(p.value) {
			if known[i].required {
				d.lacks(p.key, known[i].name+" is empty", &known[i])
			}
			continue
		}
		d.read(p.value, v.Field(known[i].index), &known[i], depth+1)
	}
	for _, k := range known {
		if k.required && !seen[k.name] {
			d.lacks(n, nounOf(v, f)+" has no "+k.name, &k)
		}
	}
}

// lacks reports a field that is needed and not there.
func (d *decoder) lacks(n *yaml.Node, message string, f *field) {
	if f.missing != "" {
		message = f.missing
	}
	d.fault(n, message, f.doc)
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0
}

// nounOf names what lacks something.
func nounOf(v reflect.Value, f *field) string {
	noun := "the " + strings.TrimSuffix(f.name, "s")
	if n, ok := v.Addr().Interface().(interface{ noun() string }); ok {
		noun = n.noun()
	}
	return noun
}

func names(fs []field) []string {
	out := make([]string, len(fs))
	for i, f := range fs {
		out[i] = f.name
	}
	return out
}

type pair struct{ key, value *yaml.Node }

// pairs gives a mapping's entries with merged ones (<<) in it, and reports
// keys that are there twice.
func (d *decoder) pairs(n *yaml.Node, f *field, depth int) []pair {
	var out, merged []pair
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			d.fault(key, "a key in "+f.name+" is not a text", "")
		case key.ShortTag() == "!!merge":
			merged = append(merged, d.merge(value, f, depth)...)
		case seen[key.Value]:
			d.fault(key, key.Value+" is there twice", "keep one of them")
		default:
			seen[key.Value] = true
			out = append(out, pair{key, value})
		}
	}
	for _, p := range merged {
		if !seen[p.key.Value] {
			seen[p.key.Value] = true
			out = append(out, p)
		}
	}
	return out
}

// merge gives the entries that << brings in.
func (d *decoder) merge(n *yaml.Node, f *field, depth int) []pair {
	n, ok := d.resolve(n, depth+1)
	if !ok {
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		return d.pairs(n, f, depth+1)
	case yaml.SequenceNode:
		var out []pair
		for _, item := range n.Content {
			out = append(out, d.merge(item, f, depth+1)...)
		}
		return out
	case yaml.DocumentNode, yaml.ScalarNode, yaml.AliasNode:
	}
	d.fault(n, "<< wants a mapping", "")
	return nil
}

// A table is a mapping whose keys people choose, in the order written.
type table[T any] struct {
	place
	entries []entry[T]
}

type entry[T any] struct {
	key   text
	value T
}

type tableReader interface {
	readTable(d *decoder, n *yaml.Node, f *field, depth int)
	elem() reflect.Type
}

func (t *table[T]) elem() reflect.Type { return reflect.TypeFor[T]() }

func (t *table[T]) readTable(d *decoder, n *yaml.Node, f *field, depth int) {
	t.place = d.at(n)
	if n.Kind != yaml.MappingNode {
		d.fault(n, f.name+" wants a mapping", "write "+f.name+": {name: ...}")
		return
	}
	for _, p := range d.pairs(n, f, depth) {
		var e entry[T]
		inner := *f
		inner.name = f.name + "." + p.key.Value
		e.key.read(d, p.key, &field{name: "a key in " + f.name})
		if isNull(p.value) {
			// `department:` alone means a department with nothing special.
			if _, isLeaf := any(&e.value).(leaf); isLeaf {
				d.fault(p.key, inner.name+" is empty", "")
				continue
			}
			if at, ok := any(&e.value).(placed); ok {
				at.put(d.at(p.key))
			}
		} else {
			d.read(p.value, reflect.ValueOf(&e.value).Elem(), &inner, depth+1)
		}
		t.entries = append(t.entries, e)
	}
}

func (t *table[T]) get(key string) (T, bool) {
	for _, e := range t.entries {
		if e.key.value == key {
			return e.value, true
		}
	}
	var zero T
	return zero, false
}

func reflectOf(shape any) reflect.Value { return reflect.ValueOf(shape).Elem() }
