package review

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// Tend does all that is due: it opens campaigns whose time has come or whose
// cause has happened, completes lists, reminds, hands over what nobody can
// decide any more, lets silence revoke or escalate, notes what was confirmed
// gone, and goes on to the next stage or closes. What it does twice does no
// harm.
func (d *Desk) Tend(ctx context.Context, roster flow.Roster) error {
	if err := d.schedule(ctx); err != nil {
		return err
	}
	if err := d.follow(ctx); err != nil {
		return err
	}
	for _, state := range []onus.CampaignState{onus.CampaignGathering, onus.CampaignOpen} {
		var going []onus.Campaign
		err := d.Store.View(ctx, func(r store.Reader) (err error) {
			going, err = store.Campaigns.Find(ctx, r, "state", string(state))
			return err
		})
		if err != nil {
			return err
		}
		for _, c := range going {
			if c.State == onus.CampaignGathering {
				if c, err = d.Gather(ctx, roster, c.ID); err != nil {
					return err
				}
			}
			if err := d.tend(ctx, roster, c.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// schedule opens the campaigns whose time has come again.
func (d *Desk) schedule(ctx context.Context) error {
	for _, t := range d.Program.Campaigns {
		if t.Every == 0 {
			continue
		}
		err := d.Store.Update(ctx, func(tx store.Tx) error {
			held, err := heldBefore(ctx, tx, t.Name, "")
			if err != nil || len(held) == 0 {
				return err
			}
			if before := last(held); before.State != onus.CampaignClosed || tx.Now().Before(before.Opened.Add(t.Every)) {
				return nil
			}
			_, err = d.open(ctx, tx, Order{Name: t.Name, By: onus.Engine, Reason: "its time has come again"}, onus.Campaign{}, "")
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// tend moves one open campaign.
func (d *Desk) tend(ctx context.Context, roster flow.Roster, id string) error {
	var sheets []string
	err := d.Store.View(ctx, func(r store.Reader) error {
		sheets = sheets[:0]
		for row, err := range r.Find(ctx, store.Is(store.Sheets.Name, "open", id)) {
			if err != nil {
				return err
			}
			sheets = append(sheets, row.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, s := range sheets {
		if err := d.tendSheet(ctx, roster, s); err != nil {
			return err
		}
	}
	if err := d.confirm(ctx, id); err != nil {
		return err
	}
	return d.goOn(ctx, roster, id)
}

// tendSheet does what is due on one sheet.
func (d *Desk) tendSheet(ctx context.Context, roster flow.Roster, id string) error {
	return d.Store.Update(ctx, func(tx store.Tx) error {
		s, row, err := store.Sheets.GetRow(ctx, tx, id)
		if err != nil || s.State != onus.SheetOpen {
			return err
		}
		c, err := store.Campaigns.Get(ctx, tx, s.Campaign)
		if err != nil {
			return err
		}
		m, err := d.moment(ctx, tx, roster, tx.Now())
		if err != nil {
			return err
		}
		open, err := undecided(ctx, tx, s)
		if err != nil {
			return err
		}
		t := &turnOf{d: d, tx: tx, m: m, c: &c, s: s, row: row, open: open}
		return t.tend(ctx)
	})
}

// turnOf is one look at one sheet.
type turnOf struct {
	d    *Desk
	tx   store.Tx
	m    *moment
	c    *onus.Campaign
	s    onus.Sheet
	row  store.Row
	open []onus.Line
}

func (t *turnOf) tend(ctx context.Context) error {
	now := t.tx.Now()
	if len(t.open) == 0 {
		return t.end(ctx, onus.SheetAnswered, ledger.ReviewAnswered)
	}
	if !now.Before(t.s.Due) {
		return t.silence(ctx)
	}
	if t.s.Reviewer != "" {
		why, err := t.m.clock.People.Why(t.s.Reviewer)
		if err != nil {
			return err
		}
		barred, err := t.barred(ctx)
		if err != nil {
			return err
		}
		if why != "" || barred {
			return t.handOver(ctx, why == "")
		}
	}
	due := 0
	for _, before := range t.c.Terms.Remind {
		if !now.Before(t.s.Due.Add(-before)) {
			due++
		}
	}
	if due <= t.s.Reminded || t.s.Reviewer == "" {
		return nil
	}
	t.s.Reminded = due
	return t.put(ctx, ledger.ReviewReminded)
}

// barred says whether the reviewer may not decide some open line any more: it
// has become their own, or they alone stand behind it.
func (t *turnOf) barred(ctx context.Context) (bool, error) {
	for i := range t.open {
		why, err := t.bars(ctx, &t.open[i])
		if err != nil || why {
			return why, err
		}
	}
	return false, nil
}

func (t *turnOf) bars(ctx context.Context, l *onus.Line) (bool, error) {
	why, err := t.m.bars(ctx, t.s.Reviewer, l)
	return why != "", err
}

func (t *turnOf) put(ctx context.Context, typ ledger.Type) error {
	owner := cmp.Or(t.s.Reviewer, t.c.Terms.Owner)
	if typ == ledger.ReviewHanded {
		owner = t.c.Terms.Owner
	}
	ev, err := store.Sheets.Put(ctx, t.tx, ledger.Event{
		Type: typ, Actor: string(onus.Engine), Owner: idOf(ctx, t.tx, owner), Cause: t.row.Event,
	}, t.s)
	t.row.Event = ev.ID
	return err
}

func (t *turnOf) end(ctx context.Context, state onus.SheetState, typ ledger.Type) error {
	t.s.State = state
	return t.put(ctx, typ)
}

// handOver asks others about the lines that the reviewer cannot decide: all
// that are open, or only those that they may not.
func (t *turnOf) handOver(ctx context.Context, some bool) error {
	was := t.s
	err := t.pass(ctx, func(l *onus.Line) (string, int, error) {
		if some {
			barred, err := t.bars(ctx, l)
			if err != nil || !barred {
				return was.Reviewer, was.Step, err
			}
		}
		not := was.Reviewer
		to, err := t.m.ask(ctx, slices.Concat(t.c.Terms.Stages[was.Stage].Reviewers, t.m.path(&t.c.Terms)), l, not)
		return to, was.Step, err
	}, ledger.ReviewHanded)
	return err
}

// silence lets go of a sheet that nobody decided in time: its lines climb the
// campaign's path, and where there is nobody left on it, they are denied.
// Nothing is ever kept by it (rule 6).
func (t *turnOf) silence(ctx context.Context) error {
	if t.c.Terms.Silence == onus.SilenceEscalates {
		then := t.c.Terms.Then
		if t.s.Step < len(then) {
			return t.pass(ctx, func(l *onus.Line) (string, int, error) {
				for step := t.s.Step; step < len(then); step++ {
					to, err := t.m.ask(ctx, then[step:step+1], l, t.s.Reviewer)
					if err != nil || to != "" {
						return to, step + 1, err
					}
				}
				return "", len(then), nil
			}, ledger.ReviewClimbed)
		}
	}
	all, on := make([]onus.Review, len(t.open)), make([]onSheet, len(t.open))
	for i, l := range t.open {
		all[i] = onus.Review{
			Campaign: t.c.ID, Sheet: t.s.ID, Stage: t.s.Stage, Verdict: onus.VerdictRevoke, Silent: true, By: onus.Engine,
			Reason: "nobody decided it by " + t.s.Due.UTC().Format("2006-01-02 15:04 MST"), At: t.tx.Now(), Line: l,
		}
		on[i] = onSheet{l, t.s, t.row}
	}
	owner := idOf(ctx, t.tx, cmp.Or(t.s.Reviewer, t.c.Terms.Owner))
	if _, err := settle(ctx, t.tx, all, on, ledger.ReviewSilent, owner); err != nil {
		return err
	}
	return t.end(ctx, onus.SheetSilent, ledger.ReviewSilent)
}

// pass ends a sheet, and asks about its open lines on new ones. A line that
// nobody can be asked about waits for the end of its time with nobody.
func (t *turnOf) pass(ctx context.Context, to func(*onus.Line) (string, int, error), typ ledger.Type) error {
	type place struct {
		reviewer string
		step     int
	}
	by := map[place][]onus.Line{}
	var order []place
	for i := range t.open {
		reviewer, step, err := to(&t.open[i])
		if err != nil {
			return err
		}
		p := place{reviewer, step}
		if by[p] == nil {
			order = append(order, p)
		}
		by[p] = append(by[p], t.open[i])
	}
	slices.SortFunc(order, func(a, b place) int { return cmp.Or(strings.Compare(a.reviewer, b.reviewer), a.step-b.step) })
	was := t.s
	if err := t.end(ctx, onus.SheetHanded, typ); err != nil {
		return err
	}
	c, row, err := store.Campaigns.GetRow(ctx, t.tx, t.c.ID)
	if err != nil {
		return err
	}
	for _, p := range order {
		s := onus.Sheet{
			ID: sheetID(c.ID, was.Stage, 0, c.Sheets), Campaign: c.ID, State: onus.SheetOpen, Stage: was.Stage, Reviewer: p.reviewer, Step: p.step,
			Due: was.Due, Reminded: was.Reminded, Lines: by[p],
		}
		if !t.tx.Now().Before(s.Due) {
			s.Due, s.Reminded = t.tx.Now().Add(c.Terms.Stages[was.Stage].Within), 0
		}
		c.Sheets++
		if err := ask(ctx, t.tx, s, t.row.Event); err != nil {
			return err
		}
	}
	_, err = store.Campaigns.Put(ctx, t.tx, ledger.Event{
		Type: ledger.CampaignGathered, Actor: string(onus.Engine), Owner: idOf(ctx, t.tx, c.Terms.Owner), Cause: row.Event,
	}, c)
	return err
}

// goOn takes a campaign whose sheets are all answered to its next stage, or
// closes it where nothing is left.
func (d *Desk) goOn(ctx context.Context, roster flow.Roster, id string) error {
	for {
		var more bool
		err := d.Store.View(ctx, func(r store.Reader) (err error) {
			more, err = stageDone(ctx, r, id)
			return err
		})
		if err != nil || !more {
			return err
		}
		staged, err := d.nextStage(ctx, roster, id)
		if err != nil {
			return err
		}
		if !staged {
			break
		}
	}
	_, err := d.Close(ctx, id, onus.Engine, "")
	if onus.KindOf(err) == onus.Conflict || errors.Is(err, errMoved) {
		return nil // what is left is seen to at the next look
	}
	return err
}

// stageDone says whether no sheet of an open campaign waits for anybody.
func stageDone(ctx context.Context, r store.Reader, id string) (bool, error) {
	c, err := store.Campaigns.Get(ctx, r, id)
	if err != nil || c.State != onus.CampaignOpen {
		return false, err
	}
	n, err := r.Count(ctx, store.Is(store.Sheets.Name, "open", id))
	return n == 0, err
}
