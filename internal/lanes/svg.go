package lanes

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The measures of a drawing, in its own units.
const (
	laneWidth  = 240
	boxWidth   = 208
	gap        = 16
	lineHeight = 16
	header     = 40
	mostRunes  = 30 // that fit on a line of a box
	mostLines  = 3  // of one text; the whole stands in the box's title
)

type box struct{ x, y, h int }

// SVG draws the graph. Href gives where a node leads, and "" for nowhere; nil
// is a drawing without links. It has a title and a description for whoever
// cannot see it, colours that follow the reader's scheme, and no script.
func (g *Graph) SVG(href func(Node) string) string { return g.drawn(href, style) }

// Inline is SVG for a page that brings the colours itself, for the classes
// lane, head, box, more, edge and tip.
func (g *Graph) Inline(href func(Node) string) string { return g.drawn(href, "") }

func (g *Graph) drawn(href func(Node) string, style string) string {
	boxes := map[string]box{}
	height := header
	for i, l := range All {
		y := header
		for _, n := range g.in(l) {
			h := lineHeight*len(wrapped(n)) + gap
			boxes[n.ID] = box{i*laneWidth + gap, y, h}
			y += h + gap
		}
		height = max(height, y)
	}
	var b strings.Builder
	width := laneWidth * len(All)
	role := "img"
	if href != nil {
		role = "group" // what is within an img, readers of screens do not reach
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="%s" aria-labelledby="lanes-title lanes-desc" font-family="system-ui, sans-serif" font-size="12">`+"\n", width, height, width, height, role)
	fmt.Fprintf(&b, "<title id=\"lanes-title\">%s</title>\n<desc id=\"lanes-desc\">%s</desc>\n", escaped(g.Title), escaped(g.Desc))
	b.WriteString(style)
	b.WriteString(`<defs><marker id="lanes-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>` + "\n")
	for i, l := range All {
		if i%2 == 0 {
			fmt.Fprintf(&b, `<rect class="lane" x="%d" y="0" width="%d" height="%d"/>`+"\n", i*laneWidth, laneWidth, height)
		}
		fmt.Fprintf(&b, `<text class="head" x="%d" y="24">%s</text>`+"\n", i*laneWidth+gap, l)
	}
	for _, e := range g.Edges {
		from, known := boxes[e.From]
		to, there := boxes[e.To]
		if known && there {
			fmt.Fprintf(&b, `<path class="edge" d="%s" marker-end="url(#lanes-tip)"><title>%s</title></path>`+"\n", line(from, to), escaped(e.Says))
		}
	}
	for _, n := range g.Nodes {
		if at, known := boxes[n.ID]; known {
			draw(&b, n, at, href)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

const style = `<style>
.lane{fill:light-dark(#f4f4f2,#242422)} .head{fill:light-dark(#555,#bbb);font-weight:600}
.box{fill:light-dark(#fff,#1b1b1a);stroke:light-dark(#888,#888)} text{fill:light-dark(#111,#eee)}
.more{fill:light-dark(#555,#bbb)} .edge{fill:none;stroke:light-dark(#777,#999)} .tip{fill:light-dark(#777,#999)}
a:focus .box,a:hover .box{stroke-width:2;stroke:light-dark(#0b5,#4d8)}
</style>
`

// line goes from the right side of a box to the left side of one in a later
// lane, and from bottom to top within a lane.
func line(from, to box) string {
	switch {
	case from.x < to.x:
		x1, y1, x2, y2 := from.x+boxWidth, from.y+from.h/2, to.x, to.y+to.h/2
		return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1+gap, y1, x2-gap, y2, x2, y2)
	case from.x > to.x:
		x1, y1, x2, y2 := from.x, from.y+from.h/2, to.x+boxWidth, to.y+to.h/2
		return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1-gap, y1, x2+gap, y2, x2, y2)
	case from.y < to.y:
		return fmt.Sprintf("M%d %dL%d %d", from.x+boxWidth/2, from.y+from.h, to.x+boxWidth/2, to.y)
	default:
		return fmt.Sprintf("M%d %dL%d %d", from.x+boxWidth/2, from.y, to.x+boxWidth/2, to.y+to.h)
	}
}

func draw(b *strings.Builder, n Node, at box, href func(Node) string) {
	link := ""
	if href != nil {
		link = safe(href(n))
	}
	if link != "" {
		fmt.Fprintf(b, `<a href="%s">`, escaped(link))
	}
	fmt.Fprintf(b, `<g><title>%s</title><rect class="box" x="%d" y="%d" width="%d" height="%d" rx="4"/>`,
		escaped(strings.Join(append(n.lines(), n.Says), "\n")), at.x, at.y, boxWidth, at.h)
	for i, text := range wrapped(n) {
		class := ""
		if i >= len(fold(n.Label)) {
			class = ` class="more"`
		}
		fmt.Fprintf(b, `<text%s x="%d" y="%d">%s</text>`, class, at.x+8, at.y+20+i*lineHeight, escaped(text))
	}
	b.WriteString("</g>")
	if link != "" {
		b.WriteString("</a>")
	}
	b.WriteString("\n")
}

func wrapped(n Node) []string {
	var all []string //nolint:prealloc // how many a text folds to is not known before
	for _, l := range n.lines() {
		all = append(all, fold(l)...)
	}
	return all
}

// fold breaks a text into lines that fit, at spaces where there are any.
func fold(s string) []string {
	var all []string
	for rest := strings.Join(strings.Fields(s), " "); rest != "" || len(all) == 0; {
		if utf8.RuneCountInString(rest) <= mostRunes {
			return append(all, rest)
		}
		if len(all) == mostLines-1 {
			return append(all, string([]rune(rest)[:mostRunes-1])+"…")
		}
		runes := []rune(rest)
		cut := mostRunes
		for i := mostRunes; i > mostRunes/2; i-- {
			if runes[i] == ' ' {
				cut = i
				break
			}
		}
		all = append(all, string(runes[:cut]))
		rest = strings.TrimLeft(string(runes[cut:]), " ")
	}
	return all
}

// safe lets a link lead to a page of ours or over HTTP, and nowhere else.
func safe(link string) string {
	scheme, _, has := strings.Cut(link, ":")
	if has && !strings.ContainsAny(scheme, "/?#") && !slices.Contains([]string{"http", "https"}, strings.ToLower(scheme)) {
		return ""
	}
	return link
}

// escaped writes a text for XML, without what XML has no place for.
func escaped(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteByte('\n')
		case r == utf8.RuneError || unicode.IsControl(r) || r == 0xFFFE || r == 0xFFFF:
			b.WriteRune(utf8.RuneError)
		case strings.ContainsRune(`<>&"'`, r):
			b.WriteString("&#" + strconv.Itoa(int(r)) + ";")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
