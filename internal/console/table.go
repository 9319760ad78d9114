package console

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// pageSize is how many rows of a table a page shows.
const pageSize = 50

// A table is what a page says about its rows: which of them, in which order,
// and where the others are. All of it stands in the page's address.
type table struct {
	Text  string // of what is sought; empty: everything
	Kind  string // which kind of rows; empty: all
	Sort  string // by what; a minus before it turns it round
	At    int    // the page, from 1
	Pages int
	Total int // rows, on all pages

	path  string
	query url.Values
}

// tableOf reads a table's part of an address. What it does not know of sorts
// and kinds is as if it had not been said; the first sort is the one meant then.
func tableOf(address *url.URL, sorts, kinds []string) table {
	t := table{path: address.Path, query: address.Query()}
	t.Text, t.Kind, t.Sort = strings.TrimSpace(t.query.Get("text")), t.query.Get("kind"), t.query.Get("sort")
	if !slices.Contains(kinds, t.Kind) {
		t.Kind = ""
	}
	if !slices.Contains(sorts, strings.TrimPrefix(t.Sort, "-")) {
		t.Sort = sorts[0]
	}
	t.At, _ = strconv.Atoi(t.query.Get("page"))
	return t
}

// has says whether one of a row's texts has what is sought.
func (t *table) has(texts ...string) bool {
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(t.Text)) })
}

// by is the order of the table, from one for each name of a sort.
func by[T any](t *table, rows []T, orders map[string]func(a, b T) int) {
	order := orders[strings.TrimPrefix(t.Sort, "-")]
	slices.SortStableFunc(rows, func(a, b T) int {
		if strings.HasPrefix(t.Sort, "-") {
			a, b = b, a
		}
		return order(a, b)
	})
}

// cut gives the rows of the page.
func cut[T any](t *table, rows []T) []T {
	t.Total, t.Pages = len(rows), max(1, (len(rows)+pageSize-1)/pageSize)
	t.At = max(1, min(t.At, t.Pages))
	return rows[(t.At-1)*pageSize : min(t.At*pageSize, len(rows))]
}

// with is the address of the table with something else in it; empty takes it out.
func (t *table) with(name, value string) string {
	q := maps.Clone(t.query)
	if name != "page" {
		q.Del("page")
	}
	q.Set(name, value)
	if value == "" {
		q.Del(name)
	}
	if len(q) == 0 {
		return t.path
	}
	return t.path + "?" + q.Encode()
}

// turned is the address of the table sorted by a column: the other way round
// if it is already.
func (t *table) turned(column string) string {
	if t.Sort == column {
		return t.with("sort", "-"+column)
	}
	return t.with("sort", column)
}

// direction is what a column's head says to a screen reader.
func (t *table) direction(column string) string {
	switch t.Sort {
	case column:
		return "ascending"
	case "-" + column:
		return "descending"
	}
	return "none"
}
