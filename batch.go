package onus

import "time"

// A Measure is what a guard counts before a batch's first change (rule 8).
type Measure struct {
	Subjects int `json:"subjects"`
	Changes  int `json:"changes"`
	Removals int `json:"removals"` // revocations, disablings, deletions
	Weight   int `json:"weight"`   // privilege weight of everything touched
}

// Add gives the sum of two measures.
func (m Measure) Add(o Measure) Measure {
	return Measure{m.Subjects + o.Subjects, m.Changes + o.Changes, m.Removals + o.Removals, m.Weight + o.Weight}
}

// BatchState is how far a batch has come.
type BatchState string

// The states of a batch.
const (
	BatchReleased BatchState = "released"
	BatchHeld     BatchState = "held" // past a bound; the guard's owner is asked
	BatchRefused  BatchState = "refused"
)

// A Batch is all plans that one workflow made from one look at its sources;
// it is measured whole.
type Batch struct {
	ID       string                 `json:"id"`
	Workflow WorkflowName           `json:"workflow"`
	Version  int                    `json:"version"`
	State    BatchState             `json:"state"`
	At       time.Time              `json:"at"`
	Measure  Measure                `json:"measure"`
	Systems  map[SystemName]Measure `json:"systems,omitempty"`
	Past     []string               `json:"past,omitempty"` // the bounds it is past, in words
	Runs     int                    `json:"runs"`
	Drill    bool                   `json:"drill,omitempty"` // of canaries: it takes no room from anybody within a bound
	Moved    int64                  `json:"moved"`           // how many entries the ledger had before it was last moved
	First    string                 `json:"first,omitempty"` // the standing rule that puts its leavers before everybody else
}
