package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// answerWithin is how long people have to answer where the step does not say.
const answerWithin = time.Hour

// hold parks the changes that need a person's yes, and asks for it: one
// request for those that need the same people. The rest of the run goes on.
// Where too few may answer the changes stop as exceptions.
func (e *Engine) hold(ctx context.Context, l *live) ([]write, error) {
	var writes []write
	for _, at := range l.needs() {
		a := e.request(l, at)
		lacking := ""
		err := e.Store.View(ctx, func(r store.Reader) (err error) {
			if gone, err := e.isOver(ctx, r, l, l.changes[at[0]]); err != nil || gone {
				return cmp.Or(err, errLeft) // nobody is asked about somebody who is gone
			}
			if a.Wrote, err = wroteAlone(ctx, r, l.run, l.steps(at)); err != nil {
				return err
			}
			b, err := e.ballot(ctx, r, a)
			if err == nil && b.Lacking() {
				lacking = tooFew(b)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, i := range at {
			c := l.changes[i]
			if lacking != "" {
				writes = append(writes, e.stop(l, i, c, onus.MissingApprover, lacking, hintTooFew))
				l.changes[i].State = onus.ChangeExcepted // so that next sees it; the commit makes it durable
				continue
			}
			c.State = onus.ChangeHeld
			writes = append(writes, e.putChange(l, i, c, ledger.ChangeHeld, nil))
			l.changes[i].State = onus.ChangeHeld
		}
		if lacking == "" {
			writes = append(writes, e.ask(a, ""))
		}
	}
	return writes, nil
}

// needs groups the changes that wait for nobody's yes yet and need one, by
// whose: equal needs are one request.
func (l *live) needs() [][]int {
	var groups [][]int
	known := map[string]int{}
	for i, c := range l.changes {
		n := c.Planned.Approval
		if n == nil || c.State != onus.ChangePlanned || c.Approval != "" {
			continue
		}
		var stages []string
		for _, s := range n.Stages() {
			of := slices.Clone(s.Of)
			slices.Sort(of)
			stages = append(stages, fmt.Sprint(s.Need, s.Within, s.Separation, strings.Join(of, " ")))
		}
		key := strings.Join(stages, ", ")
		g, is := known[key]
		if !is {
			g, known[key] = len(groups), len(groups)
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], i)
	}
	return groups
}

// request is what people are asked about these changes, first of all.
func (e *Engine) request(l *live, at []int) onus.Approval {
	p := l.changes[at[0]].Planned
	a := onus.Approval{
		State: onus.ApprovalAsked, Run: l.run.ID, Plan: l.run.Plan, Identity: l.run.Identity, Occasion: l.run.Occasion,
		Workflow: l.run.Workflow, Version: l.run.Version, System: p.Target.System, Apart: e.actsApart(),
	}
	for _, i := range at {
		a.Changes = append(a.Changes, l.changes[i].ID)
	}
	return staged(a, p.Approval.Stages())
}

// staged is a request for the first of some stages, which keeps the others.
func staged(a onus.Approval, stages []onus.ApprovalNeed) onus.Approval {
	s := stages[0]
	a.Need, a.Of, a.Else, a.Within, a.Separation, a.Then = max(1, s.Need), s.Of, s.Else, s.Within, s.Separation, stages[1:]
	if a.Within <= 0 {
		a.Within = answerWithin
	}
	return a
}

// actsApart lists the acts that bar whoever did them in a run from answering
// about it.
func (e *Engine) actsApart() []string {
	var acts []string
	for _, act := range []string{flow.ActAnotherStage, flow.ActOverride} {
		if e.Program.KeepsApart(flow.ActApprove, act) != nil {
			acts = append(acts, act)
		}
	}
	return acts
}

// ask records a request, with the wake-up at the end of its time. It follows
// from the event named, or from that of its first change.
func (e *Engine) ask(a onus.Approval, cause string) write {
	return func(ctx context.Context, tx store.Tx) (func(), error) {
		c, row, err := store.Changes.GetRow(ctx, tx, string(a.Changes[0]))
		if err != nil {
			return nil, err
		}
		a := a
		a.ID = onus.ID("apr", string(c.ID), cmp.Or(cause, row.Event))
		a.Asked, a.Deadline = tx.Now(), tx.Now().Add(a.Within)
		b, err := e.ballot(ctx, tx, a)
		if err != nil {
			return nil, err
		}
		ev := e.approvalEvent(ledger.ApprovalAsked, a, cmp.Or(cause, row.Event))
		ev.Rule, ev.Notes = c.Planned.Step, map[string]string{"need": strconv.Itoa(a.Need)}
		if a.Separation != "" {
			ev.Rule = a.Separation
		}
		if may := b.Eligible(); len(may) > 0 {
			ev.Owner = e.people.id(ctx, tx, may[0])
		}
		if _, err := store.Approvals.Put(ctx, tx, ev, a); err != nil {
			return nil, err
		}
		return func() {}, e.Queue.Enqueue(ctx, tx, Segment{Approval: a.ID, At: a.Deadline})
	}
}

// approvalEvent is the frame of every event about a request for approval.
func (e *Engine) approvalEvent(typ ledger.Type, a onus.Approval, cause string) ledger.Event {
	return ledger.Event{
		Type: typ, Actor: string(onus.Engine), Cause: cause, Inputs: []string{string(a.Plan)},
		Workflow: fmt.Sprintf("%s@%d", a.Workflow, a.Version),
	}
}

// ballot looks up everybody a request concerns, as they are in this snapshot.
func (e *Engine) ballot(ctx context.Context, r store.Reader, a onus.Approval, others ...string) (planning.Ballot, error) {
	return BallotOf(ctx, r, a, e.Now().In(e.zone()), slices.Concat(e.Program.Organisation.Escalation, others))
}

// zone is whose days count for absences.
func (e *Engine) zone() *time.Location {
	if zone := e.Program.Organisation.Zone; zone != nil {
		return zone
	}
	return time.UTC
}

// BallotOf looks up everybody a request concerns, and others who might be
// asked, as they are in this snapshot.
func BallotOf(ctx context.Context, r store.Reader, a onus.Approval, now time.Time, others []string) (planning.Ballot, error) {
	b := planning.Ballot{Approval: a}
	amended, err := store.Exceptions.Find(ctx, r, "occasion", a.Occasion)
	if err != nil {
		return b, err
	}
	for _, x := range amended {
		if x.Decided != nil && x.Decided.Act == Amend {
			b.Authors = append(b.Authors, x.Decided.Person)
		}
	}
	if b.Authors, err = withAuthors(ctx, r, a.Occasion, b.Authors); err != nil {
		return b, err
	}
	known := map[string]onus.Identity{}
	look := func(mails ...string) error {
		for _, mail := range mails {
			who, is, err := personOf(ctx, r, mail)
			if err != nil {
				return err
			}
			if is {
				known[strings.ToLower(mail)] = who
			}
		}
		return nil
	}
	b.Person = func(mail string) (onus.Identity, bool) {
		who, is := known[strings.ToLower(mail)]
		return who, is
	}
	b.Authors = append(b.Authors, a.Wrote...)
	asked := slices.Concat(a.Of, a.Also, a.Else)
	if err := look(slices.Concat(asked, b.Authors, others)...); err != nil {
		return b, err
	}
	if b.Delegations, err = delegated(ctx, r, asked, b.Person, now); err != nil {
		return b, err
	}
	for _, d := range b.Delegations {
		if err := look(d.To); err != nil {
			return b, err
		}
	}
	for _, given := range a.Answers { // under a delegation that may be over
		if err := look(given.Person); err != nil {
			return b, err
		}
	}
	if b.Away, err = away(ctx, r, known, now.Format(time.DateOnly)); err != nil {
		return b, err
	}
	b.Did, err = didApart(ctx, r, a)
	return b, err
}

// away says who of these people is on leave on a day.
func away(ctx context.Context, r store.Reader, of map[string]onus.Identity, day string) (func(onus.IdentityID) bool, error) {
	gone := map[onus.IdentityID]bool{}
	for _, who := range of {
		leaves, err := store.Absences.Find(ctx, r, "person", string(who.ID))
		if err != nil {
			return nil, err
		}
		gone[who.ID] = slices.ContainsFunc(leaves, func(a onus.Absence) bool { return !a.Ended && a.From <= day && day <= a.Until })
	}
	return func(id onus.IdentityID) bool { return gone[id] }, nil
}

// didApart says who did, in the run, what rules keep apart from answering.
func didApart(ctx context.Context, r store.Reader, a onus.Approval) (map[onus.IdentityID]string, error) {
	if len(a.Apart) == 0 {
		return nil, nil
	}
	did := map[onus.IdentityID]string{}
	if slices.Contains(a.Apart, flow.ActAnotherStage) {
		all, err := store.Approvals.Find(ctx, r, "run", string(a.Run))
		if err != nil {
			return nil, err
		}
		for _, other := range all {
			if other.ID == a.ID || other.Stage == a.Stage {
				continue
			}
			for _, given := range other.Answers {
				did[given.Who] = "answered another stage of it"
				if given.ForWho != "" {
					did[given.ForWho] = "answered another stage of it"
				}
			}
		}
	}
	if slices.Contains(a.Apart, flow.ActOverride) {
		about, err := store.Exceptions.Find(ctx, r, "run", string(a.Run))
		if err != nil {
			return nil, err
		}
		for _, x := range about {
			if x.Decided == nil || x.Decided.Act != Override {
				continue
			}
			who, is, err := personOf(ctx, r, x.Decided.Person)
			if err != nil {
				return nil, err
			}
			if is {
				did[who.ID] = "overrode an exception of its run"
			}
		}
	}
	return did, nil
}

// personOf gives whose a mail address is. An address that two active people
// have is nobody's: nobody can say who answered.
func personOf(ctx context.Context, r store.Reader, mail string) (onus.Identity, bool, error) {
	found, err := store.Identities.Find(ctx, r, "mail", mail)
	if err != nil || len(found) == 0 {
		return onus.Identity{}, false, err
	}
	active := slices.DeleteFunc(slices.Clone(found), func(i onus.Identity) bool { return i.State != onus.Active })
	switch len(active) {
	case 0:
		return found[0], true, nil
	case 1:
		return active[0], true, nil
	default:
		return onus.Identity{}, false, nil
	}
}

// tooFew says why a request cannot be answered.
func tooFew(b planning.Ballot) string {
	var why []string
	for _, mail := range b.Everybody() {
		if bar := b.Why(mail); bar != "" {
			why = append(why, bar)
		}
	}
	return fmt.Sprintf("%d must approve it and %d may: %s", max(1, b.Need), len(b.Eligible()), strings.Join(why, "; "))
}

const hintTooFew = "name who can approve it in the record or the definitions, then retry; or refuse"
