package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/postgres"
)

const somewhere = "postgres://onus@127.0.0.1:1/finance"

func TestSettingsAreChecked(t *testing.T) {
	for what, c := range map[string]struct {
		settings map[string]string
		says     string
	}{
		"no address":             {map[string]string{}, "url is missing"},
		"another address":        {map[string]string{"url": "mysql://x"}, "no address like"},
		"a broken address":       {map[string]string{"url": "postgres://onus@h:notaport/x"}, "no address like"},
		"a password in it":       {map[string]string{"url": "postgres://onus:hunter2@h/x"}, `secret "password"`},
		"a password behind it":   {map[string]string{"url": "postgres://onus@h/x?password=hunter2"}, `secret "password"`},
		"a password gone astray": {map[string]string{"url": "postgres://onus@h/x?sslmode=hunter2"}, "does not know"},
		"a misspelt setting":     {map[string]string{"url": somewhere, "prefix": "x"}, `no setting "prefix"`},
		"a bad scope":            {map[string]string{"url": somewhere, "scope": "all"}, "scope"},
		"a bad timeout":          {map[string]string{"url": somewhere, "timeout": "soon"}, "timeout"},
		"no timeout":             {map[string]string{"url": somewhere, "timeout": "0s"}, "timeout"},
		"too many connections":   {map[string]string{"url": somewhere, "connections": "1000"}, "connections"},
		"an impossible marker":   {map[string]string{"url": somewhere, "managed_by": ""}, "managed_by"},
		"a bad watch":            {map[string]string{"url": somewhere, "watch": "public.ledger:FLY"}, `"FLY" is no privilege`},
		"a table of no schema":   {map[string]string{"url": somewhere, "watch": "ledger:SELECT"}, "is not like"},
		"a bad effective":        {map[string]string{"url": somewhere, "effective": "public.ledger:SELECT"}, "table_privilege:"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := postgres.Open(c.settings, nil)
			if connector.KindOf(err) != connector.Invalid || err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("opening gives %v, want %q in it", err, c.says)
			}
			for cause := err; cause != nil; cause = errors.Unwrap(cause) {
				if strings.Contains(cause.Error(), "hunter2") {
					t.Errorf("the error repeats a password: %v", cause)
				}
			}
		})
	}
}

func FuzzWatch(f *testing.F) {
	for _, seed := range []string{
		"public.ledger:SELECT", "public.ledger:SELECT,INSERT; finance.pay:select ;", ";", "", ":", "a:SELECT", "a.b:", "a.b:DROP",
		`"a:b"."c d":SELECT`, "a.b:SELECT;;", "a.b\x00:SELECT", "table_privilege:a.b:SELECT", "table_privilege:",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, key := range []string{"watch", "effective"} {
			c, err := postgres.Open(map[string]string{"url": somewhere, key: text}, nil)
			if err != nil {
				if connector.KindOf(err) != connector.Invalid {
					t.Errorf("%s %q: %v", key, text, err)
				}
				continue
			}
			// What is accepted is nothing at all, or names a table and a privilege.
			empty := strings.Trim(text, "; \t\r\n\v\f\u0085\u00a0\u2028\u2029\u3000") == ""
			if !empty && strings.TrimSpace(strings.ReplaceAll(text, ";", "")) != "" && !strings.Contains(text, ".") {
				t.Errorf("%s accepts %q", key, text)
			}
			if closer, ok := c.(connector.Closer); ok {
				_ = closer.Close() // nothing was connected
			}
		}
	})
}

func TestTheSecretIsAskedForEachConnectionAndNeverShown(t *testing.T) {
	x := newTarget(t, nil)
	now := "wrong"
	var broken error
	open := func() connector.Connector {
		at := strings.LastIndexByte(x.url, '/')
		database, _, _ := strings.Cut(x.url[at+1:], "?")
		c, err := postgres.Open(map[string]string{"url": "postgres://onus@" + x.host + "/" + database + "?sslmode=disable"},
			func(name string) (string, error) {
				if name != "password" {
					t.Errorf("asked for the secret %q", name)
				}
				return now, broken
			})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := open()
	if err := c.Probe(t.Context()); connector.KindOf(err) != connector.Unauthenticated {
		t.Errorf("a wrong password: %v", err)
	}
	now = password // it was rotated
	if err := c.Probe(t.Context()); err != nil {
		t.Errorf("the new password: %v", err)
	}
	c, broken = open(), errors.New("the vault is sealed")
	if err := c.Probe(t.Context()); connector.KindOf(err) != connector.Unauthenticated || !errors.Is(err, broken) {
		t.Errorf("an unreadable secret: %v", err)
	}
	broken = onus.Errorf(onus.NotFound, "", "no such secret")
	if err := c.Probe(t.Context()); connector.KindOf(err) != connector.Unauthenticated {
		t.Errorf("no secret where one is needed: %v", err)
	}
}

// A server that cannot be reached, or goes away in the middle, has not
// carried anything out: until a commit is sent, nothing is ambiguous.
func TestWhatBreaksBeforeTheCommitIsSafeToRepeat(t *testing.T) {
	for _, part := range []string{"begin", "pg_advisory_xact_lock", "rolvaliduntil", "GRANT"} {
		t.Run(part, func(t *testing.T) {
			x := newTarget(t, nil)
			name, ref := x.person(t)
			want := membership(onus.EnsurePresent, ref, name, x.a)
			match := func(request []byte) bool { return strings.Contains(string(request), part) }
			for _, cut := range []func(func([]byte) bool){x.proxy.CutAnswer, x.proxy.CutRequest} {
				cut(match)
				x.refused(t, want, connector.Transient)
				if seen, _ := x.Seen(t, name); len(seen.Holds) > 0 {
					t.Fatalf("the oracle sees %v", seen.Holds)
				}
			}
			x.apply(t, want, connector.Wrote)
		})
	}
	t.Run("refused", func(t *testing.T) {
		x := newTarget(t, nil)
		name, ref := x.person(t)
		x.proxy.Refuse(true)
		want := membership(onus.EnsurePresent, ref, name, x.a)
		x.refused(t, want, connector.Transient)
		if _, err := x.c.Read(t.Context(), ref); connector.KindOf(err) != connector.Transient {
			t.Errorf("read: %v", err)
		}
		x.proxy.Refuse(false)
		x.apply(t, want, connector.Wrote)
	})
}

// The login is off and the connection breaks while the sessions are ended:
// half of it is done, and nobody may think that none of it is.
func TestADisableThatBrokeHalfWayIsAmbiguous(t *testing.T) {
	x := newTarget(t, nil)
	name, ref := x.person(t)
	alive := x.OpenSession(t, name)
	x.proxy.CutRequest(func(request []byte) bool { return strings.Contains(string(request), "pg_terminate_backend") })
	off := account(onus.EnsureDisabled, ref, name)
	x.refused(t, off, connector.Ambiguous)
	x.verify(t, off, false)
	if !alive() {
		t.Fatal("the session was ended: the test has lost its point")
	}
	x.apply(t, off, connector.Wrote)
	x.verify(t, off, true)
}

func TestAnEndedContextLeavesNothingBehind(t *testing.T) {
	x := newTarget(t, nil)
	name, ref := x.person(t)
	want := membership(onus.EnsurePresent, ref, name, x.a)
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		x.proxy.CutRequest(func(request []byte) bool {
			if strings.Contains(string(request), "GRANT") {
				cancel()
			}
			return false
		})
		_, err := x.c.Apply(ctx, want)
		cancel()
		if err != nil && connector.KindOf(err) != connector.Transient && connector.KindOf(err) != connector.Ambiguous {
			t.Errorf("an ended context: %v", err)
		}
		seen, _ := x.Seen(t, name)
		if err == nil || connector.KindOf(err) == connector.Ambiguous {
			x.sql(t, "REVOKE %s FROM %s GRANTED BY onus", x.a, name)
		} else if len(seen.Holds) > 0 {
			t.Errorf("told as not carried out (%v), and the oracle sees %v", err, seen.Holds)
		}
	}
}
