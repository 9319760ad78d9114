package store

import (
	"encoding/base32"
	"encoding/binary"
	"strings"
)

const eventMark = "evt_"

// EventRandom is how many random bytes an event's ID has.
const EventRandom = 10

var eventEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// EventID makes the ID of the event that becomes the leaf of an index: the
// index, so that an event is found by its ID without an index over IDs, and 80
// random bits, so that no ID can be foreseen or come twice.
func EventID(index int64, random [EventRandom]byte) string {
	var raw [6 + EventRandom]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(index)<<16) //nolint:gosec // an index is not negative
	copy(raw[6:], random[:])
	return eventMark + eventEncoding.EncodeToString(raw[:])
}

// EventIndex gives the index of the leaf that an event with this ID must be,
// or false when it is not an ID that EventID makes.
func EventIndex(id string) (int64, bool) {
	text, ok := strings.CutPrefix(id, eventMark)
	if !ok {
		return 0, false
	}
	raw, err := eventEncoding.DecodeString(text)
	if err != nil || len(raw) != 6+EventRandom {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(raw[:8]) >> 16), true
}
