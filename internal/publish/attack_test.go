package publish_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/publish"
	"github.com/onus-id/onus/internal/signer"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/internal/witness"
	"github.com/onus-id/onus/ledger"
)

// An attack is somebody's who owns the database, with what finds it: what the
// ledger's own verification says, what that of the state says, what the
// publisher says, and what an outsider finds who kept a checkpoint. Empty:
// it has nothing to say. The page docs/threat-model.md is about the same table.
var attacks = map[string]struct {
	sql       []string // done to the database behind the store's back
	ledger    string
	state     string
	publisher string
}{
	"edit a body": {
		[]string{`UPDATE entry SET body = (SELECT body FROM entry WHERE idx = 10) WHERE idx = 20`},
		"entry 20 (evt_", "the state kept with entry 20 is not the one it committed to", "",
	},
	"edit a published leaf": {
		[]string{`UPDATE entry SET leaf = CAST(replace(CAST(leaf AS TEXT), '"engine"', '"person"') AS BLOB) WHERE idx = 20`},
		"its leaves do not give the signed root", "", "",
	},
	"edit a leaf that is not published yet": {
		[]string{`UPDATE entry SET leaf = CAST(replace(CAST(leaf AS TEXT), '"engine"', '"person"') AS BLOB) WHERE idx = 320`},
		"its leaves do not give the signed root", "", "it was rewritten",
	},
	"drop the tail": {
		[]string{`DELETE FROM entry WHERE idx >= 310`},
		"entry 310: it is missing; the signed checkpoint has 350 entries", "it has a row, and no event of the ledger made it", "it was rewritten",
	},
	"drop a pending event": { // the last one, which nobody has published
		[]string{`DELETE FROM entry WHERE idx = 349`},
		"entry 349: it is missing; the signed checkpoint has 350 entries", "", "it was rewritten",
	},
	"drop a published event": {
		[]string{`DELETE FROM entry WHERE idx = 100`},
		"entry 100: it is missing; the next one there is 101", "", "",
	},
	"insert in the middle": {
		[]string{
			`UPDATE entry SET idx = idx + 1000 WHERE idx > 330`, `UPDATE entry SET idx = idx - 999 WHERE idx > 1000`,
			`INSERT INTO entry SELECT 331, id || 'x', object_kind, object_id, object_version, prev, cause, leaf, salt, body, keys, subject FROM entry WHERE idx = 330`,
		},
		"it makes version", "", "it was rewritten",
	},
	"swap two entries": {
		[]string{`UPDATE entry SET idx = -1 WHERE idx = 341`, `UPDATE entry SET idx = 341 WHERE idx = 342`, `UPDATE entry SET idx = 342 WHERE idx = -1`},
		"its leaves do not give the signed root", "", "it was rewritten",
	},
	"change a state row by SQL": {
		[]string{`UPDATE object SET body = CAST('"mine"' AS BLOB) WHERE id = 'a7'`},
		"", "its row's body is not the one that its last event left", "",
	},
	"give a state row to somebody": {
		[]string{`INSERT INTO object SELECT kind, 'mine', version, event, after, body, keys FROM object WHERE id = 'a7'`},
		"", "it has a row, and no event of the ledger made it", "",
	},
	"set the head back": {
		[]string{`UPDATE ledger_head SET size = 200`},
		"the tree's head as stored is not the one that was signed", "", "it has 200 entries, and 300 were published",
	},
	"take the checkpoint away": {
		[]string{`UPDATE ledger_head SET checkpoint = ''`},
		"it has entries and no signed checkpoint", "", "the ledger cannot be published",
	},
}

// attacked is a ledger of 350 events of which 300 are published, after SQL
// was run on its database.
func attacked(t *testing.T, sqls []string) (*world, *publish.Publisher) {
	t.Helper()
	w := newWorld(t)
	w.record(300, "a")
	folder := publish.Memory{}
	w.publish(w.publisher(folder))
	w.record(50, "b")
	w.close()
	db, err := sql.Open("sqlite", filepath.Join(w.place, sqlite.File))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range sqls {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	w.open()
	return w, w.publisher(folder)
}

func TestAttacks(t *testing.T) {
	for name, c := range attacks {
		t.Run(name, func(t *testing.T) {
			w, p := attacked(t, c.sql)
			says := func(who string, err error, want string) {
				t.Helper()
				if want == "" && err != nil && who == "the publisher" || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
					t.Errorf("%s: got %v, want %q", who, err, want)
				}
			}
			_, ledgerSays := store.VerifyLedger(t.Context(), w.store, w.vkey, nil)
			says("verify ledger", ledgerSays, c.ledger)
			_, stateSays := store.VerifyState(t.Context(), w.store, nil)
			says("verify state", stateSays, c.state)
			if ledgerSays == nil && stateSays == nil {
				t.Error("no verification found it")
			}
			_, err := p.Publish(t.Context())
			says("the publisher", err, c.publisher)
			// Whatever was done, what is published is still whole, and the truth.
			if r, err := verify(p.Folder, w.policy(), ""); err != nil || r.Size < 300 {
				t.Errorf("what is published: %+v, %v", r, err)
			}
		})
	}
}

// copyDB is a backup of the database.
func copyDB(t *testing.T, from, to string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(filepath.Join(to, sqlite.File+suffix))
		data, err := os.ReadFile(filepath.Join(from, sqlite.File+suffix))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, sqlite.File+suffix), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// restored is a ledger that was published at 300 entries and then restored
// from a backup of 100, as if nothing were; it may have grown since.
func restored(t *testing.T, prepare func(*world, *publish.Publisher), grown int) (*world, *publish.Publisher) {
	t.Helper()
	w := newWorld(t)
	w.record(100, "a")
	w.close()
	backup := t.TempDir()
	copyDB(t, w.place, backup)
	w.open()
	p := w.publisher(publish.Memory{})
	if prepare != nil {
		prepare(w, p)
	}
	w.record(200, "b")
	w.publish(p)
	w.close()
	copyDB(t, backup, w.place)
	w.open()
	p.Store = w.store
	if grown > 0 {
		w.record(grown, "c")
	}
	return w, p
}

// Restore an old backup: verifying the database alone finds nothing, for it
// was true once. The published folder, a witness and the signer each do, at
// once and after the ledger grew past what it was.
func TestAttackRestoreAnOldBackup(t *testing.T) {
	for _, grown := range []int{0, 50, 200, 400} {
		w, p := restored(t, nil, grown)
		if _, err := store.VerifyLedger(t.Context(), w.store, w.vkey, nil); err != nil {
			t.Errorf("grown by %d: the backup itself: %v", grown, err)
		}
		checked := p.Check(t.Context())
		_, published := p.Publish(t.Context())
		if grown <= 200 && !errors.Is(checked, publish.ErrHalted) {
			t.Errorf("grown by %d: the check said %v", grown, checked)
		}
		if !errors.Is(published, publish.ErrHalted) || onus.KindOf(published) != onus.LedgerClosed || !strings.Contains(onus.HintOf(published), "new-epoch") {
			t.Errorf("grown by %d: the publisher said %v", grown, published)
		}
		if r, err := verify(p.Folder, w.policy(), ""); err != nil || r.Size != 300 {
			t.Errorf("grown by %d: what is published: %+v, %v", grown, r, err)
		}
		// The folder was lost with it, and a witness remembers.
		w, p = restored(t, func(w *world, p *publish.Publisher) { w.witnessed(p, 0) }, grown)
		if err := p.Witnessed(t.Context()); !errors.Is(err, publish.ErrHalted) {
			t.Errorf("grown by %d: a process that lived on: %v", grown, err)
		}
		p = &publish.Publisher{Store: w.store, Folder: publish.Memory{}, Policy: p.Policy, Witnesses: p.Witnesses, Now: w.now}
		if err := p.Witnessed(t.Context()); !errors.Is(err, publish.ErrHalted) || !strings.Contains(err.Error(), "a witness has cosigned another history") {
			t.Errorf("grown by %d: the witness said nothing: %v", grown, err)
		}
	}
}

// The signer, under another user, remembers too.
func TestAttackRestoreAnOldBackupUnderTheSigner(t *testing.T) {
	w := newWorld(t)
	w.close()
	guard, err := signer.NewGuard(w.signer, filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	open := func() {
		s, err := sqlite.Open(t.Context(), w.place, sqlite.Options{Signer: guard, Now: w.now, Late: true})
		if err != nil {
			t.Fatal(err)
		}
		w.store = s
		t.Cleanup(func() { _ = s.Close() })
	}
	open()
	w.record(10, "a")
	w.close()
	backup := t.TempDir()
	copyDB(t, w.place, backup)
	open()
	w.record(10, "b")
	w.close()
	copyDB(t, backup, w.place)
	open()
	err = w.store.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.Record(t.Context(), ledger.Event{Type: ledger.RunCreated, Actor: "engine"}, store.Object{Kind: "thing", ID: "x", Body: []byte(`1`)})
		return err
	})
	if onus.KindOf(err) != onus.LedgerClosed {
		t.Errorf("the restored database grows: %v", err)
	}
}

// Rewrite everything with the log's own key: every check of the new history
// alone succeeds. A checkpoint that somebody kept refuses it, and so do the
// published folder and a witness.
func TestAttackRewriteAllWithTheKey(t *testing.T) {
	w := newWorld(t)
	p := w.publisher(publish.Memory{})
	w.witnessed(p, 0)
	w.record(300, "truth")
	kept := w.publish(p)
	receipt, err := p.Receipt(t.Context(), w.events[7])
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{200, 300, 600} {
		lie := &world{T: t, place: t.TempDir(), signer: w.signer, vkey: w.vkey}
		lie.open()
		lie.record(size, "lie")
		if _, err := store.VerifyLedger(t.Context(), lie.store, lie.vkey, nil); err != nil {
			t.Errorf("%d: the lie by itself: %v", size, err)
		}
		fresh := publish.Memory{}
		lie.publish(lie.publisher(fresh))
		if _, err := verify(fresh, lie.policy(), ""); err != nil {
			t.Errorf("%d: the lie by itself, published: %v", size, err)
		}
		if _, err := verify(fresh, lie.policy(), kept); err == nil {
			t.Errorf("%d: a kept checkpoint does not find it", size)
		}
		if _, err := ledger.VerifySince(entriesOf(t.Context(), lie.store), string(fresh["checkpoint"]), ledger.Options{Policy: lie.policy(), Since: kept}); err == nil {
			t.Errorf("%d: a kept checkpoint does not find it in the database", size)
		}
		old := *lie.publisher(p.Folder)
		if _, err := old.Publish(t.Context()); !errors.Is(err, publish.ErrHalted) {
			t.Errorf("%d: it is published over the truth: %v", size, err)
		}
		asked := &publish.Publisher{Store: lie.store, Folder: publish.Memory{}, Policy: p.Policy, Witnesses: p.Witnesses, Now: w.now}
		if err := asked.Witnessed(t.Context()); !errors.Is(err, publish.ErrHalted) {
			t.Errorf("%d: the witness cosigns it: %v", size, err)
		}
		// The receipt that somebody holds still proves the truth.
		if _, _, err := receipt.Verify(p.Policy); err != nil {
			t.Errorf("%d: the receipt: %v", size, err)
		}
	}
}

func entriesOf(ctx context.Context, s store.Store) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		err := s.View(ctx, func(r store.Reader) error {
			for e, err := range r.Events(ctx, store.EventQuery{Bodies: true}) {
				if !yield(ledger.Entry{Index: e.Index, Leaf: e.Leaf, Salt: e.Salt, Body: e.Body}, err) {
					return nil
				}
			}
			return nil
		})
		if err != nil {
			yield(ledger.Entry{}, err)
		}
	}
}

// A receipt for another log, for another event, or under another key proves nothing.
func TestAttackAReceiptOfAnotherLog(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	w.record(20, "a")
	other.record(20, "a")
	p := w.publisher(publish.Hashes{Memory: publish.Memory{}})
	theirs := other.publisher(publish.Hashes{Memory: publish.Memory{}})
	r, err := p.Receipt(t.Context(), w.events[3])
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := theirs.Receipt(t.Context(), other.events[3])
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.Receipt(t.Context(), w.events[4])
	if err != nil {
		t.Fatal(err)
	}
	mixed := r
	mixed.Checkpoint = foreign.Checkpoint
	leaf := r
	leaf.Leaf = second.Leaf
	place := r
	place.Index = 4
	for name, c := range map[string]struct {
		r    ledger.Receipt
		want string
	}{
		"another log's":         {foreign, "is signed by no key of the policy"},
		"its checkpoint theirs": {mixed, "is signed by no key of the policy"},
		"another event":         {leaf, "the proof does not tie this entry to place 3"},
		"another place":         {place, "the proof does not tie this entry to place 4"},
	} {
		if _, _, err := c.r.Verify(w.policy()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// A published folder that was harmed is not built upon.
func TestADamagedFolderIsNotBuiltUpon(t *testing.T) {
	w := newWorld(t)
	folder := publish.Memory{}
	p := w.publisher(folder)
	w.record(300, "a")
	w.publish(p)
	w.record(1, "b")
	for path, want := range map[string]string{
		"tile/0/001.p/44": "the publishing folder is damaged", "tile/1/000.p/1": "the publishing folder is damaged",
		"checkpoint": "the publishing folder is of something else",
	} {
		whole := folder[path]
		folder[path] = append([]byte("x"), whole[1:]...)
		if _, err := p.Publish(t.Context()); err == nil || !strings.Contains(err.Error(), want) || onus.HintOf(err) == "" {
			t.Errorf("%s: got %v", path, err)
		}
		folder[path] = whole
	}
	if _, err := p.Publish(t.Context()); err != nil {
		t.Errorf("made whole: %v", err)
	}
}

// A lying witness: what it gives is looked at, and it alone cannot stop or
// satisfy anything.
func TestAttackALyingWitness(t *testing.T) {
	w := newWorld(t)
	p := w.publisher(publish.Memory{})
	door := w.witnessed(p, 0)
	w.record(10, "a")
	for name, lie := range map[string]string{"no signature": "", "garbage": "— witness.example/w AAAA\n", "our own": "— " + origin + " AAAA\n"} {
		liar := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, lie) }))
		defer liar.Close()
		_, public, err := ledger.NewWitnessKey("witness.example/w")
		if err != nil {
			t.Fatal(err)
		}
		policy := fmt.Sprintf("log %s\nwitness w %s %s\nquorum w\n", w.vkey, public, liar.URL)
		lied, err := ledger.ParsePolicy(policy)
		if err != nil {
			t.Fatal(err)
		}
		fooled := w.publisher(publish.Memory{})
		fooled.Policy = lied
		if fooled.Witnesses, err = witness.NewClients(lied); err != nil {
			t.Fatal(err)
		}
		if err := fooled.Witnessed(t.Context()); onus.KindOf(err) != onus.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := p.Witnessed(t.Context()); err != nil || door.asked.Load() == 0 {
		t.Errorf("an honest one: %v", err)
	}
}
