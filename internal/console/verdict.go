package console

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/server"
)

// A verdictView answers: whose was it, who else is hit, undo all?
type verdictView struct {
	onus.AccessError

	Now     time.Time
	Title   string
	Facts   []field
	Named   bool // the verdict names whoever looks
	Control bool // they answer for the whole
	Else    *attribution.Blast
	NoElse  string // why it cannot be said who else
	Typed   field  // the act and the reason that could not be recorded
	Wrong   refusal
}

// A verdictsView lists access errors.
type verdictsView struct {
	Now time.Time
	All []onus.AccessError
}

func (h *console) verdicts(ctx context.Context, l look) (view, error) {
	all, err := h.Server.Books().AccessErrors(ctx, true)
	if err != nil {
		return view{}, err
	}
	all, err = server.Visible(ctx, h.Server, l.who.Mail, all, func(e onus.AccessError) server.Ref { return server.Ref{Kind: "error", ID: e.ID} })
	return view{title: "Access errors", command: "onus error list --all", body: verdicts(verdictsView{l.now, all})}, err
}

func (h *console) verdict(ctx context.Context, l look) (view, error) {
	v, err := h.verdictView(ctx, l)
	return view{title: v.Title, command: "onus error show " + v.ID, body: verdict(v)}, err
}

func (h *console) verdictView(ctx context.Context, l look) (verdictView, error) {
	id := l.PathValue("id")
	if err := h.mayLook(ctx, l, server.Ref{Kind: "error", ID: id}); err != nil {
		return verdictView{}, err
	}
	e, err := h.Server.Books().AccessError(ctx, id)
	if err != nil {
		return verdictView{}, err
	}
	v := judged(e, l.who, l.now)
	blast, err := h.Server.Books().Blast(ctx, id)
	switch {
	case err == nil:
		v.Else = &blast
	case onus.KindOf(err) == onus.Conflict:
		v.NoElse = err.Error()
	default:
		return v, err
	}
	return v, nil
}

// judged is the page of an access error for somebody, at a time.
func judged(e onus.AccessError, who Viewer, now time.Time) verdictView {
	v := verdictView{AccessError: e, Now: now, Title: "Access error"}
	should := "should not hold it"
	if e.ShouldHold {
		should = "should hold it"
	}
	v.Facts = filled(
		field{"Identity", string(e.Identity)}, field{"What", string(e.System) + " " + cmp.Or(e.Entitlement, "account")}, field{"Reported", should},
		field{"By", e.Person}, field{"Because", e.Reason}, field{"Was so at", e.At.UTC().Format("2006-01-02 15:04 UTC")}, field{"Times reported", strconv.Itoa(e.Times)},
	)
	if e.Verdict == nil {
		return v
	}
	v.Title = e.Verdict.Sentence
	v.Control = answersNow(e.Verdict.Control, who.Mail)
	v.Named = v.Control
	for _, f := range e.Verdict.Faults {
		v.Named = v.Named || answersNow(f.Accountable, who.Mail)
		for _, a := range f.Contributing {
			v.Named = v.Named || answersNow(a, who.Mail)
		}
	}
	return v
}

func answersNow(a onus.Answerable, mail string) bool { return a.Mail == mail || a.Today == mail }

// called names an answerable person, with whoever stands there today.
func called(a onus.Answerable) string {
	who := cmp.Or(a.Mail, "nobody")
	if a.Today != "" && a.Today != a.Mail {
		who += ", today " + a.Today
	}
	return who + " as " + a.Duty
}

// entries are the numbers that show a sentence.
func entries(cites []onus.Citation) string {
	all := make([]string, len(cites))
	for i, c := range cites {
		all[i] = "#" + strconv.FormatInt(c.Index, 10)
	}
	return strings.Join(all, " ")
}

// reply records what somebody says to a verdict, or closes the error.
func (h *console) reply(ctx context.Context, l look) (view, error) {
	v, err := h.verdictView(ctx, l)
	if err != nil {
		return view{}, err
	}
	if err := l.ParseForm(); err != nil {
		return view{}, onus.Errorf(onus.Invalid, "send it again", "the form could not be read")
	}
	by := attribution.Speaker{By: l.who.actor(), Person: l.who.Mail}
	v.Typed = field{l.PostForm.Get("act"), strings.TrimSpace(l.PostForm.Get("reason"))}
	if v.Typed.Name == "close" {
		_, err = h.Server.CloseError(ctx, by, v.ID, onus.Corrective{
			What: strings.TrimSpace(l.PostForm.Get("what")), Owner: strings.TrimSpace(l.PostForm.Get("owner")), Due: l.PostForm.Get("due"),
		})
	} else {
		_, err = h.Server.AnswerError(ctx, attribution.ErrorReply{Speaker: by, Error: v.ID, Act: v.Typed.Name, Reason: v.Typed.Value}, nil)
	}
	if err == nil {
		return view{goTo: "/errors/" + v.ID}, nil
	}
	if v.Wrong = refusalOf(err); v.Wrong.status == 0 {
		return view{}, err
	}
	return view{title: v.Title, status: v.Wrong.status, command: "onus error show " + v.ID, body: verdict(v)}, nil
}

// report opens an access error about what a page of Why explains.
func (h *console) report(ctx context.Context, l look) (view, error) {
	if err := l.ParseForm(); err != nil {
		return view{}, onus.Errorf(onus.Invalid, "send it again", "the form could not be read")
	}
	who := l.PostForm.Get("who")
	if err := h.mayLook(ctx, l, server.Ref{Kind: "identity", ID: who}); err != nil {
		return view{}, err
	}
	at, err := momentOf(l.PostForm.Get("at"))
	if err != nil {
		return view{}, err
	}
	right, err := attributesOf(l.PostForm.Get("right"))
	if err != nil {
		return view{}, err
	}
	e, err := h.Server.ReportError(ctx, attribution.Speaker{By: l.who.actor(), Person: l.who.Mail}, server.ErrorReport{
		Who: who, What: l.PostForm.Get("what"), ShouldHold: l.PostForm.Get("should") == "hold", At: at, Right: right,
		Reason: strings.TrimSpace(l.PostForm.Get("reason")),
	})
	if err != nil || e.ID == "" {
		if err == nil && e.Verdict != nil {
			return view{title: "No error", body: noError(e.Verdict.Sentence)}, nil
		}
		return view{}, err
	}
	return view{goTo: "/errors/" + e.ID}, nil
}
