package notify

import (
	"fmt"
	"strings"
	"time"
)

// Words turn a message into what people read: what is wanted, from whom,
// until when, and how to do it.
type Words struct {
	Organisation string
	Links        string // the console's address; empty: commands only
	Zone         *time.Location
}

// A view is a message in words.
type view struct {
	Subject  string
	Person   string
	Practice bool
	Items    []item
	More     int
	ID       string
	From     string // the organisation
}

type item struct {
	Title, Until, Then string
	Says               []string
	Acts               []Act
	Link               string
}

func (w Words) view(m Message) view {
	v := view{Person: m.Person, Practice: m.Practice, ID: m.ID, From: w.Organisation}
	for _, a := range m.Asks {
		if len(v.Items) == shown {
			v.More = len(m.Asks) - shown
			break
		}
		v.Items = append(v.Items, w.item(a))
	}
	switch {
	case m.Practice:
		v.Subject = "[Onus] Practice: nothing is wanted of you"
	case len(m.Asks) == 1:
		v.Subject = "[Onus] " + v.Items[0].Title
	default:
		v.Subject = fmt.Sprintf("[Onus] %d things wait for you; the first: %s", len(m.Asks), v.Items[0].Title)
	}
	if until := v.firstUntil(); until != "" {
		v.Subject += " (until " + until + ")"
	}
	return v
}

func (w Words) item(a Ask) item {
	i := item{Title: plain(a.Title, 200), Says: a.Says, Acts: a.Acts, Then: a.Then, Link: w.link(a)}
	if !a.Until.IsZero() {
		zone := w.Zone
		if zone == nil {
			zone = time.UTC
		}
		i.Until = a.Until.In(zone).Format("2006-01-02 15:04 MST")
	}
	return i
}

// link leads to a page where somebody signs in and decides: following it
// decides nothing.
func (w Words) link(a Ask) string {
	if w.Links == "" {
		return ""
	}
	return strings.TrimRight(w.Links, "/") + a.Path
}

func (v view) firstUntil() string {
	if len(v.Items) == 0 {
		return ""
	}
	return v.Items[0].Until
}
