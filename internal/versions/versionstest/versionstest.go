// Package versionstest publishes definitions without anybody's yes, for tests
// that are about what runs and not about who let it.
package versionstest

import (
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/versions"
)

// Publish makes a program the one that is live, unless it is already.
func Publish(tb testing.TB, st store.Store, p *flow.Program) {
	tb.Helper()
	PublishBy(tb, st, p, versions.Actor{By: "person:idn_author", ID: "idn_author", Mail: "author@acme.example"})
}

// PublishBy is Publish for what somebody in particular wrote.
func PublishBy(tb testing.TB, st store.Store, p *flow.Program, by versions.Actor) {
	tb.Helper()
	err := st.Update(tb.Context(), func(tx store.Tx) error {
		live, known, err := store.LiveVersion(tb.Context(), tx)
		if err != nil || known && live.Program == p.Digest {
			return err
		}
		v, err := versions.Propose(tb.Context(), tx, by, versions.Proposal{Program: p})
		if err != nil {
			return err
		}
		by := versions.Actor{By: onus.Actor("person:idn_head"), ID: "idn_head", Mail: "head@acme.example"}
		_, err = versions.Enact(tb.Context(), tx, by, v, p)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
}
