package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// A Policy says whose signatures a checkpoint must have: that of its log, and
// those of a quorum of witnesses. It is read from the text of a C2SP
// tlog-policy.
type Policy struct {
	Logs      []PolicyKey
	Witnesses []PolicyKey

	// Grace is how long effects may go on without the quorum. It stands in a
	// comment, so that other readers of the format pass over it:
	//
	//	# onus: grace 10m
	Grace time.Duration

	quorum component // nil: no witnesses are needed
}

// A PolicyKey is a log or a witness that a policy names.
type PolicyKey struct {
	Name     string // of a witness, within the policy; of a log, its origin
	Verifier note.Verifier
	URL      string // where it answers; may be empty
}

// A component is a witness or a group: whether it is satisfied by signers.
type component func(signed func(note.Verifier) bool) bool

// MaxGrace bounds how long effects may go on without witnesses.
const MaxGrace = 24 * time.Hour

// LogPolicy is the policy that asks for the signature of one log.
func LogPolicy(vkey string) (*Policy, error) {
	v, err := NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	return &Policy{Logs: []PolicyKey{{v.Name(), v, ""}}}, nil
}

// Witnessed says whether a checkpoint needs cosignatures.
func (p *Policy) Witnessed() bool { return p.quorum != nil }

// ParsePolicy reads a policy.
func ParsePolicy(text string) (*Policy, error) {
	r := policyReader{policy: &Policy{}, components: map[string]component{}}
	for i, line := range strings.Split(text, "\n") {
		if err := r.line(strings.TrimRight(line, "\r")); err != nil {
			return nil, fmt.Errorf("line %d of the policy: %w", i+1, err)
		}
	}
	switch {
	case len(r.policy.Logs) == 0:
		return nil, errors.New("the policy names no log: it needs a line 'log VERIFIER-KEY'")
	case !r.decided:
		return nil, errors.New("the policy has no line 'quorum NAME'; without witnesses it is 'quorum none'")
	}
	return r.policy, nil
}

type policyReader struct {
	policy     *Policy
	components map[string]component
	decided    bool // there was a quorum line
}

func (r *policyReader) line(line string) error {
	said, comment, _ := strings.Cut(line, "#")
	words := strings.Fields(said)
	if len(words) == 0 {
		return r.comment(strings.Fields(comment))
	}
	args := words[1:]
	switch words[0] {
	case "log":
		return r.log(args)
	case "witness":
		return r.witness(args)
	case "group":
		return r.group(args)
	case "quorum":
		return r.quorum(args)
	default:
		return fmt.Errorf("%q is none of log, witness, group, quorum", words[0])
	}
}

func (r *policyReader) comment(words []string) error {
	if len(words) != 3 || words[0] != "onus:" || words[1] != "grace" {
		return nil
	}
	d, err := time.ParseDuration(words[2])
	if err != nil || d < 0 || d > MaxGrace {
		return fmt.Errorf("a grace is a duration of at most %s, and not %q", MaxGrace, words[2])
	}
	r.policy.Grace = d
	return nil
}

func (r *policyReader) log(args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return errors.New("it should be 'log VERIFIER-KEY [URL]'")
	}
	v, err := NewVerifier(args[0])
	if err != nil {
		return err
	}
	if IsWitness(v) {
		return fmt.Errorf("the key of %s is a witness's, not a log's", v.Name())
	}
	r.policy.Logs = append(r.policy.Logs, PolicyKey{v.Name(), v, strings.Join(args[1:], "")})
	return nil
}

func (r *policyReader) witness(args []string) error {
	if len(args) < 2 || len(args) > 3 {
		return errors.New("it should be 'witness NAME VERIFIER-KEY [URL]'")
	}
	v, err := NewVerifier(args[1])
	if err != nil {
		return err
	}
	if !IsWitness(v) {
		return fmt.Errorf("the key of %s is a log's, not a witness's", v.Name())
	}
	for _, w := range r.policy.Witnesses {
		if w.Verifier.Name() == v.Name() && w.Verifier.KeyHash() == v.KeyHash() {
			return fmt.Errorf("the witness %s is named twice: its one signature would count as two", v.Name())
		}
	}
	r.policy.Witnesses = append(r.policy.Witnesses, PolicyKey{args[0], v, strings.Join(args[2:], "")})
	return r.name(args[0], func(signed func(note.Verifier) bool) bool { return signed(v) })
}

func (r *policyReader) group(args []string) error {
	if len(args) < 3 {
		return errors.New("it should be 'group NAME any|all|K MEMBER…'")
	}
	members := args[2:]
	need := 1
	switch args[1] {
	case "any":
	case "all":
		need = len(members)
	default:
		k, err := strconv.Atoi(args[1])
		if err != nil || k < 1 || k > len(members) {
			return fmt.Errorf("a group of %d cannot need %q of them", len(members), args[1])
		}
		need = k
	}
	var of []component
	for i, m := range members {
		c := r.components[m]
		if c == nil {
			return fmt.Errorf("it names %q, which no line before it defines", m)
		}
		if slices.Contains(members[:i], m) {
			return fmt.Errorf("it names %q twice", m)
		}
		of = append(of, c)
	}
	return r.name(args[0], func(signed func(note.Verifier) bool) bool {
		n := 0
		for _, c := range of {
			if c(signed) {
				n++
			}
		}
		return n >= need
	})
}

func (r *policyReader) quorum(args []string) error {
	if len(args) != 1 {
		return errors.New("it should be 'quorum NAME'")
	}
	if r.decided {
		return errors.New("there is a quorum already")
	}
	r.decided = true
	if args[0] == "none" {
		return nil
	}
	if r.policy.quorum = r.components[args[0]]; r.policy.quorum == nil {
		return fmt.Errorf("it names %q, which no line before it defines", args[0])
	}
	return nil
}

func (r *policyReader) name(name string, c component) error {
	if name == "none" || r.components[name] != nil {
		return fmt.Errorf("the name %q is taken", name)
	}
	r.components[name] = c
	return nil
}
