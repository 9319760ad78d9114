package scimdir

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	filter "github.com/scim2/filter-parser/v2"
)

// patchRequest is the body of a PATCH (RFC 7644, section 3.5.2).
type patchRequest struct {
	Schemas    []string `json:"schemas"`
	Operations []struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	} `json:"Operations"`
}

// patched carries the operations out on a document, all or none: the caller
// throws the document away after an error.
func patched(doc map[string]any, p patchRequest) error {
	if len(p.Operations) == 0 {
		return refuse(http.StatusBadRequest, "invalidSyntax", "the PATCH has no operations")
	}
	for _, o := range p.Operations {
		op := strings.ToLower(o.Op)
		if !slices.Contains([]string{"add", "replace", "remove"}, op) {
			return refuse(http.StatusBadRequest, "invalidSyntax", "there is no operation %q", o.Op)
		}
		if o.Path != "" {
			if err := operate(doc, op, o.Path, o.Value); err != nil {
				return err
			}
			continue
		}
		value := asObject(o.Value)
		if value == nil || op == "remove" {
			return refuse(http.StatusBadRequest, "noTarget", "an operation %q needs a path", op)
		}
		for path, v := range value {
			if err := operate(doc, op, path, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func operate(doc map[string]any, op, path string, value any) error {
	if strings.EqualFold(path, enterpriseSchema) {
		return assign(doc, op, enterpriseSchema, value)
	}
	if len(path) > maxExpression {
		return refuse(http.StatusBadRequest, "invalidPath", "the path is longer than %d bytes", maxExpression)
	}
	p, err := filter.ParsePath([]byte(path))
	if err != nil {
		return refuse(http.StatusBadRequest, "invalidPath", "the path %q cannot be understood", path)
	}
	if slices.ContainsFunc([]string{"id", "meta", "groups"}, func(s string) bool { return strings.EqualFold(s, p.AttributePath.AttributeName) }) {
		return refuse(http.StatusBadRequest, "mutability", "%s is read only", p.AttributePath.AttributeName)
	}
	if uri := strings.TrimSuffix(p.AttributePath.URI(), ":"); uri != "" && !strings.EqualFold(uri, userSchema) && !strings.EqualFold(uri, groupSchema) {
		if !strings.EqualFold(uri, enterpriseSchema) {
			return refuse(http.StatusBadRequest, "invalidPath", "there is no schema %q here", uri)
		}
		doc = inner(doc, enterpriseSchema)
	}
	switch {
	case p.ValueExpression != nil:
		return operateOn(doc, op, p, value)
	case p.AttributePath.SubAttribute != nil:
		return assign(inner(doc, p.AttributePath.AttributeName), op, *p.AttributePath.SubAttribute, value)
	default:
		return assign(doc, op, p.AttributePath.AttributeName, value)
	}
}

// inner gives a complex attribute, made where it is missing.
func inner(doc map[string]any, name string) map[string]any {
	if o := asObject(get(doc, name)); o != nil {
		return o
	}
	o := map[string]any{}
	set(doc, name, o)
	return o
}

// assign sets, adds to or removes a whole attribute. Without a filter, remove
// removes all its values (section 3.5.2.2), whatever value comes with it.
func assign(doc map[string]any, op, name string, value any) error {
	now := get(doc, name)
	switch {
	case op == "remove":
		set(doc, name, nil)
	case value == nil:
		return refuse(http.StatusBadRequest, "invalidValue", "%s of %s needs a value", op, name)
	case op == "add" && (isList(now) || isList(value)):
		set(doc, name, union(flat(now), flat(value)))
	case asObject(now) != nil && asObject(value) != nil:
		for key, v := range asObject(value) {
			set(asObject(now), key, v)
		}
	default:
		set(doc, name, value)
	}
	return nil
}

func isList(v any) bool {
	_, ok := v.([]any)
	return ok
}

// union adds what is not there yet; a complex value is known by its value.
func union(now, more []any) []any {
	out := slices.Clone(now)
	for _, v := range more {
		id := get(asObject(v), "value")
		if id == nil || !slices.ContainsFunc(out, func(o any) bool {
			return get(asObject(o), "value") == id && get(asObject(o), "type") == get(asObject(v), "type") || asObject(v) != nil && len(asObject(v)) == 1 && get(asObject(o), "value") == id
		}) {
			out = append(out, v)
		}
	}
	return out
}

// operateOn works on the values of a multi-valued attribute that meet a filter.
func operateOn(doc map[string]any, op string, p filter.Path, value any) error {
	name := p.AttributePath.AttributeName
	var rest []any
	met := false
	for _, v := range flat(get(doc, name)) {
		o := asObject(v)
		yes, err := meets(o, p.ValueExpression)
		if err != nil {
			return asPathTrouble(err)
		}
		if o == nil || !yes {
			rest = append(rest, v)
			continue
		}
		met = true
		switch {
		case p.SubAttribute != nil:
			if err := assign(o, op, *p.SubAttribute, value); err != nil {
				return err
			}
		case op == "remove":
			continue
		default:
			for key, x := range asObject(value) {
				set(o, key, x)
			}
		}
		rest = append(rest, o)
	}
	if !met && op != "remove" {
		return refuse(http.StatusBadRequest, "noTarget", "nothing in %s meets the filter", name)
	}
	set(doc, name, rest)
	return nil
}

func asPathTrouble(err error) error {
	var t *trouble
	if errors.As(err, &t) {
		return refuse(t.status, "invalidPath", "%s", t.detail)
	}
	return err
}
