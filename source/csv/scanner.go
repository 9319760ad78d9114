package csv

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"unicode/utf8"
)

// maxRecord bounds what one record may take, so that a quote which is never
// closed does not swallow a file into memory.
const maxRecord = 1 << 20

// A flaw is what is wrong with a record as text.
type flaw int

const (
	sound      flaw = iota
	bareQuote       // a quote inside a field that does not begin with one
	afterQuote      // text after a closing quote
	openQuote       // a quote that the end of the file does not close
	tooLong         // a record past maxRecord
)

// A record is one row as it stands in the text.
type record struct {
	line   int      // where it begins, from 1
	fields []string // unquoted, not yet trimmed; valid until the next record
	flaw   flaw
	text   []byte // the first line as it stands; valid until the next record
	ended  bool   // by a line end, not by the end of the file
	utf8   bool
}

// scanner cuts text into records by RFC 4180. After a record with a stray
// quote it goes on with the line after the one on which the record began, so
// that the quote does not take the rows after it along. A quote that is never
// closed ends the text.
type scanner struct {
	in      *bufio.Reader
	comma   byte
	line    int      // lines taken so far
	pending [][]byte // lines to look at again after a flawed record
	rec     record
	buf     []byte // unquoted fields, one after another
	ends    []int
	lines   [][]byte // the lines of the present record
}

func newScanner(in io.Reader) *scanner {
	return &scanner{in: bufio.NewReaderSize(in, 1<<16)}
}

// nextLine gives a line with its line end, or io.EOF. The bytes are valid
// until the next call.
func (s *scanner) nextLine() ([]byte, error) {
	if len(s.pending) > 0 {
		line := s.pending[0]
		s.pending = s.pending[1:]
		s.line++
		return line, nil
	}
	line, err := s.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line = bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) && len(line) <= maxRecord {
			var more []byte
			more, err = s.in.ReadSlice('\n')
			line = append(line, more...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			return line, errTooLong
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(line) == 0 {
		return nil, io.EOF
	}
	s.line++
	return line, nil
}

var errTooLong = errors.New("a line is too long")

// next gives the next record, or io.EOF. Blank lines are passed over.
func (s *scanner) next() (*record, error) {
	for {
		line, err := s.nextLine()
		if err != nil {
			return s.failed(err)
		}
		if len(trimEnd(line)) == 0 {
			continue
		}
		return s.parse(line)
	}
}

func (s *scanner) failed(err error) (*record, error) {
	if errors.Is(err, errTooLong) {
		s.rec = record{line: s.line + 1, flaw: tooLong}
		return &s.rec, nil
	}
	return nil, err
}

// parse reads one record that begins with this line.
func (s *scanner) parse(line []byte) (*record, error) {
	s.rec = record{line: s.line, fields: s.rec.fields[:0], text: trimEnd(line), ended: endsLine(line), utf8: true}
	s.buf, s.ends, s.lines = s.buf[:0], s.ends[:0], s.lines[:0]
	if bytes.IndexByte(line, '"') < 0 {
		s.split(trimEnd(line))
		return s.done()
	}
	rest, size := line, len(line)
	for {
		quoted := len(rest) > 0 && rest[0] == '"'
		if !quoted {
			body := trimEnd(rest)
			i := bytes.IndexByte(body, s.comma)
			if i >= 0 {
				body = body[:i]
			}
			if bytes.IndexByte(body, '"') >= 0 {
				if len(s.lines) > 0 {
					s.keep(line)
				}
				return s.flawed(bareQuote)
			}
			s.add(body)
			if i < 0 {
				return s.done()
			}
			rest = rest[i+1:]
			continue
		}
		rest = rest[1:]
		for {
			i := bytes.IndexByte(rest, '"')
			if i >= 0 && i+1 < len(rest) && rest[i+1] == '"' {
				s.buf = append(s.buf, rest[:i+1]...)
				rest = rest[i+2:]
				continue
			}
			if i >= 0 {
				s.buf = append(s.buf, rest[:i]...)
				rest = rest[i+1:]
				break
			}
			// The field goes on in the next line.
			s.buf = append(s.buf, trimEnd(rest)...)
			s.buf = append(s.buf, '\n')
			s.keep(line)
			more, err := s.nextLine()
			switch {
			case errors.Is(err, io.EOF):
				return s.flawed(openQuote)
			case errors.Is(err, errTooLong):
				return s.flawed(tooLong)
			case err != nil:
				return nil, err
			}
			size += len(more)
			if size > maxRecord {
				return s.flawed(tooLong)
			}
			line, rest = more, more
			s.rec.ended = endsLine(line)
		}
		s.ends = append(s.ends, len(s.buf))
		body := trimEnd(rest)
		if len(body) == 0 {
			return s.done()
		}
		if body[0] != s.comma {
			if len(s.lines) > 0 {
				s.keep(line)
			}
			return s.flawed(afterQuote)
		}
		rest = rest[1:]
	}
}

// keep holds a line of a record that spans several, in case they must be
// looked at again.
func (s *scanner) keep(line []byte) {
	line = bytes.Clone(line)
	if len(s.lines) == 0 {
		s.rec.text = trimEnd(line)
	}
	s.lines = append(s.lines, line)
}

// split cuts a line without quotes.
func (s *scanner) split(line []byte) {
	for {
		i := bytes.IndexByte(line, s.comma)
		if i < 0 {
			s.add(line)
			return
		}
		s.add(line[:i])
		line = line[i+1:]
	}
}

func (s *scanner) add(field []byte) {
	s.buf = append(s.buf, field...)
	s.ends = append(s.ends, len(s.buf))
}

// done makes the fields of the record share one text.
func (s *scanner) done() (*record, error) {
	s.rec.utf8 = utf8.Valid(s.buf)
	all, from := string(s.buf), 0
	for _, to := range s.ends {
		s.rec.fields = append(s.rec.fields, all[from:to])
		from = to
	}
	return &s.rec, nil
}

// flawed gives up a record and takes back all its lines but the first.
func (s *scanner) flawed(f flaw) (*record, error) {
	s.rec.flaw = f
	if (f == afterQuote || f == bareQuote) && len(s.lines) > 1 {
		again := slices.Clone(s.lines[1:])
		s.pending = append(again, s.pending...)
		s.line -= len(again)
		s.rec.ended = true
	}
	return &s.rec, nil
}

func endsLine(line []byte) bool { return len(line) > 0 && line[len(line)-1] == '\n' }

func trimEnd(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte{'\n'})
	return bytes.TrimSuffix(line, []byte{'\r'})
}
