package notify_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus/internal/notify"
)

// From the specification: github.com/standard-webhooks/standard-webhooks.
const (
	specSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	specID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	specTime      = 1614265330
	specBody      = `{"test": 2432232314}`
	specSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func secretOf(tb testing.TB, text string) notify.WebhookSecret {
	tb.Helper()
	s, err := notify.ParseWebhookSecret(text)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestWebhookSignaturesAreThoseOfTheSpecification(t *testing.T) {
	h := http.Header{}
	notify.SignWebhook(h, specID, time.Unix(specTime, 0), []byte(specBody), secretOf(t, specSecret))
	if got := h.Get("webhook-signature"); got != specSignature {
		t.Errorf("signed as %s", got)
	}
	if id, err := notify.VerifyWebhook(h, []byte(specBody), time.Unix(specTime+1, 0), secretOf(t, specSecret)); err != nil || id != specID {
		t.Errorf("verified as %s: %v", id, err)
	}
}

func TestWebhookReplay_ASVS_4(t *testing.T) {
	now, secret := time.Unix(specTime, 0), secretOf(t, specSecret)
	former := secretOf(t, "whsec_"+base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32)))
	for name, c := range map[string]struct {
		spoil func(http.Header)
		body  string
		at    time.Duration
		with  []notify.WebhookSecret
		good  bool
	}{
		"as it came":             {good: true},
		"at the window's edge":   {at: 5 * time.Minute, good: true},
		"replayed later":         {at: 5*time.Minute + time.Second},
		"of the future":          {at: -5*time.Minute - time.Second},
		"another body":           {body: `{"test": 1}`},
		"another ID":             {spoil: func(h http.Header) { h.Set("webhook-id", "msg_other") }},
		"a newer time":           {spoil: func(h http.Header) { h.Set("webhook-timestamp", "1614265331") }},
		"the time written twice": {spoil: func(h http.Header) { h.Set("webhook-timestamp", "+1614265330") }},
		"no time":                {spoil: func(h http.Header) { h.Del("webhook-timestamp") }},
		"no ID":                  {spoil: func(h http.Header) { h.Del("webhook-id") }},
		"two IDs":                {spoil: func(h http.Header) { h.Add("webhook-id", "msg_other") }},
		"no signature":           {spoil: func(h http.Header) { h.Del("webhook-signature") }},
		"an empty signature":     {spoil: func(h http.Header) { h.Set("webhook-signature", "v1,") }},
		"another version":        {spoil: func(h http.Header) { h.Set("webhook-signature", strings.Replace(specSignature, "v1", "v2", 1)) }},
		"one of several":         {spoil: func(h http.Header) { h.Set("webhook-signature", "v1,AAAA v1a,xx "+specSignature) }, good: true},
		"another secret":         {with: []notify.WebhookSecret{former}},
		"one of two secrets":     {with: []notify.WebhookSecret{former, secret}, good: true},
		"no secret at all":       {with: []notify.WebhookSecret{}},
	} {
		h, body := http.Header{}, specBody
		notify.SignWebhook(h, specID, now, []byte(specBody), secret)
		if c.spoil != nil {
			c.spoil(h)
		}
		if c.body != "" {
			body = c.body
		}
		if c.with == nil {
			c.with = []notify.WebhookSecret{secret}
		}
		if _, err := notify.VerifyWebhook(h, []byte(body), now.Add(c.at), c.with...); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzWebhookSignature(f *testing.F) {
	f.Add(specID, "1614265330", specSignature, []byte(specBody))
	f.Add(specID, "1614265330", "v1,"+strings.Repeat("A", 44)+" v1a,x", []byte(specBody))
	f.Add("", "-1", "v1", []byte(nil))
	secret := secretOf(f, specSecret)
	f.Fuzz(func(t *testing.T, id, timestamp, signature string, body []byte) {
		h := http.Header{}
		h.Set("webhook-id", id)
		h.Set("webhook-timestamp", timestamp)
		h.Set("webhook-signature", signature)
		now := time.Unix(specTime, 0)
		if _, err := notify.VerifyWebhook(h, body, now, secret); err != nil {
			return
		}
		// What is good must be what we would have signed ourselves.
		ours := http.Header{}
		notify.SignWebhook(ours, id, now, body, secret)
		seen := map[string]bool{}
		for s := range strings.FieldsSeq(signature) {
			seen[s] = true
		}
		if timestamp == "1614265330" && !seen[ours.Get("webhook-signature")] {
			t.Errorf("good, and not ours: %s %s %q %q", id, timestamp, signature, body)
		}
	})
}

func FuzzWebhookSecret(f *testing.F) {
	f.Add(specSecret)
	f.Add("whsec_")
	f.Add("whsec_AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := notify.ParseWebhookSecret(text); err == nil && (len(s) < 24 || len(s) > 64) {
			t.Errorf("%q is a secret of %d bytes", text, len(s))
		}
	})
}

func webhookTo(t *testing.T, address string, private ...string) *notify.Webhook {
	t.Helper()
	h, err := notify.OpenWebhook(map[string]string{"url": address}, func(name string) (string, error) {
		if name == "secret" {
			return specSecret, nil
		}
		return "", nil
	}, private, words, func() time.Time { return monday })
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAWebhookIsSignedAndNamesNobodyItIsAbout(t *testing.T) {
	var got []byte
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if id, err := notify.VerifyWebhook(r.Header, body, monday, secretOf(t, specSecret)); err != nil || id != "ntc_4f2a" {
			t.Errorf("received %s: %v", id, err)
		}
		got = body
	}))
	defer s.Close()
	if _, err := webhookTo(t, s.URL, "127.0.0.1").Send(t.Context(), aMessage()); err != nil {
		t.Fatal(err)
	}
	var v struct {
		Type string
		Data struct {
			ID, Link, Command string
			WaitsFor          []string `json:"waits_for"`
			Facts             map[string]string
		}
	}
	if err := json.Unmarshal(got, &v); err != nil || v.Type != "exception.opened" || v.Data.ID != "exc_1" || v.Data.WaitsFor[0] != ana || v.Data.Facts["system"] != "directory" {
		t.Errorf("received %s: %v", got, err)
	}
	if strings.Contains(string(got), "Zoë") {
		t.Errorf("it tells of somebody: %s", got)
	}
}

func TestWebhookFaults(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	stop := make(chan struct{})
	defer close(stop)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		says   string
		final  bool
		after  time.Duration
	}{
		"server error": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, "500", false, 0},
		"not found":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, "404", false, 0},
		"gone":         {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }, "410", true, 0},
		"too many": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "90")
			w.WriteHeader(http.StatusTooManyRequests)
		}, "429", false, 90 * time.Second},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, "redirect", false, 0},
		"slow": {func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then a server sees that its client went away
			select {
			case <-r.Context().Done():
			case <-stop:
			}
		}, "in time", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(c.answer)
			defer s.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := webhookTo(t, s.URL, "127.0.0.1").Send(ctx, aMessage())
			var why *notify.SendError
			if !errors.As(err, &why) || !strings.Contains(why.Says, c.says) || why.Final != c.final || why.After != c.after {
				t.Errorf("it says %v (%+v)", err, why)
			}
		})
	}
	t.Run("an answer without an end", func(t *testing.T) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		}))
		defer s.Close()
		if _, err := webhookTo(t, s.URL, "127.0.0.1").Send(t.Context(), aMessage()); err != nil {
			t.Error(err)
		}
	})
}

// SSRF (OWASP ASVS 5.2.6): no name, no way of writing an address and no
// second look-up brings a webhook to a private address.
func TestNoWebhookReachesAPrivateAddress_SSRF_ASVS_13(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("it reached %s", r.Host) }))
	defer s.Close()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "0.0.0.0", "[::]", "127.1", "2130706433", "0x7f.0.0.1",
		"[64:ff9b::7f00:1]", "[2002:7f00:1::]", "169.254.169.254", "10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "198.18.0.1", "[fe80::1]", "[fc00::1]", "255.255.255.255",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		_, err := webhookTo(t, "http://"+host+":"+u.Port(), "other.acme.example").Send(ctx, aMessage())
		cancel()
		var why *notify.SendError
		private := errors.As(err, &why) && strings.Contains(why.Says, "private")
		unknown := why != nil && why.Says == "it cannot be reached" && !strings.ContainsAny(host, ":[") && host != "localhost" // no way of writing one that Go knows
		if !private && !unknown {
			t.Errorf("%s: %v", host, err)
		}
	}
	// A host is allowed by its name alone, and not by what it resolves to.
	if _, err := webhookTo(t, "http://localhost:"+u.Port(), "127.0.0.1").Send(t.Context(), aMessage()); err == nil {
		t.Error("another name of an allowed host was allowed")
	}
}

func TestWhatIsAPublicAddress(t *testing.T) {
	for address, want := range map[string]bool{
		"93.184.215.14": true, "2606:2800:21f:cb07::1": true, "::ffff:93.184.215.14": true, "172.32.0.1": true, "100.128.0.1": true,
		"127.0.0.1": false, "::ffff:127.0.0.1": false, "::ffff:100.64.0.1": false, "::ffff:169.254.169.254": false, "::ffff:0.1.2.3": false, "10.255.0.1": false,
		"fe80::1%eth0": false, "fc00::1%eth0": false, "fd12::1": false, "224.0.0.1": false, "ff02::1": false, "0.0.0.0": false, "::": false, "64:ff9b::a00:1": false,
	} {
		if got := notify.Public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is public: %v", address, got)
		}
	}
}
