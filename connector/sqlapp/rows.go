package sqlapp

import (
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// reader puts rows together.
type reader struct {
	names   []string // of columns
	dates   []bool   // whose values are dates without a time
	values  []any
	split   int
	current *connector.Account
	holds   map[onus.Held]bool
}

func newReader(rows *sql.Rows) (*reader, error) {
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	r := &reader{names: names, values: make([]any, len(names)), dates: make([]bool, len(names)), split: slices.Index(names, split)}
	for i := range r.values {
		r.values[i] = new(any)
		r.dates[i] = strings.EqualFold(types[i].DatabaseTypeName(), "DATE")
	}
	for _, need := range []struct {
		query string
		names []string
		want  []string
	}{
		{"accounts", names[:r.split], []string{"ref", "name", "enabled"}},
		{"holds", names[r.split+1:], []string{"ref", "entitlement", "entitlement_ref"}},
	} {
		for _, w := range need.want {
			if !slices.Contains(need.names, w) {
				return nil, refuse(connector.Invalid, "read", "the query %s has no column %s", need.query, w)
			}
		}
	}
	return r, nil
}

// row takes a row, and gives the account before it if that is complete.
func (r *reader) row(rows *sql.Rows) (*connector.Account, error) {
	if err := rows.Scan(r.values...); err != nil {
		return nil, err
	}
	next, err := r.account()
	if err != nil {
		return nil, err
	}
	held, holds, err := r.held()
	if err != nil {
		return nil, err
	}
	var before *connector.Account
	switch {
	case r.current == nil:
	case r.current.Ref != next.Ref:
		x := r.ended()
		before = &x
	case onus.DigestOfJSON(r.current.Image()) != onus.DigestOfJSON(next.Image()):
		return nil, refuse(connector.Invalid, "read", "the query accounts gives the ref %s twice, with different values", next.Ref)
	}
	if r.current == nil || before != nil {
		r.current, r.holds = &next, map[onus.Held]bool{}
	}
	if holds {
		r.holds[held] = true
	}
	return before, nil
}

// ended gives the account that all rows were seen of.
func (r *reader) ended() connector.Account {
	x := *r.current
	for h := range r.holds {
		x.Holds = append(x.Holds, h)
	}
	slices.SortFunc(x.Holds, func(a, b onus.Held) int {
		return strings.Compare(a.Entitlement+"\x00"+string(a.Path)+"\x00"+a.Via, b.Entitlement+"\x00"+string(b.Path)+"\x00"+b.Via)
	})
	r.current = nil
	return x
}

func (r *reader) account() (connector.Account, error) {
	x := connector.Account{Attributes: onus.Attributes{}}
	for i, name := range r.names[:r.split] {
		value, err := r.text(i)
		if err != nil {
			return x, err
		}
		switch name {
		case "ref":
			x.Ref = onus.AccountRef(value)
		case "name":
			x.Name = value
		case "version":
			x.Version = value
		case "enabled":
			switch strings.ToLower(value) {
			case "true", "t", "1":
				x.Enabled = true
			case "false", "f", "0":
			default:
				return x, refuse(connector.Invalid, "read", "the query accounts gives %q as enabled; it must be true or false, 1 or 0", value)
			}
		default:
			if value != "" {
				x.Attributes[name] = value
			}
		}
	}
	if x.Ref == "" || x.Name == "" {
		return x, refuse(connector.Invalid, "read", "the query accounts gives an account (ref %q, name %q) without a ref or a name", x.Ref, x.Name)
	}
	return x, nil
}

// held reads the second half of a row; all NULL means that nothing is held.
func (r *reader) held() (onus.Held, bool, error) {
	h := onus.Held{Path: onus.Direct}
	some := false
	for i := r.split + 1; i < len(r.names); i++ {
		value, err := r.text(i)
		if err != nil {
			return h, false, err
		}
		switch r.names[i] {
		case "ref":
			some = value != ""
		case "entitlement":
			h.Entitlement = value
		case "entitlement_ref":
			h.Ref = onus.EntitlementRef(value)
		case "via":
			if h.Via = value; value != "" {
				h.Path = onus.Inherited
			}
		}
	}
	if some && !strings.Contains(h.Entitlement, ":") {
		return h, false, refuse(connector.Invalid, "read", "the query holds gives the entitlement %q; it must be like role:clerk", h.Entitlement)
	}
	return h, some, nil
}

// text gives a value in its canonical text; NULL is empty.
func (r *reader) text(i int) (string, error) {
	p, ok := r.values[i].(*any)
	if !ok {
		return "", fmt.Errorf("column %s was read into %T", r.names[i], r.values[i])
	}
	switch v := (*p).(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case time.Time:
		if r.dates[i] {
			return v.Format(time.DateOnly), nil
		}
		return v.UTC().Format(time.RFC3339Nano), nil
	default:
		return "", refuse(connector.Invalid, "read", "the column %s has values of a type that cannot be told as text; cast it to text", r.names[i])
	}
}
