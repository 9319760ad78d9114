package intake

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// problem is why a read as a whole is not believed.
type problem struct {
	category onus.Category
	message  string
	hint     string
	final    bool // there is nothing in the read that an override could let pass
}

// The share of rows that tells a broken feed from broken rows.
const (
	maxTwicePercent = 10
	maxBadPercent   = 50
	fewRows         = 20 // below this a percentage says nothing about bad rows
	aheadOfUs       = time.Hour
)

// failed is the problem of a read that ended in an error.
func failed(src *flow.Source, err error) *problem {
	return &problem{
		category: onus.BadRead, final: true, hint: onus.HintOf(err),
		message: fmt.Sprintf("source %s could not be read: %v", src.Name, err),
	}
}

// judge says whether a whole read may be believed, by itself and against the
// last good one; nil: it may. The first reason found is the one given, the
// gravest first.
func judge(src *flow.Source, t *table, last *onus.Read, now time.Time) *problem {
	if missing := missingColumns(src, t.taken.Columns); len(missing) > 0 {
		return &problem{
			category: onus.BadRead, final: true, hint: "the export changed, or the schema must",
			message: fmt.Sprintf("source %s has no column %s, which its schema needs", src.Name, strings.Join(missing, ", ")),
		}
	}
	if t.rowsIn == 0 {
		return &problem{
			category: onus.BadRead, final: true, hint: "an export of nobody is an export that failed",
			message: fmt.Sprintf("source %s gave no rows at all", src.Name),
		}
	}
	if !t.taken.Complete {
		why := t.taken.Why
		if why == "" {
			why = "the feed did not say that this was all"
		}
		return &problem{
			category: onus.BadRead, hint: "have it exported again",
			message: fmt.Sprintf("source %s was not read whole: %s", src.Name, why),
		}
	}
	if p := stale(src, t.taken.At, last, now); p != nil {
		return p
	}
	if t.twice*100 > t.rowsIn*maxTwicePercent {
		return &problem{
			category: onus.BadRead, hint: "one key must name one record",
			message: fmt.Sprintf("source %s has %d of %d rows with a key that another row has too", src.Name, t.twice, t.rowsIn),
		}
	}
	if t.rowsIn >= fewRows && len(t.bad)*100 > t.rowsIn*maxBadPercent {
		return &problem{
			category: onus.BadRead, hint: "so many bad rows are a bad export; the first says: " + t.bad[0].message,
			message: fmt.Sprintf("source %s has %d of %d rows that cannot be used", src.Name, len(t.bad), t.rowsIn),
		}
	}
	if last != nil && t.rowsIn*100 < last.Rows*src.MinPercent {
		return &problem{
			category: onus.VolumeGuard, hint: "if so many really left, override with the reason",
			message: fmt.Sprintf("source %s gave %d rows where the last good read had %d: fewer than %d%%", src.Name, t.rowsIn, last.Rows, src.MinPercent),
		}
	}
	return nil
}

// stale finds a read that is too old, older than what we know already, or
// dated so far ahead that its age says nothing.
func stale(src *flow.Source, at time.Time, last *onus.Read, now time.Time) *problem {
	if src.Fresh > 0 && now.Sub(at) > src.Fresh {
		return &problem{
			category: onus.StaleSource, hint: "look at why no newer one was delivered",
			message: fmt.Sprintf("source %s is of %s, older than its limit of %v", src.Name, at.UTC().Format(time.RFC3339), src.Fresh),
		}
	}
	if src.Fresh > 0 && at.Sub(now) > aheadOfUs {
		return &problem{
			category: onus.StaleSource, hint: "correct the clock of the machine that writes it",
			message: fmt.Sprintf("source %s is dated %s, which is still to come: how fresh it is nobody can say", src.Name, at.UTC().Format(time.RFC3339)),
		}
	}
	if last != nil && at.Before(last.TakenAt) {
		return &problem{
			category: onus.StaleSource, hint: "an older export was put in the place of a newer one",
			message: fmt.Sprintf("source %s is of %s, older than the last good read of %s", src.Name, at.UTC().Format(time.RFC3339), last.TakenAt.UTC().Format(time.RFC3339)),
		}
	}
	return nil
}

// shrunk judges by keys instead of rows: a feed of the right size whose keys
// are mostly other ones (all renumbered, another company's) is no better than
// a short one. Ten that are missing can be ten that left.
func shrunk(src *flow.Source, known, missing int) *problem {
	if missing <= 10 || (known-missing)*100 >= known*src.MinPercent {
		return nil
	}
	return &problem{
		category: onus.VolumeGuard, hint: "if so many really left, override with the reason",
		message: fmt.Sprintf("source %s lacks %d of the %d records that it had: more than %d%% have the same keys no more", src.Name, missing, known, 100-src.MinPercent),
	}
}

// missingColumns names the columns that the feed lacks and the schema cannot
// do without: required ones, and those that say who somebody is, whether they
// are here and where they stand. A value may be absent; when the whole column
// of last days is, nobody's contract ends any more.
func missingColumns(src *flow.Source, columns []string) []string {
	s := &src.Schema
	r := s.Roles
	needed := append([]string{s.Key, r.Person, r.Login, r.Mail, r.Manager, r.Sponsor, r.Start, r.End, r.Status}, s.Moves...)
	var missing []string
	for i := range s.Attributes {
		a := &s.Attributes[i]
		if (a.Required || slices.Contains(needed, a.Name)) && !slices.Contains(columns, columnOf(a)) {
			missing = append(missing, columnOf(a))
		}
	}
	return missing
}
