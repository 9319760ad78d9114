package scim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/onus-id/onus/connector"
)

const (
	users  = "/Users"
	groups = "/Groups"
)

// listPage reads one ListResponse (RFC 7644, section 3.4.2) and its total.
func (c *Connector) listPage(ctx context.Context, where string, query url.Values) ([]resource, int, error) {
	a, err := c.read(ctx, where, query)
	if isKind(err, connector.NotFound) {
		// No list is not an empty list, and nobody in it is not proven gone.
		return nil, 0, &connector.Error{Kind: connector.Invalid, Op: "scan", Message: "GET " + where + ": there is no such list; is the setting url the SCIM address?", Err: err}
	}
	if err != nil {
		return nil, 0, err
	}
	items, total, err := readList(a.body)
	if err != nil {
		return nil, 0, unreadable(where, err.Error())
	}
	// A server that pays no heed to startIndex would give its first page for ever.
	if start := number(a.body.get("startIndex"), 0); len(items) > 0 && start > 0 && strconv.Itoa(start) != query.Get("startIndex") {
		return nil, 0, unreadable(where, fmt.Sprintf("asked for the list from %s, it begins at %d", query.Get("startIndex"), start))
	}
	return items, total, nil
}

// readList takes a ListResponse apart. What does not say how many there are
// in all is no list: it must not be read as an empty one.
func readList(body resource) (items []resource, total int, err error) {
	total = number(body.get("totalResults"), -1)
	if total < 0 {
		return nil, 0, errors.New("the answer is no list: it says no totalResults")
	}
	items = body.list("Resources")
	if listed, ok := body.get("Resources").([]any); ok && len(listed) != len(items) {
		return nil, 0, errors.New("the list holds something that is no resource")
	}
	for _, item := range items {
		if item.text("id") == "" {
			return nil, 0, errors.New("the list holds a resource without an id")
		}
	}
	if len(items) > total {
		return nil, 0, fmt.Errorf("the list says that there are %d in all, and holds %d", total, len(items))
	}
	return items, total, nil
}

func unreadable(where, says string) error {
	return &connector.Error{Kind: connector.Invalid, Op: "scan", Message: "GET " + where + ": " + says}
}

// incomplete is the end of a list that is not whole; read again, it may be.
func incomplete(where, format string, args ...any) error {
	return &connector.Error{
		Kind: connector.Transient, Op: "scan",
		Message: "GET " + where + ": " + fmt.Sprintf(format, args...) + "; the list is not complete",
	}
}

// list yields every resource of a list once. It ends without an error only if
// as many came as the server said there are, the number stayed the same, and
// nothing moved between two pages: each page but the first begins with the
// last resource of the one before it.
func (c *Connector) list(ctx context.Context, where string, query url.Values, yield func(resource) error) error {
	able, err := c.can(ctx)
	if err != nil {
		return err
	}
	query = maps.Clone(query)
	if query == nil {
		query = url.Values{}
	}
	query.Set("count", strconv.Itoa(c.page(able)))
	seen := map[string]bool{}
	last, whole := "", -1 // the last id, where the next page begins with it; the total
	for {
		start := len(seen) + 1
		if last != "" {
			start--
		}
		query.Set("startIndex", strconv.Itoa(start))
		items, total, err := c.listPage(ctx, where, query)
		switch {
		case err != nil:
			return err
		case whole >= 0 && total != whole:
			return incomplete(where, "it said that there are %d in all, and now %d", whole, total)
		case last != "" && (len(items) == 0 || items[0].text("id") != last):
			return incomplete(where, "it moved while it was read, after %d of %d", len(seen), total)
		}
		whole = total
		if last != "" {
			items = items[1:]
		}
		if len(items) == 0 && len(seen) < total {
			return incomplete(where, "it ends after %d of %d", len(seen), total)
		}
		for _, item := range items {
			id := item.text("id")
			if seen[id] {
				return incomplete(where, "%s is listed twice: it moved while it was read", id)
			}
			seen[id] = true
			if err := yield(item); err != nil {
				return err
			}
		}
		if len(seen) > total {
			return incomplete(where, "it says that there are %d in all, and gave %d", total, len(seen))
		}
		if len(seen) == total {
			return nil
		}
		last = ""
		if len(items) > 1 { // a server of pages of one would never get on
			last = items[len(items)-1].text("id")
		}
	}
}

// matching lists the resources whose attribute has that value. The server is
// asked to filter; what it sends is looked at all the same, for some servers
// pay no heed to a filter they do not know.
func (c *Connector) matching(ctx context.Context, where, attribute, value string, query url.Values) ([]resource, error) {
	able, err := c.can(ctx)
	if err != nil {
		return nil, err
	}
	filter, err := equals(attribute, value)
	if err != nil {
		return nil, err
	}
	query = maps.Clone(query)
	if query == nil {
		query = url.Values{}
	}
	if able.filter {
		query.Set("filter", filter)
	}
	exact, folded, err := c.collect(ctx, where, attribute, value, query)
	if able.filter && cannotFilter(err) {
		query.Del("filter")
		exact, folded, err = c.collect(ctx, where, attribute, value, query)
	}
	if err != nil || len(exact) > 0 {
		return exact, err
	}
	return folded, nil
}

// collect lists and keeps what matches: exactly, and but for the case.
func (c *Connector) collect(ctx context.Context, where, attribute, value string, query url.Values) (exact, folded []resource, err error) {
	err = c.list(ctx, where, query, func(r resource) error {
		switch got := r.text(attribute); {
		case got == value:
			exact = append(exact, r)
		case strings.EqualFold(got, value):
			folded = append(folded, r)
		}
		return nil
	})
	return exact, folded, err
}

// cannotFilter says whether the server refused the filter, not the request.
func cannotFilter(err error) bool {
	why, ok := refusalOf(err)
	return ok && (why.scimType == "invalidFilter" || why.status == http.StatusBadRequest || why.status == http.StatusNotImplemented)
}
