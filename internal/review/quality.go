package review

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// A Progress is how far a campaign has come, and how it was done.
type Progress struct {
	onus.Campaign

	Left      string            `json:"left,omitempty"` // what keeps it from being closed
	Kept      int               `json:"kept"`
	Denied    int               `json:"denied"`
	Silent    int               `json:"silent"`            // of those denied: nobody decided in time
	Pending   []onus.Review     `json:"pending,omitempty"` // denied, and not confirmed gone; at most a hundred
	Waiting   int               `json:"waiting"`           // denied, and not confirmed gone
	Open      []SheetLeft       `json:"open,omitempty"`
	Reviewers []ReviewerQuality `json:"reviewers,omitempty"`
}

// A SheetLeft is a sheet that waits for its reviewer.
type SheetLeft struct {
	Sheet    string    `json:"sheet"`
	Reviewer string    `json:"reviewer"`
	Due      time.Time `json:"due"`
	Lines    int       `json:"lines"` // undecided
}

// A ReviewerQuality is how one reviewer reviewed.
type ReviewerQuality struct {
	Reviewer string        `json:"reviewer"`
	Lines    int           `json:"lines"`
	Kept     int           `json:"kept"`
	Median   time.Duration `json:"median"` // a line, where it is known
	Found    int           `json:"found"`  // planted lines that they denied
	Missed   int           `json:"missed"` // planted lines that they kept
	Flags    []string      `json:"flags,omitempty"`
}

const (
	manyLines = 10              // from when on a yes to each of them says something
	hasty     = 3 * time.Second // a line; nobody looks at the evidence faster
	listed    = 100
)

// Campaigns lists them, the oldest first.
func (d *Desk) Campaigns(ctx context.Context, all bool) (list []onus.Campaign, err error) {
	err = d.Store.View(ctx, func(r store.Reader) error {
		list, err = store.Campaigns.Query(ctx, r, store.Query{Key: "at", To: "9"})
		return err
	})
	if !all {
		list = slices.DeleteFunc(list, func(c onus.Campaign) bool { return c.State == onus.CampaignClosed })
	}
	return list, err
}

// Progress says how far a campaign has come. Planted lines are counted among
// its reviewers' only when nothing is left to decide: until then nobody is
// told that there are any.
func (d *Desk) Progress(ctx context.Context, id string) (p Progress, err error) {
	err = d.Store.View(ctx, func(r store.Reader) error {
		p = Progress{}
		if p.Campaign, err = Find(ctx, r, id); err != nil {
			return err
		}
		if p.Left, err = leftOf(ctx, r, &p.Campaign); err != nil {
			return err
		}
		if p.Open, err = left(ctx, r, p.ID); err != nil {
			return err
		}
		q := quality{by: map[string]*ReviewerQuality{}, took: map[string][]time.Duration{}, planted: len(p.Open) == 0}
		for row, err := range r.Find(ctx, store.Query{Kind: store.Reviews.Name, Prefix: p.ID + "/"}) {
			if err != nil {
				return err
			}
			v, err := store.Reviews.Of(row)
			if err != nil {
				return err
			}
			p.count(&v)
			q.count(&v)
		}
		p.Reviewers = q.all()
		return nil
	})
	return p, err
}

func left(ctx context.Context, r store.Reader, id string) ([]SheetLeft, error) {
	var open []SheetLeft
	for row, err := range r.Find(ctx, store.Is(store.Sheets.Name, "open", id)) {
		if err != nil {
			return nil, err
		}
		s, err := store.Sheets.Of(row)
		if err != nil {
			return nil, err
		}
		lines, err := undecided(ctx, r, s)
		if err != nil {
			return nil, err
		}
		open = append(open, SheetLeft{s.ID, s.Reviewer, s.Due, len(lines)})
	}
	return open, nil
}

func (p *Progress) count(v *onus.Review) {
	switch {
	case v.Planted:
		return // nobody holds it
	case v.Verdict == onus.VerdictKeep:
		p.Kept++
		return
	}
	p.Denied++
	if v.Silent {
		p.Silent++
	}
	if v.Waits() {
		if p.Waiting++; len(p.Pending) < listed {
			p.Pending = append(p.Pending, *v)
		}
	}
}

// quality adds up who reviewed how.
type quality struct {
	by      map[string]*ReviewerQuality
	took    map[string][]time.Duration
	planted bool
}

func (q *quality) count(v *onus.Review) {
	if v.Person == "" {
		return
	}
	of := q.by[v.Person]
	if of == nil {
		of = &ReviewerQuality{Reviewer: v.Person}
		q.by[v.Person] = of
	}
	of.Lines++
	if v.Took > 0 {
		q.took[v.Person] = append(q.took[v.Person], v.Took)
	}
	switch {
	case v.Verdict == onus.VerdictKeep:
		of.Kept++
		if v.Planted && q.planted {
			of.Missed++
		}
	case v.Planted && q.planted:
		of.Found++
	}
}

func (q *quality) all() []ReviewerQuality {
	all := make([]ReviewerQuality, 0, len(q.by))
	for name, of := range q.by {
		if took := q.took[name]; len(took) > 0 {
			slices.Sort(took)
			of.Median = took[len(took)/2]
		}
		if of.Lines >= manyLines && of.Kept == of.Lines {
			of.Flags = append(of.Flags, "said yes to everything")
		}
		if of.Median > 0 && of.Median < hasty && of.Lines >= manyLines {
			of.Flags = append(of.Flags, "faster than anybody can look")
		}
		if of.Missed > 0 {
			of.Flags = append(of.Flags, "missed what was planted")
		}
		all = append(all, *of)
	}
	slices.SortFunc(all, func(a, b ReviewerQuality) int { return cmp.Compare(a.Reviewer, b.Reviewer) })
	return all
}
