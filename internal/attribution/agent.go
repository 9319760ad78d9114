package attribution

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/store"
)

// ofAgent takes back that an AI agent asked for what was given. It had the
// access given in somebody's place, so whoever answers for it answers for
// that, be it approved or not; who delegated to it had a part.
func (q *inquiry) ofAgent(d decision) (correction, bool, error) {
	req := d.facts.Request
	if req == nil || req.Behalf == nil {
		return correction{}, false, nil
	}
	row, _, err := q.p.history.At(q.size).Get(q.ctx, store.Requests.Name, req.ID)
	if err != nil {
		return correction{}, false, err
	}
	e, err := q.p.event(q.ctx, row.Event)
	if err != nil {
		return correction{}, false, err
	}
	chain, agent, people, err := q.delegation(*req.Behalf)
	if err != nil {
		return correction{}, false, err
	}
	return correction{
		class: onus.AgentAction, says: fmt.Sprintf("the AI agent %s had not asked for it", called(agent)), at: d, support: onus.Established,
		apply: func(w *whatIf) { w.without[req.ID] = true },
		duty:  ownership.SponsorID(agent.ID), chain: chain, people: people,
		why: []onus.Sentence{{
			Says:  fmt.Sprintf("The AI agent %s asked for it in the place of %s (%s): %s.", called(agent), req.Person, strings.Join(chain, " → "), req.Reason),
			Cites: []onus.Citation{e.citation()},
		}},
	}, true, nil
}

// delegation tells a chain: the names in it, the agent at work, and those who
// had a part by passing it on: the person, and who answers for the agents
// between.
func (q *inquiry) delegation(b onus.Behalf) (chain []string, agent onus.Identity, people []onus.Answerable, err error) {
	then := q.p.history.At(q.size)
	person, _, err := store.Identities.Lookup(q.ctx, then, string(b.Sub))
	if err != nil {
		return nil, agent, nil, err
	}
	chain = []string{named(person, b.Sub)}
	agents := b.Agents()
	owners, err := q.p.owners(q.ctx, q.size, q.e.At, q.moment.Program.Digest)
	if err != nil {
		return nil, agent, nil, err
	}
	for i, id := range agents {
		if agent, _, err = store.Identities.Lookup(q.ctx, then, string(id)); err != nil {
			return nil, agent, nil, err
		}
		agent.ID = id
		if chain = append(chain, named(agent, id)); i == 0 {
			people = addDeed(people, person.Mail, "delegated it to the AI agent "+called(agent))
		}
		if d, ok := owners.Duty(ownership.SponsorID(id)); ok && i < len(agents)-1 {
			people = addDeed(people, owners.Who(d).Seat.Mail, "answers for the AI agent "+called(agent)+", which passed it on")
		}
	}
	return chain, agent, people, nil
}

// named is how people know an identity: a person by mail.
func named(i onus.Identity, id onus.IdentityID) string {
	switch {
	case i.ID == "":
		return string(id) // what is known of it was erased
	case i.Kind == onus.Person && i.Mail != "":
		return i.Mail
	default:
		return called(i)
	}
}

// writtenByAgents adds that an AI agent wrote the version that a fault of
// logic is in: the workflow owner let it run, and its sponsor answers for what
// it wrote.
func (q *inquiry) writtenByAgents(logic fault) error {
	all, err := store.Versions.Find(q.ctx, q.p.r, "program", string(q.version(logic.Since)))
	if err != nil {
		return err
	}
	for _, v := range all {
		if v.Number == 0 || v.Behalf == nil {
			continue
		}
		events, err := q.p.about(q.ctx, store.Versions.Name, v.ID)
		if err != nil {
			return err
		}
		chain, agent, people, err := q.delegation(*v.Behalf)
		if err != nil {
			return err
		}
		cites := []onus.Citation{events[0].citation()}
		says := fmt.Sprintf("The AI agent %s wrote version %s in the place of %s (%s).", called(agent), logic.Since, chain[0], strings.Join(chain, " → "))
		q.v.Reasons = append(q.v.Reasons, onus.Sentence{Says: says, Cites: cites})
		q.faults = append(q.faults, fault{
			Fault: onus.Fault{Class: onus.AgentAction, Confidence: logic.Confidence, Says: says, Cites: cites, Chain: chain, Contributing: people},
			duty:  ownership.SponsorID(agent.ID), flow: logic.flow,
		})
	}
	return nil
}

// version gives the definitions of a version, as NAME@VERSION.
func (q *inquiry) version(of string) onus.Digest {
	name, number, _ := strings.Cut(of, "@")
	for _, v := range q.p.versions[onus.WorkflowName(name)] {
		if strconv.Itoa(v.Version) == number {
			return v.Program
		}
	}
	return ""
}

// asked says which other runs an agent's asking reached: those of whatever the
// same agent asked for in the same place.
func (p *Past) asked(own []decision) (func(onus.Run) bool, func(decision) (whatIf, bool, error), error) {
	chains := map[string]bool{}
	for _, d := range own {
		if req := d.facts.Request; req != nil && req.Behalf != nil {
			chains[req.Behalf.String()] = true
		}
	}
	if len(chains) == 0 {
		return nil, nil, nil
	}
	return func(r onus.Run) bool { return strings.HasPrefix(r.Occasion, "request/") }, func(d decision) (whatIf, bool, error) {
		req := d.facts.Request
		if req == nil || req.Behalf == nil || !chains[req.Behalf.String()] {
			return whatIf{}, false, nil
		}
		return whatIf{without: map[string]bool{req.ID: true}}, true, nil
	}, nil
}
