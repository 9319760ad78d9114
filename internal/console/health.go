package console

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/health"
	"github.com/onus-id/onus/internal/server"
)

// A healthView answers: would a page reach somebody now, and do people look
// before they decide?
type healthView struct {
	Now       time.Time
	Days      int
	All       bool
	Workflows []pathView
	Others    []health.Route // of sources and systems, with somebody who cannot be reached
	Unsent    []onus.Notice
	Practice  string
	People    []shortcutView
	Pairs     []health.Pair
	Signs     []health.Defect
	Wrong     refusal
}

// A pathView is the exception path of one workflow.
type pathView struct {
	Name    onus.WorkflowName
	Reaches string // as a badge says it
	Holes   []health.Route
	Drill   bool // whoever looks may page it for practice
	Facts   []field
}

// A shortcutView is what somebody decided, and how.
type shortcutView struct {
	Who string
	health.Shortcuts
}

// reaches are how a route stands, the worst first.
var reaches = []field{{"nobody", "reaches nobody"}, {"lapsed", "somebody cannot be reached"}, {"good", "reaches somebody"}}

// spans are over how many days the page can look back.
var spans = []int{7, 30, 90, 365}

func (h *console) health(ctx context.Context, l look) (view, error) {
	v, err := h.healthView(ctx, l)
	return healthPage(v), err
}

func healthPage(v healthView) view {
	return view{title: "The exception path", command: fmt.Sprintf("onus health --days %d", v.Days), status: v.Wrong.status, still: true, body: exceptionPath(v)}
}

func (h *console) healthView(ctx context.Context, l look) (healthView, error) {
	days, err := strconv.Atoi(cmp.Or(l.URL.Query().Get("days"), "30"))
	if err != nil || !slices.Contains(spans, days) {
		days = 30
	}
	rep, err := h.Server.HealthFor(ctx, l.who.Mail, time.Duration(days)*24*time.Hour)
	return healthOf(rep, days, l.now), err
}

// healthOf is the page of how the exception path does, at a time.
func healthOf(rep server.HealthView, days int, now time.Time) healthView {
	v := healthView{Now: now, Days: days, All: rep.All, Unsent: rep.Unsent, Practice: took(rep.Practice), Pairs: rep.Pairs, Signs: rep.Signs}
	holes := map[onus.WorkflowName][]health.Route{}
	for _, r := range rep.Routes {
		if of := server.RouteWorkflow(r.Of); of != "" {
			holes[of] = append(holes[of], r)
		} else {
			v.Others = append(v.Others, r)
		}
	}
	for _, name := range rep.Workflows {
		p := pathView{Name: name, Reaches: "good", Holes: holes[name], Drill: slices.Contains(rep.Drills, name)}
		for _, r := range p.Holes {
			if p.Reaches == "good" {
				p.Reaches = "lapsed"
			}
			if r.Nobody {
				p.Reaches = "nobody"
			}
		}
		if i := slices.IndexFunc(rep.Report.Workflows, func(w health.Workflow) bool { return w.Workflow == name }); i >= 0 {
			p.Facts = pathFacts(&rep.Report.Workflows[i])
			v.People = append(v.People, shortcutView{"workflow " + string(name), rep.Report.Workflows[i].Shortcuts})
		}
		v.Workflows = append(v.Workflows, p)
	}
	slices.SortStableFunc(v.Workflows, func(a, b pathView) int {
		worse := func(p pathView) int {
			return slices.IndexFunc(reaches, func(f field) bool { return f.Name == p.Reaches })
		}
		return worse(a) - worse(b)
	})
	for _, p := range rep.People {
		v.People = append(v.People, shortcutView{cmp.Or(p.Person, "nobody known"), p.Shortcuts})
	}
	return v
}

func pathFacts(w *health.Workflow) []field {
	all := []field{ //nolint:prealloc // a few fields of a page
		{"Met an exception", fmt.Sprintf("%d of %d, %d%%", w.Excepted, w.SetOut, w.Percent())},
		{"Open now", strconv.Itoa(w.Open)},
		{"Acknowledged in", took(w.Acknowledge)},
		{"Resolved in", took(w.Resolve)},
	}
	for _, c := range w.Causes[:min(len(w.Causes), mostCauses)] {
		all = append(all, field{string(c.Category) + " " + string(c.System), counted(c.Count, "time")})
	}
	return filled(all...)
}

// mostCauses is how many causes of a workflow's exceptions a page shows.
const mostCauses = 3

// took says how long something took; empty: it never happened.
func took(t health.Times) string {
	if t.Of == 0 {
		return ""
	}
	return fmt.Sprintf("%s, %s at most for 95%%", span(t.P50), span(t.P95))
}

// practise pages the route of a workflow for practice.
func (h *console) practise(ctx context.Context, l look) (view, error) {
	if err := l.ParseForm(); err != nil {
		return view{}, onus.Errorf(onus.Invalid, "send it again", "the form could not be read")
	}
	name := l.PostForm.Get("workflow")
	if err := h.mayLook(ctx, l, server.Ref{Kind: "workflow", ID: name}); err != nil {
		return view{}, err
	}
	x, err := h.Server.PractiseRoute(ctx, onus.WorkflowName(name), "default", l.who.actor(), l.who.Mail)
	if err == nil {
		return view{goTo: "/exceptions/" + x.ID}, nil
	}
	says := refusalOf(err)
	if says.status == 0 {
		return view{}, err
	}
	v, err := h.healthView(ctx, l)
	v.Wrong = says
	return healthPage(v), err
}
