package review

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

const (
	// perSheet is how many lines a reviewer is asked about by one event. The
	// leaf holds the digest of all of them.
	perSheet = 250
	// mostInMemory is how many lines are held at a time, and frozen in one commit.
	mostInMemory = 100_000
)

// Gather freezes the lines of a campaign, in parts, each a commit of its own:
// after a crash it goes on where it was. The list is complete when the
// campaign is open, and its digest covers every line in order of the grants.
func (d *Desk) Gather(ctx context.Context, roster flow.Roster, id string) (onus.Campaign, error) {
	g := &gathering{d: d, roster: roster, id: id, part: cmp.Or(d.Part, mostInMemory)}
	for {
		if err := g.next(ctx); err != nil && !errors.Is(err, errMoved) {
			return g.c, err
		}
		if g.c.State != onus.CampaignGathering {
			return g.c, nil
		}
	}
}

// gathering is one process's work on the list of a campaign.
type gathering struct {
	d      *Desk
	roster flow.Roster
	id     string

	c      onus.Campaign
	row    store.Row
	peers  *peers
	part   int
	sheets []onus.Sheet
	done   bool
}

// next looks at the next lines, and commits them.
func (g *gathering) next(ctx context.Context) error {
	if err := g.d.Store.View(ctx, func(r store.Reader) error { return g.look(ctx, r) }); err != nil {
		return err
	}
	if g.c.State != onus.CampaignGathering {
		return nil
	}
	return g.d.Store.Update(ctx, func(tx store.Tx) error {
		_, row, err := store.Campaigns.GetRow(ctx, tx, g.id)
		if err != nil {
			return err
		}
		if row.Event != g.row.Event {
			return errMoved
		}
		owner := idOf(ctx, tx, g.c.Terms.Owner)
		ev := ledger.Event{
			Type: ledger.CampaignGathered, Actor: string(onus.Engine), Owner: owner, Cause: row.Event,
			Notes: map[string]string{"lines": strconv.Itoa(g.c.Lines)},
		}
		c := g.c
		if g.done {
			c.State, c.After = onus.CampaignOpen, ""
			ev.Type, ev.Inputs = ledger.CampaignFrozen, []string{string(c.Digest)}
			ev.Notes["carried"] = strconv.Itoa(c.Carry)
		}
		moved, err := store.Campaigns.Put(ctx, tx, ev, c)
		if err != nil {
			return err
		}
		for _, s := range g.sheets {
			if err := ask(ctx, tx, s, moved.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// ask records a sheet: its leaf commits to every line of it.
func ask(ctx context.Context, tx store.Tx, s onus.Sheet, cause string) error {
	s.Asked = tx.Now()
	_, err := store.Sheets.Put(ctx, tx, ledger.Event{
		Type: ledger.ReviewAsked, Actor: string(onus.Engine), Owner: idOf(ctx, tx, s.Reviewer), Cause: cause,
		Notes: map[string]string{"lines": strconv.Itoa(len(s.Lines))},
	}, s)
	return err
}

// look makes the sheets of the next part.
func (g *gathering) look(ctx context.Context, r store.Reader) (err error) {
	if g.c, g.row, err = store.Campaigns.GetRow(ctx, r, g.id); err != nil || g.c.State != onus.CampaignGathering {
		return err
	}
	m, err := g.d.moment(ctx, r, g.roster, g.d.Now())
	if err != nil {
		return err
	}
	if g.peers == nil {
		of, err := m.peers(ctx, &g.c)
		if err != nil {
			return err
		}
		g.peers = &of
	}
	denied, err := standing(ctx, r)
	if err != nil {
		return err
	}
	before := newLastTime(ctx, r, &g.c)
	defer before.stop()
	list := newPiles(&g.c, g.c.Sheets)
	c := g.c
	g.done = true
	for one, err := range grants(ctx, r, m.p, &g.c) {
		if err != nil {
			return err
		}
		l, in, err := m.line(ctx, &g.c, &one)
		if err != nil {
			return err
		}
		c.After = l.Grant
		if !in {
			continue
		}
		if denied[l.Grant] {
			continue // it was decided: what is there all the same is drift
		}
		if err := g.place(ctx, m, list, before, &l, &one.Grant); err != nil {
			return err
		}
		if c.Digest, err = chained(c.Digest, &l); err != nil {
			return err
		}
		if c.Lines++; l.Carried != "" {
			c.Carry++
		}
		if list.lines == g.part {
			g.done = false
			break
		}
	}
	g.sheets = list.sheets(m.clock.Now)
	c.Sheets += len(g.sheets)
	g.c = c
	return nil
}

// standing gives the grants that are denied.
func standing(ctx context.Context, r store.Reader) (map[string]bool, error) {
	denied := map[string]bool{}
	for row, err := range r.Find(ctx, store.Query{Kind: store.Denials.Name, Key: "since", To: "9"}) {
		if err != nil {
			return nil, err
		}
		denied[row.ID] = true
	}
	return denied, nil
}

// place puts a line on somebody's list, or among those that nothing changed for.
func (g *gathering) place(ctx context.Context, m *moment, list *piles, before *lastTime, l *onus.Line, of *onus.Grant) error {
	v, err := before.of(l.Grant)
	if err != nil {
		return err
	}
	h, err := m.holder(ctx, l.Identity)
	if err != nil {
		return err
	}
	g.peers.beside(l, h)
	t, warranted := &g.c.Terms, of.Warranted(m.clock.Now)
	if v != nil && warranted && carries(t, v, l, m.clock.Now) {
		l.Carried = v.ID
		list.add(pileKey{rank: carriedRank}, *l)
		return nil
	}
	reviewer, err := m.askOf(ctx, slices.Concat(t.Stages[0].Reviewers, m.path(t)), l, of, "")
	if err != nil {
		return err
	}
	list.add(pileKey{reviewer, rank(t, l, warranted)}, *l)
	return nil
}

// carries says whether a decision of the last campaign stands for a line:
// somebody kept it, neither the grant nor its holder moved since, what it
// gives weighs the same, and the campaign's rule lets it. What was carried
// over has no decision there, so nothing is carried twice in a row.
func carries(t *onus.Terms, v *onus.Review, l *onus.Line, now time.Time) bool {
	return t.CarryFor > 0 && v.Verdict == onus.VerdictKeep && v.Person != "" && now.Sub(v.At) <= t.CarryFor &&
		v.Line.Event == l.Event && v.Line.Holder == l.Holder && v.Line.Sensitivity == l.Sensitivity &&
		l.Sensitivity.Weight() < t.CarryLess.Weight()
}

// lastTime walks the decisions of the campaign before along with the grants.
type lastTime struct {
	next   func() (store.Row, error, bool)
	stop   func()
	prefix string // the ID of the campaign, as reviews begin with
	row    store.Row
	more   bool
	err    error
}

func newLastTime(ctx context.Context, r store.Reader, c *onus.Campaign) *lastTime {
	if c.Last == "" || c.Terms.CarryFor == 0 {
		return &lastTime{stop: func() {}}
	}
	b := &lastTime{prefix: c.Last + "/"}
	b.next, b.stop = iter.Pull2(r.Find(ctx, store.Query{Kind: store.Reviews.Name, Prefix: b.prefix, After: store.ReviewID(c.Last, c.After)}))
	b.row, b.err, b.more = b.next()
	return b
}

// of gives what was decided on a grant, or nil. Grants come in order.
func (b *lastTime) of(grant string) (*onus.Review, error) {
	for b.err == nil && b.more && b.row.ID < b.prefix+grant {
		b.row, b.err, b.more = b.next()
	}
	if b.err != nil || !b.more || b.row.ID != b.prefix+grant {
		return nil, b.err
	}
	v, err := store.Reviews.Of(b.row)
	return &v, err
}

// chained is the digest of a list that goes on with one more line: whoever has
// the lines in order of their grants can work it out, however they were cut.
func chained(before onus.Digest, l *onus.Line) (onus.Digest, error) {
	data, err := json.Marshal(l)
	if err != nil {
		return "", fmt.Errorf("digest a line: %w", err)
	}
	return onus.DigestOf(append([]byte(before+"\n"), data...)), nil
}

// carriedRank is that of lines that nobody is asked about.
const carriedRank = 9

// piles are the lines of a part by who is asked about them.
type piles struct {
	c     *onus.Campaign
	stage int
	from  int // the number of the next sheet
	by    map[pileKey][]onus.Line
	lines int
}

type pileKey struct {
	reviewer string
	rank     int
}

func newPiles(c *onus.Campaign, from int) *piles {
	return &piles{c: c, stage: c.Stage, from: from, by: map[pileKey][]onus.Line{}}
}

func (p *piles) add(k pileKey, l onus.Line) {
	p.by[k] = append(p.by[k], l)
	p.lines++
}

// sheets cuts the piles into sheets, in an order that follows from them alone.
func (p *piles) sheets(now time.Time) []onus.Sheet {
	var all []onus.Sheet
	keys := slices.SortedFunc(maps.Keys(p.by), func(a, b pileKey) int {
		if a.rank != b.rank {
			return a.rank - b.rank
		}
		return strings.Compare(a.reviewer, b.reviewer)
	})
	for _, k := range keys {
		for lines := range slices.Chunk(p.by[k], perSheet) {
			s := onus.Sheet{
				ID: sheetID(p.c.ID, p.stage, k.rank, p.from), Campaign: p.c.ID, State: onus.SheetOpen, Stage: p.stage, Reviewer: k.reviewer,
				Due: now.Add(p.c.Terms.Stages[p.stage].Within), Lines: lines,
			}
			if k.rank == carriedRank {
				s.State, s.Due = onus.SheetCarried, time.Time{}
			}
			p.from++
			all = append(all, s)
		}
	}
	return all
}

// sheetID is the ID of a sheet: those of a stage stand together, what comes
// first on a list first.
func sheetID(campaign string, stage, rank, number int) string {
	return fmt.Sprintf("%s.%02d.%d.%07d", campaign, stage, rank, number)
}
