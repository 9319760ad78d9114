package server

import (
	"context"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authn"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// StateVote writes the statement that a person signs to answer so; the answer
// then carries what they signed.
func (s *Server) StateVote(ctx context.Context, v engine.Vote) (st onus.Statement, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		a, err := findApproval(ctx, r, v.Approval)
		if err != nil {
			return err
		}
		v.Approval = a.ID
		st, err = s.Engine.StateVote(ctx, r, v)
		return err
	})
	return st, err
}

// MustSign says whether a yes of somebody to an approval counts only when they
// sign it.
func (s *Server) MustSign(ctx context.Context, a onus.Approval, person string) (must bool, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		err := s.Engine.MustSign(ctx, r, a, person)
		if must = onus.KindOf(err) == onus.Denied; must {
			return nil
		}
		return err
	})
	return must, err
}

// StateOrder writes the statement that a person signs to decide so on an
// exception. Whom an amendment names it turns into an ID, as Decide does.
func (s *Server) StateOrder(ctx context.Context, o engine.Order) (st onus.Statement, err error) {
	if o, err = s.located(ctx, o); err != nil {
		return st, err
	}
	err = s.store.View(ctx, func(r store.Reader) (err error) {
		st, err = s.Engine.StateOrder(ctx, r, o)
		return err
	})
	return st, err
}

// A SignedDecision is a decision and what became of checking its signature.
type SignedDecision = authn.Evidenced

// VerifyDecision checks what people signed when they decided on an approval
// or an exception, by its ID or a beginning that only one has.
func (b *Books) VerifyDecision(ctx context.Context, id string) (found []SignedDecision, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		kind := store.Approvals.Name
		if a, err := findApproval(ctx, r, id); err == nil {
			id = a.ID
		} else {
			p, wrong := b.find(ctx, id)
			if wrong != nil {
				return onus.Errorf(onus.NotFound, "onus approvals list --all and onus exceptions list --all show them", "there is no approval or exception %s, nor a file", id)
			}
			kind, id = store.Exceptions.Name, p.ID
		}
		found, err = authn.Decisions(ctx, r, originOf(b.verifier), kind, id)
		return err
	})
	return found, err
}

// A DecisionProof lets anybody check a signed decision offline, with the log's
// policy and nothing else. That the key was not removed between its enrolment
// and the decision only the whole ledger can say.
type DecisionProof struct {
	Decision  string `json:"decision"`  // receipt of the entry
	Enrolment string `json:"enrolment"` // receipt of the key's
	Statement string `json:"statement"`
	Key       string `json:"key"`
	Site      string `json:"site,omitempty"`
}

// ProveDecisions makes the proofs of those decisions whose signatures are good.
func (b *Books) ProveDecisions(ctx context.Context, id string) ([]DecisionProof, error) {
	found, err := b.VerifyDecision(ctx, id)
	if err != nil {
		return nil, err
	}
	proofs := []DecisionProof{}
	for _, d := range found {
		if !d.Good {
			continue
		}
		p, err := b.proveDecision(ctx, d)
		if err != nil {
			return nil, err
		}
		proofs = append(proofs, p)
	}
	return proofs, nil
}

func (b *Books) proveDecision(ctx context.Context, d SignedDecision) (DecisionProof, error) {
	p := DecisionProof{Statement: d.Statement, Key: d.Key, Site: d.Site}
	decision, err := b.Receipt(ctx, d.Event.ID)
	if err != nil {
		return p, err
	}
	enrolment, err := b.Receipt(ctx, d.Enrolment.ID)
	if err != nil {
		return p, err
	}
	p.Decision, p.Enrolment = string(decision.Format()), string(enrolment.Format())
	return p, nil
}

// Verify checks a proof offline.
func (p DecisionProof) Verify(policy *ledger.Policy) (SignedDecision, error) {
	d := SignedDecision{Statement: p.Statement, Key: p.Key, Site: p.Site}
	decision, err := ledger.ParseReceipt([]byte(p.Decision))
	if err != nil {
		return d, err
	}
	ev, c, err := decision.Verify(policy)
	if err != nil {
		return d, err
	}
	enrolment, err := ledger.ParseReceipt([]byte(p.Enrolment))
	if err != nil {
		return d, err
	}
	enrolled, under, err := enrolment.Verify(policy)
	switch {
	case err != nil:
		return d, err
	case c.Origin != under.Origin || enrolment.Index >= decision.Index:
		d.Says = "the key was enrolled after the decision"
		return d, nil
	}
	d.Index, d.Event, d.Enrolment = decision.Index, ev, enrolled
	d.Judge(c.Origin)
	return d, nil
}

// originOf is the name in a verifier key.
func originOf(verifier string) string {
	name, _, _ := strings.Cut(verifier, "+")
	return name
}
