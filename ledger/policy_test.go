package ledger_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus/ledger"
)

// A policy that cannot be meant is refused, and the sentence names the line.
func TestAPolicyThatCannotBeMeantIsRefused(t *testing.T) {
	_, vkey, err := ledger.NewKey("onus.example/log")
	if err != nil {
		t.Fatal(err)
	}
	_, lines := witnesses(t, 2)
	both := strings.Split(lines, "\n")
	a := strings.Fields(both[0])[2]
	log := "log " + vkey + "\n"
	for name, c := range map[string][2]string{
		"empty":                    {"", "the policy names no log"},
		"no quorum":                {log, "the policy has no line 'quorum NAME'"},
		"two quorums":              {log + "quorum none\nquorum none", "line 3 of the policy: there is a quorum already"},
		"another word":             {log + "quorums none", `line 2 of the policy: "quorums" is none of log, witness, group, quorum`},
		"a key that is none":       {"log banana", `line 1 of the policy: "banana" is not a verifier key`},
		"a key with a typing slip": {"log " + vkey[:len(vkey)-3] + "AA=", "damaged: its hash does not fit"},
		"a witness as a log":       {"log " + a, "is a witness's, not a log's"},
		"a log as a witness":       {log + "witness a " + vkey, "is a log's, not a witness's"},
		"a witness twice":          {log + both[0] + "\nwitness z " + a, "its one signature would count as two"},
		"a name twice":             {log + both[0] + "\ngroup a any a x", `"x", which no line before it defines`},
		"a name taken":             {log + both[0] + "\n" + both[1] + "\ngroup a any a b", `the name "a" is taken`},
		"a member twice":           {log + both[0] + "\ngroup g 2 a a", `it names "a" twice`},
		"three of two":             {log + lines + "group g 3 a b", `a group of 2 cannot need "3" of them`},
		"none of two":              {log + lines + "group g 0 a b", `a group of 2 cannot need "0" of them`},
		"a quorum of nobody":       {log + "quorum x", `it names "x", which no line before it defines`},
		"an endless grace":         {log + "quorum none\n# onus: grace 25h", "line 3 of the policy: a grace is a duration of at most 24h0m0s"},
		"a grace that is none":     {log + "quorum none\n# onus: grace soon", "a grace is a duration"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ledger.ParsePolicy(c[0]); err == nil || !strings.Contains(err.Error(), c[1]) {
				t.Errorf("got %v, want %q", err, c[1])
			}
		})
	}
	p, err := ledger.ParsePolicy(log + lines + "# onus: grace 90s\nquorum b")
	if err != nil || p.Grace != 90*time.Second || len(p.Witnesses) != 2 || !p.Witnessed() {
		t.Errorf("got %+v, %v", p, err)
	}
}

// Groups nest: one of ours and two of three others.
func TestGroupsOfGroups(t *testing.T) {
	log, v := newKey(t, "onus.example/log")
	_, vkey, err := ledger.NewKey("onus.example/log")
	if err != nil {
		t.Fatal(err)
	}
	w, lines := witnesses(t, 5)
	p, err := ledger.ParsePolicy("log " + vkey + "\n" + lines + "group ours any a b\ngroup others 2 c d e\ngroup all all ours others\nquorum all")
	if err != nil {
		t.Fatal(err)
	}
	p.Logs[0].Verifier = v
	c := ledger.Checkpoint{Origin: "onus.example/log", Size: 7}
	for mask := range 32 {
		signers := []note.Signer{log}
		for i := range 5 {
			if mask>>i&1 == 1 {
				signers = append(signers, w[i])
			}
		}
		signed, err := c.Sign(signers...)
		if err != nil {
			t.Fatal(err)
		}
		others := mask>>2&1 + mask>>3&1 + mask>>4&1
		_, err = p.Open(signed)
		if want := mask&3 != 0 && others >= 2; want != (err == nil) || err != nil && !errors.Is(err, ledger.ErrNoQuorum) {
			t.Errorf("witnesses %05b: %v", mask, err)
		}
	}
}

// A wrong key, another log, a changed text: each says what it is.
func TestACheckpointOfSomethingElseIsRefused(t *testing.T) {
	f, _, p := published(t, 9)
	signed := string(f["checkpoint"])
	_, wrong := newKey(t, "onus.example/log")
	_, other := newKey(t, "onus.example/other")
	for name, c := range map[string]struct {
		key  ledger.PolicyKey
		text string
		want string
	}{
		"a wrong key":      {ledger.PolicyKey{Name: wrong.Name(), Verifier: wrong}, signed, `the checkpoint of the log "onus.example/log" is signed by no key of the policy`},
		"another log":      {ledger.PolicyKey{Name: other.Name(), Verifier: other}, signed, `is signed by no key of the policy`},
		"a key of another": {ledger.PolicyKey{Name: "onus.example/other", Verifier: p.Logs[0].Verifier}, signed, `the checkpoint is of the log "onus.example/log", and the policy is for "onus.example/other"`},
		"a changed size":   {p.Logs[0], strings.Replace(signed, "\n9\n", "\n8\n", 1), "is false: the checkpoint was changed"},
		"no checkpoint":    {p.Logs[0], "hello", "this is not a checkpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			policy := &ledger.Policy{Logs: []ledger.PolicyKey{c.key}}
			if _, err := policy.Open(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
