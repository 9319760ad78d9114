package engine

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/reconcile"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// commitFindings is how many findings one transaction moves.
const commitFindings = 200

// findDrift brings the findings of a system up to what a complete scan has
// shown: what nobody warranted, what is warranted and not there, what was
// changed, and what of it is gone again. It streams, in parts that are
// committed one by one.
func (e *Engine) findDrift(ctx context.Context, sys *flow.System) error {
	d := &drift{e: e, sys: sys, busy: map[onus.IdentityID]bool{}}
	for !d.done {
		d.moves = nil
		if err := e.Store.View(ctx, func(r store.Reader) error { return d.look(ctx, r) }); err != nil {
			return err
		}
		if err := d.commit(ctx); err != nil {
			return err
		}
	}
	return nil
}

// drift is one look at what differs on one system.
type drift struct {
	e     *Engine
	sys   *flow.System
	after string // the ID of the grant up to which it has looked
	done  bool
	busy  map[onus.IdentityID]bool // whose runs go on by themselves, as far as asked
	moves []move
}

// A move is a finding as it shall be, and the event that says so.
type move struct {
	typ   ledger.Type
	found onus.Finding
	was   onus.Finding // of one that stands: as it was when that was decided
}

func (d *drift) look(ctx context.Context, r store.Reader) error {
	judge := func(g *onus.Grant) (onus.FindingKind, bool, error) { return d.judge(ctx, r, g) }
	for s, err := range reconcile.Drift(d.rows(ctx, r), d.standing(ctx, r, "grant"), judge) {
		if err != nil {
			return err
		}
		if err := d.step(ctx, r, s); err != nil {
			return err
		}
		if len(d.moves) >= commitFindings && s.Row.ID != "" {
			d.after = s.Row.ID
			return nil
		}
	}
	d.done = true
	return d.accounts(ctx, r)
}

// rows gives the grants of the system from where it stands.
func (d *drift) rows(ctx context.Context, r store.Reader) iter.Seq2[reconcile.Row, error] {
	return func(yield func(reconcile.Row, error) bool) {
		q := store.Query{Kind: store.Grants.Name, Prefix: string(d.sys.Name) + "/", After: d.after}
		for row, err := range r.Find(ctx, q) {
			var g onus.Grant
			if err == nil {
				g, err = store.Grants.Of(row)
			}
			if !yield(reconcile.Row{ID: row.ID, Grant: g}, err) || err != nil {
				return
			}
		}
	}
}

// standing gives the findings that have not ended, by what they are about.
func (d *drift) standing(ctx context.Context, r store.Reader, key string) iter.Seq2[onus.Finding, error] {
	return func(yield func(onus.Finding, error) bool) {
		from := string(d.sys.Name) + "/"
		if key == "grant" {
			from = max(from, d.after)
		}
		q := store.Query{Kind: store.Findings.Name, Key: key, From: from, To: string(d.sys.Name) + "0"} // "0" comes after "/"
		for row, err := range r.Find(ctx, q) {
			var f onus.Finding
			if err == nil {
				f, err = store.Findings.Of(row)
			}
			if err == nil && key == "grant" && f.About <= d.after {
				continue
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// judge says whether a grant is a finding; what a run of ours is about to
// change is none yet. It looks at the accounts of a holder beside it.
func (d *drift) judge(ctx context.Context, r store.Reader, g *onus.Grant) (onus.FindingKind, bool, error) {
	enabled := true
	if g.Entitlement == "" {
		a, err := d.account(ctx, r, g)
		if err != nil {
			return "", false, err
		}
		enabled = a.Enabled
	}
	kind, later := reconcile.Judge(g, enabled, d.e.Now())
	if kind == "" || later {
		return kind, later, nil
	}
	later, err := d.going(ctx, r, g.Identity)
	return kind, later, err
}

// going says whether a run of an identity goes on by itself.
func (d *drift) going(ctx context.Context, r store.Reader, id onus.IdentityID) (bool, error) {
	if id == "" {
		return false, nil
	}
	if known, asked := d.busy[id]; asked {
		return known, nil
	}
	if len(d.busy) > 1000 {
		clear(d.busy)
	}
	busy, err := goesOn(ctx, r, id)
	d.busy[id] = busy
	return busy, err
}

// account gives the account that a grant is the record of, and notes what else
// differs of its holder's accounts.
func (d *drift) account(ctx context.Context, r store.Reader, g *onus.Grant) (onus.Account, error) {
	a, known, err := store.Accounts.Lookup(ctx, r, store.AccountID(g.System, g.Account))
	if err != nil || !known || a.Gone {
		return a, err
	}
	if len(a.Was) > 0 && g.Warranted(d.e.Now()) {
		if err := d.about(ctx, r, a, onus.Altered); err != nil {
			return a, err
		}
	}
	if g.Identity == "" {
		return a, nil
	}
	others, err := store.Accounts.Find(ctx, r, "identity", string(g.Identity))
	if err != nil {
		return a, err
	}
	for _, b := range others {
		if b.System == a.System && b.Ref != a.Ref && !b.Gone && b.Enabled {
			if err := d.about(ctx, r, b, onus.Second); err != nil {
				return a, err
			}
		}
	}
	return a, nil
}

// about opens a finding about an account, unless one stands.
func (d *drift) about(ctx context.Context, r store.Reader, a onus.Account, kind onus.FindingKind) error {
	id := store.AccountID(a.System, a.Ref)
	standing, err := store.Findings.Find(ctx, r, "account", id)
	if err != nil || slices.ContainsFunc(standing, func(f onus.Finding) bool { return f.Kind == kind }) {
		return err
	}
	if busy, err := d.going(ctx, r, a.Identity); err != nil || busy {
		return err
	}
	f := onus.Finding{Kind: kind, System: a.System, Account: a.Ref, Name: a.Name, Identity: a.Identity, About: id}
	if kind == onus.Altered {
		f.Was, f.Is = maps.Clone(a.Was), told(a, a.Was)
	}
	d.open(f)
	return nil
}

// told gives what an account shows of some attributes.
func told(a onus.Account, of onus.Attributes) onus.Attributes {
	is := onus.Attributes{}
	for k := range of {
		is[k] = a.Told(k)
	}
	return is
}

func (d *drift) open(f onus.Finding) {
	f.State, f.Owner = onus.FindingOpen, d.sys.Owner
	d.moves = append(d.moves, move{typ: ledger.FindingOpened, found: f})
}

// step takes what the merge says of one grant or finding.
func (d *drift) step(ctx context.Context, r store.Reader, s reconcile.Step) error {
	switch s.Means {
	case reconcile.Opens:
		g := s.Row.Grant
		f := onus.Finding{
			Kind: s.Kind, System: g.System, Account: g.Account, Entitlement: g.Entitlement, Identity: g.Identity, About: s.Row.ID,
		}
		a, known, err := store.Accounts.Lookup(ctx, r, store.AccountID(g.System, g.Account))
		if err != nil {
			return err
		}
		if f.Name = a.Name; known && g.Entitlement == "" && s.Kind == onus.Vanished {
			f.Was = a.Attributes // what it had, for whoever brings it back
		}
		d.open(f)
	case reconcile.Ends:
		d.end(s.Finding)
	case reconcile.Stays:
		return d.stays(ctx, r, s.Finding)
	case reconcile.Waits:
	}
	return nil
}

func (d *drift) end(f onus.Finding) {
	gone := f
	gone.State, gone.Why = onus.FindingGone, "it is not there any more"
	d.moves = append(d.moves, move{typ: ledger.FindingGone, found: gone, was: f})
}

// stays opens a finding again whose repair came to its end without success.
func (d *drift) stays(ctx context.Context, r store.Reader, f onus.Finding) error {
	if f.State != onus.FindingOrdered {
		return nil
	}
	o, known, err := store.Occasions.Lookup(ctx, r, f.Occasion)
	if err != nil || known && o.State != onus.Settled {
		return err
	}
	runs, err := store.Runs.Find(ctx, r, "occasion", f.Occasion)
	if err != nil || slices.ContainsFunc(runs, func(run onus.Run) bool { return !run.State.Ended() }) {
		return err
	}
	why := "nothing could be planned for it: " + string(f.Repair) + " is barred now"
	if len(runs) > 0 {
		why = "run " + string(runs[len(runs)-1].ID) + " ended " + string(runs[len(runs)-1].State)
	}
	d.reopen(f, why)
	return nil
}

func (d *drift) reopen(f onus.Finding, why string) {
	again := f
	again.State, again.Why = onus.FindingOpen, why
	again.Repair, again.Reason, again.By, again.Person, again.Answers, again.Occasion = "", "", "", "", "", ""
	d.moves = append(d.moves, move{typ: ledger.FindingReopened, found: again, was: f})
}

// accounts looks at the findings about accounts that stand.
func (d *drift) accounts(ctx context.Context, r store.Reader) error {
	for f, err := range d.standing(ctx, r, "account") {
		if err != nil {
			return err
		}
		a, _, err := store.Accounts.Lookup(ctx, r, f.About)
		if err != nil {
			return err
		}
		same, err := d.still(ctx, r, f, a)
		if err != nil {
			return err
		}
		busy, err := d.going(ctx, r, f.Identity)
		switch {
		case err != nil:
			return err
		case !same:
			d.end(f)
		case busy:
		case f.Kind == onus.Altered && (!maps.Equal(f.Was, a.Was) || !maps.Equal(f.Is, told(a, a.Was))):
			changed := f
			changed.Was, changed.Is = maps.Clone(a.Was), told(a, a.Was)
			d.reopen(changed, "it was changed once more")
			d.moves[len(d.moves)-1].was = f
		default:
			if err := d.stays(ctx, r, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// still says whether what a finding about an account names is so.
func (d *drift) still(ctx context.Context, r store.Reader, f onus.Finding, a onus.Account) (bool, error) {
	if a.Gone || f.Kind == onus.Altered {
		return !a.Gone && len(a.Was) > 0, nil
	}
	g, known, err := store.Grants.Lookup(ctx, r, store.GrantID(onus.Grant{System: a.System, Account: a.Ref, Identity: a.Identity}))
	return a.Enabled && known && g.Observed && g.Account != a.Ref, err
}

// commit records what moved, unless somebody moved it meanwhile.
func (d *drift) commit(ctx context.Context) error {
	for chunk := range slices.Chunk(d.moves, commitFindings) {
		err := d.e.Store.Update(ctx, func(tx store.Tx) error {
			owner := d.e.people.id(ctx, tx, d.sys.Owner)
			head, err := tx.Head(ctx)
			if err != nil {
				return err
			}
			for _, m := range chunk {
				f := m.found
				if m.typ == ledger.FindingOpened {
					f.Found = tx.Now()
					f.ID = onus.ID("fnd", f.About, string(f.Kind), store.Stamp(f.Found), store.Position(head.Size))
					f.BreakGlass = d.e.sealedBy(f.System, f.Name)
				} else {
					now, err := store.Findings.Get(ctx, tx, f.ID)
					if err != nil {
						return err
					}
					if now.State != m.was.State || now.Occasion != m.was.Occasion {
						continue
					}
				}
				if f.State.Ended() {
					f.Ended = tx.Now()
				}
				ev, err := store.Findings.Put(ctx, tx, ledger.Event{Type: m.typ, Actor: string(onus.Engine), Owner: owner, Rule: string(f.Kind)}, f)
				if err != nil {
					return err
				}
				if m.typ == ledger.FindingOpened && f.BreakGlass != "" {
					if err := d.e.sealBroken(ctx, tx, f, ev.ID); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// stillAltered is what of an account stays altered by others once a change of
// ours is confirmed: not what it set.
func stillAltered(was onus.Attributes, c onus.PlannedChange) onus.Attributes {
	if c.Verb == onus.EnsureAbsent || len(was) == 0 {
		return nil
	}
	left := maps.Clone(was)
	if c.Verb != onus.EnsureAttributes {
		delete(left, onus.StateAttribute)
	}
	for k := range c.Attributes {
		delete(left, k)
	}
	if len(left) == 0 {
		return nil
	}
	return left
}

// settleFinding ends a finding when the last change that repairs it is
// confirmed.
func (e *Engine) settleFinding(ctx context.Context, tx store.Tx, l *live, c onus.Change, cause string) error {
	id := c.Planned.Repairs
	if id == "" {
		return nil
	}
	for _, other := range l.changes {
		if other.Planned.Repairs != id || other.ID == c.ID {
			continue
		}
		now, known, err := store.Changes.Lookup(ctx, tx, string(other.ID))
		if err != nil || !known || now.State != onus.ChangeConfirmed {
			return err
		}
	}
	f, err := store.Findings.Get(ctx, tx, id)
	if err != nil || f.State.Ended() {
		return err
	}
	f.State, f.Ended = onus.FindingRepaired, tx.Now()
	_, err = store.Findings.Put(ctx, tx, ledger.Event{
		Type: ledger.FindingRepaired, Actor: string(onus.Engine), Owner: e.people.id(ctx, tx, f.Person), Cause: cause, Rule: string(f.Repair),
	}, f)
	return err
}

// A RepairOrder is a person's choice of what is done about findings.
type RepairOrder struct {
	Findings []string
	Repair   onus.Repair
	Reason   string
	By       onus.Actor
	Person   string // mail of the person; empty: nobody whom the organisation knows
	Answers  string // of an adoption: mail of who answers for it; empty: whoever chose
	Until    time.Time
	Permit   Permit
}

func (o *RepairOrder) check(now time.Time) error {
	switch {
	case o.Person == "":
		return onus.Errorf(onus.Denied, onus.UnknownActor, "a repair must be a person's own choice, and nobody knows who %s is", o.By)
	case strings.TrimSpace(o.Reason) == "":
		return onus.Errorf(onus.Invalid, "give one with --reason", "to %s needs a reason", o.Repair)
	case len(o.Findings) == 0:
		return onus.Errorf(onus.Invalid, "onus drift list shows them", "no finding is named")
	case !o.Until.IsZero() && !o.Until.After(now):
		return onus.Errorf(onus.Invalid, "name a day to come", "%s is over", o.Until.UTC().Format("2006-01-02"))
	}
	return nil
}
