package demo

import (
	"context"
	"fmt"

	"github.com/go-ldap/ldap/v3"
	"github.com/jackc/pgx/v5"

	"github.com/onus-id/onus/internal/demo/company"
	"github.com/onus-id/onus/internal/rig"
)

// furnish gives the real systems what the company's definitions speak of:
// groups with nobody in them, and the ledger's roles.
func furnish(ctx context.Context, slapd *rig.Slapd, pg *rig.Postgres) error {
	conn, err := ldap.DialURL(slapd.URL())
	if err != nil {
		return fmt.Errorf("furnish the directory: %w", err)
	}
	defer conn.Close()
	if err := conn.Bind(slapd.RootDN(), slapd.RootPassword()); err != nil {
		return fmt.Errorf("furnish the directory: %w", err)
	}
	groups, err := company.Catalogue("corp-directory")
	if err != nil {
		return err
	}
	for _, g := range groups {
		add := ldap.NewAddRequest("cn="+g+","+rig.SlapdGroups, nil)
		add.Attribute("objectClass", []string{"groupOfNames"})
		add.Attribute("cn", []string{g})
		add.Attribute("member", []string{rig.SlapdNobody})
		if err := conn.Add(add); err != nil {
			return fmt.Errorf("furnish the directory with %s: %w", g, err)
		}
	}
	db, err := pgx.Connect(ctx, pg.URL("postgres"))
	if err != nil {
		return fmt.Errorf("furnish the ledger: %w", err)
	}
	defer db.Close(ctx)
	roles, err := company.Catalogue("finance-ledger")
	if err != nil {
		return err
	}
	for _, role := range append(roles, "onus_accounts") { // whoever is a member of the last is managed
		if _, err := db.Exec(ctx, "CREATE ROLE "+role+" NOLOGIN"); err != nil {
			return fmt.Errorf("furnish the ledger with %s: %w", role, err)
		}
	}
	return nil
}
