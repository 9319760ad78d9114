package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/escalation"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/health"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// Health says how the exception path did for so long, and does now.
func (e *Engine) Health(ctx context.Context, over time.Duration) (rep health.Report, err error) {
	err = e.Store.View(ctx, func(r store.Reader) error {
		f, err := e.metExceptions(ctx, r, over)
		if err != nil {
			return err
		}
		if err := setOut(ctx, r, &f); err != nil {
			return err
		}
		if err := e.decisionFacts(ctx, r, &f); err != nil {
			return err
		}
		if f.Routes, err = e.routes(ctx, r); err != nil {
			return err
		}
		rep = health.Compute(f)
		rep.Signs, err = e.signs(ctx, r, f.Approvals, over)
		return err
	})
	return rep, err
}

// metExceptions gathers what met an exception.
func (e *Engine) metExceptions(ctx context.Context, r store.Reader, over time.Duration) (f health.Facts, err error) {
	f.Until = e.Now().UTC()
	f.From = f.Until.Add(-over)
	f.Exceptions, err = store.Exceptions.Query(ctx, r, store.Query{Key: "opened", From: store.Stamp(f.From), To: store.Stamp(f.Until)})
	return f, err
}

// setOut gathers what was set out to do.
func setOut(ctx context.Context, r store.Reader, f *health.Facts) error {
	batches, err := store.Batches.Query(ctx, r, store.Query{Key: "time", From: store.Stamp(f.From), To: store.Stamp(f.Until)})
	if err != nil {
		return err
	}
	for _, b := range batches {
		runs, err := store.Runs.Find(ctx, r, "batch", b.ID)
		if err != nil {
			return err
		}
		f.Runs = append(f.Runs, runs...)
	}
	return nil
}

// decisionFacts gathers what people decided, and for whom.
func (e *Engine) decisionFacts(ctx context.Context, r store.Reader, f *health.Facts) (err error) {
	if f.Approvals, err = store.Approvals.Query(ctx, r, store.Query{}); err != nil {
		return err
	}
	requests, err := store.Requests.Query(ctx, r, store.Query{})
	if err != nil {
		return err
	}
	f.Askers = map[string]string{}
	for _, q := range requests {
		f.Askers[q.Occasion] = q.Person
	}
	f.Hours = escalation.At(ctx, r, e.Program, e.Now()).People.Hours
	return nil
}

// routes looks at every route of the definitions as it is now.
func (e *Engine) routes(ctx context.Context, r store.Reader) ([]health.Route, error) {
	clock := escalation.At(ctx, r, e.Program, e.Now())
	var all []health.Route
	look := func(of string, route onus.Route) error {
		places, err := clock.Places(route)
		if err != nil {
			return err
		}
		looked := health.Route{Of: of, Nobody: true}
		for _, p := range places {
			why := p.Why
			if why == "" && !e.told(p.Mail) {
				why = "has no channel"
			}
			if why == "" {
				looked.Nobody = false
				continue
			}
			if p.Mail != "" && p.Mail != p.Entry {
				why = p.Mail + " " + why
			}
			looked.Holes = append(looked.Holes, health.Place{Entry: p.Entry, Why: why})
		}
		all = append(all, looked)
		return nil
	}
	p := e.Program
	for _, name := range slices.Sorted(maps.Keys(p.Workflows)) {
		wf := p.Workflows[name]
		for _, c := range append([]onus.Category{"default"}, slices.Sorted(maps.Keys(wf.Exceptions))...) {
			if err := look(fmt.Sprintf("workflow %s, %s", name, c), planning.RouteFor(p, wf, c, "")); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Sources)) {
		if err := look("source "+string(name), p.Sources[name].Route); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Systems)) {
		if err := look("system "+string(name), p.Systems[name].Route); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// told says whether a channel tells somebody of an exception. Where none is
// defined at all, people look for themselves.
func (e *Engine) told(mail string) bool {
	n := e.Program.Organisation.Notify
	return len(n.Channels) == 0 || len(n.Reaches(mail, "exception.opened")) > 0
}

// defectGroup begins the group of the exceptions about the exception path.
const defectGroup = "process defect: "

// WatchPath opens an exception of the workflow owner where the exception path
// has become the production path, once in the time that is looked at, and
// closes it when the share has fallen. What was set out to do is counted only
// where there are exceptions enough for it to matter.
func (e *Engine) WatchPath(ctx context.Context) error {
	spans := map[time.Duration][]*flow.Workflow{}
	for _, wf := range e.Program.Workflows {
		if wf.Production.Over > 0 {
			spans[wf.Production.Over] = append(spans[wf.Production.Over], wf)
		}
	}
	for over, workflows := range spans {
		var f health.Facts
		err := e.Store.View(ctx, func(r store.Reader) (err error) {
			if f, err = e.metExceptions(ctx, r, over); err != nil {
				return err
			}
			if !slices.ContainsFunc(workflows, func(wf *flow.Workflow) bool { return countOf(f.Exceptions, wf.Name) >= wf.Production.Least }) {
				return nil
			}
			return setOut(ctx, r, &f)
		})
		if err != nil {
			return err
		}
		found := health.Compute(f).Workflows
		for _, wf := range workflows {
			i := slices.IndexFunc(found, func(w health.Workflow) bool { return w.Workflow == wf.Name })
			if i >= 0 && found[i].IsProduction(wf.Production.Percent, wf.Production.Least) {
				err = e.openDefect(ctx, wf, found[i])
			} else {
				err = e.clearGroup(ctx, defectGroup+string(wf.Name))
			}
			if err != nil {
				return err
			}
		}
	}
	return e.watchSigns(ctx)
}

func countOf(all []onus.Exception, workflow onus.WorkflowName) (n int) {
	for _, x := range all {
		switch {
		case x.Workflow != workflow:
		case x.Batch != "" && x.Run == "": // all that a batch set out to do
			return math.MaxInt
		default:
			n++
		}
	}
	return n
}

func (e *Engine) openDefect(ctx context.Context, wf *flow.Workflow, w health.Workflow) error {
	group := defectGroup + string(wf.Name)
	return e.Store.Update(ctx, func(tx store.Tx) error {
		past, err := store.Exceptions.Find(ctx, tx, "group", group)
		if err != nil {
			return err
		}
		since := tx.Now().Add(-wf.Production.Over)
		if slices.ContainsFunc(past, func(x onus.Exception) bool { return x.State == onus.ExceptionOpen || x.Opened.After(since) }) {
			return nil
		}
		kept, err := json.Marshal(w)
		if err != nil {
			return err
		}
		causes := make([]string, 0, len(w.Causes))
		for _, c := range w.Causes {
			causes = append(causes, strings.TrimSpace(fmt.Sprintf("%d %s %s", c.Count, c.Category, c.System)))
		}
		route, own := wf.Exceptions[onus.ProcessDefect]
		if own {
			route = planning.RouteFor(e.Program, wf, onus.ProcessDefect, "")
		} else {
			route = onus.Route{To: cmp.Or(wf.Owner, wf.Controls.Exceptions), Within: 8 * time.Hour, Working: true}
			for _, mail := range []string{wf.Deputy, wf.Controls.Exceptions} {
				if mail != "" && mail != route.To {
					route.Then = append(route.Then, mail)
				}
			}
		}
		return e.open(ctx, tx, onus.Exception{
			ID: onus.ID("exc", group, store.Stamp(tx.Now())), Category: onus.ProcessDefect, Group: group, Workflow: wf.Name, Route: route, Kept: string(kept),
			Message: fmt.Sprintf("the exception path of workflow %s has become its production path: %d of %d (%d%%) ended in an exception, above %d%%; %s",
				wf.Name, w.Excepted, w.SetOut, w.Percent(), wf.Production.Percent, strings.Join(causes, ", ")),
			Hint: "put right what most of them have in common; it closes when the share has fallen",
		}, "")
	})
}
