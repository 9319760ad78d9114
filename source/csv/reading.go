package csv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/source"
)

// maxSeen is how much of a faulty row is shown.
const maxSeen = 300

// reading is one pass over a file.
type reading struct {
	path    string
	options Options
	scan    *scanner
	yield   func(source.Row) error
	taken   source.Taken
	takenAt int // index of the column that dates the feed; -1: none
}

func (r *reading) run(ctx context.Context) error {
	r.takenAt = -1
	if err := r.header(); err != nil {
		return err
	}
	for n := 0; ; n++ {
		if n%512 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rec, err := r.scan.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return unreadable(r.path, err)
		}
		last, err := r.record(rec)
		if err != nil || r.taken.Why != "" {
			return err
		}
		if last {
			return r.afterTrailer()
		}
	}
	if r.options.Trailer != "" {
		return r.incomplete("the trailer row %q is missing", r.options.Trailer)
	}
	return r.whole()
}

// record yields a row, or ends the reading at the trailer.
func (r *reading) record(rec *record) (last bool, err error) {
	switch rec.flaw {
	case openQuote:
		return false, r.incomplete("a quote that opens in the row on line %d is never closed", rec.line)
	case tooLong:
		return false, r.incomplete("the row on line %d runs over more than a mebibyte: a quote that is never closed, or no CSV", rec.line)
	case bareQuote:
		return false, r.fault(rec, "a quote stands inside a field that is not quoted")
	case afterQuote:
		return false, r.fault(rec, "text follows a closing quote")
	case sound:
	}
	if r.options.Trailer != "" && strings.TrimSpace(rec.fields[0]) == r.options.Trailer {
		return true, r.trailer(rec)
	}
	columns := r.taken.Columns
	if len(rec.fields) != len(columns) {
		if !rec.ended && len(rec.fields) < len(columns) {
			return false, r.incomplete("the file breaks off in the row on line %d", rec.line)
		}
		return false, r.fault(rec, fmt.Sprintf("the row has %s where the header has %d", count(len(rec.fields), "field"), len(columns)))
	}
	row := source.Row{Line: rec.line, Values: make(map[string]string, len(columns))}
	for i, value := range rec.fields {
		value = strings.TrimSpace(value)
		switch {
		case value == "" || columns[i] == "":
		case !rec.utf8 && !utf8.ValidString(value):
			row.Fault = fmt.Sprintf("mixed encodings: column %s is not UTF-8 as the file is", columns[i])
		case strings.IndexByte(value, 0) >= 0:
			row.Fault = fmt.Sprintf("column %s holds a NUL character", columns[i])
		default:
			row.Values[columns[i]] = value
		}
	}
	if row.Fault != "" {
		row.Seen = seen(rec)
	}
	if r.takenAt >= 0 {
		r.date(rec.fields[r.takenAt])
	}
	return false, r.give(row)
}

func (r *reading) give(row source.Row) error {
	r.taken.Rows++
	return r.yield(row)
}

// fault yields a row whose bounds are in doubt.
func (r *reading) fault(rec *record, why string) error {
	return r.give(source.Row{Line: rec.line, Fault: why, Seen: seen(rec)})
}

func seen(rec *record) string {
	text := strings.ToValidUTF8(string(rec.text[:min(len(rec.text), maxSeen)]), "\uFFFD")
	return strings.ReplaceAll(text, "\x00", "\uFFFD")
}

// date takes the oldest time in the rows: a feed is no fresher than its
// oldest part. What is no time is passed over; with none at all the file
// does not date itself, which whole finds.
func (r *reading) date(text string) {
	if at, ok := timeOf(strings.TrimSpace(text)); ok && (r.taken.At.IsZero() || at.Before(r.taken.At)) {
		r.taken.At = at
	}
}

// trailer checks the last row: the trailer, how many rows there should be,
// and perhaps when the feed was made.
func (r *reading) trailer(rec *record) error {
	if len(rec.fields) < 2 || strings.TrimSpace(rec.fields[1]) == "" {
		return r.incomplete("the trailer row on line %d does not say how many rows there are", rec.line)
	}
	said, err := strconv.Atoi(strings.TrimSpace(rec.fields[1]))
	if err != nil {
		return r.incomplete("the trailer row on line %d does not say how many rows there are", rec.line)
	}
	if said != r.taken.Rows {
		return r.incomplete("the trailer speaks of %s, and there are %d", count(said, "row"), r.taken.Rows)
	}
	if len(rec.fields) > 2 && strings.TrimSpace(rec.fields[2]) != "" {
		at, ok := timeOf(strings.TrimSpace(rec.fields[2]))
		if !ok {
			return onus.Errorf(onus.Invalid, "write the time as 2006-01-02T15:04:05Z", "the trailer of %s names a time that is none", r.path)
		}
		r.taken.At = at
	}
	return nil
}

// afterTrailer makes sure that nothing follows the trailer: two exports run
// together are not one.
func (r *reading) afterTrailer() error {
	rec, err := r.scan.next()
	switch {
	case errors.Is(err, io.EOF):
		return r.whole()
	case err != nil:
		return unreadable(r.path, err)
	default:
		return r.incomplete("rows follow the trailer, from line %d on", rec.line)
	}
}

func (r *reading) whole() error {
	if r.taken.Rows == 0 {
		return onus.Errorf(onus.Invalid, "an export of nobody is an export that failed", "%s has a header and no rows", r.path)
	}
	if r.takenAt >= 0 && r.taken.At.IsZero() {
		return onus.Errorf(onus.Invalid, "write times as 2006-01-02T15:04:05Z", "no row of %s has a time in column %s", r.path, r.options.TakenAtColumn)
	}
	r.taken.Complete = true
	return nil
}

func (r *reading) incomplete(format string, args ...any) error {
	r.taken.Why = fmt.Sprintf(format, args...)
	return nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
