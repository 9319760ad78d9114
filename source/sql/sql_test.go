package sql_test

import (
	"context"
	stdsql "database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/source"
	"github.com/onus-id/onus/source/sql"
)

func read(t *testing.T, feed source.Source) ([]source.Row, source.Taken, error) {
	t.Helper()
	var rows []source.Row
	taken, err := feed.Read(t.Context(), func(r source.Row) error {
		rows = append(rows, r)
		return nil
	})
	return rows, taken, err
}

func feed(t *testing.T, driver, dsn, query string, o ...sql.Option) source.Source {
	t.Helper()
	f, err := sql.New(driver, dsn, query, o...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// database makes a SQLite file in a folder whose name asks for escaping.
func database(t *testing.T, statements ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "hr 100%?#")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	old, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir) // the driver's own DSN has no way to name the folder
	defer t.Chdir(old)
	db, err := stdsql.Open("sqlite", "hr.db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "hr.db")
}

const people = `CREATE TABLE people (id TEXT, grade INTEGER, badge REAL, active BOOLEAN, born DATE, seen TIMESTAMP, note TEXT)`

func TestSQLite(t *testing.T) {
	path := database(t, people,
		`INSERT INTO people VALUES ('00123', 4, 123, 1, '1990-03-02', '2026-03-02 08:00:00', NULL)`,
		`INSERT INTO people VALUES ('00124', -1, 1.5, 0, NULL, NULL, ' x ')`,
		`INSERT INTO people VALUES ('00125', NULL, NULL, NULL, NULL, NULL, CAST(x'4AE9' AS TEXT))`,
	)
	f := feed(t, sql.SQLite, path, "SELECT * FROM people ORDER BY id", sql.TakenAt("SELECT '2026-03-02T07:00:00Z'"))
	rows, taken, err := read(t, f)
	if err != nil {
		t.Fatal(err)
	}
	want := []source.Row{
		{Line: 1, Values: map[string]string{"id": "00123", "grade": "4", "badge": "123.0", "active": "true", "born": "1990-03-02", "seen": "2026-03-02T08:00:00Z"}},
		{Line: 2, Values: map[string]string{"id": "00124", "grade": "-1", "badge": "1.5", "active": "false", "note": "x"}},
		{Line: 3, Values: map[string]string{"id": "00125"}, Fault: "column note is not UTF-8 (mixed encodings, or bytes)", Seen: "id=00125"},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	if !taken.Complete || taken.Rows != 3 || !taken.At.Equal(time.Date(2026, 3, 2, 7, 0, 0, 0, time.UTC)) {
		t.Errorf("taken %+v", taken)
	}
	_, again, err := read(t, f)
	if err != nil || again.Digest != taken.Digest || again.Digest == "" {
		t.Errorf("the same rows give %s and then %s, error %v", taken.Digest, again.Digest, err)
	}
	_, fewer, err := read(t, feed(t, sql.SQLite, path, "SELECT * FROM people WHERE id < '00125' ORDER BY id"))
	if err != nil || fewer.Digest == taken.Digest {
		t.Errorf("other rows give the same digest, error %v", err)
	}
	if time.Since(fewer.At).Abs() > time.Minute {
		t.Errorf("without a query for it, taken at %v", fewer.At)
	}
}

func TestSQLiteErrors(t *testing.T) {
	path := database(t, people, `INSERT INTO people (id) VALUES ('1'), ('2')`)
	missing := filepath.Join(t.TempDir(), "none.db")
	for name, tt := range map[string]struct {
		path, query, want string
		options           []sql.Option
	}{
		"no such file":           {path: missing, query: "SELECT 1 AS id", want: "unable to open"},
		"no such table":          {path: path, query: "SELECT * FROM staff", want: "no such table"},
		"column twice":           {path: path, query: "SELECT id, id FROM people", want: `names the column "id" twice`},
		"a query that writes":    {path: path, query: "DELETE FROM people RETURNING id", want: "readonly"},
		"time that is none":      {path: path, query: "SELECT id FROM people", want: "gives no time", options: []sql.Option{sql.TakenAt("SELECT 'soon'")}},
		"fails on the first row": {path: path, query: "SELECT abs(-9223372036854775808) AS id", want: "integer overflow"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, taken, err := read(t, feed(t, sql.SQLite, tt.path, tt.query, tt.options...))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
			if taken.Complete || len(rows) > 0 {
				t.Errorf("%d rows, complete %v", len(rows), taken.Complete)
			}
		})
	}
	if _, err := os.Stat(missing); !os.IsNotExist(err) {
		t.Error("reading made a database")
	}
	if rows, _, err := read(t, feed(t, sql.SQLite, path, "SELECT id FROM people")); err != nil || len(rows) != 2 {
		t.Errorf("%d rows left, error %v", len(rows), err)
	}
}

func TestSQLiteErrorMidStreamIsIncomplete(t *testing.T) {
	path := database(t, people, `INSERT INTO people (id, grade) VALUES ('1', 1), ('2', -9223372036854775808)`)
	rows, taken, err := read(t, feed(t, sql.SQLite, path, "SELECT id, abs(grade) AS grade FROM people"))
	if err != nil || len(rows) != 1 || taken.Complete || !strings.Contains(taken.Why, "broke off after 1 rows") {
		t.Fatalf("%d rows, taken %+v, error %v", len(rows), taken, err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, args := range [][3]string{{"oracle", "x", "SELECT 1"}, {sql.SQLite, "", "SELECT 1"}, {sql.Postgres, "postgres://x", " "}} {
		if _, err := sql.New(args[0], args[1], args[2]); onus.KindOf(err) != onus.Invalid {
			t.Errorf("%q: error %v", args, err)
		}
	}
}

func TestPostgres(t *testing.T) {
	server := rig.NeedPostgres(t, false)
	dsn, err := server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	exec := func(statement string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE people (id text, grade int, pay numeric, badge float8, active bool, born date, seen timestamptz, local timestamp, blob bytea)`)
	exec(`INSERT INTO people VALUES
		('00123', 4, 12.50, 123, true, '1990-03-02', '2026-03-02 09:00+01', '2026-03-02 08:00', NULL),
		('00124', NULL, NULL, NULL, false, NULL, NULL, NULL, '\xff')`)

	t.Run("rows", func(t *testing.T) {
		rows, taken, err := read(t, feed(t, sql.Postgres, dsn, "SELECT * FROM people ORDER BY id", sql.TakenAt("SELECT max(seen) FROM people")))
		if err != nil {
			t.Fatal(err)
		}
		want := []source.Row{
			{Line: 1, Values: map[string]string{"id": "00123", "grade": "4", "pay": "12.50", "badge": "123.0", "active": "true", "born": "1990-03-02", "seen": "2026-03-02T08:00:00Z", "local": "2026-03-02T08:00:00Z"}},
			{Line: 2, Values: map[string]string{"id": "00124", "active": "false"}, Fault: "column blob is not UTF-8 (mixed encodings, or bytes)", Seen: "id=00124, active=false"},
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Error(diff)
		}
		if !taken.Complete || !taken.At.Equal(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)) {
			t.Errorf("taken %+v", taken)
		}
	})
	t.Run("as fresh as the database's clock", func(t *testing.T) {
		_, taken, err := read(t, feed(t, sql.Postgres, dsn, "SELECT id FROM people"))
		if err != nil || time.Since(taken.At).Abs() > time.Minute {
			t.Fatalf("taken at %v, error %v", taken.At, err)
		}
	})
	t.Run("an error mid-stream is incomplete", func(t *testing.T) {
		rows, taken, err := read(t, feed(t, sql.Postgres, dsn, "SELECT n AS id, 1/(500-n) AS x FROM generate_series(1, 1000) n"))
		if err != nil || taken.Complete || len(rows) != 499 || !strings.Contains(taken.Why, "division by zero") {
			t.Fatalf("%d rows, taken %+v, error %v", len(rows), taken, err)
		}
	})
	t.Run("a connection cut mid-stream is incomplete", func(t *testing.T) {
		f := feed(t, sql.Postgres, dsn, "SELECT n AS id, repeat('x', 1000) AS x FROM generate_series(1, 100000) n")
		n := 0
		taken, err := f.Read(t.Context(), func(source.Row) error {
			if n++; n == 10 {
				exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()")
			}
			return nil
		})
		if err != nil || taken.Complete || taken.Why == "" || n >= 100_000 {
			t.Fatalf("%d rows, taken %+v, error %v", n, taken, err)
		}
	})
	t.Run("it only reads", func(t *testing.T) {
		_, _, err := read(t, feed(t, sql.Postgres, dsn, "DELETE FROM people RETURNING id"))
		if err == nil || !strings.Contains(err.Error(), "25006") {
			t.Fatalf("error %v", err)
		}
	})
	t.Run("no secret in an error", func(t *testing.T) {
		for _, dsn := range []string{"postgres://u:s3cret@127.0.0.1:1/x", "host=127.0.0.1 port=1 password=s3cret sslmode=nonsense"} {
			_, _, err := read(t, feed(t, sql.Postgres, dsn, "SELECT 1 AS id"))
			if err == nil || strings.Contains(err.Error(), "s3cret") {
				t.Fatalf("error %v", err)
			}
			if onus.KindOf(err) != onus.Unavailable {
				t.Errorf("kind %q of %v", onus.KindOf(err), err)
			}
		}
	})
	t.Run("stopped by the caller", func(t *testing.T) {
		stop := errors.New("enough")
		_, err := feed(t, sql.Postgres, dsn, "SELECT id FROM people").Read(t.Context(), func(source.Row) error { return stop })
		if !errors.Is(err, stop) {
			t.Fatalf("error %v", err)
		}
	})
}
