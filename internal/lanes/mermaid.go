package lanes

import (
	"fmt"
	"strings"
	"unicode"
)

// Mermaid writes the graph as a Mermaid flowchart, one subgraph for a lane.
func (g *Graph) Mermaid() string {
	var b strings.Builder
	names := map[string]string{}
	fmt.Fprintf(&b, "flowchart LR\naccTitle: %s\naccDescr: %s\n", oneLine(g.Title), oneLine(g.Desc))
	for i, l := range All {
		nodes := g.in(l)
		if len(nodes) == 0 {
			continue
		}
		fmt.Fprintf(&b, "subgraph lane%d[\"%s\"]\n", i, l)
		for _, n := range nodes {
			names[n.ID] = fmt.Sprintf("n%d", len(names))
			parts := n.lines()
			for j, p := range parts {
				parts[j] = quoted(p)
			}
			fmt.Fprintf(&b, "  %s[\"%s\"]\n", names[n.ID], strings.Join(parts, "<br/>"))
		}
		b.WriteString("end\n")
	}
	for _, e := range g.Edges {
		from, to := names[e.From], names[e.To]
		switch {
		case from == "" || to == "":
		case e.Says == "":
			fmt.Fprintf(&b, "%s --> %s\n", from, to)
		default:
			fmt.Fprintf(&b, "%s -->|\"%s\"| %s\n", from, quoted(e.Says), to)
		}
	}
	return b.String()
}

// quoted writes a text so that Mermaid reads nothing into it: what is not a
// letter, a digit or harmless becomes an entity by its number.
func quoted(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case unicode.IsControl(r):
			b.WriteByte(' ')
		case unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" .,:/@-_=", r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}

// oneLine writes what is read to the end of its line.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case strings.ContainsRune("{}%;#<>\"`", r):
			return '\''
		}
		return r
	}, s)
}
