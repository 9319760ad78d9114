// Package attribution says from the ledger why somebody has, or lacks,
// access, and who answers for it. It invents nothing: every sentence cites
// ledger entries, and where there are none it says so.
package attribution

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// An Explanation says why somebody holds, or does not hold, one thing.
type Explanation struct {
	Sentence string   `json:"sentence"` // the answer, first
	Holds    bool     `json:"holds"`
	Answers  []Answer `json:"answers,omitempty"`
	Earlier  []string `json:"earlier,omitempty"` // when it was held before, and how that ended
	Waits    []string `json:"waits,omitempty"`   // what holds up what was decided, and whom it waits for
	Chain    []Link   `json:"chain"`             // from the grant down to the record as it was read

	about about
}

// about is what an explanation is of.
type about struct {
	who    onus.Identity
	system onus.SystemName
	named  string
	change onus.Change // that is explained, if any
	run    onus.Run
	stops  []stop
}

// An Answer is a person who answers for the access in one respect.
type Answer struct {
	Duty  string `json:"duty"`
	Mail  string `json:"mail"`            // at the time of the decision
	Today string `json:"today,omitempty"` // who stands in that place now, where it is somebody else
}

// A Link is one ledger entry of the chain.
type Link struct {
	Index int64     `json:"index"` // leaf index: the entry's number
	Event string    `json:"event"`
	Time  time.Time `json:"time"`
	Type  string    `json:"type"`
	Kind  string    `json:"kind"`   // of the object that it moved
	ID    string    `json:"object"` // the object's ID
	Says  string    `json:"says"`
}

// Explain answers for what an identity holds. What names an entitlement
// ("role:ledger_write"), one on a system ("finance-db/role:ledger_write"), or
// a system for the account itself.
func Explain(ctx context.Context, r store.Reader, who, what string, now time.Time) (Explanation, error) {
	identity, err := FindIdentity(ctx, r, who)
	if err != nil {
		return Explanation{}, err
	}
	return explain(ctx, r, r, identity, what, now)
}

// explain answers from what r shows; today says who stands for what now.
func explain(ctx context.Context, r, today store.Reader, who onus.Identity, what string, now time.Time) (x Explanation, err error) {
	all, err := store.Grants.Find(ctx, r, "identity", string(who.ID))
	if err != nil {
		return x, err
	}
	matching := slices.DeleteFunc(all, func(g onus.Grant) bool { return !names(g, what) })
	// What is held now comes before what was held once.
	slices.SortStableFunc(matching, func(a, b onus.Grant) int { return rank(b, now) - rank(a, now) })
	if len(matching) > 0 && (rank(matching[0], now) > 0 || len(matching[0].Warrants) > 0 || !matching[0].FirstSeen.IsZero()) {
		g := matching[0]
		_, row, err := store.Grants.GetRow(ctx, r, store.GrantID(g))
		if err != nil {
			return x, err
		}
		x, err = explainGrant(ctx, r, who, g, row.Event, now)
		if err != nil {
			return x, err
		}
		x.Earlier = earlier(g, now)
		x.about.system, x.about.named = g.System, thing(g)
	} else {
		x.Sentence = fmt.Sprintf("%s does not hold %s, and the ledger knows of no time when they did.", called(who), what)
		x.about.named = what
	}
	x.about.who = who
	if !x.Holds {
		if err := x.heldUp(ctx, r, who, what, now); err != nil {
			return x, err
		}
	}
	return x, succeeded(ctx, today, x)
}

// ExplainChange answers for one change.
func ExplainChange(ctx context.Context, r store.Reader, id string) (Explanation, error) {
	c, row, err := store.Changes.GetRow(ctx, r, id)
	if err != nil {
		return Explanation{}, err
	}
	identity, err := store.Identities.Get(ctx, r, string(c.Identity))
	if err != nil {
		return Explanation{}, err
	}
	run, err := store.Runs.Get(ctx, r, string(c.Run))
	if err != nil {
		return Explanation{}, err
	}
	x := Explanation{
		Sentence: fmt.Sprintf("%s for %s is %s: %s v%d, rule %s, because %s%s.", statement(c.Planned), called(identity), c.State,
			run.Workflow, run.Version, c.Planned.Step, c.Planned.Reason.Says, evidence(c)),
		Holds: c.State == onus.ChangeConfirmed && !c.Planned.Verb.TakesAway(), Answers: answers(c.Planned.Owners),
	}
	x.about = about{who: identity, system: c.Planned.Target.System, named: statement(c.Planned), change: c, run: run}
	if x.Chain, err = chain(ctx, r, row.Event); err != nil {
		return x, err
	}
	if x.about.stops, err = stopsOf(ctx, r, run, c.Planned.Target, time.Time{}); err != nil {
		return x, err
	}
	x.tell()
	return x, succeeded(ctx, r, x)
}

// FindIdentity finds somebody by id, login, mail, or "source/key"; and where
// nobody has a name today, whoever had it once.
func FindIdentity(ctx context.Context, r store.Reader, who string) (onus.Identity, error) {
	if i, known, err := store.Identities.Lookup(ctx, r, who); err != nil || known {
		return i, err
	}
	for _, key := range []string{"login", "mail", "key", "named"} {
		found, err := store.Identities.Find(ctx, r, key, who)
		if err != nil {
			return onus.Identity{}, err
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			ids := make([]string, len(found))
			for i, f := range found {
				ids[i] = string(f.ID)
			}
			return onus.Identity{}, onus.Errorf(onus.Conflict, "name one by its ID: "+strings.Join(ids, ", "), "%d identities have the %s %s", len(found), key, who)
		}
	}
	// Of a rehire the record that counts is another than it was.
	if rec, known, err := store.Records.Lookup(ctx, r, who); err != nil || known && rec.Identity != "" {
		if err != nil {
			return onus.Identity{}, err
		}
		return store.Identities.Get(ctx, r, string(rec.Identity))
	}
	return onus.Identity{}, onus.Errorf(onus.NotFound, "use a login, a mail address, an identity's ID, or source/key", "nobody is known as %s", who)
}

func names(g onus.Grant, what string) bool {
	if g.Entitlement == "" {
		return what == string(g.System)
	}
	return what == g.Entitlement || what == string(g.System)+"/"+g.Entitlement
}

func rank(g onus.Grant, now time.Time) int {
	n := 0
	if g.Observed {
		n += 2
	}
	if g.Warranted(now) {
		n++
	}
	return n
}

func called(i onus.Identity) string {
	if i.Login != "" {
		return i.Login
	}
	if i.Mail != "" {
		return i.Mail
	}
	return string(i.ID)
}

func thing(g onus.Grant) string {
	if g.Entitlement == "" {
		return "an account on " + string(g.System)
	}
	return g.Entitlement + " on " + string(g.System)
}

func explainGrant(ctx context.Context, r store.Reader, who onus.Identity, g onus.Grant, event string, now time.Time) (Explanation, error) {
	x := Explanation{Holds: g.Observed}
	inForce := slices.DeleteFunc(slices.Clone(g.Warrants), func(w onus.Warrant) bool { return !w.InForce(now) })
	switch {
	case len(inForce) > 0:
		if err := warranted(ctx, r, &x, who, g, inForce); err != nil {
			return x, err
		}
	case g.Observed && len(g.Warrants) == 0:
		x.Sentence = fmt.Sprintf("%s has %s, and nobody warranted it: it was first seen on %s.", called(who), thing(g), day(g.FirstSeen))
	case g.Observed:
		last := lastToEnd(g.Warrants)
		x.Sentence = fmt.Sprintf("%s still has %s, though its last reason ended on %s (%s).", called(who), thing(g), day(last.Ended), endedBy(last))
	case len(g.Warrants) > 0:
		last := lastToEnd(g.Warrants)
		x.Sentence = fmt.Sprintf("%s does not have %s any more: %s v%d gave it on %s for rule %s, and it ended on %s (%s).",
			called(who), thing(g), last.Workflow, last.Version, day(last.Since), last.Step, day(last.Ended), endedBy(last))
	default:
		x.Sentence = fmt.Sprintf("%s does not have %s any more; nobody had warranted it.", called(who), thing(g))
	}
	undone, err := undoneBy(ctx, r, g)
	if err != nil {
		return x, err
	}
	if undone != "" {
		x.Sentence += " " + undone
	}
	// The chain starts at the change that gave it, which says why; what was
	// only seen starts at the event of the sighting.
	start := event
	made := g.Change
	if len(inForce) > 0 {
		made = inForce[0].Change
	}
	if c, row, err := store.Changes.GetRow(ctx, r, string(made)); err == nil {
		if len(inForce) > 0 {
			start = row.Event
		}
		x.about.change = c
		if x.about.run, err = store.Runs.Get(ctx, r, string(c.Run)); err != nil {
			return x, err
		}
		if len(g.Warrants) > 0 && x.Answers == nil {
			x.Answers = answers(c.Planned.Owners)
		}
	} else if onus.KindOf(err) != onus.NotFound {
		return x, err
	}
	x.Chain, err = chain(ctx, r, start)
	return x, err
}

// undoneBy says which reversal left a grant as it is, and why it was ordered;
// "" when none did.
func undoneBy(ctx context.Context, r store.Reader, g onus.Grant) (string, error) {
	c, known, err := store.Changes.Lookup(ctx, r, string(g.Change))
	if err != nil || !known || len(c.Planned.Undoes) == 0 {
		return "", err
	}
	did, err := store.Changes.Get(ctx, r, string(c.Planned.Undoes[len(c.Planned.Undoes)-1]))
	if err != nil {
		return "", err
	}
	run, err := store.Runs.Get(ctx, r, string(c.Run))
	if err != nil {
		return "", err
	}
	o, err := store.Occasions.Get(ctx, r, run.Occasion)
	if err != nil {
		return "", err
	}
	rev, err := store.Reversals.Get(ctx, r, o.Reversal)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("What run %s had done was undone by reversal %s on %s, ordered by %s because %s.",
		did.Run, rev.ID, day(c.Confirmed), rev.Person, rev.Reason), nil
}

// warranted writes the sentence for access that our records want.
func warranted(ctx context.Context, r store.Reader, x *Explanation, who onus.Identity, g onus.Grant, inForce []onus.Warrant) error {
	w := inForce[0]
	c, err := store.Changes.Get(ctx, r, string(w.Change))
	if err != nil {
		return err
	}
	run, err := store.Runs.Get(ctx, r, string(w.Run))
	if err != nil {
		return err
	}
	has := "has"
	if !g.Observed {
		has = "should have, but was not seen to have,"
	}
	from := ""
	if o, known, err := store.Occasions.Lookup(ctx, r, run.Occasion); err != nil {
		return err
	} else if known {
		from = fmt.Sprintf(" from %s record %s", o.Source, o.Key)
		if read, known, err := store.Reads.Lookup(ctx, r, o.Read); err != nil {
			return err
		} else if known {
			from += " read at " + read.TakenAt.UTC().Format("2006-01-02 15:04 MST")
		}
	}
	x.Answers = answers(c.Planned.Owners)
	var more strings.Builder
	for _, also := range inForce[1:] {
		fmt.Fprintf(&more, ", and also by %s v%d rule %s", also.Workflow, also.Version, also.Step)
	}
	until := ""
	if !w.Until.IsZero() {
		until = ", until " + day(w.Until)
	}
	x.Sentence = fmt.Sprintf("%s %s %s because %s, decided by %s v%d rule %s on %s%s%s%s; answers for it: %s.",
		called(who), has, thing(g), c.Planned.Reason.Says, w.Workflow, w.Version, w.Step, day(w.Since), from, until, more.String(), spoken(x.Answers))
	return nil
}

func answers(o onus.Owners) []Answer {
	var all []Answer
	for _, a := range []Answer{
		{Duty: string(onus.WorkflowOwner), Mail: o.Workflow},
		{Duty: string(onus.DataOwner), Mail: o.Data},
		{Duty: string(onus.SystemOwner), Mail: o.System},
		{Duty: string(onus.ProvisioningControl), Mail: o.Provisioning},
		{Duty: string(onus.RevocationControl), Mail: o.Revocation},
		{Duty: string(onus.ExceptionsControl), Mail: o.Exceptions},
	} {
		if a.Mail != "" {
			all = append(all, a)
		}
	}
	return all
}

// spoken names the first three, who answer for the why: workflow, data, system.
func spoken(all []Answer) string {
	parts := make([]string, 0, 3)
	for _, a := range all[:min(3, len(all))] {
		parts = append(parts, strings.TrimSuffix(a.Duty, " owner")+" "+a.Mail)
	}
	return strings.Join(parts, ", ")
}

// lastToEnd gives the warrant that ended last. One whose time is up ended
// then, though that is not carried out yet.
func lastToEnd(all []onus.Warrant) onus.Warrant {
	var last onus.Warrant
	for _, w := range all {
		if w.Ended.IsZero() {
			w.Ended, w.EndedBy = w.Until, "expired"
		}
		if last.Ended.IsZero() || w.Ended.After(last.Ended) {
			last = w
		}
	}
	return last
}

func endedBy(w onus.Warrant) string {
	if w.EndedBy == "expired" {
		return "its time was up"
	}
	return "by " + w.EndedBy
}

func evidence(c onus.Change) string {
	if c.Evidence == "" {
		return ""
	}
	return fmt.Sprintf("; confirmed at %s: %s", c.Tier, c.Evidence)
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

// maxChain bounds a walk; a chain of causes is a dozen entries long.
const maxChain = 100

// chain follows causes from an event down to where it all began.
func chain(ctx context.Context, r store.Reader, event string) ([]Link, error) {
	var links []Link
	for event != "" && len(links) < maxChain {
		var next string
		found := false
		for entry, err := range r.Events(ctx, store.EventQuery{ID: event, Bodies: true}) {
			if err != nil {
				return nil, err
			}
			ev, err := ledger.ParseLeaf(entry.Leaf)
			if err != nil {
				return nil, fmt.Errorf("ledger entry %d: %w", entry.Index, err)
			}
			links = append(links, Link{
				Index: entry.Index, Event: ev.ID, Time: ev.Time, Type: string(ev.Type), Kind: ev.Object.Kind, ID: ev.Object.ID, Says: Says(ev, entry.Body),
			})
			next, found = ev.Cause, true
		}
		if !found {
			return nil, onus.Errorf(onus.Internal, "onus verify ledger tells what is wrong", "the ledger has no entry %s, which another names as its cause", event)
		}
		event = next
	}
	return links, nil
}

// Unwarranted says of a grant that was only seen whose it is and since when.
func Unwarranted(g onus.Grant) string {
	holder := "An account that belongs to nobody we know (" + string(g.Account) + ")"
	if g.Identity != "" {
		holder = string(g.Identity)
	}
	return fmt.Sprintf("%s has %s, and nobody warranted it: it was first seen on %s.", holder, thing(g), day(g.FirstSeen))
}
