package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/onus-id/onus/ledger"
)

// manifest is what a bundle of evidence says of itself.
type manifest struct {
	Format     string            `json:"format"`
	Control    string            `json:"control"`
	From       string            `json:"from"`
	To         string            `json:"to"`
	Origin     string            `json:"origin"`
	Size       int64             `json:"size"`
	Root       string            `json:"root"`
	Queries    []query           `json:"queries"`
	Proofs     []proof           `json:"proofs"`
	Files      map[string]string `json:"files"`
	Checkpoint string            `json:"checkpoint"`
}

type query struct {
	Measure string   `json:"measure"`
	Rows    int      `json:"rows"`
	Good    int      `json:"good"`
	Data    []string `json:"data"`
}

type proof struct {
	Event   string `json:"event"`
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Receipt string `json:"receipt"`
	Salt    string `json:"salt"`
	Body    string `json:"body"`
}

// bundle checks a bundle of evidence: its files are those of its manifest, its
// receipts and its checkpoint are the log's, what each event committed to is
// what the bundle has, and the rows are as many, and of the objects, that it
// says.
func bundle(dir string, policy *ledger.Policy, out io.Writer) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("the bundle cannot be read; name a folder that can: %w", err)
	}
	defer func() { _ = root.Close() }() // it was only read
	text, err := root.ReadFile("manifest.json")
	if err != nil {
		return fmt.Errorf("this is no bundle of evidence: %w", err)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil || m.Format != "onus-evidence-1" {
		return errors.New("this is no bundle of evidence that this program knows: its manifest says otherwise")
	}
	if err := sameFiles(root, m); err != nil {
		return err
	}
	c, err := covered(root, m, policy)
	if err != nil {
		return err
	}
	opened := 0
	proved := map[string]proof{}
	for _, p := range m.Proofs {
		open, err := proves(root, m, p, policy)
		if err != nil {
			return fmt.Errorf("the proof of %s %s: %w", p.Kind, p.ID, err)
		}
		if open {
			opened++
		}
		proved[p.Event] = p
	}
	rows := 0
	for _, q := range m.Queries {
		n, err := counts(root, q, proved)
		if err != nil {
			return fmt.Errorf("the rows of %s: %w", q.Measure, err)
		}
		rows += n
	}
	_, err = fmt.Fprintf(out, "the bundle is good: %s from %s to %s, %d rows of %d queries, %d receipts (%d with what they commit to), %d files, of %d entries of %s\n",
		m.Control, m.From, m.To, rows, len(m.Queries), len(m.Proofs), opened, len(m.Files), m.Size, c.Origin)
	return err
}

// sameFiles wants every file of the manifest as it was, and no other.
func sameFiles(root *os.Root, m manifest) error {
	for name, want := range m.Files {
		f, err := root.Open(name)
		if err != nil {
			return fmt.Errorf("a file of the bundle cannot be read: %w", err)
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("a file of the bundle cannot be read: %w", err)
		}
		if hex.EncodeToString(h.Sum(nil)) != want {
			return fmt.Errorf("%s is not the file that the manifest names", name)
		}
	}
	return fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if _, named := m.Files[path]; err == nil && !d.IsDir() && !named && path != "manifest.json" {
			err = fmt.Errorf("%s is not of this bundle: the manifest does not name it", filepath.FromSlash(path))
		}
		return err
	})
}

// listed reads a file that the manifest names, and whose digest was checked.
func listed(root *os.Root, m manifest, name string) ([]byte, error) {
	if _, named := m.Files[name]; !named {
		return nil, fmt.Errorf("%s is not among the files of the manifest", name)
	}
	return root.ReadFile(name)
}

// covered wants a checkpoint of the log over all that was measured.
func covered(root *os.Root, m manifest, policy *ledger.Policy) (ledger.Checkpoint, error) {
	signed, err := listed(root, m, m.Checkpoint)
	if err != nil {
		return ledger.Checkpoint{}, err
	}
	c, err := policy.Open(string(signed))
	if err != nil {
		return c, fmt.Errorf("the checkpoint is not the log's: %w", err)
	}
	switch {
	case c.Origin != m.Origin:
		return c, fmt.Errorf("the checkpoint is of %s, and the bundle of %s", c.Origin, m.Origin)
	case c.Size < m.Size:
		return c, fmt.Errorf("the checkpoint covers %d entries, and the bundle was measured on %d", c.Size, m.Size)
	case c.Size == m.Size && hex.EncodeToString(c.Root[:]) != m.Root:
		return c, errors.New("the checkpoint's root is not the one that the bundle was measured on")
	}
	return c, nil
}

// proves checks one receipt, and that the event committed to what the bundle
// has; open says whether it has that.
func proves(root *os.Root, m manifest, p proof, policy *ledger.Policy) (open bool, err error) {
	text, err := listed(root, m, p.Receipt)
	if err != nil {
		return false, err
	}
	r, err := ledger.ParseReceipt(text)
	if err != nil {
		return false, err
	}
	e, _, err := r.Verify(policy)
	switch {
	case err != nil:
		return false, fmt.Errorf("the receipt proves nothing: %w", err)
	case e.ID != p.Event || e.Object.Kind != p.Kind || e.Object.ID != p.ID:
		return false, fmt.Errorf("the receipt is of event %s about %s %s", e.ID, e.Object.Kind, e.Object.ID)
	case r.Index >= m.Size:
		return false, fmt.Errorf("entry %d is not among the %d that it was measured on", r.Index, m.Size)
	case p.Salt == "" && p.Body == "":
		return false, nil
	}
	salt, bad := hex.DecodeString(p.Salt)
	body, worse := base64.StdEncoding.DecodeString(p.Body)
	if err := errors.Join(bad, worse); err != nil {
		return false, fmt.Errorf("what it commits to cannot be read: %w", err)
	}
	if ledger.Commit(salt, body) != e.After {
		return false, errors.New("the event committed to something else")
	}
	return true, nil
}

// counts reads the rows of a query, and gives how many there are.
func counts(root *os.Root, q query, proved map[string]proof) (int, error) {
	rows, good := 0, 0
	for _, name := range q.Data {
		if !strings.HasSuffix(name, ".json") {
			continue
		}
		text, err := root.ReadFile(name)
		if err != nil {
			return 0, err
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		if _, err := dec.Token(); err != nil {
			return 0, fmt.Errorf("they cannot be read: %w", err)
		}
		for dec.More() {
			var row struct {
				Kind, ID, Event string
				Good            bool
			}
			if err := dec.Decode(&row); err != nil {
				return 0, fmt.Errorf("they cannot be read: %w", err)
			}
			if p, is := proved[row.Event]; is && (p.Kind != row.Kind || p.ID != row.ID) {
				return 0, fmt.Errorf("%s %s is said to be shown by event %s, which is about %s %s", row.Kind, row.ID, row.Event, p.Kind, p.ID)
			}
			rows++
			if row.Good {
				good++
			}
		}
	}
	if rows != q.Rows || good != q.Good {
		return 0, fmt.Errorf("there are %d, of which %d are as they should be; the manifest says %d and %d", rows, good, q.Rows, q.Good)
	}
	return rows, nil
}
