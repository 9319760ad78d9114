package review

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/nhi"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// An Asked is a line that waits for a reviewer, with the evidence that there
// is on it.
type Asked struct {
	ID       string    `json:"id"`
	Campaign string    `json:"campaign"`
	Name     string    `json:"name"` // of the campaign
	Reviewer string    `json:"reviewer"`
	Stage    int       `json:"stage"` // the first is 1
	Due      time.Time `json:"due"`
	Silence  string    `json:"silence"` // what becomes of it when nobody decides
	Line     onus.Line `json:"line"`

	Holder  string    `json:"holder"`            // how people know whose it is
	Title   string    `json:"title,omitempty"`   // what it lets somebody do
	Why     []string  `json:"why"`               // its warrants in force
	Yes     []string  `json:"yes,omitempty"`     // who asked for it, chose it and approved of it
	LastUse time.Time `json:"last_use,omitzero"` // of the account, where the system tells
	Peers   string    `json:"peers,omitempty"`
	Before  string    `json:"before,omitempty"` // the last decision on it
	Since   string    `json:"since,omitempty"`  // what is otherwise than when the list was frozen
}

// Mine lists the lines that wait for somebody, at most so many (0: all), as
// they come on their list, and how many there are.
func (d *Desk) Mine(ctx context.Context, person string, limit int) (list []Asked, total int, err error) {
	err = d.Store.View(ctx, func(r store.Reader) error {
		mine, err := openLines(ctx, r, person)
		if err != nil {
			return err
		}
		list, total = []Asked{}, len(mine)
		if limit > 0 && len(mine) > limit {
			mine = mine[:limit]
		}
		for _, at := range mine {
			a, err := d.evidence(ctx, r, at)
			if err != nil {
				return err
			}
			list = append(list, a)
		}
		return nil
	})
	return list, total, err
}

// evidence gathers what is known about a line.
func (d *Desk) evidence(ctx context.Context, r store.Reader, at onSheet) (Asked, error) {
	l, s := at.line, at.sheet
	c, err := store.Campaigns.Get(ctx, r, s.Campaign)
	if err != nil {
		return Asked{}, err
	}
	a := Asked{
		ID: LineID(s.Campaign, l.Grant), Campaign: s.Campaign, Name: c.Terms.Name, Reviewer: s.Reviewer, Stage: s.Stage + 1, Due: s.Due,
		Silence: string(c.Terms.Silence), Line: l, Holder: "nobody known",
	}
	if l.Identity != "" {
		who, _, err := store.Identities.Lookup(ctx, r, string(l.Identity))
		if err != nil {
			return a, err
		}
		a.Holder = cmp.Or(who.Login, who.Name, string(l.Identity))
	}
	if e := d.Program.Entitlements[flow.EntitlementKey{System: l.System, Name: l.Entitlement}]; e != nil {
		a.Title = e.Title
	}
	if l.Peers > 0 {
		a.Peers = fmt.Sprintf("%d of %d in their unit hold it", l.Hold, l.Peers)
	}
	if err := d.reasons(ctx, r, &a); err != nil {
		return a, err
	}
	if a.LastUse, err = lastUse(ctx, r, l); err != nil {
		return a, err
	}
	a.Before, err = before(ctx, r, l, s)
	return a, err
}

// reasons says why a grant is there, and by whose word.
func (d *Desk) reasons(ctx context.Context, r store.Reader, a *Asked) error {
	a.Why = []string{}
	row, known, err := r.Get(ctx, store.Grants.Name, a.Line.Grant)
	if err != nil {
		return err
	}
	if !known {
		a.Why = append(a.Why, "it was seen on the system, and nobody warranted it")
		return nil
	}
	g, err := store.Grants.Of(row)
	if err != nil {
		return err
	}
	for _, w := range g.Warrants {
		if !w.InForce(d.Now()) {
			continue
		}
		says := fmt.Sprintf("%s v%d gave it on %s by its step %s", w.Workflow, w.Version, day(w.Since), w.Step)
		if req, known, err := store.Requests.Lookup(ctx, r, w.Step); err != nil {
			return err
		} else if known {
			says = fmt.Sprintf("%s asked for it on %s: %s", req.Person, day(req.At), req.Reason)
		} else if w.Workflow.RepairsDrift() {
			says = "it was there, and adopted on " + day(w.Since)
		}
		if !w.Until.IsZero() {
			says += ", until " + day(w.Until)
		}
		a.Why = append(a.Why, says)
		who, err := authorsOf(ctx, r, w)
		if err != nil {
			return err
		}
		a.Yes = append(a.Yes, who...)
	}
	slices.Sort(a.Yes)
	a.Yes = slices.Compact(a.Yes)
	if len(a.Why) == 0 {
		a.Why = append(a.Why, "it was seen on the system, and nobody warranted it")
	}
	switch {
	case !g.Observed && !g.Warranted(d.Now()):
		a.Since = "it is gone by now"
	case a.Line.Event != "" && row.Event != a.Line.Event:
		a.Since = "it moved since the list was frozen"
	}
	return nil
}

// lastUse is when the account was used last, where its system tells.
func lastUse(ctx context.Context, r store.Reader, l onus.Line) (time.Time, error) {
	if l.Account == "" {
		return time.Time{}, nil
	}
	a, known, err := store.Accounts.Lookup(ctx, r, store.AccountID(l.System, l.Account))
	if err != nil || !known {
		return time.Time{}, err
	}
	of, _ := nhi.CredentialOf(a, "")
	return of.LastUse, nil
}

// before says what was decided on a grant last, in another campaign or on an
// earlier stage of this one.
func before(ctx context.Context, r store.Reader, l onus.Line, s onus.Sheet) (string, error) {
	all, err := store.Reviews.Find(ctx, r, "grant", l.Grant)
	if err != nil {
		return "", err
	}
	all = slices.DeleteFunc(all, func(v onus.Review) bool { return v.Campaign == s.Campaign && v.Stage >= s.Stage })
	if len(all) == 0 {
		return "", nil
	}
	v := slices.MaxFunc(all, func(a, b onus.Review) int { return a.At.Compare(b.At) })
	return fmt.Sprintf("%s by %s on %s: %s", v.Verdict, cmp.Or(v.Person, "nobody in time"), day(v.At), v.Reason), nil
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// Look records that a reviewer has the lines before them, once for each sheet:
// from then on counts the time that they take.
func (d *Desk) Look(ctx context.Context, person string, by onus.Actor) error {
	return d.Store.Update(ctx, func(tx store.Tx) error {
		for row, err := range tx.Find(ctx, store.Is(store.Sheets.Name, "reviewer", strings.ToLower(person))) {
			if err != nil {
				return err
			}
			s, err := store.Sheets.Of(row)
			if err != nil {
				return err
			}
			if !s.Shown.IsZero() {
				continue
			}
			s.Shown = tx.Now()
			_, err = store.Sheets.Put(ctx, tx, ledger.Event{Type: ledger.ReviewShown, Actor: string(by), Owner: idOf(ctx, tx, s.Reviewer), Cause: row.Event}, s)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
