package engine

import (
	"context"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/store"
)

// agentOf gives the AI agent at work and the mail address of who answers for
// it now. Everybody in the chain must be there still: what was delegated ends
// when who delegated it leaves, be it a person or an agent.
func (e *Engine) agentOf(ctx context.Context, r store.Reader, at inCharge, b onus.Behalf) (agent onus.Identity, sponsor string, err error) {
	if who, err := store.Identities.Get(ctx, r, string(b.Sub)); err != nil || who.Kind != onus.Person || who.State != onus.Active {
		return agent, "", denial(err, "nobody who is active delegated to the agent")
	}
	chain := b.Agents()
	if len(chain) == 0 {
		return agent, "", denial(nil, "no agent is named that acts")
	}
	for _, id := range chain {
		if agent, err = store.Identities.Get(ctx, r, string(id)); err != nil || !agent.IsAgent() || agent.State != onus.Active {
			return agent, "", denial(err, string(id)+" is no active AI agent")
		}
		if duty, ok := at.Duty(ownership.SponsorID(id)); ok {
			sponsor = at.Who(duty).Seat.Mail
		} else if sponsor, err = e.MailOf(ctx, r, agent.Sponsor); err != nil {
			return agent, "", err
		}
		if sponsor == "" {
			return agent, "", denial(nil, "nobody answers for the AI agent "+called(agent))
		}
	}
	return agent, sponsor, nil
}

func denial(err error, says string) error {
	if err != nil && onus.KindOf(err) != onus.NotFound {
		return err
	}
	return onus.Errorf(onus.Denied, "an AI agent acts by what a person delegates to it, while both are there and somebody answers for it", "%s", says)
}

// agentAsks says who answers for the AI agent that asks in a person's place.
func (e *Engine) agentAsks(ctx context.Context, r store.Reader, roster Roster, asks onus.Identity, b onus.Behalf) (string, error) {
	if b.Sub != asks.ID {
		return "", denial(nil, "the agent does not act in the place of "+asks.Mail)
	}
	at, err := e.inCharge(ctx, r, roster, e.Now().UTC())
	if err != nil {
		return "", err
	}
	_, sponsor, err := e.agentOf(ctx, r, at, b)
	return sponsor, err
}
