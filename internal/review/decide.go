package review

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// A Choice is what a reviewer says to one line.
type Choice struct {
	Line    string             `json:"line"` // its ID, or a beginning that only one of the reviewer's lines has
	Verdict onus.ReviewVerdict `json:"verdict"`
	Reason  string             `json:"reason"`
}

// Choices are what a reviewer says to several lines: all of it counts, or none.
type Choices struct {
	Of     []Choice
	By     onus.Actor
	Person string // mail address
	Policy string // that lets them
}

// LineID names a line for people.
func LineID(campaign, grant string) string { return onus.ID("lin", campaign, grant) }

// longestLook is from when on the time between two decisions says nothing
// about how long the second took.
const longestLook = time.Hour

// onSheet is a line with the sheet that it is asked on.
type onSheet struct {
	line  onus.Line
	sheet onus.Sheet
	row   store.Row
}

// Decide records what a reviewer says. A denial stands from then on, and its
// occasions are planned at the next cycle.
func (d *Desk) Decide(ctx context.Context, roster flow.Roster, o Choices) ([]onus.Review, error) {
	if len(o.Of) == 0 {
		return nil, onus.Errorf(onus.Invalid, "onus review lists your lines", "no line is named")
	}
	var done []onus.Review
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		done = nil
		m, err := d.moment(ctx, tx, roster, tx.Now())
		if err != nil {
			return err
		}
		who, err := personBy(ctx, tx, o.Person)
		switch {
		case err != nil:
			return err
		case o.Person == "" || who.State != onus.Active:
			return onus.Errorf(onus.Denied, onus.UnknownActor, "%s is nobody whom the organisation knows as active: no review", cmp.Or(o.Person, string(o.By)))
		}
		mine, err := openLines(ctx, tx, o.Person)
		if err != nil {
			return err
		}
		chosen, err := choose(mine, o.Of)
		if err != nil {
			return err
		}
		took, err := looked(ctx, tx, chosen, o.Person, tx.Now())
		if err != nil {
			return err
		}
		for i, at := range chosen {
			v := onus.Review{
				Campaign: at.sheet.Campaign, Sheet: at.sheet.ID, Stage: at.sheet.Stage, Verdict: o.Of[i].Verdict, By: o.By, Person: who.Mail,
				Reason: strings.TrimSpace(o.Of[i].Reason), At: tx.Now(), Took: took, Policy: o.Policy, Line: at.line,
			}
			why, err := m.bars(ctx, o.Person, &at.line)
			switch {
			case err != nil:
				return err
			case why != "":
				return onus.Errorf(onus.Denied, "it is asked of somebody else at the next cycle", "line %s cannot be decided by %s: %s", o.Of[i].Line, o.Person, why)
			case v.Reason == "":
				return onus.Errorf(onus.Invalid, "give each a reason", "line %s is decided without a reason", o.Of[i].Line)
			}
			done = append(done, v)
		}
		if done, err = settle(ctx, tx, done, chosen, ledger.ReviewDecided, string(who.ID)); err != nil {
			return err
		}
		return answered(ctx, tx, chosen, string(o.By), string(who.ID))
	})
	return done, err
}

// openLines gives the lines that somebody is asked about and has not decided,
// as they come on their list.
func openLines(ctx context.Context, r store.Reader, person string) ([]onSheet, error) {
	var mine []onSheet
	for row, err := range r.Find(ctx, store.Is(store.Sheets.Name, "reviewer", strings.ToLower(person))) {
		if err != nil {
			return nil, err
		}
		s, err := store.Sheets.Of(row)
		if err != nil {
			return nil, err
		}
		c, err := store.Campaigns.Get(ctx, r, s.Campaign)
		if err != nil {
			return nil, err
		}
		if c.State != onus.CampaignOpen || c.Stage != s.Stage {
			continue // its list is not complete
		}
		open, err := undecided(ctx, r, s)
		if err != nil {
			return nil, err
		}
		for _, l := range open {
			mine = append(mine, onSheet{l, s, row})
		}
	}
	return mine, nil
}

// choose finds the lines that choices name.
func choose(mine []onSheet, of []Choice) ([]onSheet, error) {
	chosen := make([]onSheet, 0, len(of))
	taken := map[string]bool{}
	for _, c := range of {
		if c.Verdict != onus.VerdictKeep && c.Verdict != onus.VerdictRevoke {
			return nil, onus.Errorf(onus.Invalid, "it is keep or revoke", "%q is no verdict", c.Verdict)
		}
		i := slices.IndexFunc(mine, func(l onSheet) bool { return LineID(l.sheet.Campaign, l.line.Grant) == c.Line })
		if i < 0 {
			begins := func(l onSheet) bool {
				return c.Line != "" && strings.HasPrefix(LineID(l.sheet.Campaign, l.line.Grant), c.Line)
			}
			if i = slices.IndexFunc(mine, begins); i >= 0 && slices.ContainsFunc(mine[i+1:], begins) {
				return nil, onus.Errorf(onus.Conflict, "give more of it", "several lines begin with %s", c.Line)
			}
		}
		if i < 0 {
			return nil, onus.Errorf(onus.NotFound, "onus review lists those that wait for you", "no line %s waits for you", c.Line)
		}
		id := store.ReviewID(mine[i].sheet.Campaign, mine[i].line.Grant)
		if taken[id] {
			return nil, onus.Errorf(onus.Invalid, "say it once", "line %s is decided twice", c.Line)
		}
		taken[id] = true
		chosen = append(chosen, mine[i])
	}
	return chosen, nil
}

// looked gives how long a reviewer took for each of some lines: the time since
// they first saw them or decided others, shared out; 0: nobody can tell.
func looked(ctx context.Context, r store.Reader, chosen []onSheet, person string, now time.Time) (time.Duration, error) {
	var since time.Time
	seen := map[string]bool{}
	for _, at := range chosen {
		if seen[at.sheet.ID] {
			continue
		}
		seen[at.sheet.ID] = true
		if at.sheet.Shown.After(since) {
			since = at.sheet.Shown
		}
		for _, l := range at.sheet.Lines {
			v, known, err := store.Reviews.Lookup(ctx, r, store.ReviewID(at.sheet.Campaign, l.Grant))
			if err != nil {
				return 0, err
			}
			if known && strings.EqualFold(v.Person, person) && v.At.After(since) {
				since = v.At
			}
		}
	}
	if took := now.Sub(since); !since.IsZero() && took <= longestLook {
		return max(took/time.Duration(len(chosen)), time.Millisecond), nil
	}
	return 0, nil
}

// settle records decisions, and what follows from those that deny.
func settle(ctx context.Context, tx store.Tx, all []onus.Review, on []onSheet, typ ledger.Type, owner string) ([]onus.Review, error) {
	order := newDenials(tx, owner)
	for i := range all {
		v := &all[i]
		v.ID = store.ReviewID(v.Campaign, v.Line.Grant)
		_, planted, err := store.Plants.Lookup(ctx, tx, v.ID)
		if err != nil {
			return nil, err
		}
		if v.Planted = planted; planted && v.Verdict == onus.VerdictRevoke {
			v.Gone, v.Proof = v.At, "nobody holds it: it was planted"
		}
		if v.Verdict == onus.VerdictRevoke && !planted {
			order.note(v, i)
		}
	}
	for i := range all {
		v := &all[i]
		ev := ledger.Event{
			Type: typ, Actor: string(v.By), Owner: owner, Cause: on[i].row.Event, Rule: string(v.Verdict),
			Notes: map[string]string{"verdict": string(v.Verdict)},
		}
		if v.Line.Event != "" {
			ev.Inputs = []string{v.Line.Event}
		}
		if v.Policy != "" {
			ev.Notes["policy"] = v.Policy
		}
		recorded, err := store.Reviews.Put(ctx, tx, ev, *v)
		if err != nil {
			return nil, err
		}
		if v.Occasion != "" {
			if err := order.deny(ctx, v, recorded.ID); err != nil {
				return nil, err
			}
		}
	}
	return all, order.arise(ctx, all)
}

// denials makes one occasion of what is denied to one holder on one system.
type denials struct {
	tx    store.Tx
	owner string
	of    map[string]string // system and holder → occasion
	by    map[string][]int  // occasion → which of the decisions
	cause map[string]string // occasion → the event that led to it
}

func newDenials(tx store.Tx, owner string) denials {
	return denials{tx: tx, owner: owner, of: map[string]string{}, by: map[string][]int{}, cause: map[string]string{}}
}

// reviewing begins the ID of every occasion of a denial.
const reviewing = "review/"

// note puts a denial to the occasion of its holder, named after the first of them.
func (o *denials) note(v *onus.Review, i int) {
	holder := string(v.Line.System) + "/" + cmp.Or(string(v.Line.Identity), string(v.Line.Account))
	if o.of[holder] == "" {
		o.of[holder] = reviewing + onus.ID("rvk", v.Campaign, v.Line.Grant, store.Stamp(v.At))
	}
	v.Occasion = o.of[holder]
	o.by[v.Occasion] = append(o.by[v.Occasion], i)
}

func (o *denials) deny(ctx context.Context, v *onus.Review, cause string) error {
	l := v.Line
	ev, err := store.Denials.Put(ctx, o.tx, ledger.Event{Type: ledger.DenialMade, Actor: string(v.By), Owner: o.owner, Cause: cause}, onus.Denial{
		Grant: l.Grant, System: l.System, Account: l.Account, Entitlement: l.Entitlement, Identity: l.Identity,
		Review: v.ID, Person: v.Person, Reason: v.Reason, Since: v.At,
	})
	o.cause[v.Occasion] = ev.ID
	return err
}

func (o *denials) arise(ctx context.Context, all []onus.Review) error {
	ids := make([]string, 0, len(o.by))
	for id := range o.by {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		first := all[o.by[id][0]]
		occasion := onus.Occasion{ID: id, Kind: onus.Reviewed, State: onus.Waiting, Identity: first.Line.Identity, At: o.tx.Now()}
		for _, i := range o.by[id] {
			occasion.Denials = append(occasion.Denials, all[i].Line.Grant)
		}
		if occasion.Identity != "" {
			who, err := store.Identities.Get(ctx, o.tx, string(occasion.Identity))
			if err != nil {
				return err
			}
			occasion.Source, occasion.Key = who.Source, who.Key
		}
		ev := ledger.Event{Type: ledger.OccasionArose, Actor: string(first.By), Owner: o.owner, Cause: o.cause[id]}
		if _, err := store.Occasions.Put(ctx, o.tx, ev, occasion); err != nil {
			return err
		}
	}
	return nil
}

// answered ends the sheets on which nothing is undecided any more.
func answered(ctx context.Context, tx store.Tx, on []onSheet, by, owner string) error {
	seen := map[string]bool{}
	for _, at := range on {
		if seen[at.sheet.ID] {
			continue
		}
		seen[at.sheet.ID] = true
		open, err := undecided(ctx, tx, at.sheet)
		if err != nil {
			return err
		}
		if len(open) > 0 {
			continue
		}
		at.sheet.State = onus.SheetAnswered
		if _, err := store.Sheets.Put(ctx, tx, ledger.Event{Type: ledger.ReviewAnswered, Actor: by, Owner: owner, Cause: at.row.Event}, at.sheet); err != nil {
			return err
		}
	}
	return nil
}

// WaitFor gives whose access some lines of somebody's list are about, or an
// onus.NotFound error where one of them does not wait for them.
func WaitFor(ctx context.Context, r store.Reader, person string, lines ...string) ([]onus.IdentityID, error) {
	mine, err := openLines(ctx, r, person)
	if err != nil {
		return nil, err
	}
	of := make([]Choice, len(lines))
	for i, line := range lines {
		of[i] = Choice{Line: line, Verdict: onus.VerdictKeep}
	}
	found, err := choose(mine, of)
	if err != nil {
		return nil, err
	}
	holders := make([]onus.IdentityID, len(found))
	for i, at := range found {
		holders[i] = at.line.Identity
	}
	return holders, nil
}
