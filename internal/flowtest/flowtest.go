// Package flowtest carries out the tests that stand beside workflows: each
// case gives a record, what is known around it and a frozen now, and says
// what must come of it. The plan is made by package planning, the very code
// that plans live data. Reading the files is left to package flow, showing
// the results to the CLI.
package flowtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
)

// A Result is what came of one case.
type Result struct {
	File     string            `json:"file"`
	Line     int               `json:"line"`
	Workflow onus.WorkflowName `json:"workflow,omitempty"`
	Rule     string            `json:"rule,omitempty"` // a standing rule, in place of a workflow
	Case     string            `json:"case"`
	Problems []string          `json:"problems,omitempty"` // how it is not as expected; none: it passed
	Changes  []string          `json:"changes,omitempty"`  // what the plan would do to systems, in its order
	Refusal  *planning.Refusal `json:"refusal,omitempty"`  // or why there is no plan
	To       string            `json:"to,omitempty"`       // whom the refusal goes to
}

// Passed says whether the case came out as expected.
func (r *Result) Passed() bool { return len(r.Problems) == 0 }

// Run carries out every case, in the order of the files. What only moves our
// records is no change here: a test says what happens on systems.
func Run(p *flow.Program, files []flow.TestFile) []Result {
	var results []Result
	for i := range files {
		for k := range files[i].Cases {
			results = append(results, run(p, &files[i], &files[i].Cases[k]))
		}
	}
	return results
}

func run(p *flow.Program, file *flow.TestFile, c *flow.TestCase) Result {
	r := Result{File: file.File, Line: c.Line, Workflow: file.Workflow, Rule: file.Rule, Case: c.Name}
	if file.Rule != "" {
		r.rule(p, file, c)
		return r
	}
	wf := p.Workflows[file.Workflow]
	if wf == nil {
		r.problem("there is no workflow %s", file.Workflow)
		return r
	}
	source := p.Sources[wf.Source]
	if source == nil {
		r.problem("workflow %s reads source %s, which is not there", wf.Name, wf.Source)
		return r
	}
	for _, record := range []onus.Attributes{c.Record, c.Before} {
		for _, name := range unknown(source, record) {
			r.problem("source %s has no attribute %s", source.Name, name)
		}
	}
	for _, name := range systems(c) {
		if p.Systems[name] == nil {
			r.problem("there is no system %s", name)
		}
	}
	if !r.Passed() {
		return r
	}
	f := facts(p, source, file.Now, c)
	wanted, err := planning.Wants(wf, f)
	switch {
	case err != nil:
		r.Refusal = &planning.Refusal{Category: onus.Unresolvable, Message: err.Error(), Hint: onus.HintOf(err)}
	case wanted:
		var plan onus.Plan
		if plan, r.Refusal = planning.Plan(p, wf, 1, f); r.Refusal == nil {
			for i := range plan.Changes {
				if !plan.Changes[i].WarrantOnly {
					r.Changes = append(r.Changes, planning.Describe(plan.Changes[i]))
				}
			}
		}
	}
	if r.Refusal != nil {
		r.To = planning.RouteFor(p, wf, r.Refusal.Category, r.Refusal.System).To
	}
	r.judge(c.Expect, wanted)
	return r
}

func (r *Result) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// judge compares what came with what was expected.
func (r *Result) judge(e flow.Expectation, wanted bool) {
	if e.Exception != "" {
		r.judgeException(e)
		return
	}
	if r.Refusal != nil {
		r.problem("it stops with %s, to %s: %s", r.Refusal.Category, r.To, r.Refusal.Message)
		return
	}
	if e.Nothing {
		for _, c := range r.Changes {
			r.problem("nothing was expected, and there is: %s", c)
		}
		return
	}
	if !wanted {
		r.problem("the workflow is not for this occasion: its when does not hold")
	}
	missing, extra := less(e.Changes, r.Changes), less(r.Changes, e.Changes)
	for _, c := range missing {
		r.problem("missing: %s", c)
	}
	for _, c := range extra {
		r.problem("not expected: %s", c)
	}
	if len(missing)+len(extra) == 0 && !slices.Equal(e.Changes, r.Changes) {
		r.problem("the order is another: %s", strings.Join(r.Changes, "; "))
	}
}

func (r *Result) judgeException(e flow.Expectation) {
	switch {
	case r.Refusal == nil && len(r.Changes) == 0:
		r.problem("an exception %s was expected, and nothing happens", e.Exception)
	case r.Refusal == nil:
		r.problem("an exception %s was expected, and there is a plan: %s", e.Exception, strings.Join(r.Changes, "; "))
	case r.Refusal.Category != e.Exception:
		r.problem("the exception is %s, expected %s: %s", r.Refusal.Category, e.Exception, r.Refusal.Message)
	case e.To != "" && !strings.EqualFold(e.To, r.To):
		r.problem("the exception goes to %s, expected %s", r.To, e.To)
	}
}

// less gives what a has more often than b, in a's order.
func less(a, b []string) []string {
	left := slices.Clone(b)
	var out []string
	for _, s := range a {
		if i := slices.Index(left, s); i >= 0 {
			left = slices.Delete(left, i, i+1)
		} else {
			out = append(out, s)
		}
	}
	return out
}

func unknown(source *flow.Source, record onus.Attributes) []string {
	var names []string
	for name := range record {
		if source.Schema.Attribute(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// systems gives the systems that the case says something is on.
func systems(c *flow.TestCase) []onus.SystemName {
	names := make([]onus.SystemName, 0, len(c.Accounts)+len(c.Holds))
	for _, a := range c.Accounts {
		names = append(names, a.System)
	}
	for _, h := range c.Holds {
		names = append(names, h.System)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// since is when what a case holds was given: long enough before its now that
// the moment matters to nothing.
const since = -30 * 24 * time.Hour
