package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// requesting begins the ID of an occasion that a request gives.
const requesting = "request/"

// A RequestOrder is what a person asks for, as it was given.
type RequestOrder struct {
	Wants  []onus.Wanted
	For    []onus.IdentityID // none, and no Team: themself
	Team   bool              // everybody whose manager they are
	Until  time.Time
	Reason string
	By     onus.Actor
	Person string       // mail of the person; empty: nobody whom the organisation knows
	Behalf *onus.Behalf // of an AI agent: Person is in whose place it asks; nil: they ask themself

	Permit func(context.Context, store.Reader, onus.IdentityID) (Permit, error) // for each who shall hold it; nil: the policy says nothing
}

// A Requested is one request with what would come of it as things stand.
type Requested struct {
	Request onus.Request
	Plan    onus.Plan
	Refusal *planning.Refusal // why it cannot be planned; nil: it can
	Stages  []planning.Ballot // who can say yes, change by change, stage by stage
}

// errPreview rolls a request back that was only to be looked at.
var errPreview = errors.New("only a preview")

// Request records what a person asks for, one request for each who is to hold
// it: all or none. Who asks, for whom and for what are each held to what the
// catalogue and the roster say; what comes of it takes the one road.
func (e *Engine) Request(ctx context.Context, roster Roster, o RequestOrder, preview bool) ([]Requested, error) {
	var all []Requested
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		all = nil
		asks, err := asker(ctx, tx, o.By, o.Person, "a request")
		if err != nil {
			return err
		}
		sponsor := ""
		if o.Behalf != nil {
			if sponsor, err = e.agentAsks(ctx, tx, roster, asks, *o.Behalf); err != nil {
				return err
			}
		}
		subjects, err := e.requestedFor(ctx, tx, asks, o)
		if err != nil {
			return err
		}
		if err := e.mayRequest(ctx, tx, asks, subjects, o); err != nil {
			return err
		}
		for _, who := range subjects {
			one, err := e.requestOne(ctx, tx, roster, asks, who, o, sponsor)
			if err != nil {
				return err
			}
			all = append(all, one)
		}
		if preview {
			return errPreview
		}
		return nil
	})
	if errors.Is(err, errPreview) {
		err = nil
	}
	return all, err
}

// requestedFor gives who is to hold what is asked for.
func (e *Engine) requestedFor(ctx context.Context, r store.Reader, asks onus.Identity, o RequestOrder) ([]onus.Identity, error) {
	if len(o.For) == 0 && !o.Team {
		return []onus.Identity{asks}, nil
	}
	var subjects []onus.Identity
	for _, id := range o.For {
		who, err := store.Identities.Get(ctx, r, string(id))
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(subjects, func(s onus.Identity) bool { return s.ID == who.ID }) {
			subjects = append(subjects, who)
		}
	}
	if !o.Team {
		return subjects, nil
	}
	active, err := store.Identities.Find(ctx, r, "state", string(onus.Active))
	if err != nil {
		return nil, err
	}
	n := len(subjects)
	for _, who := range active {
		if who.Kind == onus.Person && who.ID != asks.ID && e.names(who.Manager, asks) && !slices.ContainsFunc(subjects, func(s onus.Identity) bool { return s.ID == who.ID }) {
			subjects = append(subjects, who)
		}
	}
	if len(subjects) == n {
		return nil, onus.Errorf(onus.Invalid, "name them with --for", "nobody on the roster has %s as their manager", asks.Mail)
	}
	return subjects, nil
}

// names says whether a record means a person by its key or mail.
func (e *Engine) names(key string, who onus.Identity) bool {
	return key != "" && (who.Source == e.Program.Organisation.People && key == who.Key || strings.EqualFold(key, who.Mail))
}

// as says in which role somebody asks for something for an identity; "": in none.
func (e *Engine) as(asks, who onus.Identity) string {
	switch {
	case asks.ID == who.ID:
		return flow.BySelf
	case who.Kind == onus.Person && e.names(who.Manager, asks):
		return flow.ByManager
	case who.Kind == onus.NonHuman && e.names(who.Sponsor, asks):
		return flow.BySponsor
	default:
		return ""
	}
}

// mayRequest refuses what somebody may not ask for, with everything that is
// wrong: each thing is looked at for each identity.
func (e *Engine) mayRequest(ctx context.Context, r store.Reader, asks onus.Identity, subjects []onus.Identity, o RequestOrder) error {
	now := e.Now()
	switch {
	case e.Program.OnRequest() == nil:
		return onus.Errorf(onus.Denied, "add a workflow with occasion: {request: true}", "no workflow owns requests")
	case strings.TrimSpace(o.Reason) == "":
		return onus.Errorf(onus.Invalid, "give one with --reason", "a request needs a reason")
	case len(o.Wants) == 0:
		return onus.Errorf(onus.Invalid, "name an entitlement", "the request asks for nothing")
	case !o.Until.After(now):
		return onus.Errorf(onus.Invalid, "give a later day with --until", "the request would be over before it begins")
	}
	kind, hint := onus.Denied, ""
	var faults []string
	fault := func(k onus.ErrorKind, h, format string, args ...any) {
		faults = append(faults, fmt.Sprintf(format, args...))
		if hint == "" {
			kind, hint = k, h
		}
	}
	for i, w := range o.Wants {
		if slices.Contains(o.Wants[:i], w) {
			fault(onus.Invalid, "name it once", "%s on %s is asked for twice", w.Entitlement, w.System)
		}
	}
	for _, who := range subjects {
		as := e.as(asks, who)
		switch {
		case as == "":
			fault(onus.Denied, "people ask for themselves, managers for their reports, sponsors for what they sponsor", "%s may not ask for anything for %s", asks.Mail, called(who))
			continue
		case who.State != onus.Active:
			fault(onus.Invalid, "ask when they are there", "%s is not active", called(who))
			continue
		}
		pending, err := e.pending(ctx, r, who.ID)
		if err != nil {
			return err
		}
		denials, err := store.Denials.Find(ctx, r, "identity", string(who.ID))
		if err != nil {
			return err
		}
		for _, w := range o.Wants {
			ent := e.Program.Entitlements[flow.EntitlementKey{System: w.System, Name: w.Entitlement}]
			switch {
			case ent == nil:
				fault(onus.NotFound, "onus requests catalogue shows what there is", "there is no %s on %s in the catalogue", w.Entitlement, w.System)
			case ent.Request == nil:
				fault(onus.Denied, "onus requests catalogue shows what can be asked for", "nobody may ask for %s on %s", w.Entitlement, w.System)
			case !slices.Contains(ent.Request.By, as):
				fault(onus.Denied, "it can be asked for by: "+strings.Join(ent.Request.By, ", "), "%s on %s cannot be asked for by %s as %s of %s", w.Entitlement, w.System, asks.Mail, as, called(who))
			case o.Until.Sub(now) > ent.Request.Longest:
				fault(onus.Invalid, "give an earlier day with --until", "%s on %s can be asked for %g days at most", w.Entitlement, w.System, ent.Request.Longest.Hours()/24)
			case planning.Forbids(denials, w.System, w.Entitlement):
				fault(onus.Denied, "who decides about the system can lift that: onus review denials shows whom it waits for", "%s on %s is denied to %s by a review", w.Entitlement, w.System, called(who))
			case pending[w] != "":
				fault(onus.Conflict, "onus requests show "+pending[w], "%s on %s is asked for for %s already", w.Entitlement, w.System, called(who))
			}
		}
	}
	if len(faults) > 0 {
		return onus.Errorf(kind, hint, "%s", strings.Join(faults, "; "))
	}
	return nil
}

// pending lists what is asked for for somebody and not decided yet, with the
// request that asks for it.
func (e *Engine) pending(ctx context.Context, r store.Reader, id onus.IdentityID) (map[onus.Wanted]string, error) {
	all, err := store.Requests.Find(ctx, r, "identity", string(id))
	if err != nil {
		return nil, err
	}
	asked := map[onus.Wanted]string{}
	for _, req := range all {
		if req.State != onus.RequestStands || !e.Now().Before(req.Until) {
			continue
		}
		o, err := store.Occasions.Get(ctx, r, req.Occasion)
		if err != nil {
			return nil, err
		}
		undecided := o.State == onus.Waiting || o.State == onus.Stopped
		runs, err := store.Runs.Find(ctx, r, "occasion", req.Occasion)
		if err != nil {
			return nil, err
		}
		if undecided || slices.ContainsFunc(runs, func(run onus.Run) bool { return !run.State.Ended() }) {
			for _, w := range req.Wants {
				asked[w] = req.ID
			}
		}
	}
	return asked, nil
}

// requestOne records one request and its occasion, and works out what would
// come of it.
func (e *Engine) requestOne(ctx context.Context, tx store.Tx, roster Roster, asks, who onus.Identity, o RequestOrder, sponsor string) (Requested, error) {
	wants, err := json.Marshal(o.Wants)
	if err != nil {
		return Requested{}, fmt.Errorf("keep what is asked for: %w", err)
	}
	id := onus.ID("req", string(who.ID), string(asks.ID), string(wants), store.Stamp(o.Until), store.Stamp(tx.Now()))
	req := onus.Request{
		ID: id, State: onus.RequestStands, For: who.ID, Wants: o.Wants, Reason: o.Reason, Until: o.Until,
		By: o.By, Person: asks.Mail, Who: asks.ID, At: tx.Now(), Occasion: requesting + id, Behalf: o.Behalf, Sponsor: sponsor,
	}
	owner := string(asks.ID)
	if sponsor != "" {
		owner = e.people.id(ctx, tx, sponsor)
	}
	made := ledger.Event{
		Type: ledger.RequestMade, Actor: string(o.By), Owner: owner,
		Notes: map[string]string{"for": string(who.ID), "until": o.Until.UTC().Format(time.RFC3339)},
	}
	if o.Behalf != nil {
		made.Notes["behalf"] = o.Behalf.String()
	}
	if o.Permit != nil {
		p, err := o.Permit(ctx, tx, who.ID)
		if err == nil {
			err = p.Err
		}
		if err != nil {
			return Requested{}, err
		}
		p.note(&made)
	}
	ev, err := store.Requests.Put(ctx, tx, made, req)
	if err != nil {
		return Requested{}, err
	}
	occasion := onus.Occasion{
		ID: req.Occasion, Kind: onus.Requested, State: onus.Waiting, Identity: who.ID, Source: who.Source, Key: who.Key,
		At: tx.Now(), After: who.Attributes, Request: req.ID,
	}
	if _, err := store.Occasions.Put(ctx, tx, ledger.Event{Type: ledger.OccasionArose, Actor: string(o.By), Owner: owner, Cause: ev.ID}, occasion); err != nil {
		return Requested{}, err
	}
	return e.foresee(ctx, tx, roster, req, occasion)
}

// foresee works out what would come of a request as things stand.
func (e *Engine) foresee(ctx context.Context, r store.Reader, roster Roster, req onus.Request, o onus.Occasion) (Requested, error) {
	one := Requested{Request: req}
	versions, err := e.versions(ctx, r)
	if err != nil {
		return one, err
	}
	at, err := e.inCharge(ctx, r, roster, e.Now().UTC())
	if err != nil {
		return one, err
	}
	f, err := e.facts(ctx, r, o, at)
	if err != nil {
		return one, err
	}
	wf := at.program.OnRequest()
	one.Plan, one.Refusal = planning.Plan(at.program, wf, versions[wf.Name], f)
	for _, c := range one.Plan.Changes {
		stages := c.Approval.Stages()
		for i := range stages {
			b, err := e.ballot(ctx, r, staged(onus.Approval{
				Plan: one.Plan.Digest, Identity: req.For, Occasion: o.ID, Workflow: wf.Name, System: c.Target.System, Stage: i, Apart: e.actsApart(),
			}, stages[i:]))
			if err != nil {
				return one, err
			}
			one.Stages = append(one.Stages, b)
		}
	}
	return one, nil
}

// A Withdrawal is a person's word that a request shall be taken back.
type Withdrawal struct {
	Request string
	By      onus.Actor
	Person  string // mail of the person; empty: nobody whom the organisation knows
	Reason  string
	Permit  Permit
}

// WithdrawRequest takes a request back: what waits for approval is asked no
// more, and what it gave is taken away, on the same road. Whoever asked may,
// who holds it, and whoever could have asked for them.
func (e *Engine) WithdrawRequest(ctx context.Context, roster Roster, w Withdrawal) (onus.Request, error) {
	var req onus.Request
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		asks, err := asker(ctx, tx, w.By, w.Person, "the withdrawal of a request")
		if err != nil {
			return err
		}
		var row store.Row
		if req, row, err = store.Requests.GetRow(ctx, tx, w.Request); err != nil {
			return err
		}
		who, err := store.Identities.Get(ctx, tx, string(req.For))
		switch {
		case err != nil:
			return err
		case asks.ID != req.Who && e.as(asks, who) == "":
			return onus.Errorf(onus.Denied, req.Person+" can", "%s may not withdraw request %s", asks.Mail, req.ID)
		case req.State != onus.RequestStands:
			return onus.Errorf(onus.Conflict, "", "request %s was withdrawn already", req.ID)
		case strings.TrimSpace(w.Reason) == "":
			return onus.Errorf(onus.Invalid, "give one with --reason", "to withdraw needs a reason")
		case w.Permit.Err != nil:
			return w.Permit.Err
		}
		req.State, req.Withdrawn, req.WhyNot = onus.RequestWithdrawn, tx.Now(), w.Reason
		withdrawn := ledger.Event{Type: ledger.RequestWithdrawn, Actor: string(w.By), Owner: string(asks.ID), Cause: row.Event}
		w.Permit.note(&withdrawn)
		ev, err := store.Requests.Put(ctx, tx, withdrawn, req)
		if err != nil {
			return err
		}
		if err := e.askNoMore(ctx, tx, roster, req); err != nil {
			return err
		}
		_, err = store.Occasions.Put(ctx, tx, ledger.Event{Type: ledger.OccasionArose, Actor: string(w.By), Owner: string(asks.ID), Cause: ev.ID}, onus.Occasion{
			ID: req.Occasion + "/withdrawn", Kind: onus.Requested, State: onus.Waiting, Identity: who.ID, Source: who.Source, Key: who.Key,
			At: tx.Now(), After: who.Attributes, Request: req.ID,
		})
		return err
	})
	return req, err
}

// askNoMore settles a withdrawn request that was not planned yet, and takes
// back what people are asked about it.
func (e *Engine) askNoMore(ctx context.Context, tx store.Tx, roster Roster, req onus.Request) error {
	o, row, err := store.Occasions.GetRow(ctx, tx, req.Occasion)
	if err != nil {
		return err
	}
	if o.State == onus.Waiting || o.State == onus.Stopped {
		if _, err := e.settleOccasion(ctx, tx, o, "", row.Event, ""); err != nil {
			return err
		}
		if err := e.clearAbout(ctx, tx, "occasion", o.ID, func(onus.Exception) bool { return true }); err != nil {
			return err
		}
	}
	runs, err := store.Runs.Find(ctx, tx, "occasion", req.Occasion)
	if err != nil {
		return err
	}
	for _, run := range runs {
		asked, err := store.Approvals.Find(ctx, tx, "run", string(run.ID))
		if err != nil {
			return err
		}
		for _, a := range asked {
			if err := e.lookAt(ctx, tx, a.ID, roster); err != nil {
				return err
			}
		}
	}
	return nil
}
