package connectortest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

var (
	_ connector.Connector    = (*Faulty)(nil)
	_ connector.SessionEnder = (*Faulty)(nil)
)

// Describe says what the connector claims.
func (f *Faulty) Describe() connector.Description {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.is
	d.Entitlements, d.Account, d.Grant, d.Reverses = slices.Clone(d.Entitlements), slices.Clone(d.Account), slices.Clone(d.Grant), slices.Clone(d.Reverses)
	return d
}

// fail makes a typed error about something.
func (f *Faulty) fail(op Op, kind connector.Kind, what string) *connector.Error {
	return &connector.Error{Kind: kind, Op: string(op), Message: f.name + ": " + what}
}

// before gives the error of a fault that keeps a call from being carried out.
func (f *Faulty) before(ctx context.Context, op Op, fault Fault, about string) error {
	if err := ctx.Err(); err != nil {
		e := f.fail(op, connector.Transient, "the context had ended")
		e.Err = err
		return e
	}
	switch fault.way {
	case fails:
		return f.fail(op, fault.kind, fmt.Sprintf("%s of %s: scripted %s", op, about, fault.kind))
	case losesRequest:
		return f.fail(op, connector.Ambiguous, fmt.Sprintf("%s of %s: the connection dropped", op, about))
	case throttles:
		f.mu.Lock()
		defer f.mu.Unlock()
		e := f.fail(op, connector.Throttled, fmt.Sprintf("%s of %s: too many requests", op, about))
		e.Until = f.now().Add(fault.wait)
		return e
	case hangs:
		<-ctx.Done()
		e := f.fail(op, connector.Ambiguous, fmt.Sprintf("%s of %s: no answer came", op, about))
		e.Err = ctx.Err()
		return e
	case losesAnswer, lies, isSlow, isCut, endsEarly, panics, meddles:
		return nil
	default:
		return nil
	}
}

// after gives the error of a fault that loses the answer.
func (f *Faulty) after(op Op, fault Fault, about string) error {
	if fault.way == losesAnswer {
		return f.fail(op, connector.Ambiguous, fmt.Sprintf("%s of %s: the connection dropped", op, about))
	}
	return nil
}

// Probe always passes, unless scripted not to.
func (f *Faulty) Probe(ctx context.Context) error {
	fault := f.enter(OpProbe, "")
	if err := f.before(ctx, OpProbe, fault, "the system"); err != nil {
		return err
	}
	return f.after(OpProbe, fault, "the system")
}

// Scan yields what a reader would see now, by ref.
func (f *Faulty) Scan(ctx context.Context, yield func(connector.Account) error) (bool, error) {
	fault := f.enter(OpScan, "")
	if err := f.before(ctx, OpScan, fault, "all accounts"); err != nil {
		return false, err
	}
	f.mu.Lock()
	refs := map[onus.AccountRef]bool{}
	for ref := range f.accounts {
		refs[ref] = true
	}
	for ref := range f.stale {
		refs[ref] = true
	}
	var all []connector.Account
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		if a := f.shown(ref); a != nil {
			all = append(all, f.account(a))
		}
	}
	f.mu.Unlock()
	short := fault.way == isCut || fault.way == endsEarly
	for i, a := range all {
		if short && i == fault.after {
			break
		}
		if err := yield(a); err != nil {
			return false, err
		}
	}
	if fault.way == isCut {
		return false, f.fail(OpScan, connector.Transient, "the connection dropped in the middle of the scan")
	}
	if err := f.after(OpScan, fault, "all accounts"); err != nil {
		return false, err
	}
	return !short, nil
}

// Read shows one account by ref.
func (f *Faulty) Read(ctx context.Context, ref onus.AccountRef) (connector.Account, error) {
	f.mu.Lock()
	name := ""
	if a := f.accounts[ref]; a != nil {
		name = a.name
	}
	f.mu.Unlock()
	fault := f.enter(OpRead, name)
	if err := f.before(ctx, OpRead, fault, string(ref)); err != nil {
		return connector.Account{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.shown(ref)
	if a == nil {
		return connector.Account{}, f.fail(OpRead, connector.NotFound, fmt.Sprintf("there is no account %s", ref))
	}
	return f.account(a), f.after(OpRead, fault, string(ref))
}

// Find shows one account by name.
func (f *Faulty) Find(ctx context.Context, name string) (connector.Account, error) {
	fault := f.enter(OpFind, name)
	if err := f.before(ctx, OpFind, fault, name); err != nil {
		return connector.Account{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.shownNamed(name)
	if a == nil {
		return connector.Account{}, f.fail(OpFind, connector.NotFound, fmt.Sprintf("there is no account of the name %q", name))
	}
	return f.account(a), f.after(OpFind, fault, name)
}

// EndSessions ends the live sessions of an account.
func (f *Faulty) EndSessions(ctx context.Context, ref onus.AccountRef) (int, error) {
	f.mu.Lock()
	name := ""
	if a := f.accounts[ref]; a != nil {
		name = a.name
	}
	f.mu.Unlock()
	fault := f.enter(OpEndSessions, name)
	if err := f.before(ctx, OpEndSessions, fault, string(ref)); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.accounts[ref]
	if a == nil {
		return 0, f.fail(OpEndSessions, connector.NotFound, fmt.Sprintf("there is no account %s", ref))
	}
	n := a.sessions
	if n > 0 && fault.way != lies {
		a.sessions = 0
		f.effects = append(f.effects, Effect{At: f.now(), By: byConnector, Ref: a.ref, Name: a.name, Sessions: n})
	}
	return n, f.after(OpEndSessions, fault, string(ref))
}

// shown is the account as a reader sees it: as it was, while a slow write has
// not settled. The caller holds mu.
func (f *Faulty) shown(ref onus.AccountRef) *held {
	s := f.stale[ref]
	if s == nil {
		return f.accounts[ref]
	}
	if s.reads <= 0 && !f.now().Before(s.until) {
		delete(f.stale, ref)
		return f.accounts[ref]
	}
	s.reads--
	return s.was
}

// shownNamed is the account of that name as a reader sees it. The caller
// holds mu.
func (f *Faulty) shownNamed(name string) *held {
	for ref, s := range f.stale {
		a := f.accounts[ref]
		if s.was != nil && s.was.name == name || a != nil && a.name == name {
			if a = f.shown(ref); a != nil && a.name == name {
				return a
			}
			return nil
		}
	}
	return f.named(name)
}

// account gives an account in the contract's form. The caller holds mu.
func (f *Faulty) account(a *held) connector.Account {
	out := connector.Account{Ref: a.ref, Name: a.name, Enabled: a.enabled, Attributes: maps.Clone(a.attributes), Version: "v" + strconv.Itoa(a.version)}
	for _, name := range slices.Sorted(maps.Keys(f.entitlements)) {
		e := f.entitlements[name]
		if a.direct[e] {
			out.Holds = append(out.Holds, onus.Held{Entitlement: name, Ref: e, Path: onus.Direct})
		}
		for _, via := range a.via[e] {
			out.Holds = append(out.Holds, onus.Held{Entitlement: name, Ref: e, Path: onus.Inherited, Via: via})
		}
	}
	return out
}
