package server

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/ownership"
)

// An Answering is who answers for what, as one person sees it.
type Answering struct {
	Lines    []ownership.Line
	Coverage ownership.Coverage // of those lines
	Mine     []ownership.View   // that the person stands for, or is asked about
	Leaves   []onus.Absence     // of the person, not over yet
}

// Answering gathers who answers for what among the duties that a person may
// look at.
func (s *Server) Answering(ctx context.Context, mail string) (Answering, error) {
	f, p, err := s.Books().duties(ctx, time.Time{})
	if err != nil {
		return Answering{}, err
	}
	a := Answering{Coverage: f.Cover(p), Leaves: f.Leaves(mail)}
	everything := f.Lines()
	if a.Lines, err = s.VisibleDuties(ctx, mail, everything); err != nil {
		return a, err
	}
	for _, id := range f.Of(mail) {
		if v, known := f.View(id, mail); known {
			a.Mine = append(a.Mine, v)
		}
	}
	if len(a.Lines) < len(everything) {
		a.Coverage = partOf(a.Coverage, a.Lines, mail)
	}
	return a, nil
}

// partOf is the coverage of some duties: of others it says nothing.
func partOf(c ownership.Coverage, lines []ownership.Line, mail string) ownership.Coverage {
	part := ownership.Coverage{Duties: len(lines)}
	seen := map[onus.DutyID]bool{}
	for _, l := range lines {
		seen[l.ID] = true
		if l.Stands != "" {
			part.Stood++
		}
		if l.Accepted {
			part.Accepted++
		}
	}
	part.Gaps = slices.DeleteFunc(c.Gaps, func(g ownership.Gap) bool {
		return !seen[g.Duty] && (g.Duty != "" || !strings.EqualFold(g.Person, mail))
	})
	part.Shared = slices.DeleteFunc(c.Shared, func(w ownership.SharedWorkflow) bool { return !seen[ownership.ExceptionsID(w.Workflow)] })
	return part
}

// Duty gives a duty as a person sees it who may look at it.
func (s *Server) Duty(ctx context.Context, mail string, id onus.DutyID) (ownership.View, error) {
	f, _, err := s.Books().duties(ctx, time.Time{})
	if err != nil {
		return ownership.View{}, err
	}
	v, known := f.View(id, mail)
	if known {
		seen, err := s.VisibleDuties(ctx, mail, []ownership.Line{v.Line})
		if err != nil {
			return ownership.View{}, err
		}
		known = len(seen) == 1
	}
	if !known {
		return ownership.View{}, ErrUnseen(Ref{"duty", string(id)})
	}
	return v, nil
}
