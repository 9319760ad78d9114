package attribution

import (
	"fmt"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// ofMatch gives the account to whom a later look, or whoever reports, gives it.
func (q *inquiry) ofMatch() ([]correction, error) {
	var all []correction
	for _, g := range q.grants {
		if g.Account == "" {
			continue
		}
		id := store.AccountID(g.System, g.Account)
		events, err := q.p.about(q.ctx, store.Accounts.Name, id)
		if err != nil {
			return nil, err
		}
		var matched, again entry
		var to onus.IdentityID
		var rule string
		for _, e := range events {
			a, there, err := bodyOf[onus.Account](e)
			if err != nil {
				return nil, err
			}
			switch {
			case !there:
			case e.index < q.size && a.Identity == q.who.ID && matched.ID == "":
				matched, rule = e, a.Matched
			case e.index >= q.size && a.Identity != q.who.ID && a.Identity != "" && again.ID == "":
				again, to = e, a.Identity
			}
		}
		said, claimed := q.e.Match[id]
		if matched.ID == "" || !claimed && again.ID == "" || claimed && said == q.who.ID {
			continue
		}
		c := correction{class: onus.WrongMatch, support: onus.Probable, system: g.System}
		c.why = append(c.why, onus.Sentence{Says: fmt.Sprintf("Account %s was taken for that of %s by the rule %q.", id, q.called(), rule), Cites: []onus.Citation{matched.citation()}})
		if again.ID != "" && (!claimed || said == to) {
			c.support = onus.Established
			c.why = append(c.why, onus.Sentence{Says: "It was found to be somebody else's later.", Cites: []onus.Citation{again.citation()}})
		}
		if claimed {
			to = said
		}
		c.says = fmt.Sprintf("account %s had been known as that of %s", id, q.p.called(q.ctx, to))
		c.apply = func(w *whatIf) { w.match = map[string]onus.IdentityID{id: to} }
		all = append(all, c)
	}
	return all, nil
}
