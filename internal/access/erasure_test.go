package access_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/access"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/trail"
	"github.com/onus-id/onus/ledger"
)

const why = "request 2026-17 under article 17"

// After two people decided it, no byte of the database says who it was; every
// proof verifies; and what is told says that it was erased.
func TestAnErasedPersonIsNowhere(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		t.Helper()
		w.leave()
		if got := w.holds(); len(got) != len(hisValues) {
			t.Fatalf("before, the files hold only %v: the test does not look where the data is", got)
		}
		before := w.verify()
		asked, err := w.request(mara, why)
		if err != nil {
			t.Fatal(err)
		}
		var trace access.Trace
		w.update(func(ctx context.Context, tx store.Tx) (err error) {
			trace, err = access.TraceOf(ctx, tx, asked.ID, personal)
			return err
		})
		done, err := w.approve(priya, asked.ID)
		if err != nil {
			t.Fatal(err)
		}
		scrubber, ok := w.store.(store.Scrubber)
		if !ok {
			t.Fatal("the store cannot scrub its files")
		}
		if err := scrubber.Scrub(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.holds(); len(got) > 0 {
			t.Errorf("the files of the database still hold %v", got)
		}
		after := w.verify()
		if done.State != store.ErasureCarried || done.Decider != priya || done.By != mara || done.Objects != 11 || after.Erased != done.Entries || done.Entries < 15 {
			t.Errorf("the erasure is %+v, and %d entries count as erased", done, after.Erased)
		}
		if after.Entries != before.Entries+2+int64(done.Objects) {
			t.Errorf("%d entries became %d: none may go, and %d objects were reduced", before.Entries, after.Entries, done.Objects)
		}
		if err := w.store.View(t.Context(), func(r store.Reader) error {
			n, err := trace.Elsewhere(t.Context(), r)
			if n != 0 {
				t.Errorf("%d entries still name the subject", n)
			}
			toldAsErased(t, r)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		// Life goes on: the same number may be given to somebody else.
		put(w, store.Identities, ledger.IdentityCorrelated, onus.Identity{ID: "idn_new", Kind: onus.Person, State: onus.Active, Login: "new", Source: "hr", Key: "77"})
		w.verify()
	})
}

// toldAsErased looks at what explain and log say of the subject.
func toldAsErased(t *testing.T, r store.Reader) {
	t.Helper()
	page, err := trail.Read(t.Context(), r, trail.Query{Filter: trail.Filter{Person: string(subject)}, Words: true})
	if err != nil {
		t.Fatal(err)
	}
	erased, types := 0, map[ledger.Type]int{}
	for _, l := range page.Lines {
		types[l.Event.Type]++
		if l.Erased {
			erased++
		}
		if l.Erased != strings.HasSuffix(l.Text(), "(its data was erased)") {
			t.Errorf("erased is %v, and the log says: %s", l.Erased, l.Text())
		}
		for _, v := range hisValues {
			data, err := json.Marshal(l)
			if err != nil || strings.Contains(string(data)+string(l.State)+l.Text(), v) {
				t.Errorf("the log still says %s: %s (%v)", v, l.Text(), err)
			}
		}
	}
	if erased < 10 || types[ledger.ErasureRequested] != 1 || types[ledger.ErasureCarried] != 1 || types[ledger.ObjectErased] < 9 {
		t.Errorf("the log tells of %d erased and %v", erased, types)
	}
	x, err := attribution.Explain(t.Context(), r, string(subject), "group:finance", time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
	if err != nil || !strings.HasPrefix(x.Sentence, "idn_quill does not have group:finance on dir any more: joiner v1 gave it on") {
		t.Errorf("explain says %q, %v", x.Sentence, err)
	}
	if _, err := attribution.ExplainChange(t.Context(), r, "run_1.00"); err != nil {
		t.Errorf("explaining the change: %v", err)
	}
	if _, err := attribution.FindIdentity(t.Context(), r, hisMail); onus.KindOf(err) != onus.NotFound {
		t.Errorf("the mail address still finds somebody: %v", err)
	}
}

func wantRefused(t *testing.T, err error, kind onus.ErrorKind, says string) {
	t.Helper()
	if onus.KindOf(err) != kind || err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want %s: …%s…", err, kind, says)
	}
}

// Two people, neither of them the subject, and nobody twice.
func TestNobodyErasesAlone(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		t.Helper()
		w.leave()
		_, err := w.request(mara, " ")
		wantRefused(t, err, onus.Invalid, "needs a reason")
		_, err = w.request(mara, "erase "+strings.ToUpper(hisLogin))
		wantRefused(t, err, onus.Invalid, "the reason names the very data")
		_, err = w.request(subject, why)
		wantRefused(t, err, onus.Denied, "their own record")
		asked, err := w.request(mara, why)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.request(priya, why)
		wantRefused(t, err, onus.Conflict, "waits for approval already")
		_, err = w.approve(mara, asked.ID)
		wantRefused(t, err, onus.Denied, "whoever asked for an erasure cannot approve it")
		_, err = w.approve(subject, asked.ID)
		wantRefused(t, err, onus.Denied, "their own record")
		_, err = w.approve(priya, "ers_nosuch")
		wantRefused(t, err, onus.NotFound, "there is no erasure ers_nosuch")
		w.update(func(ctx context.Context, tx store.Tx) error {
			_, err := access.Refuse(ctx, tx, access.Decider{Identity: onus.Identity{ID: mara}}, asked.ID, "a mistake")
			return err
		})
		_, err = w.approve(priya, asked.ID)
		wantRefused(t, err, onus.Conflict, "was refused already")
		if rep := w.verify(); rep.Erased != 0 {
			t.Errorf("%d entries were erased by nothing", rep.Erased)
		}
		again, err := w.request(priya, why)
		if err != nil || again.ID == asked.ID {
			t.Fatalf("after a refusal it may be asked again: %+v, %v", again, err)
		}
		if _, err := w.approve(mara, again.ID); err != nil {
			t.Fatal(err)
		}
		_, err = w.approve(mara, again.ID)
		wantRefused(t, err, onus.Conflict, "was carried already")
	})
}

// Who decides is an active person whom the organisation knows.
func TestWhoMayDecide(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		t.Helper()
		for mail, says := range map[string]string{
			"": "nobody knows who os:x is", "nobody@acme.example": "not one active person", "lee@acme.example": "not one active person", "bot@acme.example": "not one active person",
		} {
			err := w.try(func(ctx context.Context, tx store.Tx) error {
				_, err := access.Operator(ctx, tx, "os:x", mail)
				return err
			})
			wantRefused(t, err, onus.Denied, says)
		}
		w.update(func(ctx context.Context, tx store.Tx) error {
			who, err := access.Operator(ctx, tx, "os:x", "mara@acme.example")
			if who.ID != mara {
				t.Errorf("mara is %s", who.ID)
			}
			return err
		})
	})
}

// Whoever works here is not forgotten; nor what goes on; nor what the next
// read or scan would bring back. It is looked at again when it is approved.
func TestWhatCannotBeErasedYet(t *testing.T) {
	for name, c := range map[string]struct {
		bring func(w *world)
		says  string
	}{
		"they came back": {func(w *world) {
			put(w, store.Identities, ledger.IdentityChanged, onus.Identity{ID: subject, Kind: onus.Person, State: onus.Active, Source: "hr", Key: "77"})
		}, "identity idn_quill is active"},
		"they are to come back": {func(w *world) {
			put(w, store.Identities, ledger.IdentityChanged, onus.Identity{ID: subject, Kind: onus.Person, State: onus.Expected, Source: "hr", Key: "77"})
		}, "identity idn_quill is expected"},
		"a source lists them": {func(w *world) {
			put(w, store.Records, ledger.RecordSeen, onus.Record{Source: "hr", Key: "78", Kind: onus.Person, Identity: subject})
		}, "source hr still has record 78"},
		"a system has an account": {func(w *world) {
			put(w, store.Accounts, ledger.AccountObserved, onus.Account{System: "db", Ref: "16385", Identity: subject})
		}, "system db still has an account (16385)"},
		"a run goes on": {func(w *world) {
			put(w, store.Runs, ledger.RunCreated, onus.Run{ID: "run_9", State: onus.RunWaiting, Identity: subject})
		}, "run run_9"},
		"an occasion is due": {func(w *world) {
			put(w, store.Occasions, ledger.OccasionArose, onus.Occasion{ID: "occ_9", State: onus.Scheduled, Identity: subject})
		}, "occasion occ_9"},
		"an exception is open": {func(w *world) {
			put(w, store.Exceptions, ledger.ExceptionOpened, onus.Exception{ID: "exc_9", State: onus.ExceptionOpen, Identity: subject})
		}, "exception exc_9"},
		"an exception about their record is open": {func(w *world) {
			put(w, store.Exceptions, ledger.ExceptionOpened, onus.Exception{ID: "exc_8", State: onus.ExceptionOpen, Source: "hr", Key: "77"})
		}, "exception exc_8"},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t)
			w.leave()
			asked, err := w.request(mara, why)
			if err != nil {
				t.Fatal(err)
			}
			c.bring(w)
			_, err = w.approve(priya, asked.ID)
			wantRefused(t, err, onus.Conflict, c.says)
			if rep := w.verify(); rep.Erased != 0 {
				t.Errorf("%d entries were erased all the same", rep.Erased)
			}
		})
	}
	w := onSQLite(t)
	_, err := w.request(mara, why) // they work here
	wantRefused(t, err, onus.Conflict, "identity idn_quill is active")
}

// Others' entries that name the subject stay, and are counted.
func TestWhatOthersSayOfThemIsCounted(t *testing.T) {
	w := onSQLite(t)
	put(w, store.Identities, ledger.IdentityChanged, onus.Identity{ID: "idn_lee", Kind: onus.Person, State: onus.Left, Source: "hr", Key: "3", Manager: hisMail})
	w.leave()
	asked, err := w.request(mara, why)
	if err != nil {
		t.Fatal(err)
	}
	var trace access.Trace
	w.update(func(ctx context.Context, tx store.Tx) (err error) {
		trace, err = access.TraceOf(ctx, tx, asked.ID, personal)
		return err
	})
	if _, err := w.approve(priya, asked.ID); err != nil {
		t.Fatal(err)
	}
	w.update(func(ctx context.Context, tx store.Tx) error {
		n, err := trace.Elsewhere(ctx, tx)
		if n != 1 {
			t.Errorf("%d entries of others name the subject, want 1", n)
		}
		return err
	})
}

// A kind of object that comes to hold personal data comes with a rule how it
// is forgotten; else an erasure that meets it fails whole.
func TestEveryPersonalKindCanBeReduced(t *testing.T) {
	kinds := store.PersonalKinds()
	if len(kinds) < 9 {
		t.Fatalf("only %v hold personal data: the test does not look where they are", kinds)
	}
	for _, kind := range kinds {
		if !access.CanReduce(kind) {
			t.Errorf("a %s holds personal data, and package access has no rule how it is reduced to its IDs", kind)
		}
	}
}
