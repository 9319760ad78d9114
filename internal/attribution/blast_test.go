package attribution_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/store"
)

// blast judges, and finds who else.
func (c *company) blast(e onus.AccessError) (b attribution.Blast) {
	c.Helper()
	v := c.judge(e)
	e.Verdict = &v
	c.must(c.store.View(c.Context(), func(r store.Reader) (err error) {
		b, err = attribution.NewPast(r).Blast(c.Context(), e)
		return err
	}))
	return b
}

func whom(b attribution.Blast) string {
	all := make([]string, 0, len(b.Hits))
	for _, h := range b.Hits {
		all = append(all, h.Identity+" "+h.Says)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func TestWhoElseHasItIsFoundByReplayAndNotByLikeness(t *testing.T) {
	base, err := txtar.ParseFile("testdata/company/acme.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ story, question, hits string }{
		// Ben holds the same by right: he is in finance.
		"wrong logic": {
			"run\nwait 1h\nchange subject.department == \"finance\" => subject.department in [\"finance\", \"sales\"]\nroster ana sales\nroster cem sales\nroster ben finance\nrun",
			"who ana\nwhat group:finance\nshould-not-hold", "ana present dir group:finance\ncem present dir group:finance",
		},
		// Of those who came with the read, two were put right later.
		"wrong record": {
			"roster ana finance\nroster cem finance\nroster ben finance\nrun\nwait 24h\nroster ana sales\nroster cem sales\nrun",
			"who ana\nwhat group:finance\nshould-not-hold\nat 1h\nright department=sales", "ana present dir group:finance\ncem present dir group:finance",
		},
		"out of band": {"roster ana sales\nrun\nput ana group:finance\nrun", "who ana\nwhat group:finance\nshould-not-hold", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCompany(t, part(base, "acme.yaml"))
			for line := range strings.Lines(tc.story) {
				c.tell(strings.TrimSpace(line))
			}
			b := c.blast(c.question(tc.question))
			if got := whom(b); got != tc.hits || len(b.Reverse) != len(b.Hits) || len(b.Cause) == 0 {
				t.Errorf("it is\n%s\nof %q, undone by %q, and should be\n%s", got, b.Cause, b.Reverse, tc.hits)
			}
		})
	}
}
