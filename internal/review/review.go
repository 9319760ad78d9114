// Package review recertifies access. A campaign freezes a list of lines, one
// for each grant in its scope, asks reviewers about them, and takes what they
// deny to the engine as occasions. Silence keeps nothing, and a campaign is
// closed only when all that was denied was seen to be gone. It decides who is
// asked and what follows; planning and carrying out are for package planning
// and package engine, telling people is for package notify.
package review

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// A Desk holds campaigns under the definitions that are live.
type Desk struct {
	Store   store.Store
	Program *flow.Program
	Now     func() time.Time
	Part    int // lines that are held in memory, and frozen in one commit; 0: 100,000
}

// errMoved says that somebody else went on with it meanwhile.
var errMoved = errors.New("the campaign moved on meanwhile")

// An Order opens a campaign.
type Order struct {
	Name   string
	By     onus.Actor
	Person string // mail address
	Reason string
}

// Open begins a campaign by its name in the definitions. Its lines are frozen
// by Gather; until then nobody is asked.
func (d *Desk) Open(ctx context.Context, o Order) (onus.Campaign, error) {
	if strings.TrimSpace(o.Reason) == "" {
		return onus.Campaign{}, onus.Errorf(onus.Invalid, "give one with --reason", "to open a campaign needs a reason")
	}
	var c onus.Campaign
	err := d.Store.Update(ctx, func(tx store.Tx) (err error) {
		c, err = d.open(ctx, tx, o, onus.Campaign{}, "")
		return err
	})
	return c, err
}

// open records a campaign, unless one of its name about the same goes on.
func (d *Desk) open(ctx context.Context, tx store.Tx, o Order, c onus.Campaign, cause string) (onus.Campaign, error) {
	terms := d.Program.Campaigns[o.Name]
	if terms == nil {
		return c, onus.Errorf(onus.NotFound, "onus campaign list shows those of the definitions", "the definitions have no campaign %s", o.Name)
	}
	held, err := heldBefore(ctx, tx, o.Name, c.Cause)
	if err != nil {
		return c, err
	}
	for _, h := range held {
		switch {
		case h.State != onus.CampaignClosed && c.Cause == "":
			return c, onus.Errorf(onus.Conflict, "onus campaign show "+h.ID, "campaign %s goes on already, as %s", o.Name, h.ID)
		case h.State == onus.CampaignClosed && c.Cause == "":
			c.Last = h.ID
		}
	}
	head, err := tx.Head(ctx)
	if err != nil {
		return c, err
	}
	c.Terms, c.State, c.Size = *terms, onus.CampaignGathering, head.Size
	c.Opened, c.By, c.Person, c.Reason = tx.Now(), o.By, o.Person, o.Reason
	c.ID = onus.ID("cmp", o.Name, string(c.Cause), string(c.Identity), string(c.System), cause, store.Stamp(tx.Now()))
	_, err = store.Campaigns.Put(ctx, tx, ledger.Event{
		Type: ledger.CampaignOpened, Actor: string(o.By), Owner: idOf(ctx, tx, terms.Owner), Cause: cause,
	}, c)
	return c, err
}

// heldBefore lists the campaigns of a name and cause, the oldest first.
func heldBefore(ctx context.Context, r store.Reader, name string, cause onus.ReviewCause) ([]onus.Campaign, error) {
	of := name + "/" + string(cause) + "/"
	return store.Campaigns.Query(ctx, r, store.Query{Key: "name", From: of, To: of + "~"})
}

// Find gives a campaign by its ID, by a beginning that only one has, or by its
// name: then the one that was opened last.
func Find(ctx context.Context, r store.Reader, id string) (onus.Campaign, error) {
	if c, known, err := store.Campaigns.Lookup(ctx, r, id); err != nil || known {
		return c, err
	}
	if held, err := heldBefore(ctx, r, id, ""); err != nil || len(held) > 0 {
		return last(held), err
	}
	found, err := store.Campaigns.Query(ctx, r, store.Query{Prefix: id, Limit: 2})
	switch {
	case err != nil:
		return onus.Campaign{}, err
	case id == "" || len(found) == 0:
		return onus.Campaign{}, onus.Errorf(onus.NotFound, "onus campaign list shows them", "there is no campaign %s", id)
	case len(found) > 1:
		return onus.Campaign{}, onus.Errorf(onus.Conflict, "give more of it", "several campaigns begin with %s", id)
	}
	return found[0], nil
}

func last(held []onus.Campaign) onus.Campaign {
	if len(held) == 0 {
		return onus.Campaign{}
	}
	return held[len(held)-1]
}

// idOf gives the ID of whoever has a mail address, for leaves; the address
// itself where nobody on file has it.
func idOf(ctx context.Context, r store.Reader, mail string) string {
	who, err := personBy(ctx, r, mail)
	if err != nil {
		return mail // the read that matters fails for itself
	}
	return cmp.Or(string(who.ID), mail)
}

// personBy gives the person with a mail address: the active one, if any is.
func personBy(ctx context.Context, r store.Reader, mail string) (onus.Identity, error) {
	if mail == "" {
		return onus.Identity{}, nil
	}
	found, err := store.Identities.Find(ctx, r, "mail", mail)
	var who onus.Identity
	for _, i := range found {
		if i.Kind == onus.Person && (who.ID == "" || i.State == onus.Active) {
			who = i
		}
	}
	return who, err
}

// undecided keeps the lines of a sheet that nobody decided on its stage.
func undecided(ctx context.Context, r store.Reader, s onus.Sheet) ([]onus.Line, error) {
	var open []onus.Line
	for _, l := range s.Lines {
		v, decided, err := store.Reviews.Lookup(ctx, r, store.ReviewID(s.Campaign, l.Grant))
		if err != nil {
			return nil, err
		}
		if !decided || v.Verdict == onus.VerdictKeep && v.Stage < s.Stage {
			open = append(open, l)
		}
	}
	return open, nil
}
