package console_test

import (
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/rig"
)

// What a person does at the console, in a real browser, on a wide screen and
// on a phone's.
var screens = map[string][2]int{"wide": {1440, 900}, "phone": {390, 844}}

// signsIn opens a page as somebody, by a link that is good once.
func (w *world) signsIn(open func(int, int) *rig.Page, screen, mail string) *rig.Page {
	w.Helper()
	p := open(screens[screen][0], screens[screen][1])
	p.Go(w.invites(mail))
	p.Press("\r") // the button to go in has the focus
	p.Shows("What needs you")
	p.Until("document.documentElement.dataset.ready !== undefined")
	return p
}

// uncomplaining says what the browser complained of, and what keeps people out.
func (w *world) uncomplaining(p *rig.Page) {
	w.Helper()
	for _, says := range p.Complaints() {
		w.Errorf("the browser says: %s", says)
	}
	for _, says := range p.Barriers("../rig/axe") {
		w.Errorf("%s: %s", p.Text("location.pathname"), says)
	}
}

// fits says that a page is no wider than the screen that it is on.
func (w *world) fits(p *rig.Page) {
	w.Helper()
	if wider := p.Text(`String(document.documentElement.scrollWidth > innerWidth)`); wider != "false" {
		w.Errorf("%s is wider than the screen", p.Text("location.pathname"))
	}
}

func TestAnExceptionIsTakenAndResolved(t *testing.T) {
	w, open := newWorld(t), rig.OpenBrowser(t)
	x := w.stopped()
	p := w.signsIn(open, "wide", x.Assignee)
	w.uncomplaining(p)
	p.Shows(x.Message)
	p.Click(`a[href="/exceptions/` + x.ID + `"]`)
	p.Shows("What shall happen?")
	w.uncomplaining(p)
	p.Type("#reason", "not hired after all")
	p.Click(`button[value="refuse"]`)
	p.Shows("Decided")
	p.Shows("not hired after all")
	w.uncomplaining(p)
	if got, err := w.server.Books().Exception(t.Context(), x.ID); err != nil || got.State != onus.ExceptionRefused || got.Decided.Person != x.Assignee {
		t.Errorf("after the decision it is %+v, %v", got.Exception, err)
	}
}

// By the keyboard alone, on a phone's screen: y counts down, and Escape takes
// it back.
func TestAnApprovalIsAnsweredByOneKey(t *testing.T) {
	for screen := range screens {
		t.Run(screen, func(t *testing.T) {
			w, open := newWorld(t), rig.OpenBrowser(t)
			a := w.georges()
			p := w.signsIn(open, screen, viktor)
			p.Press("j\r") // the first of what waits
			p.Shows("Is it safe?")
			w.uncomplaining(p)
			p.Press("y")
			p.Shows("Escape takes it back")
			p.Press("\x1b")
			p.Until(`document.querySelector("#said").textContent === ""`)
			p.Press("n")
			p.Shows("Say why first.")
			p.Press("not yet")
			p.Until(`document.querySelector("#reason").value.endsWith("not yet")`) // the focus went there
			p.Do(`document.activeElement.blur(); document.querySelector("#reason").value = ""`)
			p.Press("y")
			p.Shows("Answers")
			w.uncomplaining(p)
			got := w.georges()
			if len(got.Answers) != 1 || !got.Answers[0].Yes || got.Answers[0].Person != viktor {
				t.Errorf("after y of %s: %+v", a.ID, got.Answers)
			}
		})
	}
}

// Two people decide at once: the first counts, and the second is told, with
// what they typed still there.
func TestOfTwoWhoDecideAtOnceTheFirstCounts(t *testing.T) {
	w, open := newWorld(t), rig.OpenBrowser(t)
	x := w.stopped()
	one, other := w.signsIn(open, "wide", x.Assignee), w.signsIn(open, "wide", noor)
	for _, p := range []*rig.Page{one, other} {
		p.Go(w.at + "/exceptions/" + x.ID)
		p.Type("#reason", "seen by somebody")
	}
	one.Click(`button[value="refuse"]`)
	one.Shows("Decided")
	other.Shows("Decided") // it asked for itself again, and what was typed is out of use
	if got, err := w.server.Books().Exception(t.Context(), x.ID); err != nil || got.Decided.Person != x.Assignee {
		t.Errorf("it was decided by %+v, %v", got.Decided, err)
	}
}

// A session that ends in the middle of a form loses nothing that was typed.
func TestASessionThatEndsLosesNothingTyped(t *testing.T) {
	w, open := newWorld(t), rig.OpenBrowser(t)
	x := w.stopped()
	p := w.signsIn(open, "wide", x.Assignee)
	p.Go(w.at + "/exceptions/" + x.ID)
	p.Type("#reason", "a long story, told once")
	who, err := w.server.IdentityOf(t.Context(), x.Assignee)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.desk.EndAll(t.Context(), who, "os:test", "for the test"); err != nil {
		t.Fatal(err)
	}
	p.Click(`button[value="refuse"]`)
	p.Shows("You are signed out")
	if got := p.Text(`document.querySelector("[name=reason]").value`); got != "a long story, told once" {
		t.Errorf("what was typed is now %q", got)
	}
	if got, err := w.server.Books().Exception(t.Context(), x.ID); err != nil || got.State != onus.ExceptionOpen {
		t.Errorf("without a session it is %s, %v", got.State, err)
	}
	// In another tab they sign in again, and send it.
	back := p.Beside()
	back.Go(w.invites(x.Assignee))
	back.Press("\r")
	back.Shows("What needs you")
	p.Click(`form button`)
	p.Shows("Decided")
	p.Shows("a long story, told once")
}

// The policy of a page lets no script run but the bundled one, and the browser
// says so when another tries: these tests would hear of it.
func TestNoOtherScriptRuns(t *testing.T) {
	w, open := newWorld(t), rig.OpenBrowser(t)
	p := w.signsIn(open, "wide", viktor)
	p.Do(`window.refused = [];
		const tries = [
			() => { const s = document.createElement("script"); s.text = "window.intruded = true"; document.body.append(s) },
			() => { const s = document.createElement("script"); s.append("window.intruded = true"); document.body.append(s) },
			() => { document.body.innerHTML = "<img src=x onerror='window.intruded = true'>" },
			() => { const b = document.createElement("button"); b.setAttribute("onclick", "window.intruded = true"); document.body.append(b); b.click() },
		];
		for (const t of tries) try { t() } catch (e) { window.refused.push(String(e)) }`)
	if got := p.Text(`String(window.intruded)`); got != "undefined" {
		t.Error("a script that the page made has run")
	}
	if got := p.Text(`window.refused.join()`); !strings.Contains(got, "TrustedHTML") {
		t.Errorf("HTML from a text was taken: %s", got)
	}
	if len(p.Complaints()) == 0 {
		t.Error("the browser complained of nothing")
	}
}

// Who may not see a thing is not told whether it exists.
func TestWhatIsNotForSomebodyIsNotThere(t *testing.T) {
	w, open := newWorld(t), rig.OpenBrowser(t)
	x, a := w.stopped(), w.georges()
	p := w.signsIn(open, "wide", chidi)
	for _, path := range []string{"/exceptions/" + x.ID, "/approvals/" + a.ID, "/runs/" + string(a.Run), "/identities/" + string(a.Identity), "/exceptions/exc_none"} {
		p.Go(w.at + path)
		p.Shows("or it is not for you to see")
	}
}

// Why somebody has something: in a sentence, with who answers and a drawing
// whose links lead on; found by typing the beginning of a login.
func TestWhySomebodyHasSomethingIsFoundByTyping(t *testing.T) {
	w, open := newWorld(t), rig.OpenBrowser(t)
	p := w.signsIn(open, "wide", noor)
	p.Press("/")
	p.Until(`document.activeElement.id === "seek"`)
	p.Do(`document.activeElement.value = ""`) // the browser of the tests types the key as well
	p.Press("geor")
	p.Until(`document.querySelector("#found a")`)
	w.uncomplaining(p)
	p.Do(`document.querySelector("#found a").focus()`)
	p.Press("\r")
	p.Shows("Accounts")
	w.uncomplaining(p)
	p.Click(`a[href*="group%3Afinance"]`)
	p.Shows("Answers for it")
	p.Shows("How it came about")
	w.uncomplaining(p)
	p.Click(`.lanes a[href^="/runs/"]`)
	p.Shows("Run for george.amadi")
	w.uncomplaining(p)
}

// An access error is reported where Why explains it, judged, and all that its
// cause did is undone in one act.
func TestAnAccessErrorIsJudgedAndAllOfItUndone(t *testing.T) {
	w, open := newWorld(t), rig.OpenBrowser(t)
	p := w.signsIn(open, "phone", helen)
	p.Go(w.at + "/why?who=omar.farouk&what=group:finance")
	p.Shows("Answers for it")
	p.Click("details.card summary")
	p.Type("#wrong", "he never was in finance")
	p.Type("#right", "department=IT")
	p.Click("details.card button")
	p.Shows("Who else is hit")
	p.Shows("wrong record")
	p.Shows("if the record had said department=IT")
	w.uncomplaining(p)
	p.Click(`a[href^="/undo"]`)
	p.Shows("Change by change")
	w.uncomplaining(p)
	p.Type("#reason", "he never was in finance")
	p.Click("form.decide button")
	p.Shows("The reversal is ordered")
	w.uncomplaining(p)
	if _, err := w.server.UntilIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Go(w.at + "/why?who=omar.farouk&what=group:finance")
	p.Shows("omar.farouk does not have group:finance")
	p.Go(w.at + "/errors")
	p.Shows("wrong record")
	w.uncomplaining(p)
}
