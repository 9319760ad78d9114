package access

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// A value shorter than this is in too many texts to say whose it is.
const telling = 4

// personalValues are the texts that say who a subject is: what they are
// known by, and what their sources' schemas call personal.
func personalValues(ctx context.Context, r store.Reader, who onus.Identity, personal Personal) ([]string, error) {
	values := []string{who.Login, who.Name, who.Mail}
	collect := func(source onus.SourceName, a onus.Attributes) {
		for _, name := range personal[source] {
			values = append(values, a[name])
		}
	}
	collect(who.Source, who.Attributes)
	records, err := store.Records.Find(ctx, r, "identity", string(who.ID))
	if err != nil {
		return nil, err
	}
	for _, v := range records {
		collect(v.Source, v.Attributes)
	}
	accounts, err := store.Accounts.Find(ctx, r, "identity", string(who.ID))
	if err != nil {
		return nil, err
	}
	for _, v := range accounts {
		values = append(values, v.Name)
	}
	values = slices.DeleteFunc(values, func(v string) bool { return len(v) < telling })
	slices.Sort(values)
	return slices.Compact(values), nil
}

func names(text string, values []string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(values, func(v string) bool { return strings.Contains(text, strings.ToLower(v)) })
}

// A Trace is what says who a subject is, kept in memory only while an
// erasure is carried out.
type Trace struct{ values []string }

// TraceOf gathers it before the erasure.
func TraceOf(ctx context.Context, r store.Reader, id string, personal Personal) (Trace, error) {
	e, err := store.Erasures.Get(ctx, r, id)
	if err != nil {
		return Trace{}, err
	}
	who, err := store.Identities.Get(ctx, r, string(e.Subject))
	if err != nil {
		return Trace{}, err
	}
	values, err := personalValues(ctx, r, who, personal)
	return Trace{values}, err
}

// Elsewhere counts the ledger entries about others that still name the
// subject: as their manager, as an owner, as who decided. They stay, because
// they say who answered.
func (t Trace) Elsewhere(ctx context.Context, r store.Reader) (int, error) {
	var needles [][]byte
	for _, v := range t.values {
		text, err := json.Marshal(v)
		if err != nil {
			return 0, err
		}
		needles = append(needles, text[1:len(text)-1])
	}
	n := 0
	for e, err := range r.Events(ctx, store.EventQuery{Bodies: true}) {
		if err != nil {
			return n, err
		}
		if slices.ContainsFunc(needles, func(v []byte) bool { return bytes.Contains(e.Body, v) }) {
			n++
		}
	}
	return n, nil
}
