package planning_test

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flow/expr"
	"github.com/onus-id/onus/internal/planning"
)

var (
	now = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	day = 24 * time.Hour
)

var env = func() *expr.Env {
	names := []string{"login", "mail", "department", "manager", "status", "d0", "d1", "d2", "d3"}
	fields := make([]expr.Field, 0, len(names)+1)
	for _, name := range names {
		fields = append(fields, expr.Field{Name: name, Type: expr.String})
	}
	e, err := expr.NewEnv(append(fields, expr.Field{Name: "grade", Type: expr.Int}))
	if err != nil {
		panic(err)
	}
	return e
}()

func condition(src string) *expr.Program { return compiled(src, expr.Bool) }

func text(src string) *expr.Program { return compiled(src, expr.String) }

func compiled(src string, want expr.Type) *expr.Program {
	p, err := env.Compile(src, want)
	if err != nil {
		panic(src + ": " + err.Error())
	}
	return p
}

// when is `""`: always.
func grantStep(id, when string, system onus.SystemName, entitlement string) flow.Step {
	s := flow.Step{ID: id, Confirm: 2 * time.Minute, Grant: &flow.GrantStep{System: system}}
	if strings.Contains(entitlement, "'") {
		s.Grant.Entitlement = text(entitlement)
		s.Uses = s.Grant.Entitlement.Uses()
	} else {
		s.Grant.Entitlement, s.Grant.Constant = expr.Literal(entitlement), entitlement
	}
	if when != "" {
		s.When = condition(when)
		s.Uses = slices.Compact(slices.Sorted(slices.Values(slices.Concat(s.Uses, s.When.Uses()))))
	}
	return s
}

// attributes are "name=expression".
func accountStep(id string, system onus.SystemName, attributes ...string) flow.Step {
	s := flow.Step{ID: id, Confirm: 2 * time.Minute, Reverse: "disable", Account: &flow.AccountStep{System: system, Attributes: map[string]*expr.Program{}}}
	for _, a := range attributes {
		name, src, _ := strings.Cut(a, "=")
		s.Account.Attributes[name] = text(src)
		s.Uses = append(s.Uses, s.Account.Attributes[name].Uses()...)
	}
	slices.Sort(s.Uses)
	return s
}

func withdrawStep(id string, systems ...onus.SystemName) flow.Step {
	return flow.Step{ID: id, Confirm: 5 * time.Minute, Withdraw: &flow.WithdrawStep{Systems: systems, Accounts: "disabled", Grants: true, Sessions: true}}
}

func workflow(name onus.WorkflowName, steps ...flow.Step) *flow.Workflow {
	return &flow.Workflow{
		Name: name, Owner: "priya@acme.example", Source: "hr", Steps: steps,
		Controls: flow.Controls{Provisioning: "mara@acme.example", Revocation: "rev@acme.example", Exceptions: "ingrid@acme.example"},
		Default:  onus.Route{To: "ingrid@acme.example", Within: 15 * time.Minute, Then: []string{"omar@acme.example", "ciso@acme.example"}},
	}
}

func program(workflows ...*flow.Workflow) *flow.Program {
	p := &flow.Program{
		Digest:       "sha256:program",
		Organisation: flow.Organisation{Escalation: []string{"ceo@acme.example", "cio@acme.example"}},
		Sources:      map[onus.SourceName]*flow.Source{"hr": {Name: "hr", Owner: "hanna@acme.example"}},
		Systems: map[onus.SystemName]*flow.System{
			"corp-ldap":  {Name: "corp-ldap", Owner: "omar@acme.example"},
			"finance-db": {Name: "finance-db", Owner: "dana@acme.example"},
		},
		Entitlements: map[flow.EntitlementKey]*flow.Entitlement{},
		Workflows:    map[onus.WorkflowName]*flow.Workflow{},
	}
	for name, sensitivity := range map[string]onus.Sensitivity{
		"corp-ldap group:Finance": onus.Low, "corp-ldap group:Sales": onus.Low, "corp-ldap group:staff": onus.Low,
		"corp-ldap group:admins": onus.Critical, "finance-db role:reader": onus.Elevated, "finance-db role:ledger_write": onus.Critical,
	} {
		system, entitlement, _ := strings.Cut(name, " ")
		key := flow.EntitlementKey{System: onus.SystemName(system), Name: entitlement}
		p.Entitlements[key] = &flow.Entitlement{EntitlementKey: key, Sensitivity: sensitivity, Owner: "erin@acme.example"}
	}
	for _, wf := range workflows {
		p.Workflows[wf.Name] = wf
	}
	return p
}

// The workflows most cases are about.
func joiner() *flow.Workflow {
	ledger := grantStep("ledger-db", `subject.department == "Finance" && subject.grade >= 4`, "finance-db", "role:ledger_write")
	ledger.Approve = &onus.ApprovalNeed{Need: 2, Of: []string{"system.owner", "subject.manager"}, Within: 8 * time.Hour}
	ledger.Expires = 90 * day
	return workflow("joiner",
		accountStep("directory", "corp-ldap", "uid=subject.login", "mail=subject.mail"),
		grantStep("team", "", "corp-ldap", "'group:' + subject.department"),
		accountStep("db", "finance-db"), ledger,
	)
}

func mover() *flow.Workflow {
	wf := joiner()
	wf.Name, wf.Follows = "mover", []onus.WorkflowName{"joiner"}
	return wf
}

func leaver() *flow.Workflow { return workflow("leaver", withdrawStep("everything")) }

// A world is an identity with what systems and records hold of it. Its carry
// does to both what a plan says: it is the model that plans are judged by.
type world struct {
	identity onus.Identity
	accounts []onus.Account
	grants   []onus.Grant
	now      time.Time
	at       time.Time // when the occasion arose
}

func ana(department string, grade string) *world {
	return &world{
		now: now,
		identity: onus.Identity{
			ID: "id-ana", Kind: onus.Person, State: onus.Active, Source: "hr", Key: "4711", Login: "ana.k", Mail: "ana@acme.example", Starts: "2026-01-01",
			Attributes: onus.Attributes{"login": "ana.k", "mail": "ana@acme.example", "department": department, "grade": grade, "manager": "17"},
		},
	}
}

func (w *world) facts(kind onus.OccasionKind) planning.Facts {
	return planning.Facts{
		Now: w.now, Identity: w.identity, Accounts: slices.Clone(w.accounts), Grants: w.clone(),
		Occasion: onus.Occasion{ID: "occ-1", Kind: kind, At: w.at, Identity: w.identity.ID, Source: "hr", Key: w.identity.Key},
		People:   people{"17": {"mail": "max@acme.example"}}, Manager: "max@acme.example",
	}
}

func (w *world) clone() []onus.Grant {
	grants := slices.Clone(w.grants)
	for i := range grants {
		grants[i].Warrants = slices.Clone(grants[i].Warrants)
	}
	return grants
}

type people map[string]onus.Attributes

func (p people) Person(key string) (onus.Attributes, bool) {
	a, ok := p[key]
	return a, ok
}

func (w *world) account(system onus.SystemName) *onus.Account {
	for i := range w.accounts {
		if w.accounts[i].System == system {
			return &w.accounts[i]
		}
	}
	return nil
}

func (w *world) grant(system onus.SystemName, entitlement string) *onus.Grant {
	for i := range w.grants {
		if g := &w.grants[i]; g.System == system && g.Entitlement == entitlement {
			return g
		}
	}
	w.grants = append(w.grants, onus.Grant{System: system, Entitlement: entitlement, Identity: w.identity.ID, Path: onus.Direct})
	return &w.grants[len(w.grants)-1]
}

// has gives an account that is there and a grant that is seen on it, warranted
// by "workflow/step" each.
func (w *world) has(system onus.SystemName, entitlement string, warrants ...string) *onus.Grant {
	if w.account(system) == nil {
		w.accounts = append(w.accounts, onus.Account{System: system, Ref: "ref-" + onus.AccountRef(system), Name: "ana.k", Identity: w.identity.ID, Enabled: true, Attributes: onus.Attributes{"uid": "ana.k", "mail": "ana@acme.example"}})
	}
	g := w.grant(system, entitlement)
	g.Observed, g.Account = true, w.account(system).Ref
	for _, name := range warrants {
		wf, step, _ := strings.Cut(name, "/")
		g.Warrants = append(g.Warrants, onus.Warrant{Workflow: onus.WorkflowName(wf), Step: step, Since: w.now.Add(-30 * day), Run: "run-0"})
	}
	return g
}

func (w *world) carry(t interface{ Fatalf(string, ...any) }, p onus.Plan) {
	taken := map[onus.Target]bool{}
	for i, c := range p.Changes {
		if c.Verb.TakesAway() {
			if taken[c.Target] {
				t.Fatalf("%s is taken away twice", planning.Describe(c))
			}
			taken[c.Target] = true
		}
		for _, before := range c.After {
			if before >= i {
				t.Fatalf("change %d waits for the later %d", i, before)
			}
		}
		account := w.account(c.Target.System)
		if c.Target.IsGrant() && account == nil && !c.WarrantOnly {
			t.Fatalf("%s: there is no account to hold it", planning.Describe(c))
		}
		g := w.grant(c.Target.System, c.Target.Entitlement)
		for k := range g.Warrants {
			wt := &g.Warrants[k]
			if wt.Ended.IsZero() && slices.Contains(c.Ends, onus.WarrantRef{Workflow: wt.Workflow, Step: wt.Step}) {
				wt.EndedBy = "run-1"
				if !wt.Until.IsZero() && !w.now.Before(wt.Until) {
					wt.EndedBy = planning.Expired
				}
				wt.Ended = w.now
			}
		}
		if c.Verb == onus.EnsurePresent && !slices.ContainsFunc(g.Warrants, func(wt onus.Warrant) bool {
			return wt.Workflow == p.Workflow && wt.Step == c.Step && wt.InForce(w.now)
		}) {
			until := c.Until
			if until.IsZero() && c.Expires > 0 {
				until = w.now.Add(c.Expires)
			}
			g.Warrants = append(g.Warrants, onus.Warrant{Workflow: p.Workflow, Step: c.Step, Since: w.now, Until: until, Run: "run-1"})
		}
		if c.WarrantOnly {
			continue
		}
		switch c.Verb {
		case onus.EnsurePresent:
			if !c.Target.IsGrant() && account == nil {
				w.accounts = append(w.accounts, onus.Account{System: c.Target.System, Ref: "new-" + onus.AccountRef(c.Target.System), Name: c.Target.Name, Identity: w.identity.ID, Enabled: true, Attributes: c.Attributes})
				account = w.account(c.Target.System)
			}
			g.Observed, g.Path, g.Account = true, onus.Direct, account.Ref
		case onus.EnsureAbsent:
			g.Observed = false
			if !c.Target.IsGrant() {
				w.accounts = slices.DeleteFunc(w.accounts, func(a onus.Account) bool { return a.Ref == c.Target.Account })
				for k := range w.grants {
					if w.grants[k].System == c.Target.System {
						w.grants[k].Observed = false
					}
				}
			}
		case onus.EnsureDisabled:
			account.Enabled = false
		case onus.EnsureEnabled:
			account.Enabled = true
		case onus.EnsureAttributes:
			attributes := onus.Attributes{}
			maps.Copy(attributes, account.Attributes)
			maps.Copy(attributes, c.Attributes)
			maps.DeleteFunc(attributes, func(_, text string) bool { return text == "" })
			account.Attributes = attributes
		}
	}
}

// access says what can be used: "corp-ldap" for an enabled account, and what
// it holds.
func (w *world) access() []string {
	var out []string
	for _, a := range w.accounts {
		if a.Enabled {
			out = append(out, string(a.System))
		}
	}
	for _, g := range w.grants {
		if g.Observed && g.Entitlement != "" && w.account(g.System) != nil {
			out = append(out, string(g.System)+" "+g.Entitlement)
		}
	}
	slices.Sort(out)
	return out
}

// reasons says what is warranted by whom.
func (w *world) reasons() []string {
	var out []string
	for _, g := range w.grants {
		for _, wt := range g.Warrants {
			if wt.InForce(w.now) {
				out = append(out, string(g.System)+" "+cmp.Or(g.Entitlement, "account")+": "+string(wt.Workflow)+"/"+wt.Step)
			}
		}
	}
	slices.Sort(out)
	return out
}

func words(p onus.Plan) []string {
	out := make([]string, 0, len(p.Changes))
	for _, c := range p.Changes {
		out = append(out, planning.Describe(c))
	}
	return out
}

func mustPlan(tb testing.TB, p *flow.Program, wf *flow.Workflow, f planning.Facts) onus.Plan {
	tb.Helper()
	plan, refusal := planning.Plan(p, wf, 3, f)
	if refusal != nil {
		tb.Fatalf("refused: %+v", *refusal)
	}
	return plan
}
