package sqlite_test

import (
	"testing"

	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/internal/store/storetest"
)

var backend = storetest.Backend{
	Place: func(tb testing.TB) string { tb.Helper(); return tb.TempDir() },
	Open:  sqlite.Open,
}

func TestMain(m *testing.M) { storetest.Main(m, backend) }

func TestStore(t *testing.T) { storetest.Run(t, backend) }
