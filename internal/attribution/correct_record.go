package attribution

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// ofRecord gives the record as whoever reports says that it should have been,
// and as a later read has it.
func (q *inquiry) ofRecord() ([]correction, error) {
	p, who := q.p, q.who
	src := q.moment.Program.Sources[who.Source]
	if src == nil {
		return nil, nil
	}
	var all []correction
	events, err := p.about(q.ctx, store.Records.Name, store.RecordID(who.Source, who.Key))
	if err != nil {
		return nil, err
	}
	var then, later entry
	var now onus.Record
	for _, e := range events {
		r, there, err := bodyOf[onus.Record](e)
		if err != nil {
			return nil, err
		}
		if e.index < q.size {
			then = e
			continue
		}
		if there && later.ID == "" && (r.Gone || !maps.Equal(r.Attributes, who.Attributes)) {
			later, now = e, r
		}
	}
	changed := map[string]string{}
	if later.ID != "" && !now.Gone {
		for _, a := range src.Schema.Attributes {
			if now.Attributes[a.Name] != who.Attributes[a.Name] {
				changed[a.Name] = now.Attributes[a.Name]
			}
		}
	}
	var cites []onus.Citation
	if then.ID != "" {
		cites = append(cites, then.citation())
	}
	if len(q.e.Right) > 0 {
		c := correction{
			says: "the record had said " + fields(q.e.Right), support: onus.Probable, source: who.Source,
			apply: func(w *whatIf) { w.record = maps.Clone(q.e.Right) },
			why:   []onus.Sentence{{Says: fmt.Sprintf("The record said %s; whoever reports says that %s is right.", fields(pick(who.Attributes, q.e.Right)), fields(q.e.Right)), Cites: cites}},
		}
		agrees := len(changed) > 0
		for k, v := range q.e.Right {
			agrees = agrees && now.Attributes[k] == v
		}
		if agrees {
			c.support = onus.Established
			c.why = append(c.why, onus.Sentence{Says: "The source itself says so since a later read.", Cites: []onus.Citation{later.citation()}})
		}
		all = append(all, c)
	}
	switch {
	case later.ID == "":
	case now.Gone:
		all = append(all, correction{
			class: onus.StaleRecord, says: "the record had been gone already", support: onus.Undetermined, source: who.Source,
			apply: func(w *whatIf) { w.gone = true },
			why:   []onus.Sentence{{Says: "A later read does not have the record any more.", Cites: []onus.Citation{later.citation()}}},
		})
	case !maps.Equal(changed, q.e.Right):
		c := correction{
			says: "the record had said " + fields(changed) + " already", support: onus.Undetermined, source: who.Source,
			apply: func(w *whatIf) { w.record = maps.Clone(changed) },
			why:   []onus.Sentence{{Says: fmt.Sprintf("A later read says %s. Whether it was so before, the ledger does not say.", fields(changed)), Cites: []onus.Citation{later.citation()}}},
		}
		// A date that lay before the error proves that what was known then was not so any more.
		if end := changed[src.Schema.Roles.End]; src.Schema.Roles.End != "" && end != "" && end < q.day(q.moment.Program) {
			c.class, c.support = onus.StaleRecord, onus.Established
			c.why = []onus.Sentence{{Says: fmt.Sprintf("A later read says that their last day was %s, before the error.", end), Cites: []onus.Citation{later.citation()}}}
		}
		all = append(all, c)
	}
	return all, nil
}

func fields(m map[string]string) string {
	parts := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		v := m[k]
		if v == "" {
			v = "nothing"
		}
		parts = append(parts, k+"="+v)
	}
	return strings.Join(parts, ", ")
}

func pick(a onus.Attributes, names map[string]string) map[string]string {
	out := map[string]string{}
	for k := range names {
		out[k] = a[k]
	}
	return out
}
