package connectortest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// Apply makes one desired state true, as scripted.
func (f *Faulty) Apply(ctx context.Context, want connector.Desired) (connector.Result, error) {
	fault := f.enter(OpApply, f.nameOf(want.Target))
	about := want.Target.Name
	if want.Target.IsGrant() {
		about = want.Target.Entitlement + " of " + about
	}
	if err := f.before(ctx, OpApply, fault, about); err != nil {
		return connector.Result{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.claims(want); err != nil {
		return connector.Result{}, err
	}
	if fault.way == lies {
		r := connector.Result{Outcome: connector.Wrote, Ref: "acc-lie"}
		if a := f.target(want.Target); a != nil {
			r.Ref = a.ref
		}
		_, r.EntitlementRef, _ = f.entitlement(want.Target)
		return r, nil
	}
	was := f.target(want.Target).clone()
	r, err := f.carryOut(want)
	if err != nil {
		return connector.Result{}, err
	}
	if fault.way == isSlow && r.Outcome == connector.Wrote {
		f.stale[r.Ref] = &stale{was: was, reads: fault.reads, until: f.now().Add(fault.wait)}
	}
	if err := f.after(OpApply, fault, about); err != nil {
		return connector.Result{}, err
	}
	return r, nil
}

// Verify says what a reader would see now.
func (f *Faulty) Verify(ctx context.Context, want connector.Desired) (connector.Verdict, error) {
	fault := f.enter(OpVerify, f.nameOf(want.Target))
	if err := f.before(ctx, OpVerify, fault, want.Target.Name); err != nil {
		return connector.Verdict{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	tier := f.is.GrantTier
	if want.Verb.TakesAway() {
		tier = f.is.RevokeTier
	}
	if fault.way == lies {
		return connector.Verdict{Holds: true, Tier: tier, Evidence: "the system said so"}, nil
	}
	a := f.reader(want.Target)
	v := connector.Verdict{Tier: tier}
	if want.Target.IsGrant() {
		f.judgeGrant(&v, a, want)
	} else {
		f.judgeAccount(&v, a, want)
	}
	return v, f.after(OpVerify, fault, want.Target.Name)
}

func (f *Faulty) judgeGrant(v *connector.Verdict, a *held, want connector.Desired) {
	name, ref, known := f.entitlement(want.Target)
	direct := a != nil && known && a.direct[ref]
	v.Evidence = fmt.Sprintf("direct grant of %s: %t", name, direct)
	if want.Verb == onus.EnsurePresent {
		v.Holds = direct
		return
	}
	if a != nil && known {
		for _, via := range a.via[ref] {
			v.Residual = append(v.Residual, name+" through "+via)
		}
	}
	v.Holds = !direct && len(v.Residual) == 0
}

func (f *Faulty) judgeAccount(v *connector.Verdict, a *held, want connector.Desired) {
	v.Evidence = fmt.Sprintf("account there: %t", a != nil)
	if a != nil {
		v.Evidence = fmt.Sprintf("account there, enabled: %t", a.enabled)
		if want.Verb == onus.EnsureDisabled && a.sessions > 0 {
			v.Residual = append(v.Residual, fmt.Sprintf("%d live sessions", a.sessions))
		}
	}
	switch want.Verb {
	case onus.EnsurePresent, onus.EnsureAttributes:
		v.Holds = a != nil && a.has(want.Attributes)
	case onus.EnsureAbsent:
		v.Holds = a == nil
	case onus.EnsureDisabled:
		v.Holds = a != nil && !a.enabled && len(v.Residual) == 0
	case onus.EnsureEnabled:
		v.Holds = a != nil && a.enabled
	}
}

// nameOf gives the name by which faults are scripted.
func (f *Faulty) nameOf(t onus.Target) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.accounts[t.Account]; a != nil {
		return a.name
	}
	return t.Name
}

// target is the account that is meant, as it truly is: by ref where one is
// given, and only then by name. The caller holds mu.
func (f *Faulty) target(t onus.Target) *held {
	if t.Account != "" {
		return f.accounts[t.Account]
	}
	return f.named(t.Name)
}

// reader is the same, as a reader sees it. The caller holds mu.
func (f *Faulty) reader(t onus.Target) *held {
	if t.Account != "" {
		return f.shown(t.Account)
	}
	return f.shownNamed(t.Name)
}

// entitlement finds what is to be granted: by ref where one is given. The
// caller holds mu.
func (f *Faulty) entitlement(t onus.Target) (string, onus.EntitlementRef, bool) {
	if t.EntitlementRef == "" {
		ref, ok := f.entitlements[t.Entitlement]
		return t.Entitlement, ref, ok
	}
	for name, ref := range f.entitlements {
		if ref == t.EntitlementRef {
			return name, ref, true
		}
	}
	return t.Entitlement, "", false
}

// claims refuses what the description does not claim. The caller holds mu.
func (f *Faulty) claims(want connector.Desired) error {
	verbs := f.is.Account
	if want.Target.IsGrant() {
		verbs = f.is.Grant
		kind, _, _ := strings.Cut(want.Target.Entitlement, ":")
		if !slices.Contains(f.is.Entitlements, kind) {
			return f.fail(OpApply, connector.Unsupported, fmt.Sprintf("%q is no kind of entitlement here", kind))
		}
	}
	if !slices.Contains(verbs, want.Verb) {
		return f.fail(OpApply, connector.Unsupported, fmt.Sprintf("cannot ensure %q", want.Verb))
	}
	return nil
}

// carryOut does what is wanted. The caller holds mu.
func (f *Faulty) carryOut(want connector.Desired) (connector.Result, error) {
	a := f.target(want.Target)
	if a == nil {
		return f.carryOutAbsent(want)
	}
	r := connector.Result{Outcome: connector.NoChange, Ref: a.ref}
	if v := f.account(a).Version; want.Version != "" && want.Version != v {
		return r, f.fail(OpApply, connector.Conflict, fmt.Sprintf("%s is at %s, not %s", a.name, v, want.Version))
	}
	if want.Target.IsGrant() {
		name, ref, known := f.entitlement(want.Target)
		if !known {
			if want.Verb == onus.EnsureAbsent {
				return r, nil
			}
			return r, f.fail(OpApply, connector.PrincipalMissing, fmt.Sprintf("there is no entitlement %q", want.Target.Entitlement))
		}
		r.EntitlementRef = ref
		if a.direct[ref] != (want.Verb == onus.EnsurePresent) {
			a.direct[ref] = want.Verb == onus.EnsurePresent
			f.did(byConnector, want.Verb, a, name)
			r.Outcome = connector.Wrote
		}
		return r, nil
	}
	done := true
	switch want.Verb {
	case onus.EnsurePresent, onus.EnsureAttributes:
		done = a.has(want.Attributes)
		a.set(want.Attributes)
	case onus.EnsureAbsent:
		done = false
		delete(f.accounts, a.ref)
	case onus.EnsureDisabled:
		done, a.enabled = !a.enabled, false
	case onus.EnsureEnabled:
		done, a.enabled = a.enabled, true
	}
	if !done {
		f.did(byConnector, want.Verb, a, "")
		r.Outcome = connector.Wrote
	}
	return r, nil
}

// carryOutAbsent does what is wanted of an account that is not there. The
// caller holds mu.
func (f *Faulty) carryOutAbsent(want connector.Desired) (connector.Result, error) {
	t := want.Target
	switch {
	case want.Verb == onus.EnsureAbsent:
		return connector.Result{Outcome: connector.NoChange, Ref: t.Account}, nil
	case want.Verb == onus.EnsurePresent && !t.IsGrant() && t.Account == "":
		a := f.add(byConnector, t.Name, want.Attributes)
		return connector.Result{Outcome: connector.Wrote, Ref: a.ref}, nil
	case t.IsGrant():
		return connector.Result{}, f.fail(OpApply, connector.PrincipalMissing, fmt.Sprintf("there is no account %s %q", t.Account, t.Name))
	default:
		return connector.Result{}, f.fail(OpApply, connector.NotFound, fmt.Sprintf("there is no account %s %q", t.Account, t.Name))
	}
}
