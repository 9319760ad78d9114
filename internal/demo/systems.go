package demo

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/onus-id/onus/internal/demo/company"
	"github.com/onus-id/onus/internal/demo/ledgerapp"
	"github.com/onus-id/onus/internal/demo/scimdir"
	"github.com/onus-id/onus/internal/rig"
)

// systems are the two targets of the demo, with what an outsider needs to
// look into them.
type systems struct {
	directoryURL string
	ledger       string // a file or an address
	secrets      map[string]string
	directory    *scimdir.Directory // embedded only
	stop         func()
}

const directoryToken = "demo-token-for-loopback-only" //nolint:gosec // a made-up directory on loopback

func startEmbedded(ctx context.Context, dir string, now func() time.Time) (systems, error) {
	d := scimdir.New(scimdir.Options{Token: directoryToken, Now: now})
	if err := d.Keep(filepath.Join(dir, "corp-directory.jsonl")); err != nil {
		return systems{}, err
	}
	groups, err := company.Catalogue("corp-directory")
	if err != nil {
		return systems{}, err
	}
	if err := d.EnsureGroups(groups...); err != nil {
		return systems{}, err
	}
	url, stop, err := d.Serve(ctx, "127.0.0.1:0")
	if err != nil {
		return systems{}, err
	}
	app, err := filepath.Abs(filepath.Join(dir, "finance-ledger.db"))
	if err != nil {
		stop()
		return systems{}, fmt.Errorf("find the demo's folder: %w", err)
	}
	if err = ledgerapp.Create(ctx, app); err == nil {
		err = ledgerapp.Seed(ctx, app)
	}
	if err != nil {
		stop()
		return systems{}, err
	}
	return systems{
		directoryURL: url, ledger: app, directory: d, secrets: map[string]string{"directory-token": directoryToken},
		stop: func() {
			stop()
			_ = d.Close() // every change was written before it was answered
		},
	}, nil
}

// startReal starts OpenLDAP and PostgreSQL in throwaway folders.
func startReal(ctx context.Context, _ string) (systems, error) {
	slapd, err := rig.StartSlapd(ctx)
	if err != nil {
		return systems{}, err
	}
	pg, err := rig.StartPostgres(ctx, false)
	if err != nil {
		slapd.Stop()
		return systems{}, err
	}
	s := systems{
		directoryURL: slapd.URL(), ledger: pg.URL("postgres"), secrets: map[string]string{"directory-password": slapd.Password()},
		stop: func() {
			slapd.Stop()
			pg.Stop()
		},
	}
	if err := furnish(ctx, slapd, pg); err != nil {
		s.stop()
		return systems{}, err
	}
	return s, nil
}
