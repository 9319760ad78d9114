package notify

import (
	"time"
	"unicode"

	"github.com/onus-id/onus"
)

// A Message is a notice as a channel sends it: made of the state as it is
// when it is sent, and kept nowhere.
type Message struct {
	ID       string // of the notice: the same however often it is sent
	Made     time.Time
	Person   string // mail of who is told; empty: a machine is
	To       string // their address on the channel
	Practice bool
	Asks     []Ask
}

// An Ask is one thing that is wanted of people, or one piece of news for
// machines.
type Ask struct {
	Matter onus.Matter
	People []string // who is asked, by mail; the first of them answers for it. None: it is news.
	Title  string   // what is wanted, in one line that names nobody it is about
	Says   []string // what the asked need to know; personal, and so for them alone
	Until  time.Time
	Then   string // what happens when nobody acts until then
	Acts   []Act  // ways to act, the best first
	Yes    bool   // whether a yes or no can be given by button: nothing in it is of weight
	Facts  []Fact // names from the definitions, for machines
	Path   string // in the console
	Hook   string // the channel that is asked to carry something out, whatever it carries else
}

// An Act is a way to do what is asked.
type Act struct{ Name, Command string }

// A Fact is a name from the definitions that an ask is about.
type Fact struct{ Name, Value string }

// plain makes one line of a text that may come from a record, a system or a
// stranger's server: nothing in it moves a cursor or begins a header.
func plain(text string, most int) string {
	var out []rune
	for _, r := range text {
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case !unicode.IsPrint(r):
			r = '\uFFFD'
		}
		if r == ' ' && (len(out) == 0 || out[len(out)-1] == ' ') {
			continue
		}
		if len(out) == most {
			return string(out) + "…"
		}
		out = append(out, r)
	}
	return string(out)
}
