package console

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/escalation"
	"github.com/onus-id/onus/internal/server"
)

// An exceptionView answers: what stopped, what was kept, what can I do?
type exceptionView struct {
	Now      time.Time
	ID       string
	State    onus.ExceptionState
	Category onus.Category
	Says     string
	Hint     string
	Who      string // whom it waits for
	Until    time.Time
	Next     string
	Alike    int
	Held     []server.HeldPlan
	Facts    []field
	Kept     []field
	Decided  *onus.Decision
	Run      string

	Drill   bool   // nothing stopped: whoever has it says so, and it ends
	Seen    string // digest of what is shown
	Mine    bool   // it waits for whoever looks
	Has     bool   // somebody acknowledged it
	Options []option
	Typed   decision // what was typed, when it could not be done
	Wrong   refusal  // why it could not
}

// An option is one way to end an exception, with what it will do.
type option struct {
	Act, Name, Does, Key string
	Reason               bool // it needs one, as it goes against what was worked out
}

// A decision is what a form of the exception's page says.
type decision struct {
	act, reason, seen string
	with              map[string]string
}

// options are the ways to end what stopped.
var options = []option{
	{Act: engine.LookAgain, Name: "Try again", Does: "The cause is gone: the facts are looked at afresh, and if the plan is another one, you see the difference.", Key: "r"},
	{Act: engine.Amend, Name: "Put right", Does: "For this case only, what you give counts instead of what the record says, and it is planned again.", Key: "a"},
	{Act: engine.Override, Name: "Go on anyway", Does: "It goes on against what was worked out. It counts as an override, in your name, and nothing is called confirmed by it.", Key: "o", Reason: true},
	{Act: engine.Refuse, Name: "Refuse", Does: "It shall not happen. What was confirmed before stays as it is.", Key: "x", Reason: true},
}

func (h *console) exception(ctx context.Context, l look) (view, error) {
	v, err := h.exceptionView(ctx, l)
	return view{title: v.Says, command: "onus exceptions show " + v.ID, body: exception(v)}, err
}

func (h *console) exceptionView(ctx context.Context, l look) (exceptionView, error) {
	id := l.PathValue("id")
	if err := h.mayLook(ctx, l, server.Ref{Kind: "exception", ID: id}); err != nil {
		return exceptionView{}, err
	}
	p, err := h.Server.Books().Exception(ctx, id)
	if err != nil {
		return exceptionView{}, err
	}
	return viewOf(p, l.who.Mail, l.now), nil
}

// viewOf is the page of an exception for somebody, at a time.
func viewOf(p server.Problem, mail string, now time.Time) exceptionView {
	x := p.Exception
	v := exceptionView{
		Now: now, ID: x.ID, State: x.State, Category: x.Category, Says: x.Message, Hint: x.Hint, Who: cmp.Or(x.Assignee, "nobody: "+x.Nobody),
		Until: x.Deadline, Next: x.Route.At(x.Step + 1), Alike: p.Alike, Held: p.Plans, Kept: keptFields(x.Kept), Decided: x.Decided,
		Run: string(x.Run), Seen: string(x.About()), Mine: x.Assignee == mail || x.Offered == mail, Has: !x.Acknowledged.IsZero(),
	}
	v.Facts = filled(
		field{"Identity", string(x.Identity)}, field{"Record", strings.Trim(string(x.Source)+"/"+x.Key, "/")}, field{"Workflow", string(x.Workflow)},
		field{"System", string(x.System)}, field{"Change", string(x.Change)}, field{"Batch", x.Batch}, field{"Read", x.Read},
		field{"Opened", x.Opened.UTC().Format("2006-01-02 15:04 UTC")},
	)
	if v.Drill = x.Practice && x.State == onus.ExceptionOpen; x.State == onus.ExceptionOpen && !v.Drill {
		v.Options = options
	}
	return v
}

// keptFields lays the preserved state open: each thing that it says under the
// names that lead to it.
func keptFields(kept string) []field {
	if kept == "" {
		return nil
	}
	var state any
	if err := json.Unmarshal([]byte(kept), &state); err != nil {
		return []field{{"kept", kept}}
	}
	return flattened("", state, nil)
}

func flattened(name string, value any, all []field) []field {
	switch value := value.(type) {
	case nil:
		return all
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			all = flattened(strings.TrimPrefix(name+" › "+key, " › "), value[key], all)
		}
		return all
	case []any:
		if slices.ContainsFunc(value, func(v any) bool { _, deep := v.(map[string]any); return deep }) {
			for i, v := range value {
				all = flattened(name+" "+strconv.Itoa(i+1), v, all)
			}
			return all
		}
		words := make([]string, len(value))
		for i, v := range value {
			words[i] = fmt.Sprint(v)
		}
		return append(all, field{name, strings.Join(words, ", ")})
	default:
		return append(all, field{name, fmt.Sprint(value)})
	}
}

// decide carries out what the form of the page says.
func (h *console) decide(ctx context.Context, l look) (view, error) {
	v, err := h.exceptionView(ctx, l)
	if err != nil {
		return view{}, err
	}
	d, err := decisionOf(l.Request)
	if err != nil {
		return view{}, err
	}
	switch {
	case d.seen != v.Seen || v.State != onus.ExceptionOpen:
		err = onus.Errorf(onus.Conflict, "this is how it is now; nothing was done", "it changed while you looked at it")
	case d.act == escalation.Acknowledge || d.act == escalation.Take || d.act == escalation.Accept:
		_, err = h.Server.Attend(ctx, v.ID, escalation.Act{Act: d.act, By: l.who.actor(), Person: l.who.Mail})
	default:
		_, err = h.Server.Decide(ctx, engine.Order{Exception: v.ID, Act: d.act, Reason: d.reason, With: d.with, By: l.who.actor(), Person: l.who.Mail})
	}
	if err == nil {
		return view{goTo: "/exceptions/" + v.ID}, nil
	}
	if v.Wrong = refusalOf(err); v.Wrong.status == 0 {
		return view{}, err
	}
	v.Typed = d
	return view{title: v.Says, status: v.Wrong.status, command: "onus exceptions show " + v.ID, body: exception(v)}, nil
}

// decisionOf reads the form. What is right is given as lines attribute=value.
func decisionOf(r *http.Request) (decision, error) {
	if err := r.ParseForm(); err != nil {
		return decision{}, onus.Errorf(onus.Invalid, "send it again", "the form could not be read")
	}
	d := decision{act: r.PostForm.Get("act"), reason: strings.TrimSpace(r.PostForm.Get("reason")), seen: r.PostForm.Get("seen")}
	var err error
	d.with, err = attributesOf(r.PostForm.Get("with"))
	return d, err
}

// attributesOf reads lines of the form attribute=value.
func attributesOf(text string) (map[string]string, error) {
	var all map[string]string
	for line := range strings.Lines(text) {
		name, value, is := strings.Cut(strings.TrimSpace(line), "=")
		if name == "" && !is {
			continue
		}
		if !is {
			return nil, onus.Errorf(onus.Invalid, "as in manager=10002, each in a line of its own", "%q is no attribute with a value", strings.TrimSpace(line))
		}
		if all == nil {
			all = map[string]string{}
		}
		all[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return all, nil
}

// lines are what is right, as the form has it.
func (d decision) lines() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(d.with)) {
		b.WriteString(name + "=" + d.with[name] + "\n")
	}
	return b.String()
}

// mostHeld is how many plans of a held batch a page shows.
const mostHeld = 200
