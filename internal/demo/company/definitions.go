package company

import (
	"embed"
	"io/fs"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

//go:embed definitions definitions-real
var folders embed.FS

// Setup is what the definitions leave open: where this machine's demo runs.
type Setup struct {
	Real         bool   // on an LDAP directory and PostgreSQL, not on the embedded SCIM directory and SQL application
	Operator     string // the operating-system user who acts as an escalation head
	DirectoryURL string // of corp-directory
	Ledger       string // of finance-ledger: the SQL application's file, or an address of PostgreSQL
	Secrets      string // folder of the files directory-token and directory-password
}

// The files that the definitions read, relative to their folder.
const (
	RosterPath   = "feeds/hr.csv"
	RegisterPath = "feeds/nhi.csv"
)

// Definitions gives the files of the company's folder of definitions, tests
// included, in order of path.
func Definitions(s Setup) ([]flow.File, error) {
	fill := strings.NewReplacer(
		"${operator}", quoted(s.Operator), "${directory_url}", quoted(s.DirectoryURL),
		"${ledger}", quoted(s.Ledger), "${secrets}", quoted(s.Secrets),
	)
	var files []flow.File
	err := fs.WalkDir(folders, "definitions", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		inFolder := strings.TrimPrefix(path, "definitions/")
		text, err := folders.ReadFile(path)
		if err != nil {
			return err
		}
		if s.Real {
			if other, err := folders.ReadFile("definitions-real/" + inFolder); err == nil {
				text = other
			}
		}
		files = append(files, flow.File{Path: inFolder, Text: fill.Replace(string(text))})
		return nil
	})
	return files, err
}

// quoted makes a value fit within YAML's single quotes.
func quoted(value string) string { return strings.ReplaceAll(value, "'", "''") }

// Catalogue names what the company grants on a system, without its kind:
// "everyone" for group:everyone. Whoever starts the system furnishes it so.
func Catalogue(system onus.SystemName) ([]string, error) {
	files, err := Definitions(Setup{Operator: "nobody"})
	if err != nil {
		return nil, err
	}
	files = slices.DeleteFunc(files, func(f flow.File) bool { return strings.HasSuffix(f.Path, "_test.yaml") })
	program, faults := flow.Compile(files, nil)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	var names []string
	for key := range program.Entitlements {
		if key.System == system {
			_, name, _ := strings.Cut(key.Name, ":")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
