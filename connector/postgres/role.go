package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// The attributes of an account.
const (
	attrValidUntil = "valid_until"      // a time in RFC 3339; absent: for ever. PostgreSQL looks at it for passwords only
	attrLimit      = "connection_limit" // absent: none
	attrComment    = "comment"          // free text
)

// role is a row of roleQuery.
type role struct {
	OID         uint32
	Name        string
	Login       bool
	Inherit     bool
	Super       bool
	Replication bool
	ValidUntil  pgtype.Timestamptz
	Expired     bool
	Limit       int32
	Comment     string
	Managed     bool // a member of the marker
	Own         bool // whom the connector is logged in as, or acts as
	Marker      bool
	Paths       []path
	Tables      []tablePath
}

// path is one way up from an account to a role.
type path struct {
	Role    uint32 `json:"role,string"`
	Name    string `json:"name"`
	Hop     uint32 `json:"hop,string"` // the direct membership that it goes through; the role itself for a direct one
	HopName string `json:"hop_name"`
	Grantor string `json:"grantor"` // of a direct one
	Ours    bool   `json:"ours"`    // we can take it away
}

// tablePath is a privilege granted on a watched table itself.
type tablePath struct {
	Label   string `json:"label"`
	Table   uint32 `json:"table,string"`
	Grantor string `json:"grantor"`
}

// firstNormal is the first OID that initdb does not use itself (FirstNormalObjectId).
const firstNormal = 16384

// outside says why a role is none of our accounts, or "".
func (c *cluster) outside(r role) string {
	switch {
	case r.Super:
		return "is a superuser"
	case r.Replication:
		return "is a replication role"
	case r.Own:
		return "is the connector's own role"
	case r.Marker:
		return "marks the managed accounts"
	case r.OID < firstNormal || strings.HasPrefix(r.Name, "pg_"):
		return "is PostgreSQL's own"
	case !strings.HasPrefix(r.Name, c.prefix):
		return fmt.Sprintf("does not begin with %q", c.prefix)
	case c.managed && !r.Managed:
		return "is not a member of " + c.marker
	case !r.Login && !r.Managed:
		return "can neither log in nor is a member of " + c.marker
	default:
		return ""
	}
}

// escalated says whether a role that is ours to manage has become one that
// we do not touch: then a scan must not say that the account is gone.
func (r role) escalated() bool { return r.Managed && (r.Super || r.Replication) }

func (r role) enabled() bool { return r.Login && !r.Expired }

func refOf(oid uint32) string { return strconv.FormatUint(uint64(oid), 10) }

// account gives the role as the contract has it.
func (r role) account() connector.Account {
	a := connector.Account{
		Ref: onus.AccountRef(refOf(r.OID)), Name: r.Name, Enabled: r.enabled(),
		Attributes: r.attributes(), Holds: r.holds(), Version: r.version(),
	}
	return a
}

func (r role) attributes() onus.Attributes {
	a := onus.Attributes{}
	if until := r.validUntil(); until != "" {
		a[attrValidUntil] = until
	}
	if r.Limit >= 0 {
		a[attrLimit] = strconv.Itoa(int(r.Limit))
	}
	if r.Comment != "" {
		a[attrComment] = r.Comment
	}
	return a
}

func (r role) validUntil() string {
	switch {
	case !r.ValidUntil.Valid || r.ValidUntil.InfinityModifier == pgtype.Infinity:
		return ""
	case r.ValidUntil.InfinityModifier == pgtype.NegativeInfinity:
		return time.Time{}.Format(time.RFC3339) // has never been valid
	default:
		return r.ValidUntil.Time.UTC().Format(time.RFC3339Nano)
	}
}

// holds gives one entry per way in which a role is held: one for what we can
// take away, whoever granted it, one per grantor whom we cannot gainsay, and
// one per direct membership that brings it along.
func (r role) holds() []onus.Held {
	held := make([]onus.Held, 0, len(r.Paths)+len(r.Tables))
	for _, p := range r.Paths {
		h := onus.Held{Entitlement: "role:" + p.Name, Ref: onus.EntitlementRef(refOf(p.Role)), Path: onus.Direct}
		switch {
		case p.Hop != p.Role:
			h.Path, h.Via = onus.Inherited, "role:"+p.HopName
		case !p.Ours:
			h.Path, h.Via = onus.OtherGrantor, p.Grantor
		}
		held = append(held, h)
	}
	for _, t := range r.Tables {
		held = append(held, onus.Held{
			Entitlement: "table:" + t.Label, Ref: onus.EntitlementRef(refOf(t.Table)), Path: onus.Direct,
		})
	}
	slices.SortFunc(held, func(a, b onus.Held) int {
		return strings.Compare(a.Entitlement+"\x00"+string(a.Path)+"\x00"+a.Via, b.Entitlement+"\x00"+string(b.Path)+"\x00"+b.Via)
	})
	return slices.Compact(held)
}

// version digests what is visible of the role itself. PostgreSQL has no
// version of a role that anybody but a superuser may read.
func (r role) version() string {
	text, err := json.Marshal([]any{r.OID, r.Name, r.Login, r.Inherit, r.Super, r.Replication, r.validUntil(), r.Limit, r.Comment})
	if err != nil {
		return "" // texts, numbers and booleans always marshal
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}
