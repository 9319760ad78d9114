package cli

import (
	"os/user"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/sshkey"
)

// openKey opens the key that was named with --sign.
func (e *env) openKey() (err error) {
	if e.keyFile != "" {
		e.key, err = sshkey.Load(e.keyFile)
	}
	return err
}

// operator is who acts at the command line: whose key was named, or else the
// operating-system user; and the person that the organisation knows them as
// ("" if none).
func (e *env) operator(org flow.Organisation) (onus.Actor, string) {
	if e.key != nil {
		return onus.Actor("ssh:" + e.key.Fingerprint()), org.SignerOf(e.key.Public())
	}
	name := login()
	return onus.Actor("os:" + name), org.Operators[name]
}

// signed signs what is about to be decided, where a key was named; else it is
// unsigned.
func (e *env) signed(state func() (onus.Statement, error)) (*onus.Signed, error) {
	if e.key == nil {
		return nil, nil //nolint:nilnil // nobody signs
	}
	st, err := state()
	if err != nil {
		return nil, err
	}
	sig, err := e.key.Sign([]byte(st.Text()))
	if err != nil {
		return nil, err
	}
	return &onus.Signed{Statement: st.Text(), By: onus.SignedBySSH, Key: e.key.Fingerprint(), Signature: sig}, nil
}

// login is the name of the operating-system user.
func login() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
