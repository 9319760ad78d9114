package scimdir

import (
	"encoding/json"
	"net/http"
	"strings"

	filter "github.com/scim2/filter-parser/v2"
)

// exactly compares these attributes with their case (RFC 7643: caseExact).
var exactly = map[string]bool{"id": true, "externalid": true, "value": true, "$ref": true, "version": true}

// meets says whether a resource, as it is shown, meets a filter (RFC 7644,
// section 3.4.2.2).
func meets(doc map[string]any, e filter.Expression) (bool, error) {
	switch e := e.(type) {
	case *filter.LogicalExpression:
		left, err := meets(doc, e.Left)
		if err != nil || left != (e.Operator == filter.AND) {
			return left, err
		}
		return meets(doc, e.Right)
	case *filter.NotExpression:
		yes, err := meets(doc, e.Expression)
		return !yes, err
	case *filter.ValuePath:
		for _, v := range values(doc, e.AttributePath) {
			if o := asObject(v); o != nil {
				if yes, err := meets(o, e.ValueFilter); yes || err != nil {
					return yes, err
				}
			}
		}
		return false, nil
	case *filter.AttributeExpression:
		return compares(doc, e)
	default:
		return false, refuse(http.StatusBadRequest, "invalidFilter", "the filter cannot be understood")
	}
}

// values gives what stands at a path: every value of a multi-valued
// attribute, and of a complex one its sub-attribute.
func values(doc map[string]any, p filter.AttributePath) []any {
	if uri := strings.TrimSuffix(p.URI(), ":"); uri != "" && !strings.EqualFold(uri, userSchema) && !strings.EqualFold(uri, groupSchema) {
		doc = asObject(get(doc, uri))
	}
	found := flat(get(doc, p.AttributeName))
	if p.SubAttribute == nil {
		return found
	}
	var out []any
	for _, v := range found {
		out = append(out, flat(get(asObject(v), *p.SubAttribute))...)
	}
	return out
}

func flat(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

func compares(doc map[string]any, e *filter.AttributeExpression) (bool, error) {
	found := values(doc, e.AttributePath)
	if e.Operator == filter.PR {
		return len(found) > 0, nil
	}
	name := e.AttributePath.AttributeName
	if e.AttributePath.SubAttribute != nil {
		name = *e.AttributePath.SubAttribute
	}
	want := e.CompareValue
	if s, ok := want.(string); ok {
		plain, err := unquote(s)
		if err != nil {
			return false, err
		}
		want = plain
	}
	fold := !exactly[strings.ToLower(name)]
	if e.Operator == filter.NE {
		for _, v := range found {
			if equal(v, want, fold) {
				return false, nil
			}
		}
		return true, nil
	}
	for _, v := range found {
		if o := asObject(v); o != nil {
			v = get(o, "value") // a complex attribute stands for its value
		}
		if holds(v, e.Operator, want, fold) {
			return true, nil
		}
	}
	return false, nil
}

// unquote resolves the escapes that the parser leaves in a string.
func unquote(s string) (string, error) {
	var out string
	if err := json.Unmarshal([]byte(`"`+s+`"`), &out); err != nil {
		return "", refuse(http.StatusBadRequest, "invalidFilter", "the filter holds a string that is none")
	}
	return out, nil
}

func equal(v, want any, fold bool) bool {
	a, ok := v.(string)
	b, both := want.(string)
	if ok && both && fold {
		return strings.EqualFold(a, b)
	}
	if n, ok := want.(int); ok {
		return v == float64(n)
	}
	return v == want
}

func holds(v any, op filter.CompareOperator, want any, fold bool) bool {
	if op == filter.EQ {
		return equal(v, want, fold)
	}
	a, ok := v.(string)
	b, both := want.(string)
	if !ok || !both {
		return false
	}
	if fold {
		a, b = strings.ToLower(a), strings.ToLower(b)
	}
	switch op {
	case filter.CO:
		return strings.Contains(a, b)
	case filter.SW:
		return strings.HasPrefix(a, b)
	case filter.EW:
		return strings.HasSuffix(a, b)
	case filter.GT:
		return a > b
	case filter.GE:
		return a >= b
	case filter.LT:
		return a < b
	case filter.LE:
		return a <= b
	case filter.EQ, filter.NE, filter.PR: // seen to above
	}
	return false
}
