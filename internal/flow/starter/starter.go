// Package starter is a small made-up company that 'onus init' writes: its
// definitions compile without a fault against its own roster, and show one of
// everything. The schema that editors check them by comes with it.
package starter

import (
	"embed"
	"io/fs"

	"github.com/onus-id/onus/internal/flow"
)

//go:embed files
var embedded embed.FS

// FS gives every file of the company: definitions, tests, feeds and the schema.
func FS() fs.FS {
	sub, err := fs.Sub(embedded, "files")
	if err != nil {
		panic("starter: " + err.Error()) // the folder is embedded above
	}
	return sub
}

// Files gives every file of the company in order of path: definitions, tests,
// feeds and the schema.
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
