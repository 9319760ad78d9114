package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Webhook sends to one address, signed by Standard Webhooks. What it sends
// is for a machine, such as a ticket system: it names the objects, what the
// definitions call them, and who is asked, and nothing of whom it is about.
type Webhook struct {
	URL     string
	Secrets []WebhookSecret // the present one, then the former
	Client  *http.Client
	Now     func() time.Time
	Words
}

// OpenWebhook makes a webhook of a channel's settings. Hosts in private may
// be on private addresses.
func OpenWebhook(settings map[string]string, secret func(string) (string, error), private []string, w Words, now func() time.Time) (*Webhook, error) {
	h := &Webhook{URL: settings["url"], Words: w, Now: now}
	for _, name := range []string{"secret", "former_secret"} {
		text, err := secret(name)
		if err != nil {
			return nil, err
		}
		if text == "" && name != "secret" {
			continue
		}
		s, err := ParseWebhookSecret(text)
		if err != nil {
			return nil, err
		}
		h.Secrets = append(h.Secrets, s)
	}
	roots, err := rootsFrom(settings["ca_file"])
	if err != nil {
		return nil, err
	}
	h.Client = caller(private, roots)
	return h, nil
}

// payload is the body of a webhook.
type payload struct {
	Type      string       `json:"type"`
	Timestamp time.Time    `json:"timestamp"`
	Data      *payloadData `json:"data,omitempty"`
}

type payloadData struct {
	Event    string            `json:"event"` // its ID in the ledger
	Kind     string            `json:"kind"`
	ID       string            `json:"id"`
	Title    string            `json:"title"`
	WaitsFor []string          `json:"waits_for,omitempty"`
	Until    *time.Time        `json:"until,omitempty"`
	Link     string            `json:"link,omitempty"`
	Command  string            `json:"command,omitempty"`
	Facts    map[string]string `json:"facts,omitempty"`
}

// Send posts one event.
func (h *Webhook) Send(ctx context.Context, m Message) (string, error) {
	p := payload{Type: "practice", Timestamp: m.Made}
	if len(m.Asks) > 0 {
		p.Type, p.Data = m.Asks[0].Matter.Type, h.data(m.Asks[0])
	}
	body, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("write the webhook of notice %s: %w", m.ID, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return "", &SendError{Says: "the address cannot be called", Final: true, Err: err}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "onus")
	SignWebhook(r.Header, m.ID, h.Now(), body, h.Secrets...)
	answer, err := h.Client.Do(r)
	if err != nil {
		return "", callError(err)
	}
	defer answer.Body.Close()
	// A body that ends lets the connection be used again; one that does not
	// end is not waited for.
	_, _ = io.CopyN(io.Discard, answer.Body, 16<<10)
	if answer.StatusCode/100 == 2 {
		return answer.Status, nil
	}
	return "", statusError(answer)
}

func (h *Webhook) data(a Ask) *payloadData {
	d := &payloadData{Event: a.Matter.Event, Kind: a.Matter.Kind, ID: a.Matter.ID, Title: a.Title, WaitsFor: a.People, Link: h.link(a), Facts: map[string]string{}}
	if !a.Until.IsZero() {
		until := a.Until.UTC()
		d.Until = &until
	}
	if len(a.Acts) > 0 {
		d.Command = a.Acts[0].Command
	}
	for _, f := range a.Facts {
		d.Facts[f.Name] = f.Value
	}
	return d
}

// statusError is an answer that is no yes. All may go away but 410, by which
// a receiver says that it wants nothing more.
func statusError(answer *http.Response) *SendError {
	e := &SendError{Says: "it answered " + strconv.Itoa(answer.StatusCode), Final: answer.StatusCode == http.StatusGone}
	if answer.StatusCode/100 == 3 {
		e.Says += ", a redirect, and we follow none"
	}
	if seconds, err := strconv.ParseInt(answer.Header.Get("Retry-After"), 10, 32); err == nil && seconds > 0 {
		e.After = time.Duration(seconds) * time.Second
	}
	return e
}

// callError is a call that came to no answer.
func callError(err error) *SendError {
	var untrusted *tls.CertificateVerificationError
	says := "it cannot be reached"
	switch {
	case errors.Is(err, errPrivate):
		says = errPrivate.Error()
	case errors.As(err, &untrusted):
		says = "its certificate is not trusted"
	case errors.Is(err, context.DeadlineExceeded):
		says = "it did not answer in time"
	}
	return &SendError{Says: says, Err: err}
}
