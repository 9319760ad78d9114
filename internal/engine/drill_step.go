package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// A drillStep is one look at a drill that is under way, and what is done upon
// it. Whoever moved it meanwhile wins.
type drillStep struct {
	e        *Engine
	d        onus.Drill
	row      store.Row
	version  int // that the workflow is at now
	roster   Roster
	hindered bool // something is in the way that will pass by itself
}

func (e *Engine) lookAtDrill(ctx context.Context, id onus.IdentityID) (s *drillStep, going bool, err error) {
	s = &drillStep{e: e}
	err = e.Store.View(ctx, func(r store.Reader) error {
		d, open, err := openDrill(ctx, r, id)
		if going = open; err != nil || !open {
			return err
		}
		if s.d, s.row, err = store.Drills.GetRow(ctx, r, d.ID); err != nil {
			return err
		}
		pinned, _, err := store.WorkflowVersions.Lookup(ctx, r, string(d.Workflow))
		s.version = pinned.Version
		return err
	})
	return s, going && !s.d.State.Over(), err
}

// step does the next thing, and says whether there may be more to do at once.
func (s *drillStep) step(ctx context.Context) (more bool, err error) {
	d := &s.d
	late := !s.e.Now().Before(d.Due)
	if d.State == onus.DrillCleans {
		return s.clean(ctx, late)
	}
	if wf := s.e.Program.Workflows[d.Workflow]; s.version != d.Version || wf == nil {
		return true, s.lose(ctx, "another version of the workflow went live meanwhile")
	}
	if late {
		return true, s.lose(ctx, cmp.Or(d.Trouble, "it was not over by "+d.Due.UTC().Format("2006-01-02 15:04 MST")))
	}
	at, back := d.Back()
	stage := &d.Stages[at]
	switch {
	case !back && stage.Occasion == "":
		return s.begin(ctx, stage)
	case !back:
		return s.forward(ctx, stage)
	case stage.Undoing.IsZero():
		return true, s.undo(ctx, at)
	default:
		return s.back(ctx, stage)
	}
}

// put records the drill as it is now, if nobody moved it since the look.
func (s *drillStep) put(ctx context.Context, tx store.Tx, typ ledger.Type, notes map[string]string) (ledger.Event, error) {
	row, _, err := tx.Get(ctx, store.Drills.Name, s.d.ID)
	if err != nil {
		return ledger.Event{}, err
	}
	if row.Version != s.row.Version {
		return ledger.Event{}, errMoved
	}
	return store.Drills.Put(ctx, tx, s.e.drillEvent(ctx, tx, &s.d, typ, row.Event, notes), s.d)
}

// hinder notes what is in the way of the drill.
func (s *drillStep) hinder(ctx context.Context, why string) error {
	s.hindered = true
	if s.d.Trouble == why {
		return nil
	}
	s.d.Trouble = why
	return s.e.Store.Update(ctx, func(tx store.Tx) error {
		_, err := s.put(ctx, tx, ledger.DrillMoved, map[string]string{})
		return err
	})
}

// begin looks at the systems, and lets the next thing happen to the canary's
// record.
func (s *drillStep) begin(ctx context.Context, stage *onus.DrillStage) (bool, error) {
	before, err := s.snapshot(ctx)
	if err != nil {
		return false, s.unreadable(ctx, err)
	}
	d := &s.d
	stage.Before, stage.Began, d.Trouble = before, s.e.Now().UTC(), ""
	stage.Occasion = drilling + d.ID + "/" + strconv.Itoa(d.Step)
	return true, s.e.Store.Update(ctx, func(tx store.Tx) error {
		ev, err := s.put(ctx, tx, ledger.DrillMoved, map[string]string{"stage": string(stage.Kind)})
		if err != nil {
			return err
		}
		state := onus.Active
		if stage.Kind == onus.Departed {
			state = onus.Left
		}
		who, err := s.identity(ctx, tx, stage.Record, state, ev.ID)
		if err != nil {
			return err
		}
		o := onus.Occasion{
			ID: stage.Occasion, Kind: stage.Kind, State: onus.Waiting, Identity: d.Identity, Source: who.Source, Key: who.Key,
			At: tx.Now(), After: stage.Record,
		}
		if d.Step > 0 {
			o.Before = d.Stages[d.Step-1].Record
		}
		o.Fields = changedFields(o.Before, o.After)
		_, err = store.Occasions.Put(ctx, tx, ledger.Event{Type: ledger.OccasionArose, Actor: string(onus.Engine), Owner: ev.Owner, Cause: ev.ID}, o)
		return err
	})
}

func changedFields(was, is onus.Attributes) (names []string) {
	for name := range is {
		if was[name] != is[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// identity puts the canary's record to what it is in a stage.
func (s *drillStep) identity(ctx context.Context, tx store.Tx, record onus.Attributes, state onus.IdentityState, cause string) (onus.Identity, error) {
	who := onus.Identity{ID: s.d.Identity, State: state, Login: s.d.Canary, Attributes: record}
	if wf := s.e.Program.Workflows[s.d.Workflow]; wf != nil {
		who.Source = wf.Source
		if src := s.e.Program.Sources[wf.Source]; src != nil {
			roles := src.Schema.Roles
			who.Kind, who.Key = src.Kind, record[src.Schema.Key]
			who.Name, who.Manager, who.Sponsor, who.Starts = record[roles.Name], record[roles.Manager], record[roles.Sponsor], record[roles.Start]
		}
	} else if old, known, err := store.Identities.Lookup(ctx, tx, string(who.ID)); err != nil {
		return who, err
	} else if known {
		old.State = state
		who = old
	}
	_, err := store.Identities.Put(ctx, tx, ledger.Event{
		Type: ledger.IdentityChanged, Actor: string(onus.Engine), Owner: s.e.people.id(ctx, tx, s.e.provesUndo(s.d.Workflow)), Cause: cause,
	}, who)
	return who, err
}

// forward waits until what happened to the record is carried out.
func (s *drillStep) forward(ctx context.Context, stage *onus.DrillStage) (bool, error) {
	end, err := s.carriedOut(ctx, stage.Occasion)
	switch {
	case err != nil:
		return false, err
	case end.lost != "":
		return true, s.lose(ctx, fmt.Sprintf("what the canary %s came to was not carried out: %s", stage.Kind, end.lost))
	case !end.over:
		return false, s.waits(ctx, end)
	}
	d := &s.d
	d.Step, d.Trouble = d.Step+1, ""
	if d.Step == len(d.Stages) {
		ran, err := s.ran(ctx)
		if err != nil {
			return false, err
		}
		if !ran {
			return true, s.lose(ctx, fmt.Sprintf("workflow %s did nothing for its canary, so there is nothing of it to undo", d.Workflow))
		}
	}
	return true, s.e.Store.Update(ctx, func(tx store.Tx) error {
		_, err := s.put(ctx, tx, ledger.DrillMoved, map[string]string{"stage": string(stage.Kind)})
		return err
	})
}

func (s *drillStep) waits(ctx context.Context, end ending) error {
	if end.waits == "" {
		return nil // its runs go on, and wake the drill up when they end
	}
	return s.hinder(ctx, end.waits)
}

// undo orders the reversal of one stage. Whoever left is there again first.
func (s *drillStep) undo(ctx context.Context, at int) error {
	d := &s.d
	stage := &d.Stages[at]
	changes, err := s.changesOf(ctx, stage.Occasion)
	if err != nil {
		return err
	}
	stage.Changes = len(changes)
	return s.e.Store.Update(ctx, func(tx store.Tx) error {
		stage.Undoing, stage.Reversal = tx.Now(), ""
		if at > 0 {
			if _, err := s.identity(ctx, tx, d.Stages[at-1].Record, onus.Active, s.row.Event); err != nil {
				return err
			}
		}
		if len(changes) > 0 {
			rev, err := s.order(ctx, tx, changes, fmt.Sprintf("drill %s undoes what the canary %s came to", d.ID, stage.Kind))
			if err != nil {
				return err
			}
			stage.Reversal = rev.ID
		}
		_, err := s.put(ctx, tx, ledger.DrillMoved, map[string]string{"stage": string(stage.Kind)})
		return err
	})
}

func (s *drillStep) order(ctx context.Context, tx store.Tx, changes []onus.ChangeID, why string) (onus.Reversal, error) {
	return s.e.orderReversal(ctx, tx, ReversalOrder{
		Scope: onus.ReversalScope{Changes: changes}, By: s.d.By, Person: s.d.Person, Reason: why, Answers: s.e.provesUndo(s.d.Workflow),
	})
}

// back waits until a stage is undone, and holds the systems against how they
// were before it.
func (s *drillStep) back(ctx context.Context, stage *onus.DrillStage) (bool, error) {
	d := &s.d
	if stage.Reversal != "" {
		end, err := s.carriedOut(ctx, s.undoing(stage.Reversal))
		switch {
		case err != nil:
			return false, err
		case end.lost != "":
			return true, s.lose(ctx, fmt.Sprintf("what the canary %s came to was not undone: %s", stage.Kind, end.lost))
		case !end.over:
			return false, s.waits(ctx, end)
		}
	}
	after, err := s.snapshot(ctx)
	if err != nil {
		return false, s.unreadable(ctx, err)
	}
	changes, err := s.plannedOf(ctx, stage.Occasion)
	if err != nil {
		return false, err
	}
	stage.Undone, d.Trouble = s.e.Now().UTC(), ""
	differs, declared := compare(stage.Before, after, changes)
	d.Differs, d.Declared = append(d.Differs, differs...), append(d.Declared, declared...)
	d.Undo += stage.Undone.Sub(stage.Undoing)
	d.Step++
	if len(differs) > 0 {
		return true, s.lose(ctx, fmt.Sprintf("after the canary %s and that was undone, %s", stage.Kind, says(differs)))
	}
	if d.Step < 2*len(d.Stages) {
		return true, s.e.Store.Update(ctx, func(tx store.Tx) error {
			_, err := s.put(ctx, tx, ledger.DrillMoved, map[string]string{"stage": string(stage.Kind)})
			return err
		})
	}
	return false, s.end(ctx, onus.DrillPassed)
}

func (s *drillStep) undoing(reversal string) string {
	return reversing + reversal + "/" + string(s.d.Identity)
}

// end is the end of a drill: the canary rests, and whether the workflow's undo
// is proven is said anew.
func (s *drillStep) end(ctx context.Context, state onus.DrillState) error {
	d := &s.d
	return s.e.Store.Update(ctx, func(tx store.Tx) error {
		d.State, d.Ended, d.Trouble = state, tx.Now(), ""
		ev, err := s.put(ctx, tx, ledger.DrillEnded, map[string]string{
			"state": string(state), "differences": strconv.Itoa(len(d.Differs)), "undo": d.Undo.String(),
		})
		if err != nil {
			return err
		}
		if _, err := s.identity(ctx, tx, d.Stages[0].Record, onus.Left, ev.ID); err != nil {
			return err
		}
		_, err = s.e.stand(ctx, tx, d.Workflow, ev.ID)
		return err
	})
}

// lose gives a drill up: the canary has left, so that nothing is given to it
// any more, and what it was given is taken away.
func (s *drillStep) lose(ctx context.Context, why string) error {
	d := &s.d
	var changes []onus.ChangeID
	for _, stage := range d.Stages {
		if stage.Occasion == "" {
			continue
		}
		some, err := s.changesOf(ctx, stage.Occasion)
		if err != nil {
			return err
		}
		changes = append(changes, some...)
	}
	wf := s.e.Program.Workflows[d.Workflow]
	return s.e.Store.Update(ctx, func(tx store.Tx) error {
		d.State, d.Why, d.Trouble, d.Due = onus.DrillCleans, why, "", tx.Now().Add(time.Hour)
		if wf != nil && wf.Drill != nil {
			d.Due = tx.Now().Add(wf.Drill.Within)
		}
		if _, err := s.identity(ctx, tx, d.Stages[0].Record, onus.Left, s.row.Event); err != nil {
			return err
		}
		if len(changes) > 0 {
			rev, err := s.order(ctx, tx, changes, "drill "+d.ID+" is lost, and takes away what it gave")
			if err != nil && onus.KindOf(err) != onus.NotFound {
				return err
			}
			d.Cleanup = rev.ID
		}
		if _, err := s.put(ctx, tx, ledger.DrillMoved, map[string]string{"state": string(d.State)}); err != nil {
			return err
		}
		return s.e.Queue.Enqueue(ctx, tx, Segment{Canary: d.Identity, At: d.Due})
	})
}

// clean waits until what a lost drill gave is taken away, says what is left,
// and ends it.
func (s *drillStep) clean(ctx context.Context, late bool) (bool, error) {
	d := &s.d
	if d.Cleanup != "" && !late {
		end, err := s.carriedOut(ctx, s.undoing(d.Cleanup))
		if err != nil {
			return false, err
		}
		if !end.over && end.lost == "" {
			return false, s.waits(ctx, end)
		}
	}
	if first := d.Stages[0]; first.Occasion != "" {
		after, err := s.snapshot(ctx)
		switch {
		case err != nil && !late:
			return false, s.unreadable(ctx, err)
		case err != nil:
			d.Left = []onus.Difference{{What: "systems that cannot be read", Is: plain(err)}}
		default:
			changes, err := s.plannedOf(ctx, first.Occasion)
			if err != nil {
				return false, err
			}
			d.Left, _ = compare(first.Before, after, changes)
		}
	}
	if s.version != d.Version && len(d.Left) == 0 {
		return false, s.end(ctx, onus.DrillVoid)
	}
	return false, s.end(ctx, onus.DrillFailed)
}

// An ending says what came of an occasion so far.
type ending struct {
	over  bool
	lost  string // why it will not be carried out as it should
	waits string // for whom or what
}

// carriedOut plans an occasion of the canary that waits, and says what came of it.
func (s *drillStep) carriedOut(ctx context.Context, occasion string) (ending, error) {
	end, err := s.cameOf(ctx, occasion)
	if err != nil || !end.unplanned {
		return end.ending, err
	}
	if err := s.plan(ctx, occasion); err != nil {
		return end.ending, err
	}
	if end, err = s.cameOf(ctx, occasion); end.unplanned {
		end.waits = "nothing plans it: the workflow is paused, or nobody answers for it"
	}
	return end.ending, err
}

type came struct {
	ending

	unplanned bool
}

func (s *drillStep) cameOf(ctx context.Context, occasion string) (c came, err error) {
	err = s.e.Store.View(ctx, func(r store.Reader) error {
		c = came{}
		o, err := store.Occasions.Get(ctx, r, occasion)
		if err != nil {
			return err
		}
		if o.State == onus.Stopped {
			return s.stopped(ctx, r, o, &c)
		}
		runs, err := store.Runs.Find(ctx, r, "occasion", occasion)
		if err != nil {
			return err
		}
		if c.unplanned = o.State == onus.Waiting && len(runs) == 0; c.unplanned {
			return nil
		}
		c.over = true
		for _, run := range runs {
			switch run.State {
			case onus.RunDone, onus.RunSuperseded:
			case onus.RunOverridden, onus.RunRefused:
				c.lost = fmt.Sprintf("run %s was %s", run.ID, run.State)
			case onus.RunExcepted, onus.RunHeld, onus.RunWaiting:
				c.over = false
				if run.State != onus.RunWaiting || run.Wake.IsZero() {
					c.waits = fmt.Sprintf("run %s is %s: %s", run.ID, run.State, run.Reason)
				}
			case onus.RunReady:
				c.over = false
			}
		}
		return nil
	})
	return c, err
}

// stopped says why an occasion could not be planned.
func (s *drillStep) stopped(ctx context.Context, r store.Reader, o onus.Occasion, c *came) error {
	c.lost = "it could not be planned"
	about, err := store.Exceptions.Find(ctx, r, "occasion", o.ID)
	for _, x := range about {
		if x.Run == "" && x.State == onus.ExceptionOpen {
			c.lost += ": " + x.Message
		}
	}
	return err
}

// plan plans one occasion of the canary at once, as the cycle would.
func (s *drillStep) plan(ctx context.Context, occasion string) error {
	e := s.e
	names := slices.Sorted(maps.Keys(e.Program.Workflows))
	work, err := e.surveyOf(ctx, s.roster, e.versions, names, func(ctx context.Context, r store.Reader, out *survey) error {
		row, known, err := r.Get(ctx, store.Occasions.Name, occasion)
		if err != nil || !known {
			return err
		}
		return e.planOccasion(ctx, r, row, out)
	})
	if err != nil {
		return err
	}
	for _, w := range work.batches {
		for _, refused := range w.refused {
			if err := e.stopOccasion(ctx, w.wf, refused); err != nil && !errors.Is(err, errMoved) {
				return err
			}
		}
		for _, part := range w.piles() {
			if _, err := e.release(ctx, w.wf, w.version, part, s.roster); err != nil && !errors.Is(err, errMoved) {
				return err
			}
		}
	}
	return e.settleUnwanted(ctx, work.unwanted)
}

// ran says whether the drill's own workflow did anything.
func (s *drillStep) ran(ctx context.Context) (ran bool, err error) {
	err = s.e.Store.View(ctx, func(r store.Reader) error {
		for _, stage := range s.d.Stages {
			runs, err := store.Runs.Find(ctx, r, "occasion", stage.Occasion)
			if err != nil {
				return err
			}
			ran = ran || slices.ContainsFunc(runs, func(run onus.Run) bool { return run.Workflow == s.d.Workflow })
		}
		return nil
	})
	return ran, err
}

// changesOf lists what came of an occasion and was begun.
func (s *drillStep) changesOf(ctx context.Context, occasion string) ([]onus.ChangeID, error) {
	changes, err := s.plannedOf(ctx, occasion)
	ids := make([]onus.ChangeID, len(changes))
	for i, c := range changes {
		ids[i] = c.ID
	}
	return ids, err
}

func (s *drillStep) plannedOf(ctx context.Context, occasion string) (all []onus.Change, err error) {
	err = s.e.Store.View(ctx, func(r store.Reader) error {
		all = nil
		runs, err := store.Runs.Find(ctx, r, "occasion", occasion)
		if err != nil {
			return err
		}
		for _, run := range runs {
			changes, err := store.Changes.Query(ctx, r, store.ChangesOf(run.ID))
			if err != nil {
				return err
			}
			all = append(all, changes...)
		}
		return nil
	})
	return all, err
}
