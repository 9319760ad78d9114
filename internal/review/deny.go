package review

import (
	"context"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// Denials lists the denials that stand, the oldest first.
func (d *Desk) Denials(ctx context.Context) (list []onus.Denial, err error) {
	err = d.Store.View(ctx, func(r store.Reader) error {
		list, err = store.Denials.Query(ctx, r, store.Query{Key: "since", To: "9"})
		return err
	})
	return list, err
}

// A Lift is a person's decision that what was denied may be given again. It
// gives nothing by itself.
type Lift struct {
	Grant  string // its ID
	Reason string
	By     onus.Actor
	Person string // mail address
	Policy string // that lets them
}

// Lift ends a denial. Nobody lifts one of their own access.
func (d *Desk) Lift(ctx context.Context, o Lift) (onus.Denial, error) {
	var held onus.Denial
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		was, row, err := store.Denials.GetRow(ctx, tx, o.Grant)
		if err != nil {
			return err
		}
		who, err := personBy(ctx, tx, o.Person)
		switch {
		case err != nil:
			return err
		case strings.TrimSpace(o.Reason) == "":
			return onus.Errorf(onus.Invalid, "give one with --reason", "to lift a denial needs a reason")
		case who.State != onus.Active:
			return onus.Errorf(onus.Denied, onus.UnknownActor, "%s is nobody whom the organisation knows as active", o.By)
		case who.ID == was.Identity:
			return onus.Errorf(onus.Denied, "", "nobody lifts a denial of their own access")
		case !was.Stands():
			return onus.Errorf(onus.Conflict, "", "it was lifted already, by %s", was.Lifter)
		}
		held = was
		held.Lifted, held.Lifter, held.Why = tx.Now(), who.Mail, o.Reason
		ev, err := store.Denials.Put(ctx, tx, ledger.Event{
			Type: ledger.DenialLifted, Actor: string(o.By), Owner: string(who.ID), Cause: row.Event, Rule: o.Policy,
		}, held)
		if err != nil {
			return err
		}
		return overrule(ctx, tx, held, ev)
	})
	return held, err
}

// overrule notes on the review that its denial does not count any more, so
// that its campaign does not wait for what may stay.
func overrule(ctx context.Context, tx store.Tx, d onus.Denial, by ledger.Event) error {
	v, known, err := store.Reviews.Lookup(ctx, tx, d.Review)
	if err != nil || !known || !v.Waits() {
		return err
	}
	v.Lifted = tx.Now()
	_, err = store.Reviews.Put(ctx, tx, ledger.Event{Type: ledger.ReviewOverruled, Actor: by.Actor, Owner: by.Owner, Cause: by.ID}, v)
	return err
}

// A Planting puts a line that is known to be wrong among those of an open
// campaign.
type Planting struct {
	Campaign    string
	System      onus.SystemName
	Entitlement string
	Identity    onus.IdentityID // who is said to hold it, and does not
	Reason      string
	By          onus.Actor
	Person      string // mail address
}

// Plant adds a line to see whether its reviewer finds it. It gives nobody
// anything: what is really held is no line to plant. Only the control owner of
// the campaign may, and never where they would be asked about it themselves.
func (d *Desk) Plant(ctx context.Context, roster flow.Roster, o Planting) (onus.Plant, error) {
	var p onus.Plant
	of, unit, err := d.plausible(ctx, roster, o)
	if err != nil {
		return p, err
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		c, row, err := findRow(ctx, tx, o.Campaign)
		if err != nil {
			return err
		}
		key := flow.EntitlementKey{System: o.System, Name: o.Entitlement}
		l := onus.Line{System: o.System, Entitlement: o.Entitlement, Identity: o.Identity, Sensitivity: onus.Critical}
		l.Grant = store.GrantID(onus.Grant{System: o.System, Identity: o.Identity, Entitlement: o.Entitlement})
		p = onus.Plant{ID: store.ReviewID(c.ID, l.Grant), Campaign: c.ID, By: o.By, Person: o.Person, Reason: o.Reason, At: tx.Now()}
		g, held, err := store.Grants.Lookup(ctx, tx, l.Grant)
		if err != nil {
			return err
		}
		_, again, err := store.Plants.Lookup(ctx, tx, p.ID)
		switch {
		case err != nil:
			return err
		case !strings.EqualFold(o.Person, c.Terms.Control) || o.Person == "":
			return onus.Errorf(onus.Denied, c.Terms.Control+" can", "only the control owner of campaign %s plants lines", c.Terms.Name)
		case c.State != onus.CampaignOpen:
			return onus.Errorf(onus.Conflict, "plant it while the campaign is open", "campaign %s is %s", c.Terms.Name, c.State)
		case d.Program.Entitlements[key] == nil:
			return onus.Errorf(onus.NotFound, "onus requests catalogue shows what there is", "there is no %s on %s in the catalogue", o.Entitlement, o.System)
		case held && (g.Observed || g.Warranted(tx.Now())):
			return onus.Errorf(onus.Conflict, "plant something that nobody holds", "they really hold it")
		case again:
			return onus.Errorf(onus.Conflict, "", "it is planted already")
		case strings.TrimSpace(o.Reason) == "":
			return onus.Errorf(onus.Invalid, "give one with --reason", "to plant a line needs a reason")
		}
		if e := d.Program.Entitlements[key]; e.Sensitivity != "" {
			l.Sensitivity = e.Sensitivity
		}
		m, err := d.moment(ctx, tx, roster, tx.Now())
		if err != nil {
			return err
		}
		reviewer, err := m.ask(ctx, c.Terms.Stages[c.Stage].Reviewers, &l, o.Person)
		if err != nil {
			return err
		}
		if reviewer == "" {
			return onus.Errorf(onus.Conflict, "plant one for somebody else", "no reviewer would be asked about it")
		}
		if unit != "" {
			l.Peers, l.Hold = of.people[unit], of.hold[holding{unit, o.Entitlement, o.System}]
		}
		p.Line = l
		ev, err := store.Plants.Put(ctx, tx, ledger.Event{Type: ledger.ReviewPlanted, Actor: string(o.By), Owner: idOf(ctx, tx, o.Person), Cause: row.Event}, p)
		if err != nil {
			return err
		}
		s := onus.Sheet{
			ID: sheetID(c.ID, c.Stage, 0, c.Sheets), Campaign: c.ID, State: onus.SheetOpen, Stage: c.Stage, Reviewer: reviewer,
			Due: tx.Now().Add(c.Terms.Stages[c.Stage].Within), Lines: []onus.Line{l},
		}
		c.Sheets++
		if _, err := store.Campaigns.Put(ctx, tx, ledger.Event{Type: ledger.CampaignGathered, Actor: string(onus.Engine), Owner: idOf(ctx, tx, c.Terms.Owner), Cause: ev.ID}, c); err != nil {
			return err
		}
		return ask(ctx, tx, s, row.Event)
	})
	return p, err
}

// plausible counts what a real line would show of the holder's unit, so that a
// planted one is not known by what it lacks.
func (d *Desk) plausible(ctx context.Context, roster flow.Roster, o Planting) (of peers, unit string, err error) {
	err = d.Store.View(ctx, func(r store.Reader) error {
		c, err := Find(ctx, r, o.Campaign)
		if err != nil {
			return err
		}
		m, err := d.moment(ctx, r, roster, d.Now())
		if err != nil {
			return err
		}
		h, err := m.holder(ctx, o.Identity)
		if err != nil {
			return err
		}
		unit = h.unit
		of, err = m.peers(ctx, &c)
		return err
	})
	return of, unit, err
}

func findRow(ctx context.Context, r store.Reader, id string) (onus.Campaign, store.Row, error) {
	c, err := Find(ctx, r, id)
	if err != nil {
		return c, store.Row{}, err
	}
	return store.Campaigns.GetRow(ctx, r, c.ID)
}
