package notify

import (
	"context"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// deeds say what a step of a standing rule is about to do, or did.
var deeds = map[onus.RuleDeed]string{
	onus.RuleTell: "nobody answers for it", onus.RuleDisable: "it is disabled", onus.RuleRemove: "it is removed",
}

// handling tells whoever has to do with an account that a standing rule took a
// step against it, with who may know whose it is: every step is loud.
func (n *Notifier) handling(ctx context.Context, r store.Reader, m onus.Matter) (*Ask, error) {
	h, known, err := store.Handlings.Lookup(ctx, r, m.ID)
	if err != nil || !known || len(h.Steps) == 0 || h.Case != onus.OrphanCase {
		return nil, err
	}
	last := h.Steps[len(h.Steps)-1]
	m.Round = last.Step + " " + store.Stamp(last.At)
	a := &Ask{
		Matter: m, Path: "/drift", Title: "An account on " + string(h.System) + ": " + deeds[last.Do] + " (standing rule " + h.Rule + ")",
		Says:  []string{"Account " + plain(h.Name, 100) + ", since " + h.Since.In(n.zone()).Format("2006-01-02 15:04 MST"), h.Answers + " approved the rule beforehand, and answers for it"},
		Acts:  []Act{{"See what comes next", "onus orphans"}},
		Facts: facts("rule", h.Rule, "case", string(h.Case), "step", last.Step, "state", string(h.State), "system", string(h.System)),
	}
	for _, l := range h.Leads {
		a.Says = append(a.Says, plain(l.Says, 200))
	}
	switch {
	case h.State == onus.HandlingStopped:
		m.Round = "stopped"
		a.Matter, a.Title, a.Acts = m, "A standing rule leaves an account on "+string(h.System)+" alone ("+h.Rule+")", nil
		a.Says = append(a.Says, "Why: "+plain(h.Why, 300))
	case last.Occasion == "":
		a.Says = append(a.Says, "Whoever knows whose it is: have it matched, or its sponsor named, and nothing more is done")
	}
	for _, mail := range h.Tell {
		who, err := there(ctx, r, []string{mail})
		if err != nil {
			return nil, err
		}
		a.People = append(a.People, who...)
	}
	return a, nil
}
