package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// CheckpointPath is where the checkpoint of a published log is.
const CheckpointPath = "checkpoint"

// A Fetch reads one file of a published log, by its path below the log's
// address or folder. What is not there is fs.ErrNotExist.
type Fetch func(ctx context.Context, path string) ([]byte, error)

// maxFile is the most bytes that a file of a published log can have: a whole
// bundle of the longest entries.
const maxFile = TileWidth * (MaxLeaf + 2)

// FetchFrom reads a log that was published at an https:// or http:// address or in a
// folder.
func FetchFrom(place string) Fetch {
	if strings.HasPrefix(place, "https://") || strings.HasPrefix(place, "http://") {
		client := &http.Client{Timeout: time.Minute}
		return func(ctx context.Context, path string) ([]byte, error) {
			return fetchURL(ctx, client, strings.TrimSuffix(place, "/")+"/"+path)
		}
	}
	return func(_ context.Context, path string) ([]byte, error) {
		f, err := os.Open(filepath.Join(place, filepath.FromSlash(path))) //nolint:gosec // the caller says which folder
		if err != nil {
			return nil, fmt.Errorf("read the published log: %w", err)
		}
		defer f.Close()
		return readAll(f, path)
	}
}

func fetchURL(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("read the published log: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read the published log: %w", err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return readAll(resp.Body, address)
	case http.StatusNotFound, http.StatusGone:
		return nil, fmt.Errorf("read the published log: %s: %w", address, fs.ErrNotExist)
	default:
		return nil, fmt.Errorf("read the published log: %s answered %s", address, resp.Status)
	}
}

func readAll(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the published log: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("read the published log: %s is longer than any file of a log", name)
	}
	return data, nil
}

// Options say how a log is verified.
type Options struct {
	Policy   *Policy
	Since    string           // an older checkpoint of it that somebody kept; may be empty
	Progress func(done int64) // may be nil
}

// VerifyPublished recomputes a published log: every leaf, the chain of every
// object's versions, every tile, and the root; and that it begins with the
// whole of the log that Options.Since speaks of. The error is a *FaultError,
// or an error of reading.
func VerifyPublished(ctx context.Context, fetch Fetch, o Options) (Report, Checkpoint, error) {
	signed, err := fetch(ctx, CheckpointPath)
	if errors.Is(err, fs.ErrNotExist) {
		return Report{}, Checkpoint{}, &FaultError{Index: -1, What: "there is no checkpoint there: it is no published log, or its export never finished"}
	}
	if err != nil {
		return Report{}, Checkpoint{}, err
	}
	c, err := o.Policy.Open(string(signed))
	if err != nil {
		return Report{}, c, &FaultError{Index: -1, What: err.Error()}
	}
	older, err := o.older(c)
	if err != nil {
		return Report{}, c, err
	}
	check := newVerification(older)
	check.unbodied = true
	p := published{ctx: ctx, fetch: fetch, size: c.Size}
	for i := int64(0); i < c.Size; i += TileWidth {
		if err := p.bundle(tileAt(c.Size, EntryLevel, i), check); err != nil {
			return check.report(), c, err
		}
		if o.Progress != nil {
			o.Progress(check.tree.Size())
		}
	}
	if err := p.tiling.Edge(p.compare); err != nil {
		return check.report(), c, err
	}
	r, err := check.end(c, true)
	return r, c, err
}

// older reads the checkpoint that somebody kept, and says what can be said
// without the log's entries.
func (o Options) older(now Checkpoint) (*Checkpoint, error) {
	if o.Since == "" {
		return nil, nil //nolint:nilnil // nothing to compare with
	}
	older, err := o.Policy.OpenLog(o.Since)
	if err != nil {
		return nil, &FaultError{Index: -1, What: "the older checkpoint: " + err.Error()}
	}
	if older.Size < now.Size && older.Origin == now.Origin {
		return &older, nil
	}
	if err := CheckGrowth(nil, older, now); err != nil {
		return nil, &FaultError{Index: -1, What: err.Error()}
	}
	return nil, nil //nolint:nilnil // it is the same
}

// published is a published log while it is verified.
type published struct {
	ctx    context.Context //nolint:containedctx // of the one call that made it
	fetch  Fetch
	size   int64
	tiling Tiling
}

// bundle verifies one bundle of entries, and the tiles that it makes full.
func (p *published) bundle(tile Tile, check *verification) error {
	first := tile.N * TileWidth
	data, err := p.read(tile)
	if err != nil {
		return err
	}
	below := Tile{0, tile.N, tile.Width}
	text, err := p.read(below)
	if err != nil {
		return err
	}
	hashes, err := parseHashes(text, below.Width)
	if err != nil {
		return &FaultError{Index: first, What: fmt.Sprintf("%s is damaged: %v", below.Path(), err)}
	}
	if at, err := CheckBundle(data, hashes); err != nil {
		return &FaultError{Index: first + int64(at), What: fmt.Sprintf("%s is not what %s stands for: %v", tile.Path(), below.Path(), err)}
	}
	for n, h := range hashes {
		var leaf []byte
		if leaf, data, err = CutEntry(data); err != nil {
			return &FaultError{Index: first + int64(n), What: fmt.Sprintf("%s is cut: %v", tile.Path(), err)}
		}
		if err := check.entry(Entry{Index: first + int64(n), Leaf: leaf}, h); err != nil {
			return err
		}
		if err := p.tiling.append(leaf, h, p.compare); err != nil {
			return err
		}
	}
	return nil
}

// compare says whether a tile is published as it must be.
func (p *published) compare(want Tile, data []byte) error {
	if want.Level <= 0 {
		return nil // it is what the tiling was made of
	}
	got, err := p.read(want)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, data) {
		return &FaultError{Index: -1, What: want.Path() + " does not have the hashes of its entries"}
	}
	return nil
}

// read reads a tile; where a partial one was cleaned away, the full one that
// took its place serves (C2SP tlog-tiles).
func (p *published) read(t Tile) ([]byte, error) {
	data, err := p.fetch(p.ctx, t.Path())
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	if t.Width < TileWidth {
		full := Tile{t.Level, t.N, TileWidth}
		data, err = p.fetch(p.ctx, full.Path())
		if err == nil {
			return cut(data, t)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &FaultError{Index: -1, What: fmt.Sprintf("%s is missing: the log of %d entries is not all there", t.Path(), p.size)}
	}
	return nil, err
}

// cut gives the beginning of a full tile that a partial one had.
func cut(data []byte, t Tile) ([]byte, error) {
	if t.Level != EntryLevel {
		return data[:min(len(data), 32*t.Width)], nil
	}
	rest := data
	for range t.Width {
		_, after, err := CutEntry(rest)
		if err != nil {
			return data, nil //nolint:nilerr // who reads it entry by entry finds the place
		}
		rest = after
	}
	return data[:len(data)-len(rest)], nil
}
