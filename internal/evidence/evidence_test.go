package evidence_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/evidence"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/ledger"
)

// asked are the controls that a bundle must be able to be asked for.
const asked = `NHI1 NHI2 NHI3 NHI4 NHI5 NHI6 NHI7 NHI8 NHI9 NHI10|GV.RR-01|GV.RR-02|PR.AA-01|PR.AA-05|RS.MA-04|RS.AN-03|RS.AN-06|RS.AN-07
GOVERN 1.5|GOVERN 1.6|GOVERN 1.7|GOVERN 2.1|GOVERN 2.3|GOVERN 3.2|GOVERN 4.3|GOVERN 6.1|GOVERN 6.2|MANAGE 2.3|MANAGE 2.4|MANAGE 4.3
AC-2|AC-2(1)|AC-2(2)|AC-2(3)|AC-2(4)|AC-5|AC-6(7)|AU-3|AU-6|AU-9(3)|AU-10|AU-11|AU-12|CM-3|CM-5|IA-4|IA-5|PS-4|PS-5|IR-4|CP-4|CP-10|SI-7
A.5.15|A.5.16|A.5.17|A.5.18|CC6.1|CC6.2|CC6.3|CC7.2|CC7.3|CC7.4|CC8.1`

func TestEveryControlIsInItsCatalogueOnce(t *testing.T) {
	want := strings.FieldsFunc(asked, func(r rune) bool { return r == '|' || r == '\n' })
	want = append(strings.Fields(want[0]), want[1:]...)
	var got []string
	for _, cat := range evidence.Catalogues() {
		if !strings.HasPrefix(cat.Source, "https://") {
			t.Errorf("%s says not where it is from", cat.Title)
		}
		for _, c := range cat.Controls {
			got = append(got, c.ID)
			if found, err := evidence.Find(strings.ToLower(c.ID)); err != nil || found.ID != c.ID {
				t.Errorf("%s is not found: %v", c.ID, err)
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the catalogues have\n%q, not\n%q", got, want)
	}
	if c, err := evidence.Find("PR.AC-4"); err != nil || c.ID != "PR.AA-05" {
		t.Errorf("the id of CSF 1.1 gives %v, %v", c.ID, err)
	}
	if _, err := evidence.Find("PR.XX-1"); onus.KindOf(err) != onus.NotFound || onus.HintOf(err) == "" {
		t.Errorf("an id that nobody published: %v", err)
	}
}

var (
	day    = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	period = evidence.Period{From: day.Add(-24 * time.Hour), To: day.Add(24 * time.Hour)}
)

type world struct {
	*testing.T

	store  store.Store
	clock  time.Time
	policy string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, clock: day}
	key, vkey, err := ledger.LoadOrCreateKey(t.TempDir()+"/log.key", "test.log")
	w.must(err)
	w.policy = vkey
	w.store, err = sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Signer: key, Now: func() time.Time { return w.clock }})
	w.must(err)
	t.Cleanup(func() { _ = w.store.Close() })
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func put[T any](w *world, kind store.Kind[T], typ ledger.Type, v T) {
	w.Helper()
	w.must(w.store.Update(w.Context(), func(tx store.Tx) error {
		_, err := kind.Put(w.Context(), tx, ledger.Event{Type: typ, Actor: "engine"}, v)
		return err
	}))
}

// revoke puts one revocation on record, confirmed after so long; 0: never.
func (w *world) revoke(n int, after time.Duration) {
	w.Helper()
	run := onus.Run{ID: onus.RunID(fmt.Sprintf("run_%03d", n)), Batch: "bat_1", State: onus.RunDone, Workflow: "leaver", Version: 1, Identity: "idn_1", Began: day}
	c := onus.Change{
		ID: store.ChangeID(run.ID, 0), Run: run.ID, State: onus.ChangeConfirmed, Identity: "idn_1", Intended: day, Tier: onus.TierEffective,
		Planned: onus.PlannedChange{
			Step: "out", Verb: onus.EnsureAbsent, Target: onus.Target{System: "dir", Entitlement: "group:finance"}, Confirm: 2 * time.Minute,
			Owners: onus.Owners{Workflow: "priya@acme.example", System: "sol@acme.example", Revocation: "ruth@acme.example", Exceptions: "ingrid@acme.example", Provisioning: "mara@acme.example"},
		},
	}
	if after > 0 {
		c.Confirmed = day.Add(after)
	} else {
		c.State = onus.ChangeExcepted
	}
	put(w, store.Runs, ledger.RunCreated, run)
	put(w, store.Changes, ledger.ChangeConfirmed, c)
}

func (w *world) measure(id string) (f evidence.Fact, rows []evidence.Row) {
	w.Helper()
	w.must(w.store.View(w.Context(), func(r store.Reader) (err error) {
		f, err = evidence.Measure(w.Context(), r, id, period, func(row evidence.Row) error { rows = append(rows, row); return nil })
		return err
	}))
	return f, rows
}

// The issue's own sentence.
func TestRevocationsAreCountedAndTheOthersNamedWithWhoAnswers(t *testing.T) {
	w := newWorld(t)
	put(w, store.Batches, ledger.BatchReleased, onus.Batch{ID: "bat_1", Workflow: "leaver", At: day})
	for n := range 40 {
		w.revoke(n, time.Minute)
	}
	w.revoke(100, 3*time.Minute)
	w.revoke(101, 0)
	f, rows := w.measure("revocations")
	if f.Says != "of 42 revocations 40 were confirmed inside their deadline; the 2 others, with who answers, are listed" {
		t.Errorf("it says %q", f.Says)
	}
	if len(rows) != 42 || f.Population != 42 || f.Good != 40 || f.Exceptions != 2 || len(f.Sample) != evidence.MostSampled {
		t.Errorf("%d rows, %+v", len(rows), f)
	}
	late, never := f.Failed[0], f.Failed[1]
	if late.Answers != "sol@acme.example" || late.Why != "it was confirmed after 3m0s, and has 2m0s" {
		t.Errorf("the late one: %+v", late)
	}
	if never.Answers != "ingrid@acme.example" || never.Why != "it is excepted" {
		t.Errorf("the one that is not: %+v", never)
	}
	again, _ := w.measure("revocations")
	if fmt.Sprint(again) != fmt.Sprint(f) {
		t.Error("the same question has another answer")
	}
	if f, _ := w.measure("grants"); f.Says != "there were no grants of access" {
		t.Errorf("of nothing it says %q", f.Says)
	}
}

// Each measure has one thing that is as it should be, and one that is not.
func TestEveryMeasureTellsGoodFromBad(t *testing.T) {
	w := newWorld(t)
	soon, later := day.Add(time.Minute), day.Add(time.Hour)
	decided := &onus.Decision{Act: "override", Person: "ingrid@acme.example", Reason: "it is Friday", At: soon}
	put(w, store.Exceptions, ledger.ExceptionOpened, onus.Exception{ID: "exc_1", State: onus.ExceptionOverridden, Opened: day, Deadline: later, Closed: soon, Decided: decided})
	put(w, store.Exceptions, ledger.ExceptionOpened, onus.Exception{ID: "exc_2", State: onus.ExceptionOverridden, Opened: day, Deadline: later, Closed: soon, Step: 2, Assignee: "omar@acme.example", Decided: &onus.Decision{Person: "omar@acme.example"}})
	put(w, store.Exceptions, ledger.ExceptionOpened, onus.Exception{ID: "exc_3", State: onus.ExceptionOpen, Opened: day, Deadline: later, Practice: true})
	put(w, store.Exceptions, ledger.ExceptionOpened, onus.Exception{ID: "exc_4", State: onus.ExceptionCleared, Category: onus.SeparationBreach, Opened: day, Deadline: later, Closed: soon})
	put(w, store.Exceptions, ledger.ExceptionOpened, onus.Exception{ID: "exc_5", State: onus.ExceptionOpen, Category: onus.SeparationBreach, Opened: day, Deadline: later})
	yes := onus.Answer{Person: "sol@acme.example", Who: "idn_9", Yes: true, At: soon, After: time.Minute}
	hasty := onus.Answer{Person: "sol@acme.example", Who: "idn_9", Yes: true, At: soon, After: time.Second}
	put(w, store.Approvals, ledger.ApprovalAsked, onus.Approval{ID: "apr_1", State: onus.ApprovalApproved, Identity: "idn_1", Asked: day, Deadline: later, Ended: soon, Answers: []onus.Answer{yes}})
	put(w, store.Approvals, ledger.ApprovalAsked, onus.Approval{ID: "apr_2", State: onus.ApprovalApproved, Identity: "idn_1", Asked: day, Deadline: later, Ended: soon, Answers: []onus.Answer{hasty}})
	put(w, store.Approvals, ledger.ApprovalAsked, onus.Approval{ID: "apr_3", State: onus.ApprovalDenied, Identity: "idn_1", Asked: day, Deadline: soon, Ended: later, Why: "nobody answered"})
	put(w, store.Findings, ledger.GrantObserved, onus.Finding{ID: "fin_1", State: onus.FindingRepaired, Found: day})
	put(w, store.Findings, ledger.GrantObserved, onus.Finding{ID: "fin_2", State: onus.FindingOpen, Found: day, Owner: "sol@acme.example"})
	put(w, store.Accounts, ledger.AccountObserved, onus.Account{System: "dir", Ref: "1", Identity: "idn_1"})
	put(w, store.Accounts, ledger.AccountObserved, onus.Account{System: "dir", Ref: "2"})
	put(w, store.Accounts, ledger.AccountObserved, onus.Account{System: "dir", Ref: "3", Gone: true})
	in := onus.Warrant{Workflow: "joiner", Since: day.Add(-time.Hour)}
	over := onus.Warrant{Workflow: "joiner", Since: day.Add(-time.Hour), Until: soon}
	put(w, store.Grants, ledger.GrantWarranted, onus.Grant{System: "dir", Entitlement: "a", Identity: "idn_1", Observed: true, Warrants: []onus.Warrant{in}})
	put(w, store.Grants, ledger.GrantObserved, onus.Grant{System: "dir", Entitlement: "b", Identity: "idn_1", Observed: true})
	put(w, store.Grants, ledger.GrantWarranted, onus.Grant{System: "dir", Entitlement: "c", Identity: "idn_1", Observed: true, Warrants: []onus.Warrant{over}})
	put(w, store.Grants, ledger.GrantWarranted, onus.Grant{System: "dir", Entitlement: "d", Identity: "idn_1", Warrants: []onus.Warrant{over}})
	put(w, store.Successions, ledger.DutyHandedOver, onus.Succession{Duty: "system/dir", Holder: "idn_1"})
	put(w, store.Successions, ledger.DutyHandedOver, onus.Succession{Duty: "system/two", Why: "left"})
	put(w, store.Identities, ledger.IdentityChanged, onus.Identity{ID: "idn_7", Kind: onus.NonHuman, State: onus.Active, Sponsor: "sol@acme.example"})
	put(w, store.Identities, ledger.IdentityChanged, onus.Identity{ID: "idn_8", Kind: onus.NonHuman, State: onus.Active})
	ana := []onus.Author{{ID: "idn_1", Name: "ana@acme.example"}}
	put(w, store.Versions, ledger.VersionPublished, onus.Version{ID: "ver_1", Number: 1, State: onus.VersionLive, Authors: ana, Person: "ben@acme.example", Decided: day})
	put(w, store.Versions, ledger.VersionPublished, onus.Version{ID: "ver_2", Number: 2, State: onus.VersionLive, Authors: ana, Person: "Ana@acme.example", Decided: day})
	put(w, store.Reads, ledger.ReadTaken, onus.Read{ID: "red_1", TakenAt: day, Complete: true, Good: true})
	put(w, store.Reads, ledger.ReadHeld, onus.Read{ID: "red_2", TakenAt: day, Reason: "it was truncated"})
	for n, s := range []onus.OccasionState{onus.Settled, onus.Stopped} {
		put(w, store.Occasions, ledger.OccasionArose, onus.Occasion{ID: fmt.Sprintf("occ_%d", n), Kind: onus.Departed, State: s, At: day})
		put(w, store.Occasions, ledger.OccasionArose, onus.Occasion{ID: fmt.Sprintf("occ_m%d", n), Kind: onus.Moved, State: s, At: day})
		put(w, store.Reversals, ledger.OccasionArose, onus.Reversal{ID: fmt.Sprintf("rev_%d", n), Person: "ana@acme.example", At: day})
		put(w, store.Occasions, ledger.OccasionArose, onus.Occasion{ID: fmt.Sprintf("occ_r%d", n), State: s, Reversal: fmt.Sprintf("rev_%d", n), At: day})
	}
	put(w, store.AccessErrors, ledger.ErrorReported, onus.AccessError{ID: "err_1", State: onus.ErrorClosed, Reported: day, Verdict: &onus.Verdict{Error: true, Confidence: onus.Established}})
	put(w, store.AccessErrors, ledger.ErrorReported, onus.AccessError{ID: "err_2", State: onus.ErrorClosed, Reported: day, Verdict: &onus.Verdict{Error: true, Confidence: onus.Undetermined}})
	put(w, store.Emergencies, ledger.OccasionArose, onus.Emergency{ID: "emg_1", At: day, Until: soon, Ended: soon, Due: later, Reviewed: soon})
	put(w, store.Emergencies, ledger.OccasionArose, onus.Emergency{ID: "emg_2", At: day, Until: soon, Ended: soon, Due: soon})
	put(w, store.Emergencies, ledger.OccasionArose, onus.Emergency{ID: "emg_3", At: day, Until: soon, Due: later.Add(240 * time.Hour)})
	put(w, store.Campaigns, ledger.OccasionArose, onus.Campaign{ID: "cmp_1", Opened: day, State: onus.CampaignClosed})
	put(w, store.Campaigns, ledger.OccasionArose, onus.Campaign{ID: "cmp_2", Opened: day, State: onus.CampaignOpen, Terms: onus.Terms{Owner: "ana@acme.example"}})
	put(w, store.Reviews, ledger.OccasionArose, onus.Review{ID: "rvw_1", At: day, Person: "ana@acme.example", Reason: "she leads it"})
	put(w, store.Reviews, ledger.OccasionArose, onus.Review{ID: "rvw_2", At: day, Silent: true, Reason: "silence"})
	put(w, store.Reviews, ledger.OccasionArose, onus.Review{ID: "rvw_3", At: day, Planted: true})
	put(w, store.Batches, ledger.BatchReleased, onus.Batch{ID: "bat_1", Workflow: "joiner", At: day})
	run := onus.Run{ID: "run_1", Batch: "bat_1", State: onus.RunDone}
	put(w, store.Runs, ledger.RunCreated, run)
	whole := onus.Owners{Workflow: "p", System: "s", Provisioning: "m", Revocation: "r", Exceptions: "i"}
	for n, c := range []onus.Change{{Approval: "apr_1", Planned: onus.PlannedChange{Owners: whole}}, {}} {
		c.ID, c.Run, c.Index, c.State, c.Intended, c.Confirmed = store.ChangeID(run.ID, n), run.ID, n, onus.ChangeConfirmed, day, soon
		c.Planned.Verb, c.Planned.Sensitivity, c.Planned.Confirm = onus.EnsurePresent, onus.Critical, time.Duration(1-n)*time.Hour
		put(w, store.Changes, ledger.ChangeConfirmed, c)
	}
	for id, want := range map[string][2]int{
		"exceptions": {2, 1}, "overrides": {1, 1}, "approvals": {1, 2}, "findings": {1, 1}, "orphans": {1, 1}, "unwarranted": {1, 2}, "expiries": {1, 1},
		"duties": {1, 1}, "sponsors": {1, 1}, "versions": {1, 1}, "separations": {1, 1}, "reads": {1, 1}, "leavers": {1, 1}, "movers": {1, 1}, "reversals": {1, 1},
		"errors": {1, 1}, "emergencies": {1, 2}, "campaigns": {1, 1}, "reviews": {1, 1}, "critical-grants": {1, 1}, "owned-changes": {1, 1}, "grants": {1, 1},
	} {
		f, rows := w.measure(id)
		open := 0
		if id == "exceptions" {
			open = 1 // the breach that nobody decided is past its clock too
		}
		if f.Good != want[0] || f.Exceptions != want[1]+open {
			t.Errorf("%s: %s\n%+v", id, f.Says, rows)
		}
		for _, row := range rows {
			if row.Kind == "" || row.ID == "" || row.Event == "" || row.Good == (row.Why != "") || len(row.Cells) != len(f.Columns) {
				t.Errorf("%s: %+v", id, row)
			}
		}
	}
	if f, _ := w.measure("ledger"); f.Population != 47 || f.Exceptions != 0 {
		t.Errorf("the ledger: %s", f.Says)
	}
}

// folder is a bundle in memory.
type folder map[string]*file

type file struct{ bytes.Buffer }

func (*file) Close() error { return nil }

func (f folder) Create(name string) (io.WriteCloser, error) {
	if f[name] != nil {
		return nil, fmt.Errorf("%s is written twice", name)
	}
	f[name] = &file{}
	return f[name], nil
}

func (w *world) bundle(control string) folder {
	w.Helper()
	c, err := evidence.Find(control)
	w.must(err)
	out := folder{}
	var b *evidence.Bundle
	w.must(w.store.View(w.Context(), func(r store.Reader) error {
		b, err = evidence.Collect(w.Context(), r, c, period, "test.log", out)
		return err
	}))
	w.must(b.Finish(w.Context(), func(context.Context, string) (ledger.Receipt, error) { return ledger.Receipt{Checkpoint: "c"}, nil }, "checkpoint\n"))
	return out
}

func TestABundleIsTheSameWheneverItIsMade(t *testing.T) {
	w := newWorld(t)
	put(w, store.Batches, ledger.BatchReleased, onus.Batch{ID: "bat_1", Workflow: "leaver", At: day})
	for n := range 3 {
		w.revoke(n, time.Minute)
	}
	w.revoke(7, 0)
	first, second := w.bundle("AC-2(3)"), w.bundle("AC-2(3)")
	for name, f := range first {
		if second[name] == nil || !bytes.Equal(f.Bytes(), second[name].Bytes()) {
			t.Errorf("%s is another", name)
		}
	}
	for _, want := range []string{"report.html", "report.pdf", "report.json", "manifest.json", "checkpoint", "data/revocations.csv", "data/revocations.json", "data/leavers.csv"} {
		if first[want] == nil {
			t.Errorf("%s is missing among %v", want, slices.Sorted(maps.Keys(first)))
		}
	}
	if !bytes.HasPrefix(first["report.pdf"].Bytes(), []byte("%PDF-")) {
		t.Error("the report on paper is no PDF")
	}
	var m evidence.Manifest
	w.must(json.Unmarshal(first["manifest.json"].Bytes(), &m))
	if len(m.Files) != len(first)-1 || len(m.Proofs) != 4 || m.Queries[1].Rows != 4 || m.Queries[1].Good != 3 {
		t.Errorf("the manifest: %+v", m)
	}
}

func TestAControlWithoutEvidenceSaysSo(t *testing.T) {
	w := newWorld(t)
	for control, want := range map[string]string{"IA-5": "There is no evidence for this control: nothing that Onus keeps measures it.", "PS-5": "There is no evidence for this control in the period: There were no movers."} {
		out := w.bundle(control)
		for _, name := range []string{"report.html", "report.json"} {
			if !strings.Contains(out[name].String(), want) {
				t.Errorf("%s of %s does not say so", name, control)
			}
		}
	}
}

func TestANameIsNoFormulaAndNoMarkup(t *testing.T) {
	w := newWorld(t)
	names := []string{`=cmd|' /C calc'!A0`, "+1", "-1", "@x", "\t=1", " =1", "＝1", "<script>alert(1)</script>", "Ænne 漢字 😀"}
	for n, name := range names {
		put(w, store.Accounts, ledger.AccountObserved, onus.Account{System: "dir", Ref: onus.AccountRef(fmt.Sprint(n)), Name: name})
	}
	out := w.bundle("IA-4")
	rows, err := csv.NewReader(strings.NewReader(out["data/orphans.csv"].String())).ReadAll()
	w.must(err)
	for n, row := range rows[1:] {
		want := "'" + names[n]
		if n > 6 {
			want = names[n]
		}
		if row[1] != want {
			t.Errorf("%q is written %q", names[n], row[1])
		}
	}
	if page := out["report.html"].String(); strings.Contains(page, "<script") || !strings.Contains(page, "&lt;script&gt;") {
		t.Error("a name is markup in the page")
	}
}

func FuzzNoCellIsAFormula(f *testing.F) {
	for _, s := range []string{"=1", "a", "", "\r=1", "\ufeff=1", "|x", "'="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := evidence.Harmless(s)
		if got != s && got != "'"+s {
			t.Fatalf("%q became %q", s, got)
		}
		if at := strings.TrimLeft(got, " \t\r\n\v\f"); at != "" && strings.ContainsAny(at[:1], "=+-@|") {
			t.Fatalf("%q is a formula", got)
		}
	})
}
