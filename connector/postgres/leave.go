package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/internal/sqlstate"
)

// absent drops the role. Sessions outlive their role in PostgreSQL, so they
// are ended too. What it owns is left to its database's owner.
func (c *cluster) absent(ctx context.Context, want connector.Desired) (connector.Result, error) {
	var r role
	what := "drop the role " + want.Target.Name
	result, err := c.write(ctx, what, func(tx pgx.Tx) (connector.Result, error) {
		var err error
		r, err = c.hold(ctx, tx, want)
		if notFound(err) {
			return connector.Result{Outcome: connector.NoChange, Ref: want.Target.Account}, nil
		}
		if err != nil {
			return connector.Result{}, err
		}
		quoted, err := identifier(r.Name)
		if err != nil {
			return connector.Result{}, refuse(connector.Invalid, "apply", "%s", err)
		}
		if _, err := tx.Exec(ctx, "SAVEPOINT before"); err != nil {
			return connector.Result{}, err
		}
		if _, err = tx.Exec(ctx, "DROP ROLE "+quoted); code(err) == sqlstate.DependentObjects {
			return connector.Result{}, c.owns(ctx, tx, r, quoted, err)
		}
		return wrote(r), err
	})
	if err != nil {
		return connector.Result{}, err
	}
	oid, known := oidOf(result.Ref)
	if !known {
		return result, nil
	}
	return c.thenEndSessions(ctx, result, oid, want.Target.Name)
}

// owns says what keeps a role from being dropped.
func (c *cluster) owns(ctx context.Context, tx pgx.Tx, r role, quoted string, cause error) error {
	if _, err := tx.Exec(ctx, "ROLLBACK TO SAVEPOINT before"); err != nil {
		return failure("apply", "count what "+r.Name+" owns", err)
	}
	var owned, granted, elsewhere int
	err := tx.QueryRow(ctx, `
SELECT count(*) FILTER (WHERE d.deptype = 'o'), count(*) FILTER (WHERE d.deptype <> 'o'),
	count(*) FILTER (WHERE d.dbid <> 0 AND d.dbid <> (SELECT oid FROM pg_database WHERE datname = current_database()))
FROM pg_shdepend d WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = $1`, r.OID).Scan(&owned, &granted, &elsewhere)
	if err != nil {
		return failure("apply", "count what "+r.Name+" owns", err)
	}
	return &connector.Error{
		Kind: connector.Constraint, Op: "apply", Err: cause,
		Message: fmt.Sprintf("the role %s owns %d objects and is named in the privileges of %d more (%d of all in other databases); "+
			"in each database: REASSIGN OWNED BY %s TO somebody; DROP OWNED BY %s; and then try again",
			r.Name, owned, granted, elsewhere, quoted, quoted),
	}
}

// disabled takes the login away and then ends the sessions: in the other
// order a new one could begin in between.
func (c *cluster) disabled(ctx context.Context, want connector.Desired) (connector.Result, error) {
	var r role
	result, err := c.write(ctx, "disable the role "+want.Target.Name, func(tx pgx.Tx) (connector.Result, error) {
		var err error
		if r, err = c.hold(ctx, tx, want); err != nil {
			return connector.Result{}, err
		}
		if !r.Login {
			return same(r), nil
		}
		quoted, err := identifier(r.Name)
		if err != nil {
			return connector.Result{}, refuse(connector.Invalid, "apply", "%s", err)
		}
		if err := c.adopt(ctx, tx, r); err != nil {
			return connector.Result{}, err
		}
		_, err = tx.Exec(ctx, "ALTER ROLE "+quoted+" NOLOGIN")
		return wrote(r), err
	})
	if err != nil {
		return connector.Result{}, err
	}
	return c.thenEndSessions(ctx, result, r.OID, r.Name)
}
