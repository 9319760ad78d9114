package sqlapp

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus/connector"
)

// settings are what a definition says about one application.
type settings struct {
	dialect  dialect
	dsn      string
	timeout  time.Duration
	accounts string // the queries, each one statement without parameters
	holds    string
	list     string               // of what can be granted; "": not told
	sessions []statement          // counts the live sessions of :ref; nil: not told
	do       map[deed][]statement // what is missing cannot be done
}

// deed is a thing that the application lets us do.
type deed string

const (
	create        deed = "create"
	enable        deed = "enable"
	disable       deed = "disable"
	remove        deed = "delete"
	setAttributes deed = "set_attributes"
	grant         deed = "grant"
	revoke        deed = "revoke"
	endSessions   deed = "sessions_end"
)

const attrPrefix = "attr_"

// knows says which values each deed can be given.
var knows = map[deed][]string{
	create:        {"name", attrPrefix},
	enable:        {"ref", "name"},
	disable:       {"ref", "name"},
	remove:        {"ref", "name"},
	setAttributes: {"ref", "name", attrPrefix},
	grant:         {"ref", "name", "entitlement", "entitlement_name", "entitlement_ref"},
	revoke:        {"ref", "name", "entitlement", "entitlement_name", "entitlement_ref"},
	endSessions:   {"ref"}, // a session may outlive its account, and then there is no name
}

const defaultTimeout = 10 * time.Second

func invalid(format string, args ...any) *connector.Error {
	return &connector.Error{Kind: connector.Invalid, Op: "open", Message: fmt.Sprintf(format, args...)}
}

// readSettings checks every setting and parses every statement.
func readSettings(given map[string]string) (settings, error) {
	s := settings{dialect: dialect(given["driver"]), dsn: given["dsn"], timeout: defaultTimeout, do: map[deed][]statement{}}
	if s.dialect != onPostgres && s.dialect != onSQLite {
		return s, invalid("the setting driver is %q; it is sqlite or postgres", given["driver"])
	}
	if s.dsn == "" {
		return s, invalid("the setting dsn is missing: the path of the file, or an address like postgres://onus@db.example:5432/app")
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if err := s.set(key, given[key]); err != nil {
			return s, invalid("the setting %s: %s", key, err)
		}
	}
	if s.accounts == "" || s.holds == "" {
		return s, invalid("the settings accounts and holds are needed: what is changed must be read back")
	}
	return s, nil
}

func (s *settings) set(key, value string) (err error) {
	switch key {
	case "driver", "dsn":
	case "timeout":
		s.timeout, err = time.ParseDuration(value)
		if err == nil && s.timeout <= 0 {
			err = errors.New("it must be longer than nothing")
		}
	case "accounts":
		s.accounts, err = s.query(value)
	case "holds":
		s.holds, err = s.query(value)
	case "entitlements":
		s.list, err = s.query(value)
	case "sessions":
		if s.sessions, err = s.parse(value, "ref"); err == nil && len(s.sessions) != 1 {
			err = errors.New("it must be one statement")
		}
	default:
		d := deed(key)
		known, ok := knows[d]
		if !ok {
			return errors.New("there is none of that name; there are driver, dsn, timeout, accounts, holds, entitlements, sessions, " +
				"create, enable, disable, delete, set_attributes, grant, revoke and sessions_end")
		}
		s.do[d], err = s.parse(value, known...)
	}
	return err
}

// query parses a query that takes no values, to be put into larger ones.
func (s *settings) query(text string) (string, error) {
	list, err := s.parse(text)
	if err != nil {
		return "", err
	}
	if len(list) != 1 {
		return "", errors.New("it must be one statement")
	}
	return list[0].text, nil
}

// parse parses statements that may use these values only.
func (s *settings) parse(text string, known ...string) ([]statement, error) {
	list, err := parse(text, s.dialect)
	if err != nil {
		return nil, err
	}
	for _, st := range list {
		for _, name := range st.params {
			attr, isAttr := strings.CutPrefix(name, attrPrefix)
			if isAttr && attr != "" && slices.Contains(known, attrPrefix) || !isAttr && slices.Contains(known, name) {
				continue
			}
			if len(known) == 0 {
				return nil, fmt.Errorf("it takes no values, and names :%s", name)
			}
			return nil, fmt.Errorf("it names :%s; it can be given :%s", name, strings.Join(known, ", :"))
		}
	}
	return list, nil
}
