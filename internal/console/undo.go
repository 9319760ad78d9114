package console

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

// An undoView answers: what will undo touch, what not, and who answers?
type undoView struct {
	server.ReversalView

	What   string // is undone, in words
	Counts []field
	Reason string
	Wrong  refusal
}

// scopeOf reads what is to be undone from a query.
func (h *console) scopeOf(ctx context.Context, l look, q url.Values) (scope onus.ReversalScope, what string, err error) {
	switch {
	case q.Get("error") != "":
		id := q.Get("error")
		if err := h.mayLook(ctx, l, server.Ref{Kind: "error", ID: id}); err != nil {
			return scope, "", err
		}
		scope, err = h.Server.Books().UndoScope(ctx, id)
		return scope, "all that the cause of " + id + " did", err
	case q.Get("run") != "":
		return onus.ReversalScope{Run: onus.RunID(q.Get("run"))}, "run " + q.Get("run"), nil
	case q.Get("change") != "":
		return onus.ReversalScope{Change: onus.ChangeID(q.Get("change"))}, "change " + q.Get("change"), nil
	case q.Get("identity") != "":
		id, err := h.Server.IdentityOf(ctx, q.Get("identity"))
		return onus.ReversalScope{Identity: id}, "everything about " + q.Get("identity"), err
	case q.Get("workflow") != "":
		name, number, _ := strings.Cut(q.Get("workflow"), "@")
		version, err := strconv.Atoi(number)
		if err != nil {
			return scope, "", onus.Errorf(onus.Invalid, "as in joiner@7", "%q names no version of a workflow", q.Get("workflow"))
		}
		return onus.ReversalScope{Workflow: onus.WorkflowName(name), Version: version}, "all that " + q.Get("workflow") + " did", nil
	default:
		return scope, "", onus.Errorf(onus.Invalid, "begin at a run, a change, an identity or an access error", "nothing is named that could be undone")
	}
}

// mayUndo: a preview shows what an order would do, so both ask for the same.
func (h *console) mayUndo(ctx context.Context, l look, scope onus.ReversalScope) error {
	ruling, err := h.Server.MayUndo(ctx, l.who.Mail, scope)
	if onus.KindOf(err) == onus.NotFound {
		return onus.Errorf(onus.NotFound, "", "there is nothing of that name, or it is not for you to see")
	}
	if err != nil {
		return err
	}
	return ruling.Err()
}

// undo shows what a reversal would do, or orders it.
func (h *console) undo(ctx context.Context, l look) (view, error) {
	v, scope, ordered, err := h.ordered(ctx, l)
	if err != nil || ordered != "" {
		return view{goTo: ordered}, err
	}
	if v.ReversalView, err = h.Server.PreviewReversal(ctx, scope, v.Reason); err != nil {
		return view{}, err
	}
	v.Counts = countsOf(v.ReversalView)
	return view{title: "Undo " + v.What, status: v.Wrong.status, command: commandOf(scope, l.URL.Query().Get("error")), body: undo(v)}, nil
}

// countsOf says how many changes would fare how; of what there are none, it
// says nothing.
func countsOf(v server.ReversalView) (all []field) {
	for _, c := range []struct {
		name string
		n    int
	}{{"Would be undone", v.Undone}, {"Would wait for a yes", v.Approve}, {"Asked about", v.Asked}, {"Cannot be undone", v.Final}, {"Nothing left of", v.Nothing}} {
		if c.n > 0 {
			all = append(all, field{c.name, counted(c.n, "change")})
		}
	}
	return all
}

// ordered reads what is to be undone and, when the form was sent, orders it:
// then it gives the page of the reversal.
func (h *console) ordered(ctx context.Context, l look) (v undoView, scope onus.ReversalScope, page string, err error) {
	defer h.Server.Hold()()
	if err := l.ParseForm(); err != nil {
		return v, scope, "", onus.Errorf(onus.Invalid, "send it again", "the form could not be read")
	}
	if scope, v.What, err = h.scopeOf(ctx, l, l.URL.Query()); err != nil {
		return v, scope, "", err
	}
	if err := h.mayUndo(ctx, l, scope); err != nil {
		return v, scope, "", err
	}
	v.Reason = strings.TrimSpace(l.PostForm.Get("reason"))
	if l.Method != http.MethodPost {
		return v, scope, "", nil
	}
	r, err := h.Server.Reverse(ctx, engine.ReversalOrder{Scope: scope, Reason: v.Reason, By: l.who.actor(), Person: l.who.Mail})
	if err == nil {
		return v, scope, "/reversals/" + r.ID, nil
	}
	if v.Wrong = refusalOf(err); v.Wrong.status == 0 {
		return v, scope, "", err
	}
	return v, scope, "", nil
}

func commandOf(scope onus.ReversalScope, accessError string) string {
	switch {
	case accessError != "":
		return "onus error undo " + accessError + " --preview"
	case scope.Run != "":
		return "onus reverse --run " + string(scope.Run) + " --preview"
	case scope.Change != "":
		return "onus reverse --change " + string(scope.Change) + " --preview"
	case scope.Workflow != "":
		return "onus reverse --workflow " + string(scope.Workflow) + "@" + strconv.Itoa(scope.Version) + " --preview"
	default:
		return "onus reverse --identity " + string(scope.Identity) + " --preview"
	}
}

// A reversalView says what became of a reversal.
type reversalView struct {
	ID   string
	Done []server.UndoneView
}

func (h *console) reversal(ctx context.Context, l look) (view, error) {
	id := l.PathValue("id")
	if err := h.mayLook(ctx, l, server.Ref{Kind: "reversal", ID: id}); err != nil {
		return view{}, err
	}
	done, err := h.Server.ReversalReport(ctx, id)
	return view{title: "Reversal", command: "onus reverse report " + id, body: reversal(reversalView{id, done})}, err
}
