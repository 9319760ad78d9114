package httpapi_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/sshkey"
)

// signs signs a statement that was asked for as somebody, with their key.
func (w *world) signs(mail, path string, body any) *onus.Signed {
	w.Helper()
	var to struct{ Statement string }
	if err := json.Unmarshal(w.want(w.ask(mail, "POST", path, body), http.StatusOK, "onus decision v1").body, &to); err != nil {
		w.Fatal(err)
	}
	return w.signed(mail, to.Statement)
}

func (w *world) signed(mail, statement string) *onus.Signed {
	w.Helper()
	key, err := sshkey.Load(filepath.Join(w.server.Dir, "practice-keys", mail[:len(mail)-len("@starter.example")]))
	if err != nil {
		w.Fatal(err)
	}
	sig, err := key.Sign([]byte(statement))
	if err != nil {
		w.Fatal(err)
	}
	return &onus.Signed{Statement: statement, By: onus.SignedBySSH, Key: key.Fingerprint(), Signature: sig}
}

// What somebody signs is what they decide: neither the other answer, nor
// another reason, thing or person's.
func TestADecisionIsSignedAsItIsMade_ASVS_11(t *testing.T) {
	w := newWorld(t)
	path := api + "/approvals/" + w.omars()
	seen := w.want(w.ask(viktor, "GET", path, nil), http.StatusOK).header.Get("ETag")
	yes := map[string]any{"yes": true, "reason": "seen with both"}
	w.want(w.ask(tomas, "POST", path+"/statements", yes), http.StatusNotFound)
	signed := w.signs(viktor, path+"/statements", yes)
	send := func(body map[string]any, s *onus.Signed) answer {
		all := map[string]any{"signed": s}
		maps.Copy(all, body)
		return w.ask(viktor, "POST", path+"/answers", all, "If-Match", seen)
	}
	w.want(send(map[string]any{"yes": false, "reason": "seen with both"}, signed), http.StatusForbidden)
	w.want(send(map[string]any{"yes": true, "reason": "another"}, signed), http.StatusForbidden)
	w.want(send(yes, w.signed(tomas, signed.Statement)), http.StatusForbidden)
	cut := *signed
	cut.Signature = cut.Signature[:len(cut.Signature)-1]
	w.want(send(yes, &cut), http.StatusForbidden)
	w.want(w.ask(viktor, "POST", path+"/answers", map[string]any{"yes": true, "reason": "seen with both", "assertion": map[string]any{"statement": signed.Statement, "answer": map[string]any{}}, "signed": signed},
		"If-Match", seen), http.StatusUnprocessableEntity, "signed twice")
	w.want(send(yes, signed), http.StatusOK, "1 of 2 said yes")
	w.want(w.ask(viktor, "GET", path+"/signatures", nil), http.StatusOK, `"good":true`)
	w.want(w.ask(tomas, "GET", path+"/signatures", nil), http.StatusNotFound)
	w.permittedBy(map[string]string{"approval.given": "judging.asked"})
}

// A statement that was signed once is good for one decision (token replay).
func TestASignatureIsGoodOnce_TokenReplay_ASVS_11(t *testing.T) {
	w := newWorld(t)
	all, err := w.server.Books().Approvals(t.Context(), false)
	if err != nil || len(all) != 2 {
		t.Fatalf("%d approvals wait: %v", len(all), err)
	}
	yes := map[string]any{"yes": true}
	signed := w.signs(viktor, api+"/approvals/"+all[0].ID+"/statements", yes)
	path := api + "/approvals/" + all[1].ID
	seen := w.want(w.ask(viktor, "GET", path, nil), http.StatusOK).header.Get("ETag")
	w.want(w.ask(viktor, "POST", path+"/answers", map[string]any{"yes": true, "signed": signed}, "If-Match", seen), http.StatusForbidden)
}
