package console

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

// A driftView answers: where is a system not what was decided?
type driftView struct {
	Now   time.Time
	All   bool // those that ended are there, too
	Rows  []server.FindingView
	Table *table
}

// findingKinds are the kinds of finding, as the page names them.
var findingKinds = []field{
	{string(onus.Appeared), "appeared"}, {string(onus.Vanished), "vanished"}, {string(onus.Altered), "changed"}, {string(onus.Second), "another account"},
}

func (h *console) drift(ctx context.Context, l look) (view, error) {
	all := l.URL.Query().Get("all") != ""
	found, err := h.visibleFindings(ctx, l, all)
	command := "onus drift list"
	if all {
		command += " --all"
	}
	return view{title: "Drift", command: command, body: drift(drifted(found, all, l.URL, l.now))}, err
}

func (h *console) visibleFindings(ctx context.Context, l look, all bool) ([]server.FindingView, error) {
	found, err := h.Server.Books().Findings(ctx, all)
	if err != nil {
		return nil, err
	}
	return server.Visible(ctx, h.Server, l.who.Mail, found, func(f server.FindingView) server.Ref { return server.Ref{Kind: "finding", ID: f.ID} })
}

// drifted is the page of what differs, at a time.
func drifted(found []server.FindingView, all bool, address *url.URL, now time.Time) driftView {
	t := tableOf(address, []string{"found", "system", "holder"}, []string{string(onus.Appeared), string(onus.Vanished), string(onus.Altered), string(onus.Second)})
	var rows []server.FindingView
	for _, f := range found {
		if (t.Kind == "" || string(f.Kind) == t.Kind) && t.has(f.ID, f.What, f.Holder, f.Owner, string(f.System)) {
			rows = append(rows, f)
		}
	}
	by(&t, rows, map[string]func(a, b server.FindingView) int{
		"found":  func(a, b server.FindingView) int { return a.Found.Compare(b.Found) },
		"system": func(a, b server.FindingView) int { return cmp.Compare(a.System, b.System) },
		"holder": func(a, b server.FindingView) int { return cmp.Compare(a.Holder, b.Holder) },
	})
	return driftView{Now: now, All: all, Rows: cut(&t, rows), Table: &t}
}

// A findingView answers: what differs, and what shall become of it?
type findingView struct {
	server.FindingView

	Now     time.Time
	Facts   []field
	Changed []wasView
	Seen    string
	Choices []repairChoice
	Bar     string // why whoever looks cannot choose
	Typed   []field
	Wrong   refusal
}

// A wasView is one thing of an account that was changed.
type wasView struct{ What, Was, Is string }

// A repairChoice is one way to deal with a finding, with what it will do.
type repairChoice struct {
	Repair          onus.Repair
	Name, Does, Key string
}

var repairChoices = []repairChoice{
	{onus.Revoke, "Take it away", "A grant is taken away; an account is disabled, and its sessions are ended.", "t"},
	{onus.Restore, "Bring it back", "What is warranted is given back, with the end that it has; what was changed is set back.", "b"},
	{onus.Adopt, "Let it be so", "Our record follows the system. Somebody answers for it from now on, and whoever must approve of giving it is asked.", "l"},
}

func (h *console) finding(ctx context.Context, l look) (view, error) {
	v, err := h.findingView(ctx, l)
	return findingPage(v), err
}

func findingPage(v findingView) view {
	return view{title: v.What, command: "onus drift show " + v.ID, status: v.Wrong.status, body: finding(v)}
}

func (h *console) findingView(ctx context.Context, l look) (findingView, error) {
	at, err := h.Server.Seen(ctx, server.Asker{Mail: l.who.Mail}, server.Ref{Kind: "finding", ID: l.PathValue("id")})
	if err != nil {
		return findingView{}, err
	}
	f, err := h.Server.Books().Finding(ctx, at.ID)
	if err != nil {
		return findingView{}, err
	}
	ruling, err := h.Server.May(ctx, l.who.Mail, authority.Repair, at)
	bar := ""
	if says := ruling.Err(); says != nil {
		bar = says.Error()
	}
	return findingOf(f, bar, l.now), err
}

// findingOf is the page of a finding for somebody who can choose, or whom
// something bars.
func findingOf(f server.FindingView, bar string, now time.Time) findingView {
	v := findingView{FindingView: f, Now: now, Seen: string(onus.DigestOfJSON(f.Finding)), Bar: bar}
	v.Facts = filled(
		field{"System", string(f.System)}, field{"Holder", cmp.Or(f.Holder, "nobody known")}, field{"Owner", f.Owner}, field{"Account", cmp.Or(f.Name, string(f.Account))},
		field{"Sealed account of", f.BreakGlass}, field{"Chosen", strings.TrimSpace(string(f.Repair) + " " + f.Person)}, field{"Because", f.Reason}, field{"Answers for it", f.Answers}, field{"Why it is so", f.Why},
	)
	for _, name := range (onus.Account{Was: f.Was}).Altered() {
		v.Changed = append(v.Changed, wasView{strings.TrimPrefix(name, "="), cmp.Or(f.Was[name], "not set"), cmp.Or(f.Is[name], "not set")})
	}
	for _, c := range repairChoices {
		for _, can := range f.Can {
			if c.Repair == can && bar == "" {
				v.Choices = append(v.Choices, c)
			}
		}
	}
	return v
}

// repair records what the form of the page chose.
func (h *console) repair(ctx context.Context, l look) (view, error) {
	v, err := h.findingView(ctx, l)
	if err != nil {
		return view{}, err
	}
	if err := l.ParseForm(); err != nil {
		return view{}, onus.Errorf(onus.Invalid, "send it again", "the form could not be read")
	}
	v.Typed = fieldsOf(l.PostForm)
	until, err := dayOf(l.PostForm.Get("until"))
	switch {
	case err != nil:
	case l.PostForm.Get("seen") != v.Seen:
		err = onus.Errorf(onus.Conflict, "this is how it is now; nothing was done", "it changed while you looked at it")
	default:
		o := engine.RepairOrder{
			Findings: []string{v.ID}, Repair: onus.Repair(l.PostForm.Get("act")), Reason: strings.TrimSpace(l.PostForm.Get("reason")),
			By: l.who.actor(), Person: l.who.Mail,
		}
		if o.Repair == onus.Adopt {
			o.Answers, o.Until = strings.TrimSpace(l.PostForm.Get("answers")), until
		}
		_, err = h.Server.Repair(ctx, o)
	}
	if err == nil {
		return view{goTo: "/drift/" + v.ID}, nil
	}
	if v.Wrong = refusalOf(err); v.Wrong.status == 0 {
		return view{}, err
	}
	return findingPage(v), nil
}

// dayOf reads a day of a form; empty: none.
func dayOf(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return day, onus.Errorf(onus.Invalid, "as in 2026-09-30", "%q is no day", text)
	}
	return day, nil
}

// openFindings are the systems of whoever looks with findings that nobody has
// chosen about, one line for each. Those of others are under Drift: there may
// be very many.
func (h *console) openFindings(ctx context.Context, l look) ([]task, error) {
	found, err := h.Server.Books().Findings(ctx, false)
	if err != nil {
		return nil, err
	}
	count := map[onus.SystemName]int{}
	for i := range found {
		if f := &found[i]; f.State == onus.FindingOpen && strings.EqualFold(f.Owner, l.who.Mail) {
			count[f.System]++
		}
	}
	var tasks []task
	for _, name := range slices.Sorted(maps.Keys(count)) {
		tasks = append(tasks, task{
			Kind: "drift", Path: "/drift?text=" + url.QueryEscape(string(name)), Who: l.who.Mail,
			Says: counted(count[name], "difference") + " on " + string(name) + " from what was decided",
		})
	}
	return tasks, nil
}
