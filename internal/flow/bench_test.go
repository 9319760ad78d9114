package flow_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/onus-id/onus/internal/flow"
)

// big is a company of many workflows, no two of which say the same.
func big(b *testing.B, workflows int) []flow.File {
	b.Helper()
	var joiner string
	files := base(b)
	for _, f := range files {
		if f.Path == "joiner.yaml" {
			joiner = f.Text
		}
	}
	for i := range workflows {
		text := strings.Replace(joiner, "name: joiner", fmt.Sprintf("name: joiner-%d", i), 1)
		text = strings.Replace(text, `change.kind == "joined"`, fmt.Sprintf(`change.kind == "joined" && subject.grade != %d`, i), 1)
		text = strings.Replace(text, `subject.grade >= 4`, fmt.Sprintf(`subject.grade >= %d`, i+1000), 1)
		text = strings.Replace(text, `'subject.mail'`, fmt.Sprintf(`'subject.mail + "%d"'`, i), 1)
		for j := range 5 {
			text += fmt.Sprintf("  - id: more-%d\n    when: 'subject.department == \"D%d\" && subject.grade < %d'\n"+
				"    grant: {system: corp-ldap, entitlement: 'group:Sales'}\n    confirm: 2m\n", j, j, i)
		}
		files = append(files, flow.File{Path: fmt.Sprintf("many/w%03d.yaml", i), Text: text})
	}
	return files
}

// The figure to keep: 500 workflows parsed and checked in under two seconds.
func BenchmarkCompile500(b *testing.B) {
	files := big(b, 500)
	roster := people()
	for b.Loop() {
		if _, faults := flow.Compile(files, roster); len(faults) > 0 {
			b.Fatal(faults[0])
		}
	}
}
