package scimdir

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// line is one entry of the file: a resource as it is now, or that it is gone.
// A group's members come as what was added and taken out.
type line struct {
	Kind    string         `json:"kind"`
	ID      string         `json:"id"`
	Gone    bool           `json:"gone,omitempty"`
	Doc     map[string]any `json:"doc,omitempty"`
	Added   []string       `json:"added,omitempty"`
	Removed []string       `json:"removed,omitempty"`
	Version int            `json:"version,omitempty"`
	Created time.Time      `json:"created,omitzero"`
	Changed time.Time      `json:"changed,omitzero"`
}

func lineOf(e, old *entry) line {
	l := line{Kind: e.kind, ID: e.id, Doc: e.doc, Version: e.version, Created: e.created, Changed: e.changed}
	for _, m := range e.members {
		if old == nil || !old.is[m] {
			l.Added = append(l.Added, m)
		}
	}
	if old != nil {
		for _, m := range old.members {
			if !e.is[m] {
				l.Removed = append(l.Removed, m)
			}
		}
	}
	return l
}

// commit writes an entry to the journal and then takes it up. The caller
// holds mu.
func (d *Directory) commit(e *entry) error {
	if err := d.record(lineOf(e, d.all[e.id])); err != nil {
		return err
	}
	d.put(e)
	return nil
}

// remove forgets an entry, and takes it out of every group. The caller holds mu.
func (d *Directory) remove(e *entry) error {
	for _, g := range sortedKeys(d.holders[e.id]) {
		if err := d.commit(d.all[g].without(e.id, d.now())); err != nil {
			return err
		}
	}
	if err := d.record(line{Kind: e.kind, ID: e.id, Gone: true}); err != nil {
		return err
	}
	d.drop(e)
	return nil
}

// record appends a line before the change is answered. It does not wait for
// the disk: what a process wrote outlives the process, and that is what the
// demo's directory is asked for. A line that could not be written leaves the
// file torn, so nothing is changed after it.
func (d *Directory) record(l line) error {
	if d.journal == nil {
		return nil
	}
	if d.broken != nil {
		return d.broken
	}
	data, err := json.Marshal(l)
	if err == nil {
		_, err = d.journal.Write(append(data, '\n'))
	}
	if err != nil {
		d.broken = fmt.Errorf("write the directory's journal: %w", err)
	}
	return d.broken
}

// Keep loads the directory from a file, if there is one, and from then on
// writes every change to it before it is answered.
func (d *Directory) Keep(path string) error {
	if err := d.Load(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := d.Save(path); err != nil { // one line each again
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // the caller names the file
	if err != nil {
		return fmt.Errorf("keep the directory: %w", err)
	}
	d.journal = f
	return nil
}

// Close lets go of the file.
func (d *Directory) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.journal == nil {
		return nil
	}
	err := d.journal.Close()
	d.journal = nil
	return err
}

// Save writes the directory to a file, whole or not at all.
func (d *Directory) Save(path string) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.journal != nil && d.journal.Name() == path {
		return nil // it is there already, written line by line
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("save the directory: %w", err)
	}
	defer os.Remove(f.Name()) // after the rename there is nothing to remove
	w := bufio.NewWriter(f)
	encode := json.NewEncoder(w)
	for _, kind := range []string{kindUser, kindGroup} {
		for _, id := range d.order[kind] {
			if err := encode.Encode(lineOf(d.all[id], nil)); err != nil {
				return errors.Join(fmt.Errorf("save the directory: %w", err), f.Close())
			}
		}
	}
	if err := errors.Join(w.Flush(), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("save the directory: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("save the directory: %w", err)
	}
	return nil
}

// Load replaces the directory by what a file holds. A last line that was cut
// off was never answered, and is left out.
func (d *Directory) Load(path string) error {
	f, err := os.Open(path) //nolint:gosec // the caller names the file
	if err != nil {
		return fmt.Errorf("load the directory: %w", err)
	}
	defer f.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
	r := bufio.NewReader(f)
	for n := 1; ; n++ {
		data, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("load the directory: %w", err)
		}
		var l line
		if err := json.Unmarshal(bytes.TrimSpace(data), &l); err != nil {
			return fmt.Errorf("load the directory: %s, line %d: %w", path, n, err)
		}
		if err := d.replay(l); err != nil {
			return fmt.Errorf("load the directory: %s, line %d: %w", path, n, err)
		}
	}
}

func (d *Directory) replay(l line) error {
	old := d.all[l.ID]
	switch {
	case l.ID == "" || l.Kind != kindUser && l.Kind != kindGroup:
		return fmt.Errorf("%q %q is no resource", l.Kind, l.ID)
	case l.Gone && old == nil:
		return nil
	case l.Gone:
		d.drop(old)
		return nil
	}
	e := &entry{kind: l.Kind, id: l.ID, doc: l.Doc, is: map[string]bool{}, version: l.Version, created: l.Created, changed: l.Changed}
	if e.doc == nil {
		e.doc = map[string]any{}
	}
	if old != nil {
		e.members = slices.DeleteFunc(slices.Clone(old.members), func(m string) bool { return slices.Contains(l.Removed, m) })
	}
	e.members = append(e.members, l.Added...)
	for _, m := range e.members {
		e.is[m] = true
	}
	d.put(e)
	return nil
}
