package intake

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flow/expr"
)

// What an expression can read of an attribute bounds what a record may hold.
const (
	maxText  = 4096
	maxItems = 256
)

// Canonical writes a value as onus.Attributes keeps it, or says why the
// schema does not allow it. The error does not repeat the value, which may
// be personal data. An empty text is absent, and canonical for every type.
func Canonical(a *flow.Attribute, raw string) (string, error) {
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return "", nil
	}
	switch {
	case len(raw) > maxText:
		return "", fmt.Errorf("is longer than %d bytes", maxText)
	case !utf8.ValidString(raw):
		return "", errors.New("is not UTF-8")
	case strings.IndexByte(raw, 0) >= 0:
		return "", errors.New("holds a NUL character")
	}
	text, err := typed(a.Type, raw)
	if err != nil || text == "" {
		return "", err
	}
	return text, allowed(a, text)
}

func typed(t expr.Type, raw string) (string, error) {
	switch t {
	case expr.Int:
		n, err := strconv.ParseInt(raw, 10, 64)
		if err != nil {
			return "", errors.New("is not a whole number")
		}
		return strconv.FormatInt(n, 10), nil
	case expr.Bool:
		switch strings.ToLower(raw) {
		case "true", "yes", "1":
			return "true", nil
		case "false", "no", "0":
			return "false", nil
		}
		return "", errors.New("is neither true nor false")
	case expr.Date:
		d, err := time.Parse(time.DateOnly, raw)
		if err != nil {
			return "", errors.New("is not a date as 2006-01-02")
		}
		return d.Format(time.DateOnly), nil
	case expr.Timestamp:
		at, err := time.Parse(time.RFC3339Nano, raw)
		if err != nil {
			return "", errors.New("is not a time as 2006-01-02T15:04:05Z")
		}
		return at.UTC().Format(time.RFC3339Nano), nil
	case expr.List:
		return list(raw)
	case expr.String:
		return raw, nil
	case expr.Unknown: // the definitions are at fault, and say so
		return "", errors.New("has no type")
	default:
		return "", fmt.Errorf("has a type that does not exist: %q", t)
	}
}

// list reads "a;b" or a JSON array of strings. The order stays, for it may
// mean something; what is empty or repeated goes.
func list(raw string) (string, error) {
	items := strings.Split(raw, ";")
	if strings.HasPrefix(raw, "[") {
		items = nil
		if err := json.Unmarshal([]byte(raw), &items); err != nil {
			return "", errors.New("is not a JSON array of texts")
		}
	}
	var kept []string
	for _, item := range items {
		item = strings.TrimSpace(item)
		switch {
		case strings.IndexByte(item, 0) >= 0:
			return "", errors.New("holds a NUL character")
		case item != "" && !slices.Contains(kept, item):
			kept = append(kept, item)
		}
		if len(kept) > maxItems {
			return "", fmt.Errorf("has more than %d items", maxItems)
		}
	}
	if len(kept) == 0 {
		return "", nil
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return "", errors.New("does not write as JSON")
	}
	if len(text) > maxText {
		return "", fmt.Errorf("is longer than %d bytes", maxText)
	}
	return string(text), nil
}

// allowed checks values and pattern; of a list, for every item.
func allowed(a *flow.Attribute, text string) error {
	if a.Values == nil && a.Pattern == nil {
		return nil
	}
	items := []string{text}
	if a.Type == expr.List {
		if err := json.Unmarshal([]byte(text), &items); err != nil {
			return errors.New("is not a list")
		}
	}
	for _, item := range items {
		if a.Values != nil && !slices.Contains(a.Values, item) {
			return errors.New("is none of the values that the schema allows")
		}
		if a.Pattern != nil && !a.Pattern.MatchString(item) {
			return fmt.Errorf("does not match the pattern %s", a.Pattern)
		}
	}
	return nil
}

// aNumber is what a spreadsheet makes of an employee number.
var aNumber = regexp.MustCompile(`^[+-]?[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+$|^[+-]?[0-9]+[.,]0+$`)

// readAsNumber says whether an identifier went through a floating-point
// number on its way: 123456 came back as 1.23E+05, or 123 as 123.0.
func readAsNumber(key string) bool { return aNumber.MatchString(key) }

// withoutZeros is what is left of a number's digits when they were read as
// one; "" of what is no number.
func withoutZeros(key string) string {
	for _, c := range key {
		if c < '0' || c > '9' {
			return ""
		}
	}
	return strings.TrimLeft(key, "0")
}

// dateIn gives the date of a canonical date or time in a zone; "" of nothing.
func dateIn(text string, zone *time.Location) string {
	if len(text) <= len(time.DateOnly) {
		return text
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return ""
	}
	return at.In(zone).Format(time.DateOnly)
}

// today is the date that it is where the organisation is.
func today(prog *flow.Program, now time.Time) string {
	return now.In(zoneOf(prog)).Format(time.DateOnly)
}

func zoneOf(prog *flow.Program) *time.Location {
	if prog.Organisation.Zone == nil {
		return time.UTC
	}
	return prog.Organisation.Zone
}

// differing gives the names of the attributes that differ, sorted.
func differing(a, b onus.Attributes) []string {
	var names []string
	for name, v := range a {
		if b[name] != v {
			names = append(names, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
