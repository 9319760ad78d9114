package ldap

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// Verify reads afresh. A revocation looks at every path and at the server's
// own list of the account's groups; a disabled account is tried by a bind.
func (d *directory) Verify(ctx context.Context, want connector.Desired) (connector.Verdict, error) {
	var v connector.Verdict
	if err := d.checkVerb(want); err != nil {
		return v, err
	}
	var locked *entry // to be tried, once the connection is given back
	err := d.pool.with(ctx, "verify", func(c *conn) error {
		e, err := d.resolve(c, "verify", want.Target.Account, want.Target.Name)
		there := !isKind(err, connector.NotFound)
		if err != nil && there {
			return err
		}
		switch {
		case want.Target.IsGrant() && !there:
			v = connector.Verdict{Holds: want.Verb == onus.EnsureAbsent, Tier: d.tier(want), Evidence: "the account is not there: " + message(err)}
		case want.Target.IsGrant():
			v, err = d.verifyGrant(c, e, want)
			return err
		case !there:
			v, err = d.verifyGone(c, want)
			return err
		case want.Verb == onus.EnsureDisabled && !e.account.Enabled:
			locked = &e
		default:
			v = verifyAccount(e, want)
		}
		return nil
	})
	if err != nil || locked == nil {
		return v, err
	}
	return d.verifyLock(ctx, *locked)
}

// tier is the one that a fresh read of a grant over all paths has.
func (d *directory) tier(want connector.Desired) onus.Tier {
	if want.Verb == onus.EnsureAbsent {
		return onus.TierEffective
	}
	return onus.TierStored
}

func (d *directory) verifyGrant(c *conn, e entry, want connector.Desired) (connector.Verdict, error) {
	v := connector.Verdict{Tier: d.tier(want)}
	g, err := d.resolveGroup(c, "verify", want.Target)
	if isKind(err, connector.PrincipalMissing) || isKind(err, connector.Unsupported) {
		v.Holds, v.Evidence = want.Verb == onus.EnsureAbsent, message(err)
		return v, nil
	}
	if err != nil {
		return v, err
	}
	held, err := d.holds(c, "verify", e.DN)
	if err != nil {
		return v, err
	}
	direct := false
	for _, h := range held {
		switch {
		case h.Ref != g.ref:
		case h.Path == onus.Direct:
			direct = true
		default:
			v.Residual = append(v.Residual, fmt.Sprintf("%s through %s", h.Entitlement, h.Via))
		}
	}
	listed := slices.ContainsFunc(e.groups, func(dn string) bool { return sameDN(dn) == sameDN(g.dn) })
	if want.Verb == onus.EnsurePresent {
		v.Holds, v.Residual = direct, nil
		v.Evidence = fmt.Sprintf("%s lists %s by fresh read: %t", g.dn, e.DN, direct)
		return v, nil
	}
	if listed && !direct {
		v.Residual = append(v.Residual, fmt.Sprintf("%s in the server's %s", g.entitlement(), d.is.groups))
	}
	v.Holds = !direct && len(v.Residual) == 0
	switch {
	case direct:
		v.Evidence = fmt.Sprintf("%s still lists %s", g.dn, e.DN)
	case !v.Holds:
		v.Evidence = fmt.Sprintf("%s is no direct member of %s, and is one all the same", e.DN, g.dn)
	default:
		v.Evidence = fmt.Sprintf("%s is no member of %s, directly or through any group", e.DN, g.dn)
	}
	return v, nil
}

// verifyGone judges an account that is not there.
func (d *directory) verifyGone(c *conn, want connector.Desired) (connector.Verdict, error) {
	dn := below(d.set.rdn, want.Target.Name, d.set.peopleBase)
	v := connector.Verdict{Tier: onus.TierEffective, Evidence: "no such entry by fresh read, and no group lists it"}
	if want.Verb != onus.EnsureAbsent {
		return connector.Verdict{Tier: onus.TierStored, Evidence: "no such entry by fresh read"}, nil
	}
	left, err := d.dangling(c, want.Target.Account, dn, want.Target.Name)
	for _, g := range left {
		v.Residual = append(v.Residual, g.dn+" still lists "+dn)
	}
	v.Holds = len(left) == 0
	if !v.Holds {
		v.Evidence = "no such entry by fresh read, and a new one of this name would inherit its groups"
	}
	return v, err
}

func verifyAccount(e entry, want connector.Desired) connector.Verdict {
	v := connector.Verdict{Tier: onus.TierStored}
	switch want.Verb {
	case onus.EnsureAbsent:
		v.Evidence = e.DN + " is there"
	case onus.EnsurePresent, onus.EnsureAttributes:
		changes := attributeChanges(e, want.Attributes)
		other := make([]string, len(changes))
		for i, change := range changes {
			other[i] = change.Type
		}
		v.Holds = len(other) == 0
		v.Evidence = e.DN + " is there by fresh read, with these attributes"
		if !v.Holds {
			v.Evidence = e.DN + " has other values of " + strings.Join(other, ", ")
		}
	case onus.EnsureEnabled:
		v.Holds, v.Evidence = e.account.Enabled, fmt.Sprintf("%s is locked by fresh read: %t", e.DN, !e.account.Enabled)
	case onus.EnsureDisabled:
		v.Evidence = e.DN + " is not locked" // a locked one goes to verifyLock
	}
	return v
}

// verifyLock tries a locked account. Its password is not known, and need not
// be: slapd with ppolicy_use_lockout answers any bind of a locked account
// with the response control accountLocked, before it looks at the password.
// Where that does not come, the lock is believed only as far as the policy
// that enforces it can be read.
func (d *directory) verifyLock(ctx context.Context, e entry) (connector.Verdict, error) {
	const unseen = "; sessions bound before cannot be seen here"
	refused, err := d.refusesLocked(ctx, e.DN)
	if err != nil {
		return connector.Verdict{}, err
	}
	if refused {
		return connector.Verdict{Holds: true, Tier: onus.TierEffective, Evidence: "trial bind refused: account locked" + unseen}, nil
	}
	policy, enforced, err := d.policy(ctx, e.DN)
	v := connector.Verdict{Tier: onus.TierStored}
	switch {
	case err != nil:
		return v, err
	case policy == "":
		v.Holds, v.Evidence = true, "the lock is stored and was not seen in effect: the server tells no reason for a refused bind, and no password policy can be read"+unseen
	case enforced:
		v.Holds, v.Evidence = true, "the lock is stored and was not seen in effect; the policy "+policy+" enforces locks"+unseen
	default:
		v.Evidence = "the lock is stored and has no effect: the policy " + policy + " does not have pwdLockout TRUE"
		v.Residual = []string{e.DN + " can still log in"}
	}
	return v, nil
}

// refusesLocked says whether the server refuses a bind because of the lock.
func (d *directory) refusesLocked(ctx context.Context, dn string) (bool, error) {
	const accountLocked = 1 // draft-behera-ldap-password-policy-10, section 6.2
	ctx, cancel := context.WithTimeout(ctx, d.set.timeout)
	defer cancel()
	refused := false
	c, err := d.pool.dial(ctx, "verify", func(c *ldap.Conn) error {
		wrong := rand.Text() // 128 random bits: nobody's password
		r, err := c.SimpleBind(ldap.NewSimpleBindRequest(dn, wrong, []ldap.Control{ldap.NewControlBeheraPasswordPolicy()}))
		if !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
			return err
		}
		answer, ok := ldap.FindControl(r.Controls, ldap.ControlTypeBeheraPasswordPolicy).(*ldap.ControlBeheraPasswordPolicy)
		refused = ok && answer.Error == accountLocked
		return nil
	})
	if err != nil {
		return false, err
	}
	_ = c.Close() // it served one bind
	return refused, nil
}

// policy gives the password policy that governs an account, where it can be
// known, and whether it enforces locks.
func (d *directory) policy(ctx context.Context, dn string) (policy string, enforced bool, err error) {
	err = d.pool.with(ctx, "verify", func(c *conn) error {
		own, err := c.search("verify", ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"pwdPolicySubentry"}, nil))
		if err != nil {
			return moved(err, dn)
		}
		policy = d.set.policyDN
		for _, e := range own.Entries {
			if p := e.GetEqualFoldAttributeValue("pwdPolicySubentry"); p != "" {
				policy = p
			}
		}
		if policy == "" {
			return nil
		}
		r, err := c.search("verify", ldap.NewSearchRequest(policy, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=pwdPolicy)", []string{"pwdLockout"}, nil))
		if isKind(err, connector.NotFound) || err == nil && len(r.Entries) == 0 {
			policy = "" // it cannot be read
			return nil
		}
		if err != nil {
			return err
		}
		enforced = r.Entries[0].GetEqualFoldAttributeValue("pwdLockout") == "TRUE"
		return nil
	})
	return policy, enforced, err
}
