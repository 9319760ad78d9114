package authn

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// An Evidenced decision is an entry of the ledger by which a person decided,
// with all that is needed to check that they signed it.
type Evidenced struct {
	Index     int64        `json:"index"`
	Event     ledger.Event `json:"event"`
	Statement string       `json:"statement,omitempty"` // empty: nobody signed, or it was erased
	Enrolment ledger.Event `json:"enrolment,omitzero"`  // by which the key came to count
	Key       string       `json:"key,omitempty"`       // the public key
	Site      string       `json:"site,omitempty"`      // of a passkey

	Good bool   `json:"good"`
	Says string `json:"says"`
}

// Signed says whether the entry claims a signature.
func (d *Evidenced) Signed() bool { return d.Event.Notes["statement"] != "" }

// acts are the events by which people decide, and what they sign then; for an
// exception, how it was closed says which act it was.
var acts = map[ledger.Type]string{
	ledger.ApprovalGiven: "approve", ledger.ApprovalDenied: "deny", ledger.ExceptionClosed: "",
}

var closings = map[string]onus.ExceptionState{
	"retry": onus.ExceptionRetried, "amend": onus.ExceptionAmended, "override": onus.ExceptionOverridden, "refuse": onus.ExceptionRefused,
}

// Decisions finds what people decided on one thing, and checks each: by the
// key that counted when it was recorded, whatever became of it since.
func Decisions(ctx context.Context, r store.Reader, log, kind, id string) ([]Evidenced, error) {
	var found []Evidenced
	for entry, err := range r.Events(ctx, store.EventQuery{ObjectKind: kind, ObjectID: id, Bodies: true}) {
		if err != nil {
			return nil, err
		}
		ev, err := ledger.ParseLeaf(entry.Leaf)
		if err != nil {
			return nil, err
		}
		d := Evidenced{Index: entry.Index, Event: ev}
		if _, decides := acts[ev.Type]; !d.Signed() && (!decides || ev.Actor == string(onus.Engine)) {
			continue
		}
		switch {
		case !d.Signed():
			d.Says = "nobody signed it"
		case entry.Body == nil:
			d.Says = "its statement was erased with the data of whom it was about; the signature is of " + ev.Notes["statement"]
		default:
			if err := d.look(ctx, r, entry.Body); err != nil {
				return nil, err
			}
			d.Judge(log)
		}
		found = append(found, d)
	}
	return found, nil
}

// look finds the statement in the state that the decision left, and the key
// as it was then.
func (d *Evidenced) look(ctx context.Context, r store.Reader, body []byte) error {
	var state any
	if err := json.Unmarshal(body, &state); err != nil {
		return err
	}
	d.Statement = statementIn(state, onus.Digest(d.Event.Notes["statement"]))
	keys, err := store.Credentials.Find(ctx, r, "fingerprint", d.Event.Notes["key"])
	if err != nil {
		return err
	}
	for _, c := range keys {
		if string(c.Person) != d.Event.Notes["signer"] {
			continue
		}
		d.Key, d.Site = c.Key, c.Site
		for entry, err := range r.Events(ctx, store.EventQuery{ObjectKind: store.Credentials.Name, ObjectID: c.ID}) {
			if err != nil {
				return err
			}
			ev, err := ledger.ParseLeaf(entry.Leaf)
			if err != nil {
				return err
			}
			if entry.Index < d.Index && (ev.Type == ledger.CredentialEnrolled || ev.Type == ledger.CredentialRemoved) {
				d.Enrolment = ev // the last one before the decision
			}
		}
	}
	return nil
}

// statementIn finds the statement of a digest in what a body holds.
func statementIn(v any, digest onus.Digest) string {
	switch v := v.(type) {
	case string:
		if onus.DigestOf([]byte(v)) == digest {
			return v
		}
	case []any:
		for _, x := range v {
			if s := statementIn(x, digest); s != "" {
				return s
			}
		}
	case map[string]any:
		for _, x := range v {
			if s := statementIn(x, digest); s != "" {
				return s
			}
		}
	}
	return ""
}

// Judge checks the evidence with nothing but itself: that the statement is of
// this very entry of this log, that the key was on record as the person's, and
// that the signature is the key's.
func (d *Evidenced) Judge(log string) {
	d.Good = false
	n := d.Event.Notes
	st, err := onus.ParseStatement(d.Statement)
	if err != nil {
		d.Says = "its statement cannot be read: " + err.Error()
		return
	}
	signature, err := base64.StdEncoding.DecodeString(n["signature"])
	if err != nil {
		d.Says = "its signature cannot be read"
		return
	}
	switch {
	case string(st.Digest()) != n["statement"]:
		d.Says = "the statement is not the one that the entry is about"
	case logName(st.Log) != logName(log):
		d.Says = "the statement is for the log " + st.Log
	case st.Object != d.Event.Object.Kind+" "+d.Event.Object.ID:
		d.Says = "the statement is about " + st.Object
	case !d.does(st.Act):
		d.Says = "the statement is to " + st.Act + ", and the entry is not"
	case d.Event.Object.Kind == store.Approvals.Name && !slices.Contains(d.Event.Inputs, string(st.About)):
		d.Says = "the statement is about another plan than the entry"
	case string(st.Person) != n["signer"]:
		d.Says = "the statement is of " + string(st.Person)
	case d.Enrolment.Type != ledger.CredentialEnrolled || d.Enrolment.Owner != n["signer"] ||
		d.Enrolment.Notes["key"] != n["key"] || d.Enrolment.Notes["by"] != n["signed"] || !d.Enrolment.Time.Before(d.Event.Time):
		d.Says = "the key " + n["key"] + " was not on record as one of " + n["signer"] + " then"
	case fingerprint(n["signed"], d.Key) != n["key"]:
		d.Says = "the public key is not the one that was on record"
	default:
		if err := verify(onus.Signed{Statement: d.Statement, By: n["signed"], Key: n["key"], Signature: signature}, d.Key, d.Site); err != nil {
			d.Says = "the signature is not good: " + err.Error()
			return
		}
		d.Good = true
		d.Says = "signed by " + n["signer"] + " with the key " + n["key"] + ", on record since " + d.Enrolment.Time.Format("2006-01-02 15:04 MST")
	}
}

// does says whether the entry is of an act.
func (d *Evidenced) does(act string) bool {
	want, known := acts[d.Event.Type]
	if known && want == "" {
		return closings[act] != "" && string(closings[act]) == d.Event.Notes["state"]
	}
	return !known || want == act
}

// logName is a log's name through all its epochs.
func logName(origin string) string {
	name, _, _ := strings.Cut(origin, "/epoch-")
	return name
}
