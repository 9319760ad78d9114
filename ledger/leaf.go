package ledger

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// FormatVersion is the version of the leaf's form that this package writes.
const FormatVersion = "1"

// Commit commits to an object's state: HMAC-SHA256 under a random salt, so
// that the state can be erased, with its salt, and not be guessed from what
// is left.
func Commit(salt, body []byte) string {
	mac := hmac.New(sha256.New, salt)
	mac.Write(body)
	var sum [sha256.Size]byte
	return "hmac-sha256:" + hex.EncodeToString(mac.Sum(sum[:0]))
}

// Leaf gives the bytes of the event that are hashed: RFC 8785 JSON, at most
// MaxLeaf bytes. It is written by hand because transforming marshalled JSON
// costs ten times as much; ParseLeaf and the tests hold it to the standard.
func (e Event) Leaf() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	w := writer{buf: make([]byte, 0, 640)}
	w.buf = append(w.buf, '{')
	w.field("actor", e.Actor)
	w.optional("after", e.After)
	w.optional("before", e.Before)
	w.optional("cause", e.Cause)
	w.field("id", e.ID)
	if len(e.Inputs) > 0 {
		w.key("inputs")
		sep := byte('[')
		for _, s := range e.Inputs {
			w.buf = append(w.buf, sep)
			w.text(s)
			sep = ','
		}
		w.buf = append(w.buf, ']')
	}
	if len(e.Notes) > 0 {
		w.key("notes")
		w.object(e.Notes)
	}
	w.key("object")
	w.buf = append(w.buf, '{')
	w.field("id", e.Object.ID)
	w.field("kind", e.Object.Kind)
	w.field("version", strconv.FormatInt(e.Object.Version, 10))
	w.buf = append(w.buf, '}')
	w.optional("owner", e.Owner)
	w.optional("rule", e.Rule)
	w.field("time", e.Time.UTC().Format(time.RFC3339Nano))
	w.field("type", string(e.Type))
	w.field("v", e.Version)
	w.optional("workflow", e.Workflow)
	w.buf = append(w.buf, '}')
	switch {
	case w.bad != "":
		return nil, fmt.Errorf("event %s: %q is not valid UTF-8", e.ID, w.bad)
	case len(w.buf) > MaxLeaf:
		return nil, fmt.Errorf("event %s is %d bytes; a leaf may have %d", e.ID, len(w.buf), MaxLeaf)
	}
	return w.buf, nil
}

// check says what every event must have.
func (e Event) check() error {
	switch {
	case e.Version != FormatVersion:
		return fmt.Errorf("event %s: format version is %q, not %q", e.ID, e.Version, FormatVersion)
	case e.ID == "":
		return errors.New("event without an id")
	case e.Type == "":
		return fmt.Errorf("event %s: no type", e.ID)
	case e.Actor == "":
		return fmt.Errorf("event %s: no actor", e.ID)
	case e.Object.Kind == "" || e.Object.ID == "":
		return fmt.Errorf("event %s: no object", e.ID)
	case e.Object.Version < 1:
		return fmt.Errorf("event %s: object version is %d; versions start at 1", e.ID, e.Object.Version)
	case e.Time.UTC().Year() < 1 || e.Time.UTC().Year() > 9999:
		return fmt.Errorf("event %s: its time cannot be written", e.ID)
	}
	return nil
}

// writer writes canonical JSON.
type writer struct {
	buf []byte
	bad string // the first text that is not valid UTF-8
}

func (w *writer) key(name string) {
	if w.buf[len(w.buf)-1] != '{' {
		w.buf = append(w.buf, ',')
	}
	w.text(name)
	w.buf = append(w.buf, ':')
}

func (w *writer) field(name, value string) {
	w.key(name)
	w.text(value)
}

func (w *writer) optional(name, value string) {
	if value != "" {
		w.field(name, value)
	}
}

func (w *writer) object(m map[string]string) {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.SortFunc(names, compareUTF16)
	w.buf = append(w.buf, '{')
	for _, name := range names {
		w.field(name, m[name])
	}
	w.buf = append(w.buf, '}')
}

const (
	hexDigits    = "0123456789abcdef"
	escapedBytes = "\"\\\b\f\n\r\t" // those that have a short escape
	shortEscapes = "\"\\bfnrt"      // a backslash and the letter at the same place
)

// text writes a string with the escapes of RFC 8785, section 3.2.2.2.
func (w *writer) text(s string) {
	if w.bad == "" && !utf8.ValidString(s) {
		w.bad = s
	}
	w.buf = append(w.buf, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		w.buf = append(w.buf, s[from:i]...)
		from = i + 1
		if at := strings.IndexByte(escapedBytes, c); at >= 0 {
			w.buf = append(w.buf, '\\', shortEscapes[at])
		} else {
			w.buf = append(w.buf, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		}
	}
	w.buf = append(w.buf, s[from:]...)
	w.buf = append(w.buf, '"')
}

// compareUTF16 orders names by their UTF-16 code units, as RFC 8785 wants;
// above U+FFFF that differs from the order of the bytes.
func compareUTF16(a, b string) int {
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}
