package server_test

import (
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

func TestEveryFaultOfAListOfErrorsIsNamedAtOnce(t *testing.T) {
	_, err := server.ReadErrorReports(strings.NewReader("who,what,should-hold,at\nana,group:a,maybe,\n,group:a,true,\nana,group:a,true,soon\nana,group:a\nana,group:a,true,2026-03-01\n"))
	if onus.KindOf(err) != onus.Invalid {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{`line 2: should-hold is true or false, and not "maybe"`, "line 3: it lacks who or what", `line 4: "soon" is no time`, "line 5: it has 2 fields"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "line 6") {
		t.Errorf("what is right is a fault too: %v", err)
	}
	for text, want := range map[string]string{
		"":                            "no list of access errors",
		"what,who,should-hold":        "no list of access errors",
		"who,what,should-hold":        "it lists none",
		"who,what,should-hold\na,\"b": "quote",
		"who,what,should-hold\n" + strings.Repeat("a,b,true\n", server.MostErrors+1): "too many at once",
	} {
		if _, err := server.ReadErrorReports(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	got, err := server.ReadErrorReports(strings.NewReader("\ufeffwho, what, should-hold,at,reason\nana, group:a ,false,2026-03-01T09:00:00Z,\"seen, twice\"\n"))
	if err != nil || len(got) != 1 || got[0].Who != "ana" || got[0].What != "group:a" || got[0].ShouldHold || got[0].At.IsZero() || got[0].Reason != "seen, twice" {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzAListOfErrorsIsReadOrRefused(f *testing.F) {
	for _, s := range []string{"who,what,should-hold\na,b,true\n", "who,what,should-hold,at,reason\na,b,1,2026-03-01,x\n", "\"", "who,what,should-hold\n\n,,\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := server.ReadErrorReports(strings.NewReader(text))
		if (err == nil) != (len(all) > 0) && err == nil {
			t.Fatal("it gives nothing, and no error")
		}
		if err != nil && onus.KindOf(err) != onus.Invalid {
			t.Fatalf("%v", err)
		}
		for _, r := range all {
			if err == nil && (r.Who == "" || r.What == "") {
				t.Fatalf("%+v", r)
			}
		}
	})
}
