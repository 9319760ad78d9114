package engine

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flow/expr"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// A Roster knows the people who are active now.
type Roster interface {
	expr.People
	flow.Roster
}

// A Moment is what one look at everything that is kept found: decisions of
// that time are made on it, and can be made on it again.
type Moment struct {
	Program *flow.Program // with whoever stands for a duty in the place of whom it names

	r      store.Reader
	people onus.SourceName
	charge inCharge
}

// Recall looks at what a reader shows, as of a time. The reader may show the
// past: then the program and the roster must be those of that time.
func Recall(ctx context.Context, r store.Reader, p *flow.Program, roster Roster, at time.Time) (*Moment, error) {
	charge, err := inChargeOf(ctx, r, p, roster, at)
	return &Moment{Program: charge.program, r: r, people: p.Organisation.People, charge: charge}, err
}

// Facts gathers everything that planning may look at for one occasion.
func (m *Moment) Facts(ctx context.Context, o onus.Occasion) (planning.Facts, error) {
	switch o.Kind {
	case onus.Drifted:
		return repairFacts(ctx, m.r, o, m.charge)
	case onus.Reviewed:
		return deniedFacts(ctx, m.r, o, m.charge)
	case onus.Ruled:
		return ruleFacts(ctx, m.r, m.people, o, m.charge)
	case onus.Reversing:
		return undoFacts(ctx, m.r, m.people, o, m.charge)
	case onus.Joined, onus.Moved, onus.Departed, onus.Returned, onus.Changed, onus.DateArrived, onus.Requested:
	}
	return gather(ctx, m.r, m.people, o, m.charge)
}

// Anew is what a plan of ours was made on beside the facts.
type Anew struct {
	Version int
	Former  onus.RunID // in whose place it was planned again
	Cannot  string     // of a reversal: what systems could not undo, as its plan notes it
}

// Ours plans what takes the road without a workflow of the definitions: what
// undoes, repairs, was denied by a review, or is a step of a standing rule. Of
// other occasions it is false.
func (m *Moment) Ours(ctx context.Context, f planning.Facts, by Anew) (plan onus.Plan, ours bool, err error) {
	switch f.Occasion.Kind {
	case onus.Drifted:
		_, plan, err = repair(ctx, m.r, f.Occasion, m.charge, f)
		return plan, true, err
	case onus.Reviewed:
		_, plan, err = review(ctx, m.r, f.Occasion, m.charge, f)
		return plan, true, err
	case onus.Ruled:
		plan, err = settleByRule(ctx, m.r, m.charge, f.Occasion, f)
		return plan, true, err
	case onus.Reversing:
		why, err := whyUndone(ctx, m.r, f.Occasion)
		if err != nil {
			return plan, true, err
		}
		u, err := undoOf(ctx, m.r, m.charge, f, why, by.Former)
		if err != nil {
			return plan, true, err
		}
		lacks := strings.Split(by.Cannot, ", ")
		u.of.Cannot = func(c onus.PlannedChange) bool { return slices.Contains(lacks, ability(c)) }
		plan, _ = planning.Reverse(m.charge.program, u.wf, by.Version, u.of)
		return plan, true, nil
	case onus.Joined, onus.Moved, onus.Departed, onus.Returned, onus.Changed, onus.DateArrived, onus.Requested:
	}
	return plan, false, nil
}

// facts gathers everything that planning may look at for one occasion, as it
// stands in this snapshot.
func (e *Engine) facts(ctx context.Context, r store.Reader, o onus.Occasion, at inCharge) (planning.Facts, error) {
	return gather(ctx, r, e.Program.Organisation.People, o, at)
}

func gather(ctx context.Context, r store.Reader, people onus.SourceName, o onus.Occasion, at inCharge) (planning.Facts, error) {
	f := planning.Facts{Now: at.At, Occasion: o, People: at.roster}
	var err error
	if f.Identity, err = store.Identities.Get(ctx, r, string(o.Identity)); err != nil {
		return f, err
	}
	accounts, err := store.Accounts.Find(ctx, r, "identity", string(o.Identity))
	if err != nil {
		return f, err
	}
	f.Accounts = slices.DeleteFunc(accounts, func(a onus.Account) bool { return a.Gone })
	if f.Grants, err = store.Grants.Find(ctx, r, "identity", string(o.Identity)); err != nil {
		return f, err
	}
	if f.Manager, f.Above, err = lineOf(ctx, r, people, f.Identity.Manager); err != nil {
		return f, err
	}
	if f.Sponsor, f.SponsorAbove, err = lineOf(ctx, r, people, f.Identity.Sponsor); err != nil {
		return f, err
	}
	if duty, ok := at.Duty(ownership.SponsorID(f.Identity.ID)); ok {
		f.Sponsor = at.Who(duty).Seat.Mail
	}
	if o.Kind == onus.Returned {
		if f.Former, err = formerRuns(ctx, r, o); err != nil {
			return f, err
		}
	}
	if o.Kind == onus.Departed {
		f.Handovers = at.Handovers(o.Identity)
	}
	if f.Exempt, err = store.Exemptions.Find(ctx, r, "identity", string(o.Identity)); err != nil {
		return f, err
	}
	if f.Denials, err = store.Denials.Find(ctx, r, "identity", string(o.Identity)); err != nil {
		return f, err
	}
	if o.Request != "" {
		req, err := store.Requests.Get(ctx, r, o.Request)
		if err != nil {
			return f, err
		}
		f.Request = &req
		if req.Rule != "" {
			if f.Denied, err = denied(ctx, r, o.Identity); err != nil {
				return f, err
			}
		}
	}
	f.AccountNamed = func(system onus.SystemName, name string) (onus.Account, bool) {
		found, err := store.Accounts.Find(ctx, r, "name", string(system)+"/"+name)
		if err != nil || len(found) == 0 {
			// A look-up that fails here fails again where it matters: the
			// before-image is read from the system itself.
			return onus.Account{}, false
		}
		return found[0], true
	}
	return f, nil
}

// formerRuns lists the runs of somebody who returned that what happened before
// set off: some may have given something only after the return was read.
func formerRuns(ctx context.Context, r store.Reader, o onus.Occasion) (former []onus.RunID, err error) {
	runs, err := store.Runs.Find(ctx, r, "identity", string(o.Identity))
	if err != nil {
		return nil, err
	}
	for _, run := range runs {
		by, known, err := store.Occasions.Lookup(ctx, r, run.Occasion)
		if err != nil {
			return nil, err
		}
		if known && by.At.Before(o.At) {
			former = append(former, run.ID)
		}
	}
	return former, nil
}

// MailOf gives the mail of an active person named by record key or mail.
func (e *Engine) MailOf(ctx context.Context, r store.Reader, key string) (string, error) {
	who, _, err := named(ctx, r, e.Program.Organisation.People, key)
	return who.Mail, err
}

// lineOf gives the mail of an active person named by record key or mail, and
// that of their manager.
func lineOf(ctx context.Context, r store.Reader, people onus.SourceName, key string) (mail, above string, err error) {
	who, known, err := named(ctx, r, people, key)
	if err != nil || !known {
		return "", "", err
	}
	boss, _, err := named(ctx, r, people, who.Manager)
	return who.Mail, boss.Mail, err
}

// named gives the active person named by record key or mail.
func named(ctx context.Context, r store.Reader, people onus.SourceName, key string) (onus.Identity, bool, error) {
	if key == "" {
		return onus.Identity{}, false, nil
	}
	for _, by := range []store.Key{{Name: "key", Value: store.RecordID(people, key)}, {Name: "mail", Value: key}} {
		found, err := store.Identities.Find(ctx, r, by.Name, by.Value)
		if err != nil {
			return onus.Identity{}, false, err
		}
		for _, i := range found {
			if i.State == onus.Active && i.Kind == onus.Person {
				return i, true, nil
			}
		}
	}
	return onus.Identity{}, false, nil
}

// Amended lays what a person put right over the record of an occasion.
func Amended(o onus.Occasion, with map[string]string) onus.Occasion {
	after := maps.Clone(o.After)
	if after == nil {
		after = onus.Attributes{}
	}
	maps.Copy(after, with)
	o.After = after
	return o
}
