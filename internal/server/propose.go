package server

import (
	"context"
	"maps"
	"path"
	"path/filepath"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/versions"
)

// ProposeFiles opens a version of definitions that somebody sends: a person,
// or a machine whose token is for that. They say nothing about this machine
// that is not published: what a source is read from, files and addresses, only
// a folder on this machine may say. Otherwise whoever may propose could have
// Onus read anything that it can reach.
func (s *Server) ProposeFiles(ctx context.Context, who Asker, by onus.Actor, files []flow.File, reason string) (VersionView, error) {
	for _, f := range files {
		if !filepath.IsLocal(f.Path) || path.Clean(f.Path) != f.Path || !flow.IsDefinition(f.Path) {
			return VersionView{}, onus.Errorf(onus.Invalid, "send what onus check reads: *.yaml, files of signers and calendars, by their path in the folder", "%q is no file of definitions", f.Path)
		}
	}
	draft, faults := flow.Parse(files)
	if len(faults) > 0 {
		return VersionView{}, faults
	}
	act := func(ctx context.Context, r store.Reader, _ flow.Organisation) (versions.Actor, error) {
		if m := who.Machine; m.Identity != "" {
			return machineActor(ctx, r, by, m)
		}
		return versions.Person(ctx, r, by, who.Mail)
	}
	compile := checked(draft)
	return s.propose(ctx, act, reason, "", func(roster flow.Roster) (*flow.Program, error) {
		p, err := compile(roster)
		if err != nil {
			return nil, err
		}
		return p, s.sameFeeds(p)
	})
}

// sameFeeds refuses a program that reads what the live one does not.
func (s *Server) sameFeeds(p *flow.Program) error {
	for _, name := range slices.Sorted(maps.Keys(p.Sources)) {
		src, live := p.Sources[name], s.Program.Sources[name]
		if s.live.ID == "" || live == nil || src.Driver != live.Driver || !maps.Equal(src.Settings, live.Settings) || !maps.Equal(src.Secrets, live.Secrets) {
			return onus.Errorf(onus.Denied, "onus publish DIR, where Onus runs, proposes that", "source %s is read from elsewhere than what is published says", name)
		}
	}
	return nil
}
