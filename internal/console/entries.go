package console

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/trail"
	"github.com/onus-id/onus/ledger"
)

// The ledger's pages stand at /entries and not under /ledger/, where its tiles
// are published.

// An entriesView answers: what happened, to whom, and who answers for it?
type entriesView struct {
	Now    time.Time
	Asked  []field // what is asked for, as the form has it
	Where  []string
	Types  []string
	Lines  []trail.Line
	Size   int64 // of the ledger
	Latest bool  // the last entries, because nothing was asked for
	More   string
	Export string
	Wrong  refusal
}

// askable are the conditions that the form has.
var askable = []string{"person", "owner", "object", "workflow", "type", "since", "until"}

// conditions reads what an address asks the ledger for.
func conditions(query url.Values) (asked []field, where []string) {
	for _, name := range askable {
		if value := strings.TrimSpace(query.Get(name)); value != "" {
			asked, where = append(asked, field{name, value}), append(where, name+"="+value)
		}
	}
	return asked, where
}

// eventTypes are all types of event, and each group of them.
func eventTypes() []string {
	all := map[string]bool{}
	for t := range ledger.Types {
		group, _, _ := strings.Cut(string(t), ".")
		all[string(t)], all[group+".*"] = true, true
	}
	return slices.Sorted(maps.Keys(all))
}

func (h *console) entries(ctx context.Context, l look) (view, error) {
	if err := h.mayLook(ctx, l, server.Ref{Kind: "ledger"}); err != nil {
		return view{}, err
	}
	books := h.Server.Books()
	size, err := books.Size(ctx)
	if err != nil {
		return view{}, err
	}
	asked, where := conditions(l.URL.Query())
	from, bad := strconv.ParseInt(l.URL.Query().Get("from"), 10, 64)
	latest := len(where) == 0 && bad != nil
	if latest {
		from = size - pageSize
	}
	var lines []trail.Line
	next, err := books.LogPage(ctx, server.LogQuery{Where: where, From: max(0, from), Words: true}, pageSize, &lines)
	wrong := refusalOf(err)
	if err != nil && wrong.status == 0 {
		return view{}, err
	}
	v := asks(asked, where, lines, size, next, l.now)
	v.Wrong = wrong
	if v.Latest = latest; latest {
		slices.Reverse(v.Lines)
	}
	return view{title: "Ledger", command: logCommand(asked), status: wrong.status, body: searched(v)}, nil
}

// asks is the page of what was asked for. Next is where to go on; before 0:
// there is no more.
func asks(asked []field, where []string, lines []trail.Line, size, next int64, now time.Time) entriesView {
	v := entriesView{Now: now, Asked: asked, Where: where, Types: eventTypes(), Lines: lines, Size: size}
	q := url.Values{}
	for _, a := range asked {
		q.Set(a.Name, a.Value)
	}
	v.Export = strings.TrimSuffix("/entries.jsonl?"+q.Encode(), "?")
	if next >= 0 {
		q.Set("from", strconv.FormatInt(next, 10))
		v.More = "/entries?" + q.Encode()
	}
	return v
}

func logCommand(asked []field) string {
	var command strings.Builder
	command.WriteString("onus log")
	for _, a := range asked {
		command.WriteString(" --" + a.Name + " '" + strings.ReplaceAll(a.Value, "'", `'\''`) + "'")
	}
	return command.String()
}

// An entryView answers: what does this entry say, what led to it, and does the
// ledger hold it?
type entryView struct {
	server.EntryView

	Now      time.Time
	Facts    []field
	Notes    []field
	Verifier string // the key of the ledger, as this server gives it
}

func (h *console) entry(ctx context.Context, l look) (view, error) {
	if err := h.mayLook(ctx, l, server.Ref{Kind: "ledger"}); err != nil {
		return view{}, err
	}
	books := h.Server.Books()
	e, err := books.Entry(ctx, l.PathValue("id"))
	if err != nil {
		return view{}, err
	}
	return view{
		title: "Ledger entry " + strconv.FormatInt(e.Index, 10), command: "onus ledger receipt " + e.Event.ID, still: true,
		body: entry(entryOf(e, books.Verifier(), l.now)),
	}, nil
}

func entryOf(e server.EntryView, verifier string, now time.Time) entryView {
	v := entryView{EntryView: e, Now: now, Verifier: verifier}
	left := "kept, and not in the leaf: the leaf commits to it"
	if e.Erased {
		left = "erased; the leaf stays"
	}
	v.Facts = filled(
		field{"Who did it", actorOf(e.Line)}, field{"Who answers", e.Called(e.Event.Owner)}, field{"About", e.Called(e.Subject)},
		field{"Object", fmt.Sprintf("%s/%s, version %d", e.Event.Object.Kind, e.Event.Object.ID, e.Event.Object.Version)},
		field{"Workflow", e.Event.Workflow}, field{"Rule", e.Event.Rule}, field{"What it left", left},
	)
	for _, name := range slices.Sorted(maps.Keys(e.Event.Notes)) {
		v.Notes = append(v.Notes, field{name, e.Event.Notes[name]})
	}
	return v
}

// actorOf is who did it, by name where there is one.
func actorOf(l trail.Line) string {
	if id, person := strings.CutPrefix(l.Event.Actor, "person:"); person {
		return l.Called(id)
	}
	return l.Event.Actor
}

func entryPath(l trail.Line) string { return "/entries/" + strconv.FormatInt(l.Index, 10) }

// sentence is what an entry says, or its type where it says nothing.
func sentence(l trail.Line) string { return cmp.Or(l.Says, string(l.Event.Type)) }

// A gapsView answers: does the ledger hold all, unbroken?
type gapsView struct {
	Checks []server.Verification // none: nobody asked
	Gaps   []server.Gap
	Beyond int // gaps that are not shown
}

const mostGapsShown = 200

func (h *console) gaps(ctx context.Context, l look) (view, error) {
	if err := h.mayLook(ctx, l, server.Ref{Kind: "ledger"}); err != nil {
		return view{}, err
	}
	var v gapsView
	if l.Method == http.MethodPost {
		books := h.Server.Books()
		whole, err := books.VerifyLedger(ctx)
		if err != nil {
			return view{}, err
		}
		state, err := books.VerifyState(ctx)
		if err != nil {
			return view{}, err
		}
		complete, found, err := books.Completeness(ctx)
		if err != nil {
			return view{}, err
		}
		shown := min(mostGapsShown, len(found))
		v = gapsView{Checks: []server.Verification{whole, state, complete}, Gaps: found[:shown], Beyond: len(found) - shown}
	}
	return view{title: "Gaps", command: "onus verify completeness", still: true, body: gaps(v)}, nil
}

// export sends the entries that were asked for, one in a line, and last what
// was asked and how many there are: a file without that line was cut short.
func (h *console) export(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	l := look{Request: r, nonce: nonceOf(ctx), now: h.Now()}
	var err error
	if l.who, err = h.Viewer(r); err != nil {
		h.signInFirst(w, l)
		return
	}
	err = h.mayLook(ctx, l, server.Ref{Kind: "ledger"})
	if err == nil {
		err = h.writeEntries(ctx, l, w)
	}
	if err != nil {
		h.draw(w, l, h.trouble(ctx, err))
	}
}

// writeEntries gives an error only before it has written anything.
func (h *console) writeEntries(ctx context.Context, l look, w http.ResponseWriter) error {
	_, where := conditions(l.URL.Query())
	format, err := server.Exporter("jsonl", "", 0)
	if err != nil {
		return err
	}
	out, count := bufio.NewWriterSize(w, 1<<16), 0
	begin := func() {
		if count == 0 {
			w.Header().Set("Content-Type", "application/jsonl; charset=utf-8")
			w.Header().Set("Content-Disposition", `attachment; filename="onus-ledger.jsonl"`)
		}
	}
	line := func(data []byte, err error) error {
		if err != nil {
			return err
		}
		begin()
		if _, err := out.Write(data); err != nil {
			return err
		}
		return out.WriteByte('\n')
	}
	err = h.Server.Books().Log(ctx, server.LogQuery{Where: where}, func(e trail.Line) error {
		defer func() { count++ }()
		return line(format(e))
	})
	if err == nil {
		err = line(json.Marshal(struct {
			Query []string  `json:"query"`
			Count int       `json:"count"`
			At    time.Time `json:"at"`
		}{append([]string{}, where...), count, l.now.UTC()}))
	}
	if err != nil && count == 0 {
		return err
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil && ctx.Err() == nil {
		h.Log.WarnContext(ctx, "an export was not sent whole", slog.Any("error", err))
	}
	return nil
}
