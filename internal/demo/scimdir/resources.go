package scimdir

import (
	"net/http"
	"strconv"
	"strings"

	filter "github.com/scim2/filter-parser/v2"
)

// MaxPage is how many resources one answer holds at most.
const MaxPage = 100

// maxExpression bounds filters and paths, in bytes: their parser takes some
// 50 µs a byte.
const maxExpression = 8 << 10

// find gives a resource. The caller holds mu.
func (d *Directory) find(kind, id string) (*entry, error) {
	if e := d.all[id]; e != nil && e.kind == kind {
		return e, nil
	}
	return nil, refuse(http.StatusNotFound, "", "there is no %s %q", kind, id)
}

func (d *Directory) read(r *http.Request, kind, id string) (reply, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	e, err := d.find(kind, id)
	if err != nil {
		return reply{}, err
	}
	if r.Header.Get("If-None-Match") == etag(e.version) {
		return reply{status: http.StatusNotModified, etag: etag(e.version)}, nil
	}
	return reply{status: http.StatusOK, etag: etag(e.version), body: d.show(e, fieldsOf(r))}, nil
}

func (d *Directory) list(r *http.Request, kind string) (reply, error) {
	q := r.URL.Query()
	var want filter.Expression
	if text := q.Get("filter"); text != "" {
		if len(text) > maxExpression {
			return reply{}, refuse(http.StatusBadRequest, "invalidFilter", "the filter is longer than %d bytes", maxExpression)
		}
		parsed, err := filter.ParseFilter([]byte(text))
		if err != nil {
			return reply{}, refuse(http.StatusBadRequest, "invalidFilter", "the filter cannot be understood")
		}
		want = parsed
	}
	start, count := whole(q.Get("startIndex"), 1), whole(q.Get("count"), MaxPage)
	start, count = max(1, start), min(max(0, count), MaxPage)
	d.mu.RLock()
	defer d.mu.RUnlock()
	ids, narrowed := d.narrow(kind, want)
	if want != nil && !narrowed {
		var met []string
		for _, id := range ids {
			yes, err := meets(d.show(d.all[id], fields{}), want)
			if err != nil {
				return reply{}, err
			}
			if yes {
				met = append(met, id)
			}
		}
		ids = met
	}
	page := []any{}
	for i := start - 1; i < len(ids) && len(page) < count; i++ {
		page = append(page, d.show(d.all[ids[i]], fieldsOf(r)))
	}
	return reply{status: http.StatusOK, body: map[string]any{
		"schemas":      []string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"},
		"totalResults": len(ids), "startIndex": start, "itemsPerPage": len(page), "Resources": page,
	}}, nil
}

// narrow answers the filters that everybody asks from an index.
func (d *Directory) narrow(kind string, want filter.Expression) (ids []string, answered bool) {
	e, ok := want.(*filter.AttributeExpression)
	if !ok || e.Operator != filter.EQ || e.AttributePath.URIPrefix != nil {
		return d.order[kind], false
	}
	quoted, ok := e.CompareValue.(string)
	value, err := unquote(quoted)
	if !ok || err != nil {
		return d.order[kind], false
	}
	switch name := strings.ToLower(e.AttributePath.String()); {
	case kind == kindUser && name == "username", kind == kindGroup && name == "displayname":
		return sortedKeys(d.named[nameKey(kind, value)]), true
	case kind == kindGroup && name == "members.value":
		return sortedKeys(d.holders[value]), true
	}
	return d.order[kind], false
}

func whole(s string, otherwise int) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return otherwise
	}
	return n
}

func (d *Directory) create(r *http.Request, kind string, lying bool) (reply, error) {
	var doc map[string]any
	if err := decodeBody(r, &doc); err != nil {
		return reply{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.fresh(kind, nil)
	if err := d.accept(e, doc); err != nil {
		return reply{}, err
	}
	if !lying {
		if err := d.commit(e); err != nil {
			return reply{}, err
		}
	}
	return reply{status: http.StatusCreated, etag: etag(e.version), body: d.show(e, fieldsOf(r))}, nil
}

// change carries out a PUT or a PATCH.
func (d *Directory) change(r *http.Request, kind, id string, lying bool) (reply, error) {
	var doc map[string]any
	var ops patchRequest
	var into any = &doc
	if r.Method == http.MethodPatch {
		into = &ops
	}
	if err := decodeBody(r, into); err != nil {
		return reply{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	old, err := d.findVersion(r, kind, id)
	if err != nil {
		return reply{}, err
	}
	if r.Method == http.MethodPatch {
		doc = d.editable(old)
		if err := patched(doc, ops); err != nil {
			return reply{}, err
		}
	}
	next := *old
	if err := d.accept(&next, doc); err != nil {
		return reply{}, err
	}
	next.version++
	next.changed = d.now()
	if !lying {
		if err := d.commit(&next); err != nil {
			return reply{}, err
		}
	}
	return reply{status: http.StatusOK, etag: etag(next.version), body: d.show(&next, fieldsOf(r))}, nil
}

// findVersion gives a resource if it is of the version that is asked for
// (RFC 7644, section 3.14). The caller holds mu.
func (d *Directory) findVersion(r *http.Request, kind, id string) (*entry, error) {
	e, err := d.find(kind, id)
	if err != nil {
		return nil, err
	}
	if match := r.Header.Get("If-Match"); match != "" && match != "*" && match != etag(e.version) {
		return nil, refuse(http.StatusPreconditionFailed, "", "it has changed: it is %s now", etag(e.version))
	}
	return e, nil
}

func (d *Directory) delete(r *http.Request, kind, id string, lying bool) (reply, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, err := d.findVersion(r, kind, id)
	if err != nil {
		return reply{}, err
	}
	if !lying {
		if err := d.remove(e); err != nil {
			return reply{}, err
		}
	}
	return reply{status: http.StatusNoContent}, nil
}
