package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

// Signature is how a person signed the statement of their decision: with an SSH
// key, or with a passkey. A decision that carries neither is unsigned.
type Signature struct {
	Signed    *onus.Signed `json:"signed,omitempty" doc:"the statement, and its SSH signature for the namespace onus"`
	Assertion *Assertion   `json:"assertion,omitempty" doc:"the statement, and what a passkey answered to it"`
}

// Assertion is a statement that a passkey signed.
type Assertion struct {
	Statement string          `json:"statement" minLength:"1" maxLength:"4096"`
	Answer    json.RawMessage `json:"answer" doc:"as the browser has it"`
}

// ToSign is what a person signs to decide so.
type ToSign struct {
	Statement string          `json:"statement" doc:"its text; signed as it is with an SSH key"`
	Passkey   json.RawMessage `json:"passkey,omitempty" doc:"what the browser needs to sign it with a passkey; absent: whoever asks has none"`
}

// signing are the operations by which people sign what they decide.
func (a *api) signing() {
	handle(a, operation(http.MethodPost, "/approvals/{id}/statements", "state-answer", "The statement to sign, to answer so"),
		func(ctx context.Context, who Caller, in *struct {
			ApprovalPath

			Body Vote
		},
		) (*struct{ Body ToSign }, error) {
			id, err := a.seen(ctx, who, "approval", in.ID)
			if err != nil {
				return nil, err
			}
			st, err := a.Server.StateVote(ctx, engine.Vote{Approval: id, Yes: in.Body.Yes, Reason: in.Body.Reason, By: who.actor(), Person: who.person()})
			if err != nil {
				return nil, err
			}
			return a.toSign(ctx, st)
		})
	handle(a, operation(http.MethodPost, "/exceptions/{id}/statements", "state-decision", "The statement to sign, to decide so"),
		func(ctx context.Context, who Caller, in *struct {
			ExceptionPath

			Body Order
		},
		) (*struct{ Body ToSign }, error) {
			id, err := a.seen(ctx, who, "exception", in.ID)
			if err != nil {
				return nil, err
			}
			st, err := a.Server.StateOrder(ctx, engine.Order{
				Exception: id, Act: in.Body.Act, Reason: in.Body.Reason, With: in.Body.With, By: who.actor(), Person: who.person(),
			})
			if err != nil {
				return nil, err
			}
			return a.toSign(ctx, st)
		})
	handle(a, operation(http.MethodGet, "/approvals/{id}/signatures", "verify-answers", "Whether the answers to an approval are signed, and the signatures good"),
		func(ctx context.Context, who Caller, in *ApprovalPath) (*struct{ Body List[server.SignedDecision] }, error) {
			return a.signatures(ctx, who, "approval", in.ID)
		})
	handle(a, operation(http.MethodGet, "/exceptions/{id}/signatures", "verify-decisions", "Whether the decision on an exception is signed, and the signature good"),
		func(ctx context.Context, who Caller, in *ExceptionPath) (*struct{ Body List[server.SignedDecision] }, error) {
			return a.signatures(ctx, who, "exception", in.ID)
		})
}

// proofs are what whoever has the log's policy checks offline.
func (a *api) proofs() {
	for kind, id := range map[string]string{"approval": "prove-answers", "exception": "prove-decisions"} {
		handle(a, operation(http.MethodGet, "/"+kind+"s/{id}/proofs", id, "Proofs of the decisions that are signed, to be checked offline"),
			func(ctx context.Context, who Caller, in *struct {
				ID string `path:"id" doc:"or a beginning that only one has"`
			},
			) (*struct{ Body List[server.DecisionProof] }, error) {
				id, err := a.seen(ctx, who, kind, in.ID)
				if err != nil {
					return nil, err
				}
				all, err := a.Server.Books().ProveDecisions(ctx, id)
				return &struct{ Body List[server.DecisionProof] }{List[server.DecisionProof]{Items: all}}, err
			})
	}
}

func (a *api) toSign(ctx context.Context, st onus.Statement) (*struct{ Body ToSign }, error) {
	out := &struct{ Body ToSign }{ToSign{Statement: st.Text()}}
	if a.Desk == nil || a.Passkeys == nil {
		return out, nil
	}
	options, err := a.Desk.BeginSigning(ctx, a.Passkeys, st)
	switch {
	case err == nil:
		out.Body.Passkey = options
	case onus.KindOf(err) != onus.NotFound: // whoever has no passkey signs with a key
		return nil, err
	}
	return out, nil
}

// evidence is the signature as the engine takes it, which checks it; nil: the
// decision is unsigned.
func (s Signature) evidence(ctx context.Context, a *api) (*onus.Signed, error) {
	switch {
	case s.Signed != nil && s.Assertion != nil:
		return nil, onus.Errorf(onus.Invalid, "send one of them", "the decision is signed twice")
	case s.Assertion == nil:
		return s.Signed, nil
	case a.Desk == nil:
		return nil, onus.Errorf(onus.Invalid, "sign with an SSH key", "there are no passkeys here")
	}
	st, err := onus.ParseStatement(s.Assertion.Statement)
	if err != nil {
		return nil, onus.Errorf(onus.Invalid, "ask for a statement, and send it back as it was", "the statement cannot be read: %w", err)
	}
	return a.Desk.SignedBy(ctx, st, s.Assertion.Answer)
}

func (a *api) signatures(ctx context.Context, who Caller, kind, id string) (*struct{ Body List[server.SignedDecision] }, error) {
	id, err := a.seen(ctx, who, kind, id)
	if err != nil {
		return nil, err
	}
	found, err := a.Server.Books().VerifyDecision(ctx, id)
	if found == nil {
		found = []server.SignedDecision{}
	}
	return &struct{ Body List[server.SignedDecision] }{List[server.SignedDecision]{Items: found}}, err
}
