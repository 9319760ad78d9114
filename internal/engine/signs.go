package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/health"
	"github.com/onus-id/onus/internal/store"
)

// signGroup begins the groups of exceptions about what comes up again and
// again.
const signGroup = defectGroup + "repeated "

// repeated is from how many signs of one sort at one place on they are a
// defect of the process: twice as many exceptions as make a path's share count.
func (e *Engine) repeated() int { return max(2, 2*e.Program.Organisation.Production.Least) }

func (e *Engine) bearings() health.Bearings {
	return health.Bearings{
		Unit: func(name onus.SystemName) string {
			if s := e.Program.Systems[name]; s != nil {
				return s.Unit
			}
			return ""
		},
		Vendor: func(name onus.SystemName) string {
			if s := e.Program.Systems[name]; s != nil {
				return s.Vendor
			}
			return ""
		},
	}
}

// signs counts what came up in the time before now, and before that.
func (e *Engine) signs(ctx context.Context, r store.Reader, approvals []onus.Approval, over time.Duration) ([]health.Defect, error) {
	until := e.Now().UTC()
	found, err := store.Exceptions.Query(ctx, r, store.Query{Key: "opened", From: store.Stamp(until.Add(-2 * over)), To: store.Stamp(until)})
	return health.Signs(found, approvals, e.bearings(), until, over), err
}

// watchSigns opens an exception of whoever answers for a workflow, a source, a
// system, a unit or a vendor's systems where one sort of trouble comes up there
// again and again: they answer it with a plan. It closes when there is less of
// it. Answers in haste are counted by Health only: nobody looks through all
// approvals on every cycle.
func (e *Engine) watchSigns(ctx context.Context) error {
	over := e.Program.Organisation.Production.Over
	var found []health.Defect
	var open []onus.Exception
	err := e.Store.View(ctx, func(r store.Reader) (err error) {
		if found, err = e.signs(ctx, r, nil, over); err != nil {
			return err
		}
		open, err = store.Exceptions.Find(ctx, r, "state", string(onus.ExceptionOpen))
		return err
	})
	if err != nil {
		return err
	}
	stands := map[string]bool{}
	for _, d := range found {
		if d.Count < e.repeated() {
			continue
		}
		stands[groupOf(d)] = true
		if err := e.openSign(ctx, d, over); err != nil {
			return err
		}
	}
	for _, x := range open {
		if strings.HasPrefix(x.Group, signGroup) && !stands[x.Group] {
			if err := e.clearGroup(ctx, x.Group); err != nil {
				return err
			}
		}
	}
	return nil
}

func groupOf(d health.Defect) string {
	return fmt.Sprintf("%s%s of %s %s", signGroup, d.Sign, d.Of, d.Name)
}

func (e *Engine) openSign(ctx context.Context, d health.Defect, over time.Duration) error {
	group := groupOf(d)
	return e.Store.Update(ctx, func(tx store.Tx) error {
		past, err := store.Exceptions.Find(ctx, tx, "group", group)
		if err != nil {
			return err
		}
		since := tx.Now().Add(-over)
		if slices.ContainsFunc(past, func(x onus.Exception) bool { return x.State == onus.ExceptionOpen || x.Opened.After(since) }) {
			return nil
		}
		kept, err := json.Marshal(d)
		if err != nil {
			return err
		}
		x := onus.Exception{
			ID: onus.ID("exc", group, store.Stamp(tx.Now())), Category: onus.ProcessDefect, Group: group, Kept: string(kept),
			Route: onus.Route{To: e.answersFor(d.Where), Within: 8 * time.Hour, Working: true, Then: e.Program.Organisation.Escalation},
			Message: fmt.Sprintf("%s of %s %s came up %d times in %d days, and %d times in as many before (%s)",
				d.Sign, d.Of, d.Name, d.Count, int(over.Hours()/24), d.Before, d.Trend()),
			Hint: "answer with your plan as the reason; it closes by itself when it comes up less",
		}
		if d.Of == "workflow" {
			x.Workflow = onus.WorkflowName(d.Name)
		}
		return e.open(ctx, tx, x, "")
	})
}

// answersFor gives who answers at a place, by mail: for a vendor the owner of
// the first of the systems that it operates, for it is ours who answers.
func (e *Engine) answersFor(w health.Where) string {
	p := e.Program
	mail := ""
	switch w.Of {
	case "workflow":
		if wf := p.Workflows[onus.WorkflowName(w.Name)]; wf != nil {
			mail = cmp.Or(wf.Owner, wf.Controls.Exceptions)
		}
	case "source":
		if s := p.Sources[onus.SourceName(w.Name)]; s != nil {
			mail = s.Owner
		}
	case "system":
		if s := p.Systems[onus.SystemName(w.Name)]; s != nil {
			mail = s.Owner
		}
	case "unit":
		mail = cmp.Or(p.Organisation.Units[w.Name].Head, p.Organisation.Units[w.Name].Administrator)
	case "vendor":
		first := onus.SystemName("")
		for name, s := range p.Systems {
			if s.Vendor == w.Name && (first == "" || name < first) {
				first, mail = name, s.Owner
			}
		}
	}
	if mail == "" && len(p.Organisation.Escalation) > 0 {
		mail = p.Organisation.Escalation[0]
	}
	return mail
}
