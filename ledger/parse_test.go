package ledger_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/onus-id/onus/ledger"
)

// agree holds the reader of one pass against the one that writes again.
func agree(t interface{ Errorf(string, ...any) }, leaf []byte) (taken bool) {
	fast, ok := ledger.Read(leaf)
	slow, err := ledger.Decode(leaf)
	switch {
	case len(leaf) > ledger.MaxLeaf: // refused before either is asked
	case ok != (err == nil):
		t.Errorf("read in one pass: %v; written again: %v\n%q", ok, err, leaf)
	case ok && !reflect.DeepEqual(fast, slow):
		t.Errorf("%q\nin one pass: %#v\nwritten again: %#v", leaf, fast, slow)
	}
	return ok
}

// Pieces that a leaf is made of, or that somebody might put into one.
var tricks = []string{
	`"`, `\`, `{`, `}`, `[`, `]`, `,`, `:`, ` `, "\n", "\x00", "\x7f", "\xff", "\xc3", "é", "\xed\xa0\x80", "\U0001F600", "\uE000",
	`\n`, `\u000a`, `\u001F`, `\u001f`, `\u0000`, `\u0020`, `\u0061`, `\/`, `\"`, `\\`, `\u00`, `\u2028`, `\ud83d\ude00`, `\ud83d`,
	`null`, `""`, `"",`, `0`, `1`, `-1`, `9223372036854775807`, `9223372036854775808`, `1e0`, `true`, `[]`, `{}`,
	`"actor":`, `"Actor":`, `"after":""`, `,"before":"x"`, `,"cause":"c"`, `,"inputs":["a"]`, `,"inputs":[]`, `,"notes":{}`,
	`,"notes":{"a":"","b":""}`, `,"notes":{"b":"","a":""}`, `,"notes":{"a":"","a":""}`, `,"notes":{"\uE000":"","😀":""}`, `,"notes":{"😀":"","":""}`,
	`,"owner":null`, `,"rule":"r"`, `,"v":"1"`, `"version":"01"`, `"version":""`, `.120Z`, `Z`, `+00:00`, `24:00:00`, `0000-`, `,`,
}

// Whatever is done to a leaf, both readers say the same of it; and what Leaf
// writes needs one pass only.
func TestBothReadersOfLeavesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaf, err := drawEvent(t).Leaf()
		if err != nil {
			t.Fatal(err)
		}
		if !agree(t, leaf) {
			t.Fatalf("not read in one pass: %q", leaf)
		}
		for range rapid.IntRange(1, 3).Draw(t, "edits") {
			from := rapid.IntRange(0, len(leaf)).Draw(t, "from")
			to := min(len(leaf), from+rapid.IntRange(0, 12).Draw(t, "length"))
			leaf = slices.Concat(leaf[:from], []byte(rapid.SampledFrom(tricks).Draw(t, "piece")), leaf[to:])
			agree(t, leaf)
		}
	})
}

// Every leaf with any byte changed to any other, left out, or put in.
func TestBothReadersAgreeOnEveryByte(t *testing.T) {
	e := anEvent()
	e.Notes = map[string]string{"a\n": "\x01", "b": "é\\"}
	leaf, err := e.Leaf()
	if err != nil {
		t.Fatal(err)
	}
	for i := range leaf {
		for c := range 256 {
			for _, other := range [][]byte{
				slices.Concat(leaf[:i], []byte{byte(c)}, leaf[i+1:]), slices.Concat(leaf[:i], []byte{byte(c)}, leaf[i:]),
			} {
				agree(t, other)
			}
		}
		agree(t, slices.Concat(leaf[:i], leaf[i+1:]))
		agree(t, leaf[:i])
	}
}

// Each piece in each place of a leaf with all fields and of one with few.
func TestBothReadersAgreeOnEveryPiece(t *testing.T) {
	all := anEvent()
	few := ledger.Event{Version: all.Version, ID: all.ID, Time: all.Time, Type: all.Type, Actor: all.Actor, Object: all.Object}
	for _, e := range []ledger.Event{all, few} {
		leaf, err := e.Leaf()
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(leaf) + 1 {
			for _, piece := range tricks {
				agree(t, slices.Concat(leaf[:i], []byte(piece), leaf[i:]))
				agree(t, slices.Concat(leaf[:i], []byte(piece), leaf[min(len(leaf), i+len(piece)):]))
			}
		}
	}
}

func TestTheLongestLeafIsRead(t *testing.T) {
	e := anEvent()
	leaf, err := e.Leaf()
	if err != nil {
		t.Fatal(err)
	}
	e.Rule += strings.Repeat("x", ledger.MaxLeaf-len(leaf))
	if leaf, err = e.Leaf(); err != nil || len(leaf) != ledger.MaxLeaf {
		t.Fatalf("%d bytes, %v", len(leaf), err)
	}
	if got, err := ledger.ParseLeaf(leaf); err != nil || got.Rule != e.Rule {
		t.Errorf("not read: %v", err)
	}
	if _, err := ledger.ParseLeaf(bytes.Replace(leaf, []byte("xx"), []byte("xxx"), 1)); err == nil {
		t.Error("one byte more was taken")
	}
}

func FuzzBothReadersAgree(f *testing.F) {
	leaf, err := anEvent().Leaf()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(leaf)
	for _, p := range tricks {
		f.Add([]byte(strings.Replace(string(leaf), `,"id"`, p+`,"id"`, 1)))
		f.Add([]byte(strings.Replace(string(leaf), `finance-db`, p, 1)))
	}
	f.Fuzz(func(t *testing.T, data []byte) { agree(t, data) })
}
