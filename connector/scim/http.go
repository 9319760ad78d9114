package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/onus-id/onus/connector"
)

// answer is what the server said; the body is nil where there was none.
type answer struct{ body resource }

// read asks, and changes nothing.
func (c *Connector) read(ctx context.Context, path string, query url.Values) (answer, error) {
	return c.do(ctx, http.MethodGet, path, query, nil, "")
}

// write sends a change once. With match it holds only for that version.
func (c *Connector) write(ctx context.Context, method, path string, body any, match string) (answer, error) {
	return c.do(ctx, method, path, nil, body, match)
}

// call is one request on its way.
type call struct {
	*Connector

	method, path string
	writes       bool
	token        string
	connected    atomic.Bool // a connection was had: bytes may have left
	unsent       atomic.Bool // the request did not go out whole
}

func (c *Connector) do(ctx context.Context, method, path string, query url.Values, body any, match string) (answer, error) {
	r := &call{Connector: c, method: method, path: path, writes: method != http.MethodGet}
	token, err := c.token()
	if err != nil {
		return answer{}, err
	}
	r.token = token
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := r.request(ctx, query, body, match)
	if err != nil {
		return answer{}, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, r.lost(ctx, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if response.StatusCode >= 300 || response.StatusCode < 200 {
		// What it says of its refusal may be cut; the refusal stands.
		return answer{}, r.refused(response, data)
	}
	switch {
	case err != nil:
		return answer{}, r.lost(ctx, err)
	case len(data) > maxAnswer:
		return answer{}, r.fail(r.unclear(connector.Invalid), nil, "the answer is larger than %d MiB", maxAnswer>>20)
	case len(bytes.TrimSpace(data)) == 0:
		return answer{}, nil
	}
	decoded, err := decode(data)
	if err != nil {
		return answer{}, r.fail(r.unclear(connector.Invalid), err, "the answer is no SCIM resource (content type %.60q); is the setting url the SCIM address?", response.Header.Get("Content-Type"))
	}
	return answer{body: decoded}, nil
}

func (r *call) request(ctx context.Context, query url.Values, body any, match string) (*http.Request, error) {
	var payload io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, r.fail(connector.Invalid, err, "the values cannot be written as JSON")
		}
		payload = bytes.NewReader(data)
	}
	address := r.base.String() + r.path
	if len(query) > 0 {
		// Some servers read a plus sign as itself.
		address += "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
	}
	trace := &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { r.connected.Store(true); r.unsent.Store(false) },
		WroteRequest: func(w httptrace.WroteRequestInfo) { r.unsent.Store(w.Err != nil) },
	}
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), r.method, address, payload)
	if err != nil {
		return nil, r.fail(connector.Invalid, err, "no address can be made of it")
	}
	request.Header.Set("Accept", "application/scim+json, application/json")
	request.Header.Set("User-Agent", "onus")
	if payload != nil {
		request.Header.Set("Content-Type", "application/scim+json")
	}
	if r.token != "" {
		request.Header.Set("Authorization", "Bearer "+r.token)
	}
	if match != "" {
		request.Header.Set("If-Match", match)
	}
	return request, nil
}

// lost types an answer that did not come, or not whole. Once a connection was
// had, a write may have been carried out, unless the request is known not to
// have gone out whole; a call that was ended cannot know.
func (r *call) lost(ctx context.Context, err error) error {
	kind := connector.Transient
	if r.writes && r.connected.Load() && (ctx.Err() != nil || !r.unsent.Load()) {
		kind = connector.Ambiguous
	}
	says := "the server cannot be reached, or the connection broke"
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		says = "the server did not answer in time"
	case errors.Is(err, context.Canceled):
		says = "the call was ended"
	}
	if kind == connector.Ambiguous {
		says += "; it may have been carried out"
	}
	return r.fail(kind, err, "%s", says)
}

// unclear is the kind of an answer that cannot be understood: after a write
// nobody knows what it did.
func (r *call) unclear(kind connector.Kind) connector.Kind {
	if r.writes {
		return connector.Ambiguous
	}
	return kind
}

// fail makes an error that names the request. The token is taken out of
// whatever the server may have repeated.
func (r *call) fail(kind connector.Kind, cause error, format string, args ...any) *connector.Error {
	op := "read"
	if r.writes {
		op = "apply"
	}
	message := fmt.Sprintf("%s %s: %s", r.method, r.path, fmt.Sprintf(format, args...))
	return &connector.Error{Kind: kind, Op: op, Message: r.clean(message), Err: cause}
}

func (r *call) clean(s string) string {
	if r.token == "" {
		return s
	}
	return strings.ReplaceAll(s, r.token, "***")
}
