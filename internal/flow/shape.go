package flow

import "reflect"

// Form is what a value looks like in YAML.
type Form string

// The forms.
const (
	Object Form = "object" // Fields are what it may have
	Table  Form = "table"  // people choose the keys; Item is what a value looks like
	Listed Form = "list"   // of Item
	OneOf  Form = "one of" // a text, or a list of texts
	Text   Form = "text"
	Scalar Form = "scalar" // a text, a whole number, true or false
	Whole  Form = "whole number"
	Number Form = "number"
	Truth  Form = "true or false"
	Span   Form = "duration"
	Bound  Form = "limit"
	Moment Form = "time"
)

// A Shape describes what people may write, for editors and documents.
type Shape struct {
	Form   Form
	Fields []ShapeField
	Item   *Shape
	Enum   []string
}

// A ShapeField is a field of an object.
type ShapeField struct {
	Name     string
	Doc      string
	Required bool
	Shape    Shape
}

// A KindShape is the shape of a kind of document.
type KindShape struct {
	Kind string
	Shape
}

// Kinds gives the shape of every kind of document, tests last.
func Kinds() []KindShape {
	return []KindShape{
		{"Organisation", shapeOf(reflect.TypeFor[organisationShape](), nil)},
		{"Source", shapeOf(reflect.TypeFor[sourceShape](), nil)},
		{"System", shapeOf(reflect.TypeFor[systemShape](), nil)},
		{"Entitlement", shapeOf(reflect.TypeFor[entitlementShape](), nil)},
		{"Rota", shapeOf(reflect.TypeFor[rotaShape](), nil)},
		{"Workflow", shapeOf(reflect.TypeFor[workflowShape](), nil)},
		{"SeparationOfDuty", shapeOf(reflect.TypeFor[separationShape](), nil)},
		{"Rule", shapeOf(reflect.TypeFor[ruleShape](), nil)},
		{"Campaign", shapeOf(reflect.TypeFor[campaignShape](), nil)},
		{"Test", shapeOf(reflect.TypeFor[testShape](), nil)},
	}
}

func shapeOf(t reflect.Type, enum []string) Shape {
	v := reflect.New(t).Interface()
	if l, ok := v.(leaf); ok {
		s := l.shape()
		s.Enum = enum
		return s
	}
	if tr, ok := v.(tableReader); ok {
		item := shapeOf(tr.elem(), nil)
		return Shape{Form: Table, Item: &item}
	}
	switch t.Kind() { //nolint:exhaustive // shapes are made of these kinds only
	case reflect.Pointer:
		return shapeOf(t.Elem(), enum)
	case reflect.Slice:
		item := shapeOf(t.Elem(), enum)
		return Shape{Form: Listed, Item: &item}
	default:
		return structShape(t)
	}
}

func structShape(t reflect.Type) Shape {
	s := Shape{Form: Object}
	for _, f := range fields(t) {
		s.Fields = append(s.Fields, ShapeField{
			Name: f.name, Doc: f.doc, Required: f.required, Shape: shapeOf(t.Field(f.index).Type, f.enum),
		})
	}
	return s
}

func (*text) shape() Shape         { return Shape{Form: Text} }
func (*scalar) shape() Shape       { return Shape{Form: Scalar} }
func (*flag) shape() Shape         { return Shape{Form: Truth} }
func (*number) shape() Shape       { return Shape{Form: Whole} }
func (*decimal) shape() Shape      { return Shape{Form: Number} }
func (*span) shape() Shape         { return Shape{Form: Span} }
func (*limit) shape() Shape        { return Shape{Form: Bound} }
func (*moment) shape() Shape       { return Shape{Form: Moment} }
func (*nameShape) shape() Shape    { return Shape{Form: OneOf} }
func (*stringsShape) shape() Shape { return Shape{Form: OneOf} }
func (*secretShape) shape() Shape  { return structShape(reflect.TypeFor[secretShape]()) }
