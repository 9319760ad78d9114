package engine

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
)

// planned is one occasion with the plan that it warrants.
type planned struct {
	occasion string    // its ID
	cause    string    // the event that left the occasion as it was read
	plan     onus.Plan // in a pile, without its changes
	changes  int       // how many it has
	cannot   string    // of a reversal: what its plan was told that systems cannot undo
	settles  bool      // no further workflow wants the occasion
	body     []byte    // the whole plan, as it is kept; only in a chunk
}

// run gives the ID of a plan's run. It comes from what made it, so that a
// plan committed before a crash is met again instead of doubled.
func (p planned) run() onus.RunID {
	return onus.RunID(onus.ID("run", p.occasion, p.cause, string(p.plan.Workflow), string(p.plan.Digest)))
}

// A pile is a batch that is being made. It is planned and measured whole
// before its first change (rule 8), and a hundred thousand plans must fit: so
// what is needed of all of them at once stands here, and their changes are
// packed, chunk by chunk, to a twentieth.
type pile struct {
	plans    []planned
	measured planning.Meter
	changes  int
	seen     look   // what its plans were made on
	first    string // the standing rule that puts them before all others

	packed   []*packed      // full chunks
	loose    []onus.Plan    // the rest
	packing  sync.WaitGroup // of the last full chunk, beside the planning of the next
	deflater *flate.Writer
}

// A look is one snapshot of everything: how many entries the ledger had, and
// the time that it was. A plan is made on it again from the ledger alone.
type look struct {
	size int64
	at   time.Time
}

// notes say it in the ledger.
func (l look) notes(plan onus.Digest) map[string]string {
	return map[string]string{"digest": string(plan), "seen": strconv.FormatInt(l.size, 10), "at": l.at.UTC().Format(time.RFC3339Nano)}
}

// A chunk is what of a batch is committed together.
type chunk struct {
	plans   []planned
	whole   onus.Measure
	systems map[onus.SystemName]onus.Measure
}

// packed is a chunk's measure, and its plans as lines of deflated JSON.
type packed struct {
	data    []byte
	err     error
	whole   onus.Measure
	systems map[onus.SystemName]onus.Measure
}

func (p *pile) len() int { return len(p.plans) }

// add adds one with its whole plan.
func (p *pile) add(one planned) {
	p.measured.Add(&one.plan)
	p.loose = append(p.loose, one.plan)
	one.changes, one.plan.Changes = len(one.plan.Changes), nil
	p.plans, p.changes = append(p.plans, one), p.changes+one.changes
	if len(p.loose) < commitChunk {
		return
	}
	plans, into := p.loose, new(packed)
	p.packed, p.loose = append(p.packed, into), make([]onus.Plan, 0, commitChunk)
	p.packing.Wait()
	p.packing.Go(func() { *into = p.pack(plans) })
}

func (p *pile) pack(plans []onus.Plan) (c packed) {
	c.whole, c.systems = planning.Measure(plans...)
	if p.deflater == nil {
		if p.deflater, c.err = flate.NewWriter(nil, flate.BestSpeed); c.err != nil {
			return c
		}
	}
	var out bytes.Buffer
	p.deflater.Reset(&out)
	lines := json.NewEncoder(p.deflater)
	for i := range plans {
		if c.err = lines.Encode(&plans[i]); c.err != nil {
			return c
		}
	}
	c.err = p.deflater.Close()
	c.data = slices.Clone(out.Bytes())
	return c
}

// chunks gives the batch in parts that are committed together.
func (p *pile) chunks() iter.Seq2[chunk, error] {
	return func(yield func(chunk, error) bool) {
		p.packing.Wait()
		rest := p.plans
		for _, part := range p.packed {
			c := chunk{plans: slices.Clone(rest[:commitChunk]), whole: part.whole, systems: part.systems}
			rest = rest[commitChunk:]
			if err := part.unpack(c.plans); !yield(c, err) || err != nil {
				return
			}
		}
		if len(rest) == 0 {
			return
		}
		c := chunk{plans: slices.Clone(rest)}
		c.whole, c.systems = planning.Measure(p.loose...)
		var err error
		for i := range c.plans {
			if c.plans[i].body, err = json.Marshal(p.loose[i]); err != nil {
				break
			}
		}
		yield(c, err)
	}
}

// unpack gives the plans their bodies.
func (c *packed) unpack(plans []planned) error {
	if c.err != nil {
		return fmt.Errorf("keep plans until they are committed: %w", c.err)
	}
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(c.data)))
	if err != nil {
		return fmt.Errorf("unpack plans: %w", err)
	}
	n := 0
	for line := range bytes.Lines(text) {
		plans[n].body = bytes.TrimSuffix(line, []byte("\n"))
		n++
	}
	return nil
}

// Plans are the plans of one workflow's batches.
type Plans struct{ piles []*pile }

// Len is how many there are.
func (p Plans) Len() (n int) {
	for _, one := range p.piles {
		n += one.len()
	}
	return n
}

// Changes is how many changes they have together.
func (p Plans) Changes() (n int) {
	for _, one := range p.piles {
		n += one.changes
	}
	return n
}

// All gives each of them whole.
func (p Plans) All() iter.Seq2[onus.Plan, error] {
	return func(yield func(onus.Plan, error) bool) {
		for _, one := range p.piles {
			for c, err := range one.chunks() {
				if err != nil {
					yield(onus.Plan{}, err)
					return
				}
				for i := range c.plans {
					var plan onus.Plan
					err := json.Unmarshal(c.plans[i].body, &plan)
					if !yield(plan, err) || err != nil {
						return
					}
				}
			}
		}
	}
}
