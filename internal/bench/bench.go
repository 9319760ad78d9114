// Package bench measures what docs/performance.md tells: each figure beside
// the floor it is a ratio to, in turns within one run, so that the machine's
// mood cancels out. The workloads are here; the measuring is in its tests.
package bench

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// Target is a system in memory that does what it is told and forgets
// nothing: what is left of a run's time is Onus's own.
type Target struct {
	mu    sync.Mutex
	named map[string]*account // guarded by mu
	dead  bool                // guarded by mu
}

type account struct {
	enabled bool
	held    map[string]bool
}

// NewTarget makes an empty system.
func NewTarget() *Target { return &Target{named: map[string]*account{}} }

// Dies lets the system answer nobody from now on.
func (t *Target) Dies() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dead = true
}

// Describe says that everything is seen at once, by a fresh read.
func (*Target) Describe() connector.Description {
	verbs := []onus.Verb{onus.EnsurePresent, onus.EnsureAbsent, onus.EnsureDisabled, onus.EnsureEnabled}
	return connector.Description{
		Kind: "memory", Entitlements: []string{"group"}, Account: verbs, Grant: verbs[:2], Reverses: verbs,
		GrantTier: onus.TierStored, RevokeTier: onus.TierStored,
	}
}

// Probe finds nothing wrong with a system that lives.
func (t *Target) Probe(context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.answers()
}

// answers fails where the system is dead; mu is held.
func (t *Target) answers() error {
	if t.dead {
		return &connector.Error{Kind: connector.Transient, Message: "nobody answers"}
	}
	return nil
}

// Scan yields every account.
func (t *Target) Scan(_ context.Context, yield func(connector.Account) error) (bool, error) {
	t.mu.Lock()
	accounts := make([]connector.Account, 0, len(t.named))
	err := t.answers()
	for name := range t.named {
		accounts = append(accounts, t.account(name))
	}
	t.mu.Unlock()
	if err != nil {
		return false, err
	}
	for _, a := range accounts {
		if err := yield(a); err != nil {
			return false, err
		}
	}
	return true, nil
}

// account gives one that exists; mu is held.
func (t *Target) account(name string) connector.Account {
	a := t.named[name]
	shown := connector.Account{Ref: refOf(name), Name: name, Enabled: a.enabled}
	for e := range a.held {
		shown.Holds = append(shown.Holds, onus.Held{Entitlement: e, Path: onus.Direct})
	}
	return shown
}

func refOf(name string) onus.AccountRef { return onus.AccountRef("ref-" + name) }

// Read gives an account by its ref, which is its name with a prefix.
func (t *Target) Read(ctx context.Context, ref onus.AccountRef) (connector.Account, error) {
	return t.Find(ctx, strings.TrimPrefix(string(ref), "ref-"))
}

// Find gives an account by its name.
func (t *Target) Find(_ context.Context, name string) (connector.Account, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.answers(); err != nil {
		return connector.Account{}, err
	}
	if t.named[name] == nil {
		return connector.Account{}, &connector.Error{Kind: connector.NotFound, Message: "no account " + name}
	}
	return t.account(name), nil
}

// Apply makes an account or a grant be as it is wanted.
func (t *Target) Apply(_ context.Context, want connector.Desired) (connector.Result, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.answers(); err != nil {
		return connector.Result{}, err
	}
	name, present := want.Target.Name, want.Verb == onus.EnsurePresent
	a := t.named[name]
	if a == nil {
		if !present || want.Target.IsGrant() {
			return connector.Result{}, &connector.Error{Kind: connector.NotFound, Message: "no account " + name}
		}
		a = &account{enabled: true, held: map[string]bool{}}
		t.named[name] = a
	}
	switch {
	case want.Target.IsGrant() && present:
		a.held[want.Target.Entitlement] = true
	case want.Target.IsGrant():
		delete(a.held, want.Target.Entitlement)
	case want.Verb == onus.EnsureAbsent:
		delete(t.named, name)
	default:
		a.enabled = want.Verb != onus.EnsureDisabled
	}
	return connector.Result{Outcome: connector.Wrote, Ref: refOf(name)}, nil
}

// Verify looks.
func (t *Target) Verify(_ context.Context, want connector.Desired) (connector.Verdict, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.answers(); err != nil {
		return connector.Verdict{}, err
	}
	a := t.named[want.Target.Name]
	is := a != nil && (!want.Target.IsGrant() || a.held[want.Target.Entitlement])
	holds := is == (want.Verb != onus.EnsureAbsent)
	if want.Verb == onus.EnsureDisabled || want.Verb == onus.EnsureEnabled {
		holds = a != nil && a.enabled == (want.Verb == onus.EnsureEnabled)
	}
	return connector.Verdict{Holds: holds, Tier: onus.TierStored, Evidence: "looked"}, nil
}

const (
	owners = "{workflow: o1@x.example}\ncontrols: {provisioning: o2@x.example, revocation: o3@x.example, exceptions: o4@x.example}\n"
	route  = "{to: o4@x.example, within: 1h, then: [o1@x.example, o2@x.example]}"
)

// Company is a folder of definitions whose one workflow gives an account and
// so many groups, and so many further workflows of the same shape.
func Company(groups, workflows int) map[string]string {
	files := map[string]string{
		"organisation.yaml": "kind: Organisation\nname: Bench\npeople: hr\nescalation: [o1@x.example, o2@x.example]\n",
		"hr.yaml": `kind: Source
name: hr
of: person
owner: o1@x.example
deputy: o2@x.example
route: ` + route + `
driver: csv
settings: {path: hr.csv}
key: no
attributes:
  no: {required: true}
  login: {required: true}
  mail: {required: true, personal: true}
  department: {required: true}
roles: {login: login, mail: mail}
moves: [department]
`,
		"system.yaml": `kind: System
name: dir
connector: scim
settings: {url: 'http://127.0.0.1:1/scim/v2'}
owner: o3@x.example
route: ` + route + `
match: [{name: login, account: [name], identity: [login]}]
`,
	}
	var names, steps strings.Builder
	for i := range groups {
		fmt.Fprintf(&names, "  - {name: 'group:g%d', title: Group %d, sensitivity: low}\n", i, i)
		fmt.Fprintf(&steps, "  - id: g%d\n    grant: {system: dir, entitlement: 'group:g%d'}\n    confirm: 1m\n", i, i)
	}
	files["entitlements.yaml"] = "kind: Entitlement\nsystem: dir\nentitlements:\n" + names.String()
	for i := range workflows {
		files[fmt.Sprintf("workflow%d.yaml", i)] = fmt.Sprintf(`kind: Workflow
name: w%d
owners: %soccasion: {source: hr, when: 'change.kind == "joined" && subject.department != "%d"'}
bounds: {subjects: 10000000 per 1h}
exceptions: {default: %s}
steps:
  - id: account
    account: {system: dir, attributes: {mail: subject.mail}}
    confirm: 1m
    reverse: disable
%s`, i, owners, i, route, steps.String())
	}
	return files
}

// Leaving is a folder of definitions whose joiner gives an account and a group
// on each of so many systems, and whose leaver takes all of it.
func Leaving(systems int) map[string]string {
	files := Company(0, 0)
	delete(files, "system.yaml")
	delete(files, "entitlements.yaml")
	var gives strings.Builder
	for i := range systems {
		files[fmt.Sprintf("system%d.yaml", i)] = fmt.Sprintf(`kind: System
name: s%d
connector: scim
settings: {url: 'http://127.0.0.1:1/scim/v2'}
owner: o3@x.example
route: %s
match: [{name: login, account: [name], identity: [login]}]
`, i, route)
		files[fmt.Sprintf("entitlements%d.yaml", i)] = fmt.Sprintf("kind: Entitlement\nsystem: s%d\nentitlements: [{name: 'group:all', title: All, sensitivity: low}]\n", i)
		fmt.Fprintf(&gives, "  - {id: a%d, account: {system: s%d}, confirm: 1m, reverse: disable}\n  - {id: g%d, grant: {system: s%d, entitlement: 'group:all'}, confirm: 1m}\n", i, i, i, i)
	}
	for kind, steps := range map[string]string{
		"joined": gives.String(), "left": "  - {id: out, withdraw: {accounts: disabled, grants: absent}, confirm: 1m, reverse: restore}\n",
	} {
		files[kind+".yaml"] = fmt.Sprintf(`kind: Workflow
name: %s
owners: %soccasion: {source: hr, when: 'change.kind == "%s"'}
bounds: {subjects: 10000000 per 1h}
exceptions: {default: %s}
steps:
%s`, kind, owners, kind, route, steps)
	}
	return files
}

// Roster is a CSV file of so many people, the owners first.
func Roster(people int) []byte {
	var b strings.Builder
	b.WriteString("no,login,mail,department\n")
	for i := range people {
		name := fmt.Sprintf("p%d", i)
		if i < 4 {
			name = fmt.Sprintf("o%d", i+1)
		}
		fmt.Fprintf(&b, "e%06d,%s,%s@x.example,d%d\n", i, name, name, i%7)
	}
	return []byte(b.String())
}
