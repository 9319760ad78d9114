package server

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/publish"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// Verifier is the key that checks the ledger.
func (b *Books) Verifier() string { return b.verifier }

// VerifySince recomputes the ledger in the database, and proves that it
// begins with the whole of the one that an older checkpoint speaks of.
func (b *Books) VerifySince(ctx context.Context, since string) (Verification, error) {
	p, err := ledger.LogPolicy(b.verifier)
	if err != nil {
		return Verification{}, err
	}
	o := ledger.Options{Policy: p, Since: since}
	if count := b.count("entries verified"); count != nil {
		o.Progress = func(done int64) { count(done, done) }
	}
	var rep ledger.Report
	err = b.store.View(ctx, func(r store.Reader) error {
		head, err := r.Head(ctx)
		if err != nil {
			return err
		}
		rep, err = ledger.VerifySince(entriesOf(ctx, r), head.Checkpoint, o)
		return err
	})
	return verified(rep, p.Logs[0].Name, err)
}

func entriesOf(ctx context.Context, r store.Reader) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		for e, err := range r.Events(ctx, store.EventQuery{Bodies: true}) {
			if !yield(ledger.Entry{Index: e.Index, Leaf: e.Leaf, Salt: e.Salt, Body: e.Body}, err) {
				return
			}
		}
	}
}

// VerifyPublished verifies a log that was published in a folder or at an
// address. It needs nothing of ours but the policy.
func VerifyPublished(ctx context.Context, place string, o ledger.Options) (Verification, error) {
	rep, c, err := ledger.VerifyPublished(ctx, ledger.FetchFrom(place), o)
	return verified(rep, c.Origin, err)
}

func verified(rep ledger.Report, origin string, err error) (Verification, error) {
	var fault *ledger.FaultError
	if errors.As(err, &fault) {
		return Verification{Says: fault.Error(), Size: rep.Size}, nil
	}
	return Verification{
		Good: true, Size: rep.Size,
		Says: fmt.Sprintf("the ledger is whole: %d entries, root %x, checkpoint signed by %s", rep.Size, rep.Root[:8], origin),
	}, err
}

// Receipt gives the proof that an event is in the ledger.
func (b *Books) Receipt(ctx context.Context, event string) (ledger.Receipt, error) {
	p, err := b.publisher()
	if err != nil {
		return ledger.Receipt{}, err
	}
	return p.Receipt(ctx, event)
}

// Publish publishes what is new of the ledger.
func (b *Books) Publish(ctx context.Context) (ledger.Checkpoint, string, error) {
	p, err := b.publisher()
	if err != nil {
		return ledger.Checkpoint{}, "", err
	}
	_, published := p.Folder.(publish.Dir)
	if !published {
		return ledger.Checkpoint{}, "", onus.Errorf(onus.Invalid, "name one with onus ledger init --publish, or in "+ledgerFile, "no folder is named to publish the ledger to")
	}
	signed, err := p.Publish(ctx)
	if err != nil && !errors.Is(err, ledger.ErrNoQuorum) || signed == "" {
		return ledger.Checkpoint{}, "", err
	}
	c, open := p.Policy.OpenLog(signed)
	if errors.Is(err, ledger.ErrNoQuorum) {
		open = onus.Errorf(onus.Unavailable, "see that enough of the policy's witnesses answer", "%d entries are published, and too few witnesses cosigned them", c.Size)
	}
	return c, signed, open
}

func (b *Books) publisher() (*publish.Publisher, error) {
	ls, err := ReadLedgerSettings(b.data)
	if err != nil {
		return nil, err
	}
	return ls.publisher(b.store, b.verifier, b.now)
}

// LedgerHandler serves the published ledger of a data folder, read only, and
// its former epochs.
func LedgerHandler(data string) (http.Handler, error) {
	ls, err := ReadLedgerSettings(data)
	if err != nil {
		return nil, err
	}
	if ls.Publish == "" {
		return nil, onus.Errorf(onus.Invalid, "name one with onus ledger init --publish, or in "+ledgerFile, "no folder is named to publish the ledger to")
	}
	mux := http.NewServeMux()
	for n := 1; n <= ls.Epoch; n++ {
		of := ls
		of.Epoch = n
		prefix := "/ledger"
		if n > 1 {
			prefix += fmt.Sprintf("/epoch-%d", n)
		}
		mux.Handle(prefix+"/", http.StripPrefix(prefix, publish.Handler(publish.Dir(of.folder()))))
	}
	return mux, nil
}

// A Gap is where the ledger may not tell all.
type Gap struct {
	What string `json:"what"`
	ID   string `json:"id"`
	Says string `json:"says"`
}

// Completeness looks for what the ledger should tell and does not: access
// that systems show and nobody intended, and intents with no outcome.
func (b *Books) Completeness(ctx context.Context) (Verification, []Gap, error) {
	var gaps []Gap
	var looked int64
	now := b.now()
	err := b.store.View(ctx, func(r store.Reader) error {
		for row, err := range r.Find(ctx, store.Query{Kind: store.Grants.Name}) {
			if err != nil {
				return err
			}
			g, err := store.Grants.Decode(row)
			if err != nil {
				return err
			}
			looked++
			if g.Observed && g.Change == "" && !g.Warranted(now) {
				gaps = append(gaps, Gap{"effect without intent", row.ID, fmt.Sprintf("%s shows %s, and no change of ours made it", g.System, grantOf(g))})
			}
		}
		for row, err := range r.Find(ctx, store.Query{Kind: store.Changes.Name}) {
			if err != nil {
				return err
			}
			c, err := store.Changes.Decode(row)
			if err != nil {
				return err
			}
			looked++
			unsettled := c.State == onus.ChangeIntended || c.State == onus.ChangeApplied
			if unsettled && !c.Lease.After(now) {
				gaps = append(gaps, Gap{"intent without outcome", row.ID, fmt.Sprintf("it was intended on %s at %s, and nobody has said how it ended",
					c.Planned.Target.System, c.Intended.UTC().Format("2006-01-02 15:04:05"))})
			}
		}
		return nil
	})
	if err != nil {
		return Verification{}, nil, err
	}
	slices.SortStableFunc(gaps, func(a, b Gap) int {
		if a.What < b.What {
			return -1
		}
		if a.What > b.What {
			return 1
		}
		return 0
	})
	v := Verification{Good: len(gaps) == 0, Size: looked, Says: fmt.Sprintf("the ledger is complete: %d grants and changes, each effect intended, each intent with its outcome", looked)}
	if !v.Good {
		v.Says = fmt.Sprintf("the ledger does not tell all: %d of %d grants and changes", len(gaps), looked)
	}
	return v, gaps, nil
}

func grantOf(g onus.Grant) string {
	what := g.Entitlement
	if what == "" {
		what = "the account"
	}
	if g.Identity == "" {
		return what + " on an account of nobody"
	}
	return what + " held by " + string(g.Identity)
}
