// Package access holds the acts by which people decide over what Onus keeps
// and gives. So far that is erasure: one person asks that the data of somebody
// who left be forgotten, another approves, and both are on record. What
// sources and systems keep themselves is theirs to delete, and must be first.
package access

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// Personal says which attributes of each source its schema calls personal.
type Personal map[onus.SourceName][]string

// A Decider is the person who asks for an erasure, or decides over one.
type Decider struct {
	onus.Identity

	Policy string // the one that lets them; it goes into the event
}

// Operator gives the active person that a mail address is of; nobody else
// decides over an erasure.
func Operator(ctx context.Context, r store.Reader, by onus.Actor, mail string) (onus.Identity, error) {
	if mail == "" {
		return onus.Identity{}, onus.Errorf(onus.Denied, onus.UnknownActor,
			"an erasure must be a person's own decision, and nobody knows who %s is", by)
	}
	found, err := store.Identities.Find(ctx, r, "mail", mail)
	if err != nil {
		return onus.Identity{}, err
	}
	found = slices.DeleteFunc(found, func(i onus.Identity) bool { return i.Kind != onus.Person || i.State != onus.Active })
	if len(found) != 1 {
		return onus.Identity{}, onus.Errorf(onus.Denied, "an active person must decide", "%s is not one active person on record", mail)
	}
	return found[0], nil
}

// Request records that somebody wants a subject's data forgotten.
func Request(ctx context.Context, tx store.Tx, by Decider, subject onus.IdentityID, reason string, personal Personal) (store.Erasure, error) {
	if strings.TrimSpace(reason) == "" {
		return store.Erasure{}, onus.Errorf(onus.Invalid, "give one with --reason", "an erasure needs a reason")
	}
	who, err := mayGo(ctx, tx, subject)
	if err != nil {
		return store.Erasure{}, err
	}
	if by.ID == subject {
		return store.Erasure{}, onus.Errorf(onus.Denied, "somebody else must", "nobody may erase their own record")
	}
	values, err := personalValues(ctx, tx, who, personal)
	if err != nil {
		return store.Erasure{}, err
	}
	if names(reason, values) {
		return store.Erasure{}, onus.Errorf(onus.Invalid, "write it without names; the subject's ID is on the record anyway",
			"the reason names the very data that is to be forgotten, and a reason is kept")
	}
	earlier, err := store.Erasures.Find(ctx, tx, "subject", string(subject))
	if err != nil {
		return store.Erasure{}, err
	}
	for _, e := range earlier {
		if e.State == store.ErasureRequested {
			return e, onus.Errorf(onus.Conflict, "onus erase approve "+e.ID, "erasure %s of %s waits for approval already", e.ID, subject)
		}
	}
	e := store.Erasure{
		ID: onus.ID("ers", string(subject), strconv.Itoa(len(earlier)+1)), Subject: subject, Reason: reason,
		State: store.ErasureRequested, By: by.ID, At: tx.Now(),
	}
	_, err = store.Erasures.Put(ctx, tx, event(ledger.ErasureRequested, by, subject, ""), e)
	return e, err
}

// Refuse ends a request; nothing is erased. Who asked may take it back.
func Refuse(ctx context.Context, tx store.Tx, by Decider, id, why string) (store.Erasure, error) {
	e, row, err := waiting(ctx, tx, id)
	if err != nil {
		return e, err
	}
	e.State, e.Decider, e.DecidedAt, e.Why = store.ErasureRefused, by.ID, tx.Now(), why
	_, err = store.Erasures.Put(ctx, tx, event(ledger.ErasureRefused, by, e.Subject, row.Event), e)
	return e, err
}

// Approve carries an erasure out: the subject's values go from every ledger
// entry, and every object of theirs is reduced to its IDs, in one transaction
// with the events that say so.
func Approve(ctx context.Context, tx store.Tx, by Decider, id string) (store.Erasure, error) {
	e, row, err := waiting(ctx, tx, id)
	if err != nil {
		return e, err
	}
	switch by.ID {
	case e.By:
		return e, onus.Errorf(onus.Denied, "a second person must", "whoever asked for an erasure cannot approve it")
	case e.Subject:
		return e, onus.Errorf(onus.Denied, "somebody else must", "nobody may approve the erasure of their own record")
	}
	who, err := mayGo(ctx, tx, e.Subject) // again: things may have moved since
	if err != nil {
		return e, err
	}
	also, err := mentions(ctx, tx, who)
	if err != nil {
		return e, err
	}
	erased, err := tx.Erase(ctx, string(e.Subject), also)
	if err != nil {
		return e, err
	}
	e.State, e.Decider, e.DecidedAt = store.ErasureCarried, by.ID, tx.Now()
	e.Entries, e.Objects = erased.Entries, len(erased.Objects)
	carried := event(ledger.ErasureCarried, by, e.Subject, row.Event)
	carried.Notes["requested_by"] = string(e.By)
	carried.Notes["entries"], carried.Notes["objects"] = strconv.FormatInt(e.Entries, 10), strconv.Itoa(e.Objects)
	ev, err := store.Erasures.Put(ctx, tx, carried, e)
	if err != nil {
		return e, err
	}
	for _, o := range erased.Objects {
		if err := reduce(ctx, tx, o, event(ledger.ObjectErased, by, e.Subject, ev.ID)); err != nil {
			return e, fmt.Errorf("reduce %s %s to its IDs: %w", o.Kind, o.ID, err)
		}
	}
	return e, nil
}

func waiting(ctx context.Context, r store.Reader, id string) (store.Erasure, store.Row, error) {
	e, row, err := store.Erasures.GetRow(ctx, r, id)
	if err == nil && e.State != store.ErasureRequested {
		err = onus.Errorf(onus.Conflict, "", "erasure %s was %s already", e.ID, e.State)
	}
	return e, row, err
}

func event(typ ledger.Type, by Decider, subject onus.IdentityID, cause string) ledger.Event {
	ev := ledger.Event{
		Type: typ, Actor: "person:" + string(by.ID), Owner: string(by.ID), Cause: cause,
		Notes: map[string]string{"subject": string(subject)},
	}
	if by.Policy != "" && typ != ledger.ObjectErased {
		ev.Notes["policy"] = by.Policy
	}
	return ev
}

// mayGo says why a subject's data must not be forgotten yet, if so: they
// work here, something of theirs is under way, or a source or a system would
// bring the data back at its next look.
func mayGo(ctx context.Context, r store.Reader, subject onus.IdentityID) (onus.Identity, error) {
	who, err := store.Identities.Get(ctx, r, string(subject))
	if err != nil {
		return who, err
	}
	if who.State != onus.Left {
		return who, onus.Errorf(onus.Conflict, "only who has left can be erased", "identity %s is %s", subject, who.State)
	}
	records, err := store.Records.Find(ctx, r, "identity", string(subject))
	if err != nil {
		return who, err
	}
	for _, v := range records {
		if !v.Gone {
			return who, onus.Errorf(onus.Conflict, "delete it there, and let Onus read the source", "source %s still has record %s, and its next read would bring the data back", v.Source, v.Key)
		}
	}
	accounts, err := store.Accounts.Find(ctx, r, "identity", string(subject))
	if err != nil {
		return who, err
	}
	for _, v := range accounts {
		if !v.Gone {
			return who, onus.Errorf(onus.Conflict, "delete it there, and let Onus scan the system", "system %s still has an account (%s), and its next scan would bring the data back", v.System, v.Ref)
		}
	}
	return who, underWay(ctx, r, subject)
}

// underWay says what of a subject's still goes on, if anything does.
func underWay(ctx context.Context, r store.Reader, subject onus.IdentityID) error {
	still := func(what, id string) error {
		return onus.Errorf(onus.Conflict, "end it first", "%s %s of %s is not at its end", what, id, subject)
	}
	runs, err := store.Runs.Find(ctx, r, "identity", string(subject))
	if err != nil {
		return err
	}
	for _, v := range runs {
		if !v.State.Ended() {
			return still("run", string(v.ID))
		}
	}
	occasions, err := store.Occasions.Find(ctx, r, "identity", string(subject))
	if err != nil {
		return err
	}
	for _, v := range occasions {
		if v.State == onus.Scheduled {
			return still("occasion", v.ID)
		}
	}
	open, err := store.Exceptions.Find(ctx, r, "state", string(onus.ExceptionOpen))
	if err != nil {
		return err
	}
	for _, v := range open {
		if v.Identity == subject {
			return still("exception", v.ID)
		}
	}
	return nil
}

// mentions finds exceptions about the subject's records that were opened
// before anybody knew whose they are: they keep the row as it was read.
func mentions(ctx context.Context, r store.Reader, who onus.Identity) ([]store.ObjectRef, error) {
	records, err := store.Records.Find(ctx, r, "identity", string(who.ID))
	if err != nil {
		return nil, err
	}
	keys := map[string]bool{store.RecordID(who.Source, who.Key): true}
	for _, v := range records {
		keys[store.RecordID(v.Source, v.Key)] = true
	}
	for _, k := range who.Formerly {
		keys[k] = true
	}
	exceptions, err := store.Exceptions.Query(ctx, r, store.Query{})
	if err != nil {
		return nil, err
	}
	var found []store.ObjectRef
	for _, v := range exceptions {
		if v.Identity == "" && v.Key != "" && keys[store.RecordID(v.Source, v.Key)] {
			if v.State == onus.ExceptionOpen {
				return nil, onus.Errorf(onus.Conflict, "decide it first", "exception %s is about the subject's record %s, and open", v.ID, v.Key)
			}
			found = append(found, store.ObjectRef{Kind: store.Exceptions.Name, ID: v.ID})
		}
	}
	return found, nil
}
