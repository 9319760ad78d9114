package server_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authn"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/server/servertest"
	"github.com/onus-id/onus/internal/trail"
)

const (
	noor  = "noor@starter.example"
	helen = "helen@starter.example"
	priya = "priya@starter.example"
)

// onEveryStore proves something about a house that has published and run, on
// SQLite and on a real PostgreSQL.
func onEveryStore(t *testing.T, prove func(h *house)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		h := newHouse(t)
		h.run()
		prove(h)
	})
	t.Run("postgres", func(t *testing.T) {
		h := newHouse(t)
		h.store = h.database()
		h.run()
		prove(h)
	})
}

func (h *house) database() string {
	h.Helper()
	url, err := rig.NeedPostgres(h.T, true).NewDatabase(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	return url
}

// raises edits from which grade on accountants release payments.
func (h *house) raises(to string) {
	h.Helper()
	h.edit("workflows/joiner.yaml", "subject.grade >= 5", "subject.grade >= "+to)
}

func (h *house) proposes(mail string) server.VersionView {
	h.Helper()
	var v server.VersionView
	h.with(func(s *server.Server) {
		var err error
		if v, err = s.ProposeFolder(h.Context(), servertest.As(mail), "for the test"); err != nil {
			h.Fatal(err)
		}
	})
	return v
}

// approves tries to say yes.
func (h *house) approves(mail, id string) (stale bool, err error) {
	h.Helper()
	h.with(func(s *server.Server) { _, stale, err = s.Approve(h.Context(), servertest.As(mail), id) })
	return stale, err
}

func (h *house) mustApprove(mail, id string) {
	h.Helper()
	if stale, err := h.approves(mail, id); err != nil || stale {
		h.Fatalf("%s says yes to %s: %v, stale: %t", mail, id, err, stale)
	}
}

// verified holds the books to each other.
func (h *house) verified() {
	h.Helper()
	h.with(func(s *server.Server) {
		for _, check := range []func(context.Context) (server.Verification, error){s.Books().VerifyLedger, s.Books().VerifyState} {
			if v, err := check(h.Context()); err != nil || !v.Good {
				h.Errorf("%v %s", err, v.Says)
			}
		}
	})
}

func (h *house) liveNumber() (n int) {
	h.Helper()
	h.with(func(s *server.Server) {
		all, err := s.Books().Versions(h.Context())
		if err != nil {
			h.Fatal(err)
		}
		live := 0
		for _, v := range all {
			if v.State == onus.VersionLive {
				live++
				n = v.Number
			}
		}
		if live != 1 {
			h.Errorf("%d versions are live", live)
		}
	})
	return n
}

// Rule 2: whoever wrote a version does not make it live, whatever they are called.
func TestNobodyPublishesTheirOwn(t *testing.T) {
	onEveryStore(t, func(h *house) {
		h.raises("6")
		v := h.proposes(noor)
		for _, name := range []string{noor, "Noor@Starter.Example", "NOOR@STARTER.EXAMPLE"} {
			if _, err := h.approves(name, v.ID); onus.KindOf(err) != onus.Denied {
				h.Errorf("as %s its author may: %v", name, err)
			}
		}
		if n := h.liveNumber(); n != 1 {
			h.Errorf("version %d is live", n)
		}
		h.mustApprove(helen, v.ID)
		h.verified()
	})
}

// Two proposals at once: the second is about what is not live any more, so it
// is shown against what is, and asked about again.
func TestTwoProposalsAtOnce(t *testing.T) {
	onEveryStore(t, func(h *house) {
		h.raises("6")
		first := h.proposes(priya)
		h.edit("workflows/leaver.yaml", "subjects: 5 per 1h", "subjects: 4 per 1h")
		second := h.proposes(noor)
		h.mustApprove(helen, second.ID)
		h.edit("workflows/leaver.yaml", "subjects: 4 per 1h", "subjects: 5 per 1h")
		stale, err := h.approves(helen, first.ID)
		if err != nil || !stale {
			h.Fatalf("the first is taken for what was shown: %v", err)
		}
		if n := h.liveNumber(); n != 2 {
			h.Errorf("version %d is live", n)
		}
		h.with(func(s *server.Server) {
			v, err := s.Books().Version(h.Context(), first.ID)
			if err != nil || v.Base != second.ID || !strings.Contains(strings.Join(v.Effect, "\n"), "workflow leaver: bounds was") {
				h.Errorf("it is shown as %v against %s: %v", v.Effect, v.Base, err)
			}
		})
		h.mustApprove(helen, first.ID)
		h.verified()
	})
}

// Two people say yes to two proposals at the very same time: one goes live,
// and the other is asked about again.
func TestTwoYesesAtTheSameTime(t *testing.T) {
	h := newHouse(t)
	h.store = h.database()
	h.run()
	h.raises("6")
	one := h.proposes(priya)
	h.with(func(a *server.Server) {
		h.with(func(b *server.Server) {
			var wins, losses int
			var mu sync.Mutex
			var both sync.WaitGroup
			for s, who := range map[*server.Server]string{a: helen, b: noor} {
				both.Go(func() {
					_, stale, err := s.Approve(t.Context(), servertest.As(who), one.ID)
					mu.Lock()
					defer mu.Unlock()
					if err == nil && !stale {
						wins++
					} else {
						losses++
					}
				})
			}
			both.Wait()
			if wins != 1 || losses != 1 {
				t.Errorf("%d yeses made it live, %d did not", wins, losses)
			}
		})
	})
	if n := h.liveNumber(); n != 2 {
		t.Errorf("version %d is live", n)
	}
	h.verified()
}

// Rule 1: who accepted and then left, or is away, does not stand; nor does
// whom only the proposal names, until they accept.
func TestNoOwnerNoVersion(t *testing.T) {
	onEveryStore(t, func(h *house) {
		const yuki = "yuki@starter.example"
		h.edit("systems.yaml", "owner: viktor@", "owner: yuki@")
		v := h.proposes(noor)
		if missing := strings.Join(v.Missing, "\n"); !strings.Contains(missing, "not accepted: system owner of directory") {
			h.Errorf("missing is %s", missing)
		}
		if _, err := h.approves(helen, v.ID); onus.KindOf(err) != onus.Conflict || !strings.Contains(err.Error(), "cannot be published: "+yuki) {
			h.Errorf("an owner who has not accepted: %v", err)
		}
		h.accepts(v, yuki)
		h.cycle() // the engine tends to duties meanwhile, and lets the acceptance be
		h.leaves(yuki)
		for _, asked := range []string{"what they left is shown first", "and asked about again"} {
			if stale, err := h.approves(helen, v.ID); err == nil && !stale {
				h.Errorf("an owner who left will do: %s", asked)
			}
		}
		if n := h.liveNumber(); n != 1 {
			h.Errorf("version %d is live", n)
		}
	})
}

// accepts lets somebody accept all that a version names them for.
func (h *house) accepts(v server.VersionView, mail string) {
	h.Helper()
	h.with(func(s *server.Server) { servertest.Accept(h, s, v, mail) })
}

// cycle looks and plans under what is live, whatever the folder holds.
func (h *house) cycle() {
	h.Helper()
	h.with(func(s *server.Server) {
		if _, err := s.Cycle(h.Context()); err != nil {
			h.Fatal(err)
		}
	})
}

// A group, a shared mailbox and a machine are nobody who answers.
func TestOnlyPeopleOwn(t *testing.T) {
	for name, owner := range map[string]string{"group": "group:admins", "shared mailbox": "it@starter.example", "nobody": "ghost@starter.example"} {
		h := newHouse(t)
		h.run()
		h.edit("systems.yaml", "owner: viktor@starter.example", "owner: "+owner)
		h.with(func(s *server.Server) {
			if _, err := s.ProposeFolder(t.Context(), servertest.As(noor), ""); err == nil {
				t.Errorf("a %s owns a system", name)
			}
		})
	}
}

// Naming oneself in a proposal gives no power over it.
func TestNamingOneselfGivesNoPower(t *testing.T) {
	h := newHouse(t)
	h.run()
	const omar = "omar@starter.example"
	h.edit("systems.yaml", "owner: viktor@", "owner: omar@")
	v := h.proposes(priya)
	h.accepts(v, omar)
	if _, err := h.approves(omar, v.ID); onus.KindOf(err) != onus.Denied {
		t.Errorf("who would own it says yes to owning it: %v", err)
	}
	h.mustApprove(helen, v.ID)
	h.edit("systems.yaml", "provider: Starter IT", "provider: Starter IT Services")
	v = h.proposes(priya)
	if _, err := h.approves("viktor@starter.example", v.ID); onus.KindOf(err) != onus.Denied {
		t.Errorf("who owned it once may: %v", err)
	}
	h.mustApprove(omar, v.ID) // now they own it
}

// Runs in flight stay on the version that planned them.
func TestRunsInFlightStayOnTheirs(t *testing.T) {
	onEveryStore(t, func(h *house) {
		before := h.waits("omar.farouk")
		h.raises("9")
		v := h.proposes(noor)
		h.mustApprove(helen, v.ID)
		h.run()
		after := h.waits("omar.farouk")
		if after.ID != before.ID || after.Version != 1 || after.State != onus.ApprovalAsked {
			h.Errorf("what was asked about under version 1 is %+v", after)
		}
		h.verified()
	})
}

func (h *house) waits(login string) (a server.Asked) {
	h.Helper()
	h.with(func(s *server.Server) { a = h.asked(s, login) })
	return a
}

// A process that serves takes up what is published, also by another process
// that died right after.
func TestServingTakesUpWhatIsPublished(t *testing.T) {
	h := newHouse(t)
	h.store = h.database()
	h.run()
	o, later := h.options(), h.now.Add(time.Hour)
	o.Now = func() time.Time { return later }
	s, err := server.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, 20*time.Millisecond) }()
	h.raises("6")
	v := h.proposes(noor)
	h.mustApprove(helen, v.ID) // the process that said so ends here, and never ran by it
	h.edit("hr.csv", "2023-04-03,,active\n", "2023-04-03,,active\n10013,P-1013,lena.roth,Lena,Roth,lena@starter.example,Engineering,Engineer,3,10002,2024-01-08,,active\n")
	for end := time.Now().Add(time.Minute); h.events("workflow=joiner@2", "type=run.ended") == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing runs under the new version")
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := s.Close(context.WithoutCancel(ctx)); err != nil {
		t.Error(err)
	}
	h.verified()
}

// events counts those of the ledger that are meant.
func (h *house) events(where ...string) (n int) {
	h.Helper()
	h.with(func(s *server.Server) {
		err := s.Books().Log(h.Context(), server.LogQuery{Where: where}, func(trail.Line) error {
			n++
			return nil
		})
		if err != nil {
			h.Fatal(err)
		}
	})
	return n
}

// Two processes with two folders: what runs is what is published, and the
// folder that is not is refused.
func TestTwoFoldersDoNotPinBackAndForth(t *testing.T) {
	a := newHouse(t)
	a.store = a.database()
	a.run()
	b := newHouse(t)
	b.store, b.data = a.store, a.data
	b.raises("6")
	for range 2 {
		b.with(func(s *server.Server) {
			if _, err := s.UntilIdle(t.Context()); onus.KindOf(err) != onus.Conflict || !strings.Contains(err.Error(), "is not what is published") {
				t.Errorf("the other folder runs: %v", err)
			}
		})
		a.run()
	}
	if n := a.liveNumber(); n != 1 {
		t.Errorf("version %d is live", n)
	}
}

// A machine identity proposes with its token, and never approves; nor does
// its sponsor, who answers for what it brings.
func TestAMachineProposesAndNeverApproves(t *testing.T) {
	onEveryStore(t, func(h *house) {
		h.raises("6")
		token := h.token("svc-build", "propose")
		other := h.token("svc-backup", "read")
		var v server.VersionView
		h.with(func(s *server.Server) {
			for name, bad := range map[string]string{"none": "", "no such": "onus_nonsense", "of another scope": other} {
				if _, err := s.ProposeFromCI(h.Context(), bad, ""); onus.KindOf(err) != onus.Denied {
					h.Errorf("a token %s: %v", name, err)
				}
			}
			var err error
			if v, err = s.ProposeFromCI(h.Context(), token, "from the pipeline"); err != nil {
				h.Fatal(err)
			}
		})
		if len(v.Authors) != 2 || v.Authors[0].Name != "svc-build" || v.Authors[1].Name != "mara@starter.example" {
			h.Errorf("its authors are %v", v.Authors)
		}
		for _, who := range []string{"mara@starter.example", "svc-build", ""} {
			if _, err := h.approves(who, v.ID); onus.KindOf(err) != onus.Denied {
				h.Errorf("%q says yes: %v", who, err)
			}
		}
		h.mustApprove(helen, v.ID)
	})
}

// token makes a token of a machine identity.
func (h *house) token(login, scope string) (text string) {
	h.Helper()
	h.with(func(s *server.Server) {
		id, err := s.IdentityOf(h.Context(), login)
		if err != nil {
			h.Fatal(err)
		}
		d, err := s.Desk()
		if err != nil {
			h.Fatal(err)
		}
		if text, _, err = d.MakeToken(h.Context(), authn.Grantee{Owner: id, Name: "pipeline", Scopes: []string{scope}, For: time.Hour}); err != nil {
			h.Fatal(err)
		}
	})
	return text
}

// What is only tried out leaves nothing behind: no read, no identity, no
// exception, and no occasion that the next run would act on.
func TestAPlanOfWhatIsNotPublishedKeepsNothing(t *testing.T) {
	h := newHouse(t)
	h.run()
	size := h.size()
	h.edit("hr.csv", "omar@starter.example,Finance,Accountant,5", "omar@starter.example,IT,Analyst,4")
	h.raises("6")
	s, err := server.OpenFolder(t.Context(), h.options())
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.PlanView(t.Context())
	if err := errors.Join(err, s.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	if v.Changes == 0 {
		t.Error("it plans nothing")
	}
	if again := h.size(); again != size {
		t.Errorf("the ledger grew from %d to %d", size, again)
	}
}

func (h *house) size() (n int64) {
	h.Helper()
	h.with(func(s *server.Server) {
		v, err := s.Books().VerifyLedger(h.Context())
		if err != nil {
			h.Fatal(err)
		}
		n = v.Size
	})
	return n
}
