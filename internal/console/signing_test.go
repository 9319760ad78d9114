package console_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onus-id/onus/internal/rig"
)

// strict is the starter company without what makes practising easy: whoever has
// a key signs what is critical.
func strict(t *testing.T) *world {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "flow", "starter", "files", "organisation.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return newWorldWith(t, map[string]string{"organisation.yaml": string(text)})
}

// enrols registers a passkey of whoever is signed in at a page.
func (w *world) enrols(p *rig.Page) {
	w.Helper()
	p.Passkeys()
	p.Do(`(async () => {
		const send = (path, body) => fetch("/api/v1/passkeys/" + path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
		const { publicKey } = await (await send("begin")).json();
		const key = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) });
		const done = await send("finish?name=test", key);
		window.enrolled = done.ok ? "yes" : await done.text();
	})().catch((e) => { window.enrolled = String(e) })`)
	p.Until("window.enrolled !== undefined")
	if got := p.Text("window.enrolled"); got != "yes" {
		w.Fatalf("register a passkey: %s", got)
	}
}

// What is critical is answered with a passkey by whoever has one, in the
// browser; what they typed, over two lines, is part of what they signed.
func TestACriticalYesIsSignedWithThePasskey_ASVS_11(t *testing.T) {
	w, open := strict(t), rig.OpenBrowser(t)
	p := w.signsIn(open, "phone", viktor)
	w.enrols(p)
	a := w.georges()
	p.Go(w.at + "/approvals/" + a.ID)
	p.Shows("your yes counts only when you sign it")
	w.uncomplaining(p)
	w.fits(p)

	// Unsigned it does not count: whoever has no script is told so, and how.
	c := w.as(viktor)
	path := "/approvals/" + a.ID
	seen := c.seen(path)
	if _, body := c.get(path); !strings.Contains(body, "onus approve "+a.ID+" --sign KEYFILE") {
		t.Errorf("without a script:\n%s", body)
	}
	if status, body := c.post(path, url.Values{"says": {"yes"}, "reason": {"typed before"}, "seen": {seen}}); status != http.StatusForbidden || !strings.Contains(body, "a yes that is not signed does not count") || !strings.Contains(body, "typed before") {
		t.Errorf("an unsigned yes: %d\n%s", status, body)
	}
	if status, body := c.post(path, url.Values{"says": {"yes"}, "seen": {seen}, "statement": {"x"}, "assertion": {"{}"}}); status != http.StatusUnprocessableEntity {
		t.Errorf("no statement: %d\n%s", status, body)
	}

	// A passkey that is not used records nothing, and what was typed stays.
	p.Type("#reason", "seen with both")
	p.Do(`const r = document.querySelector("#reason"); r.value = " seen with both\n\nof them ";
		window.real = navigator.credentials.get; navigator.credentials.get = () => Promise.reject(new DOMException("no", "NotAllowedError"))`)
	p.Click(`button[value="yes"]`)
	p.Shows("Nothing was recorded, for it was not signed.")
	w.uncomplaining(p)
	if n := len(w.georges().Answers); n != 0 {
		t.Fatalf("%d answers were recorded", n)
	}

	p.Do(`navigator.credentials.get = window.real`)
	p.Click(`button[value="yes"]`)
	p.Shows("Answers")
	found, err := w.server.Books().VerifyDecision(t.Context(), a.ID)
	if err != nil || len(found) != 1 || !found[0].Good {
		t.Errorf("the answer is %+v, %v", found, err)
	}
	if got := w.georges().Answers; len(got) != 1 || got[0].Reason != "seen with both\n\nof them" {
		t.Errorf("recorded: %+v", got)
	}
}

// A signature counts for the answer that was signed and for no other.
func TestASignatureIsOfTheAnswerThatIsSent_ASVS_11(t *testing.T) {
	w, open := strict(t), rig.OpenBrowser(t)
	p := w.signsIn(open, "wide", viktor)
	w.enrols(p)
	p.Go(w.at + "/approvals/" + w.georges().ID)
	p.Do(`const real = navigator.credentials.get.bind(navigator.credentials);
		navigator.credentials.get = async (o) => { const key = await real(o); document.querySelector("#reason").value = "another reason"; return key }`)
	p.Type("#reason", "what I read")
	p.Click(`button[value="yes"]`)
	p.Shows("the signature does not count")
	if n := len(w.georges().Answers); n != 0 {
		t.Errorf("%d answers were recorded", n)
	}
}
