// Package postgres is the connector for the roles of a PostgreSQL server:
// logins are accounts, memberships and watched table privileges are grants.
// Roles are looked at by OID, so a rename is followed and a name that was
// given again is somebody else.
//
// Accounts are the roles that can log in and the members of a marker role
// (setting managed_by). The marker keeps a role an account after its login
// was taken away: without it nothing tells a disabled account from a group.
// Superusers, replication roles, PostgreSQL's own roles and the connector's
// own are never accounts, and are never touched.
//
// It issues no passwords, and leaves what an account owns to its database's
// owner.
package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// cluster is a connector to one PostgreSQL server. Roles belong to the
// server as a whole, table privileges to the one database that it opens.
type cluster struct {
	settings

	db *pgxpool.Pool
}

// Open makes a connector. It checks the settings and connects to nothing yet.
//
// Settings: url (without a password), database, managed_by (default
// onus_accounts), scope (login or managed), role_prefix, timeout (of one
// operation), connections, watch ("finance.ledger:SELECT,INSERT; …"),
// effective ("table_privilege:finance.ledger:SELECT; …"). The secret
// "password" is optional; secret says with an onus.NotFound, or with an empty
// text, that there is none.
func Open(given map[string]string, secret func(name string) (string, error)) (connector.Connector, error) {
	s, err := readSettings(given, secret)
	if err != nil {
		return nil, err
	}
	db, err := pgxpool.NewWithConfig(context.Background(), s.pool) // connects when first used
	if err != nil {
		return nil, invalid("the settings of the connection do not fit together")
	}
	return &cluster{settings: s, db: db}, nil
}

// Close lets the connections go.
func (c *cluster) Close() error {
	c.db.Close()
	return nil
}

// Describe says what the connector can do.
func (c *cluster) Describe() connector.Description {
	all := []onus.Verb{onus.EnsurePresent, onus.EnsureAbsent, onus.EnsureDisabled, onus.EnsureEnabled, onus.EnsureAttributes}
	kinds := []string{"role"}
	if len(c.watch) > 0 {
		kinds = append(kinds, "table")
	}
	return connector.Description{
		Kind: "postgres", Entitlements: kinds,
		Account: all,
		Grant:   []onus.Verb{onus.EnsurePresent, onus.EnsureAbsent},
		// A dropped role cannot come back: its successor has another OID.
		Reverses:  []onus.Verb{onus.EnsurePresent, onus.EnsureDisabled, onus.EnsureEnabled, onus.EnsureAttributes},
		GrantTier: onus.TierStored, RevokeTier: onus.TierEffective,
		Sessions: true,
	}
}

// begin gives a call its time limit.
func (c *cluster) begin(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.timeout)
}

// write runs do in a transaction and commits it if do wrote. All of PostgreSQL's
// statements about roles can be rolled back, so what fails before the commit
// was never carried out, and only a lost answer to the commit is ambiguous.
func (c *cluster) write(ctx context.Context, what string, do func(tx pgx.Tx) (connector.Result, error)) (connector.Result, error) {
	tx, err := c.db.Begin(ctx)
	if err != nil {
		return connector.Result{}, failure("apply", what, err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = tx.Rollback(ctx) // after a commit it does nothing; a broken connection rolls back by itself
	}()
	result, err := do(tx)
	if err != nil {
		return connector.Result{}, failure("apply", what, err)
	}
	if result.Outcome == connector.NoChange {
		return result, nil
	}
	if err := ctx.Err(); err != nil {
		return connector.Result{}, failure("apply", what, err)
	}
	if err := tx.Commit(ctx); err != nil {
		return connector.Result{}, uncommitted(what, err)
	}
	return result, nil
}
