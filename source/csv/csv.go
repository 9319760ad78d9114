// Package csv reads a roster from a CSV file and says honestly what the
// reading was worth: whether the file was whole, which rows are broken, and
// how old it is. It streams; what rows mean is left to package intake.
//
// A file is complete when its trailer row says so (where one is configured),
// else when it ends with a line end or with a row that has every field. A
// quote that is never closed, a missing trailer, or a last line that breaks
// off make it incomplete. A file that is no CSV at all (an HTML login page, a
// JSON error, nothing) is an error.
package csv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/source"
)

// Options say how a file is written.
type Options struct {
	Delimiter     rune   // ',', ';', '|' or a tab; 0: taken from the header
	Trailer       string // first field of the row that ends a whole file; empty: there is none
	TakenAtColumn string // holds the time at which the feed was made; empty: the file's own time
}

// The settings of a source that reads CSV.
const (
	SettingDelimiter = "delimiter"
	SettingTrailer   = "trailer"
	SettingTakenAt   = "taken_at_column"
)

// OptionsFrom reads options from a source's settings. Settings of other
// names ("path") are the caller's.
func OptionsFrom(settings map[string]string) (Options, error) {
	o := Options{Trailer: settings[SettingTrailer], TakenAtColumn: settings[SettingTakenAt]}
	switch d := settings[SettingDelimiter]; d {
	case "":
	case ",", ";", "|", "\t":
		o.Delimiter = rune(d[0])
	case "tab", `\t`:
		o.Delimiter = '\t'
	default:
		return o, onus.Errorf(onus.Invalid, `use ",", ";", "|" or "tab"`, "the delimiter %q is not one that a CSV file can have", d)
	}
	return o, nil
}

// New gives the source that reads a file. The file need not be there yet.
func New(path string, o Options) (source.Source, error) {
	if path == "" {
		return nil, onus.Errorf(onus.Invalid, "say which file in settings: {path: …}", "the CSV source names no file")
	}
	switch o.Delimiter {
	case 0, ',', ';', '|', '\t':
	default:
		return nil, onus.Errorf(onus.Invalid, `use ",", ";", "|" or "tab"`, "the delimiter %q is not one that a CSV file can have", o.Delimiter)
	}
	return &file{path: path, options: o}, nil
}

type file struct {
	path    string
	options Options
}

// digester counts and hashes what passes through it, so that the digest is
// over the very bytes that were parsed.
type digester struct {
	from io.Reader
	sum  hash.Hash
	size int64
}

func (d *digester) Read(p []byte) (int, error) {
	n, err := d.from.Read(p)
	d.sum.Write(p[:n])
	d.size += int64(n)
	return n, err
}

// Read implements source.Source.
func (f *file) Read(ctx context.Context, yield func(source.Row) error) (source.Taken, error) {
	var taken source.Taken
	in, err := os.Open(f.path)
	if err != nil {
		return taken, unreadable(f.path, err)
	}
	defer in.Close()
	before, err := in.Stat()
	if err != nil {
		return taken, unreadable(f.path, err)
	}
	if before.IsDir() {
		return taken, onus.Errorf(onus.Invalid, "name a file", "%s is a folder, not a CSV file", f.path)
	}
	bytes := &digester{from: in, sum: sha256.New()}
	r := &reading{path: f.path, options: f.options, scan: newScanner(bytes), yield: yield}
	err = r.run(ctx)
	taken = r.taken
	if err != nil {
		return taken, err
	}
	if _, err := io.Copy(io.Discard, bytes); err != nil {
		return taken, unreadable(f.path, err)
	}
	taken.Digest = onus.Digest("sha256:" + hex.EncodeToString(bytes.sum.Sum(nil)))
	if taken.At.IsZero() {
		taken.At = before.ModTime()
	}
	return taken, unchanged(f.path, before, bytes.size)
}

// unchanged makes sure that the file is still the one that was opened: a
// file written while it was read is half old and half new.
func unchanged(path string, before os.FileInfo, read int64) error {
	after, err := os.Stat(path)
	if err != nil {
		return unreadable(path, err)
	}
	if !os.SameFile(before, after) || before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime()) || read != before.Size() {
		return onus.Errorf(onus.Unavailable, "write the file beside and rename it when it is whole", "%s changed while it was read", path)
	}
	return nil
}

func unreadable(path string, err error) error {
	kind, hint := onus.Unavailable, ""
	if os.IsNotExist(err) {
		kind, hint = onus.NotFound, "the feed may not have been delivered: ask who sends it"
	}
	return &onus.Error{Kind: kind, Hint: hint, Message: fmt.Sprintf("read %s: %s", path, reason(err)), Err: err}
}

// reason leaves out the path that an os.PathError repeats.
func reason(err error) string {
	switch {
	case os.IsNotExist(err):
		return "there is no such file"
	case os.IsPermission(err):
		return "permission is denied"
	default:
		return err.Error()
	}
}

// timeOf reads a time as a feed may write one.
func timeOf(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// isDate tells a value from a column's name.
func isDate(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}
