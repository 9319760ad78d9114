package attribution

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// ExplainAt answers as Explain does, by what stood at a time that has been.
func ExplainAt(ctx context.Context, r store.Reader, who, what string, at, now time.Time) (Explanation, error) {
	if at.After(now) {
		return Explanation{}, onus.Errorf(onus.Invalid, "name a time that has been", "nobody can say what will be at %s", at.UTC().Format(time.RFC3339))
	}
	size, err := store.SizeAt(ctx, r, at)
	if err != nil {
		return Explanation{}, err
	}
	then := asOf{store.NewHistory(r).At(size), r}
	identity, err := then.identity(ctx, who, at)
	if err != nil {
		return Explanation{}, err
	}
	x, err := explain(ctx, then, r, identity, what, at)
	x.Sentence = "At " + stamp(at) + ": " + x.Sentence
	return x, err
}

// asOf shows what was by today's index: only for keys whose values stay with
// an object for ever, such as whose a run is.
type asOf struct {
	store.Reader // of the past

	now store.Reader
}

// Find implements store.Reader.
func (r asOf) Find(ctx context.Context, q store.Query) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for row, err := range r.now.Find(ctx, q) {
			known := false
			if err == nil {
				row, known, err = r.Get(ctx, q.Kind, row.ID)
			}
			if (known || err != nil) && !yield(row, err) {
				return
			}
		}
	}
}

// identity finds who had a name then: names are given to others later.
func (r asOf) identity(ctx context.Context, who string, at time.Time) (onus.Identity, error) {
	var had, once []onus.Identity
	for _, key := range []string{"login", "mail", "named"} {
		found, err := store.Identities.Find(ctx, r, key, who)
		if err != nil {
			return onus.Identity{}, err
		}
		for _, i := range found {
			switch {
			case i.Login == who || i.Mail == who:
				had = append(had, i)
			case slices.Contains(i.Names, who):
				once = append(once, i)
			}
		}
	}
	if len(had) == 1 {
		return had[0], nil
	}
	if len(had) == 0 && len(once) == 1 {
		return once[0], nil
	}
	today, err := FindIdentity(ctx, r.now, who)
	if err != nil {
		return today, err
	}
	then, known, err := store.Identities.Lookup(ctx, r, string(today.ID))
	if err != nil || known {
		return then, err
	}
	return today, onus.Errorf(onus.NotFound, "ask about a later time", "%s was not known at %s", who, stamp(at))
}

// earlier lists the times for which a grant was warranted and is no longer.
func earlier(g onus.Grant, now time.Time) []string {
	var all []string
	last := lastToEnd(g.Warrants)
	inForce := g.Warranted(now)
	for _, w := range g.Warrants {
		if w.InForce(now) || !inForce && w.Change == last.Change && w.Step == last.Step && w.Since.Equal(last.Since) {
			continue // the sentence tells of it
		}
		by := w
		if by.Ended.IsZero() {
			by.Ended, by.EndedBy = by.Until, "expired"
		}
		all = append(all, fmt.Sprintf("from %s by %s v%d rule %s, until %s (%s)", day(w.Since), w.Workflow, w.Version, w.Step, day(by.Ended), endedBy(by)))
	}
	return all
}

// succeeded notes who stands today for the duties that answered then.
func succeeded(ctx context.Context, r store.Reader, x Explanation) error {
	run, system := x.about.run, x.about.system
	if run.ID == "" {
		return nil
	}
	o, known, err := store.Occasions.Lookup(ctx, r, run.Occasion)
	if err != nil {
		return err
	}
	duties := map[onus.Duty]string{
		onus.WorkflowOwner: "workflow/" + string(run.Workflow), onus.SystemOwner: "system/" + string(system),
		onus.ProvisioningControl: "provisioning/" + string(run.Workflow), onus.RevocationControl: "revocation/" + string(run.Workflow),
		onus.ExceptionsControl: "exceptions/" + string(run.Workflow),
	}
	if known {
		duties[onus.DataOwner] = "source/" + string(o.Source)
	}
	for i, a := range x.Answers {
		s, known, err := store.Successions.Lookup(ctx, r, duties[onus.Duty(a.Duty)])
		if err != nil {
			return err
		}
		if !known {
			continue
		}
		holder, known, err := store.Identities.Lookup(ctx, r, string(s.Holder))
		if err != nil {
			return err
		}
		switch today := cmp.Or(holder.Mail, string(holder.ID)); {
		case !known:
			x.Answers[i].Today = "nobody"
		case today != a.Mail:
			x.Answers[i].Today = today
		}
	}
	return nil
}
