package sqlite_test

import (
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/internal/store/storetest"
	"github.com/onus-id/onus/ledger"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		sk, _, err := ledger.NewKey("onus.test/log")
		if err != nil {
			t.Fatal(err)
		}
		signer, err := note.NewSigner(sk)
		if err != nil {
			t.Fatal(err)
		}
		s, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Signer: signer, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	})
}
