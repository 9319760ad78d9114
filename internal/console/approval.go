package console

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

// An approvalView answers: is it safe to say yes?
type approvalView struct {
	server.Weighed

	Now     time.Time
	Stands  []field // where it stands: the plan, who is needed, the stage
	Seen    string
	Can     bool
	Signs   bool // a yes counts only when it is signed
	Changes []riskView
	Beside  []server.Answerer // who is asked beside whoever looks
	Reason  string            // that was typed, when it could not be done
	Wrong   refusal
}

// A riskView is one change with its risk beside it.
type riskView struct {
	server.WeighedChange

	On    string // the inputs of the rule, in words
	Peers string
}

func (h *console) approval(ctx context.Context, l look) (view, error) {
	v, err := h.approvalView(ctx, l)
	return view{title: titleOf(v), command: "onus approvals show " + v.ID, body: approval(v)}, err
}

func titleOf(v approvalView) string { return "Approval for " + v.Subject }

func (h *console) approvalView(ctx context.Context, l look) (approvalView, error) {
	id := l.PathValue("id")
	if err := h.mayLook(ctx, l, server.Ref{Kind: "approval", ID: id}); err != nil {
		return approvalView{}, err
	}
	w, err := h.Server.Books().Approval(ctx, id, l.who.acts)
	if err != nil {
		return approvalView{}, err
	}
	v := weighed(w, l.now)
	if v.Can {
		v.Signs, err = h.Server.MustSign(ctx, w.Approval, l.who.Mail)
	}
	return v, err
}

// weighed is the page of an approval, at a time.
func weighed(w server.Weighed, now time.Time) approvalView {
	v := approvalView{Weighed: w, Now: now, Seen: string(onus.DigestOfJSON(w.Approval)), Can: w.State == onus.ApprovalAsked && w.YourBar == ""}
	stage := ""
	if w.Stage > 0 || len(w.Then) > 0 {
		stage = fmt.Sprintf("%d of %d", w.Stage+1, w.Stage+1+len(w.Then))
	}
	v.Stands = filled(
		field{"Needs", fmt.Sprintf("%d of %s", w.Need, strings.Join(slices.Concat(w.Of, w.Also), ", "))}, field{"Stage", stage},
		field{"Exception to", w.Separation}, field{"Workflow", fmt.Sprintf("%s, version %d", w.Workflow, w.Version)}, field{"Plan", w.Plan.Short()},
		field{"Weight", fmt.Sprintf("%d, all that the plan touches together", w.PlanWeight)},
		field{"Also holds", strings.Join(w.Holds, ", ")}, field{"Kept apart", strings.Join(w.Apart, "; ")},
	)
	for _, p := range w.Others {
		if p.Person != w.You || p.For != "" {
			v.Beside = append(v.Beside, p)
		}
	}
	for _, c := range w.Weight {
		r := riskView{WeighedChange: c, Peers: fmt.Sprintf("%d of %d others %s hold it", c.Peers.Hold, c.Peers.Count, c.Peers.Like)}
		var inputs []string //nolint:prealloc // few
		for _, name := range slices.Sorted(maps.Keys(c.Inputs)) {
			inputs = append(inputs, name+"="+c.Inputs[name])
		}
		r.On = strings.Join(inputs, ", ")
		v.Changes = append(v.Changes, r)
	}
	return v
}

// answer records the yes or no of the page's form.
func (h *console) answer(ctx context.Context, l look) (view, error) {
	v, err := h.approvalView(ctx, l)
	if err != nil {
		return view{}, err
	}
	if err := l.ParseForm(); err != nil {
		return view{}, onus.Errorf(onus.Invalid, "send it again", "the form could not be read")
	}
	// A form sends the ends of lines in its own way; what was signed has them as they were typed.
	vote, reason := l.PostForm.Get("says"), strings.TrimSpace(strings.ReplaceAll(l.PostForm.Get("reason"), "\r\n", "\n"))
	switch {
	case vote != "yes" && vote != "no":
		err = onus.Errorf(onus.Invalid, "", "say yes or no")
	case l.PostForm.Get("seen") != v.Seen:
		err = onus.Errorf(onus.Conflict, "this is how it is now; nothing was recorded", "it changed while you looked at it")
	default:
		var signed *onus.Signed
		if signed, err = h.signature(ctx, l); err == nil {
			_, err = h.Server.Answer(ctx, engine.Vote{Approval: v.ID, Yes: vote == "yes", Reason: reason, By: l.who.actor(), Person: l.who.Mail, Among: 1, Signed: signed})
		}
	}
	if err == nil {
		return view{goTo: "/approvals/" + v.ID}, nil
	}
	says := refusalOf(err)
	if says.status == 0 {
		return view{}, err
	}
	if now, again := h.approvalView(ctx, l); again == nil {
		v = now
	}
	v.Reason, v.Wrong = reason, says
	return view{title: titleOf(v), status: says.status, command: "onus approvals show " + v.ID, body: approval(v)}, nil
}

// signature is what a passkey signed of a form; nil: nothing. Whether it counts
// the engine says.
func (h *console) signature(ctx context.Context, l look) (*onus.Signed, error) {
	statement, answer := l.PostForm.Get("statement"), l.PostForm.Get("assertion")
	if statement == "" || h.Desk == nil {
		return nil, nil //nolint:nilnil // an unsigned form is no error
	}
	st, err := onus.ParseStatement(strings.ReplaceAll(statement, "\r\n", "\n"))
	if err != nil {
		return nil, onus.Errorf(onus.Invalid, "try again", "what was signed cannot be read: %w", err)
	}
	return h.Desk.SignedBy(ctx, st, []byte(answer))
}
