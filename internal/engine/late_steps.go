package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
)

// tendLate takes the steps that standing rules foresee for what leavers still
// have past the deadline. They come beside what the leaver's own run does, and
// wait for nothing that holds that up.
func (e *Engine) tendLate(ctx context.Context, roster Roster) error {
	var d *docket
	var dead []deadHook
	err := e.Store.View(ctx, func(r store.Reader) error {
		d, dead = &docket{e: e, r: r, under: map[string]int{}}, nil
		standing, err := handlingsOf(ctx, r, onus.LateCase)
		steps := slices.ContainsFunc(e.Program.RulesFor(onus.LateCase), func(rule *flow.Rule) bool { return len(rule.Steps) > 0 })
		if err != nil || len(standing) == 0 && !steps {
			return err
		}
		if d.at, err = e.inCharge(ctx, r, roster, e.Now()); err != nil {
			return err
		}
		late, err := e.remainders(ctx, r, d.at, true)
		if err != nil {
			return err
		}
		left := map[string]bool{}
		for _, m := range late {
			left[m.key()] = true
		}
		for _, c := range standing {
			if err := d.tendLate(ctx, c, left[string(c.Identity)+"/"+string(c.System)]); err != nil {
				return err
			}
			if dead, err = deadHooks(ctx, r, &c.Handling, dead); err != nil {
				return err
			}
		}
		for i := range late {
			if err := d.takeUpLate(ctx, &late[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := e.commitStrides(ctx, d.moves); err != nil {
		return err
	}
	return e.askAboutHooks(ctx, dead)
}

// tendLate takes one case further. Of a leaver who is out by now nothing more
// is begun; what was asked is still waited for.
func (d *docket) tendLate(ctx context.Context, c underway, late bool) error {
	s := &strides{was: c.event}
	d.moves = append(d.moves, s)
	rule := d.at.program.Rules[c.Rule]
	if rule == nil || rule.Case != onus.LateCase {
		s.stop(c.Handling, "rule "+c.Rule+" is not about it any more")
		return nil
	}
	d.under[c.Rule]++
	if !late || d.at.standingOf(rule).State == onus.RuleLapsed {
		only := *rule
		only.Steps = slices.DeleteFunc(slices.Clone(rule.Steps), func(st flow.RuleStep) bool {
			_, taken := c.Step(st.ID)
			return !taken
		})
		if late && len(only.Steps) < len(rule.Steps) {
			return nil // it waits for somebody to approve the rule anew
		}
		rule = &only
	}
	use, err := d.use(ctx, &c.Handling)
	if err != nil {
		return err
	}
	return d.e.stepOn(ctx, d.r, s, rule, c.Handling, use, false)
}

// takeUpLate takes up what one leaver still has on one system, account by
// account, unless a rule was at it already.
func (d *docket) takeUpLate(ctx context.Context, m *Remainder) error {
	rule := d.at.program.Rules[m.Rule]
	if len(rule.Steps) == 0 {
		return nil
	}
	accounts, err := store.Accounts.Find(ctx, d.r, "identity", string(m.Identity))
	if err != nil {
		return err
	}
	for _, a := range accounts {
		if a.System != m.System || a.Gone {
			continue
		}
		h := onus.Handling{System: a.System, Account: a.Ref, Name: a.Name, Identity: m.Identity, Since: m.Deadline, Answers: d.at.Preapproved(rule).Mail}
		earlier, err := store.Handlings.Find(ctx, d.r, "account", store.AccountID(a.System, a.Ref))
		if err != nil {
			return err
		}
		if slices.ContainsFunc(earlier, func(x onus.Handling) bool {
			return x.Case == onus.LateCase && x.Identity == m.Identity && (x.State == onus.HandlingStands || x.Since.Equal(m.Deadline))
		}) {
			continue
		}
		use, err := d.use(ctx, &h)
		if err != nil {
			return err
		}
		why, err := d.outside(ctx, rule, use)
		if err != nil {
			return err
		}
		if len(why) > 0 {
			continue // whoever has the exception about it acts
		}
		h.Tell = hearOfRule(d.at, rule, &h)
		s := takeUp(rule, h, d.at)
		d.moves = append(d.moves, s)
		d.under[rule.Name]++
		if err := d.e.stepOn(ctx, d.r, s, rule, s.now(h), use, false); err != nil {
			return err
		}
	}
	return nil
}

// boundByRule says whether what runs under a name is held by a rule's own
// bounds, and so by nobody else's: a rule for late access that says how often
// it may act is there for when the usual guards hold leavers up.
func (e *Engine) boundByRule(name onus.WorkflowName) bool {
	for _, rule := range e.Program.RulesFor(onus.LateCase) {
		if onus.UnderRule(rule.Name) == name {
			return e.boundsItself(rule.Name)
		}
	}
	return false
}

func (e *Engine) boundsItself(rule string) bool {
	r := e.Program.Rules[rule]
	return r != nil && r.Bounds.Uses.Max > 0
}

// HookRound is the round of what a hook is told about a step.
func HookRound(step string) string { return "hook " + step }

// askedHook gives the notice by which a hook was asked for a step.
func askedHook(ctx context.Context, r store.Reader, h *onus.Handling, did onus.Handled) (onus.Notice, bool, error) {
	told, err := store.Notices.Find(ctx, r, "about", store.Handlings.Name+"/"+h.ID)
	if err != nil {
		return onus.Notice{}, false, err
	}
	for _, n := range told {
		if n.Channel == did.Hook && n.Person == "" && slices.ContainsFunc(n.About, func(m onus.Matter) bool { return m.ID == h.ID && m.Round == HookRound(did.Step) }) {
			return n, true, nil
		}
	}
	return onus.Notice{}, false, nil
}

// A deadHook is a step that its hook did not take, although it was asked as
// often as anything is.
type deadHook struct {
	h      onus.Handling
	step   string
	hook   string
	notice onus.Notice
}

func deadHooks(ctx context.Context, r store.Reader, h *onus.Handling, dead []deadHook) ([]deadHook, error) {
	for _, did := range h.Steps {
		if did.Hook == "" || !did.Done.IsZero() {
			continue
		}
		n, known, err := askedHook(ctx, r, h, did)
		if err != nil {
			return nil, err
		}
		if known && (n.State == onus.NoticeDead || n.State == onus.NoticeSent) {
			dead = append(dead, deadHook{*h, did.Step, did.Hook, n})
		}
	}
	return dead, nil
}

// askAboutHooks opens an exception of the rule's owner for every step that its
// hook did not take, and closes it when it has.
func (e *Engine) askAboutHooks(ctx context.Context, dead []deadHook) error {
	for _, d := range dead {
		err := e.Store.Update(ctx, func(tx store.Tx) error {
			group := "hook of " + d.h.Rule + ", step " + d.step + ": " + d.h.ID
			if d.notice.State == onus.NoticeSent {
				return e.Clear(ctx, tx, group)
			}
			id := hookException(&d.h, d.step, d.notice)
			if _, known, err := store.Exceptions.Lookup(ctx, tx, id); err != nil || known {
				return err
			}
			return e.open(ctx, tx, onus.Exception{
				ID: id, Category: onus.Unconfirmed, Group: group, Identity: d.h.Identity, System: d.h.System, Route: e.ruleRoute(d.h.Rule),
				Message: fmt.Sprintf("step %s of standing rule %s was not taken over: the hook %s did not take it (%s)", d.step, d.h.Rule, d.hook, strings.TrimSpace(d.notice.Error)),
				Hint:    "see what is wrong with the hook, then onus notify retry " + d.notice.ID + "; or have it done by hand, and override with the reason",
			}, "")
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// hookException is the ID of the exception about a step that its hook did not
// take: one for each time that it was given up.
func hookException(h *onus.Handling, step string, n onus.Notice) string {
	return onus.ID("exc", "hook", h.ID, step, n.ID, store.Stamp(n.Ended))
}

// hookOver says whether nothing more comes of asking a hook, and what it
// answered, or who decided otherwise.
func hookOver(ctx context.Context, r store.Reader, h *onus.Handling, did onus.Handled) (over bool, says string, err error) {
	n, known, err := askedHook(ctx, r, h, did)
	switch {
	case err != nil || !known:
		return false, "", err
	case n.State == onus.NoticeSent:
		return true, "the hook answered " + n.Receipt, nil
	case n.State != onus.NoticeDead:
		return false, "", nil
	}
	x, known, err := store.Exceptions.Lookup(ctx, r, hookException(h, did.Step, n))
	if err != nil || !known || x.State == onus.ExceptionOpen || x.Decided == nil {
		return false, "", err
	}
	return true, fmt.Sprintf("the hook did not take it, and %s decided: %s", x.Decided.Person, x.Decided.Reason), nil
}
