package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
)

// A FindingView is a finding as people see it.
type FindingView struct {
	onus.Finding

	Holder string        `json:"holder"` // how people know whose it is; empty: nobody's
	What   string        `json:"what"`   // what differs, in words
	Age    time.Duration `json:"age"`    // since it was first seen, until now or until it ended
	Can    []onus.Repair `json:"can,omitempty"`
}

// Findings lists the findings that stand, or all, the oldest first.
func (b *Books) Findings(ctx context.Context, all bool) ([]FindingView, error) {
	list := []FindingView{}
	err := b.store.View(ctx, func(r store.Reader) error {
		found, err := store.Findings.Query(ctx, r, store.Query{Key: "found", To: "9"})
		list = list[:0]
		for _, f := range found {
			if all || !f.State.Ended() {
				list = append(list, b.findingView(ctx, r, f))
			}
		}
		return err
	})
	slices.SortStableFunc(list, func(a, b FindingView) int { // one scan finds several at once
		return cmp.Or(a.Found.Compare(b.Found), cmp.Compare(a.System, b.System), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Entitlement, b.Entitlement))
	})
	return list, err
}

// Finding gives one finding by its ID, or by a beginning that only one has.
func (b *Books) Finding(ctx context.Context, id string) (v FindingView, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		f, err := findByStart(ctx, r, store.Findings, id, "onus drift list --all shows them")
		if err == nil {
			v = b.findingView(ctx, r, f)
		}
		return err
	})
	return v, err
}

func (b *Books) findingView(ctx context.Context, r store.Reader, f onus.Finding) FindingView {
	v := FindingView{Finding: f, What: findingWords(f), Age: b.now().Sub(f.Found)}
	if f.Identity != "" {
		v.Holder = called(ctx, r, f.Identity)
	}
	if f.State.Ended() {
		v.Age = f.Ended.Sub(f.Found)
	}
	if f.State == onus.FindingOpen || f.State == onus.FindingAccepted {
		v.Can = f.Kind.Repairs()
	}
	return v
}

// findingWords says what differs.
func findingWords(f onus.Finding) string {
	what := "account " + f.Name
	if f.Entitlement != "" {
		what = f.Entitlement + " of " + f.Name
	}
	switch f.Kind {
	case onus.Appeared:
		if f.Identity == "" {
			return what + ", and nobody is known whose it is"
		}
		return what + ", which nobody warranted"
	case onus.Vanished:
		return what + ", which is warranted, is not there"
	case onus.Second:
		return what + " is another one of the same holder"
	case onus.Altered:
		var parts []string
		for _, k := range (onus.Account{Was: f.Was}).Altered() {
			parts = append(parts, fmt.Sprintf("%s is %s, was %s", strings.TrimPrefix(k, "="), cmp.Or(f.Is[k], "not set"), cmp.Or(f.Was[k], "not set")))
		}
		return what + ": " + strings.Join(parts, ", ")
	default:
		return what
	}
}

// Repair records what a person chose to do about findings, named by their IDs
// or by beginnings of them. Only whoever answers for the system may, and never
// about their own access. The next run, or the process that serves, carries it
// out.
func (s *Server) Repair(ctx context.Context, o engine.RepairOrder) ([]onus.Finding, error) {
	ids := slices.Clone(o.Findings)
	err := s.store.View(ctx, func(r store.Reader) error {
		for i, id := range o.Findings {
			f, err := findByStart(ctx, r, store.Findings, id, "onus drift list --all shows them")
			if err != nil {
				return err
			}
			ids[i] = f.ID
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	o.Findings = ids
	if o.Person != "" {
		for _, id := range ids {
			ruling, err := s.May(ctx, o.Person, authority.Repair, Ref{"finding", id})
			if err != nil {
				return nil, err
			}
			if err := ruling.Err(); err != nil {
				return nil, err
			}
			o.Permit = permitOf(ruling)
		}
	}
	if o.Answers != "" {
		if err := s.answerable(ctx, o.Answers); err != nil {
			return nil, err
		}
	}
	roster, err := s.people(ctx)
	if err != nil {
		return nil, err
	}
	return s.Engine.Repair(ctx, roster, o)
}

// answerable refuses whoever cannot answer for anything.
func (s *Server) answerable(ctx context.Context, mail string) error {
	return s.store.View(ctx, func(r store.Reader) error {
		found, err := s.Engine.MailOf(ctx, r, mail)
		if err == nil && found == "" {
			err = onus.Errorf(onus.Invalid, "name somebody who is active on the roster", "nobody active has the address %s", mail)
		}
		return err
	})
}
