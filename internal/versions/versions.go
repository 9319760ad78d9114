// Package versions keeps what may run: a folder of definitions is proposed,
// shown as what it would change, and goes live by the yes of somebody else
// than its authors whose powers reach all that it touches (rules 1 and 2).
// What a version would do to people is worked out here and done by package
// engine; who has accepted which duty is asked of who calls.
package versions

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// A Proposal is a program that somebody wants to run, and what is different
// under it.
type Proposal struct {
	Program *flow.Program
	Again   string // the former version that it is; empty: none
	Reason  string
	Policy  string // the one that lets them; it goes into the event
	Difference
}

// Propose keeps the definitions and opens a version that waits for a yes.
func Propose(ctx context.Context, tx store.Tx, by Actor, p Proposal) (onus.Version, error) {
	live, _, err := store.LiveVersion(ctx, tx)
	if err != nil {
		return onus.Version{}, err
	}
	same, err := store.Versions.Find(ctx, tx, "program", string(p.Program.Digest))
	if err != nil {
		return onus.Version{}, err
	}
	v := onus.Version{
		State: onus.VersionProposed, Program: p.Program.Digest, Base: live.ID, Again: p.Again, Authors: by.authors(), Behalf: by.Behalf, Reason: p.Reason,
		Effect: p.Words, Alters: p.Alters, Shown: p.Shown, Proposed: tx.Now(),
	}
	for _, s := range same {
		switch {
		case s.State == onus.VersionLive:
			return s, onus.Errorf(onus.Conflict, "there is nothing to publish", "these very definitions are live already, as version %d", s.Number)
		case s.State == onus.VersionProposed:
			return s, onus.Errorf(onus.Conflict, "onus versions approve "+s.ID+", if you are none of its authors", "%s proposed these very definitions already", s.Authors[0].Name)
		case s.ID == p.Again:
			v.Authors = union(v.Authors, s.Authors) // it is still theirs
		}
	}
	v.ID = onus.ID("ver", string(p.Program.Digest), live.ID, string(by.ID), store.Stamp(tx.Now()), strconv.Itoa(len(same)))
	kept, err := keep(ctx, tx, p.Program, by)
	if err != nil {
		return v, err
	}
	_, err = store.Versions.Put(ctx, tx, proposed(v, by, kept, p.Policy), v)
	return v, err
}

// proposed is the event that shows what a version would do.
func proposed(v onus.Version, by Actor, cause, policy string) ledger.Event {
	notes := map[string]string{"shown": string(v.Shown)}
	for name, value := range map[string]string{"base": v.Base, "again": v.Again, "policy": policy} {
		if value != "" {
			notes[name] = value
		}
	}
	if v.Behalf != nil {
		notes["behalf"] = v.Behalf.String()
	}
	return ledger.Event{
		Type: ledger.VersionProposed, Actor: string(by.By), Owner: string(v.Authors[0].ID), Cause: cause, Inputs: []string{string(v.Program)}, Notes: notes,
	}
}

func union(a, b []onus.Author) []onus.Author {
	for _, x := range b {
		if !slices.Contains(a, x) {
			a = append(a, x)
		}
	}
	return a
}

// keep keeps the files of a program, and gives the event that did.
func keep(ctx context.Context, tx store.Tx, p *flow.Program, by Actor) (string, error) {
	row, known, err := tx.Get(ctx, store.DefinitionSets.Name, string(p.Digest))
	if err != nil || known {
		return row.Event, err
	}
	files, err := json.Marshal(p.Files)
	if err != nil {
		return "", fmt.Errorf("keep the definitions: %w", err)
	}
	ev, err := store.DefinitionSets.Put(ctx, tx, ledger.Event{Type: ledger.DefinitionsPinned, Actor: string(by.By), Owner: string(by.ID)},
		store.Definitions{Digest: p.Digest, Files: files})
	return ev.ID, err
}

// Definitions gives the files that were kept under a digest.
func Definitions(ctx context.Context, r store.Reader, digest onus.Digest) (*flow.Draft, error) {
	set, err := store.DefinitionSets.Get(ctx, r, string(digest))
	if err != nil {
		return nil, err
	}
	var files []flow.File
	if err := json.Unmarshal(set.Files, &files); err != nil {
		return nil, fmt.Errorf("read the definitions %s: %w", digest.Short(), err)
	}
	draft, faults := flow.Parse(files)
	if len(faults) > 0 {
		return nil, faults
	}
	return draft, nil
}

// Find gives a version by its ID, by a beginning that only one has, or by the
// number that it had or has when live.
func Find(ctx context.Context, r store.Reader, name string) (onus.Version, error) {
	all, err := store.Versions.Query(ctx, r, store.Query{})
	if err != nil {
		return onus.Version{}, err
	}
	var match []onus.Version
	for _, v := range all {
		if v.ID == name || v.Number > 0 && strconv.Itoa(v.Number) == strings.TrimPrefix(name, "v") {
			return v, nil
		}
		if name != "" && strings.HasPrefix(v.ID, name) {
			match = append(match, v)
		}
	}
	switch len(match) {
	case 0:
		return onus.Version{}, onus.Errorf(onus.NotFound, "onus versions list shows them", "there is no version %s", name)
	case 1:
		return match[0], nil
	default:
		return onus.Version{}, onus.Errorf(onus.Conflict, "give more of it", "%d versions begin with %s", len(match), name)
	}
}

// A Judgement is what a yes to a version is given on.
type Judgement struct {
	Scope
	Difference

	Missing []string // what keeps it from running, whoever says yes
}

// Approve makes a version live by somebody's yes, in the place of the one
// that is. When what it would do is not what was shown, nothing goes live: it
// is shown anew, and stale says so.
func Approve(ctx context.Context, tx store.Tx, by Actor, id string, j Judgement) (v onus.Version, stale bool, err error) {
	v, row, err := waiting(ctx, tx, id)
	if err != nil {
		return v, false, err
	}
	ruling, err := mayDecide(by, publish, v, j.Scope)
	if err != nil {
		return v, false, err
	}
	live, _, err := store.LiveVersion(ctx, tx)
	if err != nil {
		return v, false, err
	}
	if live.ID != v.Base || j.Shown != v.Shown {
		v.Base, v.Effect, v.Alters, v.Shown, v.Proposed = live.ID, j.Words, j.Alters, j.Shown, tx.Now()
		_, err = store.Versions.Put(ctx, tx, proposed(v, by, row.Event, ruling.Policy), v)
		return v, true, err
	}
	if len(j.Missing) > 0 {
		return v, false, onus.Errorf(onus.Conflict, "put that right, then approve it", "version %s cannot be published: %s", v.ID, strings.Join(j.Missing, "; "))
	}
	v, err = publishes(ctx, tx, by, v, ruling.Policy, j.Program)
	return v, false, err
}

// Refuse ends a proposal; its authors may take it back.
func Refuse(ctx context.Context, tx store.Tx, by Actor, id, why string, on Scope) (onus.Version, error) {
	if strings.TrimSpace(why) == "" {
		return onus.Version{}, onus.Errorf(onus.Invalid, "give one with --reason", "to refuse a version needs a reason")
	}
	v, row, err := waiting(ctx, tx, id)
	if err != nil {
		return v, err
	}
	act := reject
	if v.WroteBy(by.ID, by.Mail) {
		act = withdraw
	}
	ruling, err := mayDecide(by, act, v, on)
	if err != nil {
		return v, err
	}
	v.State, v.By, v.Person, v.Why, v.Decided = onus.VersionRefused, by.By, by.Mail, why, tx.Now()
	_, err = store.Versions.Put(ctx, tx, ledger.Event{
		Type: ledger.VersionRefused, Actor: string(by.By), Owner: string(by.ID), Cause: row.Event, Rule: ruling.Policy,
		Notes: map[string]string{"policy": ruling.Policy},
	}, v)
	return v, err
}

// waiting gives a version that can still be decided.
func waiting(ctx context.Context, r store.Reader, id string) (onus.Version, store.Row, error) {
	v, row, err := store.Versions.GetRow(ctx, r, id)
	if err == nil && v.State != onus.VersionProposed {
		err = onus.Errorf(onus.Conflict, "onus versions again "+id+" proposes it anew", "version %s is %s already", id, v.State)
	}
	return v, row, err
}

// Enact makes a version the live one, whoever may say so: Approve asks.
func Enact(ctx context.Context, tx store.Tx, by Actor, v onus.Version, p *flow.Program) (onus.Version, error) {
	return publishes(ctx, tx, by, v, "", p)
}

// publishes makes a version the live one: in one transaction the former is
// superseded and every workflow that is new, or not as it was, has its next
// version. Runs in flight stay on theirs.
func publishes(ctx context.Context, tx store.Tx, by Actor, v onus.Version, policy string, p *flow.Program) (onus.Version, error) {
	live, _, err := store.LiveVersion(ctx, tx)
	if err != nil {
		return v, err
	}
	row, _, err := tx.Get(ctx, store.Versions.Name, v.ID)
	if err != nil {
		return v, err
	}
	all, err := store.Versions.Query(ctx, tx, store.Query{})
	if err != nil {
		return v, err
	}
	for _, other := range all {
		v.Number = max(v.Number, other.Number)
	}
	v.Number++
	v.State, v.By, v.Person, v.Decided = onus.VersionLive, by.By, by.Mail, tx.Now()
	notes := map[string]string{"number": strconv.Itoa(v.Number), "shown": string(v.Shown)}
	if policy != "" {
		notes["policy"] = policy
	}
	ev, err := store.Versions.Put(ctx, tx, ledger.Event{
		Type: ledger.VersionPublished, Actor: string(by.By), Owner: string(by.ID), Cause: row.Event, Rule: policy, Inputs: []string{string(v.Program)},
		Notes: notes,
	}, v)
	if err != nil {
		return v, err
	}
	if live.ID != "" {
		live.State, live.Ended = onus.VersionSuperseded, tx.Now()
		_, err := store.Versions.Put(ctx, tx, ledger.Event{Type: ledger.VersionSuperseded, Actor: string(by.By), Owner: string(by.ID), Cause: ev.ID}, live)
		if err != nil {
			return v, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Workflows)) {
		if err := pin(ctx, tx, p, p.Workflows[name], by, ev.ID); err != nil {
			return v, err
		}
	}
	return v, nil
}

// pin gives a workflow that is not as it was its next version.
func pin(ctx context.Context, tx store.Tx, p *flow.Program, wf *flow.Workflow, by Actor, cause string) error {
	pinned, _, err := store.WorkflowVersions.Lookup(ctx, tx, string(wf.Name))
	if err != nil || pinned.Digest == wf.Digest {
		return err
	}
	owner, err := personOf(ctx, tx, wf.Owner)
	if err != nil {
		return err
	}
	pinned = store.WorkflowVersion{Name: wf.Name, Version: pinned.Version + 1, Digest: wf.Digest, Program: p.Digest}
	_, err = store.WorkflowVersions.Put(ctx, tx, ledger.Event{
		Type: ledger.WorkflowPinned, Actor: string(by.By), Owner: string(owner.ID), Cause: cause,
		Workflow: fmt.Sprintf("%s@%d", wf.Name, pinned.Version), Inputs: []string{string(wf.Digest), string(p.Digest)},
	}, pinned)
	return err
}
