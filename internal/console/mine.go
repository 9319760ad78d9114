package console

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

// A mineView answers: what needs me, and until when?
type mineView struct {
	Now     time.Time
	Waiting []task // for whoever looks
	Others  []task // that they may see
}

// A task is one thing that waits for somebody.
type task struct {
	Kind   string // "exception", "approval", "acceptance", "verdict", "version", "drift", "review", "emergency"
	Path   string
	Says   string
	More   string // beside it: how many are alike, what the risk is
	Until  time.Time
	Who    string // whom it waits for
	Next   string // who is asked when the time is up
	Urgent bool
}

func (h *console) mine(ctx context.Context, l look) (view, error) {
	m := mineView{Now: l.now}
	for _, gather := range []func(context.Context, look) ([]task, error){h.openExceptions, h.askedApprovals, h.openDuties, h.openErrors, h.openVersions, h.openFindings, h.openReviews, h.openEmergencies} {
		tasks, err := gather(ctx, l)
		if err != nil {
			return view{}, err
		}
		for _, t := range tasks {
			if strings.Contains(" "+t.Who+" ", " "+l.who.Mail+" ") {
				m.Waiting = append(m.Waiting, t)
			} else {
				m.Others = append(m.Others, t)
			}
		}
	}
	for _, list := range [][]task{m.Waiting, m.Others} {
		slices.SortStableFunc(list, byUrgency)
	}
	return view{title: "What needs you", command: "onus exceptions list; onus approvals list", body: mine(m)}, nil
}

// byUrgency puts what ends first before what ends later or never.
func byUrgency(a, b task) int {
	switch {
	case a.Until.IsZero() && b.Until.IsZero():
		return 0
	case a.Until.IsZero():
		return 1
	case b.Until.IsZero():
		return -1
	}
	return a.Until.Truncate(time.Minute).Compare(b.Until.Truncate(time.Minute)) // as it is shown
}

func (h *console) openExceptions(ctx context.Context, l look) ([]task, error) {
	all, err := h.Server.Books().Exceptions(ctx, false)
	if err != nil {
		return nil, err
	}
	all, err = server.Visible(ctx, h.Server, l.who.Mail, all, func(p server.Problem) server.Ref { return server.Ref{Kind: "exception", ID: p.ID} })
	if err != nil {
		return nil, err
	}
	var tasks []task
	grouped := map[string]int{} // where a group's line is
	for _, p := range all {
		who := strings.TrimSpace(p.Assignee + " " + p.Offered)
		if at, known := grouped[p.Group+" "+who]; known && p.Group != "" {
			tasks[at].More = strconv.Itoa(p.Alike) + " alike"
			continue
		}
		grouped[p.Group+" "+who] = len(tasks)
		tasks = append(tasks, task{
			Kind: "exception", Path: "/exceptions/" + p.ID, Says: p.Message, Until: p.Deadline, Who: who,
			Next: p.Route.At(p.Step + 1), Urgent: p.Deadline.Before(l.now.Add(time.Hour)),
		})
	}
	return tasks, nil
}

func (h *console) askedApprovals(ctx context.Context, l look) ([]task, error) {
	all, err := h.Server.Books().Approvals(ctx, false)
	if err != nil {
		return nil, err
	}
	all, err = server.Visible(ctx, h.Server, l.who.Mail, all, func(a server.Asked) server.Ref { return server.Ref{Kind: "approval", ID: a.ID} })
	if err != nil {
		return nil, err
	}
	tasks := make([]task, 0, len(all))
	for _, a := range all {
		tasks = append(tasks, task{
			Kind: "approval", Path: "/approvals/" + a.ID, Says: a.Subject + ": " + strings.Join(a.What, ", "), More: string(a.Workflow),
			Until: a.Deadline, Who: strings.Join(a.WaitsFor, " "), Urgent: a.Deadline.Before(l.now.Add(time.Hour)),
		})
	}
	return tasks, nil
}

func (h *console) openDuties(ctx context.Context, l look) ([]task, error) {
	ids, err := h.Server.Books().OpenDuties(ctx, l.who.Mail)
	if err != nil {
		return nil, err
	}
	tasks := make([]task, 0, len(ids))
	for _, id := range ids {
		tasks = append(tasks, task{Kind: "acceptance", Path: dutyPath(id), Says: "You are asked to answer for " + string(id), Who: l.who.Mail})
	}
	return tasks, nil
}

func (h *console) openErrors(ctx context.Context, l look) ([]task, error) {
	all, err := h.Server.Books().AccessErrors(ctx, false)
	if err != nil {
		return nil, err
	}
	all, err = server.Visible(ctx, h.Server, l.who.Mail, all, func(e onus.AccessError) server.Ref { return server.Ref{Kind: "error", ID: e.ID} })
	if err != nil {
		return nil, err
	}
	tasks := make([]task, 0, len(all))
	for _, e := range all {
		if e.Verdict != nil {
			tasks = append(tasks, task{Kind: "verdict", Path: "/errors/" + e.ID, Says: e.Verdict.Sentence, More: string(e.Verdict.Confidence), Who: e.Verdict.Control.Today})
		}
	}
	return tasks, nil
}
