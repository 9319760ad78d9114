package review

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// perCommit is how many denials one transaction looks at.
const perCommit = 200

// confirm notes which denials of a campaign were confirmed gone.
func (d *Desk) confirm(ctx context.Context, id string) error {
	var pending []string
	err := d.Store.View(ctx, func(r store.Reader) error {
		pending = pending[:0]
		for row, err := range r.Find(ctx, store.Is(store.Reviews.Name, "pending", id)) {
			if err != nil {
				return err
			}
			pending = append(pending, row.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(pending, perCommit) {
		err := d.Store.Update(ctx, func(tx store.Tx) error {
			for _, id := range chunk {
				if err := confirmOne(ctx, tx, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func confirmOne(ctx context.Context, tx store.Tx, id string) error {
	v, row, err := store.Reviews.GetRow(ctx, tx, id)
	if err != nil || !v.Waits() {
		return err
	}
	proof, err := gone(ctx, tx, &v)
	if err != nil || proof == "" {
		return err
	}
	v.Gone, v.Proof = tx.Now(), proof
	c, err := store.Campaigns.Get(ctx, tx, v.Campaign)
	if err != nil {
		return err
	}
	_, err = store.Reviews.Put(ctx, tx, ledger.Event{
		Type: ledger.ReviewConfirmed, Actor: string(onus.Engine), Owner: idOf(ctx, tx, c.Terms.Owner), Cause: row.Event, Notes: map[string]string{"proof": proof},
	}, v)
	return err
}

// gone says by what a denied grant is known to be gone; "": it is not. That a
// run ended says nothing: the system must have shown that it is not there, and
// no warrant of ours may be left for it.
func gone(ctx context.Context, r store.Reader, v *onus.Review) (string, error) {
	o, known, err := store.Occasions.Lookup(ctx, r, v.Occasion)
	if err != nil || known && (o.State == onus.Waiting || o.State == onus.Stopped) {
		return "", err
	}
	g, known, err := store.Grants.Lookup(ctx, r, v.Line.Grant)
	switch {
	case err != nil:
		return "", err
	case !known:
		return "it was never seen on the system", nil
	case slices.ContainsFunc(g.Warrants, func(w onus.Warrant) bool { return w.Ended.IsZero() }):
		return "", nil
	}
	if there, err := isThere(ctx, r, &g); err != nil || there {
		return "", err
	}
	runs, err := store.Runs.Find(ctx, r, "occasion", v.Occasion)
	if err != nil {
		return "", err
	}
	for _, run := range runs {
		changes, err := store.Changes.Query(ctx, r, store.ChangesOf(run.ID))
		if err != nil {
			return "", err
		}
		for _, c := range changes {
			t := c.Planned.Target
			if c.State == onus.ChangeConfirmed && t.System == v.Line.System && t.Entitlement == v.Line.Entitlement {
				return string(c.ID), nil
			}
		}
	}
	return "a complete read that does not show it", nil
}

// isThere says whether a system shows what was denied. An account that is
// disabled gives nothing.
func isThere(ctx context.Context, r store.Reader, g *onus.Grant) (bool, error) {
	if !g.Observed || g.Entitlement != "" {
		return g.Observed, nil
	}
	a, known, err := store.Accounts.Lookup(ctx, r, store.AccountID(g.System, g.Account))
	return known && !a.Gone && a.Enabled, err
}

// Close closes a campaign when every line is decided and every denial was
// confirmed gone, and still is. Otherwise it says what is left.
func (d *Desk) Close(ctx context.Context, id string, by onus.Actor, person string) (onus.Campaign, error) {
	var c onus.Campaign
	var back []string
	err := d.Store.View(ctx, func(r store.Reader) (err error) {
		if c, err = Find(ctx, r, id); err != nil {
			return err
		}
		back, err = returned(ctx, r, c.ID)
		return err
	})
	if err != nil {
		return c, err
	}
	if len(back) > 0 && c.State == onus.CampaignOpen {
		if err := d.reopen(ctx, back); err != nil {
			return c, err
		}
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		now, row, err := store.Campaigns.GetRow(ctx, tx, c.ID)
		if err != nil {
			return err
		}
		c = now
		switch left, err := leftOf(ctx, tx, &c); {
		case err != nil:
			return err
		case c.State == onus.CampaignClosed:
			return onus.Errorf(onus.Conflict, "", "campaign %s was closed already", c.ID)
		case left != "":
			return onus.Errorf(onus.Conflict, "onus campaign show "+c.ID+" names them", "campaign %s cannot be closed: %s", c.Terms.Name, left)
		}
		c.State, c.Closed = onus.CampaignClosed, tx.Now()
		_, err = store.Campaigns.Put(ctx, tx, ledger.Event{
			Type: ledger.CampaignClosed, Actor: string(by), Owner: idOf(ctx, tx, c.Terms.Owner), Cause: row.Event,
		}, c)
		return err
	})
	return c, err
}

// leftOf says what keeps a campaign from being closed, or "".
func leftOf(ctx context.Context, r store.Reader, c *onus.Campaign) (string, error) {
	if c.State == onus.CampaignGathering {
		return "its lines are being gathered", nil
	}
	sheets, err := r.Count(ctx, store.Is(store.Sheets.Name, "open", c.ID))
	if err != nil {
		return "", err
	}
	pending, err := r.Count(ctx, store.Is(store.Reviews.Name, "pending", c.ID))
	switch {
	case err != nil:
		return "", err
	case sheets > 0:
		return fmt.Sprintf("%d sheets have lines that nobody decided", sheets), nil
	case c.Stage+1 < len(c.Terms.Stages):
		return "its next stage has not begun", nil
	case pending > 0:
		return fmt.Sprintf("%d denials are not confirmed gone", pending), nil
	}
	return "", nil
}

// returned lists what was confirmed gone in a campaign and is there again.
func returned(ctx context.Context, r store.Reader, id string) ([]string, error) {
	var back []string
	for row, err := range r.Find(ctx, store.Query{Kind: store.Reviews.Name, Prefix: id + "/"}) {
		if err != nil {
			return nil, err
		}
		v, err := store.Reviews.Of(row)
		if err != nil {
			return nil, err
		}
		if v.Verdict != onus.VerdictRevoke || v.Gone.IsZero() || v.Planted {
			continue
		}
		if again, err := isBack(ctx, r, &v); err != nil || again {
			if err != nil {
				return nil, err
			}
			back = append(back, v.ID)
		}
	}
	return back, nil
}

// isBack says whether a denied grant is there while its denial stands.
func isBack(ctx context.Context, r store.Reader, v *onus.Review) (bool, error) {
	held, known, err := store.Denials.Lookup(ctx, r, v.Line.Grant)
	if err != nil || !known || !held.Stands() || held.Review != v.ID {
		return false, err
	}
	g, known, err := store.Grants.Lookup(ctx, r, v.Line.Grant)
	if err != nil || !known {
		return false, err
	}
	return isThere(ctx, r, &g)
}

// reopen takes back that denials were confirmed gone, and orders them anew.
func (d *Desk) reopen(ctx context.Context, back []string) error {
	for chunk := range slices.Chunk(back, perCommit) {
		err := d.Store.Update(ctx, func(tx store.Tx) error {
			for _, id := range chunk {
				v, row, err := store.Reviews.GetRow(ctx, tx, id)
				if err != nil {
					return err
				}
				if again, err := isBack(ctx, tx, &v); err != nil || !again || v.Gone.IsZero() {
					if err != nil {
						return err
					}
					continue
				}
				v.Gone, v.Proof = time.Time{}, ""
				if err := again(ctx, tx, v, row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// again orders a denial anew, under an occasion of its own.
func again(ctx context.Context, tx store.Tx, v onus.Review, row store.Row) error {
	c, err := store.Campaigns.Get(ctx, tx, v.Campaign)
	if err != nil {
		return err
	}
	owner := idOf(ctx, tx, c.Terms.Owner)
	o := newDenials(tx, owner)
	at := v
	at.At, at.By = tx.Now(), onus.Engine
	o.note(&at, 0)
	v.Occasion = at.Occasion
	ev, err := store.Reviews.Put(ctx, tx, ledger.Event{Type: ledger.ReviewReturned, Actor: string(onus.Engine), Owner: owner, Cause: row.Event}, v)
	if err != nil {
		return err
	}
	o.cause[at.Occasion] = ev.ID
	return o.arise(ctx, []onus.Review{at})
}

// nextStage asks the next reviewers about what the last ones kept, and says
// whether there was a next stage.
func (d *Desk) nextStage(ctx context.Context, roster flow.Roster, id string) (bool, error) {
	staged := false
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		staged = false
		c, row, err := store.Campaigns.GetRow(ctx, tx, id)
		if err != nil || c.Stage+1 >= len(c.Terms.Stages) {
			return err
		}
		m, err := d.moment(ctx, tx, roster, tx.Now())
		if err != nil {
			return err
		}
		c.Stage++
		list := newPiles(&c, c.Sheets)
		for r, err := range tx.Find(ctx, store.Query{Kind: store.Reviews.Name, Prefix: c.ID + "/"}) {
			if err != nil {
				return err
			}
			v, err := store.Reviews.Of(r)
			if err != nil {
				return err
			}
			if v.Verdict != onus.VerdictKeep || v.Stage >= c.Stage {
				continue
			}
			to, err := m.ask(ctx, slices.Concat(c.Terms.Stages[c.Stage].Reviewers, m.path(&c.Terms)), &v.Line, v.Person)
			if err != nil {
				return err
			}
			list.add(pileKey{reviewer: to}, v.Line)
		}
		sheets := list.sheets(tx.Now())
		c.Sheets += len(sheets)
		ev, err := store.Campaigns.Put(ctx, tx, ledger.Event{
			Type: ledger.CampaignStaged, Actor: string(onus.Engine), Owner: idOf(ctx, tx, c.Terms.Owner), Cause: row.Event,
			Notes: map[string]string{"stage": strconv.Itoa(c.Stage + 1)},
		}, c)
		if err != nil {
			return err
		}
		for _, s := range sheets {
			if err := ask(ctx, tx, s, ev.ID); err != nil {
				return err
			}
		}
		staged = true
		return nil
	})
	return staged, err
}
