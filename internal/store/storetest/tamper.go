package storetest

import (
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// Every way to change the tables behind the store's back is found, and said in
// a sentence that names the place.
func tamperingIsFound(t *testing.T, b Backend) {
	t.Helper()
	for name, c := range map[string]struct {
		sql    string
		ledger string // what VerifyLedger says; empty: it has nothing to say
		state  string // the same of VerifyState
	}{
		"a body of an object": {
			`UPDATE object SET body = (SELECT body FROM object WHERE id = 'b') WHERE id = 'a'`,
			``, `thing a: its row's body is not the one that its last event left (since event evt_`,
		},
		"an object is deleted": {
			`DELETE FROM object WHERE id = 'b'`, ``, `thing b: its row is missing (since event evt_`,
		},
		"an object is added": {
			`INSERT INTO object SELECT kind, 'ab', version, event, after, body, keys FROM object WHERE id = 'a'`,
			``, `thing ab: it has a row, and no event of the ledger made it`,
		},
		"an object is added last": {
			`INSERT INTO object SELECT kind, 'z', version, event, after, body, keys FROM object WHERE id = 'a'`,
			``, `thing z: it has a row, and no event of the ledger made it`,
		},
		"an object's version": {
			`UPDATE object SET version = 7 WHERE id = 'a'`, ``, `thing a: its row is version 7, and the ledger's last is 2`,
		},
		"a former state comes back": {
			`UPDATE object SET version = 1, event = (SELECT id FROM entry WHERE idx = 0), body = (SELECT body FROM entry WHERE idx = 0) WHERE id = 'a'`,
			``, `thing a: its row has another commitment than its last event`,
		},
		"a key row is changed": {
			`UPDATE object_key SET value = 'w' WHERE id = 'a'`, ``, `thing a: it is found by k="w", and no event says so`,
		},
		"a key row is deleted": {
			`DELETE FROM object_key WHERE id = 'a'`, ``, `thing a: it is not found by k="v2" any more`,
		},
		"a key row is added": {
			`INSERT INTO object_key VALUES ('thing', 'k', 'v2', 'b')`, ``, `thing b: it is found by k="v2", and no event says so`,
		},
		"keys of both tables": {
			`UPDATE object SET keys = '[]' WHERE id = 'a'; DELETE FROM object_key WHERE id = 'a'`,
			``, `thing a: its row's keys are not those that its last event left`,
		},
		"keys everywhere": {
			`UPDATE object SET keys = '[]' WHERE kind = 'workflow'; UPDATE entry SET keys = '[["k","v"]]' WHERE object_kind = 'workflow';
			 UPDATE object SET keys = '[["k","v"]]' WHERE kind = 'workflow'; INSERT INTO object_key VALUES ('workflow', 'k', 'v', 'joiner')`,
			``, `workflow joiner: its keys do not follow from its body`,
		},
		"a body in the ledger": {
			`UPDATE entry SET body = (SELECT body FROM entry WHERE idx = 1) WHERE idx = 0`,
			`entry 0 (evt_`, `the state kept with entry 0 is not the one it committed to`,
		},
		"a salt in the ledger": {
			`UPDATE entry SET salt = (SELECT salt FROM entry WHERE idx = 1) WHERE idx = 0`,
			`the state of thing a kept with it is not the one that it committed to`, `entry 0 is not the one it committed to`,
		},
		"a column beside a leaf": {
			`UPDATE entry SET cause = 'evt_other' WHERE idx = 0`, ``, `thing a: the columns of entry 0 do not repeat its leaf`,
		},
		"an entry leads past the version before": {
			`UPDATE entry SET prev = NULL WHERE idx = 3`, ``, `thing a: entry 3 does not lead to the version before`,
		},
		"an entry leads to another object": {
			`UPDATE entry SET prev = 1 WHERE idx = 3`, ``, `thing a: entry 3 does not lead to the version before`,
		},
		"an object names an event that never was": {
			`UPDATE object SET version = 3, event = 'evt_other' WHERE id = 'a'`, ``, `thing a: it has a row, and no event of the ledger made it`,
		},
		"an object names another object's event": {
			`UPDATE object SET version = 3, event = (SELECT id FROM entry WHERE idx = 1) WHERE id = 'a'`,
			``, `thing a: it has a row, and no event of the ledger made it`,
		},
		"the last entry is dropped": {
			`DELETE FROM entry WHERE idx = 4`, `entry 4: it is missing; the signed checkpoint has 5 entries`, `thing c: it has a row, and no event of the ledger made it`,
		},
		"a middle entry is dropped": {
			`DELETE FROM entry WHERE idx = 2`, `entry 2: it is missing; the next one there is 3`, `workflow joiner: it has a row, and no event of the ledger made it`,
		},
		"the first entry is dropped": {
			`DELETE FROM entry WHERE idx = 0`, `entry 0: it is missing; the next one there is 1`, `thing a: entry 3 does not lead to the version before`,
		},
		"two entries change places": {
			`UPDATE entry SET idx = 99 WHERE idx = 1; UPDATE entry SET idx = 1 WHERE idx = 2; UPDATE entry SET idx = 2 WHERE idx = 99`,
			`its leaves do not give the signed root`, `entry 1 is not found by its ID`,
		},
		"two entries of one object change places": {
			`UPDATE entry SET idx = 99 WHERE idx = 0; UPDATE entry SET idx = 0 WHERE idx = 3; UPDATE entry SET idx = 3 WHERE idx = 99`,
			`it makes version 2 of thing a, and version 0 was before it`, `entry 0 is not found by its ID`,
		},
		"the last entry is dropped and the head set back": {
			`DELETE FROM entry WHERE idx = 4; UPDATE ledger_head SET size = 4`,
			`entry 4: it is missing; the signed checkpoint has 5 entries`, `thing c: it has a row, and no event of the ledger made it`,
		},
		"the head's root": {
			`UPDATE ledger_head SET root = (SELECT salt FROM entry WHERE idx = 0)`, `the tree's head as stored is not the one that was signed`, ``,
		},
		"the checkpoint is taken away": {
			`UPDATE ledger_head SET checkpoint = ''`, `it has entries and no signed checkpoint`, ``,
		},
		"the checkpoint's size": {
			`UPDATE ledger_head SET checkpoint = replace(checkpoint, '5', '4')`, `the checkpoint is not signed by`, ``,
		},
		"nothing": {`SELECT 1`, ``, ``},
	} {
		t.Run(name, func(t *testing.T) {
			s := tamperable(t, b)
			db, _ := s.Writer()
			for statement := range strings.SplitSeq(c.sql, ";") {
				if _, err := db.ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			_, verifier := testKey()
			_, err := store.VerifyLedger(t.Context(), s, verifier, nil)
			wantSentence(t, err, c.ledger)
			_, err = store.VerifyState(t.Context(), s, nil)
			wantSentence(t, err, c.state)
		})
	}
	formerRowIsFound(t, b)
	leafIsEdited(t, b)
	damagedHeadIsNotSigned(t, b)
}

// A row that was once true, whole, is found by what came after it.
func formerRowIsFound(t *testing.T, b Backend) {
	t.Helper()
	t.Run("a former row comes back", func(t *testing.T) {
		s := open(t, b)
		db, _ := s.Writer()
		sql := func(statement string) {
			t.Helper()
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		put(t, s, thing("a", `1`))
		sql(`CREATE TABLE aside AS SELECT * FROM object`)
		put(t, s, thing("a", `2`))
		sql(`DELETE FROM object`)
		sql(`INSERT INTO object SELECT * FROM aside`)
		_, err := store.VerifyState(t.Context(), s, nil)
		wantSentence(t, err, `thing a: its row is version 1, and the ledger's last is 2`)
	})
}

// tamperable is a store of five entries: a, b, workflow, a again, c.
func tamperable(t *testing.T, b Backend) store.Store {
	t.Helper()
	s := open(t, b)
	put(t, s, thing("a", `1`, store.Key{Name: "k", Value: "v1"}), thing("b", `2`))
	update(t, s, func(tx store.Tx) error {
		w := store.WorkflowVersion{Name: "joiner", Version: 1, Digest: "sha256:0"}
		_, err := store.WorkflowVersions.Put(t.Context(), tx, event, w)
		return err
	})
	put(t, s, thing("a", `3`, store.Key{Name: "k", Value: "v2"}), thing("c", `4`))
	return s
}

func wantSentence(t *testing.T, err error, part string) {
	t.Helper()
	switch {
	case part == "" && err != nil:
		t.Errorf("got %v, want no fault", err)
	case part != "" && (err == nil || !strings.Contains(err.Error(), part)):
		t.Errorf("got %v\nwant …%s…", err, part)
	}
}

// A leaf is edited in every way that could go unseen.
func leafIsEdited(t *testing.T, b Backend) {
	t.Helper()
	for name, c := range map[string]struct{ old, new, want string }{
		"another owner":      {`"owner":"idn_1"`, `"owner":"idn_2"`, `its leaves do not give the signed root`},
		"a space":            {`{"actor"`, `{ "actor"`, `entry 1: the leaf is not in the form`},
		"an unknown field":   {`{"actor"`, `{"aaa":"x","actor"`, `entry 1: the leaf is not an event`},
		"a field twice":      {`{"actor"`, `{"actor":"engine","actor"`, `entry 1: the leaf is not in the form`},
		"something after it": {`"v":"1"}`, `"v":"1"}{}`, `entry 1: the leaf is not in the form`},
		"another version":    {`"v":"1"`, `"v":"2"`, `format version is "2"`},
	} {
		t.Run("a leaf: "+name, func(t *testing.T) {
			s := tamperable(t, b)
			db, dialect := s.Writer()
			var leaf []byte
			if err := db.QueryRowContext(t.Context(), `SELECT leaf FROM entry WHERE idx = 1`).Scan(&leaf); err != nil {
				t.Fatal(err)
			}
			edited := strings.Replace(string(leaf), c.old, c.new, 1)
			statement := map[string]string{
				"sqlite": `UPDATE entry SET leaf = ? WHERE idx = 1`, "postgres": `UPDATE entry SET leaf = $1 WHERE idx = 1`,
			}[dialect]
			if _, err := db.ExecContext(t.Context(), statement, []byte(edited)); err != nil {
				t.Fatal(err)
			}
			_, verifier := testKey()
			_, err := store.VerifyLedger(t.Context(), s, verifier, nil)
			wantSentence(t, err, c.want)
		})
	}
}

// A head that does not hold together is not signed on: that would give the
// damage our name.
func damagedHeadIsNotSigned(t *testing.T, b Backend) {
	t.Helper()
	t.Run("a damaged head is not signed", func(t *testing.T) {
		place := b.Place(t)
		s := openAt(t, b, place, Options(t))
		put(t, s, thing("a", `1`))
		db, _ := s.Writer()
		if _, err := db.ExecContext(t.Context(), `UPDATE ledger_head SET root = (SELECT salt FROM entry WHERE idx = 0)`); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openAt(t, b, place, Options(t))
		err := s.Update(t.Context(), func(tx store.Tx) error { return record(t.Context(), tx, thing("b", `1`)) })
		wantKind(t, err, onus.LedgerClosed)
		if n := sizeOf(t, s); n != 1 {
			t.Errorf("%d entries, want 1", n)
		}
	})
}
