package notify_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/notify"
	"github.com/onus-id/onus/internal/rig"
)

var words = notify.Words{Organisation: "Acme", Links: "https://onus.acme.example/", Zone: time.UTC}

func noSecret(string) (string, error) { return "", nil }

// aMessage asks ana for something, with all that could go wrong in a text.
func aMessage() notify.Message {
	return notify.Message{ID: "ntc_4f2a", Made: monday, Person: ana, To: ana, Asks: []notify.Ask{{
		Matter: onus.Matter{Event: "evt_1", Type: "exception.opened", Kind: "exception", ID: "exc_1"}, People: []string{ana},
		Title: "Exception: unconfirmed on directory\r\nBcc: everybody@acme.example", Says: []string{"Zoë <script>alert(1)</script> is not there"},
		Until: monday.Add(time.Hour), Then: "then omar@acme.example is asked", Path: "/exceptions/exc_1",
		Acts:  []notify.Act{{Name: "See it", Command: "onus exceptions show exc_1"}},
		Facts: []notify.Fact{{Name: "system", Value: "directory"}},
	}}}
}

func mailer(t *testing.T, port, ca, policy string) *notify.Mailer {
	t.Helper()
	m, err := notify.OpenMail(map[string]string{"host": "127.0.0.1", "port": port, "from": "onus@acme.example", "tls": policy, "ca_file": ca}, noSecret, words)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A real SMTP server, which wants STARTTLS, shows what people read.
func TestMailArrives(t *testing.T) {
	pit := rig.NeedMailpit(t)
	m := mailer(t, pit.SMTPPort, pit.CA, "required")
	for range 2 { // as after a crash: the same ID lets the receiver drop one
		if _, err := m.Send(t.Context(), aMessage()); err != nil {
			t.Fatal(err)
		}
	}
	got := pit.Received(t)
	if len(got) != 2 || got[0].MessageID != "ntc_4f2a@acme.example" || got[1].MessageID != got[0].MessageID {
		t.Fatalf("received were %+v", got)
	}
	mail := got[0]
	if want := "[Onus] Exception: unconfirmed on directory Bcc: everybody@acme.example (until 2026-03-02 10:00 UTC)"; mail.Subject != want {
		t.Errorf("the subject is %q", mail.Subject)
	}
	for _, want := range []string{
		"From:  you, ana@acme.example", "Until: 2026-03-02 10:00 UTC, then omar@acme.example is asked", "Zoë", "See it: onus exceptions show exc_1",
		"Open: https://onus.acme.example/exceptions/exc_1",
	} {
		if !strings.Contains(mail.Text, want) {
			t.Errorf("the text lacks %q:\n%s", want, mail.Text)
		}
	}
	if strings.Contains(mail.HTML, "<script>") || !strings.Contains(mail.HTML, "Zoë &lt;script&gt;") || !strings.Contains(mail.HTML, `href="https://onus.acme.example/exceptions/exc_1"`) {
		t.Errorf("the HTML is\n%s", mail.HTML)
	}
	for header, want := range map[string]string{"List-Id": "Onus notices <onus.acme.example>", "Auto-Submitted": "auto-generated"} {
		if v := mail.Headers[header]; len(v) != 1 || v[0] != want {
			t.Errorf("%s is %q", header, v)
		}
	}
	if len(mail.Headers["Bcc"])+len(mail.Headers["Cc"]) > 0 {
		t.Error("a text became a header")
	}
}

// A link in a mail leads to a page where somebody signs in: nothing in it is
// a decision, whatever follows links before people do.
func TestNoMailLinkDecides(t *testing.T) {
	post := rig.StartPost(t, false)
	m := aMessage()
	m.Asks[0].Yes = true
	if _, err := mailer(t, post.Port(), "", "none").Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	raw := strings.ReplaceAll(strings.ReplaceAll(post.Mail()[0].Raw, "=\n", ""), "=3D", "=")
	if n := strings.Count(raw, "://"); n != 2 || strings.Count(raw, "https://onus.acme.example/exceptions/exc_1\n")+strings.Count(raw, `"https://onus.acme.example/exceptions/exc_1"`) != 2 {
		t.Errorf("%d links in\n%s", n, raw)
	}
}

func TestMailFaults(t *testing.T) {
	greylisted := func(_ string, times int) (int, string) {
		if times == 0 {
			return 451, "greylisted, come again"
		}
		return 0, ""
	}
	for name, c := range map[string]struct {
		encrypted bool
		policy    string
		trust     bool
		prepare   func(*rig.Post)
		says      string // in the error; empty: it is sent
		final     bool
		again     bool // the second try is taken
	}{
		"all is well":             {encrypted: true, policy: "required", trust: true},
		"no encryption is there":  {policy: "required", says: "offers no encryption"},
		"it is not asked for":     {policy: "opportunistic"},
		"the certificate is new":  {encrypted: true, policy: "required", says: "certificate is not trusted"},
		"nor is it then ignored":  {encrypted: true, policy: "opportunistic", says: "certificate is not trusted"},
		"greylisting":             {policy: "none", prepare: func(p *rig.Post) { p.Refuse(greylisted) }, says: "451", again: true},
		"no such user":            {policy: "none", prepare: func(p *rig.Post) { p.Refuse(func(string, int) (int, string) { return 550, "no such user" }) }, says: "550", final: true},
		"it is slow":              {policy: "none", prepare: func(p *rig.Post) { p.Slow(3 * time.Second) }, says: "too slow"},
		"it refuses what it took": {policy: "none", prepare: func(p *rig.Post) { p.HangUp(true) }, says: "554", final: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			post := rig.StartPost(t, c.encrypted)
			ca := ""
			if c.trust {
				ca = post.CA
			}
			if c.prepare != nil {
				c.prepare(post)
			}
			m := mailer(t, post.Port(), ca, c.policy)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := m.Send(ctx, aMessage())
			var why *notify.SendError
			switch {
			case c.says == "" && err == nil:
				if len(post.Mail()) != 1 {
					t.Error("nothing came")
				}
				return
			case !errors.As(err, &why) || !strings.Contains(why.Says, c.says) || c.says == "" || why.Final != c.final:
				t.Fatalf("it says %v (%+v)", err, why)
			case strings.Contains(why.Says, ana):
				t.Errorf("the address is in the error: %s", why.Says)
			}
			if c.again {
				if _, err := m.Send(t.Context(), aMessage()); err != nil {
					t.Errorf("the second time: %v", err)
				}
			}
		})
	}
	t.Run("nobody is there", func(t *testing.T) {
		var why *notify.SendError
		if _, err := mailer(t, "1", "", "required").Send(t.Context(), aMessage()); !errors.As(err, &why) || why.Final || why.Says != "the mail server cannot be reached" {
			t.Errorf("it says %v", err)
		}
	})
}
