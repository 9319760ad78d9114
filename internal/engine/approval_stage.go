package engine

import (
	"context"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// next asks the stage that follows one that said yes, about the same changes
// of the same plan. Where too few may answer it they stop as exceptions.
func (d *asked) next(ctx context.Context) (says string, err error) {
	former := d.a
	a := staged(onus.Approval{
		State: onus.ApprovalAsked, Run: former.Run, Plan: former.Plan, Changes: former.Changes, Identity: former.Identity,
		Occasion: former.Occasion, Workflow: former.Workflow, Version: former.Version, System: former.System,
		Apart: former.Apart, Wrote: former.Wrote, Until: former.Until, Stage: former.Stage + 1,
	}, former.Then)
	b, err := d.e.ballot(ctx, d.tx, a)
	if err != nil {
		return "", err
	}
	if b.Lacking() {
		why := tooFew(b)
		if err := d.stopHeld(ctx, onus.MissingApprover, why, hintTooFew); err != nil {
			return "", err
		}
		return "the next stage cannot be asked, and became an exception: " + why, d.goOn(ctx)
	}
	if _, err := d.e.ask(a, d.row.Event)(ctx, d.tx); err != nil {
		return "", err
	}
	return "the next stage is asked: " + strings.Join(b.Eligible(), ", "), nil
}

// untilExempted works out when the exception ends that the last yes makes.
func (d *asked) untilExempted(ctx context.Context) error {
	rule := d.e.Program.Separations[d.a.Separation]
	if rule == nil {
		return nil
	}
	end := d.tx.Now().Add(rule.Longest)
	for _, id := range d.a.Changes {
		c, err := store.Changes.Get(ctx, d.tx, string(id))
		if err != nil {
			return err
		}
		for _, sooner := range []time.Time{c.Planned.Until, d.a.Until} {
			if !sooner.IsZero() && sooner.Before(end) {
				end = sooner
			}
		}
	}
	d.a.Until = end
	return nil
}

// exempt records the exception that a yes of a rule's owner is.
func (d *asked) exempt(ctx context.Context, by onus.Answer, p Permit) error {
	if d.a.Separation == "" || d.a.Until.IsZero() {
		return nil
	}
	return exempted(ctx, d.tx, d.row.Event, onus.Exemption{
		ID: onus.ID("exm", d.a.Separation, d.a.ID), Rule: d.a.Separation, Identity: d.a.Identity, Until: d.a.Until, Reason: by.Reason,
		By: by.By, Person: by.Person, At: d.tx.Now(), Approval: d.a.ID, Run: d.a.Run,
	}, by.Who, p)
}

func exempted(ctx context.Context, tx store.Tx, cause string, x onus.Exemption, who onus.IdentityID, p Permit) error {
	ev := ledger.Event{
		Type: ledger.SeparationExempted, Actor: string(x.By), Owner: string(who), Cause: cause, Rule: x.Rule,
		Notes: map[string]string{"for": string(x.Identity), "until": x.Until.UTC().Format(time.RFC3339)},
	}
	p.note(&ev)
	_, err := store.Exemptions.Put(ctx, tx, ev, x)
	return err
}
