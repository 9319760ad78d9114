package attribution

import (
	"fmt"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// unwanted judges what a system shows and our records do not want.
func (q *inquiry) unwanted() error {
	for _, g := range q.grants {
		if !g.Observed {
			continue
		}
		events, err := q.p.about(q.ctx, store.Grants.Name, store.GrantID(g))
		if err != nil {
			return err
		}
		var appeared, ended entry
		var was onus.Grant
		for _, e := range events {
			if e.index >= q.size {
				break
			}
			now, there, err := bodyOf[onus.Grant](e)
			if err != nil {
				return err
			}
			if !there {
				continue
			}
			if now.Observed && !was.Observed {
				appeared = e
			}
			if e.Type == ledger.GrantUnwarranted {
				ended = e
			}
			was = now
		}
		if stop, err := q.notTheirs(g); err != nil || stop {
			return err
		}
		if appeared.Type == ledger.GrantObserved && appeared.index > ended.index {
			return q.behindOurBack(g, appeared, "It was first seen by a scan, and no change of ours put it there.")
		}
		return q.notTaken(g)
	}
	return nil
}

// notTheirs judges access on an account that was taken for somebody else's.
func (q *inquiry) notTheirs(g onus.Grant) (bool, error) {
	all, err := q.ofMatch()
	if err != nil {
		return false, err
	}
	for _, c := range all {
		w := whatIf{}
		c.apply(&w)
		if _, about := w.match[store.AccountID(g.System, g.Account)]; about {
			q.v.Tried = append(q.v.Tried, onus.Tried{Corrections: []string{c.says}, Removes: true})
			return true, q.blame(c, c.support)
		}
	}
	return false, nil
}

// matchedAway judges access that somebody has on an account that was taken
// for another's: so it was not seen to be theirs.
func (q *inquiry) matchedAway() (bool, error) {
	then := q.p.history.At(q.size)
	for id, to := range q.e.Match {
		a, known, err := store.Accounts.Lookup(q.ctx, then, id)
		if err != nil {
			return false, err
		}
		if !known || to != q.who.ID || a.Identity == q.who.ID || a.System != q.e.System {
			continue
		}
		grants, err := store.Grants.Find(q.ctx, then, "account", id)
		if err != nil {
			return false, err
		}
		for _, g := range grants {
			if g.Entitlement != q.e.Entitlement || !g.Observed {
				continue
			}
			row, _, err := then.Get(q.ctx, store.Accounts.Name, id)
			if err != nil {
				return false, err
			}
			e, err := q.p.event(q.ctx, row.Event)
			if err != nil {
				return false, err
			}
			says := fmt.Sprintf("account %s had been known as that of %s", id, q.called())
			q.v.Tried = append(q.v.Tried, onus.Tried{Corrections: []string{says}, Removes: true})
			return true, q.blame(correction{
				class: onus.WrongMatch, says: says, support: onus.Probable, system: a.System,
				why: []onus.Sentence{{Says: fmt.Sprintf("Account %s was taken for somebody else's by the rule %q; whoever reports says whose it is.", id, a.Matched), Cites: []onus.Citation{e.citation()}}},
			}, onus.Probable)
		}
	}
	return false, nil
}

func (q *inquiry) behindOurBack(g onus.Grant, e entry, says string) error {
	q.v.Arose = e.Time
	s := onus.Sentence{Says: says, Cites: []onus.Citation{e.citation()}}
	q.v.Reasons = append(q.v.Reasons, s)
	q.faults = append(q.faults, fault{
		Fault: onus.Fault{Class: onus.OutOfBand, Confidence: onus.Established, Says: fmt.Sprintf("%s was changed by somebody else than us.", g.System), Cites: s.Cites, Vendor: q.vendor()},
		duty:  onus.DutyID("system/" + string(g.System)),
	})
	q.v.Missing = append(q.v.Missing, fmt.Sprintf("who did it: the audit trail of %s would say", g.System))
	return nil
}

func (q *inquiry) vendor() string {
	if sys := q.moment.Program.Systems[q.e.System]; sys != nil {
		return sys.Vendor
	}
	return ""
}

// notTaken judges access whose reasons ended and which is still there.
func (q *inquiry) notTaken(g onus.Grant) error {
	last := lastToEnd(g.Warrants)
	if last.EndedBy != planning.Expired && last.EndedBy != "" {
		if err := q.decisionOfRun(onus.RunID(last.EndedBy)); err != nil {
			return err
		}
	}
	stopped, err := q.stopped()
	if err != nil || stopped {
		return err
	}
	if err := q.citeGrants(fmt.Sprintf("Its last reason ended on %s, and it was there still.", day(last.Ended))); err != nil {
		return err
	}
	q.faults = append(q.faults, fault{
		Fault: onus.Fault{
			Class: onus.Enforcement, Confidence: onus.Probable, Vendor: q.vendor(), Cites: q.v.Reasons[len(q.v.Reasons)-1].Cites,
			Says: "What our records no longer wanted was not taken away.",
		},
		duty: onus.DutyID("system/" + string(g.System)),
	})
	return nil
}

// notMade judges access that our records want and the system does not show.
func (q *inquiry) notMade() error {
	for _, g := range q.grants {
		events, err := q.p.about(q.ctx, store.Grants.Name, store.GrantID(g))
		if err != nil {
			return err
		}
		var gone entry
		for _, e := range events {
			if e.index < q.size && e.Type == ledger.GrantGone {
				gone = e
			}
		}
		if gone.ID != "" {
			return q.behindOurBack(g, gone, "A scan found it gone, and no change of ours took it.")
		}
		if err := q.gatherGiven(); err != nil {
			return err
		}
	}
	stopped, err := q.stopped()
	if err != nil || stopped {
		return err
	}
	q.v.Missing = append(q.v.Missing, "why it was not seen: no entry says")
	return nil
}

// givenAt is when the last reason that was in force was given.
func (q *inquiry) givenAt() (last time.Time) {
	for _, g := range q.grants {
		for _, w := range g.Warrants {
			if w.InForce(q.e.At) && w.Since.After(last) {
				last = w.Since
			}
		}
	}
	return last
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
