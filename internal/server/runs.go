package server

import (
	"context"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// A RunView is a run with everything that happened in it.
type RunView struct {
	onus.Run

	Subject    string        `json:"subject"`          // how people know whom it is for
	Why        string        `json:"why"`              // what set it off: "joined", "moved", …
	Fields     []string      `json:"fields,omitempty"` // of the record, that differ
	Entry      int64         `json:"entry"`            // of the ledger, that left the run so
	Steps      []StepView    `json:"steps"`
	Exceptions []string      `json:"exceptions,omitempty"` // that are open
	Approvals  []RunApproval `json:"approvals,omitempty"`
}

// A StepView is a change of a run.
type StepView struct {
	onus.Change

	Says  string `json:"says"`
	Entry int64  `json:"entry"` // of the ledger, that left it so
}

// A RunApproval is a request for approval of a run.
type RunApproval struct {
	ID    string             `json:"id"`
	State onus.ApprovalState `json:"state"`
}

// Run gives a run by its ID.
func (b *Books) Run(ctx context.Context, id onus.RunID) (v RunView, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		run, row, err := store.Runs.GetRow(ctx, r, string(id))
		if err != nil {
			return err
		}
		v = RunView{Run: run, Subject: called(ctx, r, run.Identity), Entry: entryOf(row)}
		if o, known, err := store.Occasions.Lookup(ctx, r, run.Occasion); err != nil {
			return err
		} else if known {
			v.Why, v.Fields = string(o.Kind), o.Fields
		}
		if err := b.steps(ctx, r, &v); err != nil {
			return err
		}
		open, err := store.Exceptions.Find(ctx, r, "run", string(id))
		if err != nil {
			return err
		}
		for _, x := range open {
			if x.State == onus.ExceptionOpen {
				v.Exceptions = append(v.Exceptions, x.ID)
			}
		}
		approvals, err := store.Approvals.Find(ctx, r, "run", string(id))
		for _, a := range approvals {
			v.Approvals = append(v.Approvals, RunApproval{a.ID, a.State})
		}
		return err
	})
	return v, err
}

func (b *Books) steps(ctx context.Context, r store.Reader, v *RunView) error {
	for row, err := range r.Find(ctx, store.ChangesOf(v.ID)) {
		if err != nil {
			return err
		}
		c, err := store.Changes.Of(row)
		if err != nil {
			return err
		}
		v.Steps = append(v.Steps, StepView{Change: c, Says: planning.Describe(c.Planned), Entry: entryOf(row)})
	}
	return nil
}

// entryOf is the number of the entry that left an object so.
func entryOf(row store.Row) int64 {
	index, _ := store.EventIndex(row.Event)
	return index
}

// A Found is somebody or something that a search came upon.
type Found struct {
	ID    onus.IdentityID    `json:"id"`
	Login string             `json:"login"`
	Name  string             `json:"name,omitempty"`
	Kind  onus.IdentityKind  `json:"kind"`
	State onus.IdentityState `json:"state"`
}

// Search finds identities whose login or mail address begins with a text, by
// the index: among many as fast as among few.
func (b *Books) Search(ctx context.Context, text string, limit int) (found []Found, err error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	seen := map[onus.IdentityID]bool{}
	err = b.store.View(ctx, func(r store.Reader) error {
		for _, key := range []string{"login", "mail"} {
			all, err := store.Identities.Query(ctx, r, store.Query{Kind: store.Identities.Name, Key: key, From: text, To: text + "\U0010ffff", Limit: limit})
			if err != nil {
				return err
			}
			for _, i := range all {
				if !seen[i.ID] && len(found) < limit {
					seen[i.ID] = true
					found = append(found, Found{ID: i.ID, Login: i.Login, Name: i.Name, Kind: i.Kind, State: i.State})
				}
			}
		}
		return nil
	})
	return found, err
}

// Grown waits until the ledger has more than so many entries, and says how
// many it has.
func (b *Books) Grown(ctx context.Context, size int64) (now int64, err error) {
	waiter, can := b.store.(store.Waiter)
	if !can {
		return size, onus.Errorf(onus.Internal, "", "this store does not tell when its ledger grows")
	}
	if size >= 0 {
		if err := waiter.Wait(ctx, size); err != nil {
			return size, err
		}
	}
	err = b.store.View(ctx, func(r store.Reader) error {
		head, err := r.Head(ctx)
		now = head.Size
		return err
	})
	return now, err
}
