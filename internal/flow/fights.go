package flow

import (
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow/expr"
)

// order checks ids and the order of steps, and adds what goes without saying:
// a grant waits for the account it is given to.
func (sc *scope) order(shapes []stepShape) {
	steps := sc.workflow.Steps
	at := map[string]int{}
	for i := range steps {
		if !shapes[i].ID.ok() {
			continue
		}
		if _, twice := at[steps[i].ID]; twice {
			sc.fault(shapes[i].ID.place, "there are two steps with the id "+steps[i].ID, "rename one of them")
			continue
		}
		at[steps[i].ID] = i
	}
	ids := sortedKeys(at)
	for i := range steps {
		for _, t := range shapes[i].After {
			if _, known := at[t.value]; t.ok() && !known {
				sc.fault(t.place, "unknown step "+oneLine(t.value), nearHint(t.value, ids))
			}
		}
		if steps[i].Grant == nil {
			continue
		}
		for j := range steps {
			if a := steps[j].Account; a != nil && !a.Disabled && a.System == steps[i].Grant.System && !slices.Contains(steps[i].After, steps[j].ID) {
				steps[i].After = append(steps[i].After, steps[j].ID)
			}
		}
	}
	const fresh, open, done = 0, 1, 2
	state := make([]int, len(steps))
	var path []string
	var visit func(i int)
	visit = func(i int) {
		state[i] = open
		path = append(path, steps[i].ID)
		for _, id := range steps[i].After {
			j, known := at[id]
			switch {
			case !known || state[j] == done:
			case state[j] == open:
				round := append(slices.Clone(path[slices.Index(path, id):]), id)
				sc.fault(shapes[i].place, "steps wait for each other: "+strings.Join(round, " after "), "take one of them out of after; a grant waits for its account by itself")
			default:
				visit(j)
			}
		}
		path = path[:len(path)-1]
		state[i] = done
	}
	for i := range steps {
		if state[i] == fresh {
			visit(i)
		}
	}
}

// fights finds steps that want different things of one account or grant under
// conditions that can hold together.
func (sc *scope) fights(shapes []stepShape) {
	steps := sc.workflow.Steps
	for j := range steps {
		for i := range j {
			what, hint := fight(&steps[i], &steps[j])
			if what == "" || steps[i].ID == steps[j].ID || apart(&steps[i], &steps[j], &shapes[i], &shapes[j]) {
				continue
			}
			sc.fault(shapes[j].place, shapes[j].noun()+" and step "+steps[i].ID+" fight over "+what, hint)
		}
	}
}

// apart says whether two steps never apply together, as far as can be told.
// A condition that could not be read keeps them apart: it was reported.
func apart(a, b *Step, sa, sb *stepShape) bool {
	if (sa.When.there() && a.When == nil) || (sb.When.there() && b.When == nil) {
		return true
	}
	return a.When != nil && b.When != nil && expr.Exclusive(a.When, b.When)
}

// fight says what two steps disagree about, or "".
func fight(a, b *Step) (what, hint string) {
	const apartHint = "give them conditions that exclude each other, as in when: 'subject.grade >= 4' and when: 'subject.grade < 4'"
	switch {
	case a.Account != nil && b.Account != nil:
		if a.Account.System == b.Account.System {
			return "the account on " + string(a.Account.System), apartHint
		}
	case a.Grant != nil && b.Grant != nil:
		if a.Grant.System == b.Grant.System && a.Grant.Constant != "" && a.Grant.Constant == b.Grant.Constant {
			return a.Grant.Constant + " on " + string(a.Grant.System), "keep one of them; " + apartHint
		}
	case a.Withdraw != nil && b.Withdraw != nil:
		if a.Withdraw.Accounts != b.Withdraw.Accounts {
			if s, ok := common(a.Withdraw, b.Withdraw); ok {
				return "the account on " + s, apartHint
			}
		}
	case a.Withdraw != nil:
		return fight(b, a)
	case b.Withdraw != nil && a.Account != nil:
		if covers(b.Withdraw, a.Account.System) && (!a.Account.Disabled || b.Withdraw.Accounts == absent) {
			return "the account on " + string(a.Account.System), "one says it is there, the other that it is " + b.Withdraw.Accounts + "; " + apartHint
		}
	case b.Withdraw != nil && a.Grant != nil:
		if covers(b.Withdraw, a.Grant.System) {
			thing := a.Grant.Constant
			if thing == "" {
				thing = "what is granted"
			}
			return thing + " on " + string(a.Grant.System), "one gives it, the other takes everything away; " + apartHint
		}
	}
	return "", ""
}

func covers(w *WithdrawStep, system onus.SystemName) bool {
	return len(w.Systems) == 0 || slices.Contains(w.Systems, system)
}

func common(a, b *WithdrawStep) (string, bool) {
	if len(a.Systems) == 0 && len(b.Systems) == 0 {
		return "every system", true
	}
	for _, s := range append(slices.Clone(a.Systems), b.Systems...) {
		if covers(a, s) && covers(b, s) {
			return string(s), true
		}
	}
	return "", false
}
