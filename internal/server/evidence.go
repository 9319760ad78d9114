package server

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/evidence"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// folder is where a bundle is written.
type folder struct{ root *os.Root }

// Create implements evidence.Folder.
func (f folder) Create(name string) (io.WriteCloser, error) {
	if err := f.root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	w, err := f.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	return w, nil
}

// nowhere is for a report without a bundle.
type nowhere struct{ io.Writer }

// Create implements evidence.Folder.
func (nowhere) Create(string) (io.WriteCloser, error) { return nowhere{io.Discard}, nil }

// Close implements io.Closer.
func (nowhere) Close() error { return nil }

// whole refuses to show anything of a ledger that fails verification.
func (b *Books) whole(ctx context.Context) error {
	v, err := b.VerifyLedger(ctx)
	if err == nil && !v.Good {
		err = onus.Errorf(onus.LedgerClosed, "onus verify ledger tells more; nothing rests on it until that is cleared up", "there is no evidence, for the ledger fails verification: %s", v.Says)
	}
	return err
}

// Evidence measures what there is for a control in a period.
func (b *Books) Evidence(ctx context.Context, control string, p evidence.Period) (evidence.Report, error) {
	c, err := evidence.Find(control)
	if err != nil {
		return evidence.Report{}, err
	}
	made, err := b.collect(ctx, c, p, nowhere{})
	if err != nil {
		return evidence.Report{}, err
	}
	return made.Report, nil
}

func (b *Books) collect(ctx context.Context, c evidence.Control, p evidence.Period, to evidence.Folder) (made *evidence.Bundle, err error) {
	if p.To.After(b.now()) {
		return nil, onus.Errorf(onus.Invalid, "name a time that has been with --to", "nobody can say what will be until %s", p.To.UTC().Format(time.RFC3339))
	}
	if err := b.whole(ctx); err != nil {
		return nil, err
	}
	ls, err := ReadLedgerSettings(b.data)
	if err != nil {
		return nil, err
	}
	err = b.store.View(ctx, func(r store.Reader) error {
		made, err = evidence.Collect(ctx, r, c, p, ls.Origin, to)
		return err
	})
	return made, err
}

// EvidenceBundle writes a bundle for a control into a folder that is not there
// yet: whole or not at all.
func (b *Books) EvidenceBundle(ctx context.Context, control string, p evidence.Period, out string) (rep evidence.Report, err error) {
	c, err := evidence.Find(control)
	if err != nil {
		return rep, err
	}
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		return rep, onus.Errorf(onus.Conflict, "name another folder with --out", "%s is there already", out)
	}
	partial, err := os.MkdirTemp(filepath.Dir(filepath.Clean(out)), ".evidence-")
	if err != nil {
		return rep, onus.Errorf(onus.Invalid, "name a folder that can be made with --out", "the bundle cannot be written: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(partial)) }() // once it is renamed there is nothing
	root, err := os.OpenRoot(partial)
	if err != nil {
		return rep, fmt.Errorf("write the bundle: %w", err)
	}
	made, err := b.collect(ctx, c, p, folder{root})
	if err == nil {
		err = b.prove(ctx, made)
	}
	if err := errors.Join(err, root.Close()); err != nil {
		return rep, err
	}
	if err := os.Rename(partial, out); err != nil {
		return rep, fmt.Errorf("write the bundle: %w", err)
	}
	return made.Report, nil
}

func (b *Books) prove(ctx context.Context, made *evidence.Bundle) error {
	p, err := b.publisher()
	if err != nil {
		return err
	}
	signed, err := p.Publish(ctx)
	if errors.Is(err, ledger.ErrNoQuorum) {
		return onus.Errorf(onus.Unavailable, "see that enough of the policy's witnesses answer, and ask again", "the witnesses have not cosigned what is to be proved")
	}
	if err != nil {
		return err
	}
	return made.Finish(ctx, p.Receipt, signed)
}

// BundleTar makes a bundle and gives it as one file, which nobody else finds
// and which is gone when it is closed. In it is a folder "evidence".
func (b *Books) BundleTar(ctx context.Context, control string, p evidence.Period) (f *os.File, err error) {
	at, err := os.MkdirTemp(b.data, ".bundle-")
	if err != nil {
		return nil, fmt.Errorf("make a bundle: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(at)) }()
	if _, err := b.EvidenceBundle(ctx, control, p, filepath.Join(at, "evidence")); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(at)
	if err != nil {
		return nil, fmt.Errorf("make a bundle: %w", err)
	}
	tree := root.FS()
	f, err = os.CreateTemp(b.data, ".bundle-*.tar")
	if err != nil {
		return nil, fmt.Errorf("make a bundle: %w", errors.Join(err, root.Close()))
	}
	w := tar.NewWriter(f)
	err = errors.Join(w.AddFS(tree), w.Close(), root.Close(), os.Remove(f.Name()))
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, fmt.Errorf("make a bundle: %w", errors.Join(err, f.Close()))
	}
	return f, nil
}

// StandingReport works out a report that is asked for again and again.
func (b *Books) StandingReport(ctx context.Context, name string, p evidence.Period) (rep evidence.StandingReport, err error) {
	s, err := evidence.FindStanding(name)
	if err != nil {
		return rep, err
	}
	err = b.store.View(ctx, func(r store.Reader) error {
		rep, err = s.Report(ctx, r, p)
		return err
	})
	return rep, err
}
