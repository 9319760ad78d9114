package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// Pin keeps the definitions in the ledger and gives every workflow that is
// new, or not as it was, its next version. Runs in flight stay on theirs.
func (e *Engine) Pin(ctx context.Context, by onus.Actor) error {
	files, err := json.Marshal(e.Program.Files)
	if err != nil {
		return fmt.Errorf("pin the definitions: %w", err)
	}
	return e.Store.Update(ctx, func(tx store.Tx) error {
		_, known, err := store.DefinitionSets.Lookup(ctx, tx, string(e.Program.Digest))
		if err != nil {
			return err
		}
		var cause string
		if !known {
			set := store.Definitions{Digest: e.Program.Digest, Files: files}
			ev, err := store.DefinitionSets.Put(ctx, tx, ledger.Event{Type: ledger.DefinitionsPinned, Actor: string(by)}, set)
			if err != nil {
				return err
			}
			cause = ev.ID
		}
		if err := e.enrol(ctx, tx, by); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(e.Program.Workflows)) {
			if err := e.pinWorkflow(ctx, tx, e.Program.Workflows[name], by, cause); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *Engine) pinWorkflow(ctx context.Context, tx store.Tx, wf *flow.Workflow, by onus.Actor, cause string) error {
	pinned, _, err := store.WorkflowVersions.Lookup(ctx, tx, string(wf.Name))
	if err != nil || pinned.Digest == wf.Digest {
		return err
	}
	pinned = store.WorkflowVersion{Name: wf.Name, Version: pinned.Version + 1, Digest: wf.Digest, Program: e.Program.Digest}
	_, err = store.WorkflowVersions.Put(ctx, tx, ledger.Event{
		Type: ledger.WorkflowPinned, Actor: string(by), Owner: e.people.id(ctx, tx, wf.Owner), Cause: cause,
		Workflow: fmt.Sprintf("%s@%d", wf.Name, pinned.Version), Inputs: []string{string(wf.Digest), string(e.Program.Digest)},
	}, pinned)
	return err
}

// versions gives the version that each workflow of the program is at.
func (e *Engine) versions(ctx context.Context, r store.Reader) (map[onus.WorkflowName]int, error) {
	at := map[onus.WorkflowName]int{}
	for name, wf := range e.Program.Workflows {
		v, err := store.WorkflowVersions.Get(ctx, r, string(name))
		if err != nil {
			return nil, err
		}
		if v.Digest != wf.Digest {
			return nil, onus.Errorf(onus.Conflict, "start again with the definitions that are live now",
				"workflow %s was pinned to other definitions by somebody else", name)
		}
		at[name] = v.Version
	}
	return at, nil
}
