package flow

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

const (
	extension     = ".yaml"
	testExtension = "_test.yaml"
)

// isCalendar tells a calendar that a rota may name from a document.
func isCalendar(path string) bool {
	return strings.HasSuffix(path, ".ics") || strings.HasSuffix(path, "_rota.csv")
}

// ReadDir reads every definition file under a folder, in order of path: all
// *.yaml but *_test.yaml, files of signers, and the calendars of rotas (*.ics,
// *_rota.csv). Folders whose name begins with a dot are left out.
func ReadDir(fsys fs.FS) ([]File, error) {
	return readDir(fsys, IsDefinition)
}

// IsDefinition says whether a file of a folder is one that ReadDir reads.
func IsDefinition(path string) bool {
	return strings.HasSuffix(path, extension) && !strings.HasSuffix(path, testExtension) || isSigners(path) || isCalendar(path)
}

// ReadTests reads every *_test.yaml under a folder, in order of path.
func ReadTests(fsys fs.FS) ([]File, error) {
	return readDir(fsys, func(path string) bool { return strings.HasSuffix(path, testExtension) })
}

// maxFile is the largest file that is read: a definition beyond it is a slip.
const maxFile = 4 << 20

func readDir(fsys fs.FS, want func(path string) bool) ([]File, error) {
	var files []File
	err := fs.WalkDir(fsys, ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != "." && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case entry.IsDir() || !want(path):
			return nil
		}
		info, err := fs.Stat(fsys, path)
		if err != nil {
			return err
		}
		if info.Size() > maxFile {
			return fmt.Errorf("%s is larger than %d bytes", path, maxFile)
		}
		text, err := fs.ReadFile(fsys, path)
		if err != nil {
			return err
		}
		files = append(files, File{Path: path, Text: string(text)})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the definitions: %w", err)
	}
	slices.SortFunc(files, byPath)
	return files, nil
}

func byPath(a, b File) int { return strings.Compare(a.Path, b.Path) }
