package attribution

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/ownership"
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

// stopped judges access that something or somebody held up: an exception, a
// request for approval, a person's no, or a duty that nobody stood for.
func (q *inquiry) stopped() (bool, error) {
	then := q.p.history.At(q.size)
	seen := map[string]bool{}
	runs, err := store.Runs.Find(q.ctx, then, "identity", string(q.who.ID))
	if err != nil {
		return false, err
	}
	keys := map[[2]string]bool{}
	for _, run := range runs {
		plan, known, err := store.Plans.Lookup(q.ctx, then, string(run.Plan))
		if err != nil {
			return false, err
		}
		gives, takes := does(plan, q.target())
		if !known || q.e.ShouldHold && !gives || !q.e.ShouldHold && (!takes || run.Began.Before(q.givenAt())) {
			continue
		}
		keys[[2]string{"run", string(run.ID)}], keys[[2]string{"batch", run.Batch}] = true, true
		if err := q.asked(run, seen); err != nil {
			return false, err
		}
	}
	occasions, err := store.Occasions.Find(q.ctx, then, "identity", string(q.who.ID))
	if err != nil {
		return false, err
	}
	slices.SortStableFunc(occasions, func(a, b onus.Occasion) int { return a.At.Compare(b.At) })
	var waits []onus.Occasion
	for i, o := range occasions {
		if o.State == onus.Stopped || i == len(occasions)-1 {
			keys[[2]string{"occasion", o.ID}] = true
		}
		if o.State == onus.Waiting {
			waits = append(waits, o)
		}
	}
	for key := range keys {
		about, err := store.Exceptions.Find(q.ctx, then, key[0], key[1])
		if err != nil {
			return false, err
		}
		for _, x := range about {
			about, err := q.concerns(x)
			if err != nil {
				return false, err
			}
			if !about || seen[x.ID] {
				continue
			}
			seen[x.ID] = true
			if err := q.exception(x); err != nil {
				return false, err
			}
		}
	}
	for _, o := range waits {
		if err := q.gap(o); err != nil {
			return false, err
		}
	}
	return len(q.faults) > 0 || len(q.v.Missing) > 0, nil
}

// concerns says whether an exception of a change held the thing up: it is
// about it, or about what it waits for, or the whole run waits for it.
func (q *inquiry) concerns(x onus.Exception) (bool, error) {
	if x.Change == "" {
		return true, nil
	}
	c, known, err := store.Changes.Lookup(q.ctx, q.p.r, string(x.Change))
	if err != nil || !known {
		return known, err
	}
	run, err := store.Runs.Get(q.ctx, q.p.r, string(x.Run))
	if err != nil {
		return false, err
	}
	plan, err := store.Plans.Get(q.ctx, q.p.r, string(run.Plan))
	if err != nil {
		return false, err
	}
	if x.State == onus.ExceptionOpen && !c.Planned.Independent {
		return true, nil
	}
	t := q.target()
	for i, of := range plan.Changes {
		if of.Target.System == t.System && of.Target.Entitlement == t.Entitlement && (i == c.Index || slices.Contains(of.After, c.Index)) {
			return true, nil
		}
	}
	return false, nil
}

// causes says which class an exception's category is of, and whose.
var causes = map[onus.Category]onus.FaultClass{
	onus.InvalidAttribute: onus.WrongRecord, onus.DuplicateKey: onus.WrongRecord,
	onus.StaleSource: onus.StaleRecord, onus.BadRead: onus.StaleRecord, onus.VolumeGuard: onus.StaleRecord,
	onus.WeakMatch: onus.WrongMatch, onus.AmbiguousMatch: onus.WrongMatch,
	onus.DeniedBySystem: onus.Enforcement, onus.ConflictOnSystem: onus.Enforcement, onus.InvalidOnSystem: onus.Enforcement,
	onus.SystemUnreached: onus.Enforcement, onus.Unconfirmed: onus.Enforcement, onus.Residual: onus.Enforcement,
	onus.OwnerMissing: onus.OwnershipGap, onus.Unresolvable: onus.WrongLogic,
}

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
		case onus.WideGuard, onus.LateException, onus.Overridden, onus.Approved, onus.OutOfBand:
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

// gap judges an occasion that waits, for nobody stood for a duty of the
// workflow that wants it.
func (q *inquiry) gap(o onus.Occasion) error {
	facts, err := q.p.owners(q.ctx, q.size, q.e.At, q.moment.Program.Digest)
	if err != nil {
		return err
	}
	f, err := q.moment.Facts(q.ctx, o)
	if err != nil {
		return err
	}
	var lacks onus.WorkflowName
	for _, name := range slices.Sorted(maps.Keys(q.moment.Program.Workflows)) {
		wf := q.moment.Program.Workflows[name]
		if wants, err := planning.Wants(wf, f); err != nil || !wants || wf.Source != o.Source {
			continue
		}
		for _, id := range ownership.Concerns(q.moment.Program, wf) {
			if d, ok := facts.Duty(id); ok && !facts.Who(d).Stands() {
				lacks = name
			}
		}
	}
	if lacks == "" {
		return nil
	}
	open, err := store.Exceptions.Find(q.ctx, q.p.history.At(q.size), "state", string(onus.ExceptionOpen))
	if err != nil {
		return err
	}
	for _, x := range open {
		if x.Category != onus.OwnerMissing || !strings.Contains(x.Message, string(lacks)) {
			continue
		}
		x.Workflow = lacks
		if err := q.exception(x); err != nil {
			return err
		}
	}
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
