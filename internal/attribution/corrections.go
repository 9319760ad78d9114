package attribution

import (
	"fmt"

	"github.com/onus-id/onus"
)

// How far the search for corrections goes.
const (
	mostCorrections = 16 // that are tried alone
	mostAtOnce      = 3  // in one combination
	mostDecisions   = 8  // of one identity
)

// A correction is one thing that may have been wrong, put right.
type correction struct {
	class   onus.FaultClass
	says    string
	apply   func(*whatIf)
	support onus.Confidence // that it was wrong, whatever it led to
	why     []onus.Sentence
	at      decision          // the decision that it is about
	version pinned            // of wrong logic: the version that the fault is in
	source  onus.SourceName   // of records and matches
	people  []onus.Answerable // whose deed it was
	duty    onus.DutyID       // of an agent's action: to answer for the agent
	chain   []string          // of an agent's action: who delegated to whom
	system  onus.SystemName   // of an account's match
}

// corrections gathers what the evidence says may have been wrong.
func (q *inquiry) corrections() ([]correction, error) {
	var all []correction
	for _, find := range []func() ([]correction, error){q.ofRecord, q.ofMatch, q.ofPeople, q.ofVersions} {
		found, err := find()
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if len(all) > mostCorrections {
		q.v.Missing = append(q.v.Missing, fmt.Sprintf("%d corrections more were not tried", len(all)-mostCorrections))
		all = all[:mostCorrections]
	}
	return all, nil
}

func (e entry) citation() onus.Citation { return onus.Citation{Index: e.index, Event: e.ID} }
