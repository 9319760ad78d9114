package server

import (
	"cmp"
	"context"
	"fmt"
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

// A RequestView is a request as people see it in a list.
type RequestView struct {
	onus.Request

	Subject   string   `json:"subject"`             // how people know whom it is for
	What      []string `json:"what"`                // what it asks for
	Stands    string   `json:"stands"`              // what has come of it so far
	Approvals []string `json:"approvals,omitempty"` // their IDs, first stage first
}

// Requests lists the requests that can still give something, or all, the
// newest last.
func (b *Books) Requests(ctx context.Context, all bool) ([]RequestView, error) {
	list := []RequestView{}
	err := b.store.View(ctx, func(r store.Reader) error {
		found, err := store.Requests.Query(ctx, r, store.Query{Key: "at", To: "9"})
		if err != nil {
			return err
		}
		list = list[:0]
		for _, req := range found {
			if !all && (req.State != onus.RequestStands || !b.now().Before(req.Until)) {
				continue
			}
			v, err := b.requestView(ctx, r, req)
			if err != nil {
				return err
			}
			list = append(list, v)
		}
		return nil
	})
	return list, err
}

// Request gives one request by its ID, or by a beginning that only one has.
func (b *Books) Request(ctx context.Context, id string) (v RequestView, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		req, err := findByStart(ctx, r, store.Requests, id, "onus requests list --all shows them")
		if err != nil {
			return err
		}
		v, err = b.requestView(ctx, r, req)
		return err
	})
	return v, err
}

// RequestInFull is a request with everybody who is asked about it.
type RequestInFull struct {
	RequestView

	Asked []AskedAbout `json:"asked,omitempty" doc:"in the order of its approvals"`
}

// AskedAbout says who can answer one approval of a request, and why others
// cannot.
type AskedAbout struct {
	Approval string             `json:"approval"`
	State    onus.ApprovalState `json:"state"`
	People   []Answerer         `json:"people"`
}

// RequestInFull is Request, with who can answer its approvals, as whoever looks
// sees them.
func (b *Books) RequestInFull(ctx context.Context, id string, who func(flow.Organisation) (onus.Actor, string)) (RequestInFull, error) {
	v, err := b.Request(ctx, id)
	full := RequestInFull{RequestView: v}
	for _, id := range v.Approvals {
		w, err := b.Approval(ctx, id, who)
		if err != nil {
			return full, err
		}
		full.Asked = append(full.Asked, AskedAbout{w.ID, w.State, w.Others})
	}
	return full, err
}

// findByStart gives the only object whose ID is, or begins with, a text.
func findByStart[T any](ctx context.Context, r store.Reader, k store.Kind[T], id, hint string) (T, error) {
	if v, known, err := k.Lookup(ctx, r, id); err != nil || known {
		return v, err
	}
	var none T
	var match []string
	for row, err := range r.Find(ctx, store.Query{Kind: k.Name}) {
		if err != nil {
			return none, err
		}
		if strings.HasPrefix(row.ID, id) {
			match = append(match, row.ID)
		}
	}
	switch len(match) {
	case 0:
		return none, onus.Errorf(onus.NotFound, hint, "there is no %s %s", k.Name, id)
	case 1:
		return k.Get(ctx, r, match[0])
	default:
		return none, onus.Errorf(onus.Conflict, "give more of it", "%d %ss begin with %s", len(match), k.Name, id)
	}
}

func (b *Books) requestView(ctx context.Context, r store.Reader, req onus.Request) (RequestView, error) {
	v := RequestView{Request: req, Subject: called(ctx, r, req.For)}
	for _, w := range req.Wants {
		v.What = append(v.What, string(w.System)+" "+w.Entitlement)
	}
	runs, err := store.Runs.Find(ctx, r, "occasion", req.Occasion)
	if err != nil {
		return v, err
	}
	slices.SortFunc(runs, func(a, b onus.Run) int { return a.Began.Compare(b.Began) })
	var asked []onus.Approval
	for _, run := range runs {
		of, err := store.Approvals.Find(ctx, r, "run", string(run.ID))
		if err != nil {
			return v, err
		}
		asked = append(asked, of...)
	}
	slices.SortStableFunc(asked, func(a, b onus.Approval) int { return cmp.Or(a.Asked.Compare(b.Asked), cmp.Compare(a.Stage, b.Stage)) })
	for _, a := range asked {
		v.Approvals = append(v.Approvals, a.ID)
	}
	o, err := store.Occasions.Get(ctx, r, req.Occasion)
	if err != nil {
		return v, err
	}
	v.Stands = b.stands(req, o, runs, asked)
	return v, nil
}

// stands says what has come of a request so far.
func (b *Books) stands(req onus.Request, o onus.Occasion, runs []onus.Run, asked []onus.Approval) string {
	var last onus.Run
	if len(runs) > 0 {
		last = runs[len(runs)-1]
	}
	switch {
	case req.State == onus.RequestWithdrawn:
		return "withdrawn"
	case o.State == onus.Waiting:
		return "waits to be planned"
	case o.State == onus.Stopped:
		return "stopped: onus exceptions list"
	case slices.ContainsFunc(asked, func(a onus.Approval) bool { return a.State == onus.ApprovalAsked }):
		return "waits for approval"
	case !b.now().Before(req.Until):
		return "ended"
	case last.ID == "":
		return "nothing to do"
	case last.State == onus.RunDone:
		return "given"
	case slices.ContainsFunc(asked, func(a onus.Approval) bool { return a.State == onus.ApprovalDenied }):
		return "denied"
	case last.State.Ended():
		return "not given: the run was " + string(last.State)
	default:
		return "under way: the run is " + string(last.State)
	}
}

// A Foreseen is a request with who can say yes to it, and why others cannot.
type Foreseen struct {
	RequestView

	Changes []ChangeView `json:"changes"`
	Weight  int          `json:"weight"`
	Stages  []Stage      `json:"stages,omitempty"`
	Problem string       `json:"problem,omitempty"` // why it cannot be planned as things stand
}

// A Stage is whom an approval will ask at a time.
type Stage struct {
	Need       int        `json:"need"`
	Within     string     `json:"within"`
	People     []Answerer `json:"people"`
	Separation string     `json:"separation,omitempty"`
}

// RequestOrder is what somebody asks for, with people as they name them.
type RequestOrder struct {
	Wants   []onus.Wanted
	For     []string // logins, mail addresses or IDs; "team": whose manager they are
	Until   time.Time
	Reason  string
	By      onus.Actor
	Person  string
	Agent   *Machine // an AI agent that asks in a person's place; nil: Person asks
	Preview bool
}

// Request records what a person asks for, and says who can say yes. A preview
// records nothing.
func (s *Server) Request(ctx context.Context, o RequestOrder) ([]Foreseen, error) {
	roster, err := s.people(ctx)
	if err != nil {
		return nil, err
	}
	if o.Agent != nil {
		if o.Person, err = s.inPlaceOf(ctx, *o.Agent); err != nil {
			return nil, err
		}
	}
	order := engine.RequestOrder{Wants: o.Wants, Until: o.Until, Reason: o.Reason, By: o.By, Person: o.Person}
	if o.Agent != nil {
		order.Behalf = o.Agent.Behalf
	}
	for _, who := range o.For {
		if who == "team" {
			order.Team = true
			continue
		}
		id, err := s.askedFor(ctx, o.Person, who)
		if err != nil {
			return nil, err
		}
		order.For = append(order.For, id)
	}
	order.Permit = func(ctx context.Context, r store.Reader, who onus.IdentityID) (engine.Permit, error) {
		b := &bearings{s: s, r: r}
		by, err := b.asks(ctx, o)
		if err != nil {
			return engine.Permit{}, err
		}
		thing, err := b.thing(ctx, Ref{"identity", string(who)})
		return permitOf(authority.Default.Decide(by, authority.Request, thing)), err
	}
	made, err := s.Engine.Request(ctx, roster, order, o.Preview)
	if err != nil {
		return nil, err
	}
	all := make([]Foreseen, 0, len(made))
	err = s.store.View(ctx, func(r store.Reader) error {
		for _, m := range made {
			all = append(all, foreseen(ctx, r, m))
		}
		return nil
	})
	return all, err
}

// asks is who asks for something: a person, or an agent in their place.
func (b *bearings) asks(ctx context.Context, o RequestOrder) (authority.Somebody, error) {
	if o.Agent != nil {
		return b.machine(ctx, *o.Agent)
	}
	return b.person(ctx, o.Person)
}

// inPlaceOf gives the mail address of the person in whose place an agent asks.
func (s *Server) inPlaceOf(ctx context.Context, m Machine) (mail string, err error) {
	if m.Behalf == nil {
		return "", onus.Errorf(onus.Denied, "a person delegates it to an AI agent, with a token of its own", "a machine asks for nothing of its own")
	}
	err = s.store.View(ctx, func(r store.Reader) error {
		who, err := store.Identities.Get(ctx, r, string(m.Behalf.Sub))
		mail = who.Mail
		return err
	})
	return mail, err
}

// askedFor finds for whom a person asks. Whom they may not ask for, and who is
// not there, is answered alike: nobody learns in this way who there is.
func (s *Server) askedFor(ctx context.Context, person, who string) (onus.IdentityID, error) {
	id, err := s.IdentityOf(ctx, who)
	if person == "" {
		return id, nil // the engine refuses whom nobody knows, whatever they name
	}
	if err == nil {
		var ruling authority.Ruling
		if ruling, err = s.May(ctx, person, authority.Request, Ref{"identity", string(id)}); err == nil && ruling.Allowed {
			return id, nil
		}
	}
	if kind := onus.KindOf(err); err != nil && kind != onus.NotFound && kind != onus.Conflict {
		return "", err
	}
	return "", onus.Errorf(onus.Denied, "people ask for themselves, managers for their reports, sponsors for what they sponsor", "%s may not ask for anything for %s", person, who)
}

func foreseen(ctx context.Context, r store.Reader, m engine.Requested) Foreseen {
	v := Foreseen{
		RequestView: RequestView{Request: m.Request, Subject: called(ctx, r, m.Request.For), Stands: "waits to be planned"},
		Weight:      m.Plan.Weight(),
	}
	for _, w := range m.Request.Wants {
		v.What = append(v.What, string(w.System)+" "+w.Entitlement)
	}
	for _, c := range m.Plan.Changes {
		v.Changes = append(v.Changes, changeView(c))
	}
	if m.Refusal != nil {
		v.Problem = m.Refusal.Message
	}
	for _, b := range m.Stages {
		v.Stages = append(v.Stages, Stage{Need: max(1, b.Need), Within: b.Within.String(), People: answerers(b), Separation: b.Separation})
	}
	return v
}

// answerers lists everybody who is asked, and whoever may answer for them.
func answerers(b planning.Ballot) []Answerer {
	everybody, delegates := b.Everybody(), b.Delegates()
	all := make([]Answerer, 0, len(everybody)+len(delegates))
	for _, mail := range everybody {
		bar := b.Why(mail)
		if bar == "" && b.Answered(mail) {
			bar = mail + " answered already"
		}
		all = append(all, Answerer{Person: mail, Bar: bar})
	}
	for _, mail := range delegates {
		all = append(all, Answerer{Person: mail, For: b.For(mail)})
	}
	return all
}

// WithdrawRequest takes a request back.
func (s *Server) WithdrawRequest(ctx context.Context, id string, by onus.Actor, person, reason string) (onus.Request, error) {
	v, err := s.Books().Request(ctx, id)
	if err != nil {
		return onus.Request{}, err
	}
	roster, err := s.people(ctx)
	if err != nil {
		return onus.Request{}, err
	}
	w := engine.Withdrawal{Request: v.ID, By: by, Person: person, Reason: reason}
	if w.Permit, err = s.permit(ctx, person, authority.Withdraw, Ref{"request", v.ID}); err != nil {
		return onus.Request{}, err
	}
	return s.Engine.WithdrawRequest(ctx, roster, w)
}

// A CatalogueView is something that can be asked for.
type CatalogueView struct {
	System      onus.SystemName  `json:"system"`
	Entitlement string           `json:"entitlement"`
	Title       string           `json:"title,omitempty"`
	Sensitivity onus.Sensitivity `json:"sensitivity"`
	By          []string         `json:"by"`      // self, manager, sponsor
	Longest     string           `json:"longest"` // in days
	Approval    string           `json:"approval"`
}

// Catalogue lists what can be asked for, by whom, for how long, and whom the
// approval asks.
func (s *Server) Catalogue() []CatalogueView {
	all := []CatalogueView{}
	for key, e := range s.Program.Entitlements {
		if e.Request == nil {
			continue
		}
		all = append(all, CatalogueView{
			System: key.System, Entitlement: key.Name, Title: e.Title, Sensitivity: e.Sensitivity, By: e.Request.By,
			Longest: fmt.Sprintf("%gd", e.Request.Longest.Hours()/24), Approval: planning.Asks(e.Request.Approve),
		})
	}
	slices.SortFunc(all, func(a, b CatalogueView) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Entitlement, b.Entitlement))
	})
	return all
}
