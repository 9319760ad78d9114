package versions

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flow/expr"
)

// said tells which definitions are new, gone or changed, and how: whom they
// name, where exceptions go, what holds a batch, which steps there are.
func said(live, p *flow.Program) []string {
	if live == nil {
		return append([]string{fmt.Sprintf("everything is new: %s, %s, %s, %s", count(len(p.Workflows), "workflow"),
			count(len(p.Sources), "source"), count(len(p.Systems), "system"), count(len(p.Entitlements), "entitlement"))}, final(nil, p)...)
	}
	before, after := sayings(live), sayings(p)
	var words []string
	for _, name := range slices.Sorted(maps.Keys(both(before, after))) {
		b, was := before[name]
		a, is := after[name]
		switch {
		case !was:
			words = append(words, name+" is new")
		case !is:
			words = append(words, name+" is gone")
		default:
			words = append(words, changed(name, b, a)...)
		}
	}
	words = append(words, final(live, p)...)
	if len(words) == 0 && live.Digest != p.Digest {
		words = []string{"the files differ, and nothing that they say"}
	}
	return words
}

// final tells which steps cannot be undone that could before, or were not
// there: a yes to the version approves that (rule 7).
func final(live, p *flow.Program) []string {
	steps := func(p *flow.Program) map[string]bool {
		all := map[string]bool{}
		if p == nil {
			return all
		}
		for name, wf := range p.Workflows {
			for i := range wf.Steps {
				if wf.Steps[i].Reverse == "irreversible" {
					all[fmt.Sprintf("what step %s of workflow %s does cannot be undone", wf.Steps[i].ID, name)] = true
				}
			}
		}
		return all
	}
	were, are := steps(live), steps(p)
	maps.DeleteFunc(are, func(says string, _ bool) bool { return were[says] })
	return slices.Sorted(maps.Keys(are))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func both[V any](a, b map[string]V) map[string]V {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// changed says how one definition differs: a line for each thing it says.
func changed(name string, before, after map[string]string) []string {
	var words []string
	for _, what := range slices.Sorted(maps.Keys(both(before, after))) {
		b, a := before[what], after[what]
		if b == a {
			continue
		}
		const brief = 160
		if len(b) > brief || len(a) > brief {
			words = append(words, fmt.Sprintf("%s: its %s is another one", name, what))
			continue
		}
		words = append(words, fmt.Sprintf("%s: %s was %s and is %s", name, what, cmp.Or(b, "none"), cmp.Or(a, "none")))
	}
	return words
}

// sayings gives what every definition says, in words, by its name.
func sayings(p *flow.Program) map[string]map[string]string {
	all := map[string]map[string]string{"the organisation": organisationSays(&p.Organisation)}
	for name, wf := range p.Workflows {
		all["workflow "+string(name)] = workflowSays(wf)
	}
	for name, s := range p.Sources {
		says := plain(s)
		delete(says, "Name")
		says["route"], says["bounds"] = route(s.Route), bounds(s.Bounds)
		all["source "+string(name)] = says
	}
	for name, s := range p.Systems {
		says := plain(s)
		delete(says, "Name")
		says["route"], says["bounds"] = route(s.Route), bounds(s.Bounds)
		all["system "+string(name)] = says
	}
	for name, r := range p.Rules {
		all["standing rule "+name] = ruleSays(r)
	}
	for key, e := range p.Entitlements {
		all[fmt.Sprintf("entitlement %s of %s", key.Name, key.System)] = map[string]string{
			"owner": e.Owner, "deputy": e.Deputy, "sensitivity": string(e.Sensitivity), "title": e.Title,
		}
	}
	return all
}

func organisationSays(o *flow.Organisation) map[string]string {
	says := map[string]string{
		"name": o.Name, "people": string(o.People), "escalation": strings.Join(o.Escalation, ", "), "shared": strings.Join(o.Shared, ", "),
		"acceptance": o.Acceptance.String(), "signers": digestIf(o.Signers), "channels": digestIf(o.Notify),
	}
	if o.Zone != nil {
		says["zone"] = o.Zone.String()
	}
	if o.SharedPattern != nil {
		says["shared pattern"] = o.SharedPattern.String()
	}
	for name, u := range o.Units {
		says["head of unit "+name], says["administrator of unit "+name] = u.Head, u.Administrator
	}
	for name, mail := range o.Operators {
		says["person of operator "+name] = mail
	}
	for _, s := range o.Signers {
		says["signing keys"] += s.Mail + " "
	}
	return says
}

func ruleSays(r *flow.Rule) map[string]string {
	b := &r.Bounds
	says := map[string]string{
		"owner": r.Owner, "deputy": r.Deputy, "case": string(r.Case), "because": r.Because,
		"approval beforehand": r.By + ", until " + r.Until.Format("2006-01-02"), "source": string(b.Source), "who": source(b.Who),
		"entitlements": fmt.Sprint(b.Entitlements), "systems": fmt.Sprint(b.Systems), "cases at once": strconv.Itoa(b.AtOnce),
		"uses": fmt.Sprintf("%d per %s", b.Uses.Max, b.Uses.Per), "longest": b.Longest.String(), "time": b.Within.String(),
		"told": strings.Join(r.Tell, ", "), "route": route(r.Route),
	}
	if v := r.Review; v != nil {
		says["review"] = fmt.Sprintf("within %s, by %s", v.Within, strings.Join(v.By, ", "))
	}
	for _, a := range r.Sealed {
		says["sealed account "+a.Account+" on "+string(a.System)] = "kept " + a.Kept
	}
	for _, s := range r.Steps {
		says["step "+s.ID] = strings.TrimSpace(fmt.Sprintf("%s after %s %s %v %s", s.Do, s.After, source(s.When), s.Systems, s.Hook))
	}
	return says
}

func workflowSays(wf *flow.Workflow) map[string]string {
	c := wf.Controls
	says := map[string]string{
		"owner": wf.Owner, "deputy": wf.Deputy, "control owner for provisioning": c.Provisioning, "control owner for revocation": c.Revocation,
		"control owner for exceptions": c.Exceptions, "designated control owner": c.Designated, "deputies": digestIf(c.Deputies),
		"source": string(wf.Source), "occasion": source(wf.When), "route": route(wf.Default), "bounds": bounds(wf.Bounds), "follows": fmt.Sprint(wf.Follows),
	}
	for category, r := range wf.Exceptions {
		says["route of "+string(category)] = route(r)
	}
	for i, r := range wf.Require {
		says[fmt.Sprintf("requirement %d", i+1)] = source(r.That) + ", or else " + string(r.Otherwise)
	}
	for i := range wf.Steps {
		step(says, &wf.Steps[i])
	}
	return says
}

// step adds what a step says, a clause for each part of it.
func step(says map[string]string, s *flow.Step) {
	add := func(what string, of any) {
		if text := fmt.Sprint(of); text != "" && text != "0s" && text != "[]" && text != "false" {
			says["step "+s.ID+": "+what] = text
		}
	}
	switch {
	case s.Account != nil:
		add("account on", s.Account.System)
		add("name", source(s.Account.Name))
		for _, name := range slices.Sorted(maps.Keys(s.Account.Attributes)) {
			add("attribute "+name, source(s.Account.Attributes[name]))
		}
		add("disabled", s.Account.Disabled)
	case s.Grant != nil:
		add("grant", source(s.Grant.Entitlement)+" on "+string(s.Grant.System))
	case s.Withdraw != nil:
		add("withdraw", fmt.Sprintf("accounts %s, grants %t, sessions %t, on %v", s.Withdraw.Accounts, s.Withdraw.Grants, s.Withdraw.Sessions, s.Withdraw.Systems))
	}
	add("when", source(s.When))
	if a := s.Approve; a != nil {
		add("approval", fmt.Sprintf("%d of %s within %s", a.Need, strings.Join(a.Of, ", "), a.Within))
	}
	add("expiry", s.Expires)
	add("confirmation within", s.Confirm)
	add("undoing", s.Reverse)
	add("after steps", fmt.Sprint(s.After))
	add("goes on when others stop", s.ContinueOnException)
}

// alters lists the steps that ask, under a version, for something that they do
// not ask for under what is live: they say something else, or their workflow
// has another occasion.
func alters(live, p *flow.Program) []string {
	if live == nil {
		return nil
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(p.Workflows)) {
		was, is := live.Workflows[name], p.Workflows[name]
		before := asks(was)
		for i := range is.Steps {
			if id := is.Steps[i].ID; was == nil || !maps.Equal(before[id], asks(is)[id]) {
				all = append(all, string(name)+"/"+id)
			}
		}
	}
	return all
}

// asks gives what each step of a workflow says, with what sets it off.
func asks(wf *flow.Workflow) map[string]map[string]string {
	all := map[string]map[string]string{}
	if wf == nil {
		return all
	}
	for i := range wf.Steps {
		says := map[string]string{"source": string(wf.Source), "occasion": source(wf.When)}
		step(says, &wf.Steps[i])
		all[wf.Steps[i].ID] = says
	}
	return all
}

func source(p *expr.Program) string {
	if p == nil {
		return ""
	}
	return p.Source()
}

func route(r onus.Route) string {
	return fmt.Sprintf("%s, %s each, then %s", r.To, r.Within, strings.Join(r.Then, ", "))
}

func bounds(b flow.Bounds) string {
	var says []string
	for _, l := range []struct {
		what string
		flow.Limit
	}{{"subjects", b.Subjects}, {"changes", b.Changes}, {"removals", b.Removals}, {"weight", b.Weight}} {
		if l.Max > 0 {
			says = append(says, fmt.Sprintf("%d %s per %s", l.Max, l.what, l.Per))
		}
	}
	if len(says) > 0 && b.Owner != "" {
		says = append(says, "to "+b.Owner)
	}
	return strings.Join(says, ", ")
}

// plain gives the fields of a definition as texts; what is more than one
// value is told apart by its digest, and never shown: settings may be long.
func plain(v any) map[string]string {
	data, err := json.Marshal(v)
	if err != nil {
		return map[string]string{"definition": err.Error()}
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		return map[string]string{"definition": err.Error()}
	}
	says := map[string]string{}
	for name, value := range fields {
		if name == "Route" || name == "Bounds" {
			continue
		}
		switch value := value.(type) {
		case string, float64, bool:
			says[strings.ToLower(name)] = fmt.Sprint(value)
		default:
			says[strings.ToLower(name)] = digestIf(value)
		}
	}
	return says
}

// digestIf stands for what is too much to show.
func digestIf(v any) string {
	data, err := json.Marshal(v)
	if err != nil || string(data) == "null" || string(data) == "{}" || string(data) == "[]" {
		return ""
	}
	return onus.DigestOf(data).Short() + strings.Repeat(" ", 160) // longer than what is shown
}
