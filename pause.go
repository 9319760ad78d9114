package onus

import "time"

// A Pause says whether a workflow rests, and whose word that was. While it
// rests it plans nothing and its runs begin no further change; what they had
// begun is settled. Leavers lose their access all the same (rule 9).
type Pause struct {
	Workflow WorkflowName `json:"workflow"`
	Paused   bool         `json:"paused"`
	Version  int          `json:"version,omitempty"` // of the workflow that was recalled; 0: none was
	Reason   string       `json:"reason"`            // of the last word on it
	By       Actor        `json:"by"`
	Person   string       `json:"person"` // mail address of whose word it was
	At       time.Time    `json:"at"`
}
