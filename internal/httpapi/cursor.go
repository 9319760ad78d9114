package httpapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/onus-id/onus"
)

// A cursor is where a list goes on: the place, sealed with the list it is of,
// so that none can be made up or used for another list. To the caller it is
// opaque.
func (a *api) cursor(list, place string) string {
	return base64.RawURLEncoding.EncodeToString(append(a.seal(list, place), place...))
}

func (a *api) seal(list, place string) []byte {
	mac := hmac.New(sha256.New, a.Key)
	mac.Write([]byte(list + "\x00" + place))
	return mac.Sum(nil)[:16]
}

// placeOf opens a cursor; none is the beginning of the list.
func (a *api) placeOf(list, cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err == nil && len(raw) >= 16 {
		if place := string(raw[16:]); hmac.Equal(raw[:16], a.seal(list, place)) {
			return place, nil
		}
	}
	return "", onus.Errorf(onus.Invalid, "begin the list anew without a cursor", "the cursor is not one of this list")
}

// Page is how much of a list is asked for, and from where.
type Page struct {
	Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"1000" doc:"how many at most"`
	Cursor string `query:"cursor" maxLength:"1024" doc:"next of the page before"`
}

// A List is one page of something.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"the cursor of the next page; absent on the last"`
}

// page cuts a page out of what is sorted by place.
func page[T any](a *api, list string, p Page, all []T, place func(T) string) (List[T], error) {
	return cut(a, list, p, all, place, 1)
}

// newest is page for what is sorted the other way round.
func newest[T any](a *api, list string, p Page, all []T, place func(T) string) (List[T], error) {
	return cut(a, list, p, all, place, -1)
}

// sorted puts a list in order of place.
func sorted[T any](all []T, place func(T) string) []T {
	slices.SortFunc(all, func(a, b T) int { return strings.Compare(place(a), place(b)) })
	return all
}

func cut[T any](a *api, list string, p Page, all []T, place func(T) string, order int) (List[T], error) {
	from, err := a.placeOf(list, p.Cursor)
	if err != nil {
		return List[T]{}, err
	}
	begin := 0
	for from != "" && begin < len(all) && strings.Compare(place(all[begin]), from)*order <= 0 {
		begin++
	}
	out := List[T]{Items: all[begin:min(begin+p.Limit, len(all))]}
	if out.Items == nil {
		out.Items = []T{}
	}
	if begin+p.Limit < len(all) {
		out.Next = a.cursor(list, place(out.Items[len(out.Items)-1]))
	}
	return out, nil
}
