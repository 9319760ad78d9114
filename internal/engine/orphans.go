package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// tendOrphans takes accounts that nobody answers for a step further on their
// way out, as the standing rules say: those with no identity, and those of
// machine identities without a sponsor who is there.
func (e *Engine) tendOrphans(ctx context.Context, roster Roster) error {
	var moves []*strides
	err := e.Store.View(ctx, func(r store.Reader) error {
		moves = nil
		standing, err := handlingsOf(ctx, r, onus.OrphanCase)
		if err != nil || len(standing) == 0 && len(e.Program.RulesFor(onus.OrphanCase)) == 0 {
			return err
		}
		look := &docket{e: e, r: r, hunt: hunt{e: e, r: r}, under: map[string]int{}}
		if look.at, err = e.inCharge(ctx, r, roster, e.Now()); err != nil {
			return err
		}
		for _, c := range standing {
			if err := look.tend(ctx, c); err != nil {
				return err
			}
		}
		if err := look.takeUpMore(ctx); err != nil {
			return err
		}
		moves = look.moves
		return nil
	})
	if err != nil {
		return err
	}
	return e.commitStrides(ctx, moves)
}

// tend takes a case that stands one step further, or stops it.
func (d *docket) tend(ctx context.Context, c underway) error {
	s := &strides{was: c.event}
	d.moves = append(d.moves, s)
	rule, why, err := d.stays(ctx, &c.Handling)
	switch {
	case err != nil:
		return err
	case why != "":
		s.stop(c.Handling, why)
		return nil
	}
	d.under[c.Rule]++
	if d.at.standingOf(rule).State == onus.RuleLapsed {
		return nil // it waits for somebody to approve the rule anew
	}
	use, err := d.use(ctx, &c.Handling)
	if err != nil {
		return err
	}
	return d.e.stepOn(ctx, d.r, s, rule, c.Handling, use, true)
}

// stays gives the rule of a case, or says why it goes no further.
func (d *docket) stays(ctx context.Context, h *onus.Handling) (*flow.Rule, string, error) {
	rule := d.at.program.Rules[h.Rule]
	if rule == nil || rule.Case != onus.OrphanCase || !rule.Bounds.On(h.System) {
		return nil, "rule " + h.Rule + " is not about it any more", nil
	}
	why, err := d.e.answeredFor(ctx, d.r, h)
	if err == nil && why == "" && h.Identity != "" {
		why, err = d.e.sponsored(ctx, d.r, d.at, h.Identity)
	}
	return rule, why, err
}

// answeredFor says why an account is none that nobody answers for, or not to
// be touched; "": it is one.
func (e *Engine) answeredFor(ctx context.Context, r store.Reader, h *onus.Handling) (string, error) {
	a, known, err := store.Accounts.Lookup(ctx, r, store.AccountID(h.System, h.Account))
	removed := slices.ContainsFunc(h.Steps, func(s onus.Handled) bool { return s.Do == onus.RuleRemove })
	switch {
	case err != nil:
		return "", err
	case !known || a.Gone && !removed:
		return "the account is not there any more", nil
	case removed && a.Gone:
		return "", nil
	case a.Identity != h.Identity && a.Identity != "":
		return "its owner was found: it is " + string(a.Identity) + "'s", nil
	case a.Identity != h.Identity:
		return "it is nobody's any more", nil
	}
	if rule := e.sealedBy(a.System, a.Name); rule != "" {
		return "rule " + rule + " keeps it sealed for when Onus is down", nil
	}
	if onus.IsCanary(a.Identity) || e.canaryNamed(a.Name) {
		return "it is a drill's canary", nil
	}
	for _, s := range h.Steps {
		if s.Do == onus.RuleDisable && !s.Done.IsZero() && a.Enabled {
			return "it was enabled again since it was disabled: whoever did that may know whose it is", nil
		}
	}
	if h.Identity != "" {
		return "", nil
	}
	f, known, err := store.Findings.Lookup(ctx, r, h.Finding)
	switch {
	case err != nil || !known:
		return "", err
	case f.State == onus.FindingAccepted:
		return fmt.Sprintf("%s accepted it: %s", f.Person, f.Reason), nil
	case f.State == onus.FindingOrdered && f.By != onus.Engine:
		return fmt.Sprintf("%s chose to %s it: %s", f.Person, f.Repair, f.Reason), nil
	}
	return "", nil
}

// sponsored says who answers for a machine identity; "": nobody does.
func (e *Engine) sponsored(ctx context.Context, r store.Reader, at inCharge, id onus.IdentityID) (string, error) {
	who, err := store.Identities.Get(ctx, r, string(id))
	switch {
	case err != nil:
		return "", err
	case who.Kind != onus.NonHuman || who.State != onus.Active:
		return "it is not of a machine identity that is in use", nil
	case !at.unsponsored(id):
		return "its machine identity has a sponsor who is there", nil
	}
	return "", nil
}

// takeUpMore takes up what no rule is at yet.
func (d *docket) takeUpMore(ctx context.Context) error {
	var rules []*flow.Rule
	for _, rule := range d.at.program.RulesFor(onus.OrphanCase) {
		if d.at.standingOf(rule).State != onus.RuleLapsed {
			rules = append(rules, rule)
		}
	}
	if len(rules) == 0 {
		return nil
	}
	cases, err := d.e.nobodys(ctx, d.r, d.at)
	if err != nil {
		return err
	}
	for _, h := range cases {
		if err := d.takeUp(ctx, rules, h); err != nil {
			return err
		}
	}
	return nil
}

func (d *docket) takeUp(ctx context.Context, rules []*flow.Rule, h onus.Handling) error {
	earlier, err := store.Handlings.Find(ctx, d.r, "account", store.AccountID(h.System, h.Account))
	if err != nil || slices.ContainsFunc(earlier, func(x onus.Handling) bool {
		again := x.Since.Equal(h.Since) && x.State != onus.HandlingStands && h.Identity == ""
		return x.Case == onus.OrphanCase && x.Identity == h.Identity && (x.State == onus.HandlingStands || x.Overruled || again)
	}) {
		return err
	}
	use, err := d.use(ctx, &h)
	if err != nil {
		return err
	}
	for _, rule := range rules {
		if planning.Nobodys(d.at.program, rule) != (h.Identity == "") || !rule.Bounds.On(h.System) {
			continue
		}
		if why, err := d.outside(ctx, rule, use); err != nil || len(why) > 0 {
			if err != nil {
				return err
			}
			continue
		}
		if h.Leads, err = d.hunt.leads(ctx, &h); err != nil {
			return err
		}
		h.Answers = d.at.Preapproved(rule).Mail
		h.Tell = hearOfRule(d.at, rule, &h)
		s := takeUp(rule, h, d.at)
		d.moves = append(d.moves, s)
		d.under[rule.Name]++
		return d.e.stepOn(ctx, d.r, s, rule, s.now(h), use, true)
	}
	return nil
}

// nobodys lists the accounts that nobody answers for, each as the case that a
// rule could take up: by when they came up.
func (e *Engine) nobodys(ctx context.Context, r store.Reader, at inCharge) ([]onus.Handling, error) {
	var all []onus.Handling
	for name := range at.program.Systems {
		for row, err := range r.Find(ctx, store.Is(store.Findings.Name, "standing", string(name))) {
			if err != nil {
				return nil, err
			}
			f, err := store.Findings.Of(row)
			if err != nil {
				return nil, err
			}
			if f.Kind == onus.Appeared && f.State == onus.FindingOpen && f.Entitlement == "" && f.Identity == "" {
				all = append(all, onus.Handling{System: f.System, Account: f.Account, Name: f.Name, Finding: f.ID, Since: f.Found})
			}
		}
	}
	for row, err := range r.Find(ctx, store.Query{Kind: store.Identities.Name, Key: "sponsor", To: "\U0010ffff"}) {
		if err != nil {
			return nil, err
		}
		who, err := store.Identities.Of(row)
		if err != nil {
			return nil, err
		}
		if who.Kind != onus.NonHuman || who.State != onus.Active || !at.unsponsored(who.ID) {
			continue
		}
		accounts, err := store.Accounts.Find(ctx, r, "identity", string(who.ID))
		if err != nil {
			return nil, err
		}
		for _, a := range accounts {
			if !a.Gone && a.Enabled {
				all = append(all, onus.Handling{System: a.System, Account: a.Ref, Name: a.Name, Identity: who.ID, Since: at.At})
			}
		}
	}
	kept := all[:0]
	for _, h := range all {
		why, err := e.answeredFor(ctx, r, &h)
		if err != nil {
			return nil, err
		}
		if why == "" {
			kept = append(kept, h)
		}
	}
	slices.SortFunc(kept, func(a, b onus.Handling) int { // who waits longest comes first where not all may
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(store.AccountID(a.System, a.Account), store.AccountID(b.System, b.Account)))
	})
	return kept, nil
}

// answeredMeanwhile says whether what a run of a standing rule is to take has
// somebody who answers for it since its plan was made, or its leaver is back.
func (e *Engine) answeredMeanwhile(ctx context.Context, r store.Reader, l *live) (bool, error) {
	if !l.run.Workflow.ByRule() {
		return false, nil
	}
	o, known, err := store.Occasions.Lookup(ctx, r, l.run.Occasion)
	if err != nil || !known || o.Kind != onus.Ruled {
		return false, err
	}
	h, err := store.Handlings.Get(ctx, r, o.Handling)
	switch {
	case err != nil || h.State == onus.HandlingStopped:
		return err == nil, err
	case h.Case == onus.LateCase:
		who, err := store.Identities.Get(ctx, r, string(h.Identity))
		return who.State != onus.Left, err
	}
	why, err := e.answeredFor(ctx, r, &h)
	return why != "", err
}

// canaryNamed says whether drills use accounts of that name.
func (e *Engine) canaryNamed(name string) bool {
	for _, wf := range e.Program.Workflows {
		if wf.Drill != nil && slices.ContainsFunc(wf.Drill.Canaries, func(c flow.Canary) bool { return c.Login == name }) {
			return true
		}
	}
	return false
}
