package scimdir

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const maxBody = 4 << 20

// kinds of what is found at an endpoint.
var kinds = map[string]string{
	"Users": kindUser, "Groups": kindGroup, "ServiceProviderConfig": "ServiceProviderConfig",
	"ResourceTypes": "ResourceType", "Schemas": "Schema",
}

// ServeHTTP answers one request, or misbehaves as it was told to.
func (d *Directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sent := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if d.token != "" && subtle.ConstantTimeCompare([]byte(sent), []byte(d.token)) != 1 {
		w.Header().Set("WWW-Authenticate", "Bearer")
		d.fail(w, refuse(http.StatusUnauthorized, "", "the token is not accepted"))
		return
	}
	write := r.Method != http.MethodGet
	endpoint, id, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
	kind := kinds[endpoint]
	list := !write && id == "" && (kind == kindUser || kind == kindGroup)
	what, wait := d.faults.strike(write, list, d.groupName(kind, id))
	switch what {
	case throttle:
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(wait/time.Second))))
		d.fail(w, refuse(http.StatusTooManyRequests, "", "too many requests"))
		return
	case unavailable:
		d.fail(w, refuse(http.StatusServiceUnavailable, "", "not available"))
		return
	case redirect:
		http.Redirect(w, r, "https://login.example/?next=1", http.StatusFound)
		return
	case cutBefore:
		panic(http.ErrAbortHandler) // the connection breaks
	case none, lie, cutAfter, failAfter, cutList:
	}
	a := d.answer(r, kind, id, what == lie)
	switch what {
	case cutAfter:
		panic(http.ErrAbortHandler)
	case failAfter:
		d.fail(w, refuse(http.StatusInternalServerError, "", "something broke"))
	case cutList:
		d.sendHalf(w, a)
	case none, lie, throttle, unavailable, redirect, cutBefore:
		d.send(w, a)
	}
}

// groupName gives the name of the group that a request is about, or "".
func (d *Directory) groupName(kind, id string) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if e := d.all[id]; kind == kindGroup && e != nil {
		return e.name()
	}
	return ""
}

// reply is what is sent.
type reply struct {
	status int
	etag   string
	body   any
}

func (d *Directory) answer(r *http.Request, kind, id string, lying bool) reply {
	var a reply
	var err error
	switch {
	case kind != kindUser && kind != kindGroup:
		a, err = discover(r, kind, id)
	case r.Method == http.MethodGet && id == "":
		a, err = d.list(r, kind)
	case r.Method == http.MethodGet:
		a, err = d.read(r, kind, id)
	case r.Method == http.MethodPost && id == "":
		a, err = d.create(r, kind, lying)
	case r.Method == http.MethodPut, r.Method == http.MethodPatch:
		a, err = d.change(r, kind, id, lying)
	case r.Method == http.MethodDelete && id != "":
		a, err = d.delete(r, kind, id, lying)
	default:
		err = refuse(http.StatusMethodNotAllowed, "", "%s is not done here", r.Method)
	}
	if err != nil {
		return failure(err)
	}
	return a
}

func failure(err error) reply {
	var t *trouble
	if !errors.As(err, &t) {
		t = refuse(http.StatusInternalServerError, "", "%v", err)
	}
	body := map[string]any{
		"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:Error"},
		"status":  strconv.Itoa(t.status), "detail": t.detail,
	}
	if t.scimType != "" {
		body["scimType"] = t.scimType
	}
	return reply{status: t.status, body: body}
}

func (d *Directory) fail(w http.ResponseWriter, t *trouble) { d.send(w, failure(t)) }

func (d *Directory) send(w http.ResponseWriter, a reply) {
	data := head(w, a)
	w.WriteHeader(a.status)
	_, _ = w.Write(data) //nolint:gosec // JSON, and no browser; whoever asked may have gone
}

// sendHalf breaks off in the middle.
func (d *Directory) sendHalf(w http.ResponseWriter, a reply) {
	data := head(w, a)
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(a.status)
	_, _ = w.Write(data[:len(data)/2])        //nolint:gosec // as above; it is cut next
	_ = http.NewResponseController(w).Flush() // likewise
	panic(http.ErrAbortHandler)
}

func head(w http.ResponseWriter, a reply) []byte {
	w.Header().Set("Content-Type", "application/scim+json")
	if a.etag != "" {
		w.Header().Set("ETag", a.etag)
	}
	if a.body == nil {
		return nil
	}
	data, err := json.Marshal(a.body)
	if err != nil {
		return []byte("{}") // a document that was JSON when it came always marshals
	}
	return data
}

// decodeBody reads a JSON body of bounded size.
func decodeBody(r *http.Request, into any) error {
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody)).Decode(into); err != nil {
		return refuse(http.StatusBadRequest, "invalidSyntax", "the body is no JSON of the kind that is wanted")
	}
	return nil
}
