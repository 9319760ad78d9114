package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/witness"
	"github.com/onus-id/onus/ledger"
)

// ErrHalted is the error of a ledger that is not the one that was published:
// older, or another.
var ErrHalted = errors.New("the ledger is not the one that was published")

const haltHint = "bring back a newer backup; or, to go on knowingly from here: onus ledger new-epoch --reason '…'"

// halted says loudly why nothing is published, and what to do.
func halted(format string, args ...any) *onus.Error {
	return &onus.Error{
		Kind: onus.LedgerClosed, Message: fmt.Sprintf(format, args...), Hint: haltHint, Err: ErrHalted,
	}
}

// A Publisher publishes one ledger to one folder.
type Publisher struct {
	Store     store.Store
	Folder    Folder
	Policy    *ledger.Policy // names the log, and whose cosignatures are needed
	Witnesses []*witness.Client
	Now       func() time.Time

	mu        sync.Mutex        // one publishes at a time
	witnessed ledger.Checkpoint // guarded by mu; what the quorum cosigned last
}

// Last is the checkpoint that was published last; none is the empty one.
func (p *Publisher) Last() (ledger.Checkpoint, string, error) {
	signed, err := p.Folder.Read(ledger.CheckpointPath)
	if errors.Is(err, fs.ErrNotExist) {
		return ledger.Checkpoint{Origin: p.Policy.Logs[0].Name}, "", nil
	}
	if err != nil {
		return ledger.Checkpoint{}, "", err
	}
	c, err := p.Policy.OpenLog(string(signed))
	if err != nil {
		return c, "", onus.Errorf(onus.Invalid, "publish to a folder of its own; if the key was changed on purpose, name it in the policy",
			"the publishing folder is of something else: %w", err)
	}
	return c, string(signed), nil
}

// Check says whether the ledger still begins with what was published last: a
// smaller one was restored from a backup.
func (p *Publisher) Check(ctx context.Context) error {
	last, _, err := p.Last()
	if err != nil {
		return err
	}
	head, err := p.head(ctx)
	if err != nil {
		return err
	}
	return compare(last, head)
}

func compare(last ledger.Checkpoint, head store.Head) error {
	switch {
	case head.Size < last.Size:
		return halted("the database is older than what was published of its ledger: it has %d entries, and %d were published; it looks like a restored backup", head.Size, last.Size)
	case head.Size == last.Size && head.Size > 0 && head.Root != last.Root:
		return halted("the ledger was rewritten: it has %d entries with another root than was published", head.Size)
	default:
		return nil
	}
}

// Publish publishes what is new, and asks the witnesses. Every step may be
// cut off and done again. It gives the signed checkpoint that is out now; with
// ledger.ErrNoQuorum it is out without enough cosignatures.
func (p *Publisher) Publish(ctx context.Context) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.publish(ctx)
}

func (p *Publisher) publish(ctx context.Context) (signed string, err error) {
	if shared, ok := p.Folder.(interface {
		Lock() (unlock func() error, err error)
	}); ok {
		unlock, err := shared.Lock()
		if err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, unlock()) }()
	}
	return p.publishAlone(ctx)
}

func (p *Publisher) publishAlone(ctx context.Context) (string, error) {
	last, lastSigned, err := p.Last()
	if err != nil {
		return "", err
	}
	now, signed, err := p.writeTiles(ctx, last)
	if err != nil || now.Size == 0 {
		return "", err
	}
	if now.Size == last.Size {
		signed = lastSigned // with the cosignatures that it has
	}
	if _, open := p.Policy.Open(signed); open != nil {
		growth := func(from int64) ([]ledger.Hash, error) {
			return ledger.ProveGrowth(from, now.Size, p.tile)
		}
		signed, err = witness.Collect(ctx, p.Policy, p.Witnesses, signed, now.Size, growth)
	}
	if errors.Is(err, witness.ErrAhead) {
		halt := halted("a witness has cosigned another history of this ledger: the database was restored from an old backup, or rewritten")
		halt.Err = errors.Join(ErrHalted, err)
		return "", halt
	}
	if err == nil {
		p.witnessed = now
		if err := p.Folder.Remove(missedFile); err != nil {
			return "", err
		}
	}
	if signed != lastSigned {
		if err := p.Folder.Write(ledger.CheckpointPath, []byte(signed)); err != nil {
			return "", err
		}
	}
	return signed, errors.Join(err, p.tidy(last.Size, now.Size))
}

func (p *Publisher) tile(t ledger.Tile) ([]byte, error) { return p.Folder.Read(t.Path()) }

// writeTiles writes the tiles that are new since the last checkpoint, and
// gives the one that is over all of them now.
func (p *Publisher) writeTiles(ctx context.Context, last ledger.Checkpoint) (now ledger.Checkpoint, signed string, err error) {
	tiling, err := ledger.ResumeTiling(last.Size, p.tile)
	if err != nil || last.Size > 0 && tiling.Root() != last.Root {
		return now, "", onus.Errorf(onus.Invalid, "publish to a new, empty folder: it will be whole again",
			"the publishing folder is damaged: its tiles are not those of its checkpoint")
	}
	err = p.Store.View(ctx, func(r store.Reader) error {
		head, err := r.Head(ctx)
		if err != nil {
			return err
		}
		if err := compare(last, head); err != nil || head.Size == 0 {
			return err
		}
		if now, err = p.Policy.OpenLog(head.Checkpoint); err != nil {
			return onus.Errorf(onus.LedgerClosed, "name the key that signs it in the policy", "the ledger cannot be published: %w", err)
		}
		signed = head.Checkpoint
		if err := p.append(ctx, r, tiling, now.Size); err != nil {
			return err
		}
		if tiling.Size() != now.Size || tiling.Root() != now.Root {
			return halted("the ledger does not go on from the %d entries that were published of it: it was rewritten", last.Size)
		}
		return tiling.Edge(p.write)
	})
	return now, signed, err
}

// append writes the tiles of the entries up to a size.
func (p *Publisher) append(ctx context.Context, r store.Reader, tiling *ledger.Tiling, size int64) error {
	if tiling.Size() >= size {
		return nil
	}
	for e, err := range r.Events(ctx, store.EventQuery{From: tiling.Size(), Limit: int(size - tiling.Size())}) {
		if err != nil {
			return err
		}
		if e.Index != tiling.Size() {
			return halted("the ledger has a gap: entry %d is missing", tiling.Size())
		}
		if err := tiling.Append(e.Leaf, p.write); err != nil {
			return err
		}
	}
	return nil
}

func (p *Publisher) write(t ledger.Tile, data []byte) error { return p.Folder.Write(t.Path(), data) }

// tidy takes partial tiles away that full ones have taken the place of.
func (p *Publisher) tidy(from, to int64) error {
	for level := 0; to>>(8*level) >= ledger.TileWidth; level++ {
		first, end := from>>(8*level)/ledger.TileWidth, to>>(8*level)/ledger.TileWidth
		for n := first; n < end; n++ {
			if err := p.Folder.Remove(ledger.Tile{Level: level, N: n, Width: ledger.TileWidth}.Path() + ".p"); err != nil {
				return err
			}
			if level == 0 {
				if err := p.Folder.Remove(ledger.Tile{Level: ledger.EntryLevel, N: n, Width: ledger.TileWidth}.Path() + ".p"); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Witnessed returns when what the ledger holds now is cosigned as the policy
// asks. Until then no system may be touched; within the policy's grace it
// returns too. The error says what is waited for.
func (p *Publisher) Witnessed(ctx context.Context) error {
	if !p.Policy.Witnessed() {
		return nil
	}
	ours, err := p.head(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.witnessed.Size >= ours.Size {
		// Somebody who waited with us had it done; or the database was set
		// back under us.
		now, err := p.head(ctx)
		if err != nil {
			return err
		}
		return compare(p.witnessed, now)
	}
	_, err = p.publish(ctx)
	if err == nil || !errors.Is(err, ledger.ErrNoQuorum) || errors.Is(err, ErrHalted) {
		return err
	}
	if within, failed := p.inGrace(); within || failed != nil {
		return failed
	}
	return &onus.Error{
		Kind: onus.Unavailable, Message: "the ledger's witnesses cannot be reached, so nothing is touched",
		Hint: "see that enough of the policy's witnesses answer", Err: err,
	}
}

func (p *Publisher) head(ctx context.Context) (head store.Head, err error) {
	err = p.Store.View(ctx, func(r store.Reader) error {
		head, err = r.Head(ctx)
		return err
	})
	return head, err
}

// missedFile holds since when the quorum is missed, so that the grace does not
// begin anew with every start.
const missedFile = "unwitnessed-since"

// inGrace says whether the policy lets effects go on without its quorum yet.
func (p *Publisher) inGrace() (bool, error) {
	if p.Policy.Grace == 0 {
		return false, nil
	}
	now := p.Now().UTC()
	data, err := p.Folder.Read(missedFile)
	if errors.Is(err, fs.ErrNotExist) {
		return true, p.Folder.Write(missedFile, []byte(now.Format(time.RFC3339)))
	}
	if err != nil {
		return false, err
	}
	since, err := time.Parse(time.RFC3339, string(data))
	return err == nil && !now.Before(since) && now.Sub(since) < p.Policy.Grace, nil
}
