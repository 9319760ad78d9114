package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
)

// Schemas of RFC 7643 and messages of RFC 7644.
const (
	userSchema       = "urn:ietf:params:scim:schemas:core:2.0:User"
	enterpriseSchema = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	patchSchema      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

// A resource is a SCIM resource as it was sent. Whatever we do not know stays
// in it, so that a PUT does not lose it.
type resource map[string]any

func decode(data []byte) (resource, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var r resource
	if err := d.Decode(&r); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	if r == nil {
		return nil, errors.New("null is no JSON object")
	}
	return r, nil
}

// get gives an attribute. Names of attributes have no case (RFC 7643, section
// 2.1), and servers make use of that.
func (r resource) get(name string) any {
	if v, ok := r[name]; ok {
		return v
	}
	for key, v := range r {
		if strings.EqualFold(key, name) {
			return v
		}
	}
	return nil
}

// put sets an attribute under the name the server uses for it, and removes it
// with nil.
func (r resource) put(name string, value any) {
	for key := range r {
		if strings.EqualFold(key, name) {
			name = key
			break
		}
	}
	if value == nil {
		delete(r, name)
		return
	}
	r[name] = value
}

// object gives a complex attribute, empty where there is none.
func (r resource) object(name string) resource {
	return objectOf(r.get(name))
}

// list gives a multi-valued complex attribute. One value without its brackets
// counts as a list of one, a bare text as its value.
func (r resource) list(name string) []resource {
	switch v := r.get(name).(type) {
	case nil:
		return nil
	case []any:
		out := make([]resource, 0, len(v))
		for _, x := range v {
			if s, ok := x.(string); ok {
				out = append(out, resource{"value": s})
			} else if o := objectOf(x); o != nil {
				out = append(out, o)
			}
		}
		return out
	default:
		if o := objectOf(v); o != nil {
			return []resource{o}
		}
		return nil
	}
}

func objectOf(v any) resource {
	switch v := v.(type) {
	case map[string]any:
		return v
	case resource:
		return v
	default:
		return nil
	}
}

func (r resource) text(name string) string { return text(r.get(name)) }

// text gives the canonical text of a simple value, "" for anything else.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	default:
		return ""
	}
}

func texts(v any) []string {
	list, ok := v.([]any)
	if !ok {
		return []string{text(v)}
	}
	out := make([]string, 0, len(list))
	for _, x := range list {
		out = append(out, text(x))
	}
	return out
}

// truth reads a boolean, also the texts "True" and "False" that Microsoft
// Entra sends. It says whether the value is one at all.
func truth(v any) (value, said bool) {
	switch strings.ToLower(strings.TrimSpace(text(v))) {
	case "true":
		return true, true
	case "false":
		return false, true
	default:
		return false, false
	}
}

// number reads a count, also from a text; what is none gives otherwise.
func number(v any, otherwise int) int {
	n, err := strconv.Atoi(text(v))
	if err != nil {
		return otherwise
	}
	return n
}
