package witness

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/ledger"
)

// ErrAhead is the error of a witness that cosigned a larger tree, or another
// root, than the one it is shown: our database was restored from an old
// backup, or rewritten.
var ErrAhead = errors.New("the witness has cosigned another history of this log")

// A Client asks one witness.
type Client struct {
	name     string
	url      string
	verifier note.Verifier
	http     *http.Client

	mu  sync.Mutex
	old int64 // guarded by mu; the size that the witness cosigned last, as far as we know
}

// NewClients gives a client for every witness of a policy that has an address.
func NewClients(p *ledger.Policy) ([]*Client, error) {
	var clients []*Client
	for _, k := range p.Witnesses {
		if k.URL == "" {
			continue
		}
		u, err := url.Parse(k.URL)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, onus.Errorf(onus.Invalid, "as in https://witness.example", "the policy's witness %s has the address %q, which is no URL", k.Name, k.URL)
		}
		address := strings.TrimSuffix(k.URL, "/")
		if !strings.HasSuffix(address, "/add-checkpoint") {
			address += "/add-checkpoint"
		}
		clients = append(clients, &Client{name: k.Name, url: address, verifier: k.Verifier, http: &http.Client{Timeout: 10 * time.Second}})
	}
	return clients, nil
}

// Name is the witness's name in the policy.
func (c *Client) Name() string { return c.name }

// Cosign gives the line of the witness's cosignature under a signed
// checkpoint. Growth proves that the log grew to it from a smaller size.
func (c *Client) Cosign(ctx context.Context, signed string, size int64, growth func(from int64) ([]ledger.Hash, error)) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.old > size {
		c.old = 0 // it tells us again
	}
	for range 3 { // it may have cosigned for somebody else meanwhile
		proof, err := growth(c.old)
		if err != nil {
			return nil, err
		}
		status, kind, answer, err := c.post(ctx, request(c.old, proof, signed))
		if err != nil {
			return nil, err
		}
		switch {
		case status == http.StatusOK:
			line, err := c.check(signed, answer)
			if err == nil {
				c.old = size
			}
			return line, err
		case status == http.StatusConflict && kind == "text/x.tlog.size":
			known, err := strconv.ParseInt(strings.TrimSuffix(string(answer), "\n"), 10, 64)
			if err != nil || known < 0 {
				return nil, fmt.Errorf("witness %s answered with a size that is no number", c.name)
			}
			if known > size {
				return nil, fmt.Errorf("witness %s: %w: it cosigned %d entries, and we have %d", c.name, ErrAhead, known, size)
			}
			c.old = known
		case status == http.StatusConflict, status == http.StatusUnprocessableEntity:
			return nil, fmt.Errorf("witness %s: %w: %.200q", c.name, ErrAhead, answer)
		default:
			return nil, fmt.Errorf("witness %s answered %d: %.200q", c.name, status, answer)
		}
	}
	return nil, fmt.Errorf("witness %s changes its mind about the size that it cosigned", c.name)
}

func request(old int64, proof []ledger.Hash, signed string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", old)
	for _, h := range proof {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	b.WriteString("\n" + signed)
	return b.Bytes()
}

func (c *Client) post(ctx context.Context, body []byte) (status int, kind string, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, fmt.Errorf("witness %s: %w", c.name, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, "", nil, fmt.Errorf("witness %s cannot be reached: %w", c.name, err)
	}
	defer resp.Body.Close()
	if answer, err = io.ReadAll(io.LimitReader(resp.Body, maxRequest)); err != nil {
		return 0, "", nil, fmt.Errorf("witness %s stopped in the middle of its answer: %w", c.name, err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), answer, nil
}

// check takes from a witness's answer the one line that is its own true
// cosignature under this checkpoint, and nothing else that it says.
func (c *Client) check(signed string, answer []byte) ([]byte, error) {
	text, _, _ := strings.Cut(signed, "\n\n")
	n, err := note.Open(append([]byte(text+"\n\n"), answer...), note.VerifierList(c.verifier))
	if err != nil {
		return nil, fmt.Errorf("witness %s gave a cosignature that is not its own over this checkpoint", c.name)
	}
	s := n.Sigs[0]
	if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
		return nil, fmt.Errorf("witness %s gave a cosignature in a form that nobody else reads", c.name)
	}
	return fmt.Appendf(nil, "— %s %s\n", s.Name, s.Base64), nil
}

// Collect asks all witnesses at once, and gives the checkpoint with the
// cosignatures that came, as soon as the policy is satisfied, and what those
// said that gave none. The error is of the policy: ledger.ErrNoQuorum, with
// ErrAhead too when a witness has seen another history.
func Collect(ctx context.Context, p *ledger.Policy, clients []*Client, signed string, size int64, growth func(from int64) ([]ledger.Hash, error)) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		line []byte
		err  error
	}
	answers := make(chan answer, len(clients))
	for _, c := range clients {
		go func() {
			line, err := c.Cosign(ctx, signed, size, growth)
			answers <- answer{line, err}
		}()
	}
	var failed error
	var cosigned strings.Builder // apart from signed: those who are asked still read what they were asked about
	cosigned.WriteString(signed)
	for range clients {
		a := <-answers
		if a.err != nil { // one that lies must not be able to stop the others
			failed = errors.Join(failed, a.err)
			continue
		}
		cosigned.Write(a.line)
		if _, err := p.Open(cosigned.String()); err == nil {
			return cosigned.String(), nil
		}
	}
	_, err := p.Open(cosigned.String())
	if err != nil && failed != nil {
		return cosigned.String(), fmt.Errorf("%w; %w", err, failed)
	}
	return cosigned.String(), err
}
