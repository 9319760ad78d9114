package attribution_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/ownership/ownershiptest"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/versions"
	"github.com/onus-id/onus/internal/versions/versionstest"
	"github.com/onus-id/onus/source"
)

// agents are what a company needs for AI agents, beside something to ask for: a
// register of them.
const agents = `
---
kind: Source
name: bots
of: nhi
owner: dana@acme.example
driver: csv
settings: {path: bots.csv}
key: id
attributes: {id: {required: true}, login: {required: true}, kind: {required: true}, sponsor: {required: true}}
roles: {login: login, sponsor: sponsor}
`

// register is the AI agents, as a source.
type register struct{ *company }

func (r register) Read(_ context.Context, yield func(source.Row) error) (source.Taken, error) {
	for i, login := range slices.Sorted(maps.Keys(r.bots)) {
		row := source.Row{Line: i + 2, Values: map[string]string{"id": "b-" + login, "login": login, "kind": "ai_agent", "sponsor": r.bots[login]}}
		if err := yield(row); err != nil {
			return source.Taken{}, err
		}
	}
	return source.Taken{At: r.clock, Complete: true, Rows: len(r.bots), Columns: []string{"id", "login", "kind", "sponsor"}, Digest: onus.DigestOf(fmt.Append(nil, r.bots))}, nil
}

// agent carries out the lines of a case report that are about AI agents:
//
//	agent helper gus          the register has it, and Gus sponsors it
//	asks ana>helper ana role:pay   it asks for that for Ana, in her place
//	writes ana>helper OLD => NEW   it proposes that, and it is let run
func (c *company) agent(f []string) {
	c.Helper()
	if f[0] == "agent" {
		c.bots[f[1]] = f[2] + "@acme.example"
		if !strings.Contains(c.text, agents) {
			asked := strings.Replace(c.text, "{name: 'role:pay', title: Pay, sensitivity: elevated}",
				"{name: 'role:pay', title: Pay, sensitivity: elevated, request: {by: [self, manager, sponsor], longest: 90d, approve: {need: 1, of: [abe@acme.example, bob@acme.example], within: 8h}}}", 1)
			if !strings.Contains(asked, requests) {
				asked += requests
			}
			c.publish(asked + agents)
		}
		c.cycle()
		ownershiptest.AcceptAll(c.T, c.store, c.program, c.roster())
		return
	}
	b, person := c.behalf(f[1])
	switch f[0] {
	case "asks":
		_, err := c.eng.Request(c.Context(), c.roster(), engine.RequestOrder{
			Wants: []onus.Wanted{{System: "dir", Entitlement: f[3]}}, For: []onus.IdentityID{c.identity(f[2])}, Until: c.clock.Add(30 * 24 * time.Hour),
			Reason: "it seemed useful", By: onus.Actor("machine:" + string(b.Act.Sub)), Person: person + "@acme.example", Behalf: &b,
		}, false)
		c.must(err)
		c.cycle()
	case "writes":
		old, now, ok := strings.Cut(strings.Join(f[2:], " "), " => ")
		if !ok || !strings.Contains(c.text, old) {
			c.Fatalf("%q changes nothing of the definitions", f)
		}
		c.publish(strings.ReplaceAll(c.text, old, now))
		var by versions.Actor
		c.must(c.store.View(c.Context(), func(r store.Reader) (err error) {
			if by, err = versions.Machine(c.Context(), r, onus.Actor("machine:"+string(b.Act.Sub)), b.Act.Sub, []string{"propose"}); err == nil {
				by, err = by.InPlaceOf(c.Context(), r, &b)
			}
			return err
		}))
		versionstest.PublishBy(c, c.store, c.program, by)
	}
}

// behalf reads a chain, "ana>helper>scout".
func (c *company) behalf(text string) (b onus.Behalf, person string) {
	c.Helper()
	names := strings.Split(text, ">")
	b = onus.Behalf{Sub: c.identity(names[0])}
	for _, agent := range names[1:] {
		b = b.To(c.identity(agent))
	}
	return b, names[0]
}
