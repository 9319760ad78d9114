package attribution

import (
	"fmt"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/lanes"
	"github.com/onus-id/onus/internal/store"
)

// lane says in which lane the objects of a kind stand.
var lane = map[string]lanes.Lane{
	store.Identities.Name: lanes.Person,
	store.Records.Name:    lanes.Record, store.Reads.Name: lanes.Record,
	store.WorkflowVersions.Name: lanes.Workflow, store.Versions.Name: lanes.Workflow, store.DefinitionSets.Name: lanes.Workflow,
	store.Changes.Name: lanes.Change,
	store.Grants.Name:  lanes.System, store.Accounts.Name: lanes.System,
}

// Graph draws an explanation in lanes: each object of the chain once, with
// the ledger entries that tell of it, and what stopped it on its way.
func (x *Explanation) Graph() *lanes.Graph {
	g := &lanes.Graph{Title: fmt.Sprintf("%s: %s", called(x.about.who), x.about.named), Desc: x.Sentence}
	duty := func(d onus.Duty) []string {
		for _, a := range x.Answers {
			if a.Duty == string(d) {
				if a.Today != "" {
					return []string{a.Mail, "today " + a.Today}
				}
				return []string{a.Mail}
			}
		}
		return nil
	}
	who := g.Add(lanes.Node{Lane: lanes.Person, Kind: store.Identities.Name, Ref: string(x.about.who.ID), Label: called(x.about.who)})
	ids := make([]string, 0, len(x.Chain))
	for _, l := range slices.Backward(x.Chain) {
		n := lanes.Node{Lane: lane[l.Kind], Kind: l.Kind, Ref: l.ID, Label: l.Kind + " " + l.ID, Says: l.Says, Entries: []int64{l.Index}}
		switch n.Lane {
		case lanes.Record:
			n.Answers = duty(onus.DataOwner)
		case lanes.System:
			n.Answers = duty(onus.SystemOwner)
		case "":
			n.Lane = lanes.Decision
		case lanes.Person, lanes.Workflow, lanes.Decision, lanes.Change:
		}
		if l.Kind == store.Changes.Name && l.ID == string(x.about.change.ID) {
			n.Label = statement(x.about.change.Planned)
		}
		ids = append(ids, g.Add(n))
	}
	// The first of a pair is the cause of the second.
	for i := 1; i < len(ids); i++ {
		g.Join(ids[i-1], ids[i], "led to")
	}
	x.decided(g, who, duty)
	return g
}

// decided adds what the chain of causes does not hold: by which version it was
// decided, what stopped it, and where it is.
func (x *Explanation) decided(g *lanes.Graph, who string, duty func(onus.Duty) []string) {
	for _, n := range g.Nodes {
		if n.Kind == store.Records.Name {
			g.Join(who, n.ID, "is recorded as")
		}
	}
	run, c := x.about.run, x.about.change
	change := store.Changes.Name + ":" + string(c.ID)
	if c.ID != "" {
		change = g.Add(lanes.Node{Lane: lanes.Change, Kind: store.Changes.Name, Ref: string(c.ID), Label: statement(c.Planned), Says: string(c.State)})
	}
	if run.ID != "" {
		by := g.Add(lanes.Node{
			Lane: lanes.Workflow, Kind: store.WorkflowVersions.Name, Ref: string(run.Workflow), Label: fmt.Sprintf("%s v%d, rule %s", run.Workflow, run.Version, c.Planned.Step),
			Says: c.Planned.Reason.Says, Answers: duty(onus.WorkflowOwner),
		})
		of := g.Add(lanes.Node{Lane: lanes.Decision, Kind: store.Runs.Name, Ref: string(run.ID), Label: "run " + string(run.ID), Says: string(run.State)})
		g.Join(by, of, "decided")
		g.Join(of, change, "")
		for _, s := range x.about.stops {
			at := g.Add(lanes.Node{Lane: lanes.Decision, Kind: s.kind, Ref: s.id, Label: s.kind + " " + s.id, Says: s.says, Answers: s.who})
			g.Join(of, at, "met")
			g.Join(at, change, "held up")
		}
	} else {
		for _, s := range x.about.stops {
			g.Add(lanes.Node{Lane: lanes.Decision, Kind: s.kind, Ref: s.id, Label: s.kind + " " + s.id, Says: s.says, Answers: s.who})
		}
	}
	if x.about.system == "" {
		return
	}
	system := g.Add(lanes.Node{Lane: lanes.System, Kind: "system", Ref: string(x.about.system), Label: string(x.about.system), Says: x.Sentence, Answers: duty(onus.SystemOwner)})
	if c.ID != "" {
		g.Join(change, system, "on")
	} else {
		for _, n := range g.Nodes {
			if n.Kind == store.Grants.Name {
				g.Join(n.ID, system, "on")
			}
		}
		g.Join(who, system, "was seen on")
	}
}
