package authn_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authn"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/internal/store/sqlstore"
	"github.com/onus-id/onus/ledger"
)

const (
	ana     = onus.IdentityID("idn_ana")
	bo      = onus.IdentityID("idn_bo")
	machine = onus.IdentityID("idn_build")
	anaMail = "test-user@zitadel.ch" // as the example provider knows her
	boMail  = "bo@acme.example"
)

// world is a desk with two people and a machine, and a clock of its own.
type world struct {
	*testing.T
	*authn.Desk

	now     time.Time
	secrets []string // that were given out; none may be anywhere in the ledger
}

func newWorld(t *testing.T) *world {
	t.Helper()
	key, _, err := ledger.NewKey("onus.test/log")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, now: time.Now().UTC()}
	s, err := sqlite.Open(t.Context(), t.TempDir(), sqlstore.Options{Signer: signer, Master: bytes.Repeat([]byte{7}, 32), Now: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	seal, err := authn.NewSeal([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	w.Desk = &authn.Desk{Store: s, Now: w.clock, Seal: seal, MailOf: func(_ context.Context, _ store.Reader, ref string) (string, error) { return ref, nil }}
	w.is(onus.Identity{ID: ana, Kind: onus.Person, State: onus.Active, Login: "ana", Mail: anaMail})
	w.is(onus.Identity{ID: bo, Kind: onus.Person, State: onus.Active, Login: "bo", Mail: boMail})
	w.is(onus.Identity{ID: machine, Kind: onus.NonHuman, State: onus.Active, Login: "svc-build", Sponsor: boMail})
	t.Cleanup(func() {
		w.nothingLeaked()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) clock() time.Time { return w.now }

func (w *world) update(do func(ctx context.Context, tx store.Tx) error) {
	w.Helper()
	if err := w.Store.Update(w.Context(), func(tx store.Tx) error { return do(w.Context(), tx) }); err != nil {
		w.Fatal(err)
	}
}

func (w *world) is(i onus.Identity) {
	w.Helper()
	w.update(func(ctx context.Context, tx store.Tx) error {
		_, err := store.Identities.Put(ctx, tx, ledger.Event{Type: ledger.IdentityChanged, Actor: "engine"}, i)
		return err
	})
}

func (w *world) leaves(id onus.IdentityID, mail string) {
	w.is(onus.Identity{ID: id, Kind: onus.Person, State: onus.Left, Mail: mail})
}

// session signs somebody in.
func (w *world) session(id onus.IdentityID, strong bool) string {
	w.Helper()
	w.now = w.now.Add(time.Second)
	text, _, err := w.Begin(w.Context(), authn.SignIn{Person: id, How: "passkey", Ceremony: w.now.String(), Strong: strong})
	if err != nil {
		w.Fatal(err)
	}
	w.secrets = append(w.secrets, text)
	return text
}

func (w *world) here(text string) bool {
	w.Helper()
	_, _, err := w.Session(w.Context(), text)
	if err != nil && onus.KindOf(err) != onus.Denied {
		w.Fatal(err)
	}
	return err == nil
}

// nothingLeaked is midPoint's accident turned into a check of every test: no
// secret that was given out is in a leaf or in the state.
func (w *world) nothingLeaked() {
	err := w.Store.View(context.Background(), func(r store.Reader) error {
		for e, err := range r.Events(context.Background(), store.EventQuery{Bodies: true}) {
			if err != nil {
				return err
			}
			for _, s := range w.secrets {
				if s != "" && (strings.Contains(string(e.Leaf), s) || strings.Contains(string(e.Body), s)) {
					w.Errorf("a secret that was given out is in entry %d: %s", e.Index, e.Leaf)
				}
			}
		}
		return nil
	})
	if err != nil {
		w.Error(err)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// events are all leaves of the ledger.
func (w *world) events() (all []ledger.Event) {
	w.Helper()
	w.must(w.Store.View(w.Context(), func(r store.Reader) error {
		for e, err := range r.Events(w.Context(), store.EventQuery{}) {
			if err != nil {
				return err
			}
			ev, err := ledger.ParseLeaf(e.Leaf)
			if err != nil {
				return err
			}
			all = append(all, ev)
		}
		return nil
	}))
	return all
}
