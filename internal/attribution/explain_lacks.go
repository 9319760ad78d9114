package attribution

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// A stop is what a run met, or meets, on its way to giving something.
type stop struct {
	kind, id string
	says     string
	who      []string // whom it waits for, or who decided
	open     bool
}

// heldUp says of what is not held whether it was decided, and what holds it
// up: an exception, a request for approval, a bound, or a time to wait for.
func (x *Explanation) heldUp(ctx context.Context, r store.Reader, who onus.Identity, what string, now time.Time) error {
	runs, err := store.Runs.Find(ctx, r, "identity", string(who.ID))
	if err != nil {
		return err
	}
	slices.SortStableFunc(runs, func(a, b onus.Run) int { return cmp.Or(b.Began.Compare(a.Began), cmp.Compare(a.ID, b.ID)) })
	for _, run := range runs {
		c, row, found, err := gives(ctx, r, run, what)
		if err != nil {
			return err
		}
		if !found || c.State == onus.ChangeConfirmed {
			continue
		}
		if x.about.change.Confirmed.After(run.Began) {
			break // what took it away came later than this try at giving it
		}
		if x.about.stops, err = stopsOf(ctx, r, run, c.Planned.Target, now); err != nil {
			return err
		}
		x.about.change, x.about.run, x.about.system, x.about.named = c, run, c.Planned.Target.System, statement(c.Planned)
		x.Answers = answers(c.Planned.Owners)
		x.Sentence = strings.TrimSuffix(x.Sentence, " any more.")
		x.Sentence += fmt.Sprintf(" Run %s of %s v%d %s since %s, because %s; the change is %s and the run %s.",
			run.ID, run.Workflow, run.Version, wants(run), day(run.Began), c.Planned.Reason.Says, c.State, run.State)
		x.tell()
		x.Chain, err = chain(ctx, r, row)
		return err
	}
	return x.stoppedBefore(ctx, r, who, len(runs))
}

func wants(run onus.Run) string {
	if run.State.Ended() {
		return "would have given it,"
	}
	return "would give it,"
}

// gives finds the change of a run that gives something, and the event that
// left it so.
func gives(ctx context.Context, r store.Reader, run onus.Run, what string) (c onus.Change, event string, found bool, err error) {
	plan, known, err := store.Plans.Lookup(ctx, r, string(run.Plan))
	if err != nil || !known {
		return c, "", false, err
	}
	for i, p := range plan.Changes {
		g := onus.Grant{System: p.Target.System, Entitlement: p.Target.Entitlement}
		if p.Verb.TakesAway() || !names(g, what) {
			continue
		}
		c, row, err := store.Changes.GetRow(ctx, r, string(store.ChangeID(run.ID, i)))
		if onus.KindOf(err) == onus.NotFound {
			// Nothing was begun of it yet: what there is to say, the run says.
			_, row, err = store.Runs.GetRow(ctx, r, string(run.ID))
			c = onus.Change{ID: store.ChangeID(run.ID, i), Run: run.ID, Index: i, State: onus.ChangePlanned, Planned: p, Identity: run.Identity}
		}
		return c, row.Event, err == nil, err
	}
	return c, "", false, nil
}

// stopsOf gathers what a run met that has to do with a target.
func stopsOf(ctx context.Context, r store.Reader, run onus.Run, target onus.Target, now time.Time) ([]stop, error) {
	var all []stop
	var about []onus.Exception
	for _, by := range [][2]string{{"run", string(run.ID)}, {"batch", run.Batch}} {
		if by[1] == "" {
			continue
		}
		found, err := store.Exceptions.Find(ctx, r, by[0], by[1])
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			if e.Run == "" || e.Run == run.ID {
				about = append(about, e)
			}
		}
	}
	slices.SortStableFunc(about, func(a, b onus.Exception) int { return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.ID, b.ID)) })
	seen := map[string]bool{}
	for _, e := range about {
		if !seen[e.ID] {
			all = append(all, exceptionStop(e, now))
		}
		seen[e.ID] = true
	}
	asked, err := store.Approvals.Find(ctx, r, "run", string(run.ID))
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(asked, func(a, b onus.Approval) int { return cmp.Or(a.Asked.Compare(b.Asked), cmp.Compare(a.ID, b.ID)) })
	for _, a := range asked {
		if a.System == target.System || len(a.Changes) > 1 {
			all = append(all, approvalStop(a))
		}
	}
	return all, nil
}

func exceptionStop(e onus.Exception, now time.Time) stop {
	s := stop{kind: store.Exceptions.Name, id: e.ID, open: e.State == onus.ExceptionOpen}
	if !s.open {
		s.says = fmt.Sprintf("exception %s (%s) was %s after %s: %s", e.ID, e.Category, e.State, e.Closed.Sub(e.Opened).Round(time.Second), e.Message)
		if d := e.Decided; d != nil {
			s.who = []string{d.Person}
			s.says += fmt.Sprintf("; %s decided, because %s", cmp.Or(d.Person, string(d.By)), d.Reason)
		}
		return s
	}
	s.who = []string{cmp.Or(e.Assignee, "nobody ("+e.Nobody+")")}
	s.says = fmt.Sprintf("exception %s (%s) is open since %s and waits for %s: %s", e.ID, e.Category, stamp(e.Opened), s.who[0], e.Message)
	if e.Step > 0 {
		s.says += fmt.Sprintf("; it climbed %d times", e.Step)
	}
	if !now.IsZero() && now.After(e.Deadline) {
		s.says += "; it is past its clock"
	}
	return s
}

func approvalStop(a onus.Approval) stop {
	s := stop{kind: store.Approvals.Name, id: a.ID, open: a.State == onus.ApprovalAsked, says: approval(a)}
	if s.open {
		s.who = slices.Concat(a.Of, a.Also)
		s.says += fmt.Sprintf("; asked on %s, until %s", stamp(a.Asked), stamp(a.Deadline))
		return s
	}
	for _, y := range a.Answers {
		s.who = append(s.who, y.Person)
	}
	return s
}

// tell puts what is still in the way into the answer.
func (x *Explanation) tell() {
	for _, s := range x.about.stops {
		x.Waits = append(x.Waits, s.says)
	}
}

// stoppedBefore says of what no run would give whether something stopped
// before there was a run: an occasion that could not be planned, or waits.
func (x *Explanation) stoppedBefore(ctx context.Context, r store.Reader, who onus.Identity, runs int) error {
	occasions, err := store.Occasions.Find(ctx, r, "identity", string(who.ID))
	if err != nil {
		return err
	}
	for _, o := range occasions {
		if o.State == onus.Settled {
			continue
		}
		says := fmt.Sprintf("occasion %s (%s) is %s since %s: no plan was made of it yet", o.ID, o.Kind, o.State, stamp(o.At))
		about, err := store.Exceptions.Find(ctx, r, "occasion", o.ID)
		if err != nil {
			return err
		}
		x.about.stops = append(x.about.stops, stop{kind: store.Occasions.Name, id: o.ID, says: says, open: true})
		for _, e := range about {
			x.about.stops = append(x.about.stops, exceptionStop(e, time.Time{}))
		}
		if len(x.Chain) == 0 {
			_, row, err := store.Occasions.GetRow(ctx, r, o.ID)
			if err != nil {
				return err
			}
			if x.Chain, err = chain(ctx, r, row.Event); err != nil {
				return err
			}
		}
	}
	x.tell()
	if x.about.change.ID == "" && len(x.Chain) == 0 {
		x.Sentence += fmt.Sprintf(" %s made for them, and none asked for it.", plural(runs, "plan was", "plans were"))
	}
	return nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
