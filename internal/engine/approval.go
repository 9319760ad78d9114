package engine

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
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
		a := l.request(at)
		lacking := ""
		err := e.Store.View(ctx, func(r store.Reader) error {
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
			writes = append(writes, e.ask(a))
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
		of := slices.Clone(n.Of)
		slices.Sort(of)
		key := fmt.Sprint(n.Need, n.Within, strings.Join(of, " "))
		g, is := known[key]
		if !is {
			g, known[key] = len(groups), len(groups)
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], i)
	}
	return groups
}

// request is what people are asked about these changes.
func (l *live) request(at []int) onus.Approval {
	p := l.changes[at[0]].Planned
	a := onus.Approval{
		State: onus.ApprovalAsked, Run: l.run.ID, Plan: l.run.Plan, Identity: l.run.Identity, Occasion: l.run.Occasion,
		Workflow: l.run.Workflow, Version: l.run.Version, System: p.Target.System,
		Need: max(1, p.Approval.Need), Of: p.Approval.Of, Within: p.Approval.Within,
	}
	if a.Within <= 0 {
		a.Within = answerWithin
	}
	for _, i := range at {
		a.Changes = append(a.Changes, l.changes[i].ID)
	}
	return a
}

// ask records a request, with the wake-up at the end of its time.
func (e *Engine) ask(a onus.Approval) write {
	return func(ctx context.Context, tx store.Tx) (func(), error) {
		c, row, err := store.Changes.GetRow(ctx, tx, string(a.Changes[0]))
		if err != nil {
			return nil, err
		}
		a := a
		a.ID = onus.ID("apr", string(c.ID), row.Event)
		a.Asked, a.Deadline = tx.Now(), tx.Now().Add(a.Within)
		b, err := e.ballot(ctx, tx, a)
		if err != nil {
			return nil, err
		}
		ev := e.approvalEvent(ledger.ApprovalAsked, a, row.Event)
		ev.Rule, ev.Notes = c.Planned.Step, map[string]string{"need": strconv.Itoa(a.Need)}
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
func (e *Engine) ballot(ctx context.Context, r store.Reader, a onus.Approval) (planning.Ballot, error) {
	return BallotOf(ctx, r, a, e.Program.Organisation.Escalation)
}

// BallotOf looks up everybody a request concerns, and others who might be
// asked, as they are in this snapshot.
func BallotOf(ctx context.Context, r store.Reader, a onus.Approval, others []string) (planning.Ballot, error) {
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
	if b.Authors, err = withOrderer(ctx, r, a.Occasion, b.Authors); err != nil {
		return b, err
	}
	known := map[string]onus.Identity{}
	for _, mail := range slices.Concat(b.Everybody(), b.Authors, others) {
		who, is, err := personOf(ctx, r, mail)
		if err != nil {
			return b, err
		}
		if is {
			known[strings.ToLower(mail)] = who
		}
	}
	b.Person = func(mail string) (onus.Identity, bool) {
		who, is := known[strings.ToLower(mail)]
		return who, is
	}
	return b, nil
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
		if bar := b.Bars(mail); bar != "" {
			why = append(why, bar)
		}
	}
	return fmt.Sprintf("%d must approve it and %d may: %s", max(1, b.Need), len(b.Eligible()), strings.Join(why, "; "))
}

const hintTooFew = "name who can approve it in the record or the definitions, then retry; or refuse"
