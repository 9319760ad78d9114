package onus

import "time"

// A NoticeState is how far a notice has come.
type NoticeState string

// The states of a notice.
const (
	NoticeDue    NoticeState = "due"    // to be sent, or to be sent again
	NoticeFailed NoticeState = "failed" // a try failed; there will be another
	NoticeSent   NoticeState = "sent"   // the channel took it
	NoticeDead   NoticeState = "dead"   // given up: nobody was told by it
	NoticeVoid   NoticeState = "void"   // what it asked was settled before it was sent
)

// Ended says whether nothing more is tried by itself.
func (s NoticeState) Ended() bool { return s != NoticeDue && s != NoticeFailed }

// A Notice is one telling of one person over one channel, with what came of
// it: who was paged when, and whether it arrived.
type Notice struct {
	ID       string      `json:"id"` // from event, person and channel: a receiver drops what comes twice by it
	State    NoticeState `json:"state"`
	Person   string      `json:"person,omitempty"`  // mail address; empty: the channel itself is told, as with a webhook
	Channel  string      `json:"channel,omitempty"` // empty: no channel reaches the person
	About    []Matter    `json:"about,omitempty"`
	Practice bool        `json:"practice,omitempty"`
	Instead  string      `json:"instead,omitempty"` // the notice that died on another channel

	Made     time.Time `json:"made"`
	Next     time.Time `json:"next,omitzero"` // when it is tried, while it is due or failed
	Ended    time.Time `json:"ended,omitzero"`
	Attempts int       `json:"attempts,omitempty"`
	Error    string    `json:"error,omitempty"`   // of the last try, in words
	Receipt  string    `json:"receipt,omitempty"` // by which the channel knows the message
}

// A Matter is what somebody is told about.
type Matter struct {
	Event string `json:"event"` // its ID
	Type  string `json:"type"`
	Kind  string `json:"kind"` // of the object
	ID    string `json:"id"`
	Round string `json:"round,omitempty"` // tells one asking of the object from the next; nobody is told twice in one
}

// NoticeTopics are the kinds of object that people are told about. Channels
// are chosen by them, or by a type of event of theirs.
var NoticeTopics = []string{"exception", "approval", "duty", "review", "emergency", "rule", "handling"}
