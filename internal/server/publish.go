package server

import (
	"context"
	"fmt"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authn"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/intake"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/versions"
)

// Whoever acts is told by an organisation: by its operators and its keys.
type Whoever func(flow.Organisation) (onus.Actor, string)

// acting finds out who proposes or decides, in a transaction.
type acting func(ctx context.Context, r store.Reader, org flow.Organisation) (versions.Actor, error)

func (who Whoever) acting(ctx context.Context, r store.Reader, org flow.Organisation) (versions.Actor, error) {
	by, mail := who(org)
	return versions.Person(ctx, r, by, mail)
}

// holder is whoever holds a token: a machine identity, with what its token is
// for.
func (s *Server) holder(ctx context.Context, token string) (acting, error) {
	d, err := s.Desk()
	if err != nil {
		return nil, err
	}
	t, who, err := d.Token(ctx, token)
	switch {
	case err != nil:
		return nil, onus.Errorf(onus.Denied, "give a machine identity's token, made for the scope propose, in ONUS_TOKEN", "the token is good for nothing")
	case who.Kind != onus.NonHuman:
		return nil, onus.Errorf(onus.Denied, "a person proposes with --sign KEYFILE", "the token is not a machine identity's")
	}
	return func(ctx context.Context, r store.Reader, _ flow.Organisation) (versions.Actor, error) {
		return machineActor(ctx, r, onus.Actor("machine:"+string(who.ID)), Machine{who.ID, t.Scopes, t.Behalf})
	}, nil
}

func machineActor(ctx context.Context, r store.Reader, by onus.Actor, m Machine) (versions.Actor, error) {
	a, err := versions.Machine(ctx, r, by, m.Identity, m.Scopes)
	if err != nil {
		return a, err
	}
	return a.InPlaceOf(ctx, r, m.Behalf)
}

// A VersionView is a version with all that there is to know before saying yes
// or no to it.
type VersionView struct {
	onus.Version

	Missing []string `json:"missing,omitempty"` // what keeps it from going live
	Can     []string `json:"can_approve,omitempty"`

	Lacks []ownership.Lack `json:"-"` // of what is missing, the duties
	Reads []intake.Outcome `json:"-"` // what reading the sources brought
}

// ProposeFolder opens a version of what the folder holds. The sources are
// read, because owners must be on record; nothing on any system is touched.
func (s *Server) ProposeFolder(ctx context.Context, who Whoever, reason string) (VersionView, error) {
	return s.proposeFolder(ctx, who.acting, reason)
}

// ProposeFromCI is ProposeFolder by a machine identity that holds a token for
// the scope "propose". It can do no more: only people say yes.
func (s *Server) ProposeFromCI(ctx context.Context, token, reason string) (VersionView, error) {
	who, err := s.holder(ctx, token)
	if err != nil {
		return VersionView{}, err
	}
	return s.proposeFolder(ctx, who, reason)
}

func (s *Server) proposeFolder(ctx context.Context, who acting, reason string) (VersionView, error) {
	if s.live.ID != "" && s.draft.Digest() == s.live.Program {
		return VersionView{Version: s.live}, onus.Errorf(onus.Conflict, "there is nothing to publish", "%s is what is published already, as version %d", s.Dir, s.live.Number)
	}
	return s.propose(ctx, who, reason, "", checked(s.draft))
}

// checked compiles a draft against the roster of the day.
func checked(draft *flow.Draft) func(flow.Roster) (*flow.Program, error) {
	return func(roster flow.Roster) (*flow.Program, error) {
		p, faults := draft.Check(roster)
		if len(faults) > 0 {
			return nil, faults
		}
		return p, nil
	}
}

// ProposeAgain opens a version of what a former one held.
func (s *Server) ProposeAgain(ctx context.Context, who Whoever, id, reason string) (VersionView, error) {
	former, p, err := s.version(ctx, id)
	if err != nil {
		return VersionView{}, err
	}
	return s.propose(ctx, who.acting, reason, former.ID, func(flow.Roster) (*flow.Program, error) { return p, nil })
}

func (s *Server) propose(ctx context.Context, who acting, reason, again string, compile func(flow.Roster) (*flow.Program, error)) (VersionView, error) {
	var v VersionView
	_, err := s.lead(ctx, true, s.upToDate(func(ctx context.Context) (rep Report, err error) {
		reads, err := s.readTrusted(ctx)
		if err != nil {
			return rep, err
		}
		roster, err := s.people(ctx)
		if err != nil {
			return rep, err
		}
		p, err := compile(roster)
		if err != nil {
			return rep, err
		}
		diff, err := s.differ(ctx, p)
		if err != nil {
			return rep, err
		}
		return rep, s.store.Update(ctx, func(tx store.Tx) error {
			v = VersionView{Reads: reads}
			on, err := s.scope(ctx, tx, p, roster)
			if err != nil {
				return err
			}
			actor, err := who(ctx, tx, s.governing(p))
			if err != nil {
				return err
			}
			policy, err := versions.MayPropose(actor, on)
			if err != nil {
				return err
			}
			if v.Version, err = versions.Propose(ctx, tx, actor, versions.Proposal{Program: p, Again: again, Reason: reason, Policy: policy, Difference: diff}); err != nil {
				return err
			}
			row, _, err := tx.Get(ctx, store.Versions.Name, v.ID)
			if err != nil {
				return err
			}
			if _, err := on.Now.AskAll(ctx, tx, actor.By, row.Event); err != nil {
				return err
			}
			v.Lacks, v.Can = on.Now.Lacks(), versions.Who(v.Version, on)
			v.Missing, err = missing(ctx, tx, p, on, roster)
			return err
		})
	}))
	return v, err
}

// Approve says yes to a version. When it would do something else by now than
// what was shown, nothing goes live: stale says so, and the view shows it.
func (s *Server) Approve(ctx context.Context, who Whoever, id string) (v VersionView, stale bool, err error) {
	proposed, p, err := s.version(ctx, id)
	if err != nil {
		return v, false, err
	}
	if proposed.State == onus.VersionProposed && proposed.Again == "" && s.draft.Digest() != proposed.Program {
		return v, false, onus.Errorf(onus.Conflict, fmt.Sprintf("onus publish %s proposes what it holds now; onus versions show %s --files DIR writes what was proposed", s.Dir, proposed.ID),
			"%s is not what version %s proposes any more", s.Dir, proposed.ID)
	}
	return s.approve(ctx, who, proposed, p)
}

// ApproveKept is Approve where nobody has the folder before them: what was
// proposed is what is kept.
func (s *Server) ApproveKept(ctx context.Context, who Whoever, id string) (VersionView, bool, error) {
	proposed, p, err := s.version(ctx, id)
	if err != nil {
		return VersionView{}, false, err
	}
	return s.approve(ctx, who, proposed, p)
}

func (s *Server) approve(ctx context.Context, who Whoever, proposed onus.Version, p *flow.Program) (v VersionView, stale bool, err error) {
	_, err = s.lead(ctx, true, s.upToDate(func(ctx context.Context) (rep Report, err error) {
		if _, err := s.readTrusted(ctx); err != nil {
			return rep, err
		}
		roster, err := s.people(ctx)
		if err != nil {
			return rep, err
		}
		diff, err := s.differ(ctx, p)
		if err != nil {
			return rep, err
		}
		return rep, s.store.Update(ctx, func(tx store.Tx) error {
			v = VersionView{}
			on, err := s.scope(ctx, tx, p, roster)
			if err != nil {
				return err
			}
			actor, err := who.acting(ctx, tx, s.governing(p))
			if err != nil {
				return err
			}
			if v.Missing, err = missing(ctx, tx, p, on, roster); err != nil {
				return err
			}
			v.Version, stale, err = versions.Approve(ctx, tx, actor, proposed.ID, versions.Judgement{Scope: on, Difference: diff, Missing: v.Missing})
			if err != nil || stale {
				return err
			}
			keys := map[string]string{} // count from here on
			for _, s := range p.Organisation.Signers {
				keys[s.Key] = s.Mail
			}
			return authn.Keys{}.Enrol(ctx, tx, actor.By, keys)
		})
	}))
	if err == nil && !stale {
		err = s.takeUp(ctx)
	}
	return v, stale, err
}

// missing names all that keeps a program from going live.
func missing(ctx context.Context, r store.Reader, p *flow.Program, on versions.Scope, roster flow.Roster) ([]string, error) {
	unproven, err := versions.Unproven(ctx, r, p, on.Now.At)
	return append(versions.Missing(p, on.Now, roster), unproven...), err
}

// RefuseVersion says no to a version, or takes one's own back.
func (s *Server) RefuseVersion(ctx context.Context, who Whoever, id, why string) (v onus.Version, err error) {
	proposed, p, err := s.version(ctx, id)
	if err != nil {
		return v, err
	}
	roster, err := s.people(ctx)
	if err != nil {
		return v, err
	}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		on, err := s.scope(ctx, tx, p, roster)
		if err != nil {
			return err
		}
		actor, err := who.acting(ctx, tx, s.governing(p))
		if err != nil {
			return err
		}
		v, err = versions.Refuse(ctx, tx, actor, proposed.ID, why, on)
		return err
	})
	return v, err
}

// version gives a version by name, with its definitions.
func (s *Server) version(ctx context.Context, name string) (v onus.Version, p *flow.Program, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		if v, err = versions.Find(ctx, r, name); err != nil {
			return err
		}
		p, err = definitionsOf(ctx, r, v.Program)
		return err
	})
	return v, p, err
}

// governing is the organisation that says who somebody is: the published one.
// Nobody becomes somebody else by editing a folder. Before anything is
// published it is the one that is proposed.
func (s *Server) governing(proposed *flow.Program) flow.Organisation {
	if s.live.ID != "" {
		return s.Program.Organisation
	}
	return proposed.Organisation
}

// readTrusted reads the sources by the definitions that are published; before
// there are any, by those of the folder.
func (s *Server) readTrusted(ctx context.Context) ([]intake.Outcome, error) {
	reads, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range reads {
		if r.Held && s.live.ID == "" {
			return nil, onus.Errorf(onus.Conflict, "put the source right, then propose again", "source %s is held: %s", r.Read.Source, r.Read.Reason)
		}
	}
	return reads, nil
}

// scope gathers over what somebody's powers are measured.
func (s *Server) scope(ctx context.Context, r store.Reader, p *flow.Program, roster flow.Roster) (on versions.Scope, err error) {
	on.Program = p
	if on.Now, err = ownership.Load(ctx, r, p, roster, s.Now()); err != nil || s.live.ID == "" {
		return on, err
	}
	on.Live = s.Program
	on.LiveNow, err = ownership.Load(ctx, r, s.Program, roster, s.Now())
	return on, err
}

// differ works out what would be different under a program: its own sources
// are read for it, and nothing of that is kept.
func (s *Server) differ(ctx context.Context, p *flow.Program) (versions.Difference, error) {
	now, err := companyOf(ctx, s.store, s.Program, s.Now)
	if err != nil {
		return versions.Difference{}, err
	}
	if s.live.ID == "" {
		return versions.Differ("", nil, versions.Company{}, p, now), nil
	}
	then := now
	if sourcesOf(p) != sourcesOf(s.Program) {
		try := store.Scratch(s.store, s.Now)
		feeds, err := openFeeds(s.Dir, p)
		if err != nil {
			return versions.Difference{}, err
		}
		in := &intake.Intake{Store: try, Now: s.Now}
		for _, name := range sourcesInOrder(p) {
			if _, err := in.Take(ctx, p, p.Sources[name], feeds[name]); err != nil {
				return versions.Difference{}, err
			}
		}
		if then, err = companyOf(ctx, try, p, s.Now); err != nil {
			return versions.Difference{}, err
		}
	}
	return versions.Differ(s.live.ID, s.Program, now, p, then), nil
}

func sourcesOf(p *flow.Program) onus.Digest { return onus.DigestOfJSON(p.Sources) }

// Versions lists the versions that there are, the newest first.
func (b *Books) Versions(ctx context.Context) (all []onus.Version, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		all, err = store.Versions.Query(ctx, r, store.Query{Key: "at", To: "9"})
		return err
	})
	slices.Reverse(all)
	return all, err
}

// VersionFiles gives the definitions of a version, as they were proposed.
func (b *Books) VersionFiles(ctx context.Context, name string) (files []flow.File, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		v, err := versions.Find(ctx, r, name)
		if err != nil {
			return err
		}
		p, err := definitionsOf(ctx, r, v.Program)
		if err == nil {
			files = p.Files
		}
		return err
	})
	return files, err
}

// Version gives a version, what keeps it from going live, and who can say yes.
func (b *Books) Version(ctx context.Context, name string) (VersionView, error) {
	v, _, err := b.version(ctx, name)
	return v, err
}

func (b *Books) version(ctx context.Context, name string) (v VersionView, p *flow.Program, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		if v.Version, err = versions.Find(ctx, r, name); err != nil {
			return err
		}
		if p, err = definitionsOf(ctx, r, v.Program); err != nil {
			return err
		}
		return nil
	})
	if err != nil || v.State != onus.VersionProposed {
		return v, p, err
	}
	err = b.store.View(ctx, func(r store.Reader) error {
		on, roster := versions.Scope{Program: p}, intake.Seek(ctx, p, r)
		if on.Now, err = ownership.Load(ctx, r, p, roster, b.now()); err != nil {
			return err
		}
		live, known, err := store.LiveVersion(ctx, r)
		if err != nil {
			return err
		}
		if known {
			if on.Live, err = definitionsOf(ctx, r, live.Program); err != nil {
				return err
			}
			if on.LiveNow, err = ownership.Load(ctx, r, on.Live, roster, b.now()); err != nil {
				return err
			}
		}
		v.Can = versions.Who(v.Version, on)
		if v.Missing, err = missing(ctx, r, p, on, roster); err != nil {
			return err
		}
		return roster.Err()
	})
	return v, p, err
}

// CompareVersions says what is different under the second of two versions, for
// everybody as they are on record now.
func (b *Books) CompareVersions(ctx context.Context, first, second string) ([]string, error) {
	_, p, err := b.version(ctx, first)
	if err != nil {
		return nil, err
	}
	_, q, err := b.version(ctx, second)
	if err != nil {
		return nil, err
	}
	before, err := companyOf(ctx, b.store, p, b.now)
	if err != nil {
		return nil, err
	}
	after, err := companyOf(ctx, b.store, q, b.now)
	if err != nil {
		return nil, err
	}
	return versions.Differ("", p, before, q, after).Words, nil
}
