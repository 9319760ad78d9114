package ownership_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/ownership/ownershiptest"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

const day = 24 * time.Hour

func TestTheDutiesOfTheDefinitions(t *testing.T) {
	p := compile(t, definitions)
	got := map[string]string{}
	for _, d := range ownership.Duties(p) {
		chain := make([]string, 0, len(d.Chain))
		for _, s := range d.Chain {
			login, _, _ := strings.Cut(s.Mail, "@")
			chain = append(chain, login)
		}
		got[string(d.ID)] = d.Says() + ": " + strings.Join(chain, " ")
	}
	want := map[string]string{
		"designated/joiner":             "designated control owner of joiner: olga carol hanna ciso",
		"entitlement/dir/group:finance": "entitlement owner of dir/group:finance: carol dirk hanna ciso",
		"exceptions/joiner":             "control owner for exceptions of joiner: carol dirk hanna ciso",
		"guard/workflow/joiner":         "guard's owner of workflow joiner: olga dirk hanna ciso",
		"provisioning/joiner":           "control owner for provisioning of joiner: carol hanna ciso",
		"revocation/joiner":             "control owner for revocation of joiner: carol hanna ciso",
		"source/bots":                   "data owner of bots: carol hanna ciso",
		"source/hr":                     "data owner of hr: carol hanna ciso",
		"system/dir":                    "system owner of dir: olga dirk hanna ciso",
		"unit/Ops":                      "administrator of Ops: carol dirk hanna ciso",
		"workflow/joiner":               "workflow owner of joiner: carol dirk hanna ciso",
	}
	for id, says := range want {
		if got[id] != says {
			t.Errorf("%s is %q, want %q", id, got[id], says)
		}
	}
	for id := range got {
		if want[id] == "" {
			t.Errorf("there is a duty %s besides", id)
		}
	}
}

func TestBeforeAcceptanceTheNamedOwnerStandsAndNobodyInTheirPlace(t *testing.T) {
	w := newWorld(t)
	w.onFile(everybody()...)
	w.want(system, olga)
	if w.standing(system).Accepted() {
		t.Error("the definitions' naming counts as her acceptance")
	}
	w.is(olga, onus.Left)
	w.want(system, "")
	w.look()
	w.want(system, "") // dirk was asked, and his silence accepts nothing
	w.later(300 * day)
	w.look()
	w.want(system, "")
	w.accepts(system, dirk)
	w.want(system, dirk)
	w.sound()
}

func TestLapseAbsenceAndDepartureHandOverAtOnce(t *testing.T) {
	for name, loses := range map[string]func(w *world){
		"lapse":     func(w *world) { w.later(364 * day); w.must(w.say(ownership.Renews, system, dirk)); w.later(day) },
		"absence":   func(w *world) { w.must(w.away(olga, "2026-03-01", "2026-03-20")) },
		"departure": func(w *world) { w.is(olga, onus.Left) },
		"decline":   func(w *world) { w.must(w.say(ownership.Declines, system, olga)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.onFile(everybody()...)
			w.accepts(system, olga, dirk)
			w.want(system, olga)
			loses(w)
			w.want(system, dirk)
			w.look()
			all := slices.DeleteFunc(w.events(ledger.DutyHandedOver), func(e ledger.Event) bool { return e.Object.ID != string(system) })
			if len(all) != 1 || all[0].Notes["from"] != string(idOf(olga)) || all[0].Notes["to"] != string(idOf(dirk)) || all[0].Notes["because"] == "" {
				t.Errorf("the succession on record is %v", all)
			}
			w.sound()
		})
	}
}

func TestADeputyIsAskedAndThenTheEscalationHead(t *testing.T) {
	w := newWorld(t)
	w.onFile(everybody()...)
	w.accepts(system, olga)
	w.look() // dirk is asked ahead, as the deputy of a duty that is under acceptance
	w.is(olga, onus.Left)
	w.look()
	w.want(system, "")
	if next := w.standing(system).Next.Mail; next != dirk {
		t.Fatalf("%q is asked, want the deputy", next)
	}
	w.must(w.say(ownership.Declines, system, dirk))
	if next := w.standing(system).Next; next.Mail != hanna || next.As != ownership.AsLast {
		t.Fatalf("%v is asked, want the nearest escalation head", next)
	}
	w.later(4 * day)
	w.look() // hanna lets it lie
	if next := w.standing(system).Next.Mail; next != ciso {
		t.Fatalf("%q is asked, want the last resort", next)
	}
	w.accepts(system, ciso)
	w.want(system, ciso)
	w.accepts(system, hanna) // late, and before him in the chain
	w.want(system, hanna)
	w.sound()
}

func TestComingBackFromLeaveIsNoNewAcceptanceAndComingBackFromLeavingIs(t *testing.T) {
	w := newWorld(t)
	w.onFile(everybody()...)
	w.accepts(system, olga, dirk)
	w.must(w.away(olga, "2026-03-03", "2026-03-05"))
	w.want(system, olga) // from tomorrow
	w.later(day)
	w.want(system, dirk)
	w.must(w.back(olga))
	w.want(system, olga)
	w.is(olga, onus.Left)
	w.look()
	w.is(olga, onus.Active)
	w.want(system, dirk)
	w.accepts(system, olga)
	w.want(system, olga)
	w.sound()
}

func TestDaysOfLeaveAreDaysOfTheOrganisationsZone(t *testing.T) {
	w := newWorld(t)
	w.onFile(everybody()...)
	w.accepts(system, olga, dirk)
	w.must(w.away(olga, "2026-04-05", "2026-04-05")) // in Auckland clocks go back on that day
	zone := w.program.Organisation.Zone
	for at, want := range map[time.Time]string{
		time.Date(2026, 4, 4, 23, 59, 59, 0, zone): olga,
		time.Date(2026, 4, 5, 0, 0, 0, 0, zone):    dirk,
		time.Date(2026, 4, 5, 23, 59, 59, 0, zone): dirk,
		time.Date(2026, 4, 6, 0, 0, 0, 0, zone):    olga,
	} {
		w.clock = at
		w.want(system, want)
	}
}

func TestAYearIsAYearAndADefinitionMayBeShorter(t *testing.T) {
	w := newWorld(t)
	w.onFile(everybody()...)
	w.accepts(system, olga)
	if until := w.standing(system).Until; !until.Equal(start.AddDate(1, 0, 0)) {
		t.Errorf("accepted until %s, want a year", until)
	}
	w.program = compile(t, strings.Replace(definitions, "zone:", "acceptance: 20d\nzone:", 1))
	w.must(w.say(ownership.Renews, system, olga))
	if until := w.standing(system).Until; !until.Equal(start.Add(20 * day)) {
		t.Errorf("accepted until %s, want twenty days", until)
	}
}

func TestRenewalIsAskedForInTimeAndOnce(t *testing.T) {
	w := newWorld(t)
	w.onFile(everybody()...)
	w.accepts(system, olga, dirk)
	ends := w.standing(system).Until
	w.clock = ends.Add(-31 * day)
	w.look()
	renewals := func() int {
		n := 0
		for _, e := range w.events(ledger.DutyAsked) {
			if e.Notes["renewal"] != "" {
				n++
			}
		}
		return n
	}
	if n := renewals(); n != 0 {
		t.Fatalf("asked %d times a month and a day before the end", n)
	}
	w.clock = ends.Add(-30 * day)
	w.look()
	w.look()
	if n := renewals(); n != 2 {
		t.Fatalf("thirty days before the end %d are asked, want owner and deputy", n)
	}
	w.want(system, olga) // being asked takes nothing away
	w.must(w.say(ownership.Renews, system, olga))
	if n := len(w.events(ledger.DutyRenewed)); n != 1 {
		t.Errorf("%d renewals are on record", n)
	}
	w.clock = ends
	w.look()
	w.want(system, olga)
	if n := len(w.events(ledger.DutyLapsed)); n != 1 {
		t.Errorf("%d acceptances lapsed, want dirk's alone", n)
	}
}

func TestNobodyAnswersForOthers(t *testing.T) {
	w := newWorld(t)
	w.onFile(append(everybody(), machine("svc", it))...)
	sponsor := ownership.SponsorID("idn_svc")
	for name, c := range map[string]struct {
		err  error
		kind onus.ErrorKind
	}{
		"who is not named":     {w.say(ownership.Accepts, system, carol), onus.Denied},
		"whom nobody knows":    {w.say(ownership.Accepts, system, ""), onus.Denied},
		"a shared mailbox":     {w.say(ownership.Accepts, sponsor, it), onus.Denied},
		"a machine":            {w.say(ownership.Accepts, sponsor, bot), onus.Denied},
		"for no duty":          {w.say(ownership.Accepts, "system/none", olga), onus.NotFound},
		"what was not said":    {w.say(ownership.Renews, system, olga), onus.Conflict},
		"what cannot be said":  {w.say("shrug", system, olga), onus.Invalid},
		"a leave of a machine": {w.away(bot, "2026-03-02", "2026-03-03"), onus.Denied},
		"a leave that is over": {w.away(olga, "2026-02-01", "2026-02-02"), onus.Invalid},
		"a leave backwards":    {w.away(olga, "2026-03-09", "2026-03-08"), onus.Invalid},
		"a leave on no day":    {w.away(olga, "2026-02-30", "2026-03-08"), onus.Invalid},
		"back from no leave":   {w.back(olga), onus.Conflict},
	} {
		if c.err == nil || onus.KindOf(c.err) != c.kind {
			t.Errorf("%s: %v, want %s", name, c.err, c.kind)
		}
	}
	w.is(olga, onus.Left)
	if err := w.say(ownership.Accepts, system, olga); onus.KindOf(err) != onus.Denied {
		t.Errorf("who left accepts: %v", err)
	}
	if n := len(w.events(ledger.DutyAccepted)); n != 0 {
		t.Errorf("%d acceptances came of it", n)
	}
}

func TestTheSponsorOfAMachineHasSuccessors(t *testing.T) {
	w := newWorld(t)
	svc := machine("svc", "olga") // by key
	svc.Attributes = onus.Attributes{"deputy": dirk}
	w.onFile(append(everybody(), svc)...)
	duty := ownership.SponsorID("idn_svc")
	w.want(duty, olga)
	w.is(olga, onus.Left)
	w.look()
	for _, mail := range []string{dirk, boss, unit, hanna, ciso} { // each declines, and the next is asked
		if next := w.standing(duty).Next.Mail; next != mail {
			t.Fatalf("%q is asked to answer for the machine, want %q", next, mail)
		}
		w.want(duty, "")
		if mail != ciso {
			w.must(w.say(ownership.Declines, duty, mail))
		}
	}
	w.accepts(duty, boss) // he thought again
	w.want(duty, boss)
	svc.Sponsor = carol
	w.onFile(svc)
	w.look() // the register names another one: what boss accepted is over
	w.want(duty, "")
	w.accepts(duty, carol)
	w.want(duty, carol)
	w.sound()
}

func TestASponsorWhoIsNobodyMakesNobodyElseAnOwner(t *testing.T) {
	w := newWorld(t)
	w.onFile(append(everybody(), machine("svc", "10099"))...)
	duty := ownership.SponsorID("idn_svc")
	w.want(duty, "")
	w.look()
	if st := w.standing(duty); st.Why != "is not on the roster" || st.Next.Mail != hanna {
		t.Errorf("%q; %s is asked", st.Why, st.Next.Mail)
	}
	w.want(duty, "")
	w.accepts(duty, hanna)
	w.want(duty, hanna)
}

func TestWhatIsHandedOverWhenTheOwnerLeavesIsKnownBefore(t *testing.T) {
	w := newWorld(t)
	w.onFile(everybody()...)
	w.accepts(system, olga, dirk)
	w.accepts("designated/joiner", olga)
	f := w.facts()
	got := map[onus.DutyID]onus.Handover{}
	for _, h := range f.Handovers(idOf(olga)) {
		got[h.Duty] = h
	}
	for duty, want := range map[onus.DutyID]onus.Handover{
		system:                  {Duty: system, Says: "system owner of dir", To: dirk, As: ownership.AsDeputy, Accepted: true},
		"designated/joiner":     {Duty: "designated/joiner", Says: "designated control owner of joiner", To: carol, As: ownership.AsPath},
		"guard/workflow/joiner": {Duty: "guard/workflow/joiner", Says: "guard's owner of workflow joiner", To: dirk, As: ownership.AsDeputy},
		"sponsor/idn_bot":       {Duty: "sponsor/idn_bot", Says: "sponsor of bot", To: boss, As: ownership.AsManager},
	} {
		if got[duty] != want {
			t.Errorf("%s: %+v, want %+v", duty, got[duty], want)
		}
		delete(got, duty)
	}
	if len(got) > 0 {
		t.Errorf("and besides: %v", got)
	}
	w.want(system, olga) // looking ahead moves nothing
}

func TestPowerEndsAtTheUnitsBorder(t *testing.T) {
	w := newWorld(t)
	w.onFile(everybody()...)
	w.accepts("unit/Ops", carol, dirk)
	if got := w.facts().Administers(carol); len(got) != 1 || got[0] != "Ops" {
		t.Errorf("carol administers %v", got)
	}
	if got := w.facts().Administers(dirk); len(got) != 0 {
		t.Errorf("the deputy administers %v while she is there", got)
	}
	w.must(w.away(carol, "2026-03-02", "2026-03-03"))
	if got := w.facts().Administers(dirk); len(got) != 1 {
		t.Errorf("the deputy administers %v while she is away", got)
	}
	for _, mail := range []string{carol, olga, ""} {
		if got := w.facts().Administers(mail); len(got) != 0 {
			t.Errorf("%q administers %v", mail, got)
		}
	}
}

func TestWhatNobodyAcceptedKeepsAVersionFromBeingPublished(t *testing.T) {
	w := newWorld(t)
	w.onFile(everybody()...)
	lacks := w.facts().Lacks()
	if len(lacks) != 11 {
		t.Errorf("%d duties lack acceptance, want all eleven: %v", len(lacks), lacks)
	}
	n := 0
	w.must(w.act(func(f *ownership.Facts, tx store.Tx) (err error) {
		n, err = f.AskAll(w.Context(), tx, "person:idn_carol", "evt_1")
		return err
	}))
	if asked := len(w.events(ledger.DutyAsked)); asked != n || n != 17 {
		t.Errorf("%d are asked, %d on record, want seventeen", n, asked)
	}
	if lacks = w.facts().Lacks(); len(lacks) != 11 || !lacks[0].Asked {
		t.Errorf("being asked counts as accepting: %v", lacks)
	}
	ownershiptest.AcceptAll(t, w.store, w.program, w.members())
	if lacks = w.facts().Lacks(); len(lacks) != 0 {
		t.Errorf("everybody accepted, and there lack %v", lacks)
	}
	w.later(366 * day)
	if lacks = w.facts().Lacks(); len(lacks) != 11 {
		t.Errorf("all acceptances ran out, and there lack %v", lacks)
	}
	w.sound()
}

func TestThePastIsAsItWas(t *testing.T) {
	w := newWorld(t)
	w.onFile(everybody()...)
	w.pin()
	w.accepts(system, olga, dirk)
	w.later(10 * day)
	w.must(w.away(olga, "2026-03-12", "2026-03-20"))
	w.later(20 * day)
	w.is(olga, onus.Left)
	w.look()
	i := person(dirk)
	i.Mail = "dirk.married@acme.example" // he is on file under another address today
	w.onFile(i)
	for days, want := range map[int]string{0: olga, 9: olga, 11: dirk, 19: olga, 29: olga, 30: dirk} {
		var st ownership.Standing
		w.must(w.store.View(w.Context(), func(r store.Reader) error {
			f, _, err := ownership.Past(w.Context(), r, start.Add(time.Duration(days)*day))
			if err != nil {
				return err
			}
			d, _ := f.Duty(system)
			st = f.Who(d)
			return nil
		}))
		if days == 30 {
			want = "" // the definitions name dirk by an address that is nobody's now
		}
		if st.Seat.Mail != want {
			t.Errorf("after %d days %q stood, want %q", days, st.Seat.Mail, want)
		}
	}
	err := w.store.View(w.Context(), func(r store.Reader) error {
		_, _, err := ownership.Past(w.Context(), r, start.Add(-day))
		return err
	})
	if onus.KindOf(err) != onus.NotFound {
		t.Errorf("before anything was kept: %v", err)
	}
}
