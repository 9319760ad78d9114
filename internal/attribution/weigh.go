package attribution

import (
	"fmt"
	"slices"

	"github.com/onus-id/onus"
)

// weigh takes of the sets that remove the error those that the evidence
// supports best. Whoever is only in a set that it does not support is not
// named.
func (q *inquiry) weigh(all []correction, found [][]int) error {
	best, sets := -1, make([][]int, 0, len(found))
	for _, set := range found {
		least := len(confidences)
		for _, k := range set {
			least = min(least, slices.Index(confidences, all[k].support))
		}
		switch {
		case least > best:
			best, sets = least, append(sets[:0], set)
		case least == best:
			sets = append(sets, set)
		}
	}
	if best <= 0 {
		for _, set := range found {
			for _, k := range set {
				q.v.Reasons = append(q.v.Reasons, all[k].why...)
			}
		}
		q.v.Missing = append(q.v.Missing, "what should have been otherwise: the record as it should have said (--right record.FIELD=VALUE), whose an account is (--match), or a version of the workflow in which it is put right")
		return nil
	}
	named := map[int]bool{}
	for _, set := range sets {
		for _, k := range set {
			named[k] = true
		}
	}
	// Several things that are each probable alone, and no more, leave it open
	// which it was.
	open := len(sets) > 1 && confidences[best] != onus.Established
	for k := range all {
		if !named[k] {
			continue
		}
		if open {
			q.v.Reasons = append(q.v.Reasons, all[k].why...)
			continue
		}
		if err := q.blame(all[k], confidences[best]); err != nil {
			return err
		}
	}
	if open {
		q.v.Missing = append(q.v.Missing, "which of them it was: each alone would have done, and the ledger shows none of them to be wrong")
		return nil
	}
	if err := q.guards(); err != nil {
		return err
	}
	return q.contributors(all, named)
}

// confidences in their order.
var confidences = []onus.Confidence{onus.Undetermined, onus.Probable, onus.Established}

// blame makes a fault of a correction that removes the error.
func (q *inquiry) blame(c correction, how onus.Confidence) error {
	f := fault{Fault: onus.Fault{Class: c.class, Confidence: how, Says: "The error goes away if " + c.says + "."}}
	for _, s := range c.why {
		q.v.Reasons = append(q.v.Reasons, s)
		f.Cites = append(f.Cites, s.Cites...)
	}
	f.flow = c.at.plan.Workflow
	switch {
	case c.source != "":
		f.duty = onus.DutyID("source/" + string(c.source))
		if f.Class == "" {
			var err error
			if f.Class, err = q.staleOrWrong(c); err != nil {
				return err
			}
		}
		if len(q.decisions) > 0 {
			f.flow = q.decisions[0].plan.Workflow
		}
	case c.class == onus.WrongMatch:
		f.duty = onus.DutyID("system/" + string(c.system))
	case c.class == onus.WrongLogic:
		f.duty = onus.DutyID("workflow/" + string(c.version.Name))
		f.Since = fmt.Sprintf("%s@%d", c.version.Name, c.version.Version)
		f.Contributing = c.people
	case c.class == onus.AgentAction:
		f.duty, f.Chain, f.Contributing = c.duty, c.chain, c.people
	default:
		if len(c.people) > 0 {
			f.Accountable, f.Contributing = c.people[0], c.people[1:]
		}
	}
	q.faults = append(q.faults, f)
	if c.class == onus.WrongLogic {
		return q.writtenByAgents(f)
	}
	return nil
}

// staleOrWrong tells a record that was wrong when it was decided on from one
// that was right then and so no longer.
func (q *inquiry) staleOrWrong(c correction) (onus.FaultClass, error) {
	w := whatIf{without: map[string]bool{}}
	c.apply(&w)
	for _, d := range q.decisions {
		plan, err := q.carriedOut(d, w)
		if err != nil {
			return "", err
		}
		gives, takes := does(plan, q.target())
		was, took := does(d.plan, q.target())
		if gives != was || takes != took {
			return onus.WrongRecord, nil
		}
	}
	return onus.StaleRecord, nil
}

// contributors adds to the faults who said yes to a plan that rested on one:
// their yes had a part, and is no fault of its own beside it.
func (q *inquiry) contributors(all []correction, named map[int]bool) error {
	for k, c := range all {
		if named[k] || c.class != onus.Approved || len(q.faults) == 0 {
			continue
		}
		w := whatIf{without: map[string]bool{}}
		c.apply(&w)
		holds, err := q.outcome(w)
		if err != nil {
			return err
		}
		if holds == q.e.ShouldHold {
			q.faults[0].Contributing = append(q.faults[0].Contributing, c.people...)
			q.v.Reasons = append(q.v.Reasons, c.why...)
		}
	}
	return nil
}
