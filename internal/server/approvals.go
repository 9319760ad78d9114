package server

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// Asked is a request for approval as people see it in a list.
type Asked struct {
	onus.Approval

	Subject  string   `json:"subject"` // how people know whom it is for
	What     []string `json:"what"`    // the changes, in words
	WaitsFor []string `json:"waits_for,omitempty"`
}

// Weighed is a request with what there is to know before answering it.
type Weighed struct {
	Asked

	Weight []WeighedChange `json:"changes_in_full"`
	Holds  []string        `json:"holds,omitempty"` // what else the subject holds
	Apart  []string        `json:"apart,omitempty"` // what rules keep apart from it, and whether the subject holds that

	PlanWeight int        `json:"plan_weight"` // privilege weight of all that the plan touches
	Others     []Answerer `json:"people"`
	You        string     `json:"you,omitempty"`      // whom the organisation knows who asks as
	YourBar    string     `json:"your_bar,omitempty"` // why they cannot answer it; empty: they can
}

// A WeighedChange is one change with its risk beside it.
type WeighedChange struct {
	Says        string           `json:"change"`
	Title       string           `json:"title,omitempty"` // in the catalogue
	Sensitivity onus.Sensitivity `json:"sensitivity"`
	Because     string           `json:"because"`
	Rule        string           `json:"rule"`
	Inputs      onus.Attributes  `json:"inputs,omitempty"`
	Expires     string           `json:"expires,omitempty"`
	Reversal    string           `json:"reversal"`
	Peers       Peers            `json:"peers"`
}

// Peers are the others like the subject.
type Peers struct {
	Like  string `json:"like"` // in which way they are alike
	Count int    `json:"count"`
	Hold  int    `json:"hold"` // how many of them hold it
}

// An Answerer is somebody who was asked, and why they cannot answer.
type Answerer struct {
	Person string `json:"person"`
	Bar    string `json:"bar,omitempty"`
	For    string `json:"for,omitempty"` // in whose place, by a delegation
}

// Approvals lists what waits for a yes or no, or all, the most urgent first.
func (b *Books) Approvals(ctx context.Context, all bool) ([]Asked, error) {
	var list []Asked
	err := b.store.View(ctx, func(r store.Reader) error {
		q := store.Query{}
		if !all {
			q = store.Is(store.Approvals.Name, "state", string(onus.ApprovalAsked))
		}
		found, err := store.Approvals.Query(ctx, r, q)
		if err != nil {
			return err
		}
		list = make([]Asked, 0, len(found))
		for _, a := range found {
			of, _, err := asked(ctx, r, a, b.now())
			if err != nil {
				return err
			}
			list = append(list, of)
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Asked) int {
		return cmp.Or(
			a.Deadline.Truncate(time.Minute).Compare(b.Deadline.Truncate(time.Minute)), // as it is shown
			strings.Compare(a.Subject, b.Subject), strings.Compare(a.ID, b.ID),
		)
	})
	return list, err
}

func asked(ctx context.Context, r store.Reader, a onus.Approval, now time.Time) (Asked, planning.Ballot, error) {
	of := Asked{Approval: a, Subject: called(ctx, r, a.Identity), What: []string{}}
	ballot, err := engine.BallotOf(ctx, r, a, now, nil)
	if err != nil {
		return of, ballot, err
	}
	for _, id := range a.Changes {
		c, err := store.Changes.Get(ctx, r, string(id))
		if err != nil {
			return of, ballot, err
		}
		of.What = append(of.What, planning.Describe(c.Planned))
	}
	if a.State == onus.ApprovalAsked {
		of.WaitsFor = slices.DeleteFunc(ballot.Eligible(), ballot.Answered)
	}
	return of, ballot, nil
}

// Approval gives one request by its ID, or by a beginning that only one has,
// with its risk beside it, for somebody to look at: who says whom an
// organisation knows them as; nil: nobody who could answer.
func (b *Books) Approval(ctx context.Context, id string, who func(flow.Organisation) (onus.Actor, string)) (w Weighed, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		w = Weighed{}
		a, err := findApproval(ctx, r, id)
		if err != nil {
			return err
		}
		var ballot planning.Ballot
		if w.Asked, ballot, err = asked(ctx, r, a, b.now()); err != nil {
			return err
		}
		plan, err := store.Plans.Get(ctx, r, string(a.Plan))
		if err != nil {
			return err
		}
		p, err := definitionsOf(ctx, r, plan.Program)
		if err != nil {
			return err
		}
		w.Others, w.PlanWeight = answerers(ballot), plan.Weight()
		if who != nil {
			by, you := who(p.Organisation)
			w.You, w.YourBar = you, yourBar(ctx, r, ballot, by, you)
		}
		return b.weigh(ctx, r, p, &w)
	})
	return w, err
}

func findApproval(ctx context.Context, r store.Reader, id string) (onus.Approval, error) {
	return findByStart(ctx, r, store.Approvals, id, "onus approvals list --all shows them")
}

// barOf says why somebody cannot answer now; empty: they can.
func barOf(ballot planning.Ballot, mail string) string {
	if bar := ballot.Bars(mail); bar != "" {
		return bar
	}
	if ballot.Answered(mail) {
		return mail + " answered already"
	}
	return ""
}

// yourBar says why who looks cannot answer.
func yourBar(ctx context.Context, r store.Reader, ballot planning.Ballot, by onus.Actor, you string) string {
	switch {
	case ballot.State != onus.ApprovalAsked:
		return "it is " + string(ballot.State) + " already"
	case you == "":
		return "nobody knows who " + string(by) + " is: " + onus.UnknownActor
	}
	if subject, known, err := store.Identities.Lookup(ctx, r, string(ballot.Identity)); err == nil && known && strings.EqualFold(subject.Mail, you) {
		return you + " is the subject, and nobody approves their own access"
	}
	return barOf(ballot, you)
}

// weigh puts the risk beside the changes.
func (b *Books) weigh(ctx context.Context, r store.Reader, p *flow.Program, w *Weighed) error {
	subject, _, err := store.Identities.Lookup(ctx, r, string(w.Identity))
	if err != nil {
		return err
	}
	asks := map[string]bool{}
	for _, id := range w.Changes {
		c, err := store.Changes.Get(ctx, r, string(id))
		if err != nil {
			return err
		}
		n := c.Planned
		v := WeighedChange{
			Says: planning.Describe(n), Sensitivity: n.Sensitivity, Because: n.Reason.Says, Rule: string(w.Workflow) + "/" + n.Step, Inputs: n.Reason.Inputs, Reversal: n.Reversal,
		}
		if e := p.Entitlements[flow.EntitlementKey{System: n.Target.System, Name: n.Target.Entitlement}]; e != nil {
			v.Title = e.Title
		}
		switch {
		case !n.Until.IsZero():
			v.Expires = "on " + n.Until.UTC().Format("2006-01-02")
		case n.Expires > 0:
			v.Expires = fmt.Sprintf("%g days after it is given", n.Expires.Hours()/24)
		}
		if v.Peers, err = b.peers(ctx, r, subject, w.Workflow, n.Target); err != nil {
			return err
		}
		asks[string(n.Target.System)+" "+n.Target.Entitlement] = true
		w.Weight = append(w.Weight, v)
	}
	grants, err := store.Grants.Find(ctx, r, "identity", string(w.Identity))
	if err != nil {
		return err
	}
	for _, g := range grants {
		name := string(g.System) + " " + g.Entitlement
		if g.Entitlement != "" && g.Observed && !asks[name] {
			w.Holds = append(w.Holds, name)
		}
	}
	slices.Sort(w.Holds)
	w.Apart = neighbours(p, asks, grants)
	return nil
}

// neighbours lists what rules of separation of duty keep apart from what is
// asked, and whether the subject holds it.
func neighbours(p *flow.Program, asks map[string]bool, grants []onus.Grant) []string {
	holds := func(e flow.EntitlementKey) bool {
		return slices.ContainsFunc(grants, func(g onus.Grant) bool { return g.System == e.System && g.Entitlement == e.Name && g.Observed })
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(p.Separations)) {
		rule := p.Separations[name]
		for i, side := range rule.Apart {
			if !slices.ContainsFunc(side, func(e flow.EntitlementKey) bool { return asks[string(e.System)+" "+e.Name] }) {
				continue
			}
			for k, other := range rule.Apart {
				for _, e := range other {
					if k == i {
						continue
					}
					has := "does not hold it"
					if holds(e) {
						has = "holds it"
					}
					words = append(words, fmt.Sprintf("%s %s (rule %s): the subject %s", e.System, e.Name, name, has))
				}
			}
		}
	}
	return slices.Compact(words)
}

// peers counts who is like the subject, and who of them holds what is asked:
// those of the same department, or else those whom the same workflow gave
// something.
func (b *Books) peers(ctx context.Context, r store.Reader, subject onus.Identity, wf onus.WorkflowName, t onus.Target) (Peers, error) {
	department := subject.Attributes["department"]
	n := Peers{Like: "given something by workflow " + string(wf)}
	if department != "" {
		n.Like = fmt.Sprintf("in department %q", department)
	}
	active, err := store.Identities.Find(ctx, r, "state", string(onus.Active))
	if err != nil {
		return n, err
	}
	for _, other := range active {
		if other.ID == subject.ID || department != "" && other.Attributes["department"] != department {
			continue
		}
		if department == "" {
			given, err := store.Grants.Find(ctx, r, "identity", string(other.ID))
			if err != nil {
				return n, err
			}
			if !slices.ContainsFunc(given, func(g onus.Grant) bool {
				return slices.ContainsFunc(g.Warrants, func(w onus.Warrant) bool { return w.Workflow == wf && w.InForce(b.now()) })
			}) {
				continue
			}
		}
		n.Count++
		g, known, err := store.Grants.Lookup(ctx, r, store.GrantID(onus.Grant{System: t.System, Identity: other.ID, Entitlement: t.Entitlement}))
		if err != nil {
			return n, err
		}
		if known && g.Observed {
			n.Hold++
		}
	}
	return n, nil
}

// Answer records a person's yes or no, and what it sets off stays queued for
// the next run or the process that serves.
func (s *Server) Answer(ctx context.Context, v engine.Vote) (engine.Tally, error) {
	err := s.store.View(ctx, func(r store.Reader) error {
		a, err := findApproval(ctx, r, v.Approval)
		v.Approval = a.ID
		return err
	})
	if err != nil {
		return engine.Tally{}, err
	}
	act := authority.Deny
	if v.Yes {
		act = authority.Approve
	}
	if v.Permit, err = s.permit(ctx, v.Person, act, Ref{"approval", v.Approval}); err != nil {
		return engine.Tally{}, err
	}
	roster, err := s.people(ctx)
	if err != nil {
		return engine.Tally{}, err
	}
	return s.Engine.Answer(ctx, roster, v)
}
