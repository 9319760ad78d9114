package server

import (
	"cmp"
	"context"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
)

// A SeparationView is a rule of separation of duty with who breaks it now.
type SeparationView struct {
	Rule     string       `json:"rule"`
	Owner    string       `json:"owner"`
	Because  string       `json:"because"`
	Apart    [][]string   `json:"apart,omitempty"`
	Acts     []string     `json:"acts,omitempty"`
	Breaches []BreachView `json:"breaches,omitempty"`
}

// A BreachView is somebody who holds what a rule keeps apart.
type BreachView struct {
	Rule    string          `json:"rule,omitempty"`
	Subject string          `json:"subject"`
	Holds   []string        `json:"holds"`
	Exempt  *onus.Exemption `json:"exempt,omitempty"` // who allowed it; nil: nobody
}

// Separations lists the rules, each with who breaks it now.
func (s *Server) Separations(ctx context.Context) ([]SeparationView, error) {
	found, err := s.Engine.Breaches(ctx)
	if err != nil {
		return nil, err
	}
	all := []SeparationView{}
	err = s.store.View(ctx, func(r store.Reader) error {
		all = all[:0]
		for _, rule := range s.Program.Separations {
			v := SeparationView{Rule: rule.Name, Owner: rule.Owner, Because: rule.Because, Acts: rule.Acts}
			for _, side := range rule.Apart {
				var words []string
				for _, e := range side {
					words = append(words, string(e.System)+" "+e.Name)
				}
				v.Apart = append(v.Apart, words)
			}
			for _, b := range found {
				if b.Rule != rule.Name {
					continue
				}
				seen := BreachView{Subject: called(ctx, r, b.Identity), Holds: b.Holds}
				if b.Exempt.ID != "" {
					seen.Exempt = &b.Exempt
				}
				v.Breaches = append(v.Breaches, seen)
			}
			all = append(all, v)
		}
		return nil
	})
	slices.SortFunc(all, func(a, b SeparationView) int { return cmp.Compare(a.Rule, b.Rule) })
	return all, err
}

// unallowed lists who holds what a rule keeps apart with nobody's exception.
func (s *Server) unallowed(ctx context.Context) ([]BreachView, error) {
	rules, err := s.Separations(ctx)
	var all []BreachView
	for _, rule := range rules {
		for _, b := range rule.Breaches {
			if b.Exempt == nil {
				b.Rule = rule.Rule
				all = append(all, b)
			}
		}
	}
	return all, err
}

// Exempt records the decision of a rule's owner that somebody may hold what
// the rule keeps apart. Whom it is for is named by login, mail address or ID.
func (s *Server) Exempt(ctx context.Context, who string, o engine.ExemptOrder) (onus.Exemption, error) {
	err := s.store.View(ctx, func(r store.Reader) error {
		found, err := attribution.FindIdentity(ctx, r, who)
		if o.For = found.ID; err != nil || o.Person == "" {
			return err
		}
		b := &bearings{s: s, r: r}
		by, err := b.person(ctx, o.Person)
		if err != nil {
			return err
		}
		t, err := b.thing(ctx, Ref{"separation", o.Rule})
		if err == nil {
			t.Subjects = []string{found.Mail}
			o.Permit = permitOf(authority.Default.Decide(by, authority.Exempt, t))
		}
		return err
	})
	if err != nil {
		return onus.Exemption{}, err
	}
	return s.Engine.Exempt(ctx, o)
}
