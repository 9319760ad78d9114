package intake_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/intake"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/internal/store/sqlstore"
	"github.com/onus-id/onus/ledger"
)

// Who is looked up one by one is who would be found among everybody: in what
// case soever definitions write an address, whoever left, and whoever shares it.
func TestWhoIsSoughtIsWhoIsFoundAmongEverybody(t *testing.T) {
	key, _, err := ledger.LoadOrCreateKey(t.TempDir()+"/log.key", "test.log")
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), t.TempDir(), sqlstore.Options{Signer: key, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		mails := []string{fmt.Sprintf("ana%d@acme.example", n), fmt.Sprintf("Bo%d@acme.example", n), fmt.Sprintf("carol%d@Acme.example", n)}
		people := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) onus.Identity {
			return onus.Identity{
				Kind: rapid.SampledFrom([]onus.IdentityKind{onus.Person, onus.NonHuman}).Draw(t, "kind"), State: rapid.SampledFrom([]onus.IdentityState{onus.Active, onus.Left}).Draw(t, "state"),
				Mail: rapid.SampledFrom(mails).Draw(t, "mail"),
			}
		}), 0, 6).Draw(t, "people")
		p := &flow.Program{}
		err := s.Update(t.Context(), func(tx store.Tx) error {
			for i := range people {
				who := &people[i]
				who.ID, who.Source, who.Key = onus.IdentityID(fmt.Sprintf("idn_%d_%d", n, i)), "hr", fmt.Sprintf("%d-%d", n, i)
				if _, err := store.Identities.Put(t.Context(), tx, ledger.Event{Type: ledger.IdentityChanged, Actor: "test"}, *who); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		err = s.View(t.Context(), func(r store.Reader) error {
			everybody, err := intake.RosterOf(t.Context(), p, r)
			if err != nil {
				return err
			}
			for _, mail := range append(mails, "none@acme.example", "") {
				for _, as := range []string{mail, strings.ToLower(mail), strings.ToUpper(mail)} {
					sought := intake.Seek(t.Context(), p, r)
					got, known := sought.ByMail(as)
					want, is := everybody.ByMail(as)
					if got != want || known != is || sought.Err() != nil {
						t.Errorf("%q is %+v (%v, %v), want %+v (%v)", as, got, known, sought.Err(), want, is)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
