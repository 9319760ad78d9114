package console

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/server"
)

// An ownersView answers: what has no one, and who answers for too much?
type ownersView struct {
	Now      time.Time
	Coverage ownership.Coverage
	Gaps     []gapGroup
	Mine     []ownership.View
	Leaves   []onus.Absence
	Load     []field // who stands for how many, the most first
	Table    *table
	Map      []coveredThing
	Seen     string  // digest of the viewer's leaves
	Typed    []field // the leave that could not be recorded
	Wrong    refusal
}

// A gapGroup is what is wrong in one way.
type gapGroup struct {
	Problem ownership.Problem
	Says    string // what it means
	Gaps    []ownership.Gap
}

// problems says what each problem of coverage means.
var problems = map[ownership.Problem]string{
	ownership.Unowned: "Nobody answers: what needs the duty waits, and nothing is given.", ownership.Lapsed: "Somebody else stands, since the acceptance ended.",
	ownership.Unreachable: "The owner is not there to answer.", ownership.Declined: "The owner said no.",
	ownership.Unaccepting: "The definitions name them, and they never said yes.", ownership.Ending: "An acceptance ends soon.",
	ownership.Shallow: "Too few come after the owner.", ownership.TooMuch: "Who answers for everything answers for nothing.",
}

// A coveredThing is a row of the map: a workflow, a source, a system or
// whatever else duties are of.
type coveredThing struct {
	Name  string
	Cells []coveredDuty
	worst int
}

// A coveredDuty is a cell of the map.
type coveredDuty struct {
	ownership.Line

	Called string // the duty, with what it is of where the row does not say it
	How    string // it is covered: as a badge says it
}

// hows are the ways in which a duty is covered, the worst first.
var hows = []field{{"nobody", "nobody answers"}, {"lapsed", "somebody else stands"}, {"asked", "not accepted"}, {"accepted", "accepted"}}

// covered says how a duty is covered.
func covered(l ownership.Line) string {
	switch {
	case l.Stands == "":
		return "nobody"
	case !strings.EqualFold(l.Stands, l.Owner):
		return "lapsed"
	case !l.Accepted:
		return "asked"
	}
	return "accepted"
}

// thingOf is what a duty is of, as the map has it: the duties of one workflow
// or one system are a row.
func thingOf(l ownership.Line) string {
	parts := strings.Split(string(l.ID), "/")
	if parts[0] == "guard" && len(parts) > 2 {
		parts = parts[1:]
	}
	switch parts[0] {
	case "provisioning", "revocation", "exceptions", "designated":
		parts[0] = "workflow"
	case "entitlement":
		parts[0] = "system"
	case "preapproval":
		parts[0] = "rule"
	case "sponsor":
		return "machine " + l.Of
	}
	return strings.Join(parts[:min(2, len(parts))], " ")
}

// mapOf draws the rows of the map from the duties that the table asks for.
func mapOf(t *table, lines []ownership.Line) []coveredThing {
	at := map[string]int{}
	var all []coveredThing
	for _, l := range lines {
		c := coveredDuty{l, string(l.Duty), covered(l)}
		if _, entitlement, is := strings.Cut(l.Of, "/"); is && l.Duty == onus.EntitlementOwner {
			c.Called = "owner of " + entitlement
		}
		if t.Kind != "" && c.How != t.Kind || !t.has(string(l.ID), l.Owner, l.Stands, string(l.Duty), thingOf(l)) {
			continue
		}
		name := thingOf(l)
		i, known := at[name]
		if !known {
			i = len(all)
			at[name] = i
			all = append(all, coveredThing{Name: name, worst: len(hows)})
		}
		all[i].Cells = append(all[i].Cells, c)
		all[i].worst = min(all[i].worst, slices.IndexFunc(hows, func(f field) bool { return f.Name == c.How }))
	}
	byName := func(a, b coveredThing) int { return cmp.Compare(a.Name, b.Name) }
	by(t, all, map[string]func(a, b coveredThing) int{
		"name":  byName,
		"worst": func(a, b coveredThing) int { return cmp.Or(cmp.Compare(a.worst, b.worst), byName(a, b)) },
	})
	return cut(t, all)
}

func (h *console) owners(ctx context.Context, l look) (view, error) {
	v, err := h.ownersView(ctx, l)
	return ownersPage(v), err
}

func ownersPage(v ownersView) view {
	return view{title: "Who answers for what", command: "onus owners coverage; onus owners list", status: v.Wrong.status, body: owners(v)}
}

func (h *console) ownersView(ctx context.Context, l look) (ownersView, error) {
	a, err := h.Server.Answering(ctx, l.who.Mail)
	if err != nil {
		return ownersView{}, err
	}
	return answersFor(a, l.URL, l.now), nil
}

// answersFor is the page of who answers for what, at a time.
func answersFor(a server.Answering, address *url.URL, now time.Time) ownersView {
	t := tableOf(address, []string{"worst", "name"}, []string{"nobody", "lapsed", "asked", "accepted"})
	v := ownersView{Now: now, Coverage: a.Coverage, Mine: a.Mine, Leaves: a.Leaves, Table: &t, Map: mapOf(&t, a.Lines), Seen: string(onus.DigestOfJSON(a.Leaves))}
	for _, g := range a.Coverage.Gaps { // they come the worst first
		if n := len(v.Gaps); n == 0 || v.Gaps[n-1].Problem != g.Problem {
			v.Gaps = append(v.Gaps, gapGroup{Problem: g.Problem, Says: problems[g.Problem]})
		}
		last := &v.Gaps[len(v.Gaps)-1]
		last.Gaps = append(last.Gaps, g)
	}
	load := map[string]int{}
	for _, l := range a.Lines {
		if l.Stands != "" {
			load[l.Stands]++
		}
	}
	for mail := range load {
		v.Load = append(v.Load, field{mail, counted(load[mail], "duty")})
	}
	slices.SortFunc(v.Load, func(a, b field) int {
		return cmp.Or(cmp.Compare(load[b.Name], load[a.Name]), cmp.Compare(a.Name, b.Name))
	})
	v.Load = v.Load[:min(len(v.Load), mostLoad)]
	return v
}

// mostGaps is how many gaps of one kind a page lists.
const mostGaps = 20

// mostLoad is of how many people a page shows what they carry.
const mostLoad = 10

// leave records a leave of whoever looks, or ends their leaves.
func (h *console) leave(ctx context.Context, l look) (view, error) {
	v, err := h.ownersView(ctx, l)
	if err != nil {
		return view{}, err
	}
	if err := l.ParseForm(); err != nil {
		return view{}, onus.Errorf(onus.Invalid, "send it again", "the form could not be read")
	}
	from, until := l.PostForm.Get("from"), l.PostForm.Get("until")
	switch act := l.PostForm.Get("act"); {
	case l.PostForm.Get("seen") != v.Seen:
		err = onus.Errorf(onus.Conflict, "this is how it is now; nothing was recorded", "your leaves changed while you looked at them")
	case act == "away":
		_, err = h.Server.Away(ctx, l.who.actor(), l.who.Mail, from, until)
	case act == "back":
		_, err = h.Server.Back(ctx, l.who.actor(), l.who.Mail)
	default:
		err = onus.Errorf(onus.Invalid, "away or back", "nobody knows how to %q", act)
	}
	if err == nil {
		return view{goTo: "/owners"}, nil
	}
	if v.Wrong = refusalOf(err); v.Wrong.status == 0 {
		return view{}, err
	}
	v.Typed = []field{{"from", from}, {"until", until}}
	return ownersPage(v), nil
}

// said is the value of the field of a name.
func said(fields []field, name string) string {
	for _, f := range fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// dutyPath is the page of a duty.
func dutyPath(id onus.DutyID) string { return "/duty?id=" + url.QueryEscape(string(id)) }

// standing says in a few words who stands for a duty, and until when.
func standing(l ownership.Line) string {
	switch {
	case l.Stands == "" && l.Asked != "":
		return "nobody; " + l.Asked + " is asked"
	case l.Stands == "":
		return "nobody, and nobody is left to ask"
	case l.As == ownership.AsOwner:
		return l.Stands
	}
	return fmt.Sprintf("%s, %s", l.Stands, l.As)
}
