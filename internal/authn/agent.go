package authn

import (
	"context"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// lendable is what an AI agent's token may be for. Nothing in it decides.
var lendable = []string{"propose", "request"}

// mostAgents bounds a chain of delegation: past it nobody sees through it.
const mostAgents = 4

// A Lending is what somebody lets an AI agent do in their place for a while.
type Lending struct {
	Agent  onus.IdentityID
	Name   string
	Scopes []string
	For    time.Duration
	By     onus.Actor

	Person onus.IdentityID // who lets it
	Passed string          // the ID of an agent's token, of which it passes on some; empty: the person is here
}

// Lend gives a token by which an AI agent asks and proposes in a person's
// place. An agent passes on no more than it has, for no longer, and the token
// ends with the one that it came from.
func (d *Desk) Lend(ctx context.Context, l Lending) (text string, t store.Token, err error) {
	for _, s := range l.Scopes {
		if !slices.Contains(lendable, s) {
			return "", t, onus.Errorf(onus.Invalid, "request, propose", "an AI agent can have no token for %q", s)
		}
	}
	var agent onus.Identity
	var from store.Token
	err = d.Store.View(ctx, func(r store.Reader) error {
		if agent, err = store.Identities.Get(ctx, r, string(l.Agent)); err == nil && l.Passed != "" {
			from, err = store.Tokens.Get(ctx, r, l.Passed)
		}
		return err
	})
	if err != nil {
		return "", t, err
	}
	if !agent.IsAgent() {
		return "", t, onus.Errorf(onus.Invalid, "the register of machine identities says which are", "%s is no AI agent", l.Agent)
	}
	g := Grantee{Owner: l.Agent, Name: l.Name, Scopes: l.Scopes, For: l.For, By: l.By}
	behalf := onus.Behalf{Sub: l.Person}
	if l.Passed != "" {
		switch {
		case from.Behalf == nil:
			return "", t, onus.Errorf(onus.Denied, "a person delegates to it first", "the agent has nothing that it could pass on")
		case slices.ContainsFunc(l.Scopes, func(s string) bool { return !Allows(from, s) }):
			return "", t, onus.Errorf(onus.Denied, "it has: "+scopes(from.Scopes), "an agent cannot pass on what it does not have")
		case len(from.Behalf.Agents()) >= mostAgents:
			return "", t, onus.Errorf(onus.Denied, "the person can delegate to it themself", "it was passed on %d times already", mostAgents-1)
		case slices.Contains(from.Behalf.Agents(), l.Agent):
			return "", t, onus.Errorf(onus.Invalid, "", "%s is in the chain already", l.Agent)
		}
		behalf, g.From, g.For = *from.Behalf, from.ID, min(l.For, from.Until.Sub(d.Now()))
	}
	with := behalf.To(l.Agent)
	g.Behalf = &with
	return d.MakeToken(ctx, g)
}

// stands says why a token that acts in a person's place does not count any
// more: somebody in its chain is not there, or what it came from is over.
func (d *Desk) stands(ctx context.Context, r store.Reader, t store.Token, now time.Time) error {
	if t.Behalf == nil {
		return nil
	}
	if who, err := active(ctx, r, t.Behalf.Sub); err != nil || who.Kind != onus.Person {
		return over(err)
	}
	for _, id := range t.Behalf.Agents() {
		if who, err := d.owns(ctx, r, id); err != nil || !who.IsAgent() {
			return over(err)
		}
	}
	for from, n := t.From, 0; from != "" && n < mostAgents; n++ {
		parent, known, err := store.Tokens.Lookup(ctx, r, from)
		if err != nil {
			return err
		}
		if !known || !parent.Ended.IsZero() || !now.Before(parent.Until) {
			return errNobody()
		}
		from = parent.From
	}
	return nil
}

// over is that nobody is there, unless looking it up failed.
func over(err error) error {
	if err == nil || onus.KindOf(err) == onus.Denied {
		return errNobody()
	}
	return err
}

// acting is who acts by an identity provider's word, in the shape of RFC 8693
// (section 4.1): nested in it is who acted before, the latest first.
type acting struct {
	Subject string  `json:"sub"`
	Act     *acting `json:"act"`
}

// behalfOf reads in whose place an agent acts by the word of a provider: of
// its mail address, verified, and of the agents that the workloads name.
func (d *Desk) behalfOf(ctx context.Context, workloads []Workload, issuer string, c claims) (*onus.Behalf, error) {
	var chain []onus.IdentityID
	for act := c.Act; act != nil; act = act.Act {
		i := slices.IndexFunc(workloads, func(w Workload) bool { return w.Provider.Issuer == issuer && w.is(act.Subject) })
		if i < 0 || len(chain) == mostAgents {
			return nil, errNobody()
		}
		id, err := d.machine(ctx, workloads[i].Login)
		if err != nil {
			return nil, err
		}
		chain = append(chain, id)
	}
	var b onus.Behalf
	err := d.Store.View(ctx, func(r store.Reader) error {
		who, is, err := person(ctx, r, c.Mail)
		if err == nil && (!is || !c.Verified) {
			err = errNobody()
		}
		b.Sub = who.ID
		return err
	})
	for _, id := range slices.Backward(chain) {
		b = b.To(id)
	}
	return &b, err
}
