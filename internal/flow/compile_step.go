package flow

import (
	"regexp"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow/expr"
)

// step compiles one step into the workflow, in order.
func (sc *scope) step(s *stepShape) {
	st := Step{
		ID: s.ID.value, When: sc.expr(s.When, expr.Bool), Expires: s.Expires.value, Confirm: s.Confirm.value,
		After: values(s.After), Line: s.line(), File: s.doc.file, ContinueOnException: s.OnException.value == "continue",
	}
	if s.ID.ok() && !nameForm.MatchString(s.ID.value) {
		sc.fault(s.ID.place, oneLine(s.ID.value)+" cannot be an id", "an id has letters, digits, _, . and -, at most 64 of them")
	}
	what := 0
	if s.Account != nil {
		what++
		sc.account(s.Account, &st)
	}
	if s.Grant != nil {
		what++
		sc.grant(s, &st)
	}
	if s.Withdraw != nil {
		what++
		sc.withdraw(s.Withdraw, &st)
	}
	if what != 1 {
		sc.fault(s.place, s.noun()+" wants exactly one of account, grant and withdraw", "make a step of each")
	}
	if s.Expires.there() && s.Grant == nil {
		sc.fault(s.Expires.place, "only a grant can expire", "")
	}
	if s.Approve != nil {
		st.Approve = sc.approve(s.Approve)
	}
	sc.reversal(s, &st)
	st.Uses = stepUses(&st)
	sc.workflow.Steps = append(sc.workflow.Steps, st)
}

// on gives a system that a step names, or nil.
func (sc *scope) on(t text) *System {
	if !t.ok() {
		return nil
	}
	sys := sc.program.Systems[onus.SystemName(t.value)]
	if sys == nil {
		sc.unknown("System", t, sortedKeys(sc.program.Systems))
	}
	return sys
}

func (sc *scope) account(s *accountShape, st *Step) {
	sc.on(s.System)
	a := &AccountStep{System: onus.SystemName(s.System.value), Name: sc.expr(s.Name, expr.String), Disabled: s.Disabled.value}
	if len(s.Attributes.entries) > 0 {
		a.Attributes = map[string]*expr.Program{}
	}
	for _, e := range s.Attributes.entries {
		if p := sc.expr(e.value, expr.String); p != nil {
			a.Attributes[e.key.value] = p
		}
	}
	st.Account = a
}

// expressive is what makes an entitlement an expression: a quote, or one of
// the names that an expression sees.
var expressive = regexp.MustCompile(`['"]|\b(?:subject|before|change|people)\s*[.\[]`)

func (sc *scope) grant(s *stepShape, st *Step) {
	g := s.Grant
	sys := sc.on(g.System)
	st.Grant = &GrantStep{System: onus.SystemName(g.System.value)}
	if !g.Entitlement.ok() {
		return
	}
	program := expr.Literal(g.Entitlement.value)
	if expressive.MatchString(g.Entitlement.value) {
		program = sc.expr(g.Entitlement, expr.String)
	}
	if program == nil {
		return
	}
	st.Grant.Entitlement = program
	st.Grant.Constant, _ = program.Constant()
	if sys == nil || slices.Contains(sc.broken["Entitlement"], string(sys.Name)) {
		return
	}
	critical := ""
	for _, way := range program.Patterns() {
		var found []*Entitlement
		for _, p := range way {
			found = append(found, sc.matching(sys.Name, p)...)
		}
		if len(found) == 0 && !slices.ContainsFunc(way, sc.homelessMatch) {
			sc.fault(g.Entitlement.place, "no entitlement "+way[0].String()+" is in the catalogue of "+string(sys.Name), nearHint(way[0].String(), sc.catalogue(sys.Name)))
		}
		for _, e := range found {
			if e.Sensitivity == onus.Critical && critical == "" {
				critical = e.Name
			}
		}
	}
	if critical != "" && s.Approve == nil && !sc.program.asksAbout(sys, onus.Critical) {
		verb := " grants "
		if st.Grant.Constant == "" {
			verb = " can grant "
		}
		sc.fault(s.place, s.noun()+verb+critical+", which is critical, with nobody's approval", "add approve: {need: 2, of: [system.owner, subject.manager], within: 8h}")
	}
}

func (sc *scope) withdraw(s *withdrawShape, st *Step) {
	w := &WithdrawStep{Accounts: "disabled", Grants: s.Grants.ok(), Sessions: s.Sessions.ok()}
	if s.Accounts.ok() {
		w.Accounts = s.Accounts.value
	}
	for _, t := range s.Systems {
		if sc.on(t) != nil {
			w.Systems = append(w.Systems, onus.SystemName(t.value))
		}
	}
	if s.Systems != nil && len(s.Systems) == 0 {
		sc.fault(s.place, "the step names no system", "leave systems out to mean all")
	}
	sc.distinct(s.Systems, "the system")
	st.Withdraw = w
}

func (sc *scope) approve(s *approveShape) *onus.ApprovalNeed {
	shapes := s.stages()
	stages := make([]onus.ApprovalNeed, 0, len(shapes))
	for _, stage := range shapes {
		stages = append(stages, sc.stage(stage))
	}
	return onus.InStages(stages)
}

// approverRoles are whom an approval may ask besides people.
var approverRoles = []string{systemOwner, entitlementOwner, sourceOwner, workflowOwner, subjectManager, subjectSponsor}

func (sc *scope) stage(s stageShape) onus.ApprovalNeed {
	need := onus.ApprovalNeed{Need: s.Need.value, Within: s.Within.value}
	for _, t := range s.Of {
		if !t.ok() {
			continue
		}
		who := t.value
		switch {
		case who == systemOwner || who == entitlementOwner:
		case (who == sourceOwner || who == workflowOwner) && sc.workflow != nil:
			who = sc.onRoute(t)
		case who == sourceOwner || who == workflowOwner: // of whichever workflow gives it
		case who == subjectManager:
			if sc.source != nil && sc.source.Schema.Roles.Manager == "" {
				sc.fault(t.place, "source "+string(sc.source.Name)+" does not say who somebody's manager is", "add roles: {manager: ATTRIBUTE} to the source")
			}
		case who == subjectSponsor:
			if sc.source != nil && sc.source.Schema.Roles.Sponsor == "" {
				sc.fault(t.place, "source "+string(sc.source.Name)+" does not say who somebody's sponsor is", "add roles: {sponsor: ATTRIBUTE} to the source")
			}
		case !strings.Contains(who, "@"):
			sc.fault(t.place, "nobody is "+oneLine(who), nearHint(who, approverRoles))
		default:
			sc.person(t, "approver")
		}
		need.Of = append(need.Of, who)
	}
	distinct := further(need.Of)
	if !s.Need.bad && s.Need.there() && !anyBad(s.Of) && len(s.Of) > 0 && s.Need.value > len(distinct) {
		sc.fault(s.Need.place, "the approval needs "+count(s.Need.value, "person")+" and asks "+count(len(distinct), "person"), "name more in of: [...]")
	}
	need.Of = distinct
	return need
}

// reversal works out what undoing the step means, and refuses what nobody
// could undo.
func (sc *scope) reversal(s *stepShape, st *Step) {
	st.Reverse = s.Reverse.value
	if s.Reverse.bad || st.Reverse == irreversible {
		return
	}
	var systems []*System
	add := func(name onus.SystemName) {
		if sys := sc.program.Systems[name]; sys != nil {
			systems = append(systems, sys)
		}
	}
	choose := func(u undo) []string { return u.account }
	what := "an account that was made"
	switch {
	case st.Account != nil && st.Account.Disabled:
		choose, what = func(u undo) []string { return u.disabled }, "an account that was disabled"
		add(st.Account.System)
	case st.Account != nil:
		add(st.Account.System)
	case st.Grant != nil:
		choose, what = func(u undo) []string { return u.grant }, "a grant"
		add(st.Grant.System)
	case st.Withdraw != nil:
		choose, what = func(u undo) []string { return u.disabled }, "an account that was disabled"
		if st.Withdraw.Accounts == absent {
			choose, what = func(u undo) []string { return u.deleted }, "an account that was deleted"
		}
		for _, name := range st.Withdraw.Systems {
			add(name)
		}
		if s.Withdraw.Systems == nil {
			for _, name := range sortedKeys(sc.program.Systems) {
				add(onus.SystemName(name))
			}
		}
	}
	for _, sys := range systems {
		u, known := sc.connectors[sys.Connector]
		if !known {
			continue // reported where the system is
		}
		can := choose(u)
		switch {
		case st.Reverse == "" && len(can) == 0:
			sc.fault(s.place, "the connector "+sys.Connector+" cannot undo "+what+", and "+s.noun()+" does not say what reversing it means",
				"say reverse: irreversible, and it is approved as such; or disable instead of deleting")
			return
		case st.Reverse == "":
			st.Reverse = can[0]
		case !slices.Contains(can, st.Reverse):
			hint := "it can only be irreversible"
			if len(can) > 0 {
				hint = "it can be " + strings.Join(can, ", ") + " or irreversible"
			}
			sc.fault(s.Reverse.place, "the connector "+sys.Connector+" cannot undo "+what+" by "+st.Reverse, hint)
			return
		}
	}
}

// stepUses gives the attributes of the subject that a step looks at.
func stepUses(st *Step) []string {
	var out []string
	add := func(p *expr.Program) {
		if p != nil {
			out = append(out, p.Uses()...)
		}
	}
	add(st.When)
	if st.Account != nil {
		add(st.Account.Name)
		for _, p := range st.Account.Attributes {
			add(p)
		}
	}
	if st.Grant != nil {
		add(st.Grant.Entitlement)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
