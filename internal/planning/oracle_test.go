package planning_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
)

// A scene is a random identity under three workflows: "main", which is
// planned, "old", which main follows, and "foreign", which is none of its
// business.
type scene struct {
	*world
	wf       *flow.Workflow
	program  *flow.Program
	occasion onus.OccasionKind
	states   []statement

	overtook        bool // the subject left, and came back before that was carried out
	family, foreign []onus.WorkflowName
}

// A statement is what a step of main says, in the oracle's own form.
type statement struct {
	step, system, entitlement string
	holds                     bool
}

var (
	systems      = []onus.SystemName{"s1", "s2"}
	entitlements = []string{"", "e1", "e2", "e3"}
)

func drawScene(t *rapid.T) *scene {
	s := &scene{world: ana("", ""), wf: workflow("main")}
	s.wf.Follows = []onus.WorkflowName{"old"}
	s.occasion = rapid.SampledFrom([]onus.OccasionKind{onus.Joined, onus.Moved, onus.Changed, onus.Returned, onus.DateArrived}).Draw(t, "occasion")
	// Whoever left and came back before that was carried out holds what other
	// workflows gave them before; else those keep what is theirs.
	s.foreign, s.family = []onus.WorkflowName{"foreign"}, []onus.WorkflowName{"main", "old"}
	if s.occasion == onus.Returned && rapid.Bool().Draw(t, "came back before it was taken") {
		s.overtook, s.at, s.foreign, s.family = true, now, nil, []onus.WorkflowName{"main", "old", "foreign"}
	}
	s.identity.Attributes = onus.Attributes{"login": "ana.k"}
	for i := range 4 {
		if rapid.Bool().Draw(t, "attribute") {
			s.identity.Attributes[fmt.Sprintf("d%d", i)] = "x"
		}
	}
	for i := range rapid.IntRange(0, 7).Draw(t, "steps") {
		system, entitlement := rapid.SampledFrom(systems).Draw(t, "system"), rapid.SampledFrom(entitlements).Draw(t, "entitlement")
		id := fmt.Sprintf("st%d", i%4) // the names of old's steps, too
		if slices.ContainsFunc(s.states, func(x statement) bool { return x.step == id }) {
			id = fmt.Sprintf("own%d", i)
		}
		if entitlement == "" && slices.ContainsFunc(s.states, func(x statement) bool { return x.entitlement == "" && x.system == string(system) }) {
			continue // the compiler refuses two account steps that fight
		}
		var step flow.Step
		if entitlement == "" {
			step = accountStep(id, system, "login=subject.login")
			step.Reverse = rapid.SampledFrom([]string{"disable", "absent"}).Draw(t, "reverse")
		} else {
			step = grantStep(id, "", system, entitlement)
		}
		attribute := fmt.Sprintf("d%d", i%4)
		if rapid.Bool().Draw(t, "conditional") {
			step.When = condition(`subject.` + attribute + ` == "x"`)
		} else {
			attribute = ""
		}
		s.wf.Steps = append(s.wf.Steps, step)
		s.states = append(s.states, statement{id, string(system), entitlement, attribute == "" || s.identity.Attributes[attribute] == "x"})
	}
	s.program = program(s.wf)
	for _, system := range systems {
		for _, entitlement := range entitlements[1:] {
			key := flow.EntitlementKey{System: system, Name: entitlement}
			s.program.Entitlements[key] = &flow.Entitlement{EntitlementKey: key, Sensitivity: onus.Low}
		}
		if rapid.Bool().Draw(t, "account") {
			s.has(system, "")
			s.account(system).Enabled = rapid.Bool().Draw(t, "enabled")
			s.account(system).Attributes = onus.Attributes{"login": "ana.k"}
		}
		for _, entitlement := range entitlements {
			if !rapid.Bool().Draw(t, "known") {
				continue
			}
			g := s.grant(system, entitlement)
			if a := s.account(system); a != nil {
				g.Account, g.Observed = a.Ref, entitlement == "" || rapid.Bool().Draw(t, "observed")
			}
			if entitlement != "" {
				g.Path = rapid.SampledFrom([]onus.Path{onus.Direct, onus.Direct, onus.Direct, onus.Inherited, onus.OtherGrantor}).Draw(t, "path")
			}
			names := []string{"main/st0", "main/gone", "old/st0", "old/st1", "foreign/st0"}
			for _, x := range s.states { // rather the steps that it is about
				if x.system == string(system) && x.entitlement == entitlement {
					names = append(names, "main/"+x.step, "old/"+x.step)
				}
			}
			slices.Sort(names)
			names = slices.Compact(names)
			for i, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 3, rapid.ID).Draw(t, "warrants") {
				wf, step, _ := strings.Cut(name, "/")
				w := onus.Warrant{Workflow: onus.WorkflowName(wf), Step: step, Since: now.Add(-40 * day)}
				at := now.Add(-time.Duration(1+i) * day)
				switch rapid.IntRange(0, 5).Draw(t, "fate") {
				case 0, 1: // in force
				case 2:
					w.Until = now.Add(time.Duration(1+i) * day)
				case 3: // its expiry is due
					w.Until = at
				case 4:
					w.Until, w.Ended, w.EndedBy = at, at, planning.Expired
				case 5:
					w.Ended, w.EndedBy = at, "run-7"
				}
				g.Warrants = append(g.Warrants, w)
			}
		}
	}
	return s
}

// The oracle. It knows sets and no plans.

type thing struct{ system, entitlement string }

// stated is what the steps that hold say, less what ran out.
func (s *scene) stated() map[thing][]string {
	out := map[thing][]string{}
	for _, x := range s.states {
		if x.holds && !s.ranOut(thing{x.system, x.entitlement}, x.step) {
			out[thing{x.system, x.entitlement}] = append(out[thing{x.system, x.entitlement}], x.step)
		}
	}
	return out
}

func (s *scene) ranOut(of thing, step string) bool {
	if s.occasion == onus.Joined || s.occasion == onus.Returned {
		return false
	}
	verdict, at := false, time.Time{}
	for _, w := range s.warrants(of) {
		if w.Step != step || w.Workflow == "foreign" {
			continue
		}
		end := w.Ended
		if end.IsZero() {
			if w.Until.IsZero() || w.Until.After(s.now) {
				return false
			}
			end = w.Until
		}
		if end.After(at) {
			verdict, at = w.EndedBy != "run-7", end
		}
	}
	return verdict
}

func (s *scene) warrants(of thing) []onus.Warrant {
	for _, g := range s.grants {
		if string(g.System) == of.system && g.Entitlement == of.entitlement {
			return g.Warrants
		}
	}
	return nil
}

// inherited says whether what is seen comes through a parent: then it goes
// with that, and nobody can take it away here.
func (s *scene) inherited(of thing) bool {
	return slices.ContainsFunc(s.grants, func(g onus.Grant) bool {
		return string(g.System) == of.system && g.Entitlement == of.entitlement && g.Observed && g.Path == onus.Inherited
	})
}

// live says whether one of the workflows warrants the thing now.
func (s *scene) live(of thing, workflows ...onus.WorkflowName) bool {
	return slices.ContainsFunc(s.warrants(of), func(w onus.Warrant) bool {
		return slices.Contains(workflows, w.Workflow) && w.Ended.IsZero() && (w.Until.IsZero() || w.Until.After(s.now))
	})
}

// shape is what a world holds: accounts and their state, grants, reasons.
type shape struct {
	Accounts map[string]string // "enabled", "disabled"
	Grants   map[thing]bool
	Reasons  []string
}

func (w *world) shape() shape {
	out := shape{map[string]string{}, map[thing]bool{}, w.reasons()}
	for _, a := range w.accounts {
		out.Accounts[string(a.System)] = map[bool]string{true: "enabled", false: "disabled"}[a.Enabled]
	}
	for _, g := range w.grants {
		if g.Observed && g.Entitlement != "" {
			out.Grants[thing{string(g.System), g.Entitlement}] = true
		}
	}
	return out
}

// should is what must be left, or why there can be no plan.
func (s *scene) should() (want shape, refusal onus.Category) {
	want = s.shape()
	stated := s.stated()
	reasons := map[string]bool{}
	for _, r := range want.Reasons {
		reasons[r] = true
	}
	for _, system := range []string{"s1", "s2"} {
		account := thing{system, ""}
		accountRanOut := slices.ContainsFunc(s.states, func(x statement) bool {
			return x.holds && x.system == system && x.entitlement == "" && s.ranOut(account, x.step)
		})
		_, has := want.Accounts[system]
		hasOne := has || len(stated[account]) > 0
		needed := false
		for _, e := range entitlements[1:] {
			of := thing{system, e}
			switch {
			case len(stated[of]) > 0 && hasOne:
				want.Grants[of] = true
			case len(stated[of]) > 0 && !accountRanOut:
				return want, onus.Unresolvable
			case len(stated[of]) > 0, s.live(of, s.foreign...):
			case s.live(of, s.family...) && !s.inherited(of):
				delete(want.Grants, of)
			}
			needed = needed || len(stated[of]) > 0 || s.live(of, s.foreign...)
			s.settle(reasons, of, stated[of], hasOne)
		}
		switch {
		case len(stated[account]) > 0:
			want.Accounts[system] = "enabled"
		case needed:
			continue // its reasons stay as they are, too
		case s.live(account, s.foreign...) || !s.live(account, s.family...) || !has:
		default:
			want.Accounts[system] = "disabled"
			if s.removes(account) {
				delete(want.Accounts, system)
				for _, e := range entitlements[1:] {
					delete(want.Grants, thing{system, e})
				}
			}
		}
		s.settle(reasons, account, stated[account], true)
	}
	want.Reasons = slices.Sorted(maps.Keys(reasons))
	return want, ""
}

// settle leaves main's warrants of the steps that state the thing, and
// foreign ones.
func (s *scene) settle(reasons map[string]bool, of thing, steps []string, given bool) {
	name := of.entitlement
	if name == "" {
		name = "account"
	}
	for _, w := range s.warrants(of) {
		if w.Workflow == "old" || w.Workflow == "foreign" && s.overtook || (w.Workflow == "main" && !slices.Contains(steps, w.Step)) {
			delete(reasons, fmt.Sprintf("%s %s: %s/%s", of.system, name, w.Workflow, w.Step))
		}
	}
	for _, step := range steps {
		if given {
			reasons[fmt.Sprintf("%s %s: main/%s", of.system, name, step)] = true
		}
	}
}

// removes says whether the step that warranted the account first, in order of
// workflow and step, says that undoing it removes it.
func (s *scene) removes(account thing) bool {
	var names []string
	for _, w := range s.warrants(account) {
		if slices.Contains(s.family, w.Workflow) && w.Ended.IsZero() && (w.Until.IsZero() || w.Until.After(s.now)) {
			names = append(names, string(w.Workflow)+"/"+w.Step)
		}
	}
	slices.Sort(names)
	for i := range s.wf.Steps {
		if "main/"+s.wf.Steps[i].ID == names[0] {
			return s.wf.Steps[i].Reverse == "absent"
		}
	}
	return false
}
