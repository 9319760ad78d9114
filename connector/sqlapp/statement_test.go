package sqlapp //nolint:testpackage // the parser is not exported, and every statement passes through it

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in     string
		d      dialect
		want   []string // the statements; nil: refused
		params []string // of the first
		says   string
	}{
		{in: `UPDATE u SET a = 1 WHERE id = :ref`, d: onSQLite, want: []string{`UPDATE u SET a = 1 WHERE id = ?1`}, params: []string{"ref"}},
		{in: `UPDATE u SET a = :attr_x, b = :name WHERE id = :ref AND :name <> ''`, d: onPostgres, want: []string{`UPDATE u SET a = $1, b = $2 WHERE id = $3 AND $2 <> ''`}, params: []string{"attr_x", "name", "ref"}},
		{in: `SELECT ':ref', "a:ref", x::text, y FROM t -- :ref`, d: onPostgres, want: []string{`SELECT ':ref', "a:ref", x::text, y FROM t`}},
		{in: "SELECT 1 -- ; :x\n, 2 /* ; :y /* ' */ :z */", d: onPostgres, want: []string{"SELECT 1 -- ; :x\n, 2 /* ; :y /* ' */ :z */"}},
		{in: `SELECT $$ :ref ; ' $$, $a$ $$ :x $a$, :ref`, d: onPostgres, want: []string{`SELECT $$ :ref ; ' $$, $a$ $$ :x $a$, $1`}, params: []string{"ref"}},
		{in: `SELECT E'\':ref', e'\\', :ref`, d: onPostgres, want: []string{`SELECT E'\':ref', e'\\', $1`}, params: []string{"ref"}},
		{in: `SELECT 'it''s :ref', '\', :ref`, d: onPostgres, want: []string{`SELECT 'it''s :ref', '\', $1`}, params: []string{"ref"}},
		{in: "SELECT [a:ref], `b:ref`, :ref", d: onSQLite, want: []string{"SELECT [a:ref], `b:ref`, ?1"}, params: []string{"ref"}},
		{in: `SELECT a[1:2], b ? 'k', '{}'::jsonb @> c FROM t`, d: onPostgres, want: []string{`SELECT a[1:2], b ? 'k', '{}'::jsonb @> c FROM t`}},
		{in: `DELETE FROM a WHERE x = :ref; ; DELETE FROM b WHERE y = :ref ;`, d: onSQLite, want: []string{`DELETE FROM a WHERE x = ?1`, `DELETE FROM b WHERE y = ?1`}, params: []string{"ref"}},
		{in: `SELECT tableE'x:ref'`, d: onPostgres, want: []string{`SELECT tableE'x:ref'`}},
		{in: `  `, d: onSQLite, says: "empty"},
		{in: `-- nothing`, d: onSQLite, says: "empty"},
		{in: `SELECT 'a`, d: onSQLite, says: "not closed"},
		{in: `SELECT "a`, d: onPostgres, says: "not closed"},
		{in: `SELECT /* a`, d: onPostgres, says: "not closed"},
		{in: `SELECT $a$ b`, d: onPostgres, says: "not closed"},
		{in: `SELECT [a`, d: onSQLite, says: "not closed"},
		{in: `SELECT $1`, d: onPostgres, says: `"$1"`},
		{in: `SELECT ?`, d: onSQLite, says: `"?"`},
		{in: `SELECT @x`, d: onSQLite, says: `"@x"`},
		{in: "SELECT \x00", d: onSQLite, says: "zero byte"},
	} {
		got, err := parse(c.in, c.d)
		if err != nil {
			if c.says == "" || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", c.in, err)
			}
			continue
		}
		texts := make([]string, 0, len(got))
		for _, st := range got {
			texts = append(texts, st.text)
		}
		if !slices.Equal(texts, c.want) || !slices.Equal(got[0].params, c.params) {
			t.Errorf("%s gives %q with %q, want %q with %q", c.in, texts, got[0].params, c.want, c.params)
		}
	}
}

// SQLite itself knows named parameters, and so can judge: what it makes of
// the text as it was written, and of ours, must be the same. A quote or a
// comment that we read otherwise would let a value or a statement slip in.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"SELECT :ref", "SELECT ':ref' -- x\n, :b", "SELECT [a]]:b", "SELECT \"a\"\"b\", `c`, :x", "SELECT /* /* */ :x */ 1", "SELECT 1;;", "SELECT x'00':a", "SELECT :a:b",
		"SELECT 1 -- \x0c\r:x", "SELECT '\\', ';', :x, ':y'", "SELECT 1/*", "SELECT :é", "SELECT 0x1:a", "SELECT :a$b", "SELECT 1 AS \"a;b\", :x ; -- end", "VALUES (:a), (:b), (:a)",
		"SELECT :a::b(c)", "SELECT 'a' 'b:c'", "SELECT '''', :q", "\v",
	} {
		f.Add(seed)
	}
	db, err := sql.Open("sqlite", "file::memory:?_pragma=query_only(1)")
	if err != nil {
		f.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	f.Cleanup(func() { _ = db.Close() }) // the test is over
	f.Fuzz(func(t *testing.T, text string) {
		if list, err := parse(text, onPostgres); err == nil && slices.ContainsFunc(list, func(s statement) bool { return s.text == "" }) {
			t.Errorf("%q gives an empty statement", text)
		}
		list, err := parse(text, onSQLite)
		first := strings.ToUpper(text)
		if err != nil || len(list) != 1 || !strings.HasPrefix(first, "SELECT ") && !strings.HasPrefix(first, "VALUES ") {
			return
		}
		named := make([]any, len(list[0].params))
		values := map[string]string{}
		for i, name := range list[0].params {
			values[name] = "value of " + name
			named[i] = sql.Named(name, values[name])
		}
		want, err := answer(t, db, text, named...)
		if err != nil {
			return
		}
		got, err := answer(t, db, list[0].text, list[0].args(values)...)
		if err != nil || got != want {
			t.Errorf("%q gives %s\n%q gives %s, %v", text, want, list[0].text, got, err)
		}
	})
}

// answer gives all rows as one text.
func answer(t *testing.T, db *sql.DB, query string, args ...any) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for rows.Next() {
		values := make([]any, len(names))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			return "", err
		}
		for _, v := range values {
			if p, ok := v.(*any); ok {
				fmt.Fprintf(&all, "%T %v|", *p, *p)
			}
		}
	}
	return all.String(), rows.Err()
}
