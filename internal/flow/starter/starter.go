// Package starter is a small made-up company that 'onus init' writes: its
// definitions compile without a fault against its own roster, and show one of
// everything. The schema that editors check them by comes with it, and the
// schema of the application that its accounts live in.
package starter

import (
	"embed"
	"io/fs"
	"strconv"
	"strings"

	"github.com/onus-id/onus/internal/flow"
)

//go:embed files
var embedded embed.FS

// FS gives every file of the company: definitions, tests, feeds and the schemas.
func FS() fs.FS {
	sub, err := fs.Sub(embedded, "files")
	if err != nil {
		panic("starter: " + err.Error()) // the folder is embedded above
	}
	return sub
}

// Files gives every file of the company in order of path: definitions, tests,
// feeds and the schemas.
func Files() []flow.File {
	var out []flow.File
	err := fs.WalkDir(FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(FS(), name)
		out = append(out, flow.File{Path: name, Text: string(text)})
		return err
	})
	if err != nil {
		panic("starter: " + err.Error()) // the files are embedded above
	}
	return out
}

// For gives a file's text with a person of the company standing for the
// operating-system user who makes it: whoever tries Onus wants to decide, too.
func For(f flow.File, operator string) string {
	const as = "operators: {root: "
	if operator == "" {
		return f.Text
	}
	return strings.Replace(f.Text, as, "operators: {"+strconv.Quote(operator)+": ", 1)
}

// Definitions gives the definition files only.
func Definitions() []flow.File { return must(flow.ReadDir(FS())) }

// Tests gives the test files only.
func Tests() []flow.File { return must(flow.ReadTests(FS())) }

func must(files []flow.File, err error) []flow.File {
	if err != nil {
		panic("starter: " + err.Error()) // the files are embedded above
	}
	return files
}
