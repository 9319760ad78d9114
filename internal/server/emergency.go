package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
)

// EmergencyOrder is an emergency with people and things as somebody names them.
type EmergencyOrder struct {
	What   []string        // entitlements
	System onus.SystemName // empty: the only one that a standing rule has them on
	For    string          // login, mail address or ID; empty: themself
	Lasts  time.Duration   // 0: an hour, or as long as the rule allows
	Reason string
	By     onus.Actor
	Person string
}

// An EmergencyView is an emergency as people see it.
type EmergencyView struct {
	onus.Emergency

	Subject string   `json:"subject"` // how people know whom it is for
	What    []string `json:"what"`
	Stands  string   `json:"stands"` // what has come of it so far
}

// Called is what came of calling an emergency: access at once, or, where no
// standing rule covers it, an ordinary request, which waits for everybody's yes.
type Called struct {
	Emergency *EmergencyView `json:"emergency,omitempty"`
	Outside   string         `json:"outside,omitempty"` // why no standing rule covers it
	Requests  []Foreseen     `json:"requests,omitempty"`
}

// Emergency calls one. Within a standing rule's bounds what it gives is given
// before this returns, as far as its systems answer.
func (s *Server) Emergency(ctx context.Context, o EmergencyOrder) (Called, error) {
	wants, err := s.wanted(o)
	if err != nil {
		return Called{}, err
	}
	order := engine.EmergencyOrder{Wants: wants, Lasts: o.Lasts, Reason: o.Reason, By: o.By, Person: o.Person}
	who := o.For
	if who == "" {
		who = o.Person
	}
	if who != "" {
		if order.For, err = s.IdentityOf(ctx, who); err != nil {
			return Called{}, err
		}
		if order.Permit, err = s.permit(ctx, o.Person, authority.Emergency, Ref{"identity", string(order.For)}); err != nil {
			return Called{}, err
		}
	}
	roster, err := s.people(ctx)
	if err != nil {
		return Called{}, err
	}
	x, err := s.Engine.Emergency(ctx, roster, order)
	var outside *engine.OutsideError
	if errors.As(err, &outside) {
		return s.ordinary(ctx, o, wants, outside)
	}
	if err != nil {
		return Called{}, err
	}
	if err := s.giveNow(ctx, x); err != nil {
		return Called{}, err
	}
	v, err := s.Books().Emergency(ctx, x.ID)
	return Called{Emergency: &v}, err
}

// wanted says on which system each entitlement is.
func (s *Server) wanted(o EmergencyOrder) ([]onus.Wanted, error) {
	wants := make([]onus.Wanted, 0, len(o.What))
	for _, name := range o.What {
		on := o.System
		if on == "" {
			var all []string
			for _, r := range s.Program.RulesFor(onus.EmergencyCase) {
				for _, e := range r.Bounds.Entitlements {
					if e.Name == name && !slices.Contains(all, string(e.System)) {
						all = append(all, string(e.System))
					}
				}
			}
			if len(all) != 1 {
				return nil, onus.Errorf(onus.Invalid, "name it with --system", "standing rules have %s on %s", name, nothing(strings.Join(all, ", "), "no system"))
			}
			on = onus.SystemName(all[0])
		}
		if s.Program.Entitlements[flow.EntitlementKey{System: on, Name: name}] == nil {
			return nil, onus.Errorf(onus.NotFound, "onus rules list shows what can be had in an emergency", "there is no %s on %s in the catalogue", name, on)
		}
		wants = append(wants, onus.Wanted{System: on, Entitlement: name})
	}
	return wants, nil
}

func nothing(text, none string) string {
	if text == "" {
		return none
	}
	return text
}

// ordinary asks for what no standing rule covers, and says why none does.
func (s *Server) ordinary(ctx context.Context, o EmergencyOrder, wants []onus.Wanted, outside *engine.OutsideError) (Called, error) {
	lasts := o.Lasts
	if lasts <= 0 {
		lasts = time.Hour
	}
	order := RequestOrder{Wants: wants, Until: s.Now().Add(lasts), Reason: o.Reason, By: o.By, Person: o.Person}
	if o.For != "" {
		order.For = []string{o.For}
	}
	made, err := s.Request(ctx, order)
	if err != nil {
		return Called{}, onus.Errorf(onus.KindOf(err), onus.HintOf(err), "%s; and it cannot be asked for: %w", outside.Error(), err)
	}
	return Called{Outside: outside.Error(), Requests: made}, nil
}

// giveNow carries out the runs of an emergency, whoever else works on runs. A
// run that cannot go on stays for the queue, and says why where it is shown.
func (s *Server) giveNow(ctx context.Context, x onus.Emergency) error {
	var ids []onus.RunID
	err := s.store.View(ctx, func(r store.Reader) error {
		runs, err := store.Runs.Find(ctx, r, "occasion", engine.EmergencyOccasion(x.ID))
		for _, run := range runs {
			ids = append(ids, run.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.Engine.AdvanceAll(ctx, ids)
}

// ReviewEmergency records what somebody found who had no part in an emergency.
func (s *Server) ReviewEmergency(ctx context.Context, o engine.ReviewOrder) (EmergencyView, error) {
	v, err := s.Books().Emergency(ctx, o.Emergency)
	if err != nil {
		return v, err
	}
	o.Emergency = v.ID
	if o.Permit, err = s.permit(ctx, o.Person, authority.Review, Ref{"emergency", v.ID}); err != nil {
		return v, err
	}
	if _, err := s.Engine.ReviewEmergency(ctx, o); err != nil {
		return v, err
	}
	return s.Books().Emergency(ctx, v.ID)
}

// Emergencies lists those that are not reviewed yet, or all, oldest first.
func (b *Books) Emergencies(ctx context.Context, all bool) ([]EmergencyView, error) {
	list := []EmergencyView{}
	err := b.store.View(ctx, func(r store.Reader) error {
		found, err := store.Emergencies.Query(ctx, r, store.Query{Key: "at", To: "9"})
		if err != nil {
			return err
		}
		list = list[:0]
		for _, x := range found {
			if !all && x.State == onus.EmergencyReviewed {
				continue
			}
			v, err := b.emergencyView(ctx, r, x)
			if err != nil {
				return err
			}
			list = append(list, v)
		}
		return nil
	})
	return list, err
}

// Emergency gives one by its ID, or by a beginning that only one has.
func (b *Books) Emergency(ctx context.Context, id string) (v EmergencyView, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		x, err := findByStart(ctx, r, store.Emergencies, id, "onus emergency list --all shows them")
		if err != nil {
			return err
		}
		v, err = b.emergencyView(ctx, r, x)
		return err
	})
	return v, err
}

// NotGone is how an emergency stands that is over while the systems do not show
// that all of it is gone: nobody can end it once more.
const NotGone = "over, and not confirmed gone"

func (b *Books) emergencyView(ctx context.Context, r store.Reader, x onus.Emergency) (EmergencyView, error) {
	v := EmergencyView{Emergency: x, Subject: called(ctx, r, x.For)}
	for _, w := range x.Wants {
		v.What = append(v.What, string(w.System)+" "+w.Entitlement)
	}
	if x.State != onus.EmergencyStands {
		v.Stands = string(x.State)
		return v, nil
	}
	req, err := store.Requests.Get(ctx, r, x.ID)
	if err != nil {
		return v, err
	}
	of, err := b.requestView(ctx, r, req)
	v.Stands = of.Stands
	if !b.now().Before(x.Until) || req.State == onus.RequestWithdrawn {
		v.Stands = NotGone
	}
	return v, err
}

// A RuleView is a standing rule, and whether it acts.
type RuleView struct {
	Rule    string         `json:"rule"`
	Case    onus.RuleCase  `json:"case"`
	Because string         `json:"because"`
	Owner   string         `json:"owner"`
	By      string         `json:"by"` // who approved it beforehand
	Until   time.Time      `json:"until"`
	State   onus.RuleState `json:"state"`
	Why     string         `json:"why,omitempty"`
	About   []string       `json:"about,omitempty"`
}

// Rules lists the standing rules, each with whether it acts.
func (s *Server) Rules(ctx context.Context) ([]RuleView, error) {
	roster, err := s.people(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.Engine.Rules(ctx, roster)
	if err != nil {
		return nil, err
	}
	views := make([]RuleView, 0, len(all))
	for _, r := range all {
		v := RuleView{
			Rule: r.Rule.Name, Case: r.Rule.Case, Because: r.Rule.Because, Owner: r.Rule.Owner, By: r.Rule.By, Until: r.Rule.Until, State: r.State, Why: r.Why,
		}
		for _, e := range r.Rule.Bounds.Entitlements {
			v.About = append(v.About, string(e.System)+" "+e.Name)
		}
		if len(v.About) == 0 {
			for _, name := range r.Rule.Bounds.Systems {
				v.About = append(v.About, string(name))
			}
		}
		views = append(views, v)
	}
	return views, nil
}

// Sealed writes what to do when Onus itself, or whoever signs people in, is
// down: which accounts there are for that, and where what opens them is kept.
// What opens them is never in it.
func (s *Server) Sealed() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "# When Onus or the sign-in of %s is down\n\nWritten %s from definitions %s. Keep it sealed, on paper; whoever breaks the seal says so to the rule's owner.\n",
		s.Program.Organisation.Name, s.Now().UTC().Format(time.RFC3339), s.Program.Digest.Short())
	n := 0
	for _, r := range s.Program.RulesFor(onus.EmergencyCase) {
		for _, a := range r.Sealed {
			n++
			fmt.Fprintf(&b, "\n## %d. Account %s on %s\n\n- for: %s (standing rule %s)\n- what opens it is kept: %s\n- tell at once: %s, then %s\n", n, a.Account, a.System, r.Because, r.Name, a.Kept, r.Owner, r.By)
			fmt.Fprintf(&b, "- write down who used it, from when to when, and why: the next scan finds its use, and asks\n- afterwards: have what opens it changed, and the account disabled again; seal this anew\n")
		}
	}
	if n == 0 {
		return "", onus.Errorf(onus.Invalid, "add sealed: [{system: NAME, account: NAME, kept: WHERE}] to a rule for emergencies", "no standing rule names an account for when Onus is down")
	}
	return b.String(), nil
}
