package planning_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
)

// ballot is a request for ana's access, with everybody whom it may concern.
func ballot(need int, of ...string) planning.Ballot {
	roster := map[string]onus.Identity{
		"ana":    {ID: "idn_ana", Kind: onus.Person, State: onus.Active},
		"bea":    {ID: "idn_bea", Kind: onus.Person, State: onus.Active},
		"cem":    {ID: "idn_cem", Kind: onus.Person, State: onus.Active},
		"cem.2":  {ID: "idn_cem", Kind: onus.Person, State: onus.Active}, // the same person by another address
		"author": {ID: "idn_author", Kind: onus.Person, State: onus.Active},
		"gone":   {ID: "idn_gone", Kind: onus.Person, State: onus.Left},
		"soon":   {ID: "idn_soon", Kind: onus.Person, State: onus.Expected},
		"bot":    {ID: "idn_bot", Kind: onus.NonHuman, State: onus.Active},
	}
	return planning.Ballot{
		Approval: onus.Approval{State: onus.ApprovalAsked, Plan: "sha256:1", Identity: "idn_ana", Need: need, Of: of},
		Authors:  []string{"author"},
		Person: func(mail string) (onus.Identity, bool) {
			who, known := roster[strings.ToLower(mail)]
			return who, known
		},
	}
}

func yes(b planning.Ballot, mails ...string) planning.Ballot {
	for _, m := range mails {
		who, _ := b.Person(m)
		b.Answers = append(b.Answers, onus.Answer{Person: m, Who: who.ID, Yes: true, Plan: b.Plan})
	}
	return b
}

func TestWhoMayAnswer(t *testing.T) {
	b := ballot(1, "ana", "bea", "cem", "cem.2", "author", "gone", "soon", "bot", "nobody")
	for mail, want := range map[string]string{
		"bea": "", "BEA": "", "cem": "", "cem.2": "",
		"ana": "own access", "author": "asked for it", "gone": "not active", "soon": "not active", "bot": "no person",
		"nobody": "nobody on the roster", "stranger": "was not asked",
	} {
		if bar := b.Bars(mail); want == "" && bar != "" || !strings.Contains(bar, want) {
			t.Errorf("%s: %q, want %q", mail, bar, want)
		}
	}
	if got := b.Eligible(); !slices.Equal(got, []string{"bea", "cem"}) {
		t.Errorf("%v may answer, want each person once", got)
	}
}

func TestWhenItIsEnough(t *testing.T) {
	for name, c := range map[string]struct {
		b               planning.Ballot
		enough, lacking bool
	}{
		"nobody said yes":                   {ballot(1, "bea"), false, false},
		"one of one":                        {yes(ballot(1, "bea"), "bea"), true, false},
		"one of two":                        {yes(ballot(2, "bea", "cem"), "bea"), false, false},
		"two of two":                        {yes(ballot(2, "bea", "cem"), "bea", "cem"), true, false},
		"one person twice":                  {yes(ballot(2, "bea", "cem"), "bea", "bea"), false, false},
		"one person by two addresses":       {yes(ballot(2, "bea", "cem", "cem.2"), "cem", "cem.2"), false, false},
		"only one behind two addresses":     {ballot(2, "cem", "cem.2"), false, true},
		"the subject":                       {yes(ballot(1, "ana"), "ana"), false, true},
		"who put the record right":          {yes(ballot(1, "author"), "author"), false, true},
		"who left after the yes":            {yes(ballot(1, "gone", "bea"), "gone"), false, false},
		"who left, with nobody else":        {yes(ballot(2, "gone", "bea"), "gone", "bea"), false, true},
		"no need is one":                    {ballot(0, "bea"), false, false},
		"nobody at all":                     {ballot(0), false, true},
		"a yes to another plan":             {withPlan(yes(ballot(1, "bea"), "bea"), "sha256:2"), false, false},
		"a yes of the address's last owner": {withWho(yes(ballot(1, "bea"), "bea"), "idn_other"), false, false},
	} {
		if got := c.b.Enough(); got != c.enough {
			t.Errorf("%s: enough is %v", name, got)
		}
		if got := c.b.Lacking(); got != c.lacking {
			t.Errorf("%s: lacking is %v", name, got)
		}
	}
}

func withPlan(b planning.Ballot, plan onus.Digest) planning.Ballot {
	b.Plan = plan
	return b
}

func withWho(b planning.Ballot, who onus.IdentityID) planning.Ballot {
	b.Answers[0].Who = who
	return b
}

func TestWhomItClimbsTo(t *testing.T) {
	b := ballot(1, "bea")
	if got := b.AskAlso([]string{"ana", "bea", "BEA", "gone", "cem", "cem", "author", "bot"}); !slices.Equal(got, []string{"cem"}) {
		t.Errorf("it climbs to %v", got)
	}
	if len(b.Also) != 0 {
		t.Error("asking whom to ask asked them")
	}
}
