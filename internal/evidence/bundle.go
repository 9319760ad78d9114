package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// A Report is the answer to a question about one control.
type Report struct {
	Control    Control `json:"control"`
	From       string  `json:"from"`
	To         string  `json:"to"`
	Origin     string  `json:"origin"` // of the ledger
	Size       int64   `json:"size"`   // entries of the ledger that it was measured on
	Root       string  `json:"root"`
	Says       string  `json:"says"`
	Facts      []Fact  `json:"facts"`
	Unprovable int     `json:"unprovable,omitempty"` // rows whose values were erased: their receipts stand alone
	Bounded    int     `json:"bounded,omitempty"`    // exceptions beyond those that have receipts
}

// A Manifest names every file of a bundle with its digest. onus-verify reads
// it: what it holds is part of what auditors rely on.
type Manifest struct {
	Format     string            `json:"format"` // "onus-evidence-1"
	Control    string            `json:"control"`
	From       string            `json:"from"`
	To         string            `json:"to"`
	Origin     string            `json:"origin"`
	Size       int64             `json:"size"`
	Root       string            `json:"root"` // of the tree of that size, in hex
	Queries    []Query           `json:"queries"`
	Proofs     []Proof           `json:"proofs"`
	Files      map[string]string `json:"files"` // name → SHA-256 in hex; the manifest itself apart
	Checkpoint string            `json:"checkpoint"`
}

// A Query says what was asked, and how many rows came of it.
type Query struct {
	Measure    string            `json:"measure"`
	Query      string            `json:"query"`
	Parameters map[string]string `json:"parameters"`
	Rows       int               `json:"rows"`
	Good       int               `json:"good"`
	Data       []string          `json:"data"`
}

// A Proof ties a row to the ledger: the receipt of the event that left the
// object as it was counted, and what that event committed to.
type Proof struct {
	Event   string `json:"event"`
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Receipt string `json:"receipt"`        // file
	Salt    string `json:"salt,omitempty"` // hex; empty: the values were erased, or left out
	Body    string `json:"body,omitempty"` // base64 of the bytes that were committed to
}

// A Folder is where a bundle is written.
type Folder interface {
	Create(name string) (io.WriteCloser, error)
}

// A Bundle is evidence for one control over one period: measured first, on
// one snapshot, then proved and written out.
type Bundle struct {
	Report Report

	to     Folder
	files  map[string]hash.Hash
	proofs []Proof
}

type hashed struct {
	io.WriteCloser

	hash hash.Hash
}

func (h hashed) Write(p []byte) (int, error) {
	n, err := h.WriteCloser.Write(p)
	_, _ = h.hash.Write(p[:n]) // it never fails
	return n, err
}

func (b *Bundle) create(name string) (io.WriteCloser, error) {
	w, err := b.to.Create(name)
	if err != nil {
		return nil, err
	}
	b.files[name] = sha256.New()
	return hashed{w, b.files[name]}, nil
}

func (b *Bundle) write(name string, text []byte) error {
	w, err := b.create(name)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	if c := w.Close(); err == nil {
		err = c
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// Collect measures what there is for a control, and writes the data of it.
func Collect(ctx context.Context, r store.Reader, c Control, p Period, origin string, to Folder) (*Bundle, error) {
	if !p.From.Before(p.To) {
		return nil, onus.Errorf(onus.Invalid, "--from comes before --to", "the period from %s to %s is empty", when(p.From), when(p.To))
	}
	head, err := r.Head(ctx)
	if err != nil {
		return nil, err
	}
	b := &Bundle{to: to, files: map[string]hash.Hash{}, Report: Report{
		Control: c, From: when(p.From), To: when(p.To), Origin: origin, Size: head.Size, Root: hex.EncodeToString(head.Root[:]), Facts: []Fact{},
	}}
	for _, id := range c.Measures {
		if err := b.measure(ctx, r, id, p); err != nil {
			return nil, err
		}
	}
	b.Report.Says = says(b.Report)
	return b, nil
}

func says(r Report) string {
	if len(r.Control.Measures) == 0 {
		return "There is no evidence for this control: nothing that Onus keeps measures it."
	}
	parts := make([]string, len(r.Facts))
	nothing := true
	for i, f := range r.Facts {
		parts[i] = strings.ToUpper(f.Says[:1]) + f.Says[1:] + "."
		nothing = nothing && f.Population == 0
	}
	if nothing {
		return "There is no evidence for this control in the period: " + strings.Join(parts, " ")
	}
	return strings.Join(parts, " ")
}

func (b *Bundle) measure(ctx context.Context, r store.Reader, id string, p Period) error {
	m, _ := measureOf(id) // Measure says when there is none
	d, err := newData(b, m)
	if err != nil {
		return err
	}
	f, err := Measure(ctx, r, id, p, d.row)
	if err != nil {
		return err
	}
	if err := d.end(); err != nil {
		return err
	}
	b.Report.Facts = append(b.Report.Facts, f)
	b.Report.Bounded += f.Exceptions - len(f.Failed)
	for _, row := range slices.Concat(f.Failed, f.Sample) {
		if err := b.open(ctx, r, row); err != nil {
			return err
		}
	}
	return nil
}

// open takes what an event committed to into the bundle. The entries of the
// log itself are proved by their receipts: what they moved is not asked for.
func (b *Bundle) open(ctx context.Context, r store.Reader, row Row) error {
	if slices.ContainsFunc(b.proofs, func(p Proof) bool { return p.Event == row.Event }) {
		return nil
	}
	proof := Proof{Event: row.Event, Kind: row.Kind, ID: row.ID, Receipt: "receipts/" + row.Event + ".txt"}
	for e, err := range r.Events(ctx, store.EventQuery{ID: row.Event, Bodies: true}) {
		if err != nil {
			return err
		}
		if e.Body == nil {
			b.Report.Unprovable++
			break
		}
		proof.Salt, proof.Body = hex.EncodeToString(e.Salt), base64.StdEncoding.EncodeToString(e.Body)
	}
	b.proofs = append(b.proofs, proof)
	return nil
}

// A Prover gives the receipt of an event.
type Prover func(ctx context.Context, event string) (ledger.Receipt, error)

// Finish proves what was measured, and writes the report and the manifest.
func (b *Bundle) Finish(ctx context.Context, prove Prover, checkpoint string) error {
	for _, p := range b.proofs {
		r, err := prove(ctx, p.Event)
		if err != nil {
			return err
		}
		if err := b.write(p.Receipt, r.Format()); err != nil {
			return err
		}
	}
	if err := b.write("checkpoint", []byte(checkpoint)); err != nil {
		return err
	}
	page, err := b.Report.HTML()
	if err != nil {
		return err
	}
	paper, err := b.Report.PDF()
	if err != nil {
		return err
	}
	report, err := indented(b.Report)
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{"report.html": page, "report.pdf": paper, "report.json": report} {
		if err := b.write(name, text); err != nil {
			return err
		}
	}
	m := Manifest{
		Format: "onus-evidence-1", Control: b.Report.Control.ID, From: b.Report.From, To: b.Report.To,
		Origin: b.Report.Origin, Size: b.Report.Size, Root: b.Report.Root,
		Queries: []Query{}, Proofs: b.proofs, Files: map[string]string{}, Checkpoint: "checkpoint",
	}
	for _, f := range b.Report.Facts {
		m.Queries = append(m.Queries, Query{f.Measure, f.Query, f.Parameters, f.Population, f.Good, []string{"data/" + f.Measure + ".csv", "data/" + f.Measure + ".json"}})
	}
	for _, name := range slices.Sorted(maps.Keys(b.files)) {
		m.Files[name] = hex.EncodeToString(b.files[name].Sum(nil))
	}
	text, err := indented(m)
	if err != nil {
		return err
	}
	return b.write("manifest.json", text)
}

func indented(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write the bundle: %w", err)
	}
	return out.Bytes(), nil
}
