package postgres_test

import (
	"context"
	"sync"
	"testing"

	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/store/postgres"
	"github.com/onus-id/onus/internal/store/storetest"
)

// server is one server for all tests; each gets a database of its own.
var server = sync.OnceValues(func() (*rig.Postgres, error) {
	return rig.StartPostgres(context.Background(), true)
})

var backend = storetest.Backend{
	Shared: true,
	Open:   postgres.Open,
	Place: func(tb testing.TB) string {
		tb.Helper()
		p, err := server()
		rig.Require(tb, err)
		url, err := p.NewDatabase(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		return url
	},
}

type tests struct{ *testing.M }

func (m tests) Run() int {
	defer func() {
		if p, err := server(); err == nil {
			p.Stop()
		}
	}()
	return m.M.Run()
}

func TestMain(m *testing.M) { storetest.Main(tests{m}, backend) }

func TestStore(t *testing.T) { storetest.Run(t, backend) }
