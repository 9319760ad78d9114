package reconcile

import (
	"iter"
	"slices"
	"time"

	"github.com/onus-id/onus"
)

// A Row is a grant with the ID that it is kept under.
type Row struct {
	ID    string
	Grant onus.Grant
}

// A Means says what a look at one grant means for the finding about it.
type Means int

// The meanings.
const (
	Opens Means = iota // there is a difference, and no finding about it
	Stays              // the finding still names the difference
	Ends               // the difference that it names is not there any more
	Waits              // it is too early to say: something of ours is on its way
)

// A Step is one grant that differs, or one finding that stands.
type Step struct {
	Means   Means
	Row     Row              // of one that differs
	Kind    onus.FindingKind // of the difference
	Finding onus.Finding     // the one that stands; of Opens: none
}

// Drift merges the grants of a system with the findings that stand about
// them, both in ascending order of the grant's ID, and yields what of them
// moves. It holds one row of each and nothing else, however many there are.
// judge is Judge, or adds to it what else is known of a grant.
func Drift(
	rows iter.Seq2[Row, error], standing iter.Seq2[onus.Finding, error],
	judge func(*onus.Grant) (onus.FindingKind, bool, error),
) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		next, stop := iter.Pull2(standing)
		defer stop()
		f, err, there := next()
		var row Row // one for all: judge is given a pointer into it
		for r, rowErr := range rows {
			row = r
			// Findings about grants that are not there name nothing any more.
			for there && err == nil && rowErr == nil && f.About < row.ID {
				if !yield(Step{Means: Ends, Finding: f}, nil) {
					return
				}
				f, err, there = next()
			}
			if there && err != nil {
				rowErr = err
			}
			if rowErr != nil {
				yield(Step{}, rowErr)
				return
			}
			kind, later, judgeErr := judge(&row.Grant)
			if judgeErr != nil {
				yield(Step{}, judgeErr)
				return
			}
			about := there && f.About == row.ID
			if about {
				if !found(yield, row, kind, later, f) {
					return
				}
				f, err, there = next()
			} else if kind != "" && !later && !yield(Step{Means: Opens, Row: row, Kind: kind}, nil) {
				return
			}
		}
		for there {
			if !yield(Step{Means: Ends, Finding: f}, err) || err != nil {
				return
			}
			f, err, there = next()
		}
	}
}

// found yields what a look means for a finding that stands.
func found(yield func(Step, error) bool, row Row, kind onus.FindingKind, later bool, f onus.Finding) bool {
	s := Step{Means: Stays, Row: row, Kind: kind, Finding: f}
	switch {
	case later:
		s.Means = Waits
	case kind != f.Kind:
		s.Means = Ends
		if !yield(s, nil) || kind == "" {
			return kind == ""
		}
		s.Means, s.Finding = Opens, onus.Finding{}
	}
	return yield(s, nil)
}

// expiryTakes is how long what ran out may still be seen before that is a
// finding: its end is planned and carried out meanwhile.
const expiryTakes = time.Hour

// Judge says in which way a grant is not what our records warrant ("": it is),
// and whether it is too early to say. An account that is disabled, and what
// comes through something else that is held, is no access of its own.
func Judge(g *onus.Grant, enabled bool, now time.Time) (kind onus.FindingKind, later bool) {
	warranted := g.Warranted(now)
	switch {
	case warranted && !g.Observed:
		return onus.Vanished, false
	case warranted || !g.Observed, g.Entitlement == "" && !enabled, g.Path == onus.Inherited:
		return "", false
	}
	return onus.Appeared, slices.ContainsFunc(g.Warrants, func(w onus.Warrant) bool {
		return w.Ended.IsZero() && now.Before(w.Until.Add(expiryTakes))
	})
}
