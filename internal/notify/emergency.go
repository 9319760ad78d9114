package notify

import (
	"context"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// emergencyBegan tells everybody at once who has to do with it: an emergency
// is never quiet, whether or not it is over by now.
func (n *Notifier) emergencyBegan(ctx context.Context, r store.Reader, m onus.Matter) (*Ask, error) {
	x, a, err := n.emergency(ctx, r, m)
	if err != nil || a == nil {
		return nil, err
	}
	a.Matter.Round = "began"
	a.Title = "EMERGENCY: standing rule " + x.Rule + " gave access at once, until " + x.Until.In(n.zone()).Format("2006-01-02 15:04 MST")
	a.Says = append(a.Says, "Called by "+x.Person+": "+plain(x.Reason, 300), x.Answers+" approved the rule beforehand, and answers for it")
	a.Acts = append(a.Acts, Act{"End it early", "onus requests withdraw " + x.ID + " --reason WHY"})
	for _, mail := range x.Tell {
		who, err := there(ctx, r, []string{mail})
		if err != nil {
			return nil, err
		}
		a.People = append(a.People, who...)
	}
	return a, nil
}

// emergencyEnded asks the first who may for the review.
func (n *Notifier) emergencyEnded(ctx context.Context, r store.Reader, m onus.Matter) (*Ask, error) {
	x, a, err := n.emergency(ctx, r, m)
	if err != nil || a == nil || x.State != onus.EmergencyEnded {
		return nil, err
	}
	a.Matter.Round = "ended"
	a.Title, a.Until, a.Then = "Review an emergency that you had no part in", x.Due, "then the owner of rule "+x.Rule+" has an exception"
	a.Says = append(a.Says, "Called by "+x.Person+": "+plain(x.Reason, 300))
	for _, g := range x.Gone {
		if g.Sessions != "" {
			a.Says = append(a.Says, "live sessions on "+string(g.System)+": "+plain(g.Sessions, 200))
		}
	}
	a.Acts = append(a.Acts, Act{"It was one", "onus emergency review " + x.ID + " --reason WHY"}, Act{"It was none", "onus emergency review " + x.ID + " --unwarranted --reason WHY"})
	a.People, err = there(ctx, r, x.ReviewBy)
	return a, err
}

func (n *Notifier) emergency(ctx context.Context, r store.Reader, m onus.Matter) (onus.Emergency, *Ask, error) {
	x, known, err := store.Emergencies.Lookup(ctx, r, m.ID)
	if err != nil || !known {
		return x, nil, err
	}
	subject, _, err := store.Identities.Lookup(ctx, r, string(x.For))
	if err != nil {
		return x, nil, err
	}
	who := subject.Login
	if who == "" {
		who = string(x.For)
	}
	a := &Ask{
		Matter: m, Facts: facts("rule", x.Rule, "state", string(x.State), "system", string(x.Wants[0].System)), Path: "/emergencies/" + x.ID,
		Says: []string{"For: " + plain(who, 100)}, Acts: []Act{{"See it", "onus emergency show " + x.ID}},
	}
	for _, w := range x.Wants {
		a.Says = append(a.Says, plain(w.Entitlement+" on "+string(w.System), 200))
	}
	return x, a, nil
}

// rule tells whoever keeps a standing rule, and whoever approved it, that it
// ends or acts no more.
func (n *Notifier) rule(ctx context.Context, r store.Reader, m onus.Matter) (*Ask, error) {
	v, known, err := store.RuleStandings.Lookup(ctx, r, m.ID)
	if err != nil || !known || v.State == onus.RuleStands {
		return nil, err
	}
	m.Round = string(v.State) + " " + store.Stamp(v.Until)
	a := &Ask{
		Matter: m, Title: "Standing rule " + v.Rule + " acts no more", Facts: facts("rule", v.Rule, "state", string(v.State)), Path: "/rules",
		Says: []string{plain(v.Why, 300), "What it settled is settled by ordinary approval then. To keep it, have it approved anew in the definitions"},
		Acts: []Act{{"See them", "onus rules list"}},
	}
	if v.State == onus.RuleEnding {
		a.Title, a.Until = "Standing rule "+v.Rule+" will soon act no more", v.Until
	}
	for _, mail := range slices.Compact([]string{v.Owner, v.By}) {
		who, err := there(ctx, r, []string{mail})
		if err != nil {
			return nil, err
		}
		a.People = append(a.People, who...)
	}
	return a, nil
}

// zone is whose clock people read.
func (n *Notifier) zone() *time.Location {
	if z := n.Program.Organisation.Zone; z != nil {
		return z
	}
	return time.UTC
}
