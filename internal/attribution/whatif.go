package attribution

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// What else could have been so.
type whatIf struct {
	record   map[string]string // attributes of the record, as they should have been; "": absent
	gone     bool              // the source would not have had the record at all
	workflow map[onus.WorkflowName]int
	without  map[string]bool // IDs of exceptions and approvals whose decision was not made
	match    map[string]onus.IdentityID
	held     map[string]bool             // IDs of batches that a guard would have held
	rule     func(*flow.Rule) *flow.Rule // nil: standing rules as they were; of a rule nil: it had not been there
}

// replayed makes the plan again, under what else could have been so. A plan
// that does not come about is empty, and the sentence says why.
func (p *Past) replayed(ctx context.Context, d decision, w whatIf) (onus.Plan, string, error) {
	none := onus.Plan{Identity: d.plan.Identity, Occasion: d.plan.Occasion, Workflow: d.plan.Workflow, Version: d.plan.Version}
	m, version, f := d.moment, d.plan.Version, d.facts
	if f.Request != nil && w.without[f.Request.ID] {
		return none, "nobody had asked for it", nil
	}
	if to, asked := w.workflow[d.plan.Workflow]; asked {
		digest, err := p.programAt(ctx, d.plan.Workflow, to)
		if err != nil {
			return none, "", err
		}
		if m, err = p.moment(ctx, d.size, f.Now, digest); err != nil {
			return none, "", err
		}
		version = to
	}
	if len(w.match) > 0 {
		rematch(&f, w.match)
	}
	if d.amends.ID != "" && w.without[d.amends.Object.ID] {
		after := onus.Attributes{}
		maps.Copy(after, f.Occasion.After)
		for k := range d.amended {
			delete(after, k)
			if v := f.Identity.Attributes[k]; v != "" {
				after[k] = v
			}
		}
		f.Occasion.After = after
	}
	if len(w.record) > 0 {
		if says := corrected(&f, m.Program, w.record); says != "" {
			return none, says, nil
		}
	}
	if w.rule != nil && f.Request != nil && f.Request.Rule != "" {
		rule, answers, whyNot, err := m.CoveredBy(ctx, f.Request.ID, w.rule)
		if err != nil {
			return none, "", err
		}
		if rule == "" {
			return none, "no standing rule covers it: " + whyNot, nil
		}
		req := *f.Request
		req.Rule, req.Answers, f.Request = rule, answers, &req
	}
	if w.rule != nil && f.Occasion.Kind == onus.Ruled {
		if rule := m.Program.Rules[d.plan.Changes[0].Standing]; rule != nil && w.rule(rule) == nil {
			return none, "standing rule " + rule.Name + " had not been there", nil
		}
	}
	plan, ours, err := m.Ours(ctx, f, engine.Anew{Version: version, Former: d.former, Cannot: d.made.Notes["cannot"]})
	if err != nil || ours {
		return plan, "", err
	}
	wf := m.Program.Workflows[d.plan.Workflow]
	if wf == nil {
		return none, fmt.Sprintf("workflow %s is not in those definitions", d.plan.Workflow), nil
	}
	if !d.known {
		return planning.Expire(m.Program, wf, version, f), "", nil
	}
	wants, err := planning.Wants(wf, f)
	if err != nil {
		return none, fmt.Sprintf("workflow %s stops: %v", wf.Name, err), nil
	}
	if !wants {
		return none, fmt.Sprintf("workflow %s is not for that occasion", wf.Name), nil
	}
	plan, refusal := planning.Plan(m.Program, wf, version, f)
	if refusal != nil {
		return none, "it stops as an exception: " + refusal.Message, nil
	}
	return plan, "", nil
}

func (p *Past) programAt(ctx context.Context, name onus.WorkflowName, version int) (onus.Digest, error) {
	all, err := p.workflow(ctx, name)
	if err != nil {
		return "", err
	}
	for _, v := range all {
		if v.Version == version {
			return v.Program, nil
		}
	}
	return "", onus.Errorf(onus.NotFound, fmt.Sprintf("%s has %d versions", name, len(all)), "workflow %s never had a version %d", name, version)
}

// rematch gives accounts to other identities, with the grants on them.
func rematch(f *planning.Facts, to map[string]onus.IdentityID) {
	elsewhere := func(system onus.SystemName, ref onus.AccountRef) bool {
		id, asked := to[store.AccountID(system, ref)]
		return asked && id != f.Identity.ID
	}
	f.Accounts = slices.DeleteFunc(slices.Clone(f.Accounts), func(a onus.Account) bool { return elsewhere(a.System, a.Ref) })
	f.Grants = slices.DeleteFunc(slices.Clone(f.Grants), func(g onus.Grant) bool { return elsewhere(g.System, g.Account) })
}

// corrected puts the record right in an occasion and in the identity, and
// works out anew what sort of occasion it is. It says why none arises, if so.
func corrected(f *planning.Facts, p *flow.Program, record map[string]string) string {
	after, own := onus.Attributes{}, onus.Attributes{}
	maps.Copy(after, f.Occasion.After)
	maps.Copy(own, f.Identity.Attributes)
	for k, v := range record {
		if v == "" {
			delete(after, k)
			delete(own, k)
		} else {
			after[k], own[k] = v, v
		}
	}
	if len(f.Occasion.After) > 0 {
		f.Occasion.After = after
	}
	f.Identity.Attributes = own
	src := p.Sources[f.Occasion.Source]
	if src == nil {
		return ""
	}
	roles := src.Schema.Roles
	f.Identity.Login, f.Identity.Mail = own[roles.Login], own[roles.Mail]
	switch f.Occasion.Kind {
	case onus.Moved, onus.Changed:
		var fields []string
		moved := false
		for _, a := range src.Schema.Attributes {
			if f.Occasion.Before[a.Name] != after[a.Name] {
				fields = append(fields, a.Name)
				moved = moved || slices.Contains(src.Schema.Moves, a.Name)
			}
		}
		if len(fields) == 0 {
			return "the record would not have changed, so no occasion arises"
		}
		slices.Sort(fields)
		f.Occasion.Fields, f.Occasion.Kind = fields, onus.Changed
		if moved {
			f.Occasion.Kind = onus.Moved
		}
	case onus.Departed:
		if stays(f, p, roles, own, record) {
			return "the record would not have said that they left, so no occasion arises"
		}
	case onus.Joined, onus.Returned, onus.DateArrived, onus.Reversing, onus.Requested, onus.Drifted, onus.Reviewed, onus.Ruled:
	}
	return ""
}

// stays says whether a corrected record takes somebody's leaving back.
func stays(f *planning.Facts, p *flow.Program, roles flow.Roles, own onus.Attributes, record map[string]string) bool {
	_, ends := record[roles.End]
	_, status := record[roles.Status]
	if roles.End == "" {
		ends = false
	}
	if roles.Status == "" {
		status = false
	}
	if !ends && !status {
		return false
	}
	today := f.Now.UTC()
	if p.Organisation.Zone != nil {
		today = f.Now.In(p.Organisation.Zone)
	}
	end := own[roles.End]
	over := roles.End != "" && end != "" && end < today.Format("2006-01-02")
	gone := roles.Status != "" && slices.Contains(roles.Gone, own[roles.Status])
	return !over && !gone
}
