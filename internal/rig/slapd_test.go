package rig_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/onus-id/onus/internal/rig"
)

// A lock that refuses nothing would let every test of disabling pass.
func TestSlapdRefusesALockedAccount(t *testing.T) {
	s := rig.NeedSlapd(t)
	root, err := ldap.DialURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := root.Bind(s.RootDN(), s.RootPassword()); err != nil {
		t.Fatal(err)
	}
	add := ldap.NewAddRequest("uid=ana,"+rig.SlapdPeople, nil)
	add.Attribute("objectClass", []string{"inetOrgPerson"})
	add.Attribute("cn", []string{"Ana"})
	add.Attribute("sn", []string{"Ana"})
	add.Attribute("userPassword", []string{"open-1"})
	if err := root.Add(add); err != nil {
		t.Fatal(err)
	}
	bind := func() error {
		conn, err := ldap.DialURL(s.URL())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.Bind("uid=ana,"+rig.SlapdPeople, "open-1")
	}
	if err := bind(); err != nil {
		t.Fatal(err)
	}
	lock := ldap.NewModifyRequest("uid=ana,"+rig.SlapdPeople, nil)
	lock.Replace("pwdAccountLockedTime", []string{"000001010000Z"})
	if err := root.Modify(lock); err != nil {
		t.Fatal(err)
	}
	if err := bind(); !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
		t.Errorf("a locked account binds: %v", err)
	}
}

func TestSlapdSpeaksTLSAndLimitsAnswers(t *testing.T) {
	s := rig.NeedSlapd(t)
	pem, err := os.ReadFile(s.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	conn, err := ldap.DialURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.StartTLS(&tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	if err := conn.Bind(s.BindDN(), s.Password()); err != nil {
		t.Fatal(err)
	}
	found, err := conn.Search(ldap.NewSearchRequest(rig.SlapdBase, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, "(userPassword=*)", []string{"userPassword"}, nil))
	if err != nil || len(found.Entries) != 0 {
		t.Errorf("the connector's identity sees passwords: %v, %v", found, err)
	}
}
