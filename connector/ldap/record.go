package ldap

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// stamps is what directories write of themselves: when and by whom an entry
// was made and changed, its numbers, and what follows from other entries. The
// groups of an account are held against each other as what it holds.
var stamps = []string{
	"createTimestamp", "creatorsName", "entryCSN", "entryDN", "entryUUID", "hasSubordinates", "memberOf", "modifiersName", "modifyTimestamp",
	"pwdChangedTime", "structuralObjectClass", "subschemaSubentry",
	// of Active Directory
	"badPasswordTime", "dSCorePropagationData", "lastLogoff", "lastLogon", "lastLogonTimestamp", "logonCount", "objectGUID", "objectSid", "pwdLastSet",
	"uSNChanged", "uSNCreated", "whenChanged", "whenCreated",
}

// Stamps implements connector.Recorder.
func (d *directory) Stamps() []string { return slices.Clone(stamps) }

// Record gives every attribute of an account, user and operational, each as
// its sorted values in quotes.
func (d *directory) Record(ctx context.Context, ref onus.AccountRef) (onus.Attributes, error) {
	all := onus.Attributes{}
	err := d.pool.with(ctx, "read", func(c *conn) error {
		r := d.accountsWhere("(" + d.is.ref + "=" + d.is.encodeRef(string(ref)) + ")")
		r.Attributes = []string{"*", "+"}
		found, err := c.search("read", r)
		if err != nil {
			return err
		}
		if len(found.Entries) != 1 {
			return &connector.Error{Kind: connector.NotFound, Op: "read", Message: "there is no account with " + d.is.ref + " " + string(ref) + " below " + d.set.peopleBase}
		}
		for _, a := range found.Entries[0].Attributes {
			if slices.ContainsFunc(stamps, func(s string) bool { return strings.EqualFold(s, a.Name) }) {
				continue
			}
			values := make([]string, len(a.ByteValues))
			for i, v := range a.ByteValues {
				values[i] = strconv.Quote(string(v))
			}
			slices.Sort(values)
			all[a.Name] = strings.Join(values, " ")
		}
		return nil
	})
	return all, err
}

// Mark implements connector.Watcher by the number of the last change that the
// server has: contextCSN where syncprov keeps one (RFC 4533), the highest USN
// in Active Directory.
func (d *directory) Mark(ctx context.Context) (string, error) {
	var marks []string
	err := d.pool.with(ctx, "watch", func(c *conn) error {
		root, err := c.search("watch", ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)",
			[]string{"namingContexts", "highestCommittedUSN"}, nil))
		if err != nil || len(root.Entries) != 1 {
			return err
		}
		marks = root.Entries[0].GetEqualFoldAttributeValues("highestCommittedUSN")
		for _, base := range root.Entries[0].GetEqualFoldAttributeValues("namingContexts") {
			found, err := c.search("watch", ldap.NewSearchRequest(base, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)", []string{"contextCSN"}, nil))
			if err != nil {
				return err
			}
			for _, e := range found.Entries {
				marks = append(marks, e.GetEqualFoldAttributeValues("contextCSN")...)
			}
		}
		return nil
	})
	if err == nil && len(marks) == 0 {
		err = &connector.Error{Kind: connector.Unsupported, Op: "watch", Message: "the directory keeps neither a contextCSN nor a highestCommittedUSN"}
	}
	slices.Sort(marks)
	return strings.Join(marks, " "), err
}
