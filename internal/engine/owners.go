package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/store"
)

// inCharge is who stands for what at one time, and the program with them in
// the places of whom it names.
type inCharge struct {
	*ownership.Facts

	program *flow.Program
	roster  Roster
}

func (e *Engine) inCharge(ctx context.Context, r store.Reader, roster Roster, at time.Time) (inCharge, error) {
	return inChargeOf(ctx, r, e.Program, roster, at)
}

func inChargeOf(ctx context.Context, r store.Reader, p *flow.Program, roster Roster, at time.Time) (inCharge, error) {
	facts, err := ownership.Load(ctx, r, p, roster, at)
	if err != nil {
		return inCharge{}, err
	}
	return inCharge{Facts: facts, program: facts.In(p), roster: roster}, nil
}

// unanswered lists the duties of a workflow that nobody stands for; none:
// rule 1 holds.
func (s inCharge) unanswered(p *flow.Program, wf *flow.Workflow) []ownership.Standing {
	var lacking []ownership.Standing
	for _, id := range ownership.Concerns(p, wf) {
		d, defined := s.Duty(id)
		if !defined {
			continue
		}
		if st := s.Who(d); !st.Stands() {
			lacking = append(lacking, st)
		}
	}
	return lacking
}

// unsponsored says whether an identity is a machine's that nobody answers for.
func (s inCharge) unsponsored(id onus.IdentityID) bool {
	d, ok := s.Duty(ownership.SponsorID(id))
	return ok && !s.Who(d).Stands()
}

// duty names a duty that nobody stands for, and whom the definitions name.
func duty(st ownership.Standing) string {
	return st.Duty.Says() + " (" + st.Duty.Owner() + ")"
}

// A lack is what waits while nobody stands for a duty, and who was asked.
type lack struct {
	by, to []string // workflows that give nothing; machine identities that are given nothing
	asked  []string // "omar@… was asked to accept it, for priya@… is not active"
}

// lacking gathers what nobody stands for: each duty of the workflows, and for
// machine identities all of one sponsor's together.
func (s inCharge) lacking(loads []*workload) map[string]lack {
	all := map[string]lack{}
	add := func(key string, st ownership.Standing, by, to string) {
		l := all[key]
		if by != "" {
			l.by = append(l.by, by)
		}
		if to != "" {
			l.to = append(l.to, to)
		}
		if st.Next.Mail != "" {
			if says := fmt.Sprintf("%s was asked to accept it, for %s %s", st.Next.Mail, st.Duty.Owner(), st.Why); !slices.Contains(l.asked, says) {
				l.asked = append(l.asked, says)
			}
		}
		all[key] = l
	}
	for _, w := range loads {
		for _, st := range w.unowned {
			by := ""
			if w.waits() {
				by = string(w.wf.Name)
			}
			add(duty(st), st, by, "")
		}
	}
	for _, d := range s.Duties {
		if d.Kind != onus.Sponsor {
			continue
		}
		if st := s.Who(d); !st.Stands() {
			add("sponsor of machine identities ("+d.Owner()+")", st, "", d.Of)
		}
	}
	return all
}

// says puts in words what waits.
func (l lack) says() string {
	var parts []string
	if len(l.by) > 0 {
		parts = append(parts, "nothing is given by "+strings.Join(l.by, ", "))
	}
	if n := len(l.to); n > 0 {
		const most = 10
		more := ""
		if n > most {
			more = fmt.Sprintf(" and %d more", n-most)
		}
		parts = append(parts, "nothing is given to "+strings.Join(l.to[:min(n, most)], ", ")+more)
	}
	if len(parts) == 0 {
		return ""
	}
	return ": until somebody does, " + strings.Join(parts, ", and ")
}

func (l lack) hint() string {
	hint := "name somebody on the roster in the definitions and start again with them; taking access from leavers goes on"
	if len(l.asked) > 0 {
		hint = strings.Join(l.asked, "; ") + ". Or " + hint
	}
	return hint
}

// ownerWithin is how long an escalation head has to name somebody.
const ownerWithin = time.Hour

// askForOwners opens an exception for every duty that nobody stands for, and
// closes those that somebody stands for again.
func (e *Engine) askForOwners(ctx context.Context, s survey) error {
	if err := e.ownersFound(ctx, s.lacking); err != nil || len(s.lacking) == 0 {
		return err
	}
	heads := e.Program.Organisation.Escalation
	if len(heads) == 0 {
		return onus.Errorf(onus.Invalid, "name the people of last resort under escalation in Organisation", "there is nobody to ask who shall own what has no owner")
	}
	return e.Store.Update(ctx, func(tx store.Tx) error {
		for _, duty := range slices.Sorted(maps.Keys(s.lacking)) {
			id, err := e.nextID(ctx, tx, "owner", duty)
			if err != nil {
				return err
			}
			l := s.lacking[duty]
			err = e.open(ctx, tx, onus.Exception{
				ID: id, Category: onus.OwnerMissing, Group: ownerGroup + duty,
				Message: "nobody active stands as " + duty + l.says(), Hint: l.hint(),
				Route: onus.Route{To: heads[0], Within: ownerWithin, Then: heads[1:]},
			}, "")
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// ownerGroup begins the group of every exception that asks for an owner.
const ownerGroup = "owner: "

// OwnerGroup is the group of the exceptions that ask who shall stand for a
// duty of a workflow.
func OwnerGroup(st ownership.Standing) string { return ownerGroup + duty(st) }

// ownersFound closes what asked for an owner that is there again.
func (e *Engine) ownersFound(ctx context.Context, lacking map[string]lack) error {
	var found []string
	err := e.Store.View(ctx, func(r store.Reader) error {
		open, err := store.Exceptions.Find(ctx, r, "state", string(onus.ExceptionOpen))
		if err != nil {
			return err
		}
		for _, x := range open {
			duty, asks := strings.CutPrefix(x.Group, ownerGroup)
			if _, still := lacking[duty]; asks && !still {
				found = append(found, x.Group)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, group := range found {
		if err := e.clearGroup(ctx, group); err != nil {
			return err
		}
	}
	return nil
}

// handOver hands over what the leavers of a chunk of plans answered for, in
// the transaction that commits the plans.
func (e *Engine) handOver(ctx context.Context, tx store.Tx, roster Roster, chunk []planned) error {
	var facts *ownership.Facts
	for _, p := range chunk {
		if len(p.plan.Handovers) == 0 {
			continue
		}
		row, made, err := tx.Get(ctx, store.Plans.Name, string(p.plan.Digest))
		if err != nil {
			return err
		}
		if !made { // its run was there already
			continue
		}
		if facts == nil {
			if facts, err = ownership.Load(ctx, tx, e.Program, roster, tx.Now()); err != nil {
				return err
			}
		}
		for _, h := range p.plan.Handovers {
			if err := facts.HandOver(ctx, tx, h.Duty, row.Event); err != nil {
				return err
			}
		}
	}
	return nil
}

// tendDuties brings the record of who answers for what up to today.
func (e *Engine) tendDuties(ctx context.Context, roster Roster) error {
	idle := false
	err := e.Store.View(ctx, func(r store.Reader) error {
		facts, err := ownership.Load(ctx, r, e.Program, roster, e.Now())
		if err == nil {
			idle = facts.Idle()
		}
		return err
	})
	if err != nil || idle {
		return err
	}
	return e.Store.Update(ctx, func(tx store.Tx) error {
		facts, err := ownership.Load(ctx, tx, e.Program, roster, tx.Now())
		if err != nil {
			return err
		}
		return facts.Tend(ctx, tx)
	})
}
