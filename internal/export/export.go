// Package export writes ledger events in the forms that other systems read:
// JSON Lines, OCSF and syslog. It names people by ID unless it is given their
// names, because what another system has taken in no erasure here can reach.
// It reads nothing and sends nothing.
package export

import (
	"encoding/json"
	"fmt"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/trail"
)

// A Format writes one event, in one line without its end.
type Format func(trail.Line) ([]byte, error)

// Origin says who exports.
type Origin struct {
	Log     string // the ledger's name in its checkpoints
	Host    string // of the machine
	Process int
}

// Formats are the names of all formats.
const Formats = "jsonl, ocsf or syslog"

// ByName gives a format.
func ByName(name string, from Origin) (Format, error) {
	switch name {
	case "jsonl":
		return JSONLine, nil
	case "ocsf":
		return func(l trail.Line) ([]byte, error) { return json.Marshal(OCSF(l, from)) }, nil
	case "syslog":
		return func(l trail.Line) ([]byte, error) { return Syslog(l, from), nil }, nil
	default:
		return nil, onus.Errorf(onus.Invalid, Formats, "there is no export format %q", name)
	}
}

// JSONLine is the event with its leaf index, as the ledger has it.
func JSONLine(l trail.Line) ([]byte, error) {
	data, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("export entry %d: %w", l.Index, err)
	}
	return data, nil
}
