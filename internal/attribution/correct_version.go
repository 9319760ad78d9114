package attribution

import (
	"fmt"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// ofVersions tries the workflows as they were, or came to be.
func (q *inquiry) ofVersions() ([]correction, error) {
	var all []correction
	seen := map[onus.WorkflowName]bool{}
	for _, d := range q.decisions {
		name := d.plan.Workflow
		if seen[name] || d.facts.Occasion.Kind == onus.Reversing {
			continue
		}
		seen[name] = true
		versions, err := q.p.workflow(q.ctx, name)
		if err != nil {
			return nil, err
		}
		var before, after, since, until pinned
		for _, v := range versions {
			if v.Version == d.plan.Version {
				continue
			}
			holds, err := q.outcome(whatIf{workflow: map[onus.WorkflowName]int{name: v.Version}, without: map[string]bool{}})
			if says, lacks := notThere(err); lacks {
				q.v.Missing = append(q.v.Missing, says)
				continue
			}
			if err != nil {
				return nil, err
			}
			right := holds == q.e.ShouldHold
			switch {
			case v.Version < d.plan.Version && right:
				before, since = v, pinned{}
			case v.Version < d.plan.Version && before.Version > 0 && since.Version == 0:
				since = v
			case v.Version > d.plan.Version && right && until.Version == 0:
				after, until = v, v
			}
		}
		if since.Version == 0 {
			for _, v := range versions {
				// No earlier version was right, so it is so since the first; or the one
				// after the last that was.
				if before.Version == 0 || v.Version == d.plan.Version || v.Version == before.Version+1 {
					since = v
					break
				}
			}
		}
		if before.Version == 0 && after.Version == 0 {
			continue
		}
		c := correction{class: onus.WrongLogic, at: d, version: since, support: onus.Probable}
		to := before
		if to.Version == 0 {
			to = after
		}
		c.says = fmt.Sprintf("%s had been as in version %d", name, to.Version)
		c.apply = func(w *whatIf) { w.workflow = map[onus.WorkflowName]int{name: to.Version} }
		c.why = []onus.Sentence{{Says: fmt.Sprintf("It is so since version %d of %s.", since.Version, name), Cites: []onus.Citation{since.event.citation()}}}
		if c.people, err = q.whoPublished(since); err != nil {
			return nil, err
		}
		if after.Version > 0 {
			c.support = onus.Established
			c.why = append(c.why, onus.Sentence{Says: fmt.Sprintf("Version %d puts it right.", after.Version), Cites: []onus.Citation{after.event.citation()}})
		}
		all = append(all, c)
	}
	return all, nil
}

// whoPublished gives the authors of a version, and who let it run.
func (q *inquiry) whoPublished(v pinned) ([]onus.Answerable, error) {
	all, err := store.Versions.Find(q.ctx, q.p.r, "program", string(v.Program))
	if err != nil {
		return nil, err
	}
	var people []onus.Answerable
	for _, of := range all {
		if of.Number == 0 {
			continue // it never ran
		}
		name := fmt.Sprintf("version %d of %s", v.Version, v.Name)
		did := "wrote "
		for _, a := range of.Authors {
			who, _, err := store.Identities.Lookup(q.ctx, q.p.r, string(a.ID))
			if err != nil {
				return nil, err
			}
			if who.Kind == onus.NonHuman { // no machine is accountable: those who stand behind it are
				did = "stands behind the machine " + called(who) + ", which wrote "
				continue
			}
			people = append(people, onus.Answerable{Duty: did + name, Mail: a.Name, ID: a.ID})
		}
		people = append(people, onus.Answerable{Duty: "approved " + name, Mail: of.Person})
		break
	}
	if len(people) == 0 {
		q.v.Missing = append(q.v.Missing, fmt.Sprintf("who wrote and who approved version %d of %s", v.Version, v.Name))
	}
	return people, nil
}
