package scim

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/onus-id/onus/connector"
)

// equals builds the filter: attribute eq "value" (RFC 7644, section 3.4.2.2).
func equals(attribute, value string) (string, error) {
	quoted, err := quote(value)
	if err != nil {
		return "", err
	}
	return attribute + " eq " + quoted, nil
}

// memberPath builds the path of one member of a group.
func memberPath(id string) (string, error) {
	filter, err := equals("value", id)
	if err != nil {
		return "", err
	}
	return "members[" + filter + "]", nil
}

// quote writes a value as a JSON string of the filter grammar: nothing in it
// can end it. What is not UTF-8 cannot be asked for.
func quote(value string) (string, error) {
	if !utf8.ValidString(value) {
		return "", &connector.Error{Kind: connector.Invalid, Op: "read", Message: fmt.Sprintf("the name %q is not UTF-8 text", value)}
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range value {
		switch {
		case r == '"', r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ':
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String(), nil
}
