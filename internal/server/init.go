package server

import (
	"os"
	"path/filepath"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow/starter"
)

// Init writes the starter company into a new folder, and gives the names of
// the files. A folder that has anything in it is left alone.
func Init(dir string) ([]string, error) {
	if found, err := os.ReadDir(dir); err == nil && len(found) > 0 {
		return nil, onus.Errorf(onus.Conflict, "name a folder that does not exist yet", "%s has %d files in it already", dir, len(found))
	}
	var names []string
	for _, f := range starter.Files() {
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			return nil, onus.Errorf(onus.Invalid, "", "make the folder: %w", err)
		}
		if err := os.WriteFile(name, []byte(f.Text), 0o600); err != nil {
			return nil, onus.Errorf(onus.Invalid, "", "write the starter company: %w", err)
		}
		names = append(names, name)
	}
	return names, nil
}
