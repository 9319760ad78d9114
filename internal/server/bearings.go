package server

import (
	"context"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/escalation"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/store"
)

// bearings work out who stands in which relation to what, in one snapshot.
type bearings struct {
	s   *Server
	r   store.Reader
	who string // mail address of whom it is about; empty: nobody in particular

	lines []ownership.Line // of the duties, where one is looked at
}

func (b *bearings) person(ctx context.Context, mail string) (authority.Somebody, error) {
	b.who = mail
	who := authority.Somebody{Name: strings.ToLower(mail)}
	found, err := store.Identities.Find(ctx, b.r, "mail", mail)
	if err != nil {
		return who, err
	}
	for _, i := range found {
		who.Active = who.Active || i.Kind == onus.Person && i.State == onus.Active
	}
	o := b.s.Program.Organisation
	for role, named := range map[authority.Role][]string{authority.Head: o.Escalation, authority.Administrator: o.Administrators, authority.Auditor: o.Auditors} {
		if has(named, mail) {
			who.Roles = append(who.Roles, role)
		}
	}
	for name, unit := range o.Units {
		if has([]string{unit.Head, unit.Administrator}, mail) {
			who.Administer = append(who.Administer, name)
		}
	}
	return who, nil
}

func (b *bearings) machine(ctx context.Context, m Machine) (authority.Somebody, error) {
	who := authority.Somebody{Name: string(m.Identity), Machine: true, Scopes: m.Scopes}
	it, known, err := store.Identities.Lookup(ctx, b.r, string(m.Identity))
	if err != nil || !known || it.State != onus.Active {
		return who, err
	}
	sponsor, err := b.s.Engine.MailOf(ctx, b.r, it.Sponsor)
	who.Active = sponsor != "" // given only of somebody active
	if err != nil || m.Behalf == nil {
		return who, err
	}
	person, known, err := store.Identities.Lookup(ctx, b.r, string(m.Behalf.Sub))
	if err != nil || !known {
		who.Active = false
		return who, err
	}
	// What the person is kept from, whoever acts for them is kept from: no role
	// lets a machine do anything.
	in, err := (&bearings{s: b.s, r: b.r}).person(ctx, person.Mail)
	who.Place, who.Roles = person.Mail, in.Roles
	who.Active = who.Active && it.IsAgent() && person.Kind == onus.Person && person.State == onus.Active
	return who, err
}

// thing is what a reference names, with everybody who has to do with it.
func (b *bearings) thing(ctx context.Context, on Ref) (authority.Thing, error) {
	t := authority.Thing{Kind: on.Kind, ID: on.ID}
	var err error
	switch on.Kind {
	case "approval":
		err = b.approval(ctx, &t)
	case "exception":
		err = b.exception(ctx, &t)
	case "run":
		err = b.run(ctx, &t, onus.RunID(on.ID))
	case "change":
		var c onus.Change
		if c, err = store.Changes.Get(ctx, b.r, on.ID); err == nil {
			err = b.run(ctx, &t, c.Run)
		}
	case "identity":
		var who onus.Identity
		if who, err = attribution.FindIdentity(ctx, b.r, on.ID); err == nil {
			err = b.about(ctx, &t, who.ID)
		}
	case "reversal":
		var o onus.Reversal
		if o, err = store.Reversals.Get(ctx, b.r, on.ID); err == nil {
			t.Requesters = []string{o.Person}
			err = b.scope(ctx, &t, o.Scope)
		}
	case "delegation":
		var d onus.Delegation
		if d, err = store.Delegations.Get(ctx, b.r, on.ID); err == nil {
			t.Requesters, t.Asked = []string{d.From}, []string{d.To}
		}
	case "finding":
		var f onus.Finding
		if f, err = store.Findings.Get(ctx, b.r, on.ID); err == nil {
			err = b.finding(ctx, &t, f)
		}
	case "request":
		err = b.request(ctx, &t)
	case "emergency":
		err = b.emergency(ctx, &t)
	case "erasure":
		err = b.erasure(ctx, &t)
	case "invitation":
		err = b.invitation(ctx, &t)
	case "error":
		err = b.accessError(ctx, &t)
	case "version":
		err = b.version(ctx, &t)
	case "duty":
		err = b.duty(&t)
	case "separation":
		if rule := b.s.Program.Separations[on.ID]; rule != nil {
			t.Owners = []string{rule.Owner, rule.Deputy}
		}
	case "campaign":
		err = b.campaign(ctx, &t)
	case "line":
		err = b.line(ctx, &t)
	case "denial":
		err = b.denial(ctx, &t)
	case "workflow":
		b.workflow(&t, onus.WorkflowName(on.ID))
	case "system":
		b.system(&t, onus.SystemName(on.ID))
	case "source":
		b.source(&t, onus.SourceName(on.ID))
	case "ledger", "onus":
	default:
		err = onus.Errorf(onus.Invalid, "approval, exception, run, change, identity, request, emergency, reversal, delegation, erasure, invitation, error, finding, version, duty, separation, campaign, line, denial, workflow, system, source, ledger or onus", "there is no kind of thing called %q", on.Kind)
	}
	clean(&t)
	return t, err
}

// clean leaves nobody twice, and no empty name. What the sets were taken from
// stays as it is: whoever comes first on a route is first there for a reason.
func clean(t *authority.Thing) {
	for _, set := range []*[]string{&t.Owners, &t.Controls, &t.Asked, &t.Route, &t.Subjects, &t.Managers, &t.Requesters, &t.Authors, &t.Units} {
		*set = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(*set))), func(s string) bool { return s == "" })
	}
}

func (b *bearings) approval(ctx context.Context, t *authority.Thing) error {
	a, err := findApproval(ctx, b.r, t.ID)
	if err != nil {
		return err
	}
	ballot, err := engine.BallotOf(ctx, b.r, a, b.s.Now(), nil)
	if err != nil {
		return err
	}
	t.ID, t.Asked, t.Requesters = a.ID, slices.Concat(ballot.Everybody(), ballot.Delegates()), ballot.Authors
	return b.run(ctx, t, a.Run)
}

func (b *bearings) exception(ctx context.Context, t *authority.Thing) error {
	x, err := store.Exceptions.Get(ctx, b.r, t.ID)
	if err != nil {
		return err
	}
	t.Asked = []string{x.Assignee, x.Offered}
	t.Route = slices.Concat([]string{x.Route.To}, x.Route.Then, b.s.Program.Organisation.Escalation)
	if b.who != "" { // a rota brings people whom the route does not name
		on, err := escalation.At(ctx, b.r, b.s.Program, b.s.Now()).MayDecide(x, b.who)
		if err != nil {
			return err
		}
		if on {
			t.Route = append(t.Route, b.who)
		}
	}
	b.workflow(t, x.Workflow)
	b.system(t, x.System)
	b.source(t, x.Source)
	if x.Identity == "" {
		return nil
	}
	return b.about(ctx, t, x.Identity)
}

func (b *bearings) run(ctx context.Context, t *authority.Thing, id onus.RunID) error {
	run, err := store.Runs.Get(ctx, b.r, string(id))
	if err != nil {
		return err
	}
	b.workflow(t, run.Workflow)
	changes, err := store.Changes.Query(ctx, b.r, store.ChangesOf(id))
	if err != nil {
		return err
	}
	for _, c := range changes {
		b.system(t, c.Planned.Target.System)
	}
	return b.about(ctx, t, run.Identity)
}

// scope is all that a reversal reaches, as its order says.
func (b *bearings) scope(ctx context.Context, t *authority.Thing, s onus.ReversalScope) error {
	switch {
	case s.Change != "":
		c, err := store.Changes.Get(ctx, b.r, string(s.Change))
		if err != nil {
			return err
		}
		return b.run(ctx, t, c.Run)
	case len(s.Changes) > 0:
		for _, id := range s.Changes {
			if err := b.scope(ctx, t, onus.ReversalScope{Change: id}); err != nil {
				return err
			}
		}
		return nil
	case s.Run != "":
		return b.run(ctx, t, s.Run)
	case s.Batch != "":
		batch, err := store.Batches.Get(ctx, b.r, s.Batch)
		b.workflow(t, batch.Workflow)
		return err
	case s.Workflow != "":
		b.workflow(t, s.Workflow)
	case s.Read != "":
		read, err := store.Reads.Get(ctx, b.r, s.Read)
		b.source(t, read.Source)
		return err
	}
	if s.Identity != "" {
		return b.about(ctx, t, s.Identity)
	}
	return nil
}

// finding is for whoever answers for the system, or its deputy.
func (b *bearings) finding(ctx context.Context, t *authority.Thing, f onus.Finding) error {
	b.system(t, f.System)
	if sys := b.s.Program.Systems[f.System]; sys != nil {
		t.Owners = append(t.Owners, sys.Deputy)
	}
	if f.Identity == "" {
		return nil
	}
	return b.about(ctx, t, f.Identity)
}

// about adds an identity that the thing is about.
func (b *bearings) about(ctx context.Context, t *authority.Thing, id onus.IdentityID) error {
	who, known, err := store.Identities.Lookup(ctx, b.r, string(id))
	if err != nil || !known {
		return err
	}
	t.Subjects = append(t.Subjects, who.Mail)
	for _, ref := range []string{who.Manager, who.Sponsor} {
		mail, err := b.s.Engine.MailOf(ctx, b.r, ref)
		if err != nil {
			return err
		}
		t.Managers = append(t.Managers, mail)
	}
	// Whose access something is about does not bring in their unit, nor whoever
	// owns their record: power over access is that of where it is.
	if src := b.s.Program.Sources[who.Source]; src != nil && t.Kind == "identity" {
		t.Units = append(t.Units, who.Attributes[src.Schema.Roles.Unit])
		t.Owners = append(t.Owners, src.Owner)
	}
	return nil
}

func (b *bearings) workflow(t *authority.Thing, name onus.WorkflowName) {
	if wf := b.s.Program.Workflows[name]; wf != nil {
		t.Owners = append(t.Owners, wf.Owner)
		t.Controls = append(t.Controls, wf.Controls.Provisioning, wf.Controls.Revocation, wf.Controls.Exceptions)
	}
}

func (b *bearings) system(t *authority.Thing, name onus.SystemName) {
	if sys := b.s.Program.Systems[name]; sys != nil {
		t.Owners = append(t.Owners, sys.Owner)
		t.Units = append(t.Units, sys.Unit)
	}
}

func (b *bearings) source(t *authority.Thing, name onus.SourceName) {
	if src := b.s.Program.Sources[name]; src != nil {
		t.Owners = append(t.Owners, src.Owner)
	}
}

func has(list []string, mail string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, mail) })
}
