package attribution

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/ownership"
)

// owners gives who stood for what, under some definitions.
func (p *Past) owners(ctx context.Context, size int64, at time.Time, program onus.Digest) (*ownership.Facts, error) {
	key := momentKey{size, at.UTC(), program}
	if f := p.stood[key]; f != nil {
		return f, nil
	}
	prog, err := p.program(ctx, program)
	if err != nil {
		return nil, err
	}
	then := p.history.At(size)
	roster, err := p.roster(ctx, size, prog)
	if err != nil {
		return nil, err
	}
	f, err := ownership.Load(ctx, then, prog, roster, at)
	if err != nil {
		return nil, err
	}
	if len(p.stood) >= mostMoments {
		clear(p.stood)
	}
	p.stood[key] = f
	return f, nil
}

// close names the people, those of the time and today's, and writes the
// sentence.
func (q *inquiry) close() error {
	if !q.v.Error {
		return nil
	}
	p := q.p
	then, err := p.owners(q.ctx, q.size, q.e.At, q.moment.Program.Digest)
	if err != nil {
		return err
	}
	live, err := ownership.ProgramOf(q.ctx, p.r, q.e.Reported)
	if err != nil {
		return err
	}
	p.programs[live.Digest] = live
	today, err := p.owners(q.ctx, q.v.Entries, q.e.Reported, live.Digest)
	if err != nil {
		return err
	}
	var wf onus.WorkflowName
	seen := map[string]bool{}
	for _, f := range q.faults {
		if wf == "" {
			wf = f.flow
		}
		if f.duty != "" {
			f.Accountable = answerable(then, today, f.duty)
		} else {
			f.Accountable.ID = cmpID(f.Accountable.ID, then, f.Accountable.Mail)
		}
		for i, c := range f.Contributing {
			f.Contributing[i].ID = cmpID(c.ID, then, c.Mail)
		}
		f.Contributing = slices.DeleteFunc(f.Contributing, func(c onus.Answerable) bool { return c.Mail == "" })
		if key := string(f.Class) + " " + f.Accountable.Duty + " " + f.Accountable.Mail; !seen[key] {
			seen[key] = true
			q.v.Faults = append(q.v.Faults, f.Fault)
		}
	}
	if len(q.faults) == 0 && len(q.decisions) > 0 {
		wf = q.decisions[0].plan.Workflow // whose it may be is for its control owner to find out
	}
	q.control(then, today, wf)
	if q.who.Kind == onus.NonHuman {
		if d, ok := then.Duty(ownership.SponsorID(q.who.ID)); ok {
			q.v.Sponsor = then.Who(d).Seat.Mail
		}
	}
	for _, run := range q.v.Runs {
		q.v.Reverse = append(q.v.Reverse, "onus reverse --run "+string(run))
	}
	q.sentence()
	return nil
}

func cmpID(id onus.IdentityID, f *ownership.Facts, mail string) onus.IdentityID {
	if id != "" {
		return id
	}
	return f.Identity(mail)
}

// answerable says who stood for a duty, and who stands for it today.
func answerable(then, today *ownership.Facts, id onus.DutyID) onus.Answerable {
	a := onus.Answerable{Duty: string(id)}
	if d, ok := then.Duty(id); ok {
		st := then.Who(d)
		a.Duty, a.Mail, a.ID = d.Says(), st.Seat.Mail, st.ID
		if !st.Stands() {
			a.Duty += " (nobody stood; named was " + d.Owner() + ", who " + st.Why + ")"
		}
	}
	if d, ok := today.Duty(id); ok {
		a.Today = today.Who(d).Seat.Mail
	}
	return a
}

// control names the one who answers for the whole: the designated control
// owner of the workflow, or the one for exceptions; of what no workflow did,
// the owner of the system.
func (q *inquiry) control(then, today *ownership.Facts, wf onus.WorkflowName) {
	id := onus.DutyID("system/" + string(q.e.System))
	if wf != "" {
		id = onus.DutyID("designated/" + string(wf))
		if _, ok := then.Duty(id); !ok {
			id = onus.DutyID("exceptions/" + string(wf))
		}
	}
	q.v.Control = answerable(then, today, id)
	if d, ok := then.Duty(id); ok {
		for _, seat := range d.Chain {
			if seat.Mail != q.v.Control.Mail {
				q.v.Path = append(q.v.Path, seat.Mail)
			}
		}
	}
}

// sentence says it all in one.
func (q *inquiry) sentence() {
	state := "had"
	if q.e.ShouldHold {
		state = "lacked"
	}
	about := fmt.Sprintf("%s %s %s at %s", q.called(), state, q.thing(), stamp(q.e.At))
	if len(q.v.Faults) == 0 {
		q.v.Confidence = onus.Undetermined
		q.v.Sentence = about + ", and the evidence does not decide whose error that was."
		return
	}
	q.v.Confidence = onus.Established
	parts := make([]string, len(q.v.Faults))
	for i, f := range q.v.Faults {
		who := f.Accountable.Mail
		if who == "" {
			who = "nobody"
		}
		parts[i] = fmt.Sprintf("%s, for which %s answers as %s", f.Class, who, f.Accountable.Duty)
		if f.Since != "" {
			parts[i] = fmt.Sprintf("%s since %s, for which %s answers as %s", f.Class, f.Since, who, f.Accountable.Duty)
		}
		if f.Vendor != "" {
			parts[i] += fmt.Sprintf(" (operated by %s)", f.Vendor)
		}
		if slices.Index(confidences, f.Confidence) < slices.Index(confidences, q.v.Confidence) {
			q.v.Confidence = f.Confidence
		}
	}
	q.v.Sentence = fmt.Sprintf("%s: %s. It is %s.", about, strings.Join(parts, "; and "), q.v.Confidence)
}
