package console_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"github.com/onus-id/onus/internal/console"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/trail"
	"github.com/onus-id/onus/ledger"
)

func ledgerPages() map[string]templ.Component {
	const evil = `<b onmouseover="x()">ana</b>`
	began := trail.Line{
		Index: 40, Subject: "idn_1", Says: evil, Names: map[string]string{"idn_1": evil, "idn_2": "viktor"},
		Event: ledger.Event{Version: "1", ID: "evt_1", Time: noon, Type: "run.planned", Actor: "engine", Owner: "idn_2", Object: ledger.Object{Kind: "run", ID: "run_1", Version: 1}},
	}
	ended := began
	ended.Index, ended.Erased, ended.Says = 41, true, ""
	ended.Event.ID, ended.Event.Cause, ended.Event.Actor, ended.Event.Notes = "evt_2", "evt_1", "person:idn_2", map[string]string{"tier": evil}
	return map[string]templ.Component{
		"ledger":         console.EntriesPage([]trail.Line{began, ended}, "/entries?person="+"ana%27s&type=run.*&x=y", 77, 42, noon),
		"ledger-nothing": console.EntriesPage(nil, "/entries?since=7d", 77, -1, noon),
		"entry":          console.EntryPage(server.EntryView{Line: ended, Leaf: `{"actor":"` + evil + `"}`, Size: 77, Causes: []trail.Line{began}, More: true}, "onus.example/log+00000000+AAAA", noon),
		"entry-first":    console.EntryPage(server.EntryView{Line: began, Leaf: "{}", Size: 77}, "onus.example/log+00000000+AAAA", noon),
		"gaps":           console.GapsPage(nil, nil),
		"gaps-found": console.GapsPage([]server.Verification{{Good: true, Says: "the ledger is whole"}, {Says: "the ledger does not tell all"}},
			[]server.Gap{{What: "effect without intent", ID: "grt_1", Says: evil}}),
	}
}

// The proof of an entry is checked by the browser: by the key that the server
// gives, and by one that the person keeps.
func TestTheBrowserChecksAProof(t *testing.T) {
	w, open := newWorld(t), rig.OpenBrowser(t)
	for screen := range screens {
		p := w.signsIn(open, screen, noor)
		p.Go(w.at + "/entries?object=approval/" + w.georges().ID)
		w.uncomplaining(p)
		w.fits(p)
		p.Click(".chain a")
		p.Shows("Nobody has checked in this browser")
		w.uncomplaining(p)
		w.fits(p)
		p.Click("[data-check]")
		p.Shows("verified, by the server's own key")
		p.Shows("if the key that this server gives is the right one")
		w.uncomplaining(p)
		p.Click("[data-pin]")
		p.Shows("that you kept in this browser")
		p.Click("[data-check]")
		p.Shows("by the key that you kept")
	}
}

// What was tampered with the browser finds out: the leaf, the proof, its place,
// the signature, the key.
func TestTheBrowserFindsTampering_TamperedEvidence(t *testing.T) {
	w, open := newWorld(t), rig.OpenBrowser(t)
	_, another, err := ledger.NewKey(strings.SplitN(w.server.Verifier, "+", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	quoted, err := json.Marshal(another)
	if err != nil {
		t.Fatal(err)
	}
	p := w.signsIn(open, "wide", noor)
	// receipt changes what the server answers before the page reads it.
	receipt := func(change string) string {
		return `const asked = window.fetch; window.fetch = async (...a) => { const r = await asked(...a); const t = await r.text(); const lines = t.split("\n"); return new Response((() => {` + change + `})()) }`
	}
	for name, x := range map[string]struct{ does, says string }{
		"leaf":            {`const l = document.querySelector("[data-leaf]"); l.textContent = l.textContent.replace("engine", "nobody").replace("approval", "approvel")`, "the leaf on this page is not the one"},
		"leaf and proof":  {`const l = document.querySelector("[data-leaf]"); l.textContent = l.textContent.replace("approval", "approvel");` + receipt(`lines[1] = "extra " + btoa(document.querySelector("[data-leaf]").textContent); return lines.join("\n")`), "do not lead to the root"},
		"path":            {receipt(`lines[3] = btoa("x".repeat(32)); return lines.join("\n")`), "do not lead to the root"},
		"a shorter path":  {receipt(`lines.splice(3, 1); return lines.join("\n")`), "do not lead to the root"},
		"place":           {receipt(`lines[2] = "index 0"; return lines.join("\n")`), "the proof is of entry 0"},
		"size":            {receipt(`const at = lines.indexOf(""); lines[at + 2] = String(BigInt(lines[at + 2]) * 4n); return lines.join("\n")`), "do not lead to the root"},
		"root":            {receipt(`const at = lines.indexOf(""); lines[at + 3] = btoa("x".repeat(32)); return lines.join("\n")`), "do not lead to the root"},
		"no signature":    {receipt(`return t.slice(0, t.lastIndexOf("\u2014"))`), "is not signed by this key"},
		"signature":       {receipt(`const at = t.lastIndexOf(" ") + 12; return t.slice(0, at) + (t[at] === "A" ? "B" : "A") + t.slice(at + 1)`), "is not signed by this key"},
		"no proof at all": {receipt(`return "nothing"`), "the proof cannot be read"},
		"another's key":   {`document.querySelector("[data-key]").value = ` + string(quoted), "is not signed by this key"},
		"a damaged key":   {`const k = document.querySelector("[data-key]"); k.value = k.value.slice(0, -3) + "AA="`, "the key"},
	} {
		p.Go(w.at + "/entries?object=approval/" + w.georges().ID)
		p.Click(".chain a")
		p.Shows("Nobody has checked in this browser")
		p.Do(x.does)
		p.Click("[data-check]")
		p.Until(`!["not tried", "checking"].includes(document.querySelector("[data-outcome]").textContent)`)
		if got := p.Text(`document.querySelector("[data-outcome]").textContent + ": " + document.querySelector("[data-says]").textContent`); !strings.HasPrefix(got, "failed: ") || !strings.Contains(got, x.says) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Without a script nothing was tried, and the page says so.
func TestAProofThatNobodyCheckedIsNotTried(t *testing.T) {
	w := newWorld(t)
	c := w.as(noor)
	_, body := c.get("/entries/0")
	if !strings.Contains(body, ">not tried<") || strings.Contains(body, "verified") || !strings.Contains(body, "onus-verify receipt") {
		t.Errorf("without a script:\n%s", body)
	}
	for _, none := range []string{"-1", "01", "99999", "evt_none", "+1"} {
		if status, _ := c.get("/entries/" + none); status != http.StatusNotFound {
			t.Errorf("entry %s: %d", none, status)
		}
	}
}

// An export ends with what was asked and how many entries there are.
func TestAnExportSaysHowManyEntriesItHas(t *testing.T) {
	w := newWorld(t)
	c := w.as(noor)
	for _, query := range []string{"", "?type=approval.*", "?person=nobody-at-all", "?object=approval/none"} {
		status, body := c.get("/entries.jsonl" + query)
		if strings.Contains(query, "nobody") {
			if status != http.StatusNotFound {
				t.Errorf("%s: %d", query, status)
			}
			continue
		}
		lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
		var last struct {
			Query []string
			Count int
		}
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Count != len(lines)-1 || last.Query == nil || (query == "") != (len(last.Query) == 0) {
			t.Errorf("%s: %d lines, and the last is %+v, %v", query, len(lines), last, err)
		}
		if query == "" && last.Count == 0 {
			t.Error("the ledger is empty")
		}
	}
}

// The ledger is read page by page, and whoever may not see it is not told of it.
func TestTheLedgerIsReadPageByPage(t *testing.T) {
	w := newWorld(t)
	c := w.as(noor)
	seen := map[string]bool{}
	for path := "/entries?from=0"; path != ""; {
		status, body := c.get(path)
		if status != http.StatusOK {
			t.Fatalf("%s: %d", path, status)
		}
		for _, part := range strings.Split(body, `href="/entries/`)[1:] {
			seen[part[:strings.IndexByte(part, '"')]] = true
		}
		_, more, _ := strings.Cut(body, `rel="next" href="`)
		path, _, _ = strings.Cut(more, `"`)
		path = strings.ReplaceAll(path, "&amp;", "&")
	}
	size, err := w.server.Books().Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for n := range size {
		if !seen[strconv.FormatInt(n, 10)] {
			t.Errorf("entry %d was on no page", n)
		}
	}
	if status, body := c.get("/entries?type=no.such"); status != http.StatusUnprocessableEntity || !strings.Contains(body, "there is no type of event") {
		t.Errorf("a type that there is not: %d\n%s", status, body)
	}
	if status, body := c.post("/gaps", nil); status != http.StatusOK || !strings.Contains(body, "the ledger is whole") || !strings.Contains(body, "group:payments on an account of nobody") {
		t.Errorf("the check for gaps: %d\n%s", status, body)
	}
	stranger := w.as(chidi)
	for _, path := range []string{"/entries", "/entries/0", "/entries.jsonl", "/gaps"} {
		if status, _ := stranger.get(path); status != http.StatusNotFound {
			t.Errorf("%s for somebody whom it is not for: %d", path, status)
		}
	}
}
