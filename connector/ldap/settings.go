package ldap

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/onus-id/onus/connector"
)

// settings are what Open was given, checked.
type settings struct {
	addr        string // host:port
	tls         *tls.Config
	implicitTLS bool // ldaps
	startTLS    bool
	bindDN      string
	peopleBase  string
	groupsBase  string
	rdn         string
	classes     []string
	groupClass  string
	placeholder string // empty: the last member of a group cannot be taken out
	policyDN    string
	attributes  []string
	pageSize    uint32
	timeout     time.Duration
	connections int
}

func invalid(format string, args ...any) *connector.Error {
	return &connector.Error{Kind: connector.Invalid, Op: "open", Message: fmt.Sprintf(format, args...)}
}

func parseSettings(given map[string]string) (settings, error) {
	r := reader{left: maps.Clone(given)}
	s := settings{
		bindDN: r.dn("bind_dn", true), peopleBase: r.dn("people_base", true), groupsBase: r.dn("groups_base", true),
		rdn: r.text("rdn", "uid"), classes: r.list("account_classes", "inetOrgPerson"), groupClass: r.text("group_class", "groupOfNames"),
		placeholder: r.dn("placeholder", false), policyDN: r.dn("policy_dn", false), attributes: r.list("attributes", "*"),
		pageSize: uint32(r.number("page_size", 200, 1, 100_000)), //nolint:gosec // within bounds
		timeout:  r.duration("timeout", 10*time.Second), connections: r.number("connections", 8, 1, 1000),
		startTLS: r.truth("start_tls"),
	}
	r.address(&s)
	for name := range r.left {
		r.fault("there is no setting %q", name)
	}
	for _, name := range slices.Concat([]string{s.rdn, s.groupClass}, s.classes) {
		if !isAttribute(name) {
			r.fault("%q is no LDAP name", name)
		}
	}
	if r.err != nil {
		return settings{}, r.err
	}
	return s, nil
}

// reader takes settings one by one and keeps the first fault.
type reader struct {
	left map[string]string
	err  *connector.Error
}

func (r *reader) fault(format string, args ...any) {
	if r.err == nil {
		r.err = invalid(format, args...)
	}
}

func (r *reader) text(name, otherwise string) string {
	v := strings.TrimSpace(r.left[name])
	delete(r.left, name)
	if v == "" {
		return otherwise
	}
	return v
}

func (r *reader) list(name, otherwise string) []string {
	var list []string
	for v := range strings.SplitSeq(r.text(name, otherwise), ",") {
		list = append(list, strings.TrimSpace(v))
	}
	return list
}

func (r *reader) dn(name string, needed bool) string {
	v := r.text(name, "")
	if v == "" && needed {
		r.fault("the setting %s is missing", name)
		return ""
	}
	if _, err := ldap.ParseDN(v); err != nil {
		r.fault("the setting %s is no DN: %q", name, v)
	}
	return v
}

func (r *reader) number(name string, otherwise, least, most int) int {
	n, err := strconv.Atoi(r.text(name, strconv.Itoa(otherwise)))
	if err != nil || n < least || n > most {
		r.fault("the setting %s is no number between %d and %d", name, least, most)
		return otherwise
	}
	return n
}

func (r *reader) duration(name string, otherwise time.Duration) time.Duration {
	d, err := time.ParseDuration(r.text(name, otherwise.String()))
	if err != nil || d <= 0 {
		r.fault("the setting %s is no duration, as in 10s", name)
		return otherwise
	}
	return d
}

func (r *reader) truth(name string) bool {
	switch v := r.text(name, "false"); v {
	case "true", "false":
		return v == "true"
	default:
		r.fault("the setting %s is neither true nor false", name)
		return false
	}
}

// address reads url, ca_file and cleartext. The password goes in the clear
// to this machine only, unless that was asked for.
func (r *reader) address(s *settings) {
	given, ca, cleartext := r.text("url", ""), r.text("ca_file", ""), r.truth("cleartext")
	u, err := url.Parse(given)
	if err != nil || u.Hostname() == "" || u.Scheme != "ldap" && u.Scheme != "ldaps" {
		r.fault("the setting url is not ldap://HOST or ldaps://HOST")
		return
	}
	if u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		r.fault("the setting url holds more than scheme, host and port")
		return
	}
	port := u.Port()
	s.implicitTLS = u.Scheme == "ldaps"
	switch {
	case port != "":
	case s.implicitTLS:
		port = "636"
	default:
		port = "389"
	}
	s.addr = net.JoinHostPort(u.Hostname(), port)
	if s.implicitTLS && s.startTLS {
		r.fault("ldaps:// and start_tls exclude each other")
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if !s.implicitTLS && !s.startTLS && !local && !cleartext {
		r.fault("the password would go to %s in the clear: use ldaps:// or start_tls, or set cleartext to true", u.Hostname())
	}
	s.tls = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	if ca == "" {
		return
	}
	pem, err := os.ReadFile(ca) //nolint:gosec // the file that the definition names
	if err != nil {
		r.fault("ca_file %s cannot be read", ca)
		return
	}
	s.tls.RootCAs = x509.NewCertPool()
	if !s.tls.RootCAs.AppendCertsFromPEM(pem) {
		r.fault("ca_file %s holds no certificate", ca)
	}
}

// isAttribute says whether a text can be an attribute description or a class
// (RFC 4512, section 1.4), and so be part of a filter.
func isAttribute(name string) bool {
	for i, c := range name {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case i > 0 && (c >= '0' && c <= '9' || c == '-' || c == ';' || c == '.'):
		default:
			return false
		}
	}
	return name != ""
}
