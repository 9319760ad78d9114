package csv

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/onus-id/onus"
)

// header reads the first line, or says what the file is instead of a CSV
// file: a feed that fails often leaves a page in the place of its rows.
func (r *reading) header() error {
	start, err := r.scan.in.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return unreadable(r.path, err)
	}
	if err := r.foreign(start); err != nil {
		return err
	}
	if bytes.HasPrefix(start, []byte("\xEF\xBB\xBF")) {
		if _, err := r.scan.in.Discard(3); err != nil {
			return unreadable(r.path, err)
		}
	}
	r.scan.comma = ','
	if r.options.Delimiter != 0 {
		r.scan.comma = byte(r.options.Delimiter) //nolint:gosec // New allows ASCII only
	} else {
		r.scan.comma = sniff(firstLine(start))
	}
	rec, err := r.scan.next()
	if errors.Is(err, io.EOF) {
		return onus.Errorf(onus.Invalid, "an empty export is an export that failed", "%s is empty", r.path)
	}
	if err != nil {
		return unreadable(r.path, err)
	}
	return r.columns(rec)
}

// foreign tells what is plainly no CSV by its first bytes.
func (r *reading) foreign(start []byte) error {
	is := func(hint, what string) error {
		return onus.Errorf(onus.Invalid, hint, "%s is %s, not CSV", r.path, what)
	}
	const asked = "the export was probably answered by a login page, a redirect or an error: look at who fetches it"
	text := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(start, []byte("\xEF\xBB\xBF")), " \t\r\n"))
	switch {
	case bytes.HasPrefix(start, []byte("\xFF\xFE")), bytes.HasPrefix(start, []byte("\xFE\xFF")):
		return is("export it as UTF-8", "UTF-16 text")
	case bytes.HasPrefix(start, []byte("PK\x03\x04")):
		return is("save it as CSV (UTF-8)", "a workbook or an archive")
	case bytes.HasPrefix(text, []byte("<?xml")):
		return is(asked, "an XML document")
	case bytes.HasPrefix(text, []byte("<")):
		return is(asked, "an HTML page")
	case bytes.HasPrefix(text, []byte("{")), bytes.HasPrefix(text, []byte("[")):
		return is(asked, "a JSON document")
	case bytes.HasPrefix(text, []byte("http/1.")), bytes.HasPrefix(text, []byte("http/2")):
		return is(asked, "an HTTP answer with its headers")
	case bytes.IndexByte(firstLine(start), 0) >= 0:
		return is("export it as CSV (UTF-8)", "binary data")
	}
	return nil
}

func firstLine(text []byte) []byte {
	line, _, _ := bytes.Cut(bytes.TrimLeft(text, "\r\n"), []byte{'\n'})
	return line
}

// sniff gives the delimiter that the header line has most of.
func sniff(line []byte) byte {
	best, most := byte(','), 0
	for _, comma := range []byte{',', ';', '\t', '|'} {
		n, quoted := 0, false
		for _, c := range line {
			switch {
			case c == '"':
				quoted = !quoted
			case c == comma && !quoted:
				n++
			}
		}
		if n > most {
			best, most = comma, n
		}
	}
	return best
}

// columns checks the header: names, each once, none that can only be a value.
func (r *reading) columns(rec *record) error {
	no := func(hint, format string, args ...any) error {
		return onus.Errorf(onus.Invalid, hint, "the header of "+format, append([]any{r.path}, args...)...)
	}
	if rec.flaw != sound {
		return no("", "%s has a stray quote")
	}
	names := make([]string, len(rec.fields))
	for i, name := range rec.fields {
		name = strings.TrimSpace(name)
		switch {
		case !utf8.ValidString(name) || strings.IndexByte(name, 0) >= 0:
			return no("export the file as UTF-8", "%s is not UTF-8")
		case strings.ContainsRune(name, '\r'):
			return no(`end lines with "\n" or "\r\n"`, "%s has lone carriage returns")
		case name != "" && slices.Contains(names[:i], name):
			return no("", "%s names the column %s twice", name)
		case strings.Contains(name, "@"), isDate(name), strings.Trim(name, "0123456789") == "" && name != "":
			return no("the first line must name the columns", "%s is missing: its first line holds values")
		}
		names[i] = name
	}
	if !slices.ContainsFunc(names, func(n string) bool { return n != "" }) {
		return no("the first line must name the columns", "%s names no column")
	}
	r.taken.Columns = names
	if c := r.options.TakenAtColumn; c != "" {
		if r.takenAt = slices.Index(names, c); r.takenAt < 0 {
			return no("correct taken_at_column in the source's settings", "%s has no column %s, which dates the feed", c)
		}
	}
	return nil
}
