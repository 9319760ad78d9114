package access

import (
	"context"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// gone stands where a sentence was that may have told about a person.
const gone = "(erased)"

// A reducer records an object anew with nothing but IDs, states, times and
// the owners who answered: what still says who answered for which access, and
// not for whose.
type reducer func(ctx context.Context, tx store.Tx, id string, e ledger.Event) error

var reducers = map[string]reducer{
	store.Identities.Name: to(store.Identities, func(v onus.Identity) onus.Identity {
		return onus.Identity{ID: v.ID, Kind: v.Kind, State: v.State, Source: v.Source, Key: v.Key, Formerly: v.Formerly}
	}),
	store.Records.Name: to(store.Records, func(v onus.Record) onus.Record {
		return onus.Record{Source: v.Source, Key: v.Key, Kind: v.Kind, Identity: v.Identity, Read: v.Read, Gone: v.Gone}
	}),
	store.Accounts.Name: to(store.Accounts, func(v onus.Account) onus.Account {
		return onus.Account{System: v.System, Ref: v.Ref, Identity: v.Identity, Matched: v.Matched, Gone: v.Gone}
	}),
	store.Grants.Name: to(store.Grants, func(v onus.Grant) onus.Grant {
		v.Via = "" // it may name another account
		return v
	}),
	store.Occasions.Name: to(store.Occasions, func(v onus.Occasion) onus.Occasion {
		v.Before, v.After = nil, nil
		return v
	}),
	store.Plans.Name: to(store.Plans, func(v onus.Plan) onus.Plan {
		for i := range v.Changes {
			v.Changes[i] = bare(v.Changes[i])
		}
		return v
	}),
	store.Runs.Name: to(store.Runs, func(v onus.Run) onus.Run {
		v.Reason = ""
		return v
	}),
	store.Changes.Name: to(store.Changes, func(v onus.Change) onus.Change {
		v.Planned, v.Before, v.Evidence, v.Error = bare(v.Planned), nil, "", ""
		return v
	}),
	store.Approvals.Name: to(store.Approvals, func(v onus.Approval) onus.Approval {
		v.Why, v.Answers = "", slices.Clone(v.Answers)
		for i := range v.Answers {
			v.Answers[i].Reason, v.Answers[i].Signed = gone, nil
		}
		return v
	}),
	store.Acceptances.Name: to(store.Acceptances, func(v onus.Acceptance) onus.Acceptance {
		v.Why = ""
		return v
	}),
	store.Absences.Name: to(store.Absences, func(v onus.Absence) onus.Absence {
		return onus.Absence{ID: v.ID, Person: v.Person, Ended: true} // when somebody was away is about them
	}),
	store.Delegations.Name: to(store.Delegations, func(v onus.Delegation) onus.Delegation {
		v.From, v.Reason, v.Why = "", gone, ""
		return v
	}),
	store.Requests.Name: to(store.Requests, func(v onus.Request) onus.Request {
		if v.Reason, v.WhyNot = gone, ""; v.Who == v.For {
			v.Person = ""
		}
		return v
	}),
	store.Emergencies.Name: to(store.Emergencies, func(v onus.Emergency) onus.Emergency {
		if v.Reason, v.Finding = gone, ""; v.Who == v.For {
			v.Person = ""
		}
		return v
	}),
	store.Drills.Name: to(store.Drills, func(v onus.Drill) onus.Drill {
		v.Canary, v.Person, v.Stages, v.Differs, v.Declared, v.Left, v.Why, v.Trouble = "", "", nil, nil, nil, nil, "", ""
		return v
	}),
	store.Handlings.Name: to(store.Handlings, func(v onus.Handling) onus.Handling {
		v.Name, v.Leads, v.Why = "", nil, ""
		return v
	}),
	store.Exemptions.Name: to(store.Exemptions, func(v onus.Exemption) onus.Exemption {
		v.Reason = gone
		return v
	}),
	store.Sessions.Name: to(store.Sessions, func(v store.Session) store.Session { return v }), // IDs, times and digests
	store.Tokens.Name: to(store.Tokens, func(v store.Token) store.Token {
		v.Name = ""
		return v
	}),
	store.Invitations.Name: to(store.Invitations, func(v store.Invitation) store.Invitation { return v }),
	store.Findings.Name: to(store.Findings, func(v onus.Finding) onus.Finding {
		v.Name, v.Was, v.Is, v.Why = "", nil, nil, ""
		if v.Reason != "" {
			v.Reason = gone
		}
		return v
	}),
	store.Reviews.Name: to(store.Reviews, func(v onus.Review) onus.Review {
		v.Reason = gone
		return v
	}),
	store.Plants.Name: to(store.Plants, func(v onus.Plant) onus.Plant {
		v.Reason = gone
		return v
	}),
	store.Denials.Name: to(store.Denials, func(v onus.Denial) onus.Denial {
		if v.Reason = gone; v.Why != "" {
			v.Why = gone
		}
		return v
	}),
	store.Credentials.Name: to(store.Credentials, func(v store.Credential) store.Credential {
		v.Name = "" // the key stays: without it nobody could check what its holder decided about others
		return v
	}),
	store.AccessErrors.Name: to(store.AccessErrors, func(v onus.AccessError) onus.AccessError {
		v.Reason, v.Right, v.Answers = gone, nil, slices.Clone(v.Answers)
		for i := range v.Answers {
			v.Answers[i].Reason = gone
		}
		if v.Verdict != nil { // whose fault of which class stays; the sentences tell of the subject
			w := *v.Verdict
			w.Sentence, w.Reasons, w.Tried, w.Missing, w.Faults = gone, nil, nil, nil, slices.Clone(w.Faults)
			for i := range w.Faults {
				w.Faults[i].Says = gone
			}
			v.Verdict = &w
		}
		return v
	}),
	store.Exceptions.Name: to(store.Exceptions, func(v onus.Exception) onus.Exception {
		v.Message, v.Hint, v.Kept, v.Group = gone, "", "", string(v.Category)
		if v.Decided != nil {
			d := *v.Decided
			d.Reason, d.With, d.Signed = gone, nil, nil
			v.Decided = &d
		}
		if v.Attended != nil {
			d := *v.Attended
			d.Reason = gone
			v.Attended = &d
		}
		return v
	}),
}

// CanReduce says whether there is a rule for objects of a kind. There must be
// one for every kind that has a subject.
func CanReduce(kind string) bool { return reducers[kind] != nil }

func reduce(ctx context.Context, tx store.Tx, o store.ObjectRef, e ledger.Event) error {
	if !CanReduce(o.Kind) {
		return onus.Errorf(onus.Internal, "add it to package access", "there is no rule how a %s is reduced to its IDs", o.Kind)
	}
	return reducers[o.Kind](ctx, tx, o.ID, e)
}

// to makes a reducer of what is cut away.
func to[T any](k store.Kind[T], cut func(T) T) reducer {
	return func(ctx context.Context, tx store.Tx, id string, e ledger.Event) error {
		v, err := k.Get(ctx, tx, id)
		if err != nil {
			return err
		}
		_, err = k.Put(ctx, tx, e, cut(v))
		return err
	}
}

// bare is a planned change without the names, attributes and sentences of
// whom it was for; the owners are of those who answer, and stay.
func bare(c onus.PlannedChange) onus.PlannedChange {
	c.Target.Name, c.Attributes = "", nil
	c.Reason = onus.Reason{Rule: c.Reason.Rule, Says: gone}
	return c
}
