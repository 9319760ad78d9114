// Package ledgerapp is a made-up finance application for the demo and for
// tests: users, roles that may include other roles, and sessions, in tables
// of its own on SQLite. It stands for the many applications that speak no
// protocol of identity, and knows nothing of Onus: Settings is how a
// definition would tell the SQL connector about it.
package ledgerapp

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// schema of the application. AUTOINCREMENT matters: without it SQLite gives
// the id of a deleted user to the next one, who would inherit what hangs on it.
const schema = `
CREATE TABLE users (
	id          INTEGER PRIMARY KEY AUTOINCREMENT,
	login       TEXT NOT NULL UNIQUE,
	full_name   TEXT,
	mail        TEXT,
	cost_centre TEXT,
	active      INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
	version     INTEGER NOT NULL DEFAULT 1
);
CREATE TRIGGER users_version AFTER UPDATE OF login, full_name, mail, cost_centre, active ON users BEGIN
	UPDATE users SET version = old.version + 1 WHERE id = new.id;
END;
CREATE TABLE roles (
	id          INTEGER PRIMARY KEY AUTOINCREMENT,
	name        TEXT NOT NULL UNIQUE,
	description TEXT NOT NULL
);
CREATE TABLE role_includes (
	role_id     INTEGER NOT NULL REFERENCES roles (id),
	included_id INTEGER NOT NULL REFERENCES roles (id),
	PRIMARY KEY (role_id, included_id)
);
CREATE TABLE user_roles (
	user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	role_id    INTEGER NOT NULL REFERENCES roles (id),
	granted_by TEXT NOT NULL,
	PRIMARY KEY (user_id, role_id)
);
CREATE INDEX user_roles_role ON user_roles (role_id);
CREATE TABLE sessions (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	user_id   INTEGER NOT NULL,
	opened_at TEXT NOT NULL,
	ended     INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX sessions_live ON sessions (user_id) WHERE ended = 0;

INSERT INTO roles (name, description) VALUES
	('viewer', 'reads balances'),
	('clerk', 'enters postings'),
	('approver', 'releases payments'),
	('auditor', 'reads everything, the log included'),
	('controller', 'closes a period'),
	('admin', 'changes users and roles');
INSERT INTO role_includes (role_id, included_id)
	SELECT r.id, i.id FROM roles r, roles i WHERE (r.name, i.name) IN (VALUES ('clerk', 'viewer'), ('auditor', 'viewer'), ('controller', 'clerk'));
`

// Create makes the application's database in a new file, with its roles and
// no users. A file that is there is left alone, and an error.
func Create(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the caller says where the demo lives
	if err != nil {
		return fmt.Errorf("create the ledger application: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("create the ledger application: %w", err)
	}
	return within(ctx, path, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, schema)
		return err
	})
}

// A User is a user as the application's own administrator would add one.
type User struct {
	Login, Name, Mail string
	Roles             []string
	Inactive          bool
	Sessions          int // live ones
}

// Leftovers are what years of use have left in such an application: accounts
// of nobody whom the roster knows, and roles that nobody took back.
func Leftovers() []User {
	return []User{
		{Login: "t.legacy", Name: "Theo Legacy", Mail: "t.legacy@ledger.example", Roles: []string{"approver", "clerk"}, Sessions: 1},
		{Login: "audit2019", Name: "External audit 2019", Roles: []string{"auditor"}},
		{Login: "temp-close", Name: "Year-end help", Roles: []string{"controller", "approver"}},
		{Login: "nightly-import", Name: "Nightly import", Roles: []string{"clerk"}, Sessions: 1},
		{Login: "root", Name: "First administrator", Roles: []string{"admin"}, Inactive: true},
	}
}

// Seed adds the leftovers, and whomever else the caller names.
func Seed(ctx context.Context, path string, more ...User) error {
	return within(ctx, path, func(tx *sql.Tx) error {
		for _, u := range append(Leftovers(), more...) {
			if err := add(ctx, tx, u); err != nil {
				return fmt.Errorf("user %s: %w", u.Login, err)
			}
		}
		return nil
	})
}

func add(ctx context.Context, tx *sql.Tx, u User) error {
	result, err := tx.ExecContext(ctx, `INSERT INTO users (login, full_name, mail, active) VALUES (?1, nullif(?2, ''), nullif(?3, ''), ?4)`,
		u.Login, u.Name, u.Mail, !u.Inactive)
	if err != nil {
		return err
	}
	id, err := result.LastInsertId()
	if err != nil {
		return err
	}
	for _, role := range u.Roles {
		result, err := tx.ExecContext(ctx, `INSERT INTO user_roles (user_id, role_id, granted_by) SELECT ?1, id, 'root' FROM roles WHERE name = ?2`, id, role)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return err
		}
		if n != 1 {
			return fmt.Errorf("there is no role %s", role)
		}
	}
	for range u.Sessions {
		if _, err := tx.ExecContext(ctx, `INSERT INTO sessions (user_id, opened_at) VALUES (?1, '2026-01-05T08:00:00Z')`, id); err != nil {
			return err
		}
	}
	return nil
}

func within(ctx context.Context, path string, do func(tx *sql.Tx) error) error {
	options := url.Values{"_txlock": {"immediate"}, "mode": {"rw"}, "_pragma": {"journal_mode(WAL)", "foreign_keys(1)", "busy_timeout(10000)"}}
	db, err := sql.Open("sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)+"?"+options.Encode())
	if err != nil {
		return fmt.Errorf("open the ledger application: %w", err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("open the ledger application: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := do(tx); err != nil {
		return fmt.Errorf("write to the ledger application: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("write to the ledger application: %w", err)
	}
	return nil
}
