package cli_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus/internal/cli"
)

// Every command there is stands in docs/remote.md where it works, and works
// there: a new one cannot be forgotten.
func TestEveryCommandSaysWhereItWorks(t *testing.T) {
	told := map[string]string{} // by command
	text, err := os.ReadFile("../../docs/remote.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{"at a server or in a data folder", "only where Onus keeps its data", "without data of Onus"} {
		_, rest, found := strings.Cut(string(text), "\n### "+strings.ToUpper(where[:1])+where[1:]+"\n")
		if !found {
			t.Fatalf("docs/remote.md does not say what works %s", where)
		}
		rest, _, _ = strings.Cut(rest, "\n#")
		for _, name := range regexp.MustCompile("`onus ([^`]+)`").FindAllStringSubmatch(rest, -1) {
			if told[name[1]] != "" {
				t.Errorf("docs/remote.md has %s twice", name[1])
			}
			told[name[1]] = where
		}
	}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		if name := strings.TrimPrefix(cmd.CommandPath(), "onus "); cmd.Annotations["group"] == "" {
			where := cli.PlaceOf(cmd)
			if told[name] != where {
				t.Errorf("docs/remote.md says that %s works %q; it works %q", name, told[name], where)
			}
			delete(told, name)
			err := cli.Refused(cmd)
			if refused := err != nil; refused != (where == "only where Onus keeps its data") {
				t.Errorf("%s, which works %s, says to a server: %v", name, where, err)
			}
			if err != nil && err.Error() != name+" works only where Onus keeps its data" {
				t.Errorf("%s says to a server: %v", name, err)
			}
		}
	}
	walk(cli.Tree())
	for _, name := range slices.Sorted(maps.Keys(told)) {
		t.Errorf("docs/remote.md has %s, and there is no such command", name)
	}
}
