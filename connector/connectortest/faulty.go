package connectortest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// Faulty is an in-memory system with its connector, for those who must
// survive a bad one. It keeps the contract until a fault is scripted with
// Fail. What it did is asked of its oracle (Access, Effects), never of the
// connector. It is safe for concurrent use.
type Faulty struct {
	name string

	mu           sync.Mutex // guards what follows
	now          func() time.Time
	is           connector.Description
	accounts     map[onus.AccountRef]*held
	entitlements map[string]onus.EntitlementRef
	stale        map[onus.AccountRef]*stale
	rules        []*rule
	calls        map[Op]int
	effects      []Effect
	made         int // refs given so far, never given again
}

// held is one account as it truly is.
type held struct {
	ref        onus.AccountRef
	name       string
	enabled    bool
	attributes onus.Attributes
	direct     map[onus.EntitlementRef]bool
	via        map[onus.EntitlementRef][]string
	sessions   int
	version    int
}

// stale is what reads still show of an account after a slow write.
type stale struct {
	was   *held // nil: it did not exist
	reads int
	until time.Time
}

// An Effect is one thing that truly happened.
type Effect struct {
	At          time.Time
	By          string // "connector", or "oracle" for what a test did itself
	Verb        onus.Verb
	Ref         onus.AccountRef
	Name        string
	Entitlement string
	Sessions    int // sessions that were ended
}

// NewFaulty makes an empty system with these entitlements ("group:alpha").
// It claims every verb, the highest tiers and sessions: see Describes.
func NewFaulty(name string, entitlements ...string) *Faulty {
	f := &Faulty{
		name: name,
		now:  time.Now, //nolint:forbidigo // a stand-in for a real system; tests give their own clock with Clock
		is: connector.Description{
			Kind:     "faulty",
			Account:  []onus.Verb{onus.EnsurePresent, onus.EnsureAbsent, onus.EnsureDisabled, onus.EnsureEnabled, onus.EnsureAttributes},
			Grant:    []onus.Verb{onus.EnsurePresent, onus.EnsureAbsent},
			Reverses: []onus.Verb{onus.EnsurePresent, onus.EnsureAbsent, onus.EnsureDisabled, onus.EnsureEnabled, onus.EnsureAttributes},

			GrantTier: onus.TierStored, RevokeTier: onus.TierEffective, Sessions: true,
		},
		accounts:     map[onus.AccountRef]*held{},
		entitlements: map[string]onus.EntitlementRef{},
		stale:        map[onus.AccountRef]*stale{},
		calls:        map[Op]int{},
	}
	for _, e := range entitlements {
		f.AddEntitlement(e)
	}
	return f
}

// Clock makes the system take its time from now.
func (f *Faulty) Clock(now func() time.Time) *Faulty {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = now
	return f
}

// Describes changes what the connector claims about itself. Verbs that are
// taken out become unsupported.
func (f *Faulty) Describes(change func(d *connector.Description)) *Faulty {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.is)
	return f
}

// Access is what every account truly has, by name.
func (f *Faulty) Access() map[string]Seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	access := map[string]Seen{}
	for _, a := range f.accounts {
		seen := Seen{Ref: a.ref, Enabled: a.enabled, Holds: []string{}}
		for name, ref := range f.entitlements {
			if a.direct[ref] {
				seen.Holds = append(seen.Holds, name)
			}
		}
		slices.Sort(seen.Holds)
		access[a.name] = seen
	}
	return access
}

// AttributesOf is what an account's attributes truly are; nil when it is not there.
func (f *Faulty) AttributesOf(name string) onus.Attributes {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.named(name); a != nil {
		return maps.Clone(a.attributes)
	}
	return nil
}

// SessionsOf is how many live sessions an account truly has.
func (f *Faulty) SessionsOf(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.named(name); a != nil {
		return a.sessions
	}
	return 0
}

// Effects is everything that truly happened, in order.
func (f *Faulty) Effects() []Effect {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.effects)
}

// Writes counts the effects that came through the connector.
func (f *Faulty) Writes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, e := range f.effects {
		if e.By == byConnector {
			n++
		}
	}
	return n
}

// Calls counts the calls of one operation, failed ones included.
func (f *Faulty) Calls(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[op]
}

const (
	byConnector = "connector"
	byOracle    = "oracle"
)

// named finds the account of that name, or nil. The caller holds mu.
func (f *Faulty) named(name string) *held {
	for _, a := range f.accounts {
		if a.name == name {
			return a
		}
	}
	return nil
}

// did writes an effect down. The caller holds mu.
func (f *Faulty) did(by string, verb onus.Verb, a *held, entitlement string) {
	a.version++
	f.effects = append(f.effects, Effect{At: f.now(), By: by, Verb: verb, Ref: a.ref, Name: a.name, Entitlement: entitlement})
}

// add makes an account. The caller holds mu.
func (f *Faulty) add(by, name string, attributes onus.Attributes) *held {
	f.made++
	a := &held{
		ref: onus.AccountRef(fmt.Sprintf("acc-%04d", f.made)), name: name, enabled: true,
		attributes: onus.Attributes{}, direct: map[onus.EntitlementRef]bool{}, via: map[onus.EntitlementRef][]string{},
	}
	a.set(attributes)
	f.accounts[a.ref] = a
	f.did(by, onus.EnsurePresent, a, "")
	return a
}

// set gives attributes their values; an empty one is cleared.
func (a *held) set(attributes onus.Attributes) {
	for k, v := range attributes {
		if v == "" {
			delete(a.attributes, k)
		} else {
			a.attributes[k] = v
		}
	}
}

// has says whether the attributes are as wanted.
func (a *held) has(attributes onus.Attributes) bool {
	for k, v := range attributes {
		if a.attributes[k] != v {
			return false
		}
	}
	return true
}

func (a *held) clone() *held {
	if a == nil {
		return nil
	}
	c := *a
	c.attributes, c.direct, c.via = maps.Clone(a.attributes), maps.Clone(a.direct), maps.Clone(a.via)
	return &c
}

// AddEntitlement adds what can be granted, and gives its ref.
func (f *Faulty) AddEntitlement(entitlement string) onus.EntitlementRef {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made++
	ref := onus.EntitlementRef(fmt.Sprintf("ent-%04d", f.made))
	f.entitlements[entitlement] = ref
	kind, _, _ := strings.Cut(entitlement, ":")
	if !slices.Contains(f.is.Entitlements, kind) {
		f.is.Entitlements = append(f.is.Entitlements, kind)
	}
	return ref
}

// RenameEntitlement renames what can be granted; its ref stays.
func (f *Faulty) RenameEntitlement(old, entitlement string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.entitlements[entitlement] = f.entitlements[old]
	delete(f.entitlements, old)
}

// Create makes an account behind the connector's back.
func (f *Faulty) Create(name string, attributes onus.Attributes) onus.AccountRef {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.add(byOracle, name, attributes).ref
}

// Delete removes an account behind the connector's back.
func (f *Faulty) Delete(name string) {
	f.change(name, onus.EnsureAbsent, "", func(a *held, _ onus.EntitlementRef) { delete(f.accounts, a.ref) })
}

// Rename renames an account behind the connector's back; its ref stays.
func (f *Faulty) Rename(old, name string) {
	f.change(old, onus.EnsureAttributes, "", func(a *held, _ onus.EntitlementRef) { a.name = name })
}

// SetEnabled enables or disables an account behind the connector's back.
func (f *Faulty) SetEnabled(name string, enabled bool) {
	verb := onus.EnsureDisabled
	if enabled {
		verb = onus.EnsureEnabled
	}
	f.change(name, verb, "", func(a *held, _ onus.EntitlementRef) { a.enabled = enabled })
}

// SetAttributes sets attributes behind the connector's back.
func (f *Faulty) SetAttributes(name string, attributes onus.Attributes) {
	f.change(name, onus.EnsureAttributes, "", func(a *held, _ onus.EntitlementRef) { a.set(attributes) })
}

// Grant grants directly, behind the connector's back.
func (f *Faulty) Grant(name, entitlement string) {
	f.change(name, onus.EnsurePresent, entitlement, func(a *held, e onus.EntitlementRef) { a.direct[e] = true })
}

// GrantVia makes an account hold an entitlement through something else, which
// the connector cannot take away.
func (f *Faulty) GrantVia(name, entitlement, via string) {
	f.change(name, onus.EnsurePresent, entitlement, func(a *held, e onus.EntitlementRef) {
		a.via[e] = append(slices.Clone(a.via[e]), via)
	})
}

// Revoke takes away every path, behind the connector's back.
func (f *Faulty) Revoke(name, entitlement string) {
	f.change(name, onus.EnsureAbsent, entitlement, func(a *held, e onus.EntitlementRef) {
		delete(a.direct, e)
		delete(a.via, e)
	})
}

// OpenSession opens a live session, which a disabled account keeps.
func (f *Faulty) OpenSession(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.named(name); a != nil {
		a.sessions++
	}
}

// change does something to an account that must be there.
func (f *Faulty) change(name string, verb onus.Verb, entitlement string, do func(a *held, e onus.EntitlementRef)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.named(name)
	e, known := f.entitlements[entitlement]
	if a == nil || entitlement != "" && !known {
		panic(fmt.Sprintf("connectortest: the test changes %q and %q, which are not both there", name, entitlement))
	}
	do(a, e)
	f.did(byOracle, verb, a, entitlement)
}
