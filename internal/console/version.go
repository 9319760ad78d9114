package console

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/server"
)

// A versionView answers: what would be different, and who can say yes?
type versionView struct {
	server.VersionView

	Now    time.Time
	Facts  []field
	Files  []flow.File
	Others []onus.Version // to compare it with
	From   string         // the one that it is compared with; empty: the one that was live when it was proposed
	Words  []string
	Seen   string
	Offers string // "decide": yes or no; "withdraw"; "again": propose anew; empty: nothing
	Reason string
	Wrong  refusal
}

func (h *console) version(ctx context.Context, l look) (view, error) {
	v, err := h.versionView(ctx, l)
	return versionPage(v), err
}

func versionPage(v versionView) view {
	command := "onus versions show " + v.ID
	if v.Offers == "decide" {
		command = "onus versions approve " + v.ID
	}
	return view{title: versionTitle(v.Version), command: command, status: v.Wrong.status, body: version(v)}
}

func versionTitle(v onus.Version) string {
	if v.Number > 0 {
		return "Version " + numberOf(v)
	}
	return "A proposed version"
}

// versionView holds the definitions only for as long as it looks.
func (h *console) versionView(ctx context.Context, l look) (versionView, error) {
	defer h.Server.Hold()()
	at, err := h.Server.Seen(ctx, server.Asker{Mail: l.who.Mail}, server.Ref{Kind: "version", ID: l.PathValue("id")})
	if err != nil {
		return versionView{}, err
	}
	kept, err := h.Server.Books().Version(ctx, at.ID)
	if err != nil {
		return versionView{}, err
	}
	v := versionOf(kept, l.who, l.now)
	if v.Files, err = h.Server.Books().VersionFiles(ctx, v.ID); err != nil {
		return v, err
	}
	if v.Others, err = h.visibleVersions(ctx, l); err != nil {
		return v, err
	}
	v.Others = slices.DeleteFunc(v.Others, func(o onus.Version) bool { return o.ID == v.ID })
	from := l.URL.Query().Get("from")
	if i := slices.IndexFunc(v.Others, func(o onus.Version) bool { return o.ID == from }); i >= 0 {
		v.From = from
		v.Words, err = h.Server.Books().CompareVersions(ctx, from, v.ID)
	}
	return v, err
}

// versionOf is the page of a version for somebody, at a time.
func versionOf(kept server.VersionView, who Viewer, now time.Time) versionView {
	v := versionView{VersionView: kept, Now: now, Words: kept.Effect, Seen: string(onus.DigestOfJSON(kept.Version))}
	switch {
	case v.State == onus.VersionSuperseded:
		v.Offers = "again"
	case v.State != onus.VersionProposed:
	case slices.Contains(kept.Can, who.Mail):
		v.Offers = "decide"
	case v.WroteBy(who.ID, who.Mail):
		v.Offers = "withdraw"
	}
	v.Facts = filled(
		field{"Proposed by", authorsOf(v.Version)}, field{"Because", v.Version.Reason}, field{"Proposes anew", v.Again}, field{"Definitions", v.Program.Short()},
		field{"Decided by", v.Person}, field{"Because of that", v.Why},
	)
	return v
}

// decideVersion carries out what the form of the page says.
func (h *console) decideVersion(ctx context.Context, l look) (view, error) {
	v, err := h.versionView(ctx, l)
	if err != nil {
		return view{}, err
	}
	if err := l.ParseForm(); err != nil {
		return view{}, onus.Errorf(onus.Invalid, "send it again", "the form could not be read")
	}
	reason := strings.TrimSpace(l.PostForm.Get("reason"))
	id := v.ID
	if l.PostForm.Get("seen") != v.Seen {
		err = onus.Errorf(onus.Conflict, "this is how it is now; nothing was done", "it changed while you looked at it")
	} else {
		id, err = h.carryOut(ctx, l, v.ID, l.PostForm.Get("act"), reason)
	}
	if err == nil {
		return view{goTo: "/versions/" + id}, nil
	}
	says := refusalOf(err)
	if says.status == 0 {
		return view{}, err
	}
	if now, again := h.versionView(ctx, l); again == nil {
		v = now // what it would do may have been worked out anew
	}
	v.Reason, v.Wrong = reason, says
	return versionPage(v), nil
}

// carryOut decides over a version, or proposes it anew, and gives the version
// to look at then.
func (h *console) carryOut(ctx context.Context, l look, id, act, reason string) (string, error) {
	switch act {
	case "yes":
		_, stale, err := h.Server.ApproveKept(ctx, l.who.acts, id)
		if err == nil && stale {
			err = onus.Errorf(onus.Conflict, "look at it, then say yes to that", "what it would do is not what was shown before; nothing went live")
		}
		return id, err
	case "no":
		_, err := h.Server.RefuseVersion(ctx, l.who.acts, id, reason)
		return id, err
	case "again":
		v, err := h.Server.ProposeAgain(ctx, l.who.acts, id, reason)
		return v.ID, err
	}
	return id, onus.Errorf(onus.Invalid, "yes, no or again", "nobody knows how to %q", act)
}

// openVersions are the versions that wait for a yes.
func (h *console) openVersions(ctx context.Context, l look) ([]task, error) {
	kept, err := h.visibleVersions(ctx, l)
	if err != nil {
		return nil, err
	}
	var tasks []task
	for _, o := range kept {
		if o.State != onus.VersionProposed {
			continue
		}
		v, err := h.Server.Books().Version(ctx, o.ID)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, task{
			Kind: "version", Path: "/versions/" + v.ID, Says: "A version of the definitions is proposed: " + cmp.Or(v.Reason, v.ID),
			More: counted(len(v.Effect), "difference"), Who: strings.Join(v.Can, " "),
		})
	}
	return tasks, nil
}
