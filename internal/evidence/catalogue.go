// Package evidence measures what an auditor asks about: of each control in a
// catalogue, how much there was, how much of it was as it should be, and what
// was not, with who answers. It claims nothing: a control with no measure says
// so. It reads what is kept and writes files; package server opens both.
package evidence

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/onus-id/onus"
)

// A Catalogue is a published list of controls: their ids and short titles, no
// more, since the texts are their publishers'.
type Catalogue struct {
	Title    string    `json:"title"`
	Version  string    `json:"version"`
	Source   string    `json:"source"`
	Controls []Control `json:"controls"`
}

// A Control is one of a catalogue, with what is measured for it.
type Control struct {
	ID        string   `json:"id"`
	Title     string   `json:"title"`
	Formerly  []string `json:"formerly,omitempty"` // ids of earlier versions that map to it
	Measures  []string `json:"measures"`           // none: there is no evidence for it here
	Catalogue string   `json:"catalogue"`
}

//go:embed catalogues/*.txt
var pinned embed.FS

// Catalogues gives every catalogue, by the name of its file.
func Catalogues() []Catalogue {
	names, err := fs.Glob(pinned, "catalogues/*.txt")
	if err != nil {
		panic(err) // the pattern stands in this line
	}
	all := make([]Catalogue, 0, len(names))
	for _, name := range names {
		text, err := pinned.ReadFile(name)
		if err != nil {
			panic(err) // it was just listed
		}
		c, err := parse(string(text))
		if err != nil {
			panic(fmt.Errorf("%s: %w", name, err)) // a test reads them all
		}
		all = append(all, c)
	}
	return all
}

// parse reads a catalogue: lines of "name: value", an empty line, then a
// control on each line: its id, its title and its measures, between tabs.
func parse(text string) (Catalogue, error) {
	var c Catalogue
	head, body, ok := strings.Cut(text, "\n\n")
	if !ok {
		return c, errors.New("it has no controls")
	}
	formerly := map[string][]string{}
	for line := range strings.Lines(head) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "title":
			c.Title = value
		case "version":
			c.Version = value
		case "source":
			c.Source = value
		case "also":
			old, id, _ := strings.Cut(value, " ")
			formerly[id] = append(formerly[id], old)
		default:
			return c, fmt.Errorf("nobody knows the line %q", line)
		}
	}
	for line := range strings.Lines(body) {
		f := append(strings.Split(strings.TrimSuffix(line, "\n"), "\t"), "")
		if len(f) < 3 || f[0] == "" || f[1] == "" {
			return c, fmt.Errorf("%q is no control", line)
		}
		x := Control{ID: f[0], Title: f[1], Formerly: formerly[f[0]], Measures: strings.Fields(f[2]), Catalogue: c.Title + " " + c.Version}
		for _, m := range x.Measures {
			if _, known := measureOf(m); !known {
				return c, fmt.Errorf("control %s: nothing measures %q", x.ID, m)
			}
		}
		delete(formerly, x.ID)
		c.Controls = append(c.Controls, x)
	}
	if len(formerly) > 0 || c.Title == "" || c.Version == "" || c.Source == "" {
		return c, errors.New("it lacks its title, version or source, or maps an id to none of its own")
	}
	return c, nil
}

// Find gives a control by its id, or by one that an earlier version of its
// catalogue had.
func Find(id string) (Control, error) {
	for _, cat := range Catalogues() {
		for _, c := range cat.Controls {
			same := func(s string) bool { return strings.EqualFold(s, id) }
			if same(c.ID) || slices.ContainsFunc(c.Formerly, same) {
				return c, nil
			}
		}
	}
	return Control{}, onus.Errorf(onus.NotFound, "onus evidence list shows them", "no catalogue has a control %s", id)
}
