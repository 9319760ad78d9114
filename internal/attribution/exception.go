package attribution

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// exception judges one that held the access up, as it stood at the time.
func (q *inquiry) exception(x onus.Exception) error {
	events, err := q.p.about(q.ctx, store.Exceptions.Name, x.ID)
	if err != nil {
		return err
	}
	opened := events[0]
	s := onus.Sentence{Says: fmt.Sprintf("Exception %s stopped it on %s: %s.", x.ID, stamp(opened.Time), strings.TrimSuffix(x.Message, ".")), Cites: []onus.Citation{opened.citation()}}
	q.v.Reasons = append(q.v.Reasons, s)
	if q.v.Arose.IsZero() || opened.Time.Before(q.v.Arose) {
		q.v.Arose = opened.Time
	}
	if x.Decided != nil && (x.State == onus.ExceptionOverridden && x.Category != onus.GuardTripped || x.State == onus.ExceptionRefused) {
		closed := q.lastBefore(events)
		q.v.Reasons = append(q.v.Reasons, onus.Sentence{Says: fmt.Sprintf("%s decided: %s, because %s.", x.Decided.Person, x.Decided.Act, x.Decided.Reason), Cites: []onus.Citation{closed.citation()}})
		q.faults = append(q.faults, fault{
			Fault: onus.Fault{
				Class: onus.Overridden, Confidence: onus.Established, Cites: []onus.Citation{opened.citation(), closed.citation()},
				Says:        fmt.Sprintf("%s ended exception %s by %s.", x.Decided.Person, x.ID, x.Decided.Act),
				Accountable: onus.Answerable{Duty: "ended exception " + x.ID + " by " + x.Decided.Act, Mail: x.Decided.Person},
			}, flow: x.Workflow,
		})
		return nil
	}
	if x.State != onus.ExceptionOpen {
		return nil
	}
	if class := causes[x.Category]; class != "" {
		f := fault{Fault: onus.Fault{Class: class, Confidence: onus.Established, Says: s.Says, Cites: s.Cites}, flow: x.Workflow}
		switch class {
		case onus.Enforcement:
			f.duty, f.Vendor = onus.DutyID("system/"+string(q.e.System)), q.vendor()
		case onus.WrongLogic:
			f.duty = onus.DutyID("workflow/" + string(x.Workflow))
		case onus.OwnershipGap: // whoever was asked first to name an owner answers for the gap
			first, there, err := bodyOf[onus.Exception](opened)
			if err != nil {
				return err
			}
			if there {
				f.Accountable = onus.Answerable{Duty: "was asked to name an owner by exception " + x.ID, Mail: first.Assignee}
			}
		case onus.WrongRecord, onus.StaleRecord, onus.WrongMatch:
			f.duty = onus.DutyID("source/" + string(q.who.Source))
		case onus.WideGuard, onus.LateException, onus.Overridden, onus.Approved, onus.OutOfBand, onus.StandingRule, onus.AgentAction:
		}
		q.faults = append(q.faults, f)
	}
	return q.late(x, events)
}

// late adds that an exception was left past its clock, and whose clock it was.
func (q *inquiry) late(x onus.Exception, events []entry) error {
	var slow []onus.Answerable
	var cites []onus.Citation
	var was onus.Exception
	for _, e := range events {
		if e.index >= q.size {
			break
		}
		now, there, err := bodyOf[onus.Exception](e)
		if err != nil || !there {
			return err
		}
		if e.Type == ledger.ExceptionClimbed && e.Notes["why"] == "time" {
			slow = addDeed(slow, was.Assignee, "let the clock of exception "+x.ID+" run out")
			cites = append(cites, e.citation())
		}
		was = now
	}
	if q.e.At.After(was.Deadline) {
		slow = addDeed(slow, was.Assignee, "let the clock of exception "+x.ID+" run out")
		cites = append(cites, q.lastBefore(events).citation())
	}
	if len(slow) == 0 {
		if causes[x.Category] == "" {
			q.v.Missing = append(q.v.Missing, fmt.Sprintf("a decision on exception %s: it waits for %s, and its time is not up", x.ID, x.Assignee))
		}
		return nil
	}
	says := fmt.Sprintf("Exception %s was open at %s, past its clock.", x.ID, stamp(q.e.At))
	q.v.Reasons = append(q.v.Reasons, onus.Sentence{Says: says, Cites: cites})
	q.faults = append(q.faults, fault{
		Fault: onus.Fault{Class: onus.LateException, Confidence: onus.Established, Says: says, Cites: cites, Contributing: slow},
		duty:  onus.DutyID("exceptions/" + string(x.Workflow)), flow: x.Workflow,
	})
	return nil
}

func addDeed(all []onus.Answerable, mail, did string) []onus.Answerable {
	if mail == "" || slices.ContainsFunc(all, func(a onus.Answerable) bool { return a.Mail == mail }) {
		return all
	}
	return append(all, onus.Answerable{Duty: did, Mail: mail})
}

func (q *inquiry) lastBefore(events []entry) entry {
	last := events[0]
	for _, e := range events {
		if e.index < q.size {
			last = e
		}
	}
	return last
}
