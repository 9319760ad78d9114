package onus_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A goFile is a Go file of the house and what it imports.
type goFile struct {
	path    string
	folder  string // of its room
	test    bool
	imports []string
}

// faults judges files by a table. It is apart from the test so that the
// tests below can show it breaking each rule.
func faults(table []room, files []goFile) []string {
	var out []string
	fault := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	may := map[string][]string{}
	for _, r := range table {
		if _, twice := may[r.folder]; twice {
			fault("arch_test.go: %s has two lines in the table: join them", r.folder)
		}
		for up := range strings.FieldsSeq(r.mayImport) {
			switch {
			case may[up] == nil:
				fault("arch_test.go: %s may import %s, which does not stand above it in the table: imports point up", r.folder, up)
			case slices.Contains(doors, r.folder) && within(up, behindDoors):
				fault("arch_test.go: %s is a door and may not import %s: go through the room that owns the data", r.folder, up)
			case up == onlyForTests && !within(r.folder, "internal/demo"):
				fault("arch_test.go: %s may not import %s, which is for tests and the demo: start systems in a test file", r.folder, up)
			}
		}
		may[r.folder] = append([]string{}, strings.Fields(r.mayImport)...)
	}
	reach := closure(table)
	mustBePure := map[string]bool{}
	for _, p := range pure {
		mustBePure[p] = true
		for up := range reach[p] {
			mustBePure[up] = true
		}
	}
	exists := map[string]bool{}
	for _, f := range files {
		exists[f.folder] = true
	}
	for _, folder := range slices.Sorted(maps.Keys(exists)) {
		if may[folder] == nil {
			fault("%s is not in the table of arch_test.go: give it a line below everything it imports, and a place in docs/architecture.md", folder)
		}
	}
	for _, r := range table {
		if !exists[r.folder] {
			fault("arch_test.go: there is no Go package in %s: take its line out of the table", r.folder)
		}
	}
	for _, f := range files {
		if may[f.folder] == nil {
			continue
		}
		for _, imported := range f.imports {
			up, ours := inHouse(imported)
			switch {
			case ours && f.test:
				if !testMayImport(f.folder, up, reach) {
					fault("%s imports %s, which tests of %s may not: if they must, add it to testsMayAlso in arch_test.go", f.path, up, f.folder)
				}
			case ours:
				if !slices.Contains(may[f.folder], up) {
					fault("%s imports %s, which the table of arch_test.go does not let %s: declare the small interface you need, or change the table and say why in docs/adr", f.path, up, f.folder)
				}
			case f.test:
			case f.folder == "onus" && !isStandard(imported):
				fault("%s imports %s: the vocabulary imports only the standard library, so that outsiders can build on it", f.path, imported)
			case mustBePure[f.folder] && slices.Contains(impure, imported):
				fault("%s imports %s: %s only decides; let who calls it bring what it needs to know", f.path, imported, f.folder)
			default:
				for prefix, rooms := range mayKnow {
					if strings.HasPrefix(imported, prefix) && !slices.Contains(strings.Fields(rooms), f.folder) {
						fault("%s imports %s, which only %s may know (mayKnow in arch_test.go)", f.path, imported, rooms)
					}
				}
			}
		}
	}
	return out
}

func testMayImport(folder, up string, reach map[string]map[string]bool) bool {
	also := testsMayAlso[folder]
	if also == everything {
		return true
	}
	for _, from := range append(strings.Fields(testRooms+" "+also), folder) {
		if up == from || reach[from][up] {
			return true
		}
	}
	return false
}

// closure gives what every room reaches by the table.
func closure(table []room) map[string]map[string]bool {
	reach := map[string]map[string]bool{}
	for _, r := range table {
		reach[r.folder] = map[string]bool{}
		for up := range strings.FieldsSeq(r.mayImport) {
			reach[r.folder][up] = true
			maps.Copy(reach[r.folder], reach[up])
		}
	}
	return reach
}

func within(folder, top string) bool { return folder == top || strings.HasPrefix(folder, top+"/") }

// inHouse gives the folder of an import path of this module.
func inHouse(path string) (string, bool) {
	if path == module {
		return "onus", true
	}
	return strings.CutPrefix(path, module+"/")
}

// isStandard says whether an import path is the standard library's: its first
// part has no dot.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// parseHouse parses every Go file of the module, whatever its build tags.
func parseHouse(root string) ([]goFile, error) {
	var files []goFile
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skip(root, path, d.Name())
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		f := goFile{path: filepath.ToSlash(relative), folder: filepath.ToSlash(filepath.Dir(relative)), test: strings.HasSuffix(path, "_test.go")}
		if f.folder == "." {
			f.folder = "onus"
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			f.imports = append(f.imports, imported)
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

// skip leaves out the folders that the go command leaves out, and those of
// other modules.
func skip(root, path, name string) error {
	if path == root {
		return nil
	}
	if name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func TestTheTableCatchesEachBreach(t *testing.T) {
	table := []room{
		{"onus", ""},
		{"internal/flow", "onus"},
		{"internal/store", "onus"},
		{"internal/engine", "onus internal/store"},
		{"internal/engine/riverqueue", "internal/engine"},
		{"internal/cli", "onus internal/engine"},
	}
	// good is a house that keeps to the table.
	good := make([]goFile, 0, len(table))
	for _, r := range table {
		f := goFile{path: r.folder + "/a.go", folder: r.folder, imports: []string{"fmt"}}
		for up := range strings.FieldsSeq(r.mayImport) {
			f.imports = append(f.imports, importPath(up))
		}
		good = append(good, f)
	}
	if got := faults(table, good); len(got) != 0 {
		t.Fatalf("a house that keeps to the table has faults: %v", got)
	}
	file := func(folder, name string, imports ...string) []goFile {
		return append(slices.Clone(good), goFile{path: folder + "/" + name, folder: folder, test: strings.HasSuffix(name, "_test.go"), imports: imports})
	}
	for name, c := range map[string]struct {
		table []room
		files []goFile
		want  string
	}{
		"a package missing from the table": {table, file("internal/new", "a.go"), "internal/new is not in the table"},
		"a line for no package":            {append(slices.Clone(table), room{"internal/gone", ""}), good, "no Go package in internal/gone"},
		"two lines for one package":        {append(slices.Clone(table), room{"onus", ""}), good, "onus has two lines"},
		"a line that points down":          {append([]room{{"onus", "internal/flow"}}, table[1:]...), good, "imports point up"},
		"a line that opens a door to the store": {
			append(slices.Clone(table[:5]), room{"internal/cli", "onus internal/engine internal/store"}), good, "is a door",
		},
		"a line that lets the rig in": {
			append([]room{{"internal/rig", ""}}, append(slices.Clone(table[:5]), room{"internal/cli", "internal/rig"})...),
			append(slices.Clone(good), goFile{path: "internal/rig/a.go", folder: "internal/rig"}), "for tests and the demo",
		},
		"an import the table does not let":     {table, file("internal/flow", "b.go", importPath("internal/store")), "internal/flow/b.go imports internal/store"},
		"a door that imports the store":        {table, file("internal/cli", "b.go", importPath("internal/store")), "internal/cli/b.go imports internal/store"},
		"a test that imports what it may not":  {table, file("internal/flow", "b_test.go", importPath("internal/engine")), "tests of internal/flow may not"},
		"a vocabulary with a dependency":       {table, file("onus", "b.go", "example.org/uuid"), "only the standard library"},
		"a decider that opens the network":     {table, file("internal/flow", "b.go", "net/http"), "internal/flow only decides"},
		"a decider whose words open a file":    {table, file("onus", "b.go", "os"), "onus only decides"},
		"a room that knows the queue's engine": {table, file("internal/engine", "b.go", "github.com/riverqueue/river"), "only internal/engine/riverqueue may know"},
	} {
		t.Run(name, func(t *testing.T) {
			got := faults(c.table, c.files)
			if !slices.ContainsFunc(got, func(f string) bool { return strings.Contains(f, c.want) }) {
				t.Errorf("faults %q, want one that says %q", got, c.want)
			}
		})
	}
	for name, files := range map[string][]goFile{
		"a test may open the network":             file("internal/flow", "b_test.go", "net/http"),
		"a test may start a real system":          file("internal/flow", "b_test.go", importPath("connector/connectortest")),
		"a test may import what its room reaches": file("internal/cli", "b_test.go", importPath("internal/store")),
		"the queue's room may know its engine":    file("internal/engine/riverqueue", "b.go", "github.com/riverqueue/river"),
	} {
		t.Run(name, func(t *testing.T) {
			if got := faults(table, files); len(got) != 0 {
				t.Errorf("faults %q, want none", got)
			}
		})
	}
}

func importPath(folder string) string {
	if folder == "onus" {
		return module
	}
	return module + "/" + folder
}
