package ldap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/onus-id/onus/connector"
)

// paged runs a search page by page and gives each entry to yield. It is
// complete only if the server ended its last page with success and no cookie.
func (d *directory) paged(c *conn, op string, r *ldap.SearchRequest, yield func(e *ldap.Entry) error) (bool, error) {
	page := ldap.NewControlPaging(d.set.pageSize)
	r.Controls = append(r.Controls, page)
	for n := 0; ; {
		found, err := d.page(c, op, r)
		if found != nil {
			for _, e := range found.Entries {
				n++
				if err := yield(e); err != nil {
					return false, stoppedError{err}
				}
			}
		}
		if err != nil {
			return false, err
		}
		if len(found.Referrals) > 0 {
			return false, &connector.Error{Kind: connector.Unsupported, Op: op, Message: fmt.Sprintf("after %d entries: part of %s is on another server", n, r.BaseDN)}
		}
		answer, ok := ldap.FindControl(found.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok || len(answer.Cookie) == 0 {
			return true, nil
		}
		page.SetCookie(answer.Cookie)
	}
}

// page gets one page, within the time-out.
func (d *directory) page(c *conn, op string, r *ldap.SearchRequest) (*ldap.SearchResult, error) {
	timer := time.AfterFunc(d.set.timeout, func() { _ = c.wire.Close() }) // cut
	defer timer.Stop()
	return c.search(op, r)
}

// stoppedError is a yield's own error, which ends a scan and is not ours.
type stoppedError struct{ error }

func (s stoppedError) Unwrap() error { return s.error }

// Scan reads all groups, and then yields the accounts page by page: the
// memberships stay in memory, the accounts do not.
func (d *directory) Scan(ctx context.Context, yield func(connector.Account) error) (complete bool, err error) {
	err = d.pool.withoutLimit(ctx, "scan", func(c *conn) error {
		// Below a base that may not be seen everything looks deleted.
		for _, base := range []string{d.set.peopleBase, d.set.groupsBase} {
			if err := d.seesBase(c, "scan", base); err != nil {
				return err
			}
		}
		above, err := d.memberships(c)
		if err != nil {
			return err
		}
		complete, err = d.paged(c, "scan", d.accountsWhere(""), func(e *ldap.Entry) error {
			account := d.entryOf(e).account
			account.Holds, err = paths(above(e.DN), func(dn string) ([]group, error) { return above(dn), nil })
			if err != nil {
				return err
			}
			return yield(account)
		})
		return err
	})
	var stopped stoppedError
	if errors.As(err, &stopped) {
		err = stopped.error
	}
	return complete && err == nil, err
}

// memberships reads every group with its members, and gives the groups that
// list a DN.
func (d *directory) memberships(c *conn) (above func(dn string) []group, err error) {
	var groups []group
	listed := map[string][]int32{} // indices of groups, by member
	r := ldap.NewSearchRequest(d.set.groupsBase, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass="+d.set.groupClass+")", []string{"cn", d.is.ref, d.is.member}, nil)
	if _, err := d.paged(c, "scan", r, func(e *ldap.Entry) error {
		index := int32(len(groups)) //nolint:gosec // a directory of two thousand million groups does not fit
		groups = append(groups, d.groupOf(e))
		for _, member := range e.GetEqualFoldAttributeValues(d.is.member) {
			key := sameDN(member)
			listed[key] = append(listed[key], index)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	return func(dn string) []group {
		indices := listed[sameDN(dn)]
		found := make([]group, len(indices))
		for i, index := range indices {
			found[i] = groups[index]
		}
		return found
	}, nil
}
