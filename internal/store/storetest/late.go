package storetest

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// strict is a signer that never signs two trees that cannot both be true, as
// the one behind a socket does; and it can be away.
type strict struct {
	note.Signer

	mu   sync.Mutex
	last ledger.Checkpoint
	away bool
	held chan struct{} // nil: it is not
}

func (s *strict) Sign(msg []byte) ([]byte, error) {
	c, err := ledger.ParseCheckpoint(string(msg))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held != nil && c.Size > s.last.Size {
		<-s.held
	}
	switch {
	case err != nil:
		return nil, err
	case s.away:
		return nil, errors.New("the signer is away")
	case c.Size < s.last.Size || c.Size == s.last.Size && c.Root != s.last.Root:
		return nil, errors.New("the signer signs no fork")
	}
	s.last = c
	return s.Signer.Sign(msg)
}

// hold keeps the signer from signing anything new until it is released.
func (s *strict) hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make(chan struct{})
	s.held = held
	return func() { close(held) }
}

func (s *strict) leave(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// A signer that remembers what it signed is asked only about what is
// committed: an update that is rolled back does not set it at odds with the
// log. While it is away nothing is changed.
func aLateSignerSignsWhatIsCommitted(t *testing.T, b Backend) {
	t.Helper()
	o := Options(t)
	signer := &strict{Signer: o.Signer}
	o.Signer, o.Late = signer, true
	s := openAt(t, b, b.Place(t), o)
	ctx := t.Context()
	put := func(id, body string) error {
		return s.Update(ctx, func(tx store.Tx) error { return record(ctx, tx, thing(id, body)) })
	}
	signedSize := func() (head store.Head, signed ledger.Checkpoint) {
		err := s.View(ctx, func(r store.Reader) (err error) { head, err = r.Head(ctx); return err })
		if err != nil {
			t.Fatal(err)
		}
		signed, err = ledger.PeekCheckpoint(head.Checkpoint)
		if err != nil {
			t.Fatal(err)
		}
		return head, signed
	}
	for i := range 5 {
		if err := put("a", `"x"`); err != nil {
			t.Fatal(err)
		}
		_ = s.Update(ctx, func(tx store.Tx) error {
			err := record(ctx, tx, thing("b", `"rolled back"`))
			return errors.Join(err, errors.New("changed my mind"))
		})
		if head, signed := signedSize(); head.Size != int64(i+1) || signed.Size != head.Size || signed.Root != head.Root {
			t.Fatalf("after %d updates: %d entries, %d of them signed", i+1, head.Size, signed.Size)
		}
	}
	signer.leave(true)
	if err := put("a", `"y"`); onus.KindOf(err) != onus.LedgerClosed {
		t.Errorf("without a signer: %v", err)
	}
	if head, _ := signedSize(); head.Size != 5 {
		t.Errorf("without a signer the ledger grew to %d", head.Size)
	}
	signer.leave(false)
	if err := put("a", `"z"`); err != nil {
		t.Errorf("the signer is back: %v", err)
	}
	if head, signed := signedSize(); head.Size != 6 || signed.Size != 6 {
		t.Errorf("the signer is back: %d entries, %d signed", head.Size, signed.Size)
	}

	// Whoever verifies between an entry and its signature waits for it.
	release := signer.hold()
	written := make(chan error, 1)
	go func() { written <- put("a", `"while it is verified"`) }()
	for {
		if head, signed := signedSize(); signed.Size < head.Size {
			break
		}
		runtime.Gosched()
	}
	_, verifier := testKey()
	_, err := store.VerifyLedger(ctx, &afterView{Store: s, do: sync.OnceFunc(release)}, verifier, nil)
	if err := errors.Join(<-written, err); err != nil {
		t.Errorf("between an entry and its signature: %v", err)
	}
}

// afterView does something once somebody has looked.
type afterView struct {
	store.Store

	do func()
}

func (s *afterView) View(ctx context.Context, fn func(store.Reader) error) error {
	defer s.do()
	return s.Store.View(ctx, fn)
}
