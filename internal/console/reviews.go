package console

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/review"
)

// A reviewsView answers: does this person still need this? One line is at
// hand, with the evidence beside it; the others wait below.
type reviewsView struct {
	Now     time.Time
	Total   int
	At      *review.Asked // nil: none waits
	What    string
	Facts   []field
	Choices []reviewChoice
	Seen    string
	Others  []review.Asked // of those that wait
	More    int            // that the page does not list
	Reason  string
	Wrong   refusal
}

// A reviewChoice is a verdict with the reason that its key stands for. What is
// typed as a reason takes its place.
type reviewChoice struct {
	Act, Name, Reason, Key string

	verdict onus.ReviewVerdict
}

var reviewChoices = []reviewChoice{
	{"keep", "Keep it", "still needed for their work", "y", onus.VerdictKeep},
	{"revoke", "Take it away", "not needed any more", "n", onus.VerdictRevoke},
	{"never", "It never should have been", "should never have been given", "x", onus.VerdictRevoke},
}

// mostLines is how many lines a page gathers evidence about.
const mostLines = 50

func (h *console) reviews(ctx context.Context, l look) (view, error) {
	v, err := h.reviewsView(ctx, l)
	return reviewsPage(v), err
}

func reviewsPage(v reviewsView) view {
	command := "onus review list"
	if v.At != nil {
		command = "onus review keep " + v.At.ID
	}
	return view{title: "What you review", command: command, status: v.Wrong.status, body: reviews(v)}
}

// reviewsView lists what waits for whoever looks; that they looked is recorded.
func (h *console) reviewsView(ctx context.Context, l look) (reviewsView, error) {
	lines, total, err := h.Server.ReviewLines(ctx, l.who.Mail, l.who.actor(), mostLines)
	return reviewing(lines, total, l.URL.Query().Get("line"), l.now), err
}

// reviewing is the page of the lines that wait for somebody, with one at hand:
// the one that is named, or else the first.
func reviewing(lines []review.Asked, total int, id string, now time.Time) reviewsView {
	v := reviewsView{Now: now, Total: total, More: total - len(lines)}
	if len(lines) == 0 {
		return v
	}
	i := max(0, slices.IndexFunc(lines, func(a review.Asked) bool { return a.ID == id }))
	v.At, v.Others = &lines[i], slices.Concat(lines[i+1:], lines[:i])
	v.What, v.Facts, v.Choices, v.Seen = lineWords(v.At), evidenceOf(v.At), reviewChoices, string(onus.DigestOfJSON(v.At))
	return v
}

func lineWords(a *review.Asked) string {
	return cmp.Or(a.Line.Entitlement, "the account") + " on " + string(a.Line.System)
}

// evidenceOf is what is known about a line.
func evidenceOf(a *review.Asked) []field {
	lastUse := ""
	if !a.LastUse.IsZero() {
		lastUse = a.LastUse.UTC().Format("2006-01-02 15:04 UTC")
	}
	silence := "it is taken away"
	if a.Silence == string(onus.SilenceEscalates) {
		silence = "others are asked, and in the end it is taken away"
	}
	return filled(
		field{"Lets them", a.Title}, field{"Sensitivity", cmp.Or(string(a.Line.Sensitivity), "not weighed")}, field{"Because", strings.Join(a.Why, "; ")},
		field{"With the yes of", strings.Join(a.Yes, ", ")}, field{"Account last used", lastUse}, field{"Peers", a.Peers}, field{"Decided before", a.Before},
		field{"Since then", a.Since}, field{"If nobody decides", silence},
	)
}

func linePath(id string) string { return "/reviews?line=" + url.QueryEscape(id) }

// decideLine records what the form says about the line that was at hand.
func (h *console) decideLine(ctx context.Context, l look) (view, error) {
	if err := l.ParseForm(); err != nil {
		return view{}, onus.Errorf(onus.Invalid, "send it again", "the form could not be read")
	}
	lines, total, err := h.Server.ReviewLines(ctx, l.who.Mail, l.who.actor(), mostLines)
	if err != nil {
		return view{}, err
	}
	id := l.PostForm.Get("line")
	v := reviewing(lines, total, id, l.now)
	v.Reason = strings.TrimSpace(l.PostForm.Get("reason"))
	i := slices.IndexFunc(reviewChoices, func(c reviewChoice) bool { return c.Act == l.PostForm.Get("act") })
	switch {
	case i < 0:
		err = onus.Errorf(onus.Invalid, "keep, revoke or never", "nobody knows how to %q a line", l.PostForm.Get("act"))
	case v.At == nil || v.At.ID != id:
		err = onus.Errorf(onus.Conflict, "nothing was recorded", "the line does not wait for you any more")
	case l.PostForm.Get("seen") != v.Seen:
		err = onus.Errorf(onus.Conflict, "this is how it is now; nothing was recorded", "it changed while you looked at it")
	default:
		choice := review.Choice{Line: id, Verdict: reviewChoices[i].verdict, Reason: cmp.Or(v.Reason, reviewChoices[i].Reason)}
		_, err = h.Server.Review(ctx, review.Choices{Of: []review.Choice{choice}, By: l.who.actor(), Person: l.who.Mail})
	}
	if err == nil {
		next := "/reviews"
		if len(v.Others) > 0 {
			next = linePath(v.Others[0].ID)
		}
		return view{goTo: next}, nil
	}
	if v.Wrong = refusalOf(err); v.Wrong.status == 0 {
		return view{}, err
	}
	return reviewsPage(v), nil
}

// openReviews is the line of Mine about what somebody is to review.
func (h *console) openReviews(ctx context.Context, l look) ([]task, error) {
	first, n, err := h.Server.ReviewsWaiting(ctx, l.who.Mail)
	if err != nil || n == 0 {
		return nil, err
	}
	return []task{{
		Kind: "review", Path: "/reviews", Says: counted(n, "line") + " of " + first.Name + " to look at again", Until: first.Due, Who: l.who.Mail,
		Urgent: first.Due.Before(l.now.Add(24 * time.Hour)),
	}}, nil
}
