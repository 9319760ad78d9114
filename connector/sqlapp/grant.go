package sqlapp

import (
	"context"
	"database/sql"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// item is something that can be granted, as the application has it today.
type item struct {
	name string // "role:clerk"
	ref  onus.EntitlementRef
}

func (i item) is(h onus.Held) bool {
	if i.ref != "" {
		return h.Ref == i.ref
	}
	return h.Entitlement == i.name
}

func (i item) values(x connector.Account) map[string]string {
	values := valuesOf(x)
	_, bare, _ := strings.Cut(i.name, ":")
	values["entitlement"], values["entitlement_name"], values["entitlement_ref"] = i.name, bare, string(i.ref)
	return values
}

// itemOf finds what a target means: by its ref, or by its name while that is
// not known. Where the definition has no list of what can be granted, the
// target's own word stands, and the read after the deed decides.
func (a *app) itemOf(ctx context.Context, q querier, t onus.Target) (item, error) {
	want := item{name: t.Entitlement, ref: t.EntitlementRef}
	if a.list == "" {
		return want, nil
	}
	column, value := "e.entitlement", t.Entitlement
	if t.EntitlementRef != "" {
		column, value = "e.ref", string(t.EntitlementRef)
	}
	none := refuse(connector.PrincipalMissing, "apply", "the application has no %s (ref %q)", t.Entitlement, t.EntitlementRef)
	if strings.ContainsRune(value, 0) {
		return item{}, none
	}
	rows, err := q.QueryContext(ctx, "SELECT e.entitlement, e.ref FROM (\n"+a.list+"\n) e WHERE "+column+" = "+a.placeholder(), value)
	if malformed(err) {
		return item{}, none
	}
	if err != nil {
		return item{}, err
	}
	defer rows.Close()
	var found []item
	for rows.Next() {
		var name, ref string
		if err := rows.Scan(&name, &ref); err != nil {
			return item{}, refuse(connector.Invalid, "apply", "the query entitlements gives a value that is NULL or cannot be told as text")
		}
		found = append(found, item{name: name, ref: onus.EntitlementRef(ref)})
	}
	switch err := rows.Err(); {
	case malformed(err):
		return item{}, none
	case err != nil:
		return item{}, err
	case len(found) == 0:
		return item{}, none
	case len(found) > 1:
		return item{}, refuse(connector.Invalid, "apply", "the application has %d of %s", len(found), t.Entitlement)
	}
	return found[0], nil
}

// held gives the account's direct holding of an item, and through what else
// it has it.
func held(x connector.Account, i item) (direct *onus.Held, through []string) {
	for n, h := range x.Holds {
		switch {
		case !i.is(h):
		case h.Path == onus.Direct:
			direct = &x.Holds[n]
		default:
			through = append(through, h.Via)
		}
	}
	return direct, through
}

func withItem(r connector.Result, ref onus.EntitlementRef) connector.Result {
	r.EntitlementRef = ref
	return r
}

// grant gives the account the entitlement directly.
func (a *app) grant(ctx context.Context, tx *sql.Tx, want connector.Desired) (connector.Result, error) {
	x, err := a.hold(ctx, tx, want)
	if err != nil {
		return connector.Result{}, err
	}
	i, err := a.itemOf(ctx, tx, want.Target)
	if err != nil {
		return connector.Result{}, err
	}
	if h, _ := held(x, i); h != nil {
		return withItem(same(x), h.Ref), nil
	}
	n, err := a.run(ctx, tx, grant, i.values(x))
	if dangling(err) {
		return connector.Result{}, &connector.Error{Kind: connector.PrincipalMissing, Op: "apply", Message: "the application has no " + want.Target.Entitlement, Err: err}
	}
	if err != nil {
		return connector.Result{}, err
	}
	now, err := a.lookup(ctx, tx, "apply", x.Ref, "")
	if err != nil {
		return connector.Result{}, err
	}
	h, _ := held(now, i)
	switch {
	case h == nil && n == 0:
		return connector.Result{}, refuse(connector.PrincipalMissing, "apply",
			"the statement \"grant\" touched no row: the application seems to have no %s", want.Target.Entitlement)
	case h == nil:
		return connector.Result{}, without(grant, x.Name+" and "+want.Target.Entitlement)
	}
	return withItem(wrote(x), h.Ref), nil
}

// revoke takes away what is held directly.
func (a *app) revoke(ctx context.Context, tx *sql.Tx, want connector.Desired) (connector.Result, error) {
	x, err := a.hold(ctx, tx, want)
	if notFound(err) { // who is not there holds nothing
		return connector.Result{Outcome: connector.NoChange, Ref: want.Target.Account, EntitlementRef: want.Target.EntitlementRef}, nil
	}
	if err != nil {
		return connector.Result{}, err
	}
	i := item{name: want.Target.Entitlement, ref: want.Target.EntitlementRef}
	h, through := held(x, i)
	switch {
	case h == nil && len(through) > 0:
		return connector.Result{}, refuse(connector.Constraint, "apply",
			"%s has %s only through %s, which is another grant", x.Name, want.Target.Entitlement, strings.Join(through, ", "))
	case h == nil && i.ref == "":
		// Held by nobody of that name; perhaps it was renamed, and is held.
		if _, err := a.itemOf(ctx, tx, want.Target); err != nil {
			return connector.Result{}, err
		}
		return withItem(same(x), i.ref), nil
	case h == nil:
		return withItem(same(x), i.ref), nil
	}
	i = item{name: h.Entitlement, ref: h.Ref} // as it is called today
	if _, err := a.run(ctx, tx, revoke, i.values(x)); err != nil {
		return connector.Result{}, err
	}
	now, err := a.lookup(ctx, tx, "apply", x.Ref, "")
	if err != nil {
		return connector.Result{}, err
	}
	if h, _ := held(now, i); h != nil {
		return connector.Result{}, without(revoke, x.Name+" and "+want.Target.Entitlement)
	}
	return withItem(wrote(x), i.ref), nil
}
