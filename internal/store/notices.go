package store

import (
	"strconv"

	"github.com/onus-id/onus"
)

// Notices are who was told of what, and how that went. They name whom they
// tell as definitions do, and say of nobody else more than an ID.
var Notices = Kind[onus.Notice]{
	Name: "notice", ID: func(v onus.Notice) string { return v.ID },
	Keys: func(v onus.Notice) []Key {
		keys := []Key{{"made", Stamp(v.Made)}}
		if !v.State.Ended() {
			keys = append(keys, Key{"next", v.Channel + "/" + Stamp(v.Next)})
		}
		if v.State != onus.NoticeSent && v.State != onus.NoticeVoid {
			keys = append(keys, Key{"unsent", Stamp(v.Made)})
		}
		seen := map[string]bool{}
		for _, m := range v.About {
			if about := m.Kind + "/" + m.ID; !seen[about] {
				seen[about] = true
				keys = append(keys, Key{"about", about})
			}
		}
		return keys
	},
}

// A Follower reads the ledger once and acts on what it says; its place is
// kept with what it did, so that a crash repeats and never skips.
type Follower struct {
	Name   string `json:"name"`
	Before int64  `json:"before"` // the leaf index of the first entry that it has not looked at
}

// Followers are those who follow the ledger.
var Followers = Kind[Follower]{Name: "follower", ID: func(v Follower) string { return v.Name }}

// Place writes a follower's place for an event's notes.
func (f Follower) Place() map[string]string {
	return map[string]string{"before": strconv.FormatInt(f.Before, 10)}
}
