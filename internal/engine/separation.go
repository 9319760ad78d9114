package engine

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// A Breach is somebody who holds what a rule keeps apart.
type Breach struct {
	Rule     string
	Identity onus.IdentityID
	Holds    []string
	Exempt   onus.Exemption // zero: nobody allowed it, or not any more
}

// Breaches looks over all grants that there are, rule by rule.
func (e *Engine) Breaches(ctx context.Context) ([]Breach, error) {
	var found []Breach
	err := e.Store.View(ctx, func(r store.Reader) (err error) {
		found, err = e.breaches(ctx, r)
		return err
	})
	return found, err
}

func (e *Engine) breaches(ctx context.Context, r store.Reader) ([]Breach, error) {
	var rules []*flow.Separation
	for _, name := range slices.Sorted(maps.Keys(e.Program.Separations)) {
		if rule := e.Program.Separations[name]; len(rule.Apart) > 0 {
			rules = append(rules, rule)
		}
	}
	if len(rules) == 0 {
		return nil, nil
	}
	all, err := store.Grants.Query(ctx, r, store.Query{})
	if err != nil {
		return nil, err
	}
	of := map[onus.IdentityID][]onus.Grant{}
	for _, g := range all {
		if g.Identity != "" && g.Entitlement != "" {
			of[g.Identity] = append(of[g.Identity], g)
		}
	}
	now := e.Now().UTC()
	var found []Breach
	for _, rule := range rules {
		for _, id := range slices.Sorted(maps.Keys(of)) {
			holds := planning.Breaches(rule, of[id], now)
			if len(holds) == 0 {
				continue
			}
			b := Breach{Rule: rule.Name, Identity: id, Holds: holds}
			allowed, err := store.Exemptions.Find(ctx, r, "identity", string(id))
			if err != nil {
				return nil, err
			}
			for _, x := range allowed {
				if x.Rule == rule.Name && now.Before(x.Until) && x.Until.After(b.Exempt.Until) {
					b.Exempt = x
				}
			}
			found = append(found, b)
		}
	}
	return found, nil
}

// separations begins the group of every exception about a breach.
const separations = "separation: "

// watchSeparation opens an exception of its rule's owner for every breach that
// nobody allowed, and closes those of breaches that are gone or allowed.
func (e *Engine) watchSeparation(ctx context.Context) error {
	var opens []Breach
	var over []onus.Exception
	err := e.Store.View(ctx, func(r store.Reader) error {
		opens, over = nil, nil
		found, err := e.breaches(ctx, r)
		if err != nil {
			return err
		}
		standing := map[string]bool{}
		for _, b := range found {
			if b.Exempt.ID == "" {
				opens = append(opens, b)
				standing[separations+b.Rule+"/"+string(b.Identity)] = true
			}
		}
		open, err := store.Exceptions.Find(ctx, r, "state", string(onus.ExceptionOpen))
		if err != nil {
			return err
		}
		for _, x := range open {
			if !strings.HasPrefix(x.Group, separations) {
				continue
			}
			key := x.Group + "/" + string(x.Identity)
			if !standing[key] {
				over = append(over, x)
			}
			opens = slices.DeleteFunc(opens, func(b Breach) bool { return separations+b.Rule+"/"+string(b.Identity) == key })
		}
		return nil
	})
	if err != nil || len(opens)+len(over) == 0 {
		return err
	}
	return e.Store.Update(ctx, func(tx store.Tx) error {
		for _, x := range over {
			if err := e.clearAbout(ctx, tx, "group", x.Group, func(y onus.Exception) bool { return y.ID == x.ID }); err != nil {
				return err
			}
		}
		for _, b := range opens {
			if err := e.openBreach(ctx, tx, b); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *Engine) openBreach(ctx context.Context, tx store.Tx, b Breach) error {
	rule := e.Program.Separations[b.Rule]
	id, err := e.nextID(ctx, tx, "separation", b.Rule, string(b.Identity))
	if err != nil {
		return err
	}
	who, err := store.Identities.Get(ctx, tx, string(b.Identity))
	if err != nil {
		return err
	}
	route := onus.Route{To: rule.Owner, Within: rule.Within, Then: e.Program.Organisation.Escalation}
	if rule.Deputy != "" {
		route.Then = append([]string{rule.Deputy}, route.Then...)
	}
	if strings.EqualFold(who.Mail, route.To) && len(route.Then) > 0 { // nobody decides about themself
		route.To, route.Then = route.Then[0], route.Then[1:]
	}
	return e.open(ctx, tx, onus.Exception{
		ID: id, Category: onus.SeparationBreach, Group: separations + b.Rule, Identity: b.Identity,
		Message: called(who) + " holds what rule " + b.Rule + " keeps apart: " + strings.Join(b.Holds, ", ") + "; " + rule.Because,
		Hint:    "have one of them taken away; or onus separations exempt " + b.Rule + " --for " + called(who) + " --until DAY --reason WHY",
		Route:   route,
	}, "")
}

func called(who onus.Identity) string {
	if who.Login != "" {
		return who.Login
	}
	return string(who.ID)
}

// An ExemptOrder is the decision of a rule's owner that somebody may hold what
// the rule keeps apart.
type ExemptOrder struct {
	Rule   string
	For    onus.IdentityID
	Until  time.Time
	Reason string
	By     onus.Actor
	Person string // mail of the person; empty: nobody whom the organisation knows
	Permit Permit
}

// Exempt records an exception to a rule. Only its owner can make one, or the
// deputy where the owner is the subject or not there.
func (e *Engine) Exempt(ctx context.Context, o ExemptOrder) (onus.Exemption, error) {
	var x onus.Exemption
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		rule := e.Program.Separations[o.Rule]
		if rule == nil || len(rule.Apart) == 0 {
			return onus.Errorf(onus.NotFound, "onus separations list shows them", "there is no rule %s that keeps entitlements apart", o.Rule)
		}
		by, err := asker(ctx, tx, o.By, o.Person, "an exception to a rule")
		if err != nil {
			return err
		}
		who, err := store.Identities.Get(ctx, tx, string(o.For))
		if err != nil {
			return err
		}
		decides, err := e.decides(ctx, tx, rule, who.ID)
		switch {
		case err != nil:
			return err
		case by.ID == who.ID:
			return onus.Errorf(onus.Denied, "somebody else must", "nobody exempts themself from a rule")
		case by.ID != decides.ID:
			hint := "nobody can now: name an active owner or deputy"
			if decides.ID != "" {
				hint = decides.Mail + " can"
			}
			return onus.Errorf(onus.Denied, hint, "%s does not decide about rule %s", by.Mail, rule.Name)
		case strings.TrimSpace(o.Reason) == "":
			return onus.Errorf(onus.Invalid, "give one with --reason", "an exception to rule %s needs a reason", rule.Name)
		case !o.Until.After(tx.Now()):
			return onus.Errorf(onus.Invalid, "give a later day with --until", "the exception would be over already")
		case o.Until.Sub(tx.Now()) > rule.Longest:
			return onus.Errorf(onus.Invalid, "end it sooner", "an exception to rule %s lasts %g days at most", rule.Name, rule.Longest.Hours()/24)
		case o.Permit.Err != nil:
			return o.Permit.Err
		}
		x = onus.Exemption{
			ID: onus.ID("exm", rule.Name, string(who.ID), store.Stamp(tx.Now())), Rule: rule.Name, Identity: who.ID, Until: o.Until,
			Reason: o.Reason, By: o.By, Person: by.Mail, At: tx.Now(),
		}
		return exempted(ctx, tx, "", x, by.ID, o.Permit)
	})
	return x, err
}

// decides gives who decides about exceptions of somebody to a rule: its owner,
// else the deputy. The zero identity is nobody.
func (e *Engine) decides(ctx context.Context, r store.Reader, rule *flow.Separation, subject onus.IdentityID) (onus.Identity, error) {
	for _, mail := range []string{rule.Owner, rule.Deputy} {
		who, known, err := personOf(ctx, r, mail)
		if err != nil {
			return onus.Identity{}, err
		}
		if known && who.Kind == onus.Person && who.State == onus.Active && who.ID != subject {
			return who, nil
		}
	}
	return onus.Identity{}, nil
}

// mayOverride holds back whoever did, about the same run, what a rule keeps
// apart from overriding.
func (e *Engine) mayOverride(ctx context.Context, r store.Reader, x onus.Exception, o Order) error {
	if o.Act != Override || x.Run == "" {
		return nil
	}
	who, known, err := personOf(ctx, r, o.Person)
	if err != nil || !known {
		return err
	}
	if rule := e.Program.KeepsApart(flow.ActApprove, flow.ActOverride); rule != nil {
		all, err := store.Approvals.Find(ctx, r, "run", string(x.Run))
		if err != nil {
			return err
		}
		for _, a := range all {
			for _, given := range a.Answers {
				if given.Yes && (given.Who == who.ID || given.ForWho == who.ID) {
					return onus.Errorf(onus.Denied, "somebody else on the route must", "rule %s: %s approved of the run, and may not override in it", rule.Name, o.Person)
				}
			}
		}
	}
	if rule := e.Program.KeepsApart(flow.ActRequest, flow.ActOverride); rule != nil {
		authors, err := withAuthors(ctx, r, x.Occasion, nil)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(authors, func(m string) bool { return strings.EqualFold(m, who.Mail) }) {
			return onus.Errorf(onus.Denied, "somebody else on the route must", "rule %s: %s asked for it, and may not override in the run", rule.Name, o.Person)
		}
	}
	return nil
}
