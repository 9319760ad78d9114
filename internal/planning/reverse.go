package planning

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// An Undo is what a reversal of one identity's changes is worked out from.
type Undo struct {
	Facts  Facts
	Done   []onus.Change           // all changes of the identity that were ever begun, in the order they were made in
	Undo   map[onus.ChangeID]bool  // those that are to be undone
	By     map[onus.RunID]onus.Run // the runs of Done
	Why    string                  // the order and its reason, for people
	Forced bool                    // a person decided to undo what was changed since, too

	// UnderWay are changes that another run is undoing, or was refused to.
	UnderWay map[onus.ChangeID]onus.Run
	// Cannot says that a system's connector cannot undo a change; nil: they all can.
	Cannot func(onus.PlannedChange) bool
}

// Fate is what becomes of one change that is to be undone.
type Fate string

// The fates of a change.
const (
	Undoes       Fate = "undo"       // the plan undoes it
	AlreadySo    Fate = "already so" // what it did is not there any more, or is being undone
	ChangedSince Fate = "changed since"
	HangsOnIt    Fate = "hangs on it"  // somebody else's reason needs it
	OutOfTime    Fate = "out of time"  // what it took had its end meanwhile, and is not given back
	Irreversible Fate = "irreversible" // as it was declared and approved
	Unclear      Fate = "unclear"      // nobody knows yet what became of it, or who may give it back
	WasRefused   Fate = "refused"      // a person said that it shall not be undone
)

// Asks says whether a person must decide.
func (f Fate) Asks() bool { return f == ChangedSince || f == HangsOnIt || f == Unclear }

// An Undoing says what becomes of one change.
type Undoing struct {
	Change  onus.ChangeID `json:"change"`
	Fate    Fate          `json:"fate"`
	Did     string        `json:"did"`               // the change in words
	Says    string        `json:"says,omitempty"`    // why, or what is done
	Answers string        `json:"answers,omitempty"` // mail address of who answers for it
}

// Reverse works out what undoes changes of one identity, from their recorded
// before-images and what is so now. The plan brings back what they took and
// takes what they gave: accounts with their attributes, grants with their
// warrants. What was changed since stays as it is, unless forced. There is an
// Undoing for every change of Undo, oldest first.
//
// What is given comes first, then grants go, then accounts; everything that
// can goes on when something else of the plan stops.
func Reverse(p *flow.Program, wf *flow.Workflow, version int, u Undo) (onus.Plan, []Undoing) {
	rv := &reverser{pl: newPlanner(p, wf, u.Facts), u: u, picture: newPicture(&u.Facts)}
	rv.line()
	for i := range slices.Backward(rv.steps) {
		if rv.steps[i].in {
			rv.judge(i)
		}
	}
	rv.hanging()
	rv.emit()
	return rv.seal(version), rv.fates()
}

type reverser struct {
	pl      *planner
	u       Undo
	steps   []step
	picture picture
	drafts  []draft
}

// A step is one change in the history of an identity.
type step struct {
	c      *onus.Change
	in     bool          // to be undone
	by     onus.ChangeID // the confirmed reversal that undid it already
	undone bool
	fate   Fate
	says   string
}

// line puts the changes in a row and finds out which of them a reversal, not
// itself undone, has undone already. Such pairs count for nothing.
func (rv *reverser) line() {
	at := map[onus.ChangeID]int{}
	rv.steps = make([]step, len(rv.u.Done))
	for i := range rv.u.Done {
		c := &rv.u.Done[i]
		rv.steps[i] = step{c: c, in: rv.u.Undo[c.ID]}
		at[c.ID], rv.picture.done[c.ID] = i, c
		if made(c) {
			rv.picture.remade(c, rv.u.Done, at)
		}
	}
	for i := range slices.Backward(rv.steps) {
		s := &rv.steps[i]
		if s.in || s.by != "" || s.c.State != onus.ChangeConfirmed {
			continue
		}
		for _, id := range s.c.Planned.Undoes {
			if k, known := at[id]; known && k < i && rv.steps[k].by == "" {
				rv.steps[k].by = s.c.ID
			}
		}
	}
}

// made says whether a change may have touched its system or our record.
func made(c *onus.Change) bool {
	return c.State == onus.ChangeConfirmed || c.State.Ended() && c.Before != nil
}

// canceller says whether a step is a reversal all of whose work is to put
// right what does not count any more, so that it does not count itself.
func (rv *reverser) canceller(i int) bool {
	s := &rv.steps[i]
	return !s.in && s.by == "" && len(s.c.Planned.Undoes) > 0 && s.c.State == onus.ChangeConfirmed
}

// judge decides what becomes of one change, and takes it back in the picture
// if it is to be undone.
func (rv *reverser) judge(i int) {
	s := &rv.steps[i]
	c := s.c
	ends := func(f Fate, format string, args ...any) {
		s.fate, s.says = f, fmt.Sprintf(format, args...)
		s.undone = f == AlreadySo
	}
	switch run, going := rv.u.UnderWay[c.ID]; {
	case s.by != "":
		ends(AlreadySo, "%s undid it", s.by)
		return
	case going && run.State == onus.RunRefused:
		ends(WasRefused, "undoing it was refused in run %s", run.ID)
		return
	case going:
		ends(AlreadySo, "run %s is undoing it", run.ID)
		return
	case !made(c) && c.State.Ended():
		ends(AlreadySo, "it was never made")
		return
	case !made(c):
		ends(Unclear, "it is %s: what becomes of it is not decided yet", c.State)
		return
	}
	e := rv.picture.effect(c, rv.u.Facts.Now)
	if !e.shows() {
		ends(AlreadySo, "what it did is not so any more")
		return
	}
	if c.Planned.Reversal == "irreversible" {
		ends(Irreversible, "it was declared irreversible, and approved as such")
		return
	}
	if rv.u.Cannot != nil && e.touches && rv.u.Cannot(c.Planned) {
		ends(Irreversible, "%s cannot undo it", c.Planned.Target.System)
		return
	}
	if !e.late.IsZero() && len(e.restores) == 0 {
		ends(OutOfTime, "what it took was given until %s", e.late.UTC().Format("2006-01-02 15:04 MST"))
		return
	}
	if why := rv.since(i); why != "" && !rv.u.Forced {
		ends(ChangedSince, "%s", why)
		return
	}
	if e.lost != "" {
		ends(Unclear, "%s", e.lost)
		return
	}
	if e.drift != "" && !rv.u.Forced {
		ends(ChangedSince, "%s", e.drift)
		return
	}
	ends(Undoes, "")
	s.undone = true
	rv.picture.takeBack(c, e)
}

// since names the latest change after step i that builds on the same thing
// and stays.
func (rv *reverser) since(i int) string {
	for k := len(rv.steps) - 1; k > i; k-- {
		later := &rv.steps[k]
		if later.undone || later.by != "" || rv.canceller(k) || !made(later.c) || !rv.meet(rv.steps[i].c, later.c) {
			continue
		}
		return fmt.Sprintf("%s of %s changed it on %s (%s)", later.c.ID, rv.workflow(later.c),
			later.c.Confirmed.UTC().Format("2006-01-02 15:04 MST"), Describe(later.c.Planned))
	}
	return ""
}

func (rv *reverser) workflow(c *onus.Change) string {
	run, known := rv.u.By[c.Run]
	if !known {
		return "a run that is not known"
	}
	return fmt.Sprintf("%s@%d", run.Workflow, run.Version)
}

// meet says whether two changes are about the same: undoing the first would
// undo, or be lost on, the second.
func (rv *reverser) meet(first, second *onus.Change) bool {
	a, b := first.Planned, second.Planned
	if a.Target.System != b.Target.System || a.Target.Entitlement != b.Target.Entitlement {
		return false
	}
	if a.Target.IsGrant() {
		return true
	}
	if x, y := rv.picture.ref(a.Target), rv.picture.ref(b.Target); x != y && x != "" && y != "" {
		return false
	}
	switch {
	case a.Verb == onus.EnsureAttributes && b.Verb == onus.EnsureAttributes:
		for k := range a.Attributes {
			if _, both := b.Attributes[k]; both {
				return true
			}
		}
		return false
	case a.Verb == onus.EnsureAttributes:
		return !b.WarrantOnly && (b.Verb == onus.EnsureAbsent || b.Verb == onus.EnsurePresent)
	case b.Verb == onus.EnsureAttributes:
		return !a.WarrantOnly && (a.Verb == onus.EnsureAbsent || a.Verb == onus.EnsurePresent && a.Reversal == "absent")
	default:
		return true
	}
}

// hanging keeps the accounts that somebody else's reason needs.
func (rv *reverser) hanging() {
	if rv.u.Forced {
		return
	}
	for _, a := range rv.picture.accounts {
		if !a.closes() {
			continue
		}
		var needs []string
		for _, g := range rv.picture.grants {
			if g.system != a.system || g.entitlement == "" || g.account != "" && g.account != a.ref {
				continue
			}
			for _, w := range g.warrants {
				if w.InForce(rv.u.Facts.Now) {
					needs = append(needs, fmt.Sprintf("%s of %s@%d", g.entitlement, w.Workflow, w.Version))
				}
			}
			if g.direct && len(g.undoes) == 0 && !slices.ContainsFunc(g.warrants, func(w onus.Warrant) bool { return w.InForce(rv.u.Facts.Now) }) {
				needs = append(needs, g.entitlement+", which nobody warranted")
			}
		}
		if len(needs) == 0 {
			continue
		}
		slices.Sort(needs)
		says := "the account holds " + strings.Join(needs, "; ")
		rv.give(a.undoes, HangsOnIt, says)
		a.keep()
		for _, g := range rv.picture.grants {
			if g.system == a.system && g.entitlement == "" && (g.account == "" || g.account == a.ref) {
				rv.give(g.undoes, HangsOnIt, says)
				g.keep()
			}
		}
	}
}

// give sets the fate of changes that were to be undone.
func (rv *reverser) give(ids []onus.ChangeID, f Fate, says string) {
	for i := range rv.steps {
		if s := &rv.steps[i]; s.in && s.fate == Undoes && slices.Contains(ids, s.c.ID) {
			s.fate, s.says = f, says
		}
	}
}

// fates lists what becomes of every change.
func (rv *reverser) fates() []Undoing {
	drafted := map[onus.ChangeID]bool{}
	for _, d := range rv.drafts {
		for _, id := range d.change.Undoes {
			drafted[id] = true
		}
	}
	var all []Undoing
	for i := range rv.steps {
		s := &rv.steps[i]
		if !s.in {
			continue
		}
		if s.fate == Undoes && !drafted[s.c.ID] {
			s.says = "together with the others it comes to nothing"
		}
		o := s.c.Planned.Owners
		u := Undoing{Change: s.c.ID, Fate: s.fate, Did: Describe(s.c.Planned), Says: s.says, Answers: o.Provisioning}
		switch {
		case s.fate.Asks(), s.fate == Irreversible:
			u.Answers = o.Exceptions
		case s.c.Planned.Verb == onus.EnsurePresent, s.c.Planned.Verb == onus.EnsureEnabled:
			u.Answers = o.Revocation // what it gave is taken
		}
		all = append(all, u)
	}
	return all
}
