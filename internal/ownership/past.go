package ownership

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// Past gathers the facts of a time from the ledger: the definitions, the
// people, what they had said and when they were away, all as they stood then
// (rule 11). It reads the history of everybody.
func Past(ctx context.Context, r store.Reader, at time.Time) (*Facts, *flow.Program, error) {
	p, err := ProgramOf(ctx, r, at)
	if err != nil {
		return nil, nil, err
	}
	people, err := everybody(ctx, r, at)
	if err != nil {
		return nil, nil, err
	}
	then := &register{people: people}
	l := loader{identities: then.query, p: p, roster: then, f: newFacts(p, at), sponsors: map[string]sponsor{}}
	if err := l.load(); err != nil {
		return nil, nil, err
	}
	acceptances, err := asOf(ctx, r, store.Acceptances, at)
	if err != nil {
		return nil, nil, err
	}
	absences, err := asOf(ctx, r, store.Absences, at)
	if err != nil {
		return nil, nil, err
	}
	last, err := asOf(ctx, r, store.Successions, at)
	if err != nil {
		return nil, nil, err
	}
	l.f.know(acceptances, absences, last)
	return l.f, p, nil
}

// asOf gives every object of a kind as an event left it at or before a time,
// in order of ID. What was erased since is not among them.
func asOf[T any](ctx context.Context, r store.Reader, k store.Kind[T], at time.Time) ([]T, error) {
	var all []T
	for row, err := range r.Find(ctx, store.Query{Kind: k.Name}) {
		if err != nil {
			return nil, err
		}
		last := map[string]T{}
		if err := replay(ctx, r, k, row.ID, at, last); err != nil {
			return nil, err
		}
		if v, was := last[row.ID]; was {
			all = append(all, v)
		}
	}
	return all, nil
}

// everybody gives every identity as it was at or before a time. There are
// many, so the ledger is read once, and not once for each.
func everybody(ctx context.Context, r store.Reader, at time.Time) ([]onus.Identity, error) {
	last := map[string]onus.Identity{}
	if err := replay(ctx, r, store.Identities, "", at, last); err != nil {
		return nil, err
	}
	all := make([]onus.Identity, 0, len(last))
	for _, id := range sortedKeys(last) {
		all = append(all, last[id])
	}
	return all, nil
}

// replay gives the last state of one object of a kind, or of all of them.
func replay[T any](ctx context.Context, r store.Reader, k store.Kind[T], id string, at time.Time, last map[string]T) error {
	for entry, err := range r.Events(ctx, store.EventQuery{ObjectKind: k.Name, ObjectID: id, Bodies: true}) {
		if err != nil {
			return err
		}
		e, err := ledger.ParseLeaf(entry.Leaf)
		if err != nil {
			return err
		}
		if e.Time.After(at) {
			return nil
		}
		if entry.Body == nil {
			continue
		}
		var v T
		if err := json.Unmarshal(entry.Body, &v); err != nil {
			return fmt.Errorf("read %s %s as it was: %w", k.Name, e.Object.ID, err)
		}
		last[e.Object.ID] = v
	}
	return nil
}

// ProgramOf gives the definitions that were live at a time; before anything
// was published, those that were proposed last.
func ProgramOf(ctx context.Context, r store.Reader, at time.Time) (*flow.Program, error) {
	all, err := store.Versions.Query(ctx, r, store.Query{})
	if err != nil {
		return nil, err
	}
	digest := ""
	var live, proposed time.Time
	for _, v := range all {
		switch {
		case v.Number > 0 && !v.Decided.After(at) && !v.Decided.Before(live):
			digest, live = string(v.Program), v.Decided
		case live.IsZero() && !v.Proposed.After(at) && !v.Proposed.Before(proposed):
			digest, proposed = string(v.Program), v.Proposed
		}
	}
	if digest == "" {
		return nil, onus.Errorf(onus.NotFound, "onus publish DIR proposes some", "no definitions were kept by %s", at.UTC().Format(time.RFC3339))
	}
	return definitions(ctx, r, digest)
}

// definitions compiles what is kept under a digest.
func definitions(ctx context.Context, r store.Reader, digest string) (*flow.Program, error) {
	set, err := store.DefinitionSets.Get(ctx, r, digest)
	if err != nil {
		return nil, err
	}
	var files []flow.File
	if err := json.Unmarshal(set.Files, &files); err != nil {
		return nil, fmt.Errorf("read the definitions %s: %w", digest, err)
	}
	draft, _ := flow.Parse(files)
	p, faults := draft.Check(nil)
	if len(faults) > 0 {
		return nil, fmt.Errorf("the definitions %s no longer compile: %w", digest, faults)
	}
	return p, nil
}

// A register is everybody as they were at a time.
type register struct {
	people []onus.Identity
	byKey  map[store.Key][]onus.Identity
}

func (r *register) query(q store.Query) ([]onus.Identity, error) {
	if r.byKey == nil {
		r.byKey = map[store.Key][]onus.Identity{}
		for _, i := range r.people {
			for _, k := range store.Identities.Keys(i) {
				r.byKey[k] = append(r.byKey[k], i)
				if k.Name == "mail" {
					lower := store.Key{Name: "mail in lower case", Value: strings.ToLower(k.Value)}
					r.byKey[lower] = append(r.byKey[lower], i)
				}
				if k.Name == "sponsor" {
					every := store.Key{Name: "every sponsor"}
					r.byKey[every] = append(r.byKey[every], i)
				}
			}
		}
	}
	if q.From != q.To {
		return r.byKey[store.Key{Name: "every " + q.Key}], nil
	}
	return r.byKey[store.Key{Name: q.Key, Value: q.From}], nil
}

// ByMail implements flow.Roster. An address that two active people have is
// nobody's own.
func (r *register) ByMail(mail string) (flow.Member, bool) {
	found, _ := r.query(store.Is("", "mail in lower case", strings.ToLower(mail)))
	if len(found) == 0 {
		return flow.Member{}, false
	}
	best, active := found[0], 0
	for _, i := range found {
		if i.State == onus.Active {
			best = i
			active++
		}
	}
	return flow.Member{Mail: best.Mail, Name: best.Name, Active: active == 1, Kind: best.Kind}, true
}
