package rig_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/onus-id/onus/internal/rig"
)

func TestPostgresComesUpWithItsOwnDatabases(t *testing.T) {
	p := rig.NeedPostgres(t, false)
	for range 2 {
		url, err := p.NewDatabase(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		// A table of the same name in both: they share nothing.
		if _, err := conn.Exec(t.Context(), "CREATE TABLE mine (n int)"); err != nil {
			t.Error(err)
		}
		conn.Close(t.Context())
	}
}
