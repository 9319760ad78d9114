package server

import (
	"context"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/store"
)

// request is for who asked and who would hold it, for those who are asked
// about it, and for whoever answers for what it is about.
func (b *bearings) request(ctx context.Context, t *authority.Thing) error {
	req, err := store.Requests.Get(ctx, b.r, t.ID)
	if err != nil {
		return err
	}
	t.Requesters = []string{req.Person}
	for _, w := range req.Wants {
		b.system(t, w.System)
	}
	if wf := b.s.Program.OnRequest(); wf != nil {
		b.workflow(t, wf.Name)
	}
	runs, err := store.Runs.Find(ctx, b.r, "occasion", req.Occasion)
	if err != nil {
		return err
	}
	for _, run := range runs {
		asked, err := store.Approvals.Find(ctx, b.r, "run", string(run.ID))
		if err != nil {
			return err
		}
		for _, a := range asked {
			ballot, err := engine.BallotOf(ctx, b.r, a, b.s.Now(), nil)
			if err != nil {
				return err
			}
			t.Asked = append(append(t.Asked, ballot.Everybody()...), ballot.Delegates()...)
		}
	}
	return b.about(ctx, t, req.For)
}

// emergency is a request, and beside those for whoever answers for its rule and
// whoever may review it.
func (b *bearings) emergency(ctx context.Context, t *authority.Thing) error {
	x, err := store.Emergencies.Get(ctx, b.r, t.ID)
	if err != nil {
		return err
	}
	if err := b.request(ctx, t); err != nil {
		return err
	}
	t.Asked, t.Owners = x.ReviewBy, append(t.Owners, x.Answers)
	if r := b.s.Program.Rules[x.Rule]; r != nil {
		t.Owners = append(t.Owners, r.Owner, r.Deputy)
	}
	return nil
}

// erasure is for the owner of the source that the subject's record is of.
func (b *bearings) erasure(ctx context.Context, t *authority.Thing) error {
	e, err := store.Erasures.Get(ctx, b.r, t.ID)
	if err != nil {
		return err
	}
	by, known, err := store.Identities.Lookup(ctx, b.r, string(e.By))
	if err != nil {
		return err
	}
	if known {
		t.Requesters = []string{by.Mail}
	}
	subject, known, err := store.Identities.Lookup(ctx, b.r, string(e.Subject))
	if err != nil || !known {
		return err
	}
	t.Subjects = []string{subject.Mail}
	b.source(t, subject.Source)
	return nil
}

// invitation is about whoever is invited, and asked for by who invites them.
func (b *bearings) invitation(ctx context.Context, t *authority.Thing) error {
	inv, err := store.Invitations.Get(ctx, b.r, t.ID)
	if err != nil {
		return err
	}
	by, known, err := store.Identities.Lookup(ctx, b.r, string(inv.Inviter))
	if err != nil {
		return err
	}
	if known {
		t.Requesters = []string{by.Mail}
	}
	return b.about(ctx, t, inv.Person)
}

// accessError is for those whom its verdict names.
func (b *bearings) accessError(ctx context.Context, t *authority.Thing) error {
	e, err := store.AccessErrors.Get(ctx, b.r, t.ID)
	if err != nil {
		return err
	}
	t.Requesters = []string{e.Person}
	if e.Verdict != nil {
		t.Asked = attribution.Named(*e.Verdict)
		t.Controls = []string{e.Verdict.Control.Mail, e.Verdict.Control.Today}
	}
	b.system(t, e.System)
	return b.about(ctx, t, e.Identity)
}

// version is for its authors, and for everybody whom its definitions or those
// that are live name.
func (b *bearings) version(ctx context.Context, t *authority.Thing) error {
	v, err := store.Versions.Get(ctx, b.r, t.ID)
	if err != nil {
		return err
	}
	for _, a := range v.Authors {
		t.Authors = append(t.Authors, a.Name, string(a.ID))
	}
	named(t, b.s.Program)
	if v.State != onus.VersionProposed {
		return nil
	}
	p, err := definitionsOf(ctx, b.r, v.Program)
	if err != nil {
		return err
	}
	named(t, p)
	return nil
}

// named adds everybody whom definitions give a duty.
func named(t *authority.Thing, p *flow.Program) {
	for _, wf := range p.Workflows {
		t.Owners = append(t.Owners, wf.Owner, wf.Deputy)
		t.Controls = append(t.Controls, wf.Controls.Provisioning, wf.Controls.Revocation, wf.Controls.Exceptions)
	}
	for _, src := range p.Sources {
		t.Owners = append(t.Owners, src.Owner, src.Deputy)
	}
	for _, sys := range p.Systems {
		t.Owners = append(t.Owners, sys.Owner, sys.Deputy)
		t.Units = append(t.Units, sys.Unit)
	}
	for _, e := range p.Entitlements {
		t.Owners = append(t.Owners, e.Owner)
	}
	for _, rule := range p.Separations {
		t.Owners = append(t.Owners, rule.Owner)
	}
	for name := range p.Organisation.Units {
		t.Units = append(t.Units, name)
	}
}

// duty is for whoever is named for it, asked to take it on, or stands for it.
func (b *bearings) duty(t *authority.Thing) error {
	for _, l := range b.lines {
		if string(l.ID) == t.ID {
			dutyOf(t, l)
			return nil
		}
	}
	return onus.Errorf(onus.NotFound, "onus owners list shows them", "there is no duty %s", t.ID)
}

func dutyOf(t *authority.Thing, l ownership.Line) {
	t.Kind, t.ID = "duty", string(l.ID)
	t.Owners, t.Asked, t.Route = []string{l.Owner, l.Stands}, []string{l.Asked}, l.Path
}
