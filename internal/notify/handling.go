package notify

import (
	"context"
	"fmt"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// deeds say what a step of a standing rule does about an account.
var deeds = map[onus.RuleDeed]string{
	onus.RuleDisable: "it is disabled", onus.RuleRemove: "it is removed", onus.RuleSessions: "its live sessions are ended",
	onus.RuleRotate: "the secrets that its holder knew are to be changed", onus.RuleBlock: "it is to be blocked at the network",
}

// handling tells whoever has to do with an account that a standing rule took a
// step against it: every step is loud. A step that a hook carries out asks the
// hook, too.
func (n *Notifier) handling(ctx context.Context, r store.Reader, m onus.Matter) (*Ask, error) {
	h, known, err := store.Handlings.Lookup(ctx, r, m.ID)
	if err != nil || !known {
		return nil, err
	}
	ev, err := eventOf(ctx, r, m.Event)
	if err != nil {
		return nil, err
	}
	step, _ := h.Step(ev.Notes["step"])
	a := &Ask{
		Matter: m, Path: "/drift", Title: fmt.Sprintf("An account on %s: %s (standing rule %s)", h.System, about(h, step), h.Rule),
		Says:  []string{"Account " + plain(h.Name, 100) + ", since " + h.Since.In(n.zone()).Format("2006-01-02 15:04 MST"), h.Answers + " approved the rule beforehand, and answers for it"},
		Facts: facts("rule", h.Rule, "case", string(h.Case), "step", step.Step, "do", string(step.Do), "state", string(h.State), "system", string(h.System)),
	}
	for _, l := range h.Leads {
		a.Says = append(a.Says, plain(l.Says, 200))
	}
	switch {
	case ev.Type == ledger.HandlingStopped:
		a.Matter.Round, a.Title = "stopped", fmt.Sprintf("Standing rule %s leaves an account on %s alone", h.Rule, h.System)
		a.Says = append(a.Says, "Why: "+plain(h.Why, 300))
	case step.Hook != "" && step.Done.IsZero():
		// What a hook needs to act: whose and which account, by IDs.
		a.Matter.Round, a.Hook = engine.HookRound(step.Step), step.Hook
		a.Facts = append(a.Facts, facts("identity", string(h.Identity), "account", string(h.Account))...)
	case h.Case == onus.OrphanCase:
		a.Matter.Round = step.Step
		a.Says = append(a.Says, "Whoever knows whose it is: have it matched, or its sponsor named, and nothing more is done")
		a.Acts = []Act{{"See what comes next", "onus orphans"}}
	default:
		a.Matter.Round = step.Step
		a.Acts = []Act{{"See what is left", "onus late"}}
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

func about(h onus.Handling, step onus.Handled) string {
	switch says := deeds[step.Do]; {
	case says != "":
		return says
	case h.Case == onus.OrphanCase:
		return "nobody answers for it"
	default:
		return "a leaver still has it past the deadline"
	}
}

// eventOf reads the event of a matter.
func eventOf(ctx context.Context, r store.Reader, id string) (ledger.Event, error) {
	for e, err := range r.Events(ctx, store.EventQuery{ID: id}) {
		if err != nil {
			return ledger.Event{}, err
		}
		return ledger.ParseLeaf(e.Leaf)
	}
	return ledger.Event{}, onus.Errorf(onus.NotFound, "", "there is no event %s", strings.TrimSpace(id))
}
