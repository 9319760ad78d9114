package ldap

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/onus-id/onus/connector"
)

// kinds maps LDAP result codes (RFC 4511, appendix A) to what the engine
// should do. What is not here is Ambiguous for a write, Transient for a read.
var kinds = map[uint16]connector.Kind{
	ldap.LDAPResultNoSuchObject:                 connector.NotFound,
	ldap.LDAPResultEntryAlreadyExists:           connector.AlreadyExists,
	ldap.LDAPResultAssertionFailed:              connector.Conflict,
	ldap.LDAPResultNoSuchAttribute:              connector.Conflict,
	ldap.LDAPResultAttributeOrValueExists:       connector.Conflict,
	ldap.LDAPResultConstraintViolation:          connector.Constraint,
	ldap.LDAPResultObjectClassViolation:         connector.Constraint,
	ldap.LDAPResultNotAllowedOnNonLeaf:          connector.Constraint,
	ldap.LDAPResultNotAllowedOnRDN:              connector.Constraint,
	ldap.LDAPResultObjectClassModsProhibited:    connector.Constraint,
	ldap.LDAPResultInsufficientAccessRights:     connector.Denied,
	ldap.LDAPResultUnwillingToPerform:           connector.Denied,
	ldap.LDAPResultConfidentialityRequired:      connector.Denied,
	ldap.LDAPResultStrongAuthRequired:           connector.Denied,
	ldap.LDAPResultSizeLimitExceeded:            connector.Denied,
	ldap.LDAPResultAdminLimitExceeded:           connector.Denied,
	ldap.LDAPResultInvalidCredentials:           connector.Unauthenticated,
	ldap.LDAPResultInappropriateAuthentication:  connector.Unauthenticated,
	ldap.LDAPResultAuthMethodNotSupported:       connector.Unauthenticated,
	ldap.LDAPResultBusy:                         connector.Transient,
	ldap.LDAPResultUnavailable:                  connector.Transient,
	ldap.LDAPResultTimeLimitExceeded:            connector.Transient,
	ldap.LDAPResultUndefinedAttributeType:       connector.Invalid,
	ldap.LDAPResultInappropriateMatching:        connector.Invalid,
	ldap.LDAPResultInvalidAttributeSyntax:       connector.Invalid,
	ldap.LDAPResultInvalidDNSyntax:              connector.Invalid,
	ldap.LDAPResultNamingViolation:              connector.Invalid,
	ldap.LDAPResultProtocolError:                connector.Invalid,
	ldap.LDAPResultUnavailableCriticalExtension: connector.Unsupported,
	ldap.LDAPResultReferral:                     connector.Unsupported,
	ldap.LDAPResultAffectsMultipleDSAs:          connector.Unsupported,
}

// hints say what to do about codes whose name does not.
var hints = map[uint16]string{
	ldap.LDAPResultSizeLimitExceeded:  "the server ended its answer early; allow this identity more (limits … size.prtotal=unlimited)",
	ldap.LDAPResultAdminLimitExceeded: "the server ended its answer early; allow this identity more",
	ldap.LDAPResultAssertionFailed:    "the entry is not as it was read",
	ldap.LDAPResultReferral:           "the entry is on another server",
}

// typed gives an error of go-ldap its kind. late is why the call was cut, if
// it was; wrote says that a write may have reached the server.
func (is dialect) typed(late error, op, doing string, err error, wrote bool) error {
	if err == nil {
		return nil
	}
	lost := connector.Transient
	if wrote {
		lost = connector.Ambiguous
	}
	var le *ldap.Error
	if !errors.As(err, &le) || le.ResultCode >= ldap.ErrorNetwork && le.ResultCode <= ldap.ErrorMalformedPacket {
		what := "the connection to the directory dropped"
		if late != nil {
			what, err = "the directory did not answer in time", late
		}
		return &connector.Error{Kind: lost, Op: op, Message: doing + ": " + what, Err: err}
	}
	kind, known := is.kinds[le.ResultCode]
	if !known {
		kind, known = kinds[le.ResultCode]
	}
	if !known {
		kind = lost
	}
	message := fmt.Sprintf("%s: %s (%d)", doing, strings.ToLower(ldap.LDAPResultCodeMap[le.ResultCode]), le.ResultCode)
	if le.Err != nil && le.Err.Error() != "" {
		message += ": " + le.Err.Error()
	}
	if hint := hints[le.ResultCode]; hint != "" {
		message += "; " + hint
	}
	// The cause keeps its code and not its packet.
	return &connector.Error{Kind: kind, Op: op, Message: message, Err: &ldap.Error{ResultCode: le.ResultCode, MatchedDN: le.MatchedDN, Err: le.Err}}
}

// code gives the LDAP result code in an error's chain, or 0.
func code(err error) uint16 {
	var le *ldap.Error
	if errors.As(err, &le) {
		return le.ResultCode
	}
	return 0
}

func isKind(err error, kind connector.Kind) bool {
	return err != nil && connector.KindOf(err) == kind
}

func asError(err error, e **connector.Error) bool { return errors.As(err, e) }
