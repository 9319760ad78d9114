package attribution

import (
	"fmt"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// asked judges the requests for approval of a run that would have given it.
func (q *inquiry) asked(run onus.Run, seen map[string]bool) error {
	then := q.p.history.At(q.size)
	all, err := store.Approvals.Find(q.ctx, then, "run", string(run.ID))
	if err != nil {
		return err
	}
	for _, a := range all {
		if seen[a.ID] {
			continue
		}
		seen[a.ID] = true
		events, err := q.p.about(q.ctx, store.Approvals.Name, a.ID)
		if err != nil {
			return err
		}
		last := q.lastBefore(events)
		cites := []onus.Citation{events[0].citation(), last.citation()}
		no := slices.IndexFunc(a.Answers, func(ans onus.Answer) bool { return !ans.Yes })
		switch {
		case a.State == onus.ApprovalDenied && no >= 0:
			s := onus.Sentence{Says: fmt.Sprintf("%s said no to it: %s.", a.Answers[no].Person, a.Answers[no].Reason), Cites: cites}
			q.v.Reasons = append(q.v.Reasons, s)
			q.faults = append(q.faults, fault{
				Fault: onus.Fault{
					Class: onus.Approved, Confidence: onus.Established, Says: s.Says, Cites: cites,
					Accountable: onus.Answerable{Duty: "said no to approval " + a.ID, Mail: a.Answers[no].Person, ID: a.Answers[no].Who},
				}, flow: run.Workflow,
			})
		case a.State == onus.ApprovalDenied, a.State == onus.ApprovalAsked && (q.e.At.After(a.Deadline) || !a.Climbed.IsZero()):
			f := fault{
				Fault: onus.Fault{Class: onus.LateException, Confidence: onus.Established, Says: fmt.Sprintf("Nobody answered approval %s in time.", a.ID), Cites: cites},
				duty:  onus.DutyID("exceptions/" + string(run.Workflow)), flow: run.Workflow,
			}
			silent := slices.Clone(a.Of)
			if a.State == onus.ApprovalDenied || q.e.At.After(a.Deadline) && !a.Climbed.IsZero() {
				silent = append(silent, a.Also...)
			}
			for _, mail := range silent {
				if !slices.ContainsFunc(a.Answers, func(ans onus.Answer) bool { return ans.Person == mail }) {
					f.Contributing = addDeed(f.Contributing, mail, "was asked for approval "+a.ID+" and did not answer")
				}
			}
			q.v.Reasons = append(q.v.Reasons, onus.Sentence{Says: f.Says, Cites: cites})
			q.faults = append(q.faults, f)
		case a.State == onus.ApprovalAsked:
			q.v.Reasons = append(q.v.Reasons, onus.Sentence{Says: fmt.Sprintf("It waits for approval %s.", a.ID), Cites: cites})
			q.v.Missing = append(q.v.Missing, fmt.Sprintf("an answer to approval %s: its time is not up", a.ID))
		}
	}
	return nil
}
