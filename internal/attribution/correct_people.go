package attribution

import (
	"context"
	"fmt"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
)

// ofPeople takes back, one at a time, what people decided on the way.
func (q *inquiry) ofPeople() ([]correction, error) {
	var all []correction
	seen := map[string]bool{}
	then := q.p.history.At(q.size)
	for _, d := range q.decisions {
		for _, by := range []struct{ key, value string }{{"batch", d.run.Batch}, {"occasion", d.run.Occasion}, {"run", string(d.run.ID)}} {
			about, err := store.Exceptions.Find(q.ctx, then, by.key, by.value)
			if err != nil {
				return nil, err
			}
			for _, x := range about {
				if x.Decided == nil || x.Decided.Act != engine.Override && x.Decided.Act != engine.Amend || seen[x.ID] {
					continue
				}
				seen[x.ID] = true
				c, err := q.ofDecision(d, x)
				if err != nil {
					return nil, err
				}
				all = append(all, c)
			}
		}
		if read := d.facts.Occasion.Read; read != "" {
			c, found, err := q.ofRead(d, read)
			if err != nil {
				return nil, err
			}
			if found && !seen[c.says] {
				seen[c.says] = true
				all = append(all, c)
			}
		}
		if c, found, err := q.ofRule(d); err != nil {
			return nil, err
		} else if found && !seen[c.says] {
			seen[c.says] = true
			all = append(all, c)
		}
		if c, found, err := q.ofAgent(d); err != nil {
			return nil, err
		} else if found && !seen[c.says] {
			seen[c.says] = true
			all = append(all, c)
		}
		approvals, err := store.Approvals.Find(q.ctx, then, "run", string(d.run.ID))
		if err != nil {
			return nil, err
		}
		for _, a := range approvals {
			if a.State != onus.ApprovalApproved {
				continue
			}
			row, _, err := then.Get(q.ctx, store.Approvals.Name, a.ID)
			if err != nil {
				return nil, err
			}
			e, err := q.p.event(q.ctx, row.Event)
			if err != nil {
				return nil, err
			}
			c := correction{class: onus.Approved, says: "approval " + a.ID + " had not been given", at: d, support: onus.Undetermined, apply: func(w *whatIf) { w.without[a.ID] = true }}
			if d.facts.Occasion.Kind == onus.Requested {
				c.support = onus.Probable // nobody but them decided it
			}
			var names []string
			for _, ans := range a.Answers {
				if ans.Yes {
					names = append(names, ans.Person)
					c.people = append(c.people, onus.Answerable{Duty: "said yes to it", Mail: ans.Person, ID: ans.Who})
				}
			}
			c.why = []onus.Sentence{{Says: fmt.Sprintf("%s said yes to plan %s.", strings.Join(names, " and "), a.Plan.Short()), Cites: []onus.Citation{e.citation()}}}
			all = append(all, c)
		}
	}
	return all, nil
}

// ofRule takes back that a standing rule covered what was given: whoever
// approved the rule beforehand answers for that it did.
func (q *inquiry) ofRule(d decision) (correction, bool, error) {
	req := d.facts.Request
	if req == nil || req.Rule == "" {
		return correction{}, false, nil
	}
	x, row, err := store.Emergencies.GetRow(q.ctx, q.p.history.At(q.size), req.ID)
	if err != nil {
		return correction{}, false, err
	}
	e, err := q.p.event(q.ctx, row.Event)
	if err != nil {
		return correction{}, false, err
	}
	c := correction{
		class: onus.StandingRule, says: "standing rule " + x.Rule + " had not covered it", at: d, support: onus.Established,
		apply:  func(w *whatIf) { w.without[x.ID] = true },
		people: []onus.Answerable{{Duty: "approved standing rule " + x.Rule + " beforehand", Mail: x.Answers, ID: x.AnswersWho}},
		why: []onus.Sentence{{
			Says: fmt.Sprintf("Standing rule %s gave it at once, as %s approved beforehand; %s called it: %s.", x.Rule, x.Answers, x.Person, x.Reason), Cites: []onus.Citation{e.citation()},
		}},
	}
	if rule := d.moment.Program.Rules[x.Rule]; rule != nil {
		c.people = append(c.people, onus.Answerable{Duty: "keeps standing rule " + x.Rule, Mail: rule.Owner})
	}
	c.people = append(c.people, onus.Answerable{Duty: "called the emergency", Mail: x.Person, ID: x.Who})
	return c, true, nil
}

func (q *inquiry) ofDecision(d decision, x onus.Exception) (correction, error) {
	row, _, err := q.p.history.At(q.size).Get(q.ctx, store.Exceptions.Name, x.ID)
	if err != nil {
		return correction{}, err
	}
	e, err := q.p.event(q.ctx, row.Event)
	if err != nil {
		return correction{}, err
	}
	did, done := "overrode", "overridden"
	if x.Decided.Act == engine.Amend {
		did, done = "amended", "amended"
	}
	return correction{
		class: onus.Overridden, says: fmt.Sprintf("%s had not %s exception %s", x.Decided.Person, done, x.ID), at: d, support: onus.Established,
		apply:  func(w *whatIf) { w.without[x.ID] = true },
		people: []onus.Answerable{{Duty: did + " exception " + x.ID, Mail: x.Decided.Person}},
		why:    []onus.Sentence{{Says: fmt.Sprintf("%s %s the exception that had stopped it (%s): %s.", x.Decided.Person, did, x.Category, x.Decided.Reason), Cites: []onus.Citation{e.citation()}}},
	}, nil
}

// ofRead finds who let a read through that was held.
func (q *inquiry) ofRead(d decision, read string) (correction, bool, error) {
	r, known, err := store.Reads.Lookup(q.ctx, q.p.r, read)
	if err != nil || !known {
		return correction{}, false, err
	}
	all, err := store.Exceptions.Find(q.ctx, q.p.history.At(q.size), "state", string(onus.ExceptionOverridden))
	if err != nil {
		return correction{}, false, err
	}
	for _, x := range all {
		if x.Source != r.Source || x.Key != "" || x.Read == "" {
			continue
		}
		held, known, err := store.Reads.Lookup(q.ctx, q.p.r, x.Read)
		if err != nil {
			return correction{}, false, err
		}
		if x.Read != read && (!known || held.Digest != r.Digest) {
			continue
		}
		c, err := q.ofDecision(d, x)
		return c, err == nil, err
	}
	return correction{}, false, nil
}

// rests says whether a decision rests on what somebody decided about an
// exception or a request for approval.
func (p *Past) rests(ctx context.Context, d decision, id string) (bool, error) {
	a, known, err := store.Approvals.Lookup(ctx, p.r, id)
	if err != nil || known {
		return a.Run == d.run.ID, err
	}
	if d.facts.Request != nil && d.facts.Request.ID == id {
		return true, nil
	}
	x, _, err := store.Exceptions.Lookup(ctx, p.r, id)
	if err != nil {
		return false, err
	}
	return x.Batch != "" && x.Batch == d.run.Batch || x.Read != "" && p.sameRead(ctx, x.Read, d.facts.Occasion.Read) || d.amends.ID != "" && x.ID == d.amends.Object.ID, nil
}

// sameRead says whether two reads are of the same bytes: one that was held,
// and the same when it was let through.
func (p *Past) sameRead(ctx context.Context, a, b string) bool {
	if a == b {
		return true
	}
	x, there, err := store.Reads.Lookup(ctx, p.r, a)
	if err != nil || !there {
		return false
	}
	y, there, err := store.Reads.Lookup(ctx, p.r, b)
	return err == nil && there && x.Digest == y.Digest
}
