// Package trail reads the ledger by what somebody wants to know: events
// selected by a filter, in words, with the names of those who are still known
// by one. It changes nothing, holds one page in memory, and keeps no snapshot
// open while its reader thinks.
package trail

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// A Line is one event of the ledger as it is told.
type Line struct {
	Index   int64        `json:"index"` // leaf index: the entry's number
	Event   ledger.Event `json:"event"`
	Subject string       `json:"subject,omitempty"` // the ID of whose data it holds
	Erased  bool         `json:"erased,omitempty"`  // the state it left was erased

	// For people; empty unless asked for. They are personal data.
	Says  string            `json:"says,omitempty"`
	Names map[string]string `json:"names,omitempty"` // by identity ID, of those who are still known by one

	State json.RawMessage `json:"-"` // that the event left; nil: erased
}

// Called gives a person's name where there is one, else the ID.
func (l Line) Called(id string) string {
	if name := l.Names[id]; name != "" {
		return name
	}
	return id
}

// A Query says what to read.
type Query struct {
	Filter Filter
	From   int64 // leaf index, inclusive
	Words  bool  // fill Says and Names
	Limit  int   // of lines; 0: as many as a page holds
}

// Bounds of one page: what is held in memory, and how long a snapshot lives.
const (
	pageLines = 256
	pageScan  = 16_384
)

// A Page is a part of what a query selects.
type Page struct {
	Lines []Line
	Next  int64 // from where to go on
	End   bool  // the ledger had no more
}

// Resolve turns the names in a filter into IDs. An ID that nobody has any
// more stays what it is.
func Resolve(ctx context.Context, r store.Reader, f Filter) (Filter, error) {
	for _, who := range []*string{&f.Person, &f.Owner} {
		if *who == "" {
			continue
		}
		found, err := attribution.FindIdentity(ctx, r, *who)
		switch {
		case err == nil:
			*who = string(found.ID)
		case onus.KindOf(err) != onus.NotFound || !strings.HasPrefix(*who, "idn_"):
			return f, err
		}
	}
	return f, nil
}

// Read gives the next page. The filter is resolved already.
func Read(ctx context.Context, r store.Reader, q Query) (Page, error) {
	p := Page{Next: q.From, End: true}
	look, person := q.Filter.screen(), []byte(escaped(q.Filter.Person)) // who acted or is noted stands in the leaf
	names := map[string]string{}
	most := pageLines
	if q.Limit > 0 {
		most = min(most, q.Limit)
	}
	scanned := 0
	query := store.EventQuery{From: q.From, ObjectKind: q.Filter.Kind, ObjectID: q.Filter.Object}
	for e, err := range r.Events(ctx, query) {
		if err != nil {
			return p, err
		}
		if len(p.Lines) == most || scanned == pageScan {
			p.End = false
			break
		}
		scanned++
		p.Next = e.Index + 1
		if !look.passes(e.Leaf) || e.Subject != q.Filter.Person && !bytes.Contains(e.Leaf, person) {
			continue
		}
		var event ledger.Event
		if err := json.Unmarshal(e.Leaf, &event); err != nil {
			return p, onus.Errorf(onus.Internal, "onus verify ledger tells what is wrong", "ledger entry %d cannot be read", e.Index)
		}
		if q.Filter.Selects(event, e.Subject) {
			p.Lines = append(p.Lines, Line{Index: e.Index, Event: event, Subject: e.Subject})
		}
	}
	if p.End {
		head, err := r.Head(ctx)
		if err != nil {
			return p, err
		}
		p.Next = max(p.Next, head.Size)
	}
	return p, fill(ctx, r, q, p.Lines, names)
}

// fill reads what the selected events left, those that stand together at once.
func fill(ctx context.Context, r store.Reader, q Query, lines []Line, names map[string]string) error {
	for i := 0; i < len(lines); {
		n := 1
		for i+n < len(lines) && lines[i+n].Index == lines[i].Index+int64(n) {
			n++
		}
		at := i
		for e, err := range r.Events(ctx, store.EventQuery{From: lines[i].Index, Limit: n, Bodies: true}) {
			if err != nil {
				return err
			}
			if at == i+n || lines[at].Index != e.Index {
				return onus.Errorf(onus.Internal, "onus verify ledger tells what is wrong", "ledger entry %d is missing", lines[at].Index)
			}
			lines[at].State, lines[at].Erased = e.Body, e.Body == nil
			at++
		}
		i += n
	}
	if !q.Words {
		return nil
	}
	for i := range lines {
		l := &lines[i]
		l.Says = attribution.Says(l.Event, l.State)
		l.Names = map[string]string{}
		for _, id := range []string{l.Event.Owner, strings.TrimPrefix(l.Event.Actor, "person:"), l.Subject} {
			name, err := nameOf(ctx, r, id, names)
			if err != nil {
				return err
			}
			if name != "" {
				l.Names[id] = name
			}
		}
	}
	return nil
}

// nameOf gives what an identity is known by now; "" if by nothing.
func nameOf(ctx context.Context, r store.Reader, id string, known map[string]string) (string, error) {
	if !strings.HasPrefix(id, "idn_") {
		return "", nil
	}
	if name, ok := known[id]; ok {
		return name, nil
	}
	who, _, err := store.Identities.Lookup(ctx, r, id)
	if err != nil {
		return "", err
	}
	name := who.Login
	if name == "" {
		name = who.Mail
	}
	known[id] = name
	return name, nil
}

// Text is a line for people.
func (l Line) Text() string {
	e := l.Event
	who := l.Called(strings.TrimPrefix(e.Actor, "person:"))
	owner := "nobody"
	if e.Owner != "" {
		owner = l.Called(e.Owner)
	}
	return plain(fmt.Sprintf("#%-6d %s  %-20s %s → %s  %s/%s  %s",
		l.Index, e.Time.UTC().Format(time.DateTime), e.Type, who, owner, e.Object.Kind, e.Object.ID, l.Says))
}

// plain takes out what could move a terminal's cursor or begin a new line: a
// source's values are written by others.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return '\ufffd'
		}
		return r
	}, s)
}
