package export

import (
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/trail"
	"github.com/onus-id/onus/ledger"
)

// classify gives the class and activity of an event, and what its class
// requires.
func classify(l trail.Line) (int, activity, object) {
	e := l.Event
	if e.Type == ledger.ObjectErased && e.Object.Kind != "identity" {
		return entity(l, activity{4, "Delete"})
	}
	switch e.Object.Kind {
	case "account":
		return account(l)
	case "identity":
		return identity(l)
	case "grant":
		return grant(l)
	case "change":
		return change(l)
	case "workflow":
		return role(l)
	case "record":
		if e.Type == ledger.RecordGone {
			return entity(l, activity{4, "Delete"})
		}
	}
	return entity(l, createOrUpdate(l, 3))
}

// createOrUpdate is what made the object, or changed it; every class numbers
// the making 1.
func createOrUpdate(l trail.Line, update int) activity {
	if l.Event.Object.Version == 1 {
		return activity{1, "Create"}
	}
	return activity{update, "Update"}
}

func entity(l trail.Line, act activity) (int, activity, object) {
	o := l.Event.Object
	return entityManagement, act, object{"entity": object{"type": o.Kind, "uid": o.ID}}
}

// other is an activity that OCSF has no number for.
func other(name string) activity { return activity{99, name} }

// account: what a system shows of an account.
func account(l trail.Line) (int, activity, object) {
	a := decode[onus.Account](l)
	var act activity
	switch {
	case l.Event.Type == ledger.AccountGone:
		act = activity{6, "Delete"}
	case l.Event.Object.Version == 1:
		act = activity{1, "Create"}
	case l.Erased:
		act = other("Observed")
	case !a.Enabled:
		act = activity{5, "Disable"}
	default:
		act = other("Observed")
	}
	system, ref, _ := strings.Cut(l.Event.Object.ID, "/")
	return accountChange, act, accountOf(l, l.Subject, onus.SystemName(system), ref)
}

// accountOf is an account as the user that OCSF has: the identity where it is
// known, with the account beside it.
func accountOf(l trail.Line, holder string, system onus.SystemName, ref string) object {
	u := user(l, holder)
	if holder == "" {
		u["uid"] = string(system) + "/" + ref // nobody's: an orphan
	}
	if ref != "" {
		u["account"] = object{"uid": ref, "type_id": 99, "type": string(system)}
	}
	u["domain"] = string(system)
	return object{"user": u}
}

// identity: who somebody is.
func identity(l trail.Line) (int, activity, object) {
	act := createOrUpdate(l, 2)
	if l.Event.Type == ledger.ObjectErased {
		act = activity{3, "Delete"}
	}
	return userManagement, act, object{"user": user(l, l.Event.Object.ID)}
}

// grant: what somebody holds, or is to hold, and what not any more.
func grant(l trail.Line) (int, activity, object) {
	g := decode[onus.Grant](l)
	given := l.Event.Type == ledger.GrantObserved || l.Event.Type == ledger.GrantWarranted
	if g.System == "" { // erased: the object's ID has it
		g.System, g.Entitlement = partsOf(l.Event.Object.ID)
	}
	return held(l, string(g.Identity), g.System, string(g.Account), g.Entitlement, given)
}

// partsOf takes a grant's ID apart: system/holder/entitlement.
func partsOf(id string) (onus.SystemName, string) {
	parts := strings.SplitN(id, "/", 3)
	if len(parts) < 3 {
		return onus.SystemName(parts[0]), ""
	}
	return onus.SystemName(parts[0]), parts[2]
}

// held says that an entitlement was given or taken: membership of a group is
// the group's matter in OCSF, a role or a privilege the user's.
func held(l trail.Line, holder string, system onus.SystemName, ref, entitlement string, given bool) (int, activity, object) {
	pick := func(give, take activity) activity {
		if given {
			return give
		}
		return take
	}
	kind, name, _ := strings.Cut(entitlement, ":")
	who := accountOf(l, holder, system, ref)
	switch {
	case entitlement == "":
		return accountChange, pick(activity{1, "Create"}, activity{6, "Delete"}), who
	case kind == "group":
		return groupManagement, pick(activity{3, "Add User"}, activity{4, "Remove User"}), object{
			"group": object{"name": name, "uid": string(system) + "/" + entitlement, "domain": string(system)}, "users": []any{who["user"]},
		}
	case kind == "role":
		who["iam_roles"] = []any{object{"name": name, "uid": string(system) + "/" + entitlement}}
		return userManagement, pick(activity{16, "Assign Roles"}, activity{17, "Remove Roles"}), who
	default:
		who["privileges"] = []any{entitlement}
		return userManagement, pick(activity{14, "Assign Privileges"}, activity{15, "Remove Privileges"}), who
	}
}

// change: what Onus is about to do, did, or could not do on a system.
func change(l trail.Line) (int, activity, object) {
	c := decode[onus.Change](l)
	t := c.Planned.Target
	if t.System == "" {
		return entity(l, createOrUpdate(l, 3)) // erased, or damaged
	}
	if t.IsGrant() {
		return held(l, string(c.Identity), t.System, string(t.Account), t.Entitlement, !c.Planned.Verb.TakesAway())
	}
	act := map[onus.Verb]activity{
		onus.EnsurePresent: {1, "Create"}, onus.EnsureEnabled: {2, "Enable"}, onus.EnsureDisabled: {5, "Disable"}, onus.EnsureAbsent: {6, "Delete"},
	}[c.Planned.Verb]
	if act.id == 0 {
		act = other("Attributes")
	}
	return accountChange, act, accountOf(l, string(c.Identity), t.System, string(t.Account))
}

// role: a workflow is what products of this kind call a business role, the
// rule by which somebody is given access for who they are.
func role(l trail.Line) (int, activity, object) {
	name := l.Event.Object.ID
	return roleManagement, createOrUpdate(l, 2), object{"iam_role": object{"name": name, "uid": "workflow/" + name}}
}
