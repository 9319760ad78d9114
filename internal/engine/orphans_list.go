package engine

import (
	"context"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// An Orphan is an account that nobody answers for, with what a standing rule
// did about it, and what comes next.
type Orphan struct {
	onus.Handling

	Next string        `json:"next,omitempty"` // the step that comes next; empty: none does by itself
	Do   onus.RuleDeed `json:"do,omitempty"`   // what it does
	Due  time.Time     `json:"due,omitzero"`
	Why  []string      `json:"why_not,omitempty"` // why no rule goes on with it
	Runs []onus.RunID  `json:"runs,omitempty"`    // that carry its steps out
}

// Orphans lists the accounts that nobody answers for, those that a rule is at
// first.
func (e *Engine) Orphans(ctx context.Context, roster Roster) (all []Orphan, err error) {
	err = e.Store.View(ctx, func(r store.Reader) error {
		all = []Orphan{}
		look := &docket{e: e, r: r, under: map[string]int{}}
		if look.at, err = e.inCharge(ctx, r, roster, e.Now()); err != nil {
			return err
		}
		standing, err := handlingsOf(ctx, r, onus.OrphanCase)
		if err != nil {
			return err
		}
		taken := map[string]bool{}
		for _, c := range standing {
			taken[store.AccountID(c.System, c.Account)] = true
			look.under[c.Rule]++
			o, err := look.next(ctx, c.Handling)
			if err != nil {
				return err
			}
			all = append(all, o)
		}
		cases, err := e.nobodys(ctx, r, look.at)
		if err != nil {
			return err
		}
		for _, h := range cases {
			if taken[store.AccountID(h.System, h.Account)] {
				continue
			}
			o, err := look.notTaken(ctx, h)
			if err != nil {
				return err
			}
			all = append(all, o)
		}
		return nil
	})
	return all, err
}

// next says what comes next of a case that a rule is at.
func (d *docket) next(ctx context.Context, h onus.Handling) (Orphan, error) {
	all := Orphan{Handling: h}
	for _, s := range h.Steps {
		runs, err := store.Runs.Find(ctx, d.r, "occasion", s.Occasion)
		if err != nil {
			return all, err
		}
		for i := range runs {
			if s.Occasion != "" {
				all.Runs = append(all.Runs, runs[i].ID)
			}
		}
	}
	rule, why, err := d.stays(ctx, &h)
	if err != nil {
		return all, err
	}
	if why != "" {
		all.Why = append(all.Why, why)
		return all, nil
	}
	if st := d.at.standingOf(rule); st.State == onus.RuleLapsed {
		all.Why = append(all.Why, st.Why)
		return all, nil
	}
	use, err := d.use(ctx, &h)
	if err != nil {
		return all, err
	}
	steps, err := applying(rule, &h, use)
	if err != nil {
		all.Why = append(all.Why, err.Error())
		return all, nil
	}
	for _, s := range steps {
		did, taken := h.Step(s.ID)
		if taken && !did.Done.IsZero() {
			continue
		}
		all.Next, all.Do, all.Due = s.ID, s.Do, h.Since.Add(s.After)
		if why := d.e.cannotStep(s, &h); why != "" && !taken {
			all.Why = append(all.Why, why)
		}
		break
	}
	return all, nil
}

// notTaken says why no rule takes an account up.
func (d *docket) notTaken(ctx context.Context, h onus.Handling) (Orphan, error) {
	all := Orphan{Handling: h}
	earlier, err := store.Handlings.Find(ctx, d.r, "account", store.AccountID(h.System, h.Account))
	if err != nil {
		return all, err
	}
	for _, x := range earlier {
		if x.Case == onus.OrphanCase && x.Identity == h.Identity && x.Overruled {
			all.Why = append(all.Why, x.Why)
			return all, nil
		}
	}
	use, err := d.use(ctx, &h)
	if err != nil {
		return all, err
	}
	for _, rule := range d.at.program.RulesFor(onus.OrphanCase) {
		switch st := d.at.standingOf(rule); {
		case planning.Nobodys(d.at.program, rule) != (h.Identity == "") || !rule.Bounds.On(h.System):
			continue
		case st.State == onus.RuleLapsed:
			all.Why = append(all.Why, rule.Name+": "+st.Why)
			continue
		}
		why, err := d.outside(ctx, rule, use)
		if err != nil {
			return all, err
		}
		if len(why) == 0 {
			all.Next, all.Why = "", []string{rule.Name + " takes it up with the next cycle"}
			return all, nil
		}
		for _, w := range why {
			all.Why = append(all.Why, rule.Name+": "+w)
		}
	}
	if len(all.Why) == 0 {
		all.Why = []string{"no standing rule is about it: " + d.owner(h) + " is asked"}
	}
	return all, nil
}

func (d *docket) owner(h onus.Handling) string {
	if sys := d.at.program.Systems[h.System]; sys != nil {
		return sys.Owner
	}
	return "whoever owns " + string(h.System)
}
