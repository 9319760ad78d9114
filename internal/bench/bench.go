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
	held  map[onus.AccountRef]map[string]bool // guarded by mu
	names map[string]onus.AccountRef          // guarded by mu
}

// NewTarget makes an empty system.
func NewTarget() *Target {
	return &Target{held: map[onus.AccountRef]map[string]bool{}, names: map[string]onus.AccountRef{}}
}

// Describe says that everything is seen at once, by a fresh read.
func (*Target) Describe() connector.Description {
	return connector.Description{Kind: "memory", Entitlements: []string{"group"}, GrantTier: onus.TierStored, RevokeTier: onus.TierStored}
}

// Probe finds nothing wrong.
func (*Target) Probe(context.Context) error { return nil }

// Scan yields every account.
func (t *Target) Scan(_ context.Context, yield func(connector.Account) error) (bool, error) {
	t.mu.Lock()
	accounts := make([]connector.Account, 0, len(t.names))
	for name := range t.names {
		accounts = append(accounts, t.account(name))
	}
	t.mu.Unlock()
	for _, a := range accounts {
		if err := yield(a); err != nil {
			return false, err
		}
	}
	return true, nil
}

// account gives one that exists; mu is held.
func (t *Target) account(name string) connector.Account {
	ref := t.names[name]
	a := connector.Account{Ref: ref, Name: name, Enabled: true}
	for e := range t.held[ref] {
		a.Holds = append(a.Holds, onus.Held{Entitlement: e, Path: onus.Direct})
	}
	return a
}

// Read gives an account by its ref, which is its name with a prefix.
func (t *Target) Read(ctx context.Context, ref onus.AccountRef) (connector.Account, error) {
	return t.Find(ctx, strings.TrimPrefix(string(ref), "ref-"))
}

// Find gives an account by its name.
func (t *Target) Find(_ context.Context, name string) (connector.Account, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, there := t.names[name]; !there {
		return connector.Account{}, &connector.Error{Kind: connector.NotFound, Message: "no account " + name}
	}
	return t.account(name), nil
}

// Apply makes an account or a grant present.
func (t *Target) Apply(_ context.Context, want connector.Desired) (connector.Result, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ref := onus.AccountRef("ref-" + want.Target.Name)
	switch {
	case want.Verb != onus.EnsurePresent:
		return connector.Result{}, &connector.Error{Kind: connector.Unsupported, Message: "the workload only gives"}
	case want.Target.IsGrant():
		t.held[ref][want.Target.Entitlement] = true
	default:
		t.names[want.Target.Name], t.held[ref] = ref, map[string]bool{}
	}
	return connector.Result{Outcome: connector.Wrote, Ref: ref}, nil
}

// Verify looks.
func (t *Target) Verify(_ context.Context, want connector.Desired) (connector.Verdict, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ref, there := t.names[want.Target.Name]
	holds := there && (!want.Target.IsGrant() || t.held[ref][want.Target.Entitlement])
	return connector.Verdict{Holds: holds, Tier: onus.TierStored, Evidence: "there"}, nil
}

// Company is a folder of definitions whose one workflow gives an account and
// so many groups, and so many further workflows of the same shape.
func Company(groups, workflows int) map[string]string {
	const who = "{workflow: o1@x.example}\ncontrols: {provisioning: o2@x.example, revocation: o3@x.example, exceptions: o4@x.example}\n"
	const route = "{to: o4@x.example, within: 1h, then: [o1@x.example, o2@x.example]}"
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
%s`, i, who, i, route, steps.String())
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
