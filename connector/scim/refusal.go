package scim

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/onus-id/onus/connector"
)

// refusal is the cause under an error: what the server answered, in its own terms.
type refusal struct {
	status   int
	scimType string // RFC 7644, table 9
	scim     bool   // the answer was a SCIM error, not some gateway's page
}

func (r *refusal) Error() string {
	return strings.TrimSpace("HTTP " + strconv.Itoa(r.status) + " " + r.scimType)
}

// refused types an answer that is no success (RFC 7644, section 3.12).
func (r *call) refused(response *http.Response, data []byte) error {
	status := response.StatusCode
	body, err := decode(data)
	if err != nil {
		body = nil
	}
	cause := &refusal{
		status: status, scimType: text(body["scimType"]),
		scim: strings.Contains(strings.Join(texts(body["schemas"]), " "), "messages:2.0:Error"),
	}
	if status >= 300 && status < 400 {
		return r.redirected(response, cause)
	}
	wait, told := retryAfter(response.Header, r.now())
	// The token goes out before the text is cut, or half of it could stay.
	e := r.fail(kindOf(status, cause.scimType, r.writes, told), cause, "%s", plain(status, r.clean(text(body["detail"]))))
	if e.Kind == connector.Throttled {
		e.Until = wait
	}
	return e
}

// redirected tells a redirect for what it is: no answer at all.
func (r *call) redirected(response *http.Response, cause error) error {
	where := ""
	if to, err := url.Parse(response.Header.Get("Location")); err == nil && to.Host != "" {
		where = " to " + to.Host // no more: addresses carry tokens
	}
	return r.fail(connector.Invalid, cause, "the server redirects (%d)%s, and a redirect is not followed; put the right address into the setting url", response.StatusCode, where)
}

// kindOf maps a status that is no success. What is above 499 leaves open
// whether a write was carried out.
func kindOf(status int, scimType string, writes, toldToWait bool) connector.Kind {
	switch {
	case status == http.StatusUnauthorized:
		return connector.Unauthenticated
	case status == http.StatusForbidden:
		return connector.Denied
	case status == http.StatusNotFound, status == http.StatusGone:
		return connector.NotFound
	case status == http.StatusConflict, scimType == "uniqueness":
		return connector.AlreadyExists
	case status == http.StatusPreconditionFailed, status == http.StatusPreconditionRequired:
		return connector.Conflict
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && toldToWait:
		return connector.Throttled
	case status == http.StatusNotImplemented, status == http.StatusMethodNotAllowed:
		return connector.Unsupported
	case status == http.StatusRequestTimeout, status >= 500:
		if writes {
			return connector.Ambiguous
		}
		return connector.Transient
	case scimType == "mutability":
		return connector.Constraint
	default:
		return connector.Invalid
	}
}

// plain is the status and, in one short line, what the server says of it.
func plain(status int, detail string) string {
	says := "the server answers " + strconv.Itoa(status)
	if name := http.StatusText(status); name != "" {
		says += " " + name
	}
	detail = strings.Join(strings.FieldsFunc(detail, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if runes := []rune(detail); len(runes) > 200 {
		detail = string(runes[:200]) + "…"
	}
	if detail != "" {
		says += ": " + detail
	}
	return says
}

const (
	defaultWait = 30 * time.Second
	longestWait = 24 * time.Hour // what asks for more is a mistake
)

// retryAfter reads how long the server wants to be left alone (RFC 9110,
// section 10.2.3): seconds or a date. A date is measured by the server's own
// clock where it shows one. It says whether the server told at all.
func retryAfter(h http.Header, now time.Time) (until time.Time, told bool) {
	value := strings.TrimSpace(h.Get("Retry-After"))
	wait := defaultWait
	if seconds, ok := digits(value); ok {
		wait, told = min(time.Duration(min(seconds, uint64(longestWait/time.Second)))*time.Second, longestWait), true //nolint:gosec // bounded by a day
	} else if at, err := http.ParseTime(value); err == nil {
		clock := now
		if date, err := http.ParseTime(h.Get("Date")); err == nil {
			clock = date
		}
		wait, told = min(max(at.Sub(clock), 0), longestWait), true
	}
	return now.Add(wait), told
}

// digits reads a number that consists of digits only; one that is too large
// for us is large.
func digits(s string) (uint64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 1 << 63, true
	}
	return n, true
}
