// Package sqlapp is the connector for an application that keeps its accounts
// in its own SQL tables. The definition brings the statements: queries that
// say what is there, and deeds that change it. Values are always bound, never
// put into the text.
//
// It trusts no deed: each runs in one transaction with a read before it, which
// proves that nothing was to be done, and a read after it, which must show
// what was wanted or nothing is committed. What the application itself makes
// of its tables it cannot see, so a revocation is confirmed by stored state.
package sqlapp

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// app is a connector to one application.
type app struct {
	settings

	db *sql.DB
}

// withSessions is an app that says how to end sessions.
type withSessions struct{ *app }

// Open makes a connector. It checks the settings and connects to nothing yet.
//
// Settings: driver (sqlite or postgres), dsn (a path, or an address without a
// password), timeout; queries without values: accounts (columns ref, name,
// enabled, optionally version, and every attribute), holds (ref, entitlement
// like role:clerk, entitlement_ref, optionally via), entitlements (entitlement,
// ref; optional); sessions (optional: how many live ones :ref has); and deeds,
// each one or more statements separated by semicolons: create (:name, :attr_X),
// enable, disable, delete (:ref, :name), set_attributes (:ref, :name, :attr_X),
// grant, revoke (:ref, :name, :entitlement, :entitlement_name without its kind,
// :entitlement_ref), sessions_end (:ref; it must touch live sessions only).
// An empty value is NULL. On PostgreSQL the secret "password" is optional;
// secret says with an onus.NotFound, or with an empty text, that there is none.
func Open(given map[string]string, secret func(name string) (string, error)) (connector.Connector, error) {
	s, err := readSettings(given)
	if err != nil {
		return nil, err
	}
	db, err := s.open(secret)
	if err != nil {
		return nil, err
	}
	a := &app{settings: s, db: db}
	if len(s.do[endSessions]) > 0 {
		return withSessions{a}, nil
	}
	return a, nil
}

// Close lets the connections go.
func (a *app) Close() error { return a.db.Close() }

// Describe says what the definition lets the connector do.
func (a *app) Describe() connector.Description {
	d := connector.Description{
		Kind: "sql", Entitlements: []string{"role"},
		GrantTier: onus.TierStored, RevokeTier: onus.TierStored,
		Sessions: len(a.do[endSessions]) > 0,
	}
	for _, x := range []struct {
		deed deed
		verb onus.Verb
		list *[]onus.Verb
	}{
		{create, onus.EnsurePresent, &d.Account},
		{remove, onus.EnsureAbsent, &d.Account},
		{disable, onus.EnsureDisabled, &d.Account},
		{enable, onus.EnsureEnabled, &d.Account},
		{setAttributes, onus.EnsureAttributes, &d.Account},
		{grant, onus.EnsurePresent, &d.Grant},
		{revoke, onus.EnsureAbsent, &d.Grant},
	} {
		if len(a.do[x.deed]) > 0 {
			*x.list = append(*x.list, x.verb)
		}
	}
	// A verb can be undone when its opposite can be done. A deleted account
	// cannot come back: its successor has another ref.
	has := func(d deed) bool { return len(a.do[d]) > 0 }
	for _, x := range []struct {
		verb onus.Verb
		can  bool
	}{
		{onus.EnsurePresent, has(remove) || has(disable)},
		{onus.EnsureDisabled, has(disable) && has(enable)},
		{onus.EnsureEnabled, has(disable) && has(enable)},
		{onus.EnsureAttributes, has(setAttributes)},
	} {
		if x.can && (slices.Contains(d.Account, x.verb) || slices.Contains(d.Grant, x.verb)) {
			d.Reverses = append(d.Reverses, x.verb)
		}
	}
	return d
}

// Probe checks that the database can be reached, that the queries have the
// columns they need, and that every deed is SQL that it would carry out for
// us: EXPLAIN plans it without doing it.
func (a *app) Probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	none := func(connector.Account) error { return nil }
	if err := a.each(ctx, a.db, a.joined("WHERE 1 = 0"), none); err != nil {
		return failure("probe", "try the queries accounts and holds", err)
	}
	if a.list != "" {
		query := statement{text: "SELECT e.entitlement, e.ref FROM (\n" + a.list + "\n) e"}
		if err := a.explain(ctx, query); err != nil {
			return failure("probe", "try the query entitlements", err)
		}
	}
	for d, list := range a.do {
		for _, st := range list {
			if err := a.explain(ctx, st); err != nil {
				return failure("probe", "try the statement "+string(d), err)
			}
		}
	}
	for _, st := range a.sessions {
		if err := a.explain(ctx, st); err != nil {
			return failure("probe", "try the query sessions", err)
		}
	}
	return nil
}

func (a *app) explain(ctx context.Context, st statement) error {
	first, _, _ := strings.Cut(st.text, " ")
	switch strings.ToUpper(strings.TrimSpace(first)) {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "WITH":
	default:
		return nil // what cannot be explained is found out when it is done
	}
	rows, err := a.db.QueryContext(ctx, "EXPLAIN "+st.text, st.args(nil)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		continue // the plan is of no interest, only whether there is one
	}
	return rows.Err()
}
