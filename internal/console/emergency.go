package console

import (
	"cmp"
	"context"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

// An emergenciesView answers: what can be had at once, who has it, and what is
// to be reviewed?
type emergenciesView struct {
	Now    time.Time
	Rules  []server.RuleView // those for emergencies
	Offers []string          // "system entitlement" of those that act
	Rows   []server.EmergencyView
	Table  *table
	Typed  []field
	Wrong  refusal
}

var emergencyStates = []field{{string(onus.EmergencyStands), "stands"}, {string(onus.EmergencyEnded), "to be reviewed"}, {string(onus.EmergencyReviewed), "reviewed"}}

func (h *console) emergencies(ctx context.Context, l look) (view, error) {
	v, err := h.emergenciesView(ctx, l)
	return emergenciesPage(v), err
}

func emergenciesPage(v emergenciesView) view {
	return view{title: "Emergencies", command: "onus emergency list --all", status: v.Wrong.status, body: emergencies(v)}
}

func (h *console) emergenciesView(ctx context.Context, l look) (emergenciesView, error) {
	all, err := h.Server.Books().Emergencies(ctx, true)
	if err != nil {
		return emergenciesView{}, err
	}
	all, err = server.Visible(ctx, h.Server, l.who.Mail, all, func(v server.EmergencyView) server.Ref { return server.Ref{Kind: "emergency", ID: v.ID} })
	if err != nil {
		return emergenciesView{}, err
	}
	rules, err := h.Server.Rules(ctx)
	return calling(all, rules, l.URL, l.now), err
}

// calling is the page of emergencies, at a time.
func calling(all []server.EmergencyView, rules []server.RuleView, address *url.URL, now time.Time) emergenciesView {
	t := tableOf(address, []string{"called", "for"}, []string{string(onus.EmergencyStands), string(onus.EmergencyEnded), string(onus.EmergencyReviewed)})
	v := emergenciesView{Now: now, Table: &t}
	for i := range rules {
		r := rules[i]
		if r.Case != onus.EmergencyCase {
			continue
		}
		v.Rules = append(v.Rules, r)
		if r.State != onus.RuleLapsed {
			v.Offers = append(v.Offers, r.About...)
		}
	}
	slices.Sort(v.Offers)
	v.Offers = slices.Compact(v.Offers)
	var rows []server.EmergencyView
	for i := range all {
		if x := all[i]; (t.Kind == "" || string(x.State) == t.Kind) && t.has(x.ID, x.Subject, x.Person, x.Reason, strings.Join(x.What, " ")) {
			rows = append(rows, x)
		}
	}
	by(&t, rows, map[string]func(a, b server.EmergencyView) int{
		"called": func(a, b server.EmergencyView) int { return b.At.Compare(a.At) },
		"for":    func(a, b server.EmergencyView) int { return cmp.Compare(a.Subject, b.Subject) },
	})
	v.Rows = cut(&t, rows)
	return v
}

// call calls an emergency. What no standing rule covers becomes an ordinary
// request, and the page says so.
func (h *console) call(ctx context.Context, l look) (view, error) {
	if err := l.ParseForm(); err != nil {
		return view{}, onus.Errorf(onus.Invalid, "send it again", "the form could not be read")
	}
	system, what, _ := strings.Cut(l.PostForm.Get("what"), " ")
	hours, err := hoursOf(l.PostForm.Get("hours"), 72)
	var got server.Called
	if err == nil {
		got, err = h.Server.Emergency(ctx, server.EmergencyOrder{
			What: []string{what}, System: onus.SystemName(system), For: strings.TrimSpace(l.PostForm.Get("for")), Lasts: hours,
			Reason: strings.TrimSpace(l.PostForm.Get("reason")), By: l.who.actor(), Person: l.who.Mail,
		})
	}
	switch {
	case err == nil && got.Emergency != nil:
		return view{goTo: "/emergencies/" + got.Emergency.ID}, nil
	case err == nil:
		return view{title: "No emergency", command: "onus requests list", body: ordinary(got)}, nil
	}
	says := refusalOf(err)
	if says.status == 0 {
		return view{}, err
	}
	v, err := h.emergenciesView(ctx, l)
	v.Typed, v.Wrong = fieldsOf(l.PostForm), says
	return emergenciesPage(v), err
}

// hoursOf reads for how many hours something shall last; empty: none.
func hoursOf(text string, most float64) (time.Duration, error) {
	hours, err := strconv.ParseFloat(cmp.Or(text, "0"), 64)
	if err != nil || math.IsNaN(hours) || hours < 0 || hours > most {
		return 0, onus.Errorf(onus.Invalid, "as in 1.5", "it lasts between nothing and %g hours, not %q", most, text)
	}
	return time.Duration(hours * float64(time.Hour)), nil
}

// An emergencyView answers: who has what until when, by whose word, and was it
// one?
type emergencyView struct {
	server.EmergencyView

	Now    time.Time
	Facts  []field
	Gone   []field
	Seen   string
	Offers string // "end": take it away early; "review": say what it was; empty: nothing
	Reason string
	Wrong  refusal
}

func (h *console) emergency(ctx context.Context, l look) (view, error) {
	v, err := h.emergencyView(ctx, l)
	return emergencyPage(v), err
}

func emergencyPage(v emergencyView) view {
	command := map[string]string{"end": "onus requests withdraw ", "review": "onus emergency review "}[v.Offers]
	return view{title: "Emergency for " + v.Subject, command: cmp.Or(command, "onus emergency show ") + v.ID, status: v.Wrong.status, body: emergency(v)}
}

func (h *console) emergencyView(ctx context.Context, l look) (emergencyView, error) {
	at, err := h.Server.Seen(ctx, server.Asker{Mail: l.who.Mail}, server.Ref{Kind: "emergency", ID: l.PathValue("id")})
	if err != nil {
		return emergencyView{}, err
	}
	x, err := h.Server.Books().Emergency(ctx, at.ID)
	if err != nil {
		return emergencyView{}, err
	}
	ends, err := h.Server.May(ctx, l.who.Mail, authority.Withdraw, server.Ref{Kind: "request", ID: at.ID})
	if err != nil {
		return emergencyView{}, err
	}
	reviews, err := h.Server.May(ctx, l.who.Mail, authority.Review, at)
	return emergencyOf(x, ends.Allowed, reviews.Allowed, l.now), err
}

// emergencyOf is the page of an emergency, for somebody who may end it or
// review it, or not.
func emergencyOf(x server.EmergencyView, ends, reviews bool, now time.Time) emergencyView {
	v := emergencyView{EmergencyView: x, Now: now, Seen: string(onus.DigestOfJSON(x.Emergency))}
	switch {
	case x.State == onus.EmergencyStands && x.Stands != server.NotGone && ends:
		v.Offers = "end"
	case x.State == onus.EmergencyEnded && reviews:
		v.Offers = "review"
	}
	v.Facts = filled(
		field{"Has", strings.Join(x.What, ", ")}, field{"Called by", x.Person}, field{"Because", x.Reason}, field{"By the rule", x.Rule},
		field{"Answers for it", x.Answers}, field{"Waits for the yes of", strings.Join(x.Waits, ", ")}, field{"Told", strings.Join(x.Tell, ", ")},
		field{"Stands", x.Stands}, field{"May review it", strings.Join(x.ReviewBy, ", ")},
	)
	for _, g := range x.Gone {
		says := g.Says
		if says == "" {
			says = "confirmed gone (" + string(g.Tier) + ") by " + string(g.Change)
		}
		if g.Sessions != "" {
			says += "; live sessions: " + g.Sessions
		}
		v.Gone = append(v.Gone, field{string(g.System) + " " + g.Entitlement, says})
	}
	return v
}

// over ends an emergency early, or records what a reviewer found.
func (h *console) over(ctx context.Context, l look) (view, error) {
	v, err := h.emergencyView(ctx, l)
	if err != nil {
		return view{}, err
	}
	if err := l.ParseForm(); err != nil {
		return view{}, onus.Errorf(onus.Invalid, "send it again", "the form could not be read")
	}
	v.Reason = strings.TrimSpace(l.PostForm.Get("reason"))
	act := l.PostForm.Get("act")
	switch {
	case l.PostForm.Get("seen") != v.Seen:
		err = onus.Errorf(onus.Conflict, "this is how it is now; nothing was done", "it changed while you looked at it")
	case act == "end":
		_, err = h.Server.WithdrawRequest(ctx, v.ID, l.who.actor(), l.who.Mail, v.Reason)
	case act == "was" || act == "was not":
		_, err = h.Server.ReviewEmergency(ctx, engine.ReviewOrder{Emergency: v.ID, Warranted: act == "was", Reason: v.Reason, By: l.who.actor(), Person: l.who.Mail})
	default:
		err = onus.Errorf(onus.Invalid, "end, was or was not", "nobody knows how to %q", act)
	}
	if err == nil {
		return view{goTo: "/emergencies/" + v.ID}, nil
	}
	if v.Wrong = refusalOf(err); v.Wrong.status == 0 {
		return view{}, err
	}
	return emergencyPage(v), nil
}

// openEmergencies are those that wait for a review.
func (h *console) openEmergencies(ctx context.Context, l look) ([]task, error) {
	all, err := h.Server.Books().Emergencies(ctx, false)
	if err != nil {
		return nil, err
	}
	all, err = server.Visible(ctx, h.Server, l.who.Mail, all, func(v server.EmergencyView) server.Ref { return server.Ref{Kind: "emergency", ID: v.ID} })
	if err != nil {
		return nil, err
	}
	var tasks []task
	for i := range all {
		if x := &all[i]; x.State == onus.EmergencyEnded {
			tasks = append(tasks, task{
				Kind: "emergency", Path: "/emergencies/" + x.ID, Says: x.Subject + " had " + strings.Join(x.What, ", ") + ": " + x.Reason,
				Until: x.Due, Who: strings.Join(x.ReviewBy, " "), Urgent: x.Due.Before(l.now.Add(time.Hour)),
			})
		}
	}
	return tasks, nil
}
