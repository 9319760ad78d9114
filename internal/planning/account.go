package planning

import (
	"fmt"

	"github.com/onus-id/onus"
)

// accountFor gives the subject's account that an account step is about: the
// one of the wanted name, else the only one they have there, else none. A
// name that somebody else holds is never taken over.
func (pl *planner) accountFor(w *want) (*onus.Account, *Refusal) {
	var mine []*onus.Account
	for i := range pl.f.Accounts {
		if a := &pl.f.Accounts[i]; a.System == w.system {
			if a.Name == w.name {
				return a, nil
			}
			mine = append(mine, a)
		}
	}
	step := pl.wf.Steps[w.step].ID
	switch len(mine) {
	case 1:
		return mine[0], nil
	case 0:
	default:
		return nil, pl.severalAccounts(w, step)
	}
	other, taken := pl.seen.named(&pl.f, w.system, w.name)
	switch {
	case !taken:
		return nil, nil
	case other.Identity == pl.f.Identity.ID:
		return &other, nil
	}
	r := &Refusal{
		Category: onus.AmbiguousMatch, System: w.system, Step: step,
		Message: fmt.Sprintf("%s: the account %s on %s belongs to somebody else", pl.f.who(), w.name, w.system),
		Hint:    "give the record another login; an account that is theirs must be matched to them first",
	}
	if other.Identity == "" {
		r.Message = fmt.Sprintf("%s: there is an account %s on %s that is matched to nobody", pl.f.who(), w.name, w.system)
		r.Hint = "find out whose it is: match it to them, or remove it"
	}
	return nil, r
}

// onlyAccount gives the subject's account for a grant whose workflow has no
// account step there.
func (pl *planner) onlyAccount(w *want) (*onus.Account, *Refusal) {
	if g := pl.grant(w.system, w.entitlement, nil); pl.held(g) {
		return pl.holder(g), nil
	}
	var only *onus.Account
	for i := range pl.f.Accounts {
		if a := &pl.f.Accounts[i]; a.System == w.system {
			if only != nil {
				return nil, pl.severalAccounts(w, pl.wf.Steps[w.step].ID)
			}
			only = a
		}
	}
	return only, nil
}

func (pl *planner) severalAccounts(w *want, step string) *Refusal {
	return &Refusal{
		Category: onus.AmbiguousMatch, System: w.system, Step: step,
		Message: fmt.Sprintf("%s has several accounts on %s, and none has the name that step %s wants", pl.f.who(), w.system, step),
		Hint:    "give the step the name of the one that is meant",
	}
}
