// Package authority says who may do what, by one Cedar policy over who owns
// and is asked what (policy.cedar), and names the policy that decided. It is
// pure: who stands for a duty, who is active and what something is about are
// given to it.
package authority

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"

	"github.com/onus-id/onus"
)

//go:embed policy.cedar
var document []byte

// A Role is what somebody is in the whole organisation, beside their duties.
type Role string

// The roles. None of them gives a say in whose access is right: an
// administrator runs Onus, an auditor reads, and a head is the last resort.
const (
	Administrator Role = "administrator"
	Auditor       Role = "auditor"
	Head          Role = "head" // of the organisation's escalation
)

// Somebody is who wants to do something.
type Somebody struct {
	Name       string   // mail address; of a machine, its identity's ID
	Machine    bool     // a machine identity with a token
	Active     bool     // on the roster today; of a machine: it, its sponsor, and in whose place it acts
	Roles      []Role   //
	Administer []string // business units that they administer
	Scopes     []string // of a machine: what its token is for
	Place      string   // of an AI agent: mail address of the person in whose place it acts
}

// A Thing is what it would be done to. The names in it are mail addresses, or
// a machine's ID, of people as of now.
type Thing struct {
	Kind string // "approval", "exception", "version", "workflow", "system", "identity" …
	ID   string

	Owners     []string // who answers for it, and whoever stands in for them
	Controls   []string // the control owners of its workflow
	Asked      []string // whom it waits for
	Route      []string // who else may be asked in time
	Subjects   []string // whom it is about
	Managers   []string // of the subjects: manager, sponsor
	Requesters []string // who asked for it
	Authors    []string // who wrote it
	Units      []string // business units that it belongs to
}

// A Ruling says whether somebody may, by which policy, and why in one clause.
type Ruling struct {
	Allowed bool   `json:"allowed"`
	Policy  string `json:"policy,omitempty"` // what decided; empty: nothing permits it
	Says    string `json:"says"`
}

// Err is the ruling as an error for who was denied; nil when it allows.
func (r Ruling) Err() error {
	if r.Allowed {
		return nil
	}
	return onus.Errorf(onus.Denied, "onus can WHO ACTION WHAT says who may", "%s", r.Says)
}

// A Policy decides. The zero value knows nothing: use Default.
type Policy struct {
	set    *cedar.PolicySet
	says   map[string]string   // by policy
	permit map[string][]string // by group: what its permits say, in the order of the file
}

// Default is the policy that comes with Onus.
var Default = mustParse(document)

func mustParse(document []byte) *Policy {
	p, err := parse(document)
	if err != nil {
		panic("authority: " + err.Error()) // it is embedded, and every test would stop here
	}
	return p
}

func parse(document []byte) (*Policy, error) {
	list, err := cedar.NewPolicyListFromBytes("policy.cedar", document)
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	p := &Policy{set: cedar.NewPolicySet(), says: map[string]string{}, permit: map[string][]string{}}
	for i, policy := range list {
		notes := policy.Annotations()
		id, says := string(notes["id"]), string(notes["says"])
		if id == "" || says == "" || p.says[id] != "" {
			return nil, fmt.Errorf("policy %d has no id of its own, or says nothing", i+1)
		}
		p.set.Add(types.PolicyID(id), policy)
		p.says[id] = says
		if policy.Effect() == cedar.Permit {
			group, _, _ := strings.Cut(id, ".")
			p.permit[group] = append(p.permit[group], says)
		}
	}
	return p, nil
}

// Decide says whether somebody may do something to a thing.
func (p *Policy) Decide(who Somebody, act Action, on Thing) Ruling {
	group, known := groupOf[act]
	if !known {
		return Ruling{Says: fmt.Sprintf("nobody knows what it is to %q", act)}
	}
	principal := personUID(who.Name)
	if who.Machine {
		principal = cedar.NewEntityUID("Machine", cedar.String(who.Name))
	}
	resource := cedar.NewEntityUID("Thing", cedar.String(on.Kind+" "+on.ID))
	action := cedar.NewEntityUID("Action", cedar.String(act))
	verdict, diag := cedar.Authorize(p.set, entities(principal, who, action, group, resource, on), cedar.Request{
		Principal: principal, Action: action, Resource: resource, Context: cedar.NewRecord(cedar.RecordMap{}),
	})
	what := strings.TrimSpace(fmt.Sprintf("%s %s %s", act, on.Kind, on.ID))
	switch {
	case len(diag.Errors) > 0:
		// A policy that cannot be evaluated might have been the one that forbids.
		return Ruling{Policy: string(diag.Errors[0].PolicyID), Says: fmt.Sprintf("%s may not %s: the policy cannot be evaluated", who.Name, what)}
	case verdict == cedar.Allow:
		id := decider(diag)
		return Ruling{Allowed: true, Policy: id, Says: fmt.Sprintf("%s may %s, as %s", who.Name, what, p.says[id])}
	case len(diag.Reasons) > 0:
		id := decider(diag)
		return Ruling{Policy: id, Says: fmt.Sprintf("%s may not %s: %s", who.Name, what, p.says[id])}
	default:
		return Ruling{Says: fmt.Sprintf("%s may not %s: only %s may", who.Name, what, strings.Join(p.permit[group], "; or "))}
	}
}

// decider is the policy to name where several decide alike: always the same.
func decider(diag cedar.Diagnostic) string {
	ids := make([]string, len(diag.Reasons))
	for i, r := range diag.Reasons {
		ids[i] = string(r.PolicyID)
	}
	return slices.Min(ids)
}

func entities(principal types.EntityUID, who Somebody, action types.EntityUID, group string, resource types.EntityUID, on Thing) types.EntityMap {
	roles := make([]types.EntityUID, len(who.Roles))
	for i, r := range who.Roles {
		roles[i] = cedar.NewEntityUID("Role", cedar.String(r))
	}
	groups := []types.EntityUID{cedar.NewEntityUID("Action", cedar.String(group))}
	for name, members := range map[string][]string{"deciding": deciding, "changing": changing} {
		if slices.Contains(members, group) {
			groups = append(groups, cedar.NewEntityUID("Action", cedar.String(name)))
		}
	}
	return types.EntityMap{
		principal: {
			UID: principal, Parents: types.NewEntityUIDSet(roles...),
			Attributes: cedar.NewRecord(cedar.RecordMap{
				"active": cedar.Boolean(who.Active), "administers": texts(who.Administer), "scopes": texts(who.Scopes), "places": names(principal, []string{who.Place}),
			}),
		},
		action: {UID: action, Parents: types.NewEntityUIDSet(groups...)},
		resource: {
			UID: resource,
			Attributes: cedar.NewRecord(cedar.RecordMap{
				"owners": names(principal, on.Owners), "controls": names(principal, on.Controls), "asked": names(principal, on.Asked),
				"route": names(principal, on.Route), "subjects": names(principal, on.Subjects), "managers": names(principal, on.Managers),
				"requesters": names(principal, on.Requesters), "authors": names(principal, on.Authors), "units": texts(on.Units),
			}),
		},
	}
}

// names makes people of mail addresses, whatever case they are written in.
// The principal stands for itself, so that a machine is never taken for the
// person of the same name.
func names(principal types.EntityUID, list []string) cedar.Set {
	var set []cedar.Value
	for _, name := range list {
		uid := personUID(name)
		if principal.Type == "Machine" && string(principal.ID) == name {
			uid = principal
		}
		if name != "" {
			set = append(set, uid)
		}
	}
	return cedar.NewSet(set...)
}

func personUID(mail string) types.EntityUID {
	return cedar.NewEntityUID("Person", cedar.String(strings.ToLower(mail)))
}

func texts(list []string) cedar.Set {
	set := make([]cedar.Value, len(list))
	for i, s := range list {
		set[i] = cedar.String(s)
	}
	return cedar.NewSet(set...)
}
