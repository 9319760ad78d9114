package console

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A frameView is what stands around every page.
type frameView struct {
	Title   string
	Who     string // mail address of whoever looks; empty: nobody is signed in
	Path    string // of the page, with its query
	Nonce   string
	Command string
	Script  string
	Style   string
	Live    bool // it asks for itself again when something happened
	Places  []placeView
}

// A placeView is a link of the navigation.
type placeView struct {
	Name, Path string
	Here       bool
}

// places are where the navigation leads.
var places = []placeView{
	{Name: "Mine", Path: "/mine"},
	{Name: "Why", Path: "/why"},
	{Name: "Errors", Path: "/errors"},
	{Name: "Owners", Path: "/owners"},
	{Name: "Workflows", Path: "/workflows"},
	{Name: "Health", Path: "/health"},
	{Name: "Drift", Path: "/drift"},
	{Name: "Campaigns", Path: "/campaigns"},
	{Name: "Emergencies", Path: "/emergencies"},
	{Name: "Ledger", Path: "/entries"},
}

func (h *console) frameOf(l look, v view) frameView {
	f := frameView{
		Title: v.title, Who: l.who.Mail, Path: l.URL.RequestURI(), Nonce: l.nonce, Command: v.command,
		Script: h.assets.address("onus.js"), Style: h.assets.address("onus.css"),
	}
	if f.Who == "" {
		return f
	}
	f.Live = !v.still
	for _, p := range places {
		p.Here = l.URL.Path == p.Path
		f.Places = append(f.Places, p)
	}
	return f
}

// config is what htmx is told: to take its styles from our sheet and to run
// nothing that a page brings along.
const config = `{"extensions":"hx-csp","includeIndicatorCSS":false,"history":false,"implicitInheritance":false}`

// live marks what a page asks by itself.
const live = `{"Onus-Live":"1"}`

// escapedPath is the page that was asked for, as part of a query.
func escapedPath(l look) string { return url.QueryEscape(l.URL.RequestURI()) }

// A field is a name and a value of a form, or of a list.
type field struct{ Name, Value string }

// fieldsOf are those of a form that was sent.
func fieldsOf(form url.Values) (all []field) {
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range form[name] {
			all = append(all, field{name, value})
		}
	}
	return all
}

// filled keeps the fields that say something.
func filled(all ...field) []field {
	return slices.DeleteFunc(all, func(f field) bool { return f.Value == "" })
}

// away says how far a moment is from now, in words.
func away(at, now time.Time) string {
	d := at.Sub(now)
	switch {
	case d < 0:
		return span(-d) + " ago"
	default:
		return "in " + span(d)
	}
}

// span is a length of time in its two largest units.
func span(d time.Duration) string {
	days, hours, minutes := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60
	var parts []string
	for _, p := range []struct {
		n    int
		unit string
	}{{days, "d"}, {hours, "h"}, {minutes, "min"}} {
		if p.n > 0 && len(parts) < 2 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.unit))
		}
	}
	if len(parts) == 0 {
		return "less than a minute"
	}
	return strings.Join(parts, " ")
}

// counted is a number of things in words.
func counted(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if stem, ends := strings.CutSuffix(one, "y"); ends && !strings.HasSuffix(stem, "a") {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, one)
}
