package intake

import (
	"context"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// Tick lets dates arrive: a start whose day has come, a last day that has
// passed. A day begins at midnight in the organisation's zone; the last day
// is one of access, and the day after is not. It asks no source: what HR
// wrote down ahead holds when the day comes, delivered late or not at all.
func (in *Intake) Tick(ctx context.Context, prog *flow.Program) (Outcome, error) {
	now := in.Now()
	day := today(prog, now)
	due, err := in.due(ctx, day)
	if err != nil {
		return Outcome{}, err
	}
	var out Outcome
	for some := range slices.Chunk(due, in.chunk()) {
		var part Outcome
		err := in.Store.Update(ctx, func(tx store.Tx) error {
			part = Outcome{}
			acts := make([]act, len(some))
			for i, id := range some {
				acts[i] = &arrival{prog: prog, now: now, day: day, identity: id}
			}
			return run(ctx, tx, acts, "", &part)
		})
		if err != nil {
			return out, err
		}
		out.merge(part)
	}
	return out, nil
}

// due lists the identities for whom a day has come, in order of id.
func (in *Intake) due(ctx context.Context, day string) ([]onus.IdentityID, error) {
	d, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return nil, err
	}
	yesterday := d.AddDate(0, 0, -1).Format(time.DateOnly)
	var due []onus.IdentityID
	err = in.Store.View(ctx, func(r store.Reader) error {
		due = nil
		for _, q := range []store.Query{{Key: "starts", To: day}, {Key: "ends", To: yesterday}} {
			found, err := store.Identities.Query(ctx, r, q)
			if err != nil {
				return err
			}
			for _, i := range found {
				due = append(due, i.ID)
			}
		}
		return nil
	})
	slices.Sort(due)
	return slices.Compact(due), err
}

// arrival looks at one identity again on a new day.
type arrival struct {
	prog     *flow.Program
	now      time.Time
	day      string
	identity onus.IdentityID
	owner    onus.IdentityID
	found    onFile
}

func (a *arrival) load(ctx context.Context, tx store.Tx) error {
	if err := a.found.load(ctx, tx, a.identity); err != nil || a.found.before == nil {
		return err
	}
	if src := a.prog.Sources[a.found.before.Source]; src != nil {
		var err error
		a.owner, err = personByMail(ctx, tx, src.Owner)
		return err
	}
	return nil
}

func (a *arrival) apply(ctx context.Context, tx store.Tx, cause string, out *Outcome) error {
	if a.found.before == nil {
		return nil
	}
	m := move{
		prog: a.prog, now: a.now, day: a.day, identity: a.identity, kind: a.found.before.Kind,
		found: a.found, records: a.found.records,
		frame: func(what ledger.Type, cause string) ledger.Event {
			return ledger.Event{
				Type: what, Actor: string(onus.Engine), Owner: string(a.owner), Cause: cause, Rule: "date",
				Notes: map[string]string{"day": a.day},
			}
		},
	}
	return m.commit(ctx, tx, cause, out)
}
