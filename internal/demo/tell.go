package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/demo/company"
	"github.com/onus-id/onus/internal/demo/scimdir"
	"github.com/onus-id/onus/internal/server"
)

// Play runs the whole demo and tells it.
func (d *Demo) Play(ctx context.Context) error {
	for _, act := range []func(context.Context) error{
		d.firstLoad, d.busyDay, d.truncatedFile, d.badDay, d.badEvening, d.waiting, d.approvals, d.why, d.proof,
	} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	d.next()
	return nil
}

func (d *Demo) say(format string, args ...any) { fmt.Fprintf(d.Out, format+"\n", args...) }

func (d *Demo) heading(format string, args ...any) {
	title := fmt.Sprintf(format, args...)
	d.say("\n%s\n%s", title, strings.Repeat("─", len([]rune(title))))
}

func (d *Demo) firstLoad(ctx context.Context) error {
	d.heading("Day 1: everybody who is there already")
	d.say("HR sends its roster and IT its register of service accounts, API keys, bots and AI")
	d.say("agents. Nobody has access yet, but for what strangers left on the ledger.")
	if err := d.publishing(ctx); err != nil {
		return err
	}
	return d.day(ctx, company.FirstLoad)
}

// publishing tells how the definitions come to run: by another's yes.
func (d *Demo) publishing(ctx context.Context) error {
	if err := d.Feed(company.Roster(company.FirstLoad, d.today), company.Register(company.FirstLoad, d.today)); err != nil {
		return err
	}
	v, err := d.Publish(ctx, "")
	if err != nil {
		return err
	}
	d.say("")
	d.outcome(server.Report{Reads: v.Reads})
	d.say("  Nothing runs that one person let through. %s proposes the definitions:", v.Authors[0].Name)
	for _, says := range v.Effect[:min(3, len(v.Effect))] {
		d.say("    %s", says)
	}
	d.say("    and %d lines more. Each of %d duties is accepted by the person who is named for it,", max(0, len(v.Effect)-3), len(v.Lacks))
	d.say("    and %s says yes: version %d is live.", v.Person, v.Number)
	return nil
}

func (d *Demo) busyDay(ctx context.Context) error {
	d.heading("Day 2: joiners, movers and leavers")
	d.story(company.BusyDay)
	return d.day(ctx, company.BusyDay)
}

func (d *Demo) story(day int) {
	for _, e := range company.Story(day) {
		d.say("  · %s (%s)", e.Says, e.Key)
	}
}

// day brings the files of a day, does all that is due, and tells the outcome.
func (d *Demo) day(ctx context.Context, day int) error {
	return d.turn(ctx, company.Roster(day, d.today), company.Register(day, d.today))
}

func (d *Demo) turn(ctx context.Context, roster, register []byte) error {
	rep, err := d.Turn(ctx, roster, register)
	if err != nil {
		return err
	}
	d.say("")
	d.outcome(rep)
	return nil
}

func (d *Demo) outcome(rep server.Report) {
	for _, r := range rep.Reads {
		if r.Held {
			d.say("  source %-4s held: %s. Nothing was changed by it.", r.Read.Source, r.Read.Reason)
			continue
		}
		d.say("  source %-4s %d rows: %d joined, %d moved, %d left, %d returned, %d changed, %d cannot be used",
			r.Read.Source, r.Read.Rows, r.Joined, r.Moved, r.Left, r.Returned, r.Changed, r.Bad)
	}
	for _, p := range rep.Planned {
		switch {
		case p.Waits:
			d.say("  %-11s v%d gives nothing: nobody stands as %s", p.Workflow, p.Version, strings.Join(p.Lacking, ", "))
		case len(p.Past) > 0:
			d.say("  %-11s v%d %d plans held: %s", p.Workflow, p.Version, p.Plans.Len(), strings.Join(p.Past, "; "))
		default:
			d.say("  %-11s v%d %d plans with %d changes, %d cannot be planned", p.Workflow, p.Version, p.Plans.Len(), p.Plans.Changes(), len(p.Refused))
		}
	}
	for _, r := range rep.Runs {
		meaning := map[onus.RunState]string{
			onus.RunDone: "every change read back and confirmed", onus.RunWaiting: "the rest waits for approvals", onus.RunExcepted: "stopped; somebody is asked",
		}[r.State]
		d.say("  %4d runs %s: %s", r.Count, r.State, meaning)
	}
	if rep.Open > 0 {
		d.say("  %4d exceptions are open", rep.Open)
	}
}

func (d *Demo) truncatedFile(ctx context.Context) error {
	d.heading("Day 3, a bad day: first, HR's file breaks off in the middle")
	d.say("Elsewhere this is how a company deprovisions itself. Here the read is not believed.")
	return d.turn(ctx, company.Truncated(company.Roster(company.BadDay, d.today)), company.Register(company.BadDay, d.today))
}

func (d *Demo) badDay(ctx context.Context) error {
	d.heading("Then the file comes whole, and it is wrong")
	d.story(company.BadDay)
	if d.systems.directory != nil {
		d.say("  · The directory answers 200 to every change of group:engineering, and does nothing")
		d.systems.directory.SetGroupFaults("engineering", scimdir.Faults{LieOnWrite: scimdir.Always})
	}
	return d.day(ctx, company.BadDay)
}

func (d *Demo) badEvening(ctx context.Context) error {
	d.heading("In the evening an owner leaves")
	d.story(company.BadEvening)
	return d.day(ctx, company.BadEvening)
}

// books opens what was kept, for looking.
func (d *Demo) books(ctx context.Context, look func(*server.Books) error) error {
	b, err := server.OpenBooks(ctx, server.Options{Data: d.Data(), Now: d.Now, Progress: d.Progress})
	if err != nil {
		return err
	}
	return errors.Join(look(b), b.Close())
}

func (d *Demo) waiting(ctx context.Context) error {
	d.heading("What waits, and for whom")
	return d.books(ctx, func(b *server.Books) error {
		open, err := b.Exceptions(ctx, false)
		if err != nil {
			return err
		}
		told := map[string]bool{}
		for _, p := range open {
			if told[p.Group] {
				continue // alike ones are one problem with a count
			}
			told[p.Group] = true
			d.say("  %s  %-17s waits for %s", p.ID, p.Category, p.Assignee)
			d.say("      %s", p.Message)
			if p.Alike > 1 {
				d.say("      (%d alike)", p.Alike)
			}
		}
		return nil
	})
}

// approvals shows who must say yes, and what they have before them.
func (d *Demo) approvals(ctx context.Context) error {
	d.heading("Who must say yes")
	return d.books(ctx, func(b *server.Books) error {
		asked, err := b.Approvals(ctx, false)
		if err != nil || len(asked) == 0 {
			return err
		}
		for _, a := range asked[:min(3, len(asked))] {
			d.say("  %s  %s for %s: %d of %s, until %s", a.ID, strings.Join(a.What, ", "), a.Subject, a.Need,
				strings.Join(a.WaitsFor, ", "), a.Deadline.UTC().Format("15:04 MST"))
		}
		if more := len(asked) - 3; more > 0 {
			d.say("  and %d more", more)
		}
		one, err := b.Approval(ctx, asked[0].ID, nil)
		if err != nil {
			return err
		}
		for _, c := range one.Weight {
			d.say("  %s (%s, %s): %d of %d others %s hold it", c.Says, c.Title, c.Sensitivity, c.Peers.Hold, c.Peers.Count, c.Peers.Like)
		}
		d.say("  No answer is never a yes: others are asked for half as long, then it is denied.")
		return nil
	})
}

// why asks why the newest accountant may enter postings.
func (d *Demo) why(ctx context.Context) error {
	who := ""
	for _, e := range company.Story(company.BusyDay) {
		if e.Kind == onus.Joined && strings.Contains(e.Says, "joins Finance") && who == "" {
			who = e.Login
		}
	}
	d.heading("Why does %s have role:clerk?", who)
	return d.books(ctx, func(b *server.Books) error {
		x, err := b.Explain(ctx, who, "role:clerk", time.Time{})
		if err != nil {
			return err
		}
		d.say("%s\n", x.Sentence)
		d.chain(x.Chain)
		stranger, err := b.Stranger(ctx)
		if err != nil || stranger == "" {
			return err
		}
		d.say("\nAnd what nobody warranted is said to be so:\n%s", stranger)
		return nil
	})
}

func (d *Demo) chain(links []attribution.Link) {
	for _, l := range links {
		d.say("  #%-5d %-20s %s", l.Index, l.Type, l.Says)
	}
}

// proof checks the ledger, and holds the systems themselves against it.
func (d *Demo) proof(ctx context.Context) error {
	d.heading("Is it true?")
	err := d.books(ctx, func(b *server.Books) error {
		for _, check := range []func(context.Context) (server.Verification, error){b.VerifyLedger, b.VerifyState} {
			v, err := check(ctx)
			if err != nil {
				return err
			}
			d.say("  %s", v.Says)
			if !v.Good {
				return onus.Errorf(onus.Internal, "", "the demo's own ledger does not verify")
			}
		}
		return nil
	})
	if err != nil || d.systems.directory == nil {
		return err
	}
	accounts, enabled := d.systems.directory.Accounts(), 0
	for _, a := range accounts {
		if a.Active {
			enabled++
		}
	}
	d.say("  the directory itself, asked from outside: %d accounts, %d of them enabled", len(accounts), enabled)
	return nil
}

func (d *Demo) next() {
	d.heading("What to try next")
	for _, line := range slices.Concat(
		[]string{
			"onus exceptions list --data " + d.Data(),
			"onus exceptions show ID --data " + d.Data(),
			"onus approvals list --data " + d.Data(),
			"onus approvals show ID --data " + d.Data(),
			"onus explain LOGIN group:engineering --data " + d.Data(),
			"onus verify ledger --data " + d.Data(),
			"onus check " + d.Definitions(),
			"onus test " + d.Definitions(),
		}) {
		d.say("  bin/%s", line)
	}
	d.say("  bin/onus demo --stay    keeps everything up, and answers your browser")
}
