// Package lanes draws how access came about: a person, the record of them,
// the workflow that looked at it, what was decided, what was changed, and
// where. It is pure, and knows nothing of where a graph comes from; package
// attribution makes one of an explanation.
package lanes

import (
	"fmt"
	"slices"
)

// A Lane is one column of a graph; causes stand to the left of effects.
type Lane string

// The lanes, from left to right.
const (
	Person   Lane = "person"
	Record   Lane = "source record"
	Workflow Lane = "workflow version"
	Decision Lane = "decision"
	Change   Lane = "change"
	System   Lane = "system"
)

// All lists the lanes from left to right.
var All = []Lane{Person, Record, Workflow, Decision, Change, System}

// A Graph is what led to what.
type Graph struct {
	Title string `json:"title"`
	Desc  string `json:"desc"` // the whole in words, for whoever cannot see it
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges"`
}

// A Node is one object, with all that the ledger says of its part.
type Node struct {
	ID      string   `json:"id"`   // within the graph
	Lane    Lane     `json:"lane"` // in which it stands
	Kind    string   `json:"kind"` // of the object, for a link to it
	Ref     string   `json:"ref"`  // the object's ID
	Label   string   `json:"label"`
	Says    string   `json:"says,omitempty"`
	Answers []string `json:"answers,omitempty"` // who answers for it
	Entries []int64  `json:"entries,omitempty"` // numbers of ledger entries, oldest first
}

// An Edge says that one node led to another.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
	Says string `json:"says,omitempty"`
}

// Add puts a node into the graph; of one that is there it adds what is new.
func (g *Graph) Add(n Node) string {
	if n.ID == "" {
		n.ID = n.Kind + ":" + n.Ref
	}
	i := slices.IndexFunc(g.Nodes, func(o Node) bool { return o.ID == n.ID })
	if i < 0 {
		g.Nodes = append(g.Nodes, n)
		i = len(g.Nodes) - 1
		n.Entries = nil
	}
	have := &g.Nodes[i]
	if have.Says == "" {
		have.Says = n.Says
	}
	for _, a := range n.Answers {
		if !slices.Contains(have.Answers, a) {
			have.Answers = append(have.Answers, a)
		}
	}
	have.Entries = append(have.Entries, n.Entries...)
	slices.Sort(have.Entries)
	have.Entries = slices.Compact(have.Entries)
	return n.ID
}

// Join says that one node led to another, once.
func (g *Graph) Join(from, to, says string) {
	if from == "" || to == "" || from == to {
		return
	}
	if !slices.ContainsFunc(g.Edges, func(e Edge) bool { return e.From == from && e.To == to }) {
		g.Edges = append(g.Edges, Edge{from, to, says})
	}
}

// in gives the nodes of a lane, as they were added.
func (g *Graph) in(l Lane) []Node {
	var found []Node
	for _, n := range g.Nodes {
		if n.Lane == l {
			found = append(found, n)
		}
	}
	return found
}

// lines are what a node says of itself, the label first.
func (n Node) lines() []string {
	all := []string{n.Label}
	for _, a := range n.Answers {
		all = append(all, "answers: "+a)
	}
	switch len(n.Entries) {
	case 0:
	case 1:
		all = append(all, fmt.Sprintf("ledger #%d", n.Entries[0]))
	default:
		all = append(all, fmt.Sprintf("ledger #%d to #%d", n.Entries[0], n.Entries[len(n.Entries)-1]))
	}
	return all
}
