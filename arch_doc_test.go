package onus_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The list of rooms in the document is that of the table, no more and no less.
func TestTheArchitectureDocumentHasEveryRoom(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	_, list, _ := strings.Cut(string(page), "| room | what is in it |")
	list, _, _ = strings.Cut(list, "\n\n")
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| .+ \\|$").FindAllStringSubmatch(list, -1) {
		if told[row[1]] {
			t.Errorf("docs/architecture.md tells twice of %s", row[1])
		}
		told[row[1]] = true
	}
	for _, r := range house {
		if !told[r.folder] {
			t.Errorf("docs/architecture.md does not tell of %s", r.folder)
		}
		delete(told, r.folder)
	}
	for folder := range told {
		t.Errorf("docs/architecture.md tells of %s, which is not in the table", folder)
	}
}

var link = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)\s]*)?\)`)

// Links in the documents lead to files that are there, and every document is
// in an index.
func TestLinksLeadSomewhere(t *testing.T) {
	linked := map[string]bool{"README.md": true}
	var pages []string
	look := func(page string) {
		pages = append(pages, page)
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(l[1], "://") {
				continue
			}
			to := filepath.Join(filepath.Dir(page), filepath.FromSlash(l[1]))
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s, which is not there", page, l[1])
			}
			linked[to] = true
		}
	}
	look("README.md")
	err := filepath.WalkDir("docs", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			look(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if !linked[page] && page != filepath.Join("docs", "README.md") {
			t.Errorf("nothing links to %s", page)
		}
	}
}
