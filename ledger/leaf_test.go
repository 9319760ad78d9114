package ledger_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gowebpki/jcs"
	"pgregory.net/rapid"

	"github.com/onus-id/onus/ledger"
)

func anEvent() ledger.Event {
	return ledger.Event{
		Version: ledger.FormatVersion, ID: "evt_00000000000000000000000001", Time: time.Date(2026, 3, 2, 9, 0, 0, 120_000_000, time.UTC),
		Type: ledger.ChangeIntended, Actor: "engine", Owner: "idn_ana", Object: ledger.Object{Kind: "change", ID: "chg_1", Version: 2},
		Cause: "evt_0", Workflow: "joiner@3", Rule: "ledger-db", Inputs: []string{"sha256:aa", "sha256:bb"},
		Before: "hmac-sha256:00", After: "hmac-sha256:11", Notes: map[string]string{"system": "finance-db"},
	}
}

// The form of a leaf can never change for version 1: its bytes were signed.
func TestALeafHasThisForm(t *testing.T) {
	leaf, err := anEvent().Leaf()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"actor":"engine","after":"hmac-sha256:11","before":"hmac-sha256:00","cause":"evt_0",` +
		`"id":"evt_00000000000000000000000001","inputs":["sha256:aa","sha256:bb"],"notes":{"system":"finance-db"},` +
		`"object":{"id":"chg_1","kind":"change","version":"2"},"owner":"idn_ana","rule":"ledger-db",` +
		`"time":"2026-03-02T09:00:00.12Z","type":"change.intended","v":"1","workflow":"joiner@3"}`
	if string(leaf) != want {
		t.Errorf("got  %s\nwant %s", leaf, want)
	}
}

func drawEvent(t *rapid.T) ledger.Event {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"", "<&>", "\x00\x01\x1f", "\"\\/\b\f\n\r\t", "\u2028\u2029\x7f", "\U0001F600", "\uE000", "é",
	}))
	some := text.Filter(func(s string) bool { return s != "" })
	e := ledger.Event{
		Version: ledger.FormatVersion, ID: some.Draw(t, "id"), Type: ledger.Type(some.Draw(t, "type")), Actor: some.Draw(t, "actor"),
		Owner: text.Draw(t, "owner"), Cause: text.Draw(t, "cause"), Workflow: text.Draw(t, "workflow"), Rule: text.Draw(t, "rule"),
		Before: text.Draw(t, "before"), After: text.Draw(t, "after"),
		Object: ledger.Object{Kind: some.Draw(t, "kind"), ID: some.Draw(t, "object"), Version: rapid.Int64Min(1).Draw(t, "version")},
		Time:   time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "sec"), rapid.Int64Range(0, 999999999).Draw(t, "ns")).UTC(),
	}
	if n := rapid.IntRange(0, 3).Draw(t, "inputs"); n > 0 {
		for range n {
			e.Inputs = append(e.Inputs, text.Draw(t, "input"))
		}
	}
	if n := rapid.IntRange(0, 4).Draw(t, "notes"); n > 0 {
		e.Notes = map[string]string{}
		for range n {
			e.Notes[text.Draw(t, "note")] = text.Draw(t, "value")
		}
	}
	return e
}

// Leaf is written by hand; an independent implementation of RFC 8785 gives the
// same bytes for every event, and reading them gives the event back.
func TestLeafIsCanonicalJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvent(t)
		leaf, err := e.Leaf()
		if err != nil {
			t.Fatal(err)
		}
		plain, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		want, err := jcs.Transform(plain)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(leaf, want) {
			t.Fatalf("got  %s\nwant %s", leaf, want)
		}
		back, err := ledger.ParseLeaf(leaf)
		if err != nil {
			t.Fatal(err)
		}
		again, err := back.Leaf()
		if err != nil || !bytes.Equal(again, leaf) {
			t.Fatalf("read back: %s, %v", again, err)
		}
	})
}

func TestAnEventThatIsNoneIsNotWritten(t *testing.T) {
	for name, spoil := range map[string]func(*ledger.Event){
		"another format":  func(e *ledger.Event) { e.Version = "2" },
		"no id":           func(e *ledger.Event) { e.ID = "" },
		"no type":         func(e *ledger.Event) { e.Type = "" },
		"nobody acted":    func(e *ledger.Event) { e.Actor = "" },
		"no object":       func(e *ledger.Event) { e.Object.ID = "" },
		"version 0":       func(e *ledger.Event) { e.Object.Version = 0 },
		"the year 10000":  func(e *ledger.Event) { e.Time = e.Time.AddDate(8000, 0, 0) },
		"not UTF-8":       func(e *ledger.Event) { e.Rule = "\xff" },
		"a note no UTF-8": func(e *ledger.Event) { e.Notes = map[string]string{"\xc3\x28": ""} },
		"too long":        func(e *ledger.Event) { e.Rule = strings.Repeat("x", ledger.MaxLeaf) },
	} {
		t.Run(name, func(t *testing.T) {
			e := anEvent()
			spoil(&e)
			if leaf, err := e.Leaf(); err == nil {
				t.Errorf("wrote %.200s", leaf)
			}
		})
	}
}

func TestALeafHasOneFormOnly(t *testing.T) {
	leaf, err := anEvent().Leaf()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string][2]string{
		"a space":             {`,"id"`, `, "id"`},
		"an unknown field":    {`{"actor"`, `{"aaa":"","actor"`},
		"a field twice":       {`{"actor"`, `{"actor":"engine","actor"`},
		"another case":        {`"actor"`, `"Actor"`},
		"another order":       {`"before":"hmac-sha256:00","cause":"evt_0"`, `"cause":"evt_0","before":"hmac-sha256:00"`},
		"an empty field":      {`"rule":"ledger-db"`, `"rule":""`},
		"a null":              {`"rule":"ledger-db"`, `"rule":null`},
		"an escaped letter":   {`ledger-db`, `\u006cedger-db`},
		"a number":            {`"version":"2"`, `"version":2`},
		"a padded number":     {`"version":"2"`, `"version":"02"`},
		"a padded time":       {`00.12Z`, `00.120Z`},
		"another zone":        {`00.12Z`, `00.12+00:00`},
		"no UTF-8":            {`ledger-db`, "ledger-\xff"},
		"something after it":  {`joiner@3"}`, `joiner@3"}{}`},
		"a line after it":     {`joiner@3"}`, "joiner@3\"}\n"},
		"an object's unknown": {`{"id":"chg_1"`, `{"aa":"","id":"chg_1"`},
	} {
		t.Run(name, func(t *testing.T) {
			other := strings.Replace(string(leaf), c[0], c[1], 1)
			if other == string(leaf) {
				t.Fatal("the case changes nothing")
			}
			if _, err := ledger.ParseLeaf([]byte(other)); err == nil {
				t.Errorf("took %s", other)
			}
		})
	}
	if _, err := ledger.ParseLeaf(leaf); err != nil {
		t.Error(err)
	}
}

// What ParseLeaf takes is what Leaf writes, byte for byte, and canonical.
func FuzzParseLeaf(f *testing.F) {
	leaf, err := anEvent().Leaf()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(leaf)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"actor":"a","id":"i","object":{"id":"o","kind":"k","version":"1"},"time":"0001-01-01T00:00:00Z","type":"t","v":"1"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := ledger.ParseLeaf(data)
		if err != nil {
			return
		}
		again, err := e.Leaf()
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("took %q and wrote %q, %v", data, again, err)
		}
		if canonical, err := jcs.Transform(data); err != nil || !bytes.Equal(canonical, data) {
			t.Errorf("took %q, which is %q, %v", data, canonical, err)
		}
	})
}

// RFC 4231, test case 2: our commitment is plain HMAC-SHA256.
func TestCommitIsHMAC(t *testing.T) {
	const want = "hmac-sha256:5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	if got := ledger.Commit([]byte("Jefe"), []byte("what do ya want for nothing?")); got != want {
		t.Errorf("got %s", got)
	}
}

func TestEveryTypeIsExplained(t *testing.T) {
	for name, m := range ledger.Types {
		if m.When == "" || m.Actor == "" || !strings.Contains(string(name), ".") {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func BenchmarkLeaf(b *testing.B) {
	e := anEvent()
	b.Run("by hand", func(b *testing.B) {
		for b.Loop() {
			if _, err := e.Leaf(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by transformation", func(b *testing.B) {
		for b.Loop() {
			plain, err := json.Marshal(e)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := jcs.Transform(plain); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse", func(b *testing.B) {
		leaf, err := e.Leaf()
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := ledger.ParseLeaf(leaf); err != nil {
				b.Fatal(err)
			}
		}
	})
}
