package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// drillGroup begins the group of exceptions about a workflow's undo.
const drillGroup = "drill "

// mostDrillOverride is for how long somebody may let new versions of a
// workflow go live whose undo is not proven.
const mostDrillOverride = 7 * 24 * time.Hour

// stand says whether a workflow's undo is proven now: it records what is not
// as it was, and opens or closes the exception about it.
func (e *Engine) stand(ctx context.Context, tx store.Tx, name onus.WorkflowName, cause string) (onus.Drilling, error) {
	was, known, err := store.Drillings.Lookup(ctx, tx, string(name))
	if err != nil {
		return was, err
	}
	now := was
	if now.Workflow = name; !known || was.State == onus.DrillsEnded {
		now.Since = tx.Now()
	}
	if err := e.proven(ctx, tx, &now); err != nil {
		return now, err
	}
	if onus.DigestOfJSON(now) != onus.DigestOfJSON(was) {
		d := onus.Drill{Workflow: name}
		if pinned, _, err := store.WorkflowVersions.Lookup(ctx, tx, string(name)); err != nil {
			return now, err
		} else {
			d.Version = pinned.Version
		}
		ev := e.drillEvent(ctx, tx, &d, ledger.DrillStands, cause, map[string]string{"state": string(now.State)})
		if ev, err = store.Drillings.Put(ctx, tx, ev, now); err != nil {
			return now, err
		}
		cause = ev.ID
	}
	if !now.State.Blocks() {
		return now, e.Clear(ctx, tx, drillGroup+string(name))
	}
	return now, e.openDrillException(ctx, tx, now, cause)
}

// proven works out how a workflow stands from its canaries' last drills.
func (e *Engine) proven(ctx context.Context, r store.Reader, now *onus.Drilling) error {
	wf := e.Program.Workflows[now.Workflow]
	if wf == nil || wf.Drill == nil {
		now.State, now.Next, now.Due, now.Why = onus.DrillsEnded, time.Time{}, time.Time{}, ""
		return nil
	}
	past, err := store.Drills.Query(ctx, r, store.Query{Key: "workflow", From: string(now.Workflow) + "/", To: string(now.Workflow) + "0"}) // "0" comes after "/"
	if err != nil {
		return err
	}
	last, passed := map[string]onus.Drill{}, map[string]time.Time{}
	for _, d := range past { // oldest first
		if !d.State.Over() {
			continue
		}
		if d.State != onus.DrillVoid {
			last[d.Canary] = d
		}
		if d.State == onus.DrillPassed {
			passed[d.Canary] = d.Ended
		}
	}
	now.State, now.Why, now.Passed, now.Next = onus.DrillsStand, "", time.Time{}, time.Time{}
	first := true
	for _, c := range wf.Drill.Canaries {
		d, drilled := last[c.Login]
		next := time.Time{} // at once
		if drilled {
			next = d.Ended.Add(wf.Drill.Every)
			if now.Last == "" || d.Ended.After(ended(past, now.Last)) {
				now.Last = d.ID
			}
		}
		if first || next.Before(now.Next) {
			now.Next = next
		}
		if at := passed[c.Login]; first || at.Before(now.Passed) {
			now.Passed = at
		}
		first = false
		if d.State == onus.DrillFailed {
			now.State, now.Last = onus.DrillsFailed, d.ID
			now.Why = fmt.Sprintf("on canary %s: %s", d.Canary, d.Why)
			if len(d.Left) > 0 {
				now.Why += "; left behind: " + says(d.Left)
			}
		}
	}
	since := now.Passed
	if since.IsZero() {
		since = now.Since
	}
	now.Due = since.Add(wf.Drill.Every + wf.Drill.Within)
	switch {
	case now.State == onus.DrillsFailed:
	case e.Now().After(now.Due):
		now.State, now.Why = onus.DrillsOverdue, "no drill passed since "+since.UTC().Format("2006-01-02 15:04 MST")
	case now.Passed.IsZero():
		now.State = onus.DrillsAwaited
	}
	return nil
}

func ended(all []onus.Drill, id string) time.Time {
	for _, d := range all {
		if d.ID == id {
			return d.Ended
		}
	}
	return time.Time{}
}

// openDrillException opens the exception of the control owner for revocation,
// unless it is open.
func (e *Engine) openDrillException(ctx context.Context, tx store.Tx, d onus.Drilling, cause string) error {
	wf := e.Program.Workflows[d.Workflow]
	group := drillGroup + string(d.Workflow)
	id, err := e.nextID(ctx, tx, "drill", string(d.Workflow))
	if err != nil {
		return err
	}
	route := planning.RouteFor(e.Program, wf, onus.DrillBroken, "")
	route.Then = append([]string{route.To}, route.Then...)
	route.To = wf.Controls.Revocation
	what := "a drill failed"
	if d.State == onus.DrillsOverdue {
		what = "its drill is overdue"
	}
	return e.open(ctx, tx, onus.Exception{
		ID: id, Category: onus.DrillBroken, Group: group, Workflow: d.Workflow, Route: route, Kept: d.Last,
		Message: fmt.Sprintf("the undo of workflow %s is not proven: %s: %s", d.Workflow, what, d.Why),
		Hint:    fmt.Sprintf("put it right, then onus drill %s; until one passes no new version of it goes live, or onus drill override %s", d.Workflow, d.Workflow),
	}, cause)
}

// A DrillOverride is a person's word that new versions of a workflow may go
// live although its undo is not proven.
type DrillOverride struct {
	DrillOrder

	Reason string
	Lasts  time.Duration
}

// OverrideDrill lets new versions of a workflow go live for a while.
func (e *Engine) OverrideDrill(ctx context.Context, o DrillOverride) (d onus.Drilling, err error) {
	switch {
	case o.Person == "":
		return d, onus.Errorf(onus.Denied, onus.UnknownActor, "to override a drill must be a person's own word, and nobody knows who %s is", o.By)
	case strings.TrimSpace(o.Reason) == "":
		return d, onus.Errorf(onus.Invalid, "give one with --reason", "to override a drill needs a reason")
	case o.Lasts <= 0 || o.Lasts > mostDrillOverride:
		return d, onus.Errorf(onus.Invalid, "as in --for 24h", "an override lasts between nothing and seven days, not %s", o.Lasts)
	}
	err = e.Store.Update(ctx, func(tx store.Tx) error {
		var known bool
		if d, known, err = store.Drillings.Lookup(ctx, tx, string(o.Workflow)); err != nil {
			return err
		}
		if !known || !d.State.Blocks() {
			return onus.Errorf(onus.Conflict, "onus drills shows how they stand", "no drill of workflow %s failed or is overdue: nothing is to be overridden", o.Workflow)
		}
		if o.Permit.Err != nil {
			return o.Permit.Err
		}
		row, _, err := tx.Get(ctx, store.Drillings.Name, string(o.Workflow))
		if err != nil {
			return err
		}
		who := e.people.id(ctx, tx, o.Person)
		d.Override = &onus.DrillOverride{
			By: o.By, Person: o.Person, Who: onus.IdentityID(who), Reason: o.Reason, At: tx.Now(), Until: tx.Now().Add(o.Lasts), Policy: o.Permit.Policy,
		}
		ev := ledger.Event{
			Type: ledger.DrillOverridden, Actor: string(o.By), Owner: who, Cause: row.Event, Workflow: string(o.Workflow),
			Notes: map[string]string{"until": d.Override.Until.UTC().Format(time.RFC3339)},
		}
		o.Permit.note(&ev)
		_, err = store.Drillings.Put(ctx, tx, ev, d)
		return err
	})
	return d, err
}
