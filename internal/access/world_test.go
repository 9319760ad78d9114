package access_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/access"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/postgres"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/internal/store/sqlstore"
	"github.com/onus-id/onus/ledger"
)

// What says who the subject is; the tests look for each of them everywhere.
const (
	hisLogin  = "zdravko.quill"
	hisName   = "Zdravko Quillfeather"
	hisMail   = "zdravko.quillfeather@acme.example"
	hisStreet = "Nightingale Lane 77"
)

var hisValues = []string{hisLogin, hisName, hisMail, hisStreet}

var personal = access.Personal{"hr": {"name", "mail", "street"}}

// world is a store with a person who left and all that is kept about them.
type world struct {
	t        *testing.T
	store    store.Store
	verifier string
	files    func() []string
}

const (
	subject = onus.IdentityID("idn_quill")
	mara    = onus.IdentityID("idn_mara")
	priya   = onus.IdentityID("idn_priya")
)

func onBoth(t *testing.T, prove func(t *testing.T, w *world)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { prove(t, onSQLite(t)) })
	t.Run("postgres", func(t *testing.T) {
		p, err := rig.StartPostgres(t.Context(), true)
		rig.Require(t, err)
		t.Cleanup(p.Stop)
		prove(t, newWorld(t, func(o sqlstore.Options) (store.Store, error) { return postgres.Open(t.Context(), p.URL("postgres"), o) },
			func(w *world) []string {
				db, _ := w.store.Writer()
				var folder string
				if _, err := db.ExecContext(t.Context(), `CHECKPOINT`); err != nil {
					t.Fatal(err)
				}
				if err := db.QueryRowContext(t.Context(), `SELECT current_setting('data_directory')`).Scan(&folder); err != nil {
					t.Fatal(err)
				}
				return glob(t, folder, "base", "*", "*")
			}))
	})
}

func onSQLite(t *testing.T) *world {
	t.Helper()
	folder := t.TempDir()
	return newWorld(t, func(o sqlstore.Options) (store.Store, error) { return sqlite.Open(t.Context(), folder, o) },
		func(*world) []string { return glob(t, folder, "*") })
}

func glob(t *testing.T, parts ...string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(parts...))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no files to look into: %v", err)
	}
	return files
}

func newWorld(t *testing.T, open func(sqlstore.Options) (store.Store, error), files func(*world) []string) *world {
	t.Helper()
	key, verifier, err := ledger.NewKey("onus.test/log")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	s, err := open(sqlstore.Options{Signer: signer, Master: bytes.Repeat([]byte{7}, 32), Now: func() time.Time {
		now = now.Add(time.Second)
		return now
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, store: s, verifier: verifier}
	w.files = func() []string { return files(w) }
	w.populate()
	return w
}

// put records a value in an update of its own.
func put[T any](w *world, k store.Kind[T], typ ledger.Type, v T) {
	w.t.Helper()
	w.update(func(ctx context.Context, tx store.Tx) error {
		_, err := k.Put(ctx, tx, ledger.Event{Type: typ, Actor: "engine", Owner: string(mara)}, v)
		return err
	})
}

func (w *world) update(fn func(ctx context.Context, tx store.Tx) error) {
	w.t.Helper()
	if err := w.try(fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) try(fn func(ctx context.Context, tx store.Tx) error) error {
	return w.store.Update(w.t.Context(), func(tx store.Tx) error { return fn(w.t.Context(), tx) })
}

func (w *world) populate() {
	for _, p := range []onus.Identity{
		{ID: mara, Kind: onus.Person, State: onus.Active, Login: "mara.o", Mail: "mara@acme.example", Source: "hr", Key: "1"},
		{ID: priya, Kind: onus.Person, State: onus.Active, Login: "priya.r", Mail: "priya@acme.example", Source: "hr", Key: "2"},
		{ID: "idn_lee", Kind: onus.Person, State: onus.Left, Login: "lee.x", Mail: "lee@acme.example", Source: "hr", Key: "3"},
		{ID: "idn_bot", Kind: onus.NonHuman, State: onus.Active, Login: "bot", Mail: "bot@acme.example", Source: "nhi", Key: "4"},
	} {
		put(w, store.Identities, ledger.IdentityCorrelated, p)
	}
	attrs := onus.Attributes{"name": hisName, "mail": hisMail, "street": hisStreet, "department": "Finance", "login": hisLogin}
	i := onus.Identity{
		ID: subject, Kind: onus.Person, State: onus.Active, Login: hisLogin, Name: hisName, Mail: hisMail, Source: "hr", Key: "77", Attributes: attrs,
	}
	record := onus.Record{Source: "hr", Key: "77", Kind: onus.Person, Identity: subject, Attributes: attrs, Read: "read_1"}
	// A weak match had stopped, with the row kept, before anybody knew whose it was.
	put(w, store.Exceptions, ledger.ExceptionOpened, onus.Exception{
		ID: "exc_row", State: onus.ExceptionOpen, Category: onus.WeakMatch, Source: "hr", Key: "77", Message: "record 77 of " + hisName, Kept: fmt.Sprintf("%q", hisMail),
	})
	put(w, store.Exceptions, ledger.ExceptionClosed, onus.Exception{
		ID: "exc_row", State: onus.ExceptionAmended, Category: onus.WeakMatch, Source: "hr", Key: "77", Message: "record 77 of " + hisName, Kept: fmt.Sprintf("%q", hisMail),
		Decided: &onus.Decision{Act: "amend", By: "os:m", Person: "mara@acme.example", Reason: "it is " + hisName, With: map[string]string{"mail": hisMail}},
	})
	put(w, store.Records, ledger.RecordSeen, record)
	put(w, store.Identities, ledger.IdentityCorrelated, i)
	// The account was an orphan first.
	account := onus.Account{System: "dir", Ref: "u-77", Name: hisLogin, Enabled: true, Attributes: onus.Attributes{"mail": hisMail}}
	put(w, store.Accounts, ledger.AccountObserved, account)
	account.Identity = subject
	put(w, store.Accounts, ledger.AccountObserved, account)
	put(w, store.Occasions, ledger.OccasionArose, onus.Occasion{ID: "occ_1", Kind: onus.Joined, State: onus.Settled, Identity: subject, Source: "hr", Key: "77", After: attrs})
	planned := onus.PlannedChange{
		Step: "team", Verb: onus.EnsurePresent, Target: onus.Target{System: "dir", Account: "u-77", Name: hisLogin, Entitlement: "group:finance"},
		Attributes: onus.Attributes{"mail": hisMail}, Reason: onus.Reason{Rule: "team", Says: "name is " + hisName, Inputs: attrs}, Owners: onus.Owners{System: "mara@acme.example"},
	}
	plan := onus.Plan{Identity: subject, Occasion: "occ_1", Workflow: "joiner", Version: 1, Changes: []onus.PlannedChange{planned}}.Seal()
	put(w, store.Plans, ledger.PlanMade, plan)
	put(w, store.Runs, ledger.RunCreated, onus.Run{ID: "run_1", State: onus.RunDone, Identity: subject, Workflow: "joiner", Version: 1, Plan: plan.Digest, Occasion: "occ_1", Reason: "for " + hisLogin})
	put(w, store.Changes, ledger.ChangeConfirmed, onus.Change{
		ID: "run_1.00", Run: "run_1", State: onus.ChangeConfirmed, Identity: subject, Planned: planned, Evidence: hisLogin + " is a member",
		Before: &onus.Image{Exists: true, Name: hisLogin, Attributes: onus.Attributes{"street": hisStreet}},
	})
	put(w, store.Approvals, ledger.ApprovalGiven, onus.Approval{
		ID: "apr_1", State: onus.ApprovalApproved, Run: "run_1", Identity: subject, Why: hisLogin + " may",
		Answers: []onus.Answer{{Person: "mara@acme.example", Who: mara, Yes: true, Reason: hisName + " is known to me"}},
	})
	put(w, store.Grants, ledger.GrantWarranted, onus.Grant{
		System: "dir", Account: "u-77", Entitlement: "group:finance", Identity: subject, Observed: true, Via: hisLogin,
		Warrants: []onus.Warrant{{Workflow: "joiner", Version: 1, Step: "team", Run: "run_1", Change: "run_1.00"}},
	})
	put(w, store.Exceptions, ledger.ExceptionClosed, onus.Exception{
		ID: "exc_1", State: onus.ExceptionRetried, Category: onus.Unconfirmed, Group: "unconfirmed " + hisLogin, Identity: subject, Message: hisName + " was not confirmed", Run: "run_1",
	})
}

// leave makes the subject one who left, with nothing left anywhere.
func (w *world) leave() {
	change := func(fn func(ctx context.Context, tx store.Tx) error) { w.t.Helper(); w.update(fn) }
	change(func(ctx context.Context, tx store.Tx) error {
		r, err := store.Records.Get(ctx, tx, "hr/77")
		r.Gone = true
		i, err2 := store.Identities.Get(ctx, tx, string(subject))
		i.State = onus.Left
		a, err3 := store.Accounts.Get(ctx, tx, "dir/u-77")
		a.Gone = true
		g, err4 := store.Grants.Get(ctx, tx, "dir/idn_quill/group:finance")
		g.Observed, g.Warrants[0].Ended, g.Warrants[0].EndedBy = false, tx.Now(), "run_2"
		ev := ledger.Event{Type: ledger.IdentityChanged, Actor: "engine"}
		_, err5 := store.Records.Put(ctx, tx, ev, r)
		_, err6 := store.Identities.Put(ctx, tx, ev, i)
		_, err7 := store.Accounts.Put(ctx, tx, ev, a)
		_, err8 := store.Grants.Put(ctx, tx, ev, g)
		return errors.Join(err, err2, err3, err4, err5, err6, err7, err8)
	})
}

func (w *world) request(by onus.IdentityID, reason string) (e store.Erasure, err error) {
	err = w.try(func(ctx context.Context, tx store.Tx) (err error) {
		e, err = access.Request(ctx, tx, access.Decider{Identity: onus.Identity{ID: by}}, subject, reason, personal)
		return err
	})
	return e, err
}

func (w *world) approve(by onus.IdentityID, id string) (e store.Erasure, err error) {
	err = w.try(func(ctx context.Context, tx store.Tx) (err error) {
		e, err = access.Approve(ctx, tx, access.Decider{Identity: onus.Identity{ID: by}}, id)
		return err
	})
	return e, err
}

// holds lists which of the subject's values are in the database's files.
func (w *world) holds() []string {
	w.t.Helper()
	found := map[string]bool{}
	for _, path := range w.files() {
		data, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // a table's old file may go at any time
			w.t.Fatal(err)
		}
		for _, v := range hisValues {
			if bytes.Contains(bytes.ToLower(data), []byte(strings.ToLower(v))) {
				found[v] = true
			}
		}
	}
	var list []string
	for _, v := range hisValues {
		if found[v] {
			list = append(list, v)
		}
	}
	return list
}

func (w *world) verify() store.Report {
	w.t.Helper()
	rep, err := store.VerifyLedger(w.t.Context(), w.store, w.verifier, nil)
	if err != nil {
		w.t.Error(err)
	}
	if _, err := store.VerifyState(w.t.Context(), w.store, nil); err != nil {
		w.t.Error(err)
	}
	return rep
}
