package engine

import (
	"context"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// A docket is one look at the cases that standing rules settle step by step.
type docket struct {
	e     *Engine
	r     store.Reader
	at    inCharge
	hunt  hunt
	under map[string]int // by rule, how many of its cases are under way
	moves []*strides
}

// underway is a handling that stands, and the event that left it so.
type underway struct {
	onus.Handling

	event string
}

func handlingsOf(ctx context.Context, r store.Reader, of onus.RuleCase) (all []underway, err error) {
	for row, err := range r.Find(ctx, store.Is(store.Handlings.Name, "state", string(of))) {
		if err != nil {
			return nil, err
		}
		h, err := store.Handlings.Of(row)
		if err != nil {
			return nil, err
		}
		all = append(all, underway{h, row.Event})
	}
	return all, nil
}

// use is what bounds and conditions of a rule look at in a case.
func (d *docket) use(ctx context.Context, h *onus.Handling) (planning.RuleUse, error) {
	u := planning.RuleUse{Now: d.at.At, People: d.at.roster}
	if h.Identity == "" {
		return u, nil
	}
	var err error
	u.Identity, err = store.Identities.Get(ctx, d.r, string(h.Identity))
	return u, err
}

// outside says why a rule does not take a case up now.
func (d *docket) outside(ctx context.Context, rule *flow.Rule, use planning.RuleUse) ([]string, error) {
	use.UnderWay = d.under[rule.Name]
	if rule.Bounds.Uses.Max > 0 {
		from := d.at.At.Add(-rule.Bounds.Uses.Per)
		used, err := store.Handlings.Query(ctx, d.r, store.Query{Key: "rule", From: rule.Name + "/" + store.Stamp(from), To: rule.Name + "0"}) // "0" comes after "/"
		if err != nil {
			return nil, err
		}
		use.Used = len(used)
		for _, s := range d.moves {
			if len(s.of) > 0 && s.was == "" && s.of[0].h.Rule == rule.Name {
				use.Used++
			}
		}
	}
	return planning.Outside(rule, use), nil
}
