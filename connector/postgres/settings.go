package postgres

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// settings are what a definition says about one server.
type settings struct {
	pool    *pgxpool.Config
	marker  string // the role whose members are managed
	managed bool   // only members of the marker are accounts
	prefix  string // accounts have names that begin so
	timeout time.Duration
	watch   []privilege // shown as held; named when a revocation leaves them outside roles
	strict  []privilege // must be gone after a revocation, by whatever path
}

const (
	defaultMarker  = "onus_accounts"
	defaultTimeout = 10 * time.Second
	defaultPool    = 4
)

func invalid(format string, args ...any) *connector.Error {
	return &connector.Error{Kind: connector.Invalid, Op: "open", Message: fmt.Sprintf(format, args...)}
}

// readSettings checks every setting: one that is misspelt must not be taken
// for one that was left out.
func readSettings(given map[string]string, secret func(name string) (string, error)) (settings, error) {
	s := settings{marker: defaultMarker, timeout: defaultTimeout}
	pool, err := readAddress(given["url"])
	if err != nil {
		return s, err
	}
	s.pool = pool
	s.pool.MaxConns = defaultPool
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if err := s.set(key, given[key]); err != nil {
			return s, err
		}
	}
	maps.Copy(s.pool.ConnConfig.RuntimeParams, map[string]string{
		"application_name":            "onus",
		"search_path":                 "pg_catalog", // nobody's function or operator stands in for a built-in one
		"standard_conforming_strings": "on",         // what literal relies on
		"client_encoding":             "UTF8",
		"timezone":                    "UTC",
	})
	s.pool.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		if secret == nil {
			return nil
		}
		// Asked for each connection, so that a rotated password is taken up.
		password, err := secret("password")
		if err != nil {
			if onus.KindOf(err) == onus.NotFound {
				return nil // none is defined: a certificate, a peer, a password file
			}
			return &connector.Error{Kind: connector.Unauthenticated, Op: "connect", Message: "the secret \"password\" cannot be read", Err: err}
		}
		if password != "" {
			c.Password = password
		}
		return nil
	}
	return s, nil
}

// readAddress reads the URL. Its errors never repeat it: somebody may have
// put a password there.
func readAddress(address string) (*pgxpool.Config, error) {
	if address == "" {
		return nil, invalid("the setting url is missing; it is like postgres://onus@db.example:5432/finance")
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, invalid("the setting url is no address like postgres://onus@db.example:5432/finance")
	}
	if _, has := u.User.Password(); has || u.Query().Has("password") || u.Query().Has("sslpassword") {
		return nil, invalid("the setting url holds a password; take it out and define the secret \"password\"")
	}
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, invalid("the setting url has a part that PostgreSQL does not know") // the cause repeats the address
	}
	return config, nil
}

func (s *settings) set(key, value string) error {
	switch key {
	case "url":
	case "database":
		s.pool.ConnConfig.Database = value
	case "managed_by":
		if _, err := identifier(value); err != nil {
			return invalid("the setting managed_by: %s", err)
		}
		s.marker = value
	case "scope":
		if value != "login" && value != "managed" {
			return invalid("the setting scope is %q; it can be login (roles that can log in, and members of managed_by) or managed (only those members)", value)
		}
		s.managed = value == "managed"
	case "role_prefix":
		s.prefix = value
	case "timeout":
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return invalid("the setting timeout is %q; it is a duration like 10s", value)
		}
		s.timeout = d
	case "connections":
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil || n < 1 || n > 100 {
			return invalid("the setting connections is %q; it is a number from 1 to 100", value)
		}
		s.pool.MaxConns = int32(n)
	case "watch":
		list, err := parsePrivileges(value)
		if err != nil {
			return invalid("the setting watch: %s", err)
		}
		s.watch = list
	case "effective":
		list, err := parseEffective(value)
		if err != nil {
			return invalid("the setting effective: %s", err)
		}
		s.strict = list
	default:
		return invalid("there is no setting %q; there are url, database, managed_by, scope, role_prefix, timeout, connections, watch and effective", key)
	}
	return nil
}

// parseEffective reads "table_privilege:finance.ledger:SELECT; …".
func parseEffective(text string) ([]privilege, error) {
	parts := strings.Split(text, ";")
	for i, part := range parts {
		part = strings.TrimSpace(part)
		rest, ok := strings.CutPrefix(part, "table_privilege:")
		if part != "" && (!ok || strings.TrimSpace(rest) == "") { // nothing to check would always hold
			return nil, fmt.Errorf("%q lacks the beginning table_privilege: or names no table", part)
		}
		parts[i] = rest
	}
	return parsePrivileges(strings.Join(parts, ";"))
}
