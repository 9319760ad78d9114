package server_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/sshkey"
	"github.com/onus-id/onus/ledger"
)

// key is the practice key of one of the company's people.
func (h *house) key(name string) *sshkey.Key {
	h.Helper()
	k, err := sshkey.Load(filepath.Join(h.dir, "practice-keys", name))
	if err != nil {
		h.Fatal(err)
	}
	return k
}

func (h *house) signed(k *sshkey.Key, st onus.Statement) *onus.Signed {
	h.Helper()
	sig, err := k.Sign([]byte(st.Text()))
	if err != nil {
		h.Fatal(err)
	}
	return &onus.Signed{Statement: st.Text(), By: onus.SignedBySSH, Key: k.Fingerprint(), Signature: sig}
}

// vote is what Viktor, the system's owner, would say about an approval.
func (h *house) vote(id string) engine.Vote {
	return engine.Vote{Approval: id, Yes: true, By: "ssh:test", Person: "viktor@starter.example", Reason: "seen"}
}

func (h *house) asked(s *server.Server, of string) server.Asked {
	h.Helper()
	list, err := s.Books().Approvals(h.Context(), false)
	if err != nil {
		h.Fatal(err)
	}
	for _, a := range list {
		if a.Subject == of {
			return a
		}
	}
	h.Fatalf("nothing waits for approval for %s", of)
	return server.Asked{}
}

func (h *house) state(s *server.Server, v engine.Vote) onus.Statement {
	h.Helper()
	st, err := s.StateVote(h.Context(), v)
	if err != nil {
		h.Fatal(err)
	}
	return st
}

// A signature counts for one decision: this person's, on this thing as it is,
// for this reason, now. Whatever is changed about it, it does not.
func TestASignatureCountsForOneDecisionOnly(t *testing.T) {
	h := newHouse(t)
	h.run()
	h.with(func(s *server.Server) {
		v := h.vote(h.asked(s, "omar.farouk").ID)
		other := h.vote(h.asked(s, "george.amadi").ID)
		no := v
		no.Yes = false
		viktor := h.key("viktor")
		with := func(change func(*onus.Statement)) *onus.Signed {
			st := h.state(s, v)
			change(&st)
			return h.signed(viktor, st)
		}
		broken := h.signed(viktor, h.state(s, v))
		broken.Signature[len(broken.Signature)-1] ^= 1
		for name, signed := range map[string]*onus.Signed{
			"of another approval":   h.signed(viktor, h.state(s, other)),
			"of a no":               h.signed(viktor, h.state(s, no)),
			"of another plan":       with(func(st *onus.Statement) { st.About = onus.DigestOf([]byte("another")) }),
			"for another log":       with(func(st *onus.Statement) { st.Log = "onus.log/other" }),
			"with another reason":   with(func(st *onus.Statement) { st.Said = onus.SaidDigest(st.Nonce, "not seen", nil) }),
			"of somebody else":      with(func(st *onus.Statement) { st.Person = "idn_else" }),
			"of yesterday":          with(func(st *onus.Statement) { st.At = st.At.Add(-24 * time.Hour) }),
			"of tomorrow":           with(func(st *onus.Statement) { st.At = st.At.Add(24 * time.Hour) }),
			"without a nonce":       with(func(st *onus.Statement) { st.Nonce = ""; st.Said = onus.SaidDigest("", v.Reason, nil) }),
			"with somebody's key":   h.signed(h.key("george"), h.state(s, v)),
			"with a broken end":     broken,
			"that names a key more": {Statement: broken.Statement, By: onus.SignedBySSH, Key: h.key("george").Fingerprint(), Signature: broken.Signature},
			"by a way unknown":      {Statement: broken.Statement, By: "", Key: broken.Key, Signature: broken.Signature},
			"of no statement":       {Statement: "yes", By: onus.SignedBySSH, Key: broken.Key, Signature: broken.Signature},
		} {
			v := v
			v.Signed = signed
			if _, err := s.Answer(t.Context(), v); onus.KindOf(err) != onus.Denied || !strings.Contains(err.Error(), "signature does not count") {
				t.Errorf("a signature %s: %v", name, err)
			}
		}
		if n := len(h.asked(s, "omar.farouk").Answers); n != 0 {
			t.Fatalf("%d of them counted", n)
		}
		v.Signed = h.signed(viktor, h.state(s, v))
		if _, err := s.Answer(t.Context(), v); err != nil {
			t.Error(err)
		}
	})
}

// Who has a key signs each yes to what is critical, unless the definitions
// say otherwise; a no counts as it is.
func TestAnUnsignedYesToWhatIsCriticalDoesNotCount(t *testing.T) {
	h := newHouse(t)
	h.edit("organisation.yaml", "unsigned: allowed\n", "")
	h.run()
	h.with(func(s *server.Server) {
		v := h.vote(h.asked(s, "omar.farouk").ID)
		if _, err := s.Answer(t.Context(), v); onus.KindOf(err) != onus.Denied || !strings.Contains(err.Error(), "not signed does not count") {
			t.Errorf("an unsigned yes of somebody who has a key: %v", err)
		}
		v.Yes = false
		if _, err := s.Answer(t.Context(), v); err != nil {
			t.Errorf("an unsigned no: %v", err)
		}
	})
}

// The past is checked by the key that counted then: one that is removed later
// does not invalidate it, one that is enrolled later does not validate it.
func TestDecisionsAreCheckedByTheKeyOfTheirTime(t *testing.T) {
	h := newHouse(t)
	policy := h.publish()
	h.run()
	viktor := h.key("viktor")
	var id string
	h.with(func(s *server.Server) {
		id = h.asked(s, "omar.farouk").ID
		v := h.vote(id)
		v.Signed = h.signed(viktor, h.state(s, v))
		if _, err := s.Answer(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	})
	h.now = h.now.Add(time.Minute)
	good := h.decision(id)
	if !good.Good {
		t.Fatal(good.Says)
	}
	var proof server.DecisionProof
	h.with(func(s *server.Server) {
		proofs, err := s.Books().ProveDecisions(t.Context(), id)
		if err != nil || len(proofs) != 1 {
			t.Fatalf("%d proofs: %v", len(proofs), err)
		}
		proof = proofs[0]
	})

	// Viktor changes his key.
	_, public, err := sshkey.Generate("")
	if err != nil {
		t.Fatal(err)
	}
	h.edit("allowed_signers", viktor.Public(), public)
	h.run()
	if d := h.decision(id); !d.Good {
		t.Errorf("after the key was removed: %s", d.Says)
	}
	h.with(func(s *server.Server) {
		v := h.vote(h.asked(s, "george.amadi").ID)
		v.Signed = h.signed(viktor, h.state(s, v))
		if _, err := s.Answer(t.Context(), v); onus.KindOf(err) != onus.Denied {
			t.Errorf("the removed key still signs: %v", err)
		}
	})

	// Offline, by the proof alone.
	if d, err := proof.Verify(policy); err != nil || !d.Good {
		t.Errorf("offline: %v %s", err, d.Says)
	}
	for name, change := range map[string]func(*server.DecisionProof){
		"another statement": func(p *server.DecisionProof) { p.Statement = strings.Replace(p.Statement, "approve", "deny", 1) },
		"another key":       func(p *server.DecisionProof) { p.Key = public },
		"no enrolment":      func(p *server.DecisionProof) { p.Enrolment = p.Decision },
		"later enrolment":   func(p *server.DecisionProof) { p.Enrolment, p.Decision = p.Decision, p.Enrolment },
	} {
		p := proof
		change(&p)
		if d, err := p.Verify(policy); err == nil && d.Good {
			t.Errorf("a proof with %s is good", name)
		}
	}
	later := good
	later.Enrolment.Time = later.Event.Time.Add(time.Second)
	if later.Judge(server.Origin); later.Good {
		t.Error("a key that was enrolled later validates what was signed before")
	}
	data, err := json.Marshal(proof)
	if err != nil || strings.Contains(string(data), "starter.example") {
		t.Errorf("the proof names people: %s %v", data, err)
	}
}

func (h *house) decision(id string) (d server.SignedDecision) {
	h.Helper()
	h.with(func(s *server.Server) {
		found, err := s.Books().VerifyDecision(h.Context(), id)
		if err != nil || len(found) != 1 {
			h.Fatalf("%d decisions: %v", len(found), err)
		}
		d = found[0]
	})
	return d
}

// publish lets the ledger be published, and gives its policy.
func (h *house) publish() *ledger.Policy {
	h.Helper()
	vkey, err := server.InitLedger(h.Context(), h.data, server.LedgerSettings{Origin: server.Origin, Publish: filepath.Join(h.data, "published")})
	if err != nil {
		h.Fatal(err)
	}
	file := filepath.Join(h.TempDir(), "policy")
	if err := os.WriteFile(file, []byte("log "+vkey+"\nquorum none\n"), 0o600); err != nil {
		h.Fatal(err)
	}
	p, err := server.ReadPolicy(file)
	if err != nil {
		h.Fatal(err)
	}
	return p
}
