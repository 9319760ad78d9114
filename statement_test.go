package onus_test

import (
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
)

func aStatement() onus.Statement {
	return onus.Statement{
		Log: "onus.log/main", Act: "approve", Object: "approval apr_4f", About: onus.DigestOf([]byte("plan")), Said: onus.SaidDigest("00", "why", nil),
		Person: "idn_ana", At: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), Nonce: strings.Repeat("0", 64),
	}
}

func TestAStatementHasOneForm(t *testing.T) {
	want := aStatement()
	got, err := onus.ParseStatement(want.Text())
	if err != nil || got != want {
		t.Errorf("read back as %+v: %v", got, err)
	}
	for name, text := range map[string]string{
		"nothing":        "",
		"no end":         strings.TrimSuffix(want.Text(), "\n"),
		"one line more":  want.Text() + "act deny\n",
		"another order":  strings.Replace(want.Text(), "act approve\nobject approval apr_4f", "object approval apr_4f\nact approve", 1),
		"another time":   strings.Replace(want.Text(), "2026-03-01T09:00:00Z", "2026-03-01T10:00:00+01:00", 1),
		"half a second":  strings.Replace(want.Text(), "09:00:00Z", "09:00:00.5Z", 1),
		"carriage":       strings.ReplaceAll(want.Text(), "\n", "\r\n"),
		"another header": strings.Replace(want.Text(), "v1", "v2", 1),
	} {
		if s, err := onus.ParseStatement(text); err == nil {
			t.Errorf("%s is read as %+v", name, s)
		}
	}
	smuggled := want
	smuggled.Act = "deny\nobject approval apr_4f"
	if _, err := onus.ParseStatement(smuggled.Text()); err == nil {
		t.Error("a field holds a line of its own")
	}
}

func TestTheReasonIsBoundUnderTheNonce(t *testing.T) {
	a := onus.SaidDigest("n", "reason", map[string]string{"manager": "10002"})
	for _, b := range []onus.Digest{
		onus.SaidDigest("m", "reason", map[string]string{"manager": "10002"}), onus.SaidDigest("n", "reasons", map[string]string{"manager": "10002"}),
		onus.SaidDigest("n", "reason", nil), onus.SaidDigest("nr", "eason", map[string]string{"manager": "10002"}),
	} {
		if a == b {
			t.Error("two reasons have one digest")
		}
	}
}

func FuzzParseStatement(f *testing.F) {
	f.Add(aStatement().Text())
	f.Add("onus decision v1\n")
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := onus.ParseStatement(text); err == nil && s.Text() != text {
			t.Errorf("%q is read, and written as %q", text, s.Text())
		}
	})
}
