package ldap

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"github.com/onus-id/onus"
)

// below makes the DN of an entry of that name below a base.
func below(attribute, name, base string) string {
	return attribute + "=" + escapeValue(name) + "," + base
}

// escapeValue escapes an attribute value for a DN (RFC 4514, section 2.4).
// Everything doubtful goes as hexadecimal, which no server misreads.
func escapeValue(value string) string {
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		edge := c == ' ' && (i == 0 || i == len(value)-1)
		if edge || c < ' ' || c == 0x7f || c == '#' && i == 0 || strings.IndexByte(`"+,;<>\=`, c) >= 0 {
			const digits = "0123456789abcdef"
			b.Write([]byte{'\\', digits[c>>4], digits[c&15]})
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// sameDN gives a form of a DN that is equal for equal DNs: attribute types
// and values fold case, as those that name people and groups do.
func sameDN(dn string) string {
	if isPlain(dn) {
		return strings.ToLower(dn)
	}
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return strings.ToLower(dn)
	}
	var b strings.Builder
	for i, rdn := range parsed.RDNs {
		if i > 0 {
			b.WriteByte(',')
		}
		parts := make([]string, len(rdn.Attributes))
		for j, a := range rdn.Attributes {
			parts[j] = strings.ToLower(a.Type) + "=" + escapeValue(strings.ToLower(a.Value))
		}
		slices.Sort(parts)
		b.WriteString(strings.Join(parts, "+"))
	}
	return b.String()
}

// isPlain says whether a DN can be written in one way only, case apart. Most
// can, and a scan compares a great many.
func isPlain(dn string) bool {
	equals, commas := 0, 0
	for i := range len(dn) {
		switch c := dn[i]; {
		case c <= ' ' || c >= utf8.RuneSelf || strings.IndexByte(`\"+#;<>`, c) >= 0:
			return false
		case c == '=':
			equals++
		case c == ',':
			commas++
		}
	}
	return equals == commas+1
}

// nameOf gives the value of an attribute by which the entry itself is named,
// or the first that it has.
func nameOf(e *ldap.Entry, attribute string) string {
	if parsed, err := ldap.ParseDN(e.DN); err == nil && len(parsed.RDNs) > 0 {
		for _, a := range parsed.RDNs[0].Attributes {
			if strings.EqualFold(a.Type, attribute) {
				return a.Value
			}
		}
	}
	return e.GetEqualFoldAttributeValue(attribute)
}

// values gives the values that an attribute's canonical text stands for: none
// when empty, several when it is a JSON array of strings.
func values(text string) []string {
	if text == "" {
		return nil
	}
	if strings.HasPrefix(text, "[") {
		var list []string
		if json.Unmarshal([]byte(text), &list) == nil {
			return list
		}
	}
	return []string{text}
}

// text is the inverse of values; an order that means nothing is sorted away.
func text(values []string) string {
	if len(values) == 1 && !isList(values[0]) {
		return values[0]
	}
	list := slices.Sorted(slices.Values(values))
	data, err := json.Marshal(list)
	if err != nil {
		panic("ldap: strings do not marshal: " + err.Error())
	}
	return string(data)
}

// isList says whether a single value would be read as a list.
func isList(value string) bool {
	var list []string
	return strings.HasPrefix(value, "[") && json.Unmarshal([]byte(value), &list) == nil
}

// sameValues says whether an attribute has the values that are wanted.
func sameValues(have, want []string) bool {
	if len(have) != len(want) {
		return false
	}
	a, b := slices.Clone(have), slices.Clone(want)
	slices.Sort(a)
	slices.Sort(b)
	return slices.EqualFunc(a, b, func(x, y string) bool {
		return x == y || strings.Contains(x, "=") && sameDN(x) == sameDN(y) // servers write DNs their own way
	})
}

// attributesOf gives an entry's attributes, without those that are not a
// person's: passwords, classes, what is not text.
func attributesOf(e *ldap.Entry, is dialect) onus.Attributes {
	out := onus.Attributes{}
	for _, a := range e.Attributes {
		if hidden(a.Name, is) || len(a.Values) == 0 || slices.ContainsFunc(a.Values, func(v string) bool { return !utf8.ValidString(v) }) {
			continue
		}
		out[a.Name] = text(a.Values)
	}
	return out
}

// hidden says whether an attribute is the connector's business alone.
func hidden(attribute string, is dialect) bool {
	base, _, _ := strings.Cut(strings.ToLower(attribute), ";")
	switch base {
	case "objectclass", "userpassword", "unicodepwd", "jpegphoto", "usercertificate":
		return true
	default:
		return slices.ContainsFunc([]string{is.ref, is.version, is.lock, is.groups, is.member}, func(own string) bool {
			return strings.EqualFold(own, base)
		})
	}
}
