package sqlapp

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// Apply makes one desired state true, in one transaction.
func (a *app) Apply(ctx context.Context, want connector.Desired) (connector.Result, error) {
	do, deed, err := a.plan(want)
	if err != nil {
		return connector.Result{}, err
	}
	if deed != "" && len(a.do[deed]) == 0 {
		return connector.Result{}, refuse(connector.Unsupported, "apply", "the definition of the application has no statement %q", deed)
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	what := string(deed) + " " + strings.TrimSpace(want.Target.Entitlement+" "+want.Target.Name)
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return connector.Result{}, failure("apply", what, err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	result, err := do(ctx, tx, want)
	if err != nil {
		return connector.Result{}, failure("apply", what, err)
	}
	if result.Outcome == connector.NoChange {
		return result, nil
	}
	if err := ctx.Err(); err != nil {
		return connector.Result{}, failure("apply", what, err)
	}
	if err := tx.Commit(); err != nil {
		return connector.Result{}, uncommitted(what, err)
	}
	return result, nil
}

type carrier func(ctx context.Context, tx *sql.Tx, want connector.Desired) (connector.Result, error)

// plan says how a verb is carried out, and by which deed.
func (a *app) plan(want connector.Desired) (carrier, deed, error) {
	if want.Target.IsGrant() {
		switch want.Verb {
		case onus.EnsurePresent:
			return a.grant, grant, nil
		case onus.EnsureAbsent:
			return a.revoke, revoke, nil
		case onus.EnsureDisabled, onus.EnsureEnabled, onus.EnsureAttributes:
		}
		return nil, "", refuse(connector.Unsupported, "apply", "a grant cannot be made %q", want.Verb)
	}
	switch want.Verb {
	case onus.EnsurePresent:
		return a.present, create, nil
	case onus.EnsureAbsent:
		return a.absent, remove, nil
	case onus.EnsureDisabled:
		return a.disable, disable, nil
	case onus.EnsureEnabled:
		return a.enable, enable, nil
	case onus.EnsureAttributes:
		return a.change, setAttributes, nil
	}
	return nil, "", refuse(connector.Unsupported, "apply", "an account cannot be made %q", want.Verb)
}

// hold reads the account under a lock that keeps our other transactions off
// it, and checks that it has not moved on. On SQLite the transaction itself
// is that lock.
func (a *app) hold(ctx context.Context, tx *sql.Tx, want connector.Desired) (connector.Account, error) {
	if want.Target.Account == "" {
		if err := a.lock(ctx, tx, "name "+want.Target.Name); err != nil {
			return connector.Account{}, err
		}
	}
	x, err := a.lookup(ctx, tx, "apply", want.Target.Account, want.Target.Name)
	if err == nil && a.dialect == onPostgres {
		if err := a.lock(ctx, tx, "ref "+string(x.Ref)); err != nil {
			return connector.Account{}, err
		}
		x, err = a.lookup(ctx, tx, "apply", x.Ref, "")
	}
	if err == nil && want.Version != "" && want.Version != x.Version {
		return x, refuse(connector.Conflict, "apply", "the account %s has changed since it was read", x.Name)
	}
	return x, err
}

func (a *app) lock(ctx context.Context, tx *sql.Tx, what string) error {
	if a.dialect != onPostgres {
		return nil
	}
	const ours = 0x6f6e7573 // "onus"
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1::int, hashtext($2::text))`, ours, strings.ReplaceAll(what, "\x00", ""))
	return failure("apply", "lock an account", err)
}

// run carries a deed out and says how many rows it touched.
func (a *app) run(ctx context.Context, tx *sql.Tx, d deed, values map[string]string) (int64, error) {
	if len(a.do[d]) == 0 {
		return 0, refuse(connector.Unsupported, "apply", "the definition of the application has no statement %q", d)
	}
	total := int64(0)
	for _, st := range a.do[d] {
		result, err := tx.ExecContext(ctx, st.text, st.args(values)...)
		if err != nil {
			return total, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

func notFound(err error) bool { return err != nil && connector.KindOf(err) == connector.NotFound }

func same(x connector.Account) connector.Result {
	return connector.Result{Outcome: connector.NoChange, Ref: x.Ref}
}

func wrote(x connector.Account) connector.Result {
	return connector.Result{Outcome: connector.Wrote, Ref: x.Ref}
}

func valuesOf(x connector.Account) map[string]string {
	return map[string]string{"ref": string(x.Ref), "name": x.Name}
}

// without refuses a deed that ran and after which it is not so.
func without(d deed, x string) error {
	return refuse(connector.Constraint, "apply", "the statement %q ran, and a read shows that it had no effect on %s; nothing was committed", d, x)
}

// present creates the account or brings its attributes up to what is wanted.
func (a *app) present(ctx context.Context, tx *sql.Tx, want connector.Desired) (connector.Result, error) {
	x, err := a.hold(ctx, tx, want)
	if err == nil {
		return a.set(ctx, tx, x, want.Attributes)
	}
	if !notFound(err) || want.Target.Account != "" {
		return connector.Result{}, err
	}
	name := want.Target.Name
	if name == "" || strings.ContainsRune(name, 0) {
		return connector.Result{}, refuse(connector.Invalid, "apply", "%q is no name for an account", name)
	}
	values := map[string]string{"name": name}
	for key, value := range want.Attributes {
		values[attrPrefix+key] = value
	}
	if _, err := a.run(ctx, tx, create, values); taken(err) {
		return connector.Result{}, &connector.Error{
			Kind: connector.AlreadyExists, Op: "apply", Err: err,
			Message: "the application has another account with the name " + name + " or another of its unique values",
		}
	} else if err != nil {
		return connector.Result{}, err
	}
	x, err = a.lookup(ctx, tx, "apply", "", name)
	if notFound(err) {
		return connector.Result{}, without(create, name)
	}
	if err != nil {
		return connector.Result{}, err
	}
	_, err = a.set(ctx, tx, x, want.Attributes) // what create does not take
	return wrote(x), err
}

// differing gives the wanted attributes that the account does not have so.
func differing(x connector.Account, wanted onus.Attributes) onus.Attributes {
	d := onus.Attributes{}
	for key, value := range wanted {
		if x.Attributes[key] != value {
			d[key] = value
		}
	}
	return d
}

// set writes attributes that differ; those that are not named keep their value.
func (a *app) set(ctx context.Context, tx *sql.Tx, x connector.Account, wanted onus.Attributes) (connector.Result, error) {
	d := differing(x, wanted)
	if len(d) == 0 {
		return same(x), nil
	}
	values := valuesOf(x)
	for key, value := range x.Attributes {
		values[attrPrefix+key] = value
	}
	for _, key := range slices.Sorted(maps.Keys(d)) {
		if !uses(a.do[setAttributes], attrPrefix+key) {
			return connector.Result{}, refuse(connector.Unsupported, "apply", "the statement \"set_attributes\" does not set %q (it has no :%s%s)", key, attrPrefix, key)
		}
		values[attrPrefix+key] = d[key]
	}
	if _, err := a.run(ctx, tx, setAttributes, values); err != nil {
		return connector.Result{}, err
	}
	now, err := a.lookup(ctx, tx, "apply", x.Ref, "")
	if err != nil {
		return connector.Result{}, err
	}
	if left := differing(now, d); len(left) > 0 {
		return connector.Result{}, without(setAttributes, x.Name+" ("+strings.Join(slices.Sorted(maps.Keys(left)), ", ")+")")
	}
	return wrote(x), nil
}

func (a *app) change(ctx context.Context, tx *sql.Tx, want connector.Desired) (connector.Result, error) {
	x, err := a.hold(ctx, tx, want)
	if err != nil {
		return connector.Result{}, err
	}
	return a.set(ctx, tx, x, want.Attributes)
}

// absent deletes the account, its sessions first.
func (a *app) absent(ctx context.Context, tx *sql.Tx, want connector.Desired) (connector.Result, error) {
	x, err := a.hold(ctx, tx, want)
	if notFound(err) {
		gone := connector.Account{Ref: want.Target.Account}
		if malformed(err) { // no ref of this application's: nothing hangs on it
			return same(gone), nil
		}
		n, err := a.end(ctx, tx, gone)
		if n > 0 {
			return wrote(gone), err
		}
		return same(gone), err
	}
	if err != nil {
		return connector.Result{}, err
	}
	if _, err := a.end(ctx, tx, x); err != nil {
		return connector.Result{}, err
	}
	if _, err := a.run(ctx, tx, remove, valuesOf(x)); err != nil {
		return connector.Result{}, err
	}
	switch _, err := a.lookup(ctx, tx, "apply", x.Ref, ""); {
	case err == nil:
		return connector.Result{}, without(remove, x.Name)
	case !notFound(err):
		return connector.Result{}, err
	}
	return wrote(x), nil
}

// end ends the sessions of an account where the definition says how.
func (a *app) end(ctx context.Context, tx *sql.Tx, x connector.Account) (int64, error) {
	if len(a.do[endSessions]) == 0 || x.Ref == "" {
		return 0, nil
	}
	n, err := a.run(ctx, tx, endSessions, map[string]string{"ref": string(x.Ref)})
	if malformed(err) {
		return 0, nil // no ref of ours
	}
	return n, err
}

func (a *app) disable(ctx context.Context, tx *sql.Tx, want connector.Desired) (connector.Result, error) {
	x, err := a.hold(ctx, tx, want)
	if err != nil {
		return connector.Result{}, err
	}
	if x.Enabled {
		if err := a.turn(ctx, tx, disable, x, false); err != nil {
			return connector.Result{}, err
		}
	}
	n, err := a.end(ctx, tx, x)
	if n > 0 || x.Enabled {
		return wrote(x), err
	}
	return same(x), err
}

func (a *app) enable(ctx context.Context, tx *sql.Tx, want connector.Desired) (connector.Result, error) {
	x, err := a.hold(ctx, tx, want)
	if err != nil {
		return connector.Result{}, err
	}
	result, err := a.set(ctx, tx, x, want.Attributes)
	if err != nil || x.Enabled {
		return result, err
	}
	return wrote(x), a.turn(ctx, tx, enable, x, true)
}

func (a *app) turn(ctx context.Context, tx *sql.Tx, d deed, x connector.Account, on bool) error {
	if _, err := a.run(ctx, tx, d, valuesOf(x)); err != nil {
		return err
	}
	now, err := a.lookup(ctx, tx, "apply", x.Ref, "")
	if err == nil && now.Enabled != on {
		return without(d, x.Name)
	}
	return err
}
