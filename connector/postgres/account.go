package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/internal/sqlstate"
)

// Apply makes one desired state true.
func (c *cluster) Apply(ctx context.Context, want connector.Desired) (connector.Result, error) {
	ctx, cancel := c.begin(ctx)
	defer cancel()
	if want.Target.IsGrant() {
		switch want.Verb {
		case onus.EnsurePresent:
			return c.grant(ctx, want)
		case onus.EnsureAbsent:
			return c.revoke(ctx, want)
		case onus.EnsureDisabled, onus.EnsureEnabled, onus.EnsureAttributes:
		}
		return connector.Result{}, refuse(connector.Unsupported, "apply", "a membership cannot be made %q", want.Verb)
	}
	switch want.Verb {
	case onus.EnsurePresent:
		return c.present(ctx, want)
	case onus.EnsureAbsent:
		return c.absent(ctx, want)
	case onus.EnsureDisabled:
		return c.disabled(ctx, want)
	case onus.EnsureEnabled:
		return c.change(ctx, want, true)
	case onus.EnsureAttributes:
		return c.change(ctx, want, false)
	}
	return connector.Result{}, refuse(connector.Unsupported, "apply", "a role cannot be made %q", want.Verb)
}

// lock keeps every other of our transactions off the same account until this
// one ends, so that what was read is still so when it is acted on. A name
// that no role has yet is locked as such: two creations follow each other.
func (c *cluster) lock(ctx context.Context, tx pgx.Tx, t onus.Target) error {
	const ours = 0x6f6e7573 // "onus"
	if oid, ok := oidOf(t.Account); ok {
		_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1::int, $2::oid::int)`, ours, oid)
		return err
	}
	if _, err := identifier(t.Name); err != nil {
		return nil //nolint:nilerr // no role can have that name; the lookup says so
	}
	_, err := tx.Exec(ctx, `
SELECT pg_advisory_xact_lock($1::int, coalesce((SELECT oid::int FROM pg_roles WHERE rolname::text = $2), hashtext($2::text)))`, ours, t.Name)
	return err
}

// hold locks and reads the account, and checks that it has not moved on.
func (c *cluster) hold(ctx context.Context, tx pgx.Tx, want connector.Desired) (role, error) {
	if err := c.lock(ctx, tx, want.Target); err != nil {
		return role{}, failure("apply", "lock an account", err)
	}
	r, err := c.lookup(ctx, tx, "apply", want.Target.Account, want.Target.Name)
	if err != nil {
		return role{}, err
	}
	if want.Version != "" && want.Version != r.version() {
		return role{}, refuse(connector.Conflict, "apply", "the role %s has changed since it was read", r.Name)
	}
	return r, nil
}

func notFound(err error) bool { return err != nil && connector.KindOf(err) == connector.NotFound }

func same(r role) connector.Result {
	return connector.Result{Outcome: connector.NoChange, Ref: r.account().Ref}
}

func wrote(r role) connector.Result {
	return connector.Result{Outcome: connector.Wrote, Ref: r.account().Ref}
}

// present creates the account, enabled and without a password, or brings its
// attributes up to what is wanted. Whether one that is there may log in is
// not its business.
func (c *cluster) present(ctx context.Context, want connector.Desired) (connector.Result, error) {
	if want.Target.Account != "" {
		return c.change(ctx, want, false)
	}
	name := want.Target.Name
	quoted, err := identifier(name)
	if err != nil {
		return connector.Result{}, refuse(connector.Invalid, "apply", "%s", err)
	}
	if !strings.HasPrefix(name, c.prefix) {
		return connector.Result{}, refuse(connector.Invalid, "apply", "the name %s does not begin with %q, as every account here must", name, c.prefix)
	}
	return c.write(ctx, "create the role "+name, func(tx pgx.Tx) (connector.Result, error) {
		r, err := c.hold(ctx, tx, want)
		switch {
		case err == nil:
			return c.set(ctx, tx, r, want.Attributes, false)
		case connector.KindOf(err) == connector.Denied:
			return connector.Result{}, refuse(connector.AlreadyExists, "apply", "the name %s is taken by a role that is no account", name)
		case !notFound(err):
			return connector.Result{}, err
		}
		_, err = tx.Exec(ctx, "CREATE ROLE "+quoted+" LOGIN")
		switch code(err) {
		case sqlstate.DuplicateObject, sqlstate.UniqueViolation: // the second, when another creates it at once
			return connector.Result{}, refuse(connector.AlreadyExists, "apply", "the name %s was taken meanwhile", name)
		}
		if err != nil {
			return connector.Result{}, err
		}
		if r, err = c.roleBy(ctx, tx, "r.rolname::text", name); err != nil {
			return connector.Result{}, err
		}
		if err := c.adopt(ctx, tx, r); err != nil {
			return connector.Result{}, err
		}
		_, err = c.set(ctx, tx, r, want.Attributes, false)
		return wrote(r), err
	})
}

// adopt marks the account as managed, so that it stays one without a login.
func (c *cluster) adopt(ctx context.Context, tx pgx.Tx, r role) error {
	if r.Managed {
		return nil
	}
	quoted, err := identifiers(c.marker, r.Name)
	if err != nil {
		return refuse(connector.Invalid, "apply", "%s", err)
	}
	if _, err := tx.Exec(ctx, fmt.Sprintf("GRANT %s TO %s", quoted[0], quoted[1])); err != nil {
		if code(err) == sqlstate.UndefinedObject {
			return refuse(connector.Denied, "apply", "the marker role %s is missing; as a superuser: CREATE ROLE %s NOLOGIN", c.marker, quoted[0])
		}
		return failure("apply", "mark "+r.Name+" as managed", err)
	}
	return nil
}

// change brings an account that is there up to what is wanted.
func (c *cluster) change(ctx context.Context, want connector.Desired, enable bool) (connector.Result, error) {
	return c.write(ctx, "change the role "+want.Target.Name, func(tx pgx.Tx) (connector.Result, error) {
		r, err := c.hold(ctx, tx, want)
		if err != nil {
			return connector.Result{}, err
		}
		return c.set(ctx, tx, r, want.Attributes, enable)
	})
}

// set writes those attributes that differ, and the login if that is wanted.
func (c *cluster) set(ctx context.Context, tx pgx.Tx, r role, attributes onus.Attributes, enable bool) (connector.Result, error) {
	d, err := differences(r, attributes)
	if err != nil {
		return connector.Result{}, err
	}
	if enable && r.Expired && !d.until {
		return connector.Result{}, refuse(connector.Constraint, "apply",
			"the role %s expired at %s; an account is enabled again with a new valid_until (empty: for ever)", r.Name, r.validUntil())
	}
	if enable && !r.Login {
		d.options = append(d.options, "LOGIN")
	}
	if len(d.options) == 0 && d.comment == "" {
		return same(r), nil
	}
	quoted, err := identifier(r.Name)
	if err != nil {
		return connector.Result{}, refuse(connector.Invalid, "apply", "%s", err)
	}
	if enable {
		if err := c.adopt(ctx, tx, r); err != nil {
			return connector.Result{}, err
		}
	}
	if len(d.options) > 0 {
		if _, err := tx.Exec(ctx, "ALTER ROLE "+quoted+" "+strings.Join(d.options, " ")); err != nil {
			return connector.Result{}, err
		}
	}
	if d.comment != "" {
		if _, err := tx.Exec(ctx, "COMMENT ON ROLE "+quoted+" IS "+d.comment); err != nil {
			return connector.Result{}, err
		}
	}
	return wrote(r), nil
}

// difference is what ALTER ROLE and COMMENT are to be told.
type difference struct {
	options []string
	comment string // a literal, or NULL; empty: as it is
	until   bool   // options set a new expiry
}

// differences says in what the role differs from the attributes. Those that
// are not named stay as they are.
func differences(r role, attributes onus.Attributes) (difference, error) {
	var d difference
	now := r.attributes()
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		value := attributes[key]
		switch key {
		case attrValidUntil:
			option, differs, err := expiry(r, value)
			if err != nil {
				return d, err
			}
			if differs {
				d.options, d.until = append(d.options, option), true
			}
		case attrLimit:
			n := -1
			if value != "" {
				var err error
				if n, err = strconv.Atoi(value); err != nil || n < 0 || n > 1<<31-1 {
					return d, refuse(connector.Invalid, "apply", "connection_limit is %q; it is a number from 0 on", value)
				}
			}
			if n != int(r.Limit) {
				d.options = append(d.options, "CONNECTION LIMIT "+strconv.Itoa(n))
			}
		case attrComment:
			if value == now[attrComment] {
				continue
			}
			quoted, err := literal(value)
			if err != nil {
				return d, refuse(connector.Invalid, "apply", "the comment: %s", err)
			}
			if d.comment = quoted; value == "" {
				d.comment = "NULL"
			}
		default:
			return d, refuse(connector.Invalid, "apply", "a PostgreSQL role has no attribute %q; it has valid_until, connection_limit and comment", key)
		}
	}
	return d, nil
}

// expiry gives the option that sets an expiry. A bare date is refused: as a
// last day it would mean its end, and PostgreSQL takes its beginning.
func expiry(r role, value string) (option string, differs bool, err error) {
	if value == "" {
		return "VALID UNTIL 'infinity'", r.validUntil() != "", nil
	}
	until, err := time.Parse(time.RFC3339Nano, value)
	if err != nil {
		return "", false, refuse(connector.Invalid, "apply", "valid_until is %q; it is a time like 2026-03-31T18:00:00Z", value)
	}
	until = until.UTC().Truncate(time.Microsecond) // as PostgreSQL keeps it
	if r.ValidUntil.Valid && r.ValidUntil.InfinityModifier == pgtype.Finite && r.ValidUntil.Time.Equal(until) {
		return "", false, nil
	}
	return "VALID UNTIL '" + until.Format("2006-01-02 15:04:05.999999") + "+00'", true, nil
}
