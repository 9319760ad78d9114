package evidence

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus/internal/store"
)

// A Period is the time that is asked about: from, and up to but without to.
type Period struct {
	From, To time.Time
}

func (p Period) has(t time.Time) bool { return !t.Before(p.From) && t.Before(p.To) }

// between is the query for the objects with a key that is a time in the period.
func (p Period) between(key string) store.Query {
	return store.Query{Key: key, From: store.Stamp(p.From), To: store.Stamp(p.To.Add(-time.Nanosecond))}
}

// A Row is one thing that was counted.
type Row struct {
	Kind    string   `json:"kind"` // of the object that shows it
	ID      string   `json:"id"`
	Event   string   `json:"event"` // the ledger's event that left it so
	Good    bool     `json:"good"`
	Why     string   `json:"why,omitempty"`     // where it is not
	Answers string   `json:"answers,omitempty"` // mail of the person who answers
	Cells   []string `json:"cells"`             // by the measure's columns
}

// A Fact is what a measure came to.
type Fact struct {
	Measure    string            `json:"measure"`
	Title      string            `json:"title"`
	Says       string            `json:"says"`
	Query      string            `json:"query"`
	Parameters map[string]string `json:"parameters"`
	Columns    []string          `json:"columns"`
	Population int               `json:"population"`
	Good       int               `json:"good"`
	Exceptions int               `json:"exceptions"`
	Sample     []Row             `json:"sample"`           // of those that are good: chosen by hash, so that nobody picks
	Failed     []Row             `json:"failed,omitempty"` // the first of the exceptions; the data has them all
}

// MostSampled and MostFailed bound what a report shows and what is proved; the
// data files hold every row.
const (
	MostSampled = 25
	MostFailed  = 200
)

// A measure counts things of one sort.
type measure struct {
	id, title string
	one, many string // what is counted, in words
	as        string // what those are that are as they should be, after "were"
	query     string // what is looked at, in words
	columns   []string
	rows      func(ctx context.Context, r store.Reader, p Period, yield func(Row) error) error
}

func measureOf(id string) (measure, bool) {
	for _, m := range measures {
		if m.id == id {
			return m, true
		}
	}
	return measure{}, false
}

// Measure works a measure out, and gives every row that it counted to each.
func Measure(ctx context.Context, r store.Reader, id string, p Period, each func(Row) error) (Fact, error) {
	m, known := measureOf(id)
	if !known {
		return Fact{}, fmt.Errorf("nothing measures %q", id)
	}
	f := Fact{
		Measure: m.id, Title: m.title, Query: m.query, Columns: m.columns, Sample: []Row{},
		Parameters: map[string]string{"from": p.From.UTC().Format(time.RFC3339), "to": p.To.UTC().Format(time.RFC3339)},
	}
	var chosen sample
	err := m.rows(ctx, r, p, func(row Row) error {
		f.Population++
		if row.Good {
			f.Good++
			chosen.add(row)
		} else {
			f.Exceptions++
			if len(f.Failed) < MostFailed {
				f.Failed = append(f.Failed, row)
			}
		}
		return each(row)
	})
	f.Sample = chosen.rows()
	f.Says = m.says(f)
	return f, err
}

func (m measure) says(f Fact) string {
	if f.Population == 0 {
		return "there were no " + m.many
	}
	says := fmt.Sprintf("of %s %s %s were %s", grouped(f.Population), m.many, grouped(f.Good), m.as)
	if f.Population == 1 {
		says = fmt.Sprintf("of 1 %s %d was %s", m.one, f.Good, m.as)
	}
	switch f.Exceptions {
	case 0:
		return says
	case 1:
		return says + "; the other one, with who answers, is listed"
	default:
		return says + fmt.Sprintf("; the %s others, with who answers, are listed", grouped(f.Exceptions))
	}
}

// grouped writes a number with its thousands apart.
func grouped(n int) string {
	s := strconv.Itoa(n)
	var parts []string
	for len(s) > 3 {
		parts = append([]string{s[len(s)-3:]}, parts...)
		s = s[:len(s)-3]
	}
	return strings.Join(append([]string{s}, parts...), ",")
}

// A sample keeps the rows whose hashes are least: any row is as likely as
// another, the same are chosen again, and whoever makes the rows does not
// know which.
type sample []drawn

type drawn struct {
	hash [32]byte
	row  Row
}

func (s *sample) Len() int           { return len(*s) }
func (s *sample) Less(i, j int) bool { return string((*s)[i].hash[:]) > string((*s)[j].hash[:]) }
func (s *sample) Swap(i, j int)      { (*s)[i], (*s)[j] = (*s)[j], (*s)[i] }

// Push is for package heap.
func (s *sample) Push(x any) {
	d, _ := x.(drawn) // add gives nothing else
	*s = append(*s, d)
}

// Pop is for package heap.
func (s *sample) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}

func (s *sample) add(r Row) {
	heap.Push(s, drawn{sha256.Sum256([]byte(r.Kind + "\x00" + r.ID + "\x00" + r.Event)), r})
	if s.Len() > MostSampled {
		heap.Pop(s)
	}
}

// rows empties the sample, the least hash first.
func (s *sample) rows() []Row {
	all := make([]Row, s.Len())
	for i := range slices.Backward(all) {
		d, _ := heap.Pop(s).(drawn)
		all[i] = d.row
	}
	return all
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
