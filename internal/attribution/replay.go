package attribution

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// A WhatIf says what else could have been so when a decision was made. Empty:
// nothing else.
type WhatIf struct {
	Record   map[string]string // record.FIELD → the value that it should have had; empty: none
	Workflow string            // NAME@VERSION
	Without  []string          // IDs of exceptions and approvals, as if nobody had decided them
	Match    map[string]string // SYSTEM/REF of an account → whose it should have been, as FindIdentity takes them
	Rules    []string          // NAME=none: as if a standing rule had not been there; NAME.BOUND=VALUE: with another bound
}

// Any says whether anything is to be other than it was.
func (w WhatIf) Any() bool {
	return len(w.Record)+len(w.Without)+len(w.Match)+len(w.Rules) > 0 || w.Workflow != ""
}

// A Replay is a recorded decision, made again from the ledger alone.
type Replay struct {
	Run      onus.RunID        `json:"run"`
	Identity string            `json:"identity"`
	Workflow onus.WorkflowName `json:"workflow"`
	Version  int               `json:"version"`
	Recorded onus.Digest       `json:"recorded"`          // of the plan that was carried out
	Again    onus.Digest       `json:"again,omitempty"`   // of the plan made again; empty: none could be
	Same     bool              `json:"same"`              // bit for bit
	Missing  []string          `json:"missing,omitempty"` // what it would need and the ledger does not have
	Instead  string            `json:"instead,omitempty"` // why no plan comes about
	Changes  []string          `json:"changes"`           // of the plan made again
	Differs  []string          `json:"differs,omitempty"` // from the recorded plan
	Cites    []onus.Citation   `json:"cites"`             // the entries that it rests on
	WhatIf   *WhatIf           `json:"what_if,omitempty"` // nil: as it was
}

// Replay makes the decision of a run again.
func (p *Past) Replay(ctx context.Context, id string, w WhatIf) (Replay, error) {
	run, known, err := store.Runs.Lookup(ctx, p.r, id)
	if err != nil {
		return Replay{}, err
	}
	if !known {
		return Replay{}, onus.Errorf(onus.NotFound, "onus explain names the run that gave something; onus log --kind run lists them", "there is no run %s", id)
	}
	rep := Replay{Run: run.ID, Identity: p.called(ctx, run.Identity), Workflow: run.Workflow, Version: run.Version, Recorded: run.Plan}
	d, err := p.decisionOf(ctx, run)
	if says, lacks := notThere(err); lacks {
		rep.Missing = append(rep.Missing, says)
		return rep, nil
	}
	if err != nil {
		return rep, err
	}
	rep.Cites = []onus.Citation{d.made.citation(), d.created.citation()}
	otherwise, err := p.parse(ctx, d, w)
	if err != nil {
		return rep, err
	}
	plan, instead, err := p.replayed(ctx, d, otherwise)
	if says, lacks := notThere(err); lacks {
		rep.Missing = append(rep.Missing, says)
		return rep, nil
	}
	if err != nil {
		return rep, err
	}
	if instead == "" {
		rep.Again = plan.Digest
	}
	for _, id := range w.Without {
		if instead == "" {
			if plan, instead, err = p.undecided(ctx, d, plan, id); err != nil {
				return rep, err
			}
		}
	}
	rep.Instead, rep.Changes, rep.Differs = instead, lines(plan), planning.Diff(d.plan, plan)
	if len(rep.Differs) > 0 && rep.Again == d.plan.Digest {
		rep.Again = "" // the plan is the same, and not all of it would have been carried out
	}
	rep.Same = rep.Again == d.plan.Digest
	if w.Any() {
		rep.WhatIf = &w
		return rep, nil
	}
	if !rep.Same {
		rep.Missing = append(rep.Missing, differing(d.plan, plan))
	}
	return rep, nil
}

// differing says why a plan made again is not the recorded one.
func differing(was, again onus.Plan) string {
	if was.Facts != again.Facts {
		return "the facts as the ledger has them are not those that the plan was made on: their digest differs"
	}
	return "the facts are the same, and this version of Onus plans otherwise on them"
}

// parse turns what else could have been so from words into what replays take.
func (p *Past) parse(ctx context.Context, d decision, w WhatIf) (whatIf, error) {
	out := whatIf{record: w.Record, without: map[string]bool{}, match: map[string]onus.IdentityID{}}
	src := d.moment.Program.Sources[d.facts.Occasion.Source]
	for field := range w.Record {
		if src == nil || src.Schema.Attribute(field) == nil {
			return out, onus.Errorf(onus.Invalid, "onus explain shows the record as it was read", "the record that run %s was planned on has no field %s", d.run.ID, field)
		}
	}
	if w.Workflow != "" {
		name, number, ok := strings.Cut(w.Workflow, "@")
		version, err := strconv.Atoi(strings.TrimPrefix(number, "v"))
		if !ok || err != nil {
			return out, onus.Errorf(onus.Invalid, "as in --workflow joiner@2", "%q is no version of a workflow", w.Workflow)
		}
		if onus.WorkflowName(name) != d.plan.Workflow {
			return out, onus.Errorf(onus.Invalid, fmt.Sprintf("name a version of %s", d.plan.Workflow), "run %s is of workflow %s, not of %s", d.run.ID, d.plan.Workflow, name)
		}
		out.workflow = map[onus.WorkflowName]int{d.plan.Workflow: version}
	}
	for _, id := range w.Without {
		out.without[id] = true
	}
	if len(w.Rules) > 0 {
		switch {
		case d.plan.Workflow.ByRule():
			if slices.ContainsFunc(w.Rules, func(how string) bool { return !strings.HasSuffix(how, "=none") }) {
				return out, onus.Errorf(onus.Invalid, "--rule NAME=none", "a step of a standing rule can only be made again as if its rule had not been there")
			}
		case d.facts.Request == nil || d.facts.Request.Rule == "":
			return out, onus.Errorf(onus.Invalid, "onus emergency list shows what standing rules gave", "run %s rests on no standing rule", d.run.ID)
		}
		var err error
		if out.rule, err = ruleOtherwise(d.moment.Program, w.Rules); err != nil {
			return out, err
		}
	}
	for account, who := range w.Match {
		if _, known, err := p.history.At(d.size).Get(ctx, store.Accounts.Name, account); err != nil || !known {
			if err == nil {
				err = onus.Errorf(onus.NotFound, "name it by SYSTEM/REF", "there was no account %s", account)
			}
			return out, err
		}
		i, err := FindIdentity(ctx, p.r, who)
		if err != nil {
			return out, err
		}
		out.match[account] = i.ID
	}
	return out, nil
}

// undecided takes from a plan what would not have been carried out without
// one decision of a person: an approval's changes, all of a batch, a read or a
// run that somebody let go, or what a standing rule gave.
func (p *Past) undecided(ctx context.Context, d decision, plan onus.Plan, id string) (onus.Plan, string, error) {
	if onus.IsEmergency(id) { // of its own it does not come here: nobody had called it
		return plan, "", onus.Errorf(onus.Invalid, "", "run %s gave nothing of emergency %s", d.run.ID, id)
	}
	a, known, err := store.Approvals.Lookup(ctx, p.r, id)
	if err != nil {
		return plan, "", err
	}
	if known {
		if a.Run != d.run.ID {
			return plan, "", onus.Errorf(onus.Invalid, "", "approval %s is about run %s", id, a.Run)
		}
		plan.Changes = slices.DeleteFunc(slices.Clone(plan.Changes), func(c onus.PlannedChange) bool {
			return slices.ContainsFunc(a.Changes, func(of onus.ChangeID) bool {
				i := slices.IndexFunc(d.plan.Changes, func(was onus.PlannedChange) bool { return was.Step == c.Step && was.Target == c.Target })
				return i >= 0 && store.ChangeID(d.run.ID, i) == of
			})
		})
		return plan, "", nil
	}
	x, known, err := store.Exceptions.Lookup(ctx, p.r, id)
	if err != nil {
		return plan, "", err
	}
	if !known {
		return plan, "", onus.Errorf(onus.NotFound, "onus exceptions list --all shows them", "there is no exception and no approval %s", id)
	}
	none := plan
	none.Changes = nil
	switch {
	case x.Batch != "" && x.Batch == d.run.Batch:
		return none, "its batch stays held", nil
	case x.Read != "" && p.sameRead(ctx, x.Read, d.facts.Occasion.Read):
		return none, "the read stays held", nil
	case x.ID == d.amends.Object.ID && d.amends.ID != "":
		return plan, "", nil // what was amended is not, already
	}
	return plan, "", onus.Errorf(onus.Invalid, "", "run %s does not rest on what was decided about %s", d.run.ID, id)
}

func (p *Past) called(ctx context.Context, id onus.IdentityID) string {
	who, known, err := store.Identities.Lookup(ctx, p.r, string(id))
	if err != nil || !known {
		return string(id)
	}
	return called(who)
}
