// Package remote does at a server what commands do in a data folder: it asks
// over HTTPS, through the client that is generated from the specification, and
// gives back what the same call of package server gives. What is printed, and
// who may do what, it leaves to others.
package remote

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/api/client"
)

// A Server is one that is reached over HTTPS, as the person whose token it is.
type Server struct {
	login Login
	api   *client.Client
	live  *client.Client // for answers that go on until whoever asks has enough
}

// maxAnswer is the most of an answer that is read.
const maxAnswer = 256 << 20

// maxWait is how long a server that is asked too often may have us wait.
const maxWait = time.Minute

// patience is how long one answer may take: some make decisions again.
const patience = 5 * time.Minute

// Dial makes the client of a server. Nothing is asked yet.
func Dial(l Login) (*Server, error) {
	web := &http.Client{
		Timeout:       patience,
		Transport:     &http.Transport{TLSClientConfig: trust(l.Pin), Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the token is for this server alone
	}
	live := *web
	live.Timeout = 0
	sent := client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		if l.Token != "" {
			r.Header.Set("Authorization", "Bearer "+l.Token)
		}
		if r.Method != http.MethodGet {
			r.Header.Set("Idempotency-Key", rand.Text())
		}
		return nil
	})
	asked, err := client.NewClient(l.URL, client.WithHTTPClient(once{web}), sent)
	if err != nil {
		return nil, fmt.Errorf("reach %s: %w", l.URL, err)
	}
	followed, err := client.NewClient(l.URL, client.WithHTTPClient(&live), sent)
	if err != nil {
		return nil, fmt.Errorf("reach %s: %w", l.URL, err)
	}
	return &Server{login: l, api: asked, live: followed}, nil
}

// once sends a request, and when its answer was lost sends it once more. The
// Idempotency-Key of a write is the same in both, so it is done one time. When
// the server says that it is asked too often, it waits as long as that says.
type once struct{ web *http.Client }

func (o once) Do(r *http.Request) (*http.Response, error) {
	lost := 0
	for waited := time.Duration(0); ; {
		sent := r.Clone(r.Context())
		if r.GetBody != nil {
			body, err := r.GetBody()
			if err != nil {
				return nil, err
			}
			sent.Body = body
		}
		resp, err := o.try(sent)
		switch {
		case err != nil && lost == 0 && again(err) && r.Context().Err() == nil && (r.Body == nil || r.GetBody != nil):
			lost++
		case err == nil && resp.StatusCode == http.StatusTooManyRequests && (r.Body == nil || r.GetBody != nil):
			after := time.Second
			if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
				after = time.Duration(s) * time.Second
			}
			if waited += after; waited > maxWait {
				return resp, nil
			}
			select {
			case <-r.Context().Done():
				return nil, r.Context().Err()
			case <-time.After(after):
			}
		default:
			return resp, err
		}
	}
}

// try reads the whole answer, so that one that was cut is none.
func (o once) try(r *http.Request) (*http.Response, error) {
	resp, err := o.web.Do(r) //nolint:gosec // whoever runs us names the server
	if err != nil {
		return nil, err //nolint:wrapcheck // says what to whoever asked
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("the answer was cut: %w", err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// again says whether it could help to ask again: not where the server is not
// whom we trust, or did not answer in time.
func again(err error) bool {
	var late interface{ Timeout() bool }
	return !untrusted(err) && (!errors.As(err, &late) || !late.Timeout())
}

// answer makes what was asked for of an answer, or the error that it tells.
// It gives the ETag.
func answer(s *Server, resp *http.Response, err error, into any) (etag string, _ error) {
	if err != nil {
		return "", s.unreached(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return "", s.refused(resp)
	}
	if into == nil {
		return "", nil
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return "", s.unclear()
	}
	return resp.Header.Get("ETag"), nil
}

func (s *Server) unclear() error {
	return onus.Errorf(onus.Unavailable, "is it an Onus server of this version?", "%s answered what cannot be understood", s.login.URL)
}

// ask is answer for what has no ETag.
func ask[T any](s *Server, resp *http.Response, err error) (out T, _ error) {
	_, err = answer(s, resp, err, &out)
	return out, err
}

// text is ask for what is no JSON.
func text(s *Server, resp *http.Response, err error) (string, error) {
	if err != nil {
		return "", s.unreached(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", s.refused(resp)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", s.unreached(err)
	}
	return string(body), nil
}

// list is a page of one.
type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// items is ask for a list of one page.
func items[T any](s *Server, resp *http.Response, err error) ([]T, error) {
	page, err := ask[list[T]](s, resp, err)
	return page.Items, err
}

// some is what a request holds of a value that may be left out.
func some[T comparable](v T) *T {
	var none T
	if v == none {
		return nil
	}
	return &v
}

// all reads a list to its end.
func all[T any](s *Server, page func(cursor *string) (*http.Response, error)) ([]T, error) {
	found := []T{}
	var cursor *string
	for {
		resp, err := page(cursor)
		page, err := ask[list[T]](s, resp, err)
		if err != nil {
			return nil, err
		}
		found = append(found, page.Items...)
		if page.Next == "" {
			return found, nil
		}
		cursor = &page.Next
	}
}

// unreached tells why there is no answer, without what the request held.
func (s *Server) unreached(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	if untrusted(err) {
		return onus.Errorf(onus.Denied, "if that is right, trust the new one: onus login "+s.login.URL, "%s is not the server that was trusted: %s", s.login.URL, err.Error())
	}
	return onus.Errorf(onus.Unavailable, "look whether it was done before you do it again", "no answer from %s: %s", s.login.URL, err.Error())
}

// errUnknown is behind what is said of a token that opens nothing.
var errUnknown = errors.New("the token is no good")

// refused makes the error of a problem as RFC 9457 writes it.
func (s *Server) refused(resp *http.Response) error {
	var p client.ProblemDetails
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || p.Detail == "" {
		return onus.Errorf(onus.Unavailable, "is it an Onus server?", "%s answered %s", s.login.URL, resp.Status)
	}
	if resp.StatusCode == http.StatusUnauthorized {
		return &onus.Error{Kind: onus.Denied, Message: s.login.URL + " does not know you: the token has expired, or was revoked", Hint: "onus login " + s.login.URL, Err: errUnknown}
	}
	return problem(p, resp.StatusCode)
}

// told makes the error of a problem that came in a stream.
func (s *Server) told(data []byte) error {
	var p client.ProblemDetails
	if err := json.Unmarshal(data, &p); err != nil {
		return s.unclear()
	}
	return problem(p, int(p.Status))
}

func problem(p client.ProblemDetails, status int) error {
	says := p.Detail
	if p.Faults != nil {
		for _, f := range *p.Faults {
			says += "; " //nolint:modernize,perfsprint // few and short
			if f.Where != nil {
				says += *f.Where + ": "
			}
			says += f.Says
		}
	}
	e := &onus.Error{Kind: kindOf(p.Type, status), Message: says}
	if p.Hint != nil {
		e.Hint = *p.Hint
	}
	return e
}

func kindOf(name string, status int) onus.ErrorKind {
	switch kind := onus.ErrorKind(strings.TrimPrefix(name, "urn:onus:problem:")); kind {
	case onus.Invalid, onus.NotFound, onus.Conflict, onus.Denied, onus.Unavailable, onus.LedgerClosed, onus.Internal:
		return kind
	}
	switch status {
	case http.StatusPreconditionFailed, http.StatusConflict:
		return onus.Conflict
	case http.StatusTooManyRequests:
		return onus.Unavailable
	default:
		return onus.Invalid
	}
}
