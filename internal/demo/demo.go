// Package demo runs the main job on a made-up company, in one process and on
// real protocols: three days of HR files, the last of them bad, and what Onus
// makes of them. It only sets the stage and tells; package server does the work.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/demo/company"
	"github.com/onus-id/onus/internal/demo/scimdir"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/server"
)

// Options say where a demo plays, and on what.
type Options struct {
	Dir      string // made anew; refused when it holds something else
	Real     bool   // on OpenLDAP and PostgreSQL instead of the embedded systems
	Out      io.Writer
	Now      func() time.Time
	Progress func(format string, args ...any)
}

// Demo is a demo with its systems up.
type Demo struct {
	Options

	today   time.Time
	systems systems
}

// marker tells a folder of ours from one that must not be wiped.
const marker = ".onus-demo"

// Open sets the stage: an empty folder, and systems with nobody on them but
// the strangers that years of use leave behind.
func Open(ctx context.Context, o Options) (*Demo, error) {
	d := &Demo{Options: o, today: o.Now()}
	if err := d.clear(); err != nil {
		return nil, err
	}
	var err error
	if o.Real {
		d.systems, err = startReal(ctx, o.Dir)
	} else {
		d.systems, err = startEmbedded(ctx, o.Dir, o.Now)
	}
	if err != nil {
		return nil, err
	}
	if err := d.define(); err != nil {
		d.systems.stop()
		return nil, err
	}
	return d, nil
}

// Close ends the systems.
func (d *Demo) Close() { d.systems.stop() }

// Definitions is the folder of definitions.
func (d *Demo) Definitions() string { return filepath.Join(d.Dir, "definitions") }

// Data is the folder of the log's key and the database.
func (d *Demo) Data() string { return filepath.Join(d.Dir, "data") }

func (d *Demo) clear() error {
	found, err := os.ReadDir(d.Dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return onus.Errorf(onus.Invalid, "name another with --dir", "look into %s: %w", d.Dir, err)
	}
	if len(found) > 0 {
		if _, err := os.Stat(filepath.Join(d.Dir, marker)); err != nil {
			return onus.Errorf(onus.Conflict, "name another with --dir", "%s holds something that is not a demo; it is left alone", d.Dir)
		}
		if err := os.RemoveAll(d.Dir); err != nil {
			return onus.Errorf(onus.Invalid, "", "clear the last demo: %w", err)
		}
	}
	for _, sub := range []string{"definitions/feeds", "secrets"} {
		if err := os.MkdirAll(filepath.Join(d.Dir, sub), 0o700); err != nil {
			return onus.Errorf(onus.Invalid, "", "make the demo's folder: %w", err)
		}
	}
	return write(filepath.Join(d.Dir, marker), []byte("The demo makes this folder anew each time.\n"))
}

func write(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.WriteFile(path, data, 0o600)
}

// define writes the company's definitions for the systems that are up.
func (d *Demo) define() error {
	secrets, err := filepath.Abs(filepath.Join(d.Dir, "secrets"))
	if err != nil {
		return fmt.Errorf("find the demo's folder: %w", err)
	}
	operator := "unknown"
	if u, err := user.Current(); err == nil {
		operator = u.Username
	}
	files, err := company.Definitions(company.Setup{
		Real: d.Real, Operator: operator, DirectoryURL: d.systems.directoryURL, Ledger: d.systems.ledger, Secrets: secrets,
	})
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := write(filepath.Join(d.Definitions(), filepath.FromSlash(f.Path)), []byte(f.Text)); err != nil {
			return err
		}
	}
	for name, secret := range d.systems.secrets {
		if err := write(filepath.Join(secrets, name), []byte(secret+"\n")); err != nil {
			return err
		}
	}
	return nil
}

// Feed brings the files of a day, as HR and the register send them.
func (d *Demo) Feed(roster, register []byte) error {
	if err := write(filepath.Join(d.Definitions(), company.RosterPath), roster); err != nil {
		return err
	}
	return write(filepath.Join(d.Definitions(), company.RegisterPath), register)
}

// Server opens Onus on the demo.
func (d *Demo) Server(ctx context.Context) (*server.Server, error) {
	return server.Open(ctx, server.Options{
		Dir: d.Definitions(), Data: d.Data(), Now: d.Now, Progress: d.Progress,
		// Nobody wants to wait in a demo for a system that is down on purpose.
		Retry: engine.Retry{Attempts: 4, First: 50 * time.Millisecond, Longest: time.Second, Inline: 2 * time.Second},
	})
}

// Publish lets the people of the company publish its definitions: one proposes
// them, everybody accepts what they answer for, and an escalation head says yes. What was fed is read for it.
func (d *Demo) Publish(ctx context.Context, store string) (server.VersionView, error) {
	s, err := server.Open(ctx, server.Options{Dir: d.Definitions(), Data: d.Data(), Store: store, Now: d.Now, Progress: d.Progress})
	if err != nil {
		return server.VersionView{}, err
	}
	v, err := s.ProposeFolder(ctx, as(author), "the company begins")
	for _, l := range v.Lacks {
		if err == nil {
			_, err = s.AnswerDuty(ctx, ownership.Answer{Duty: l.Duty, Act: ownership.Accepts, By: "os:demo", Person: l.Person})
		}
	}
	if err == nil {
		var live server.VersionView
		live, _, err = s.Approve(ctx, as(approver), v.ID)
		v.Version = live.Version
	}
	return v, errors.Join(err, s.Close(context.WithoutCancel(ctx)))
}

// Who publishes the demo's definitions.
const (
	author   = "priya.raman@acme.example"
	approver = "noor.haddad@acme.example"
)

// as is the demo in the place of one of its people.
func as(mail string) server.Whoever {
	return func(flow.Organisation) (onus.Actor, string) { return "os:demo", mail }
}

// Turn brings a day's files and does all that is due.
func (d *Demo) Turn(ctx context.Context, roster, register []byte) (server.Report, error) {
	if err := d.Feed(roster, register); err != nil {
		return server.Report{}, err
	}
	s, err := d.Server(ctx)
	if err != nil {
		return server.Report{}, err
	}
	rep, err := s.UntilIdle(ctx)
	return rep, errors.Join(err, s.Close(context.WithoutCancel(ctx)))
}

// Directory is the embedded directory itself, for those who look at it
// without Onus; nil with real systems.
func (d *Demo) Directory() *scimdir.Directory { return d.systems.directory }

// Ledger is where the finance application lives: a file, or an address.
func (d *Demo) Ledger() string { return d.systems.ledger }
