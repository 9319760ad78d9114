package attribution

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/intake"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// A Past answers from one snapshot of the ledger what was, and what would
// have been. What it reads it keeps: asking it much costs little more than
// asking it once. It is for one goroutine.
type Past struct {
	r        store.Reader
	history  *store.History
	programs map[onus.Digest]*flow.Program
	moments  map[momentKey]*engine.Moment
	read     map[string]entry // events by ID
	versions map[onus.WorkflowName][]pinned
	stood    map[momentKey]*ownership.Facts
	rosters  map[momentKey]*intake.Roster // whatever the time
}

type momentKey struct {
	size    int64
	at      time.Time
	program onus.Digest
}

// mostMoments bounds what is kept: a moment holds the roster of its day.
const mostMoments = 16

// NewPast makes the past of a snapshot.
func NewPast(r store.Reader) *Past {
	return &Past{
		r: r, history: store.NewHistory(r), programs: map[onus.Digest]*flow.Program{}, moments: map[momentKey]*engine.Moment{},
		read: map[string]entry{}, versions: map[onus.WorkflowName][]pinned{}, stood: map[momentKey]*ownership.Facts{}, rosters: map[momentKey]*intake.Roster{},
	}
}

// An entry is one event with the number that it has in the ledger.
type entry struct {
	ledger.Event

	index int64
	body  []byte
}

// event gives an event by its ID.
func (p *Past) event(ctx context.Context, id string) (entry, error) {
	if e, known := p.read[id]; known {
		return e, nil
	}
	for found, err := range p.r.Events(ctx, store.EventQuery{ID: id, Bodies: true}) {
		if err != nil {
			return entry{}, err
		}
		e, err := parsed(found)
		p.read[id] = e
		return e, err
	}
	return entry{}, onus.Errorf(onus.Internal, "onus verify ledger tells what is wrong", "the ledger has no entry %s, which another names", id)
}

func parsed(found store.Entry) (entry, error) {
	e, err := ledger.ParseLeaf(found.Leaf)
	if err != nil {
		return entry{}, fmt.Errorf("ledger entry %d: %w", found.Index, err)
	}
	return entry{e, found.Index, found.Body}, nil
}

// about gives every event of an object, oldest first.
func (p *Past) about(ctx context.Context, kind, id string) ([]entry, error) {
	var all []entry
	for found, err := range p.r.Events(ctx, store.EventQuery{ObjectKind: kind, ObjectID: id, Bodies: true}) {
		if err != nil {
			return nil, err
		}
		e, err := parsed(found)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// bodyOf reads what an event left of its object; false: it was erased.
func bodyOf[T any](e entry) (v T, there bool, err error) {
	if e.body == nil {
		return v, false, nil
	}
	if err = json.Unmarshal(e.body, &v); err != nil {
		err = fmt.Errorf("read what entry %d left: %w", e.index, err)
	}
	return v, true, err
}

// program compiles the definitions of a digest.
func (p *Past) program(ctx context.Context, digest onus.Digest) (*flow.Program, error) {
	if prog := p.programs[digest]; prog != nil {
		return prog, nil
	}
	set, known, err := store.DefinitionSets.Lookup(ctx, p.r, string(digest))
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, missing("the definitions %s were never kept", digest.Short())
	}
	var files []flow.File
	if err := json.Unmarshal(set.Files, &files); err != nil {
		return nil, fmt.Errorf("read the definitions %s: %w", digest.Short(), err)
	}
	prog, faults := flow.Compile(files, nil)
	if len(faults) > 0 {
		return nil, missing("the definitions %s no longer compile with this version of Onus: %s", digest.Short(), faults.Error())
	}
	p.programs[digest] = prog
	return prog, nil
}

// moment gives everything as it stood, under some definitions.
func (p *Past) moment(ctx context.Context, size int64, at time.Time, program onus.Digest) (*engine.Moment, error) {
	key := momentKey{size, at.UTC(), program}
	if m := p.moments[key]; m != nil {
		return m, nil
	}
	prog, err := p.program(ctx, program)
	if err != nil {
		return nil, err
	}
	then := p.history.At(size)
	roster, err := p.roster(ctx, size, prog)
	if err != nil {
		return nil, err
	}
	m, err := engine.Recall(ctx, then, prog, roster, at)
	if err != nil {
		return nil, err
	}
	if len(p.moments) >= mostMoments {
		clear(p.moments)
	}
	p.moments[key] = m
	return m, nil
}

// roster gives who was on record.
func (p *Past) roster(ctx context.Context, size int64, prog *flow.Program) (*intake.Roster, error) {
	key := momentKey{size: size, program: prog.Digest}
	if r := p.rosters[key]; r != nil {
		return r, nil
	}
	r, err := intake.RosterOf(ctx, prog, p.history.At(size))
	if err != nil {
		return nil, err
	}
	if len(p.rosters) >= mostMoments {
		clear(p.rosters)
	}
	p.rosters[key] = r
	return r, nil
}

// pinned is one version of a workflow, with the event that made it live.
type pinned struct {
	store.WorkflowVersion

	event entry
}

// workflow gives all versions of a workflow that were ever live, oldest first.
func (p *Past) workflow(ctx context.Context, name onus.WorkflowName) ([]pinned, error) {
	if all, known := p.versions[name]; known {
		return all, nil
	}
	events, err := p.about(ctx, store.WorkflowVersions.Name, string(name))
	if err != nil {
		return nil, err
	}
	var all []pinned
	for _, e := range events {
		v, there, err := bodyOf[store.WorkflowVersion](e)
		if err != nil {
			return nil, err
		}
		if there {
			all = append(all, pinned{v, e})
		}
	}
	p.versions[name] = all
	return all, nil
}

// look gives what a plan was made on: how many entries the ledger had, and
// the time. What recorded neither was made on what stood right before it.
func look(made entry) (size int64, at time.Time) {
	size, err := strconv.ParseInt(made.Notes["seen"], 10, 64)
	if err != nil || size > made.index {
		size = made.index
	}
	at, err = time.Parse(time.RFC3339Nano, made.Notes["at"])
	if err != nil {
		at = made.Time
	}
	return size, at
}

// missingError says what a replay would need and does not find.
type missingError struct{ says string }

func (e *missingError) Error() string { return e.says }

func missing(format string, args ...any) error { return &missingError{fmt.Sprintf(format, args...)} }
