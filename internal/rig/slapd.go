package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// The directory that StartSlapd makes.
const (
	SlapdBase   = "dc=acme,dc=example"
	SlapdPeople = "ou=people," + SlapdBase
	SlapdGroups = "ou=groups," + SlapdBase
	SlapdPolicy = "cn=default,ou=policies," + SlapdBase // has pwdLockout TRUE
	SlapdNobody = "cn=nobody," + SlapdBase              // stands in where a group needs a member

	slapdRoot = "cn=root," + SlapdBase
)

// Slapd is an OpenLDAP server in a throwaway folder, with the overlays that
// real directories have: memberof, refint, unique uid, ppolicy, syncprov. An
// answer holds at most 500 entries, so that paging is real.
type Slapd struct {
	Port    int
	dir     string
	process *process
}

// URL is the server's address; StartTLS works with CAFile.
func (s *Slapd) URL() string { return "ldap://" + s.Addr() }

// Addr is the server's host and port.
func (s *Slapd) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.Port) }

// BindDN is the connector's identity: it writes people and groups, reads
// policies, and reads no password.
func (s *Slapd) BindDN() string { return "cn=onus," + SlapdBase }

// NarrowDN is an identity that may read people, and no more than 50 of them
// even in pages.
func (s *Slapd) NarrowDN() string { return "cn=narrow," + SlapdBase }

// Password is the password of BindDN and of NarrowDN.
func (s *Slapd) Password() string { return "onus-secret-7" }

// RootDN may do everything, for oracles.
func (s *Slapd) RootDN() string { return slapdRoot }

// ConfigDN may change the running server's configuration.
func (s *Slapd) ConfigDN() string { return "cn=config" }

// RootPassword is the password of RootDN and of ConfigDN.
func (s *Slapd) RootPassword() string { return "root-secret-9" }

// CAFile is the certificate that signed the server's.
func (s *Slapd) CAFile() string { return filepath.Join(s.dir, "cert.pem") }

// StartSlapd starts an OpenLDAP server.
func StartSlapd(ctx context.Context) (*Slapd, error) {
	const where = "/usr/sbin"
	server, err := program("slapd", where)
	if err != nil {
		return nil, err
	}
	add, err := program("slapadd", where)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "onus-slapd-")
	if err != nil {
		return nil, fmt.Errorf("start OpenLDAP: %w", err)
	}
	s := &Slapd{dir: dir}
	if err := s.start(ctx, server, add); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Slapd) start(ctx context.Context, server, add string) error {
	data := filepath.Join(s.dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return fmt.Errorf("start OpenLDAP: %w", err)
	}
	if err := selfSigned(s.dir); err != nil {
		return err
	}
	conf, ldif := filepath.Join(s.dir, "slapd.conf"), filepath.Join(s.dir, "base.ldif")
	fill := strings.NewReplacer(
		"DIR", s.dir, "ROOTDN", s.RootDN(), "ROOTPW", s.RootPassword(), "BASE", SlapdBase,
		"BINDDN", s.BindDN(), "BINDPW", s.Password(), "NARROWDN", s.NarrowDN(), "POLICY", SlapdPolicy,
	)
	for file, text := range map[string]string{conf: slapdConf, ldif: slapdLDIF} {
		if err := os.WriteFile(file, []byte(fill.Replace(text)), 0o600); err != nil {
			return fmt.Errorf("start OpenLDAP: %w", err)
		}
	}
	load := exec.CommandContext(ctx, add, "-q", "-f", conf, "-l", ldif) //nolint:gosec // Debian's own slapadd
	if out, err := load.CombinedOutput(); err != nil {
		return fmt.Errorf("start OpenLDAP: slapadd: %w: %s", err, out)
	}
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	s.Port = port
	cmd := exec.Command(server, "-d", "0", "-h", s.URL()+"/", "-f", conf) //nolint:gosec,noctx // Debian's own server; it outlives ctx and is ended by Stop
	s.process, err = start(cmd, filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	return s.process.waitUntil(ctx, func() error {
		conn, err := ldap.DialURL(s.URL())
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// Stop ends the server and removes its folder.
func (s *Slapd) Stop() {
	if s.process != nil {
		s.process.stop(syscall.SIGTERM)
	}
	_ = os.RemoveAll(s.dir) // throwaway
}

// NeedSlapd gives a test a server of its own, stopped at its end.
func NeedSlapd(tb testing.TB) *Slapd {
	tb.Helper()
	s, err := StartSlapd(tb.Context())
	Require(tb, err)
	tb.Cleanup(s.Stop)
	return s
}

const slapdConf = `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload refint
moduleload unique
moduleload ppolicy
moduleload syncprov
pidfile DIR/slapd.pid
TLSCACertificateFile DIR/cert.pem
TLSCertificateFile DIR/cert.pem
TLSCertificateKeyFile DIR/key.pem
sizelimit 500
threads 4

database config
rootpw ROOTPW

database mdb
suffix "BASE"
rootdn "ROOTDN"
rootpw ROOTPW
directory DIR/data
maxsize 1073741824
dbnosync
index objectClass,entryUUID,entryCSN,uid,cn,member,memberOf eq
limits dn.exact="BINDDN" size.prtotal=unlimited
limits dn.exact="NARROWDN" size.prtotal=50
access to attrs=userPassword
	by dn.exact="BINDDN" =w
	by self =w
	by anonymous auth
	by * none
access to dn.subtree="ou=people,BASE"
	by dn.exact="BINDDN" write
	by self read
	by users read
access to dn.subtree="ou=groups,BASE"
	by dn.exact="BINDDN" write
	by users read
access to * by users read

overlay memberof
memberof-refint TRUE
overlay refint
refint_attributes member manager seeAlso
refint_nothing "cn=nobody,BASE"
overlay unique
unique_uri "ldap:///BASE?uid?sub"
overlay ppolicy
ppolicy_default "POLICY"
ppolicy_use_lockout
overlay syncprov
`

const slapdLDIF = `dn: BASE
objectClass: organization
objectClass: dcObject
o: Acme
dc: acme

dn: ou=people,BASE
objectClass: organizationalUnit
ou: people

dn: ou=groups,BASE
objectClass: organizationalUnit
ou: groups

dn: ou=policies,BASE
objectClass: organizationalUnit
ou: policies

dn: POLICY
objectClass: organizationalRole
objectClass: pwdPolicy
cn: default
pwdAttribute: userPassword
pwdLockout: TRUE

dn: cn=nobody,BASE
objectClass: organizationalRole
cn: nobody

dn: BINDDN
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: onus
userPassword: BINDPW

dn: NARROWDN
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: narrow
userPassword: BINDPW
`
