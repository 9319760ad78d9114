package sqlapp

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// connections are as many as one application must put up with.
const connections = 4

func (s *settings) open(secret func(name string) (string, error)) (*sql.DB, error) {
	open := s.openSQLite
	if s.dialect == onPostgres {
		open = func() (*sql.DB, error) { return s.openPostgres(secret) }
	}
	db, err := open()
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// openSQLite opens a file that is there: an application that is not must not
// look like one without accounts. A writing transaction takes its lock at
// once, so that what it reads stays so.
func (s *settings) openSQLite() (*sql.DB, error) {
	path := strings.TrimPrefix(s.dsn, "file:")
	if strings.ContainsAny(path, "?#\x00") {
		return nil, invalid("the setting dsn is the path of an SQLite file, without ? and #")
	}
	options := url.Values{
		"mode": {"rw"}, "_txlock": {"immediate"},
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", s.timeout.Milliseconds()), "foreign_keys(1)"},
	}
	db, err := sql.Open("sqlite", "file:"+strings.ReplaceAll(path, "%", "%25")+"?"+options.Encode())
	if err != nil {
		return nil, invalid("the setting dsn is no path of an SQLite file")
	}
	return db, nil
}

// openPostgres reads the address. Its errors never repeat it: somebody may
// have put a password there.
func (s *settings) openPostgres(secret func(name string) (string, error)) (*sql.DB, error) {
	u, err := url.Parse(s.dsn)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, invalid("the setting dsn is no address like postgres://onus@db.example:5432/app")
	}
	if _, has := u.User.Password(); has || u.Query().Has("password") || u.Query().Has("sslpassword") {
		return nil, invalid("the setting dsn holds a password; take it out and define the secret \"password\"")
	}
	config, err := pgx.ParseConfig(s.dsn)
	if err != nil {
		return nil, invalid("the setting dsn has a part that PostgreSQL does not know") // the cause repeats the address
	}
	config.RuntimeParams["application_name"] = "onus"
	config.RuntimeParams["standard_conforming_strings"] = "on" // as the statements were parsed
	config.RuntimeParams["timezone"] = "UTC"
	return stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(func(_ context.Context, c *pgx.ConnConfig) error {
		if secret == nil {
			return nil
		}
		// Asked for each connection, so that a rotated password is taken up.
		password, err := secret("password")
		if err != nil {
			if onus.KindOf(err) == onus.NotFound {
				return nil // none is defined
			}
			return &connector.Error{Kind: connector.Unauthenticated, Op: "connect", Message: "the secret \"password\" cannot be read", Err: err}
		}
		if password != "" {
			c.Password = password
		}
		return nil
	})), nil
}
