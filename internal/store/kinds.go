package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/ledger"
)

// A Kind says how values of one type are kept: under which id, findable by
// which keys, and whose personal data they are.
type Kind[T any] struct {
	Name    string
	ID      func(T) string
	Keys    func(T) []Key
	Subject func(T) string // nil: nobody's
}

// Put records an event that leaves v as it is given.
func (k Kind[T]) Put(ctx context.Context, tx Tx, e ledger.Event, v T) (ledger.Event, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return e, fmt.Errorf("keep %s %s: %w", k.Name, k.ID(v), err)
	}
	return k.PutBody(ctx, tx, e, v, body)
}

// PutBody is Put where the JSON of v is at hand. Of v itself it needs no more
// than what its id, keys and subject are made of.
func (k Kind[T]) PutBody(ctx context.Context, tx Tx, e ledger.Event, v T, body json.RawMessage) (ledger.Event, error) {
	return tx.Record(ctx, e, k.objectOf(v, body))
}

func (k Kind[T]) objectOf(v T, body json.RawMessage) Object {
	o := Object{Kind: k.Name, ID: k.ID(v), Body: body}
	if k.Keys != nil {
		o.Keys = k.Keys(v)
	}
	if k.Subject != nil {
		o.Subject = k.Subject(v)
	}
	return o
}

// object derives from a stored body what Put had kept.
func (k Kind[T]) object(body []byte) (Object, error) {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		return Object{}, fmt.Errorf("read a %s: %w", k.Name, err)
	}
	return k.objectOf(v, body), nil
}

// Get gives a value, or an onus.NotFound error.
func (k Kind[T]) Get(ctx context.Context, r Reader, id string) (T, error) {
	v, _, err := k.GetRow(ctx, r, id)
	return v, err
}

// GetRow gives a value and the row it was kept in.
func (k Kind[T]) GetRow(ctx context.Context, r Reader, id string) (T, Row, error) {
	var v T
	row, ok, err := r.Get(ctx, k.Name, id)
	if err != nil {
		return v, row, err
	}
	if !ok {
		return v, row, onus.Errorf(onus.NotFound, "", "there is no %s %s", k.Name, id)
	}
	return v, row, k.decode(row, &v)
}

// Lookup gives a value and whether there is one.
func (k Kind[T]) Lookup(ctx context.Context, r Reader, id string) (T, bool, error) {
	var v T
	row, ok, err := r.Get(ctx, k.Name, id)
	if err != nil || !ok {
		return v, false, err
	}
	return v, true, k.decode(row, &v)
}

// Find gives the values whose key has this value; with an empty key, all.
func (k Kind[T]) Find(ctx context.Context, r Reader, key, value string) ([]T, error) {
	return k.Query(ctx, r, Is(k.Name, key, value))
}

// Query gives the values of a query of this kind.
func (k Kind[T]) Query(ctx context.Context, r Reader, q Query) ([]T, error) {
	q.Kind = k.Name
	var vs []T
	for row, err := range r.Find(ctx, q) {
		if err != nil {
			return nil, err
		}
		v, err := k.Of(row)
		if err != nil {
			return nil, err
		}
		vs = append(vs, v)
	}
	return vs, nil
}

// Of gives the value that a row of this kind holds.
func (k Kind[T]) Of(row Row) (T, error) {
	var v T
	err := k.decode(row, &v)
	return v, err
}

func (k Kind[T]) decode(row Row, v *T) error {
	if err := json.Unmarshal(row.Body, v); err != nil {
		return fmt.Errorf("read %s %s: %w", k.Name, row.ID, err)
	}
	return nil
}

// WorkflowVersion pins a version of a workflow to the definitions it came with.
type WorkflowVersion struct {
	Name    onus.WorkflowName `json:"name"`
	Version int               `json:"version"`
	Digest  onus.Digest       `json:"digest"`  // of the workflow
	Program onus.Digest       `json:"program"` // of the folder
}

// Definitions are the files of a program, kept so that a decision can be
// replayed under the definitions of its day.
type Definitions struct {
	Digest onus.Digest     `json:"digest"`
	Files  json.RawMessage `json:"files"`
}

// The kinds of object that Onus keeps.
var (
	Reads = Kind[onus.Read]{
		Name: "read", ID: func(v onus.Read) string { return v.ID },
		Keys: func(v onus.Read) []Key {
			if !v.Good {
				return nil
			}
			return []Key{{"good", string(v.Source) + "/" + Stamp(v.TakenAt)}}
		},
	}
	Records = Kind[onus.Record]{
		Name: "record", ID: func(v onus.Record) string { return RecordID(v.Source, v.Key) },
		Keys: func(v onus.Record) []Key {
			keys := []Key{{"identity", string(v.Identity)}}
			if !v.Gone {
				keys = append(keys, Key{"present", string(v.Source)})
			}
			return keys
		},
		Subject: func(v onus.Record) string { return string(v.Identity) },
	}
	Identities = Kind[onus.Identity]{
		Name: "identity", ID: func(v onus.Identity) string { return string(v.ID) },
		Keys: func(v onus.Identity) []Key {
			if onus.IsCanary(v.ID) { // nobody finds one but by its accounts: it is nobody
				return []Key{{"login", v.Login}}
			}
			keys := []Key{{"key", RecordID(v.Source, v.Key)}, {"state", string(v.State)}}
			for _, k := range []Key{{"login", v.Login}, {"mail", v.Mail}, {"sponsor", v.Sponsor}} {
				if k.Value != "" {
					keys = append(keys, k)
				}
			}
			for _, n := range v.Names {
				keys = append(keys, Key{"named", n})
			}
			if v.Ends != "" && v.State != onus.Left {
				keys = append(keys, Key{"ends", v.Ends})
			}
			if v.Starts != "" && v.State == onus.Expected {
				keys = append(keys, Key{"starts", v.Starts})
			}
			if v.Next != "" && (v.State != onus.Expected || v.Next != v.Starts) {
				keys = append(keys, Key{"starts", v.Next})
			}
			return keys
		},
		Subject: func(v onus.Identity) string { return string(v.ID) },
	}
	Accounts = Kind[onus.Account]{
		Name: "account", ID: func(v onus.Account) string { return AccountID(v.System, v.Ref) },
		Keys: func(v onus.Account) []Key {
			keys := []Key{{"identity", string(v.Identity)}}
			if !v.Gone {
				keys = append(keys, Key{"system", string(v.System)}, Key{"name", string(v.System) + "/" + v.Name})
			}
			return keys
		},
		Subject: func(v onus.Account) string { return string(v.Identity) },
	}
	Grants = Kind[onus.Grant]{
		Name: "grant", ID: GrantID,
		Keys: func(v onus.Grant) []Key {
			keys := []Key{{"identity", string(v.Identity)}}
			if v.Account != "" {
				keys = append(keys, Key{"account", AccountID(v.System, v.Account)})
			}
			for _, w := range v.Warrants {
				if w.Ended.IsZero() && !w.Until.IsZero() {
					keys = append(keys, Key{"until", Stamp(w.Until)})
				}
			}
			return keys
		},
		Subject: func(v onus.Grant) string { return string(v.Identity) },
	}
	Occasions = Kind[onus.Occasion]{
		Name: "occasion", ID: func(v onus.Occasion) string { return v.ID },
		Keys: func(v onus.Occasion) []Key {
			keys := []Key{{"identity", string(v.Identity)}}
			if v.State != onus.Settled {
				keys = append(keys, Key{"state", string(v.State)})
			}
			if v.Reversal != "" {
				keys = append(keys, Key{"reversal", v.Reversal})
			}
			return keys
		},
		Subject: func(v onus.Occasion) string { return string(v.Identity) },
	}
	Pauses = Kind[onus.Pause]{
		Name: "pause", ID: func(v onus.Pause) string { return string(v.Workflow) },
	}
	Reversals = Kind[onus.Reversal]{
		Name: "reversal", ID: func(v onus.Reversal) string { return v.ID },
		Keys: func(v onus.Reversal) []Key { return []Key{{"at", Stamp(v.At)}} },
	}
	Findings = Kind[onus.Finding]{
		Name: "finding", ID: func(v onus.Finding) string { return v.ID },
		Keys: func(v onus.Finding) []Key {
			keys := []Key{{"found", Stamp(v.Found)}}
			if v.State.Ended() {
				return keys
			}
			if v.OnAccount() {
				return append(keys, Key{"account", v.About}, Key{"standing", string(v.System)})
			}
			return append(keys, Key{"grant", v.About}, Key{"standing", string(v.System)})
		},
		Subject: func(v onus.Finding) string { return string(v.Identity) },
	}
	Plans = Kind[onus.Plan]{
		Name: "plan", ID: func(v onus.Plan) string { return string(v.Digest) },
		Subject: func(v onus.Plan) string { return string(v.Identity) },
	}
	Batches = Kind[onus.Batch]{
		Name: "batch", ID: func(v onus.Batch) string { return v.ID },
		Keys: func(v onus.Batch) []Key {
			return []Key{
				{"at", string(v.Workflow) + "/" + Stamp(v.At)}, {"time", Stamp(v.At)}, {"moved", Position(v.Moved)},
			}
		},
	}
	Runs = Kind[onus.Run]{
		Name: "run", ID: func(v onus.Run) string { return string(v.ID) },
		Keys: func(v onus.Run) []Key {
			keys := []Key{{"batch", v.Batch}, {"occasion", v.Occasion}, {"identity", string(v.Identity)}}
			if !v.State.Ended() {
				keys = append(keys, Key{"state", string(v.State)})
			}
			return keys
		},
		Subject: func(v onus.Run) string { return string(v.Identity) },
	}
	Changes = Kind[onus.Change]{
		Name: "change", ID: func(v onus.Change) string { return string(v.ID) },
		Subject: func(v onus.Change) string { return string(v.Identity) },
	}
	Exceptions = Kind[onus.Exception]{
		Name: "exception", ID: func(v onus.Exception) string { return v.ID },
		Keys: func(v onus.Exception) []Key {
			keys := []Key{{"state", string(v.State)}, {"group", v.Group}, {"opened", Stamp(v.Opened)}}
			if v.State == onus.ExceptionOpen {
				keys = append(keys, Key{"deadline", Stamp(v.Deadline)})
			}
			if v.Practice {
				keys = append(keys, Key{"practice", string(v.State)})
			}
			for _, k := range []Key{{"run", string(v.Run)}, {"batch", v.Batch}, {"occasion", v.Occasion}} {
				if k.Value != "" {
					keys = append(keys, k)
				}
			}
			return keys
		},
		Subject: func(v onus.Exception) string { return string(v.Identity) },
	}
	Approvals = Kind[onus.Approval]{
		Name: "approval", ID: func(v onus.Approval) string { return v.ID },
		Keys: func(v onus.Approval) []Key {
			return []Key{{"state", string(v.State)}, {"run", string(v.Run)}, {"identity", string(v.Identity)}}
		},
		Subject: func(v onus.Approval) string { return string(v.Identity) },
	}
	Acceptances = Kind[onus.Acceptance]{
		Name: "acceptance", ID: func(v onus.Acceptance) string { return AcceptanceID(v.Duty, v.Person) },
		Keys: func(v onus.Acceptance) []Key {
			return []Key{{"duty", string(v.Duty)}, {"person", string(v.Person)}}
		},
		Subject: func(v onus.Acceptance) string { return string(v.Person) },
	}
	Successions = Kind[onus.Succession]{
		Name: "duty", ID: func(v onus.Succession) string { return string(v.Duty) },
	}
	Absences = Kind[onus.Absence]{
		Name: "absence", ID: func(v onus.Absence) string { return v.ID },
		Keys:    func(v onus.Absence) []Key { return []Key{{"person", string(v.Person)}} },
		Subject: func(v onus.Absence) string { return string(v.Person) },
	}
	Delegations = Kind[onus.Delegation]{
		Name: "delegation", ID: func(v onus.Delegation) string { return v.ID },
		Keys: func(v onus.Delegation) []Key {
			keys := []Key{{"giver", string(v.Giver)}, {"taker", string(v.Taker)}}
			if v.Ended.IsZero() {
				keys = append(keys, Key{"until", Stamp(v.Until)})
			}
			return keys
		},
		Subject: func(v onus.Delegation) string { return string(v.Giver) },
	}
	Requests = Kind[onus.Request]{
		Name: "request", ID: func(v onus.Request) string { return v.ID },
		Keys: func(v onus.Request) []Key {
			return []Key{{"identity", string(v.For)}, {"who", string(v.Who)}, {"at", Stamp(v.At)}}
		},
		Subject: func(v onus.Request) string { return string(v.For) },
	}
	Emergencies = Kind[onus.Emergency]{
		Name: "emergency", ID: func(v onus.Emergency) string { return v.ID },
		Keys: func(v onus.Emergency) []Key {
			keys := []Key{{"identity", string(v.For)}, {"rule", v.Rule + "/" + Stamp(v.At)}, {"at", Stamp(v.At)}}
			if v.State != onus.EmergencyReviewed {
				keys = append(keys, Key{"state", string(v.State)})
			}
			return keys
		},
		Subject: func(v onus.Emergency) string { return string(v.For) },
	}
	Handlings = Kind[onus.Handling]{
		Name: "handling", ID: func(v onus.Handling) string { return v.ID },
		Keys: func(v onus.Handling) []Key {
			keys := []Key{{"account", AccountID(v.System, v.Account)}, {"rule", v.Rule + "/" + Stamp(v.At)}}
			if v.State == onus.HandlingStands {
				keys = append(keys, Key{"state", string(v.Case)})
			}
			return keys
		},
		Subject: func(v onus.Handling) string { return string(v.Identity) },
	}
	RuleStandings = Kind[onus.RuleStanding]{
		Name: "rule", ID: func(v onus.RuleStanding) string { return v.Rule },
	}
	Drills = Kind[onus.Drill]{
		Name: "drill", ID: func(v onus.Drill) string { return v.ID },
		Keys: func(v onus.Drill) []Key {
			keys := []Key{{"identity", string(v.Identity)}, {"workflow", string(v.Workflow) + "/" + Stamp(v.Began)}}
			if !v.State.Over() {
				keys = append(keys, Key{"state", string(v.State)})
			}
			return keys
		},
		Subject: func(v onus.Drill) string { return string(v.Identity) },
	}
	Drillings = Kind[onus.Drilling]{
		Name: "drilling", ID: func(v onus.Drilling) string { return string(v.Workflow) },
	}
	Exemptions = Kind[onus.Exemption]{
		Name: "exemption", ID: func(v onus.Exemption) string { return v.ID },
		Keys:    func(v onus.Exemption) []Key { return []Key{{"identity", string(v.Identity)}, {"rule", v.Rule}} },
		Subject: func(v onus.Exemption) string { return string(v.Identity) },
	}
	AccessErrors = Kind[onus.AccessError]{
		Name: "error", ID: func(v onus.AccessError) string { return v.ID },
		Keys: func(v onus.AccessError) []Key {
			return []Key{{"identity", string(v.Identity)}, {"state", string(v.State)}, {"at", Stamp(v.Reported)}}
		},
		Subject: func(v onus.AccessError) string { return string(v.Identity) },
	}
	WorkflowVersions = Kind[WorkflowVersion]{
		Name: "workflow", ID: func(v WorkflowVersion) string { return string(v.Name) },
	}
	DefinitionSets = Kind[Definitions]{
		Name: "definitions", ID: func(v Definitions) string { return string(v.Digest) },
	}
	Versions = Kind[onus.Version]{
		Name: "version", ID: func(v onus.Version) string { return v.ID },
		Keys: func(v onus.Version) []Key {
			return []Key{{"state", string(v.State)}, {"program", string(v.Program)}, {"at", Stamp(v.Proposed)}}
		},
	}
)

// kinds are all of them by name, for VerifyState.
var kinds = map[string]interface {
	object(body []byte) (Object, error)
}{
	Reads.Name: Reads, Records.Name: Records, Identities.Name: Identities, Accounts.Name: Accounts,
	Grants.Name: Grants, Occasions.Name: Occasions, Plans.Name: Plans, Batches.Name: Batches, Runs.Name: Runs,
	Changes.Name: Changes, Exceptions.Name: Exceptions, Approvals.Name: Approvals, WorkflowVersions.Name: WorkflowVersions,
	DefinitionSets.Name: DefinitionSets, Versions.Name: Versions, Reversals.Name: Reversals, Pauses.Name: Pauses, Erasures.Name: Erasures, Epochs.Name: Epochs, Credentials.Name: Credentials,
	Sessions.Name: Sessions, Tokens.Name: Tokens, Invitations.Name: Invitations,
	Acceptances.Name: Acceptances, Successions.Name: Successions, Absences.Name: Absences,
	Notices.Name: Notices, Followers.Name: Followers,
	Delegations.Name: Delegations, Requests.Name: Requests, Exemptions.Name: Exemptions, Findings.Name: Findings, AccessErrors.Name: AccessErrors,
	Campaigns.Name: Campaigns, Sheets.Name: Sheets, Reviews.Name: Reviews, Plants.Name: Plants, Denials.Name: Denials,
	Emergencies.Name: Emergencies, RuleStandings.Name: RuleStandings, Drills.Name: Drills, Drillings.Name: Drillings, Handlings.Name: Handlings,
}

// RecordID is the id of a source's record.
func RecordID(source onus.SourceName, key string) string { return string(source) + "/" + key }

// AcceptanceID is the id of what a person said to a duty.
func AcceptanceID(duty onus.DutyID, person onus.IdentityID) string {
	return string(duty) + " " + string(person)
}

// ChangesOf is the query for the changes of a run, in their order.
func ChangesOf(run onus.RunID) Query { return Query{Kind: Changes.Name, Prefix: string(run) + "."} }

// ChangeID is the id of a run's change at an index.
func ChangeID(run onus.RunID, index int) onus.ChangeID {
	return onus.ChangeID(fmt.Sprintf("%s.%02d", run, index+1))
}

// AccountID is the id of a system's account.
func AccountID(system onus.SystemName, ref onus.AccountRef) string {
	return string(system) + "/" + string(ref)
}

// GrantID is the id of a grant: the holder where it is known, else the
// account, on a system, and what is held.
func GrantID(v onus.Grant) string {
	holder := string(v.Identity)
	if holder == "" {
		holder = string(v.Account)
	}
	return string(v.System) + "/" + holder + "/" + v.Entitlement
}

// Stamp writes a time so that text sorts as time does.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }

// Position writes a size of the ledger so that text sorts as it grows.
func Position(size int64) string { return fmt.Sprintf("%020d", size) }
