package intake

import (
	"context"
	"slices"
	"strings"

	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
)

// Sought is a roster that looks up those who are asked for, one by one, for
// who looks at a few among very many. It is good in the transaction of its
// reader. Whoever is not found by their address as it was asked for is looked
// for among everybody, as a Roster has them: addresses differ in case.
type Sought struct {
	ctx    context.Context //nolint:containedctx // flow.Roster takes none; it lives as long as one transaction
	reader store.Reader
	prog   *flow.Program
	all    *Roster // made when somebody was not found
	err    error
}

// Seek makes a roster of the identities that a reader shows.
func Seek(ctx context.Context, prog *flow.Program, r store.Reader) *Sought {
	return &Sought{ctx: ctx, reader: r, prog: prog}
}

// Err is what went wrong meanwhile: then nobody was found.
func (s *Sought) Err() error { return s.err }

// ByMail implements flow.Roster.
func (s *Sought) ByMail(mail string) (flow.Member, bool) {
	if s.err != nil || mail == "" {
		return flow.Member{}, false
	}
	if s.all == nil {
		few := newRoster()
		for _, as := range slices.Compact([]string{mail, strings.ToLower(mail)}) {
			found, err := store.Identities.Find(s.ctx, s.reader, "mail", as)
			if err != nil {
				s.err = err
				return flow.Member{}, false
			}
			for i := range found {
				few.addMember(&found[i])
			}
		}
		if m, known := few.ByMail(mail); known {
			return m, true
		}
		if s.all, s.err = RosterOf(s.ctx, s.prog, s.reader); s.err != nil {
			return flow.Member{}, false
		}
	}
	return s.all.ByMail(mail)
}

var _ flow.Roster = (*Sought)(nil)
