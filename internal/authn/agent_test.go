package authn_test

import (
	"slices"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authn"
	"github.com/onus-id/onus/ledger"
)

const (
	helper = onus.IdentityID("idn_helper")
	scout  = onus.IdentityID("idn_scout")
)

// agents are two AI agents, of which Bo sponsors the second.
func (w *world) agents() {
	for id, sponsor := range map[onus.IdentityID]string{helper: anaMail, scout: boMail} {
		w.is(onus.Identity{ID: id, Kind: onus.NonHuman, State: onus.Active, Login: string(id[4:]), Sponsor: sponsor, Attributes: onus.Attributes{"kind": "ai_agent"}})
	}
}

func (w *world) lends(l authn.Lending) (string, string, error) {
	w.Helper()
	l.Name, l.By = "to try it", "person:idn_ana"
	if l.For == 0 {
		l.For = time.Hour
	}
	text, t, err := w.Lend(w.Context(), l)
	w.secrets = append(w.secrets, text)
	return text, t.ID, err
}

func TestAnAgentPassesOnNoMoreThanItHas(t *testing.T) {
	w := newWorld(t)
	w.agents()
	_, first, err := w.lends(authn.Lending{Agent: helper, Person: ana, Scopes: []string{"request"}})
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := w.lends(authn.Lending{Agent: scout, Passed: first, Scopes: []string{"request"}, For: 48 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	tok, who, err := w.Token(t.Context(), text)
	if err != nil || who.ID != scout || tok.Until.Sub(tok.Made) > time.Hour {
		t.Fatalf("a token of %s until %s: %v", who.ID, tok.Until, err)
	}
	if got, want := tok.Behalf.String(), `{"sub":"idn_ana","act":{"sub":"idn_scout","act":{"sub":"idn_helper"}}}`; got != want {
		t.Errorf("it acts by %s, want %s", got, want)
	}
	if got := tok.Behalf.Agents(); !slices.Equal(got, []onus.IdentityID{helper, scout}) {
		t.Errorf("the chain is %v", got)
	}
	noted := ""
	for _, e := range w.events() {
		if e.Type == ledger.TokenMade && e.Owner == string(scout) {
			noted = e.Notes["behalf"]
		}
	}
	if noted != tok.Behalf.String() {
		t.Errorf("the ledger says %q", noted)
	}
	for name, l := range map[string]authn.Lending{
		"more than it has":       {Agent: machine, Passed: first, Scopes: []string{"propose"}},
		"a power that decides":   {Agent: helper, Person: ana, Scopes: []string{"approve"}},
		"a person's whole power": {Agent: helper, Person: ana, Scopes: []string{"act"}},
		"to no agent":            {Agent: machine, Person: ana, Scopes: []string{"request"}},
		"to a person":            {Agent: bo, Person: ana, Scopes: []string{"request"}},
		"by a machine":           {Agent: helper, Person: machine, Scopes: []string{"request"}},
		"to itself":              {Agent: helper, Passed: first, Scopes: []string{"request"}},
		"of no token":            {Agent: scout, Passed: "tok_none", Scopes: []string{"request"}},
		"to nobody":              {Agent: "idn_none", Person: ana, Scopes: []string{"request"}},
		"for ever":               {Agent: helper, Person: ana, Scopes: []string{"request"}, For: 10000 * time.Hour},
	} {
		if _, _, err := w.lends(l); err == nil {
			t.Errorf("%s: it is lent", name)
		}
	}
}

func TestWhatIsLentEndsWithWhoeverLentIt(t *testing.T) {
	for name, ends := range map[string]func(w *world, first string){
		"the person left":              func(w *world, _ string) { w.leaves(ana, anaMail) },
		"the person signed out":        func(w *world, _ string) { w.must(w.EndAll(w.Context(), ana, "person:idn_ana", "lost")) },
		"the person revoked the first": func(w *world, first string) { w.must(w.RevokeToken(w.Context(), ana, first, "person:idn_ana")) },
		"the first agent is retired": func(w *world, _ string) {
			w.is(onus.Identity{ID: helper, Kind: onus.NonHuman, State: onus.Left, Login: "helper", Sponsor: anaMail, Attributes: onus.Attributes{"kind": "ai_agent"}})
		},
		"nobody sponsors the second": func(w *world, _ string) { w.leaves(bo, boMail) },
		"it is no agent any more": func(w *world, _ string) {
			w.is(onus.Identity{ID: helper, Kind: onus.NonHuman, State: onus.Active, Login: "helper", Sponsor: anaMail, Attributes: onus.Attributes{"kind": "bot"}})
		},
		"its time is up": func(w *world, _ string) { w.now = w.now.Add(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.agents()
			_, first, err := w.lends(authn.Lending{Agent: helper, Person: ana, Scopes: []string{"request"}})
			w.must(err)
			text, _, err := w.lends(authn.Lending{Agent: scout, Passed: first, Scopes: []string{"request"}})
			w.must(err)
			if _, _, err := w.Token(t.Context(), text); err != nil {
				t.Fatal(err)
			}
			ends(w, first)
			if _, _, err := w.Token(t.Context(), text); onus.KindOf(err) != onus.Denied {
				t.Errorf("it is good still: %v", err)
			}
		})
	}
}

// RFC 8693, section 4.1: the subject of a word is in whose place, the act in
// it who acts, and what that nests who acted before.
func TestAWordWithAnActClaimIsAnAgentsInAPersonsPlace_RFC_8693(t *testing.T) {
	w, i := newWorld(t), newIssuer(t)
	w.agents()
	workloads := make([]authn.Workload, 0, 2)
	for _, login := range []string{"helper", "scout"} {
		workloads = append(workloads, authn.Workload{
			Provider: &authn.Provider{Issuer: i.url}, Audience: "https://onus.example", Subject: "agent:" + login, Login: login, Scopes: []string{"request"},
		})
	}
	n := 0
	says := func(change func(map[string]any)) string {
		n++
		c := map[string]any{
			"iss": i.url, "aud": "https://onus.example", "sub": "user:17", "email": anaMail, "email_verified": true, "jti": n,
			"iat": w.now.Unix(), "exp": w.now.Add(5 * time.Minute).Unix(),
			"act": map[string]any{"sub": "agent:scout", "act": map[string]any{"sub": "agent:helper"}},
		}
		change(c)
		return i.says(c)
	}
	text, tok, err := w.Exchange(t.Context(), workloads, says(func(map[string]any) {}))
	if err != nil {
		t.Fatal(err)
	}
	w.secrets = append(w.secrets, text)
	if got, want := tok.Behalf.String(), `{"sub":"idn_ana","act":{"sub":"idn_scout","act":{"sub":"idn_helper"}}}`; got != want || tok.Owner != scout {
		t.Errorf("%s acts by %s, want %s", tok.Owner, got, want)
	}
	for name, change := range map[string]func(map[string]any){
		"whose mail nobody verified":    func(c map[string]any) { c["email_verified"] = false },
		"in the place of a stranger":    func(c map[string]any) { c["email"] = "eve@evil.example" },
		"in nobody's place":             func(c map[string]any) { delete(c, "email") },
		"of an actor whom nobody knows": func(c map[string]any) { c["act"] = map[string]any{"sub": "agent:evil"} },
		"passed on by nobody known": func(c map[string]any) {
			c["act"] = map[string]any{"sub": "agent:scout", "act": map[string]any{"sub": "agent:evil"}}
		},
		"of a workload that another acts for": func(c map[string]any) { c["sub"], c["act"] = "agent:scout", map[string]any{"sub": "agent:evil"} },
	} {
		if _, _, err := w.Exchange(t.Context(), workloads, says(change)); onus.KindOf(err) != onus.Denied {
			t.Errorf("a word %s gives a token: %v", name, err)
		}
	}
}
