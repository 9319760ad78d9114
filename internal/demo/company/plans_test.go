package company_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/demo/company"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
)

// known is everybody of a roster who is active, by key.
type known map[string]onus.Attributes

func (k known) Person(key string) (onus.Attributes, bool) {
	a, ok := k[key]
	return a, ok
}

// desk plans what the demo plans, from the files alone.
type desk struct {
	program *flow.Program
	people  known
}

func openDesk(t *testing.T, day int) desk {
	t.Helper()
	files, _ := definitions(t, false)
	program, faults := flow.Compile(files, nil)
	if program == nil {
		t.Fatal(faults)
	}
	d := desk{program, known{}}
	for _, r := range rowsOf(t, company.Roster(day, today)) {
		if r["status"] != "left" {
			d.people[r["employee_no"]] = attributes(r)
		}
	}
	return d
}

func attributes(r row) onus.Attributes {
	out := onus.Attributes{}
	for name, value := range r {
		if value != "" {
			out[name] = value
		}
	}
	return out
}

// joins plans the joining of a record.
func (d desk) joins(t *testing.T, workflow onus.WorkflowName, r row) (onus.Plan, *planning.Refusal, bool) {
	t.Helper()
	wf := d.program.Workflows[workflow]
	key := r[d.program.Sources[wf.Source].Schema.Key]
	f := planning.Facts{
		Now:      today.Add(9 * time.Hour),
		Occasion: onus.Occasion{ID: "occ_" + key, Kind: onus.Joined, Identity: onus.IdentityID(key), Source: wf.Source, Key: key, After: attributes(r)},
		Identity: onus.Identity{ID: onus.IdentityID(key), State: onus.Active, Source: wf.Source, Key: key, Login: r["login"], Mail: r["mail"], Attributes: attributes(r)},
		People:   d.people,
		Manager:  d.people[r["manager"]]["mail"],
		Sponsor:  d.people[r["sponsor"]]["mail"],
	}
	wanted, err := planning.Wants(wf, f)
	if err != nil {
		t.Fatal(err)
	}
	if !wanted {
		return onus.Plan{}, nil, false
	}
	plan, refusal := planning.Plan(d.program, wf, 1, f)
	return plan, refusal, true
}

func none(time.Duration) onus.Measure { return onus.Measure{} }

// The first load is planned whole, passes every bound, and would not if the
// company had doubled overnight.
func TestTheFirstLoadPassesItsBoundsAndTwiceAsMuchDoesNot(t *testing.T) {
	d := openDesk(t, company.FirstLoad)
	onSystems := map[onus.SystemName]onus.Measure{}
	for workflow, file := range map[onus.WorkflowName][]byte{
		"joiner":     company.Roster(company.FirstLoad, today),
		"nhi-joiner": company.Register(company.FirstLoad, today),
	} {
		var plans []onus.Plan
		for _, r := range rowsOf(t, file) {
			if r["status"] == "left" {
				continue
			}
			plan, refusal, wanted := d.joins(t, workflow, r)
			if !wanted || refusal != nil || len(plan.Changes) < 2 {
				t.Fatalf("%s: wanted %v, refused %+v, %d changes", r["login"], wanted, refusal, len(plan.Changes))
			}
			plans = append(plans, plan)
		}
		all, systems := planning.Measure(plans...)
		t.Logf("%s: %+v, on systems %+v", workflow, all, systems)
		bounds := d.program.Workflows[workflow].Bounds
		if past := planning.Past(bounds, all, none); len(past) > 0 {
			t.Errorf("%s: the first load is past %v", workflow, past)
		}
		if past := planning.Past(bounds, all.Add(all), none); len(past) < 3 {
			t.Errorf("%s: twice the first load is only past %v", workflow, past)
		}
		for system, m := range systems {
			onSystems[system] = onSystems[system].Add(m)
		}
	}
	for name, m := range onSystems {
		if past := planning.Past(d.program.Systems[name].Bounds, m, none); len(past) > 0 {
			t.Errorf("%s: the first load is past %v", name, past)
		}
	}
}

// What the story says of a joiner is what the plan says.
func TestThePlansDoWhatTheStoryTells(t *testing.T) {
	for _, day := range []int{company.BusyDay, company.BadDay} {
		d := openDesk(t, day)
		for _, e := range company.Story(day) {
			if e.Nonhuman || e.Kind != onus.Joined && e.Category != onus.InvalidAttribute {
				continue
			}
			rows := rowsOf(t, company.Roster(day, today))
			r := rows[slices.IndexFunc(rows, func(r row) bool { return r["login"] == e.Login })]
			plan, refusal, wanted := d.joins(t, "joiner", r)
			has := func(entitlement string) bool {
				return slices.ContainsFunc(plan.Changes, func(c onus.PlannedChange) bool { return c.Target.Entitlement == entitlement })
			}
			waits := slices.ContainsFunc(plan.Changes, func(c onus.PlannedChange) bool { return c.Approval != nil && c.Approval.Need == 2 })
			switch {
			case e.Category != "":
				if refusal == nil || refusal.Category != e.Category {
					t.Errorf("%q: planned as %+v", e.Says, refusal)
				}
			case strings.Contains(e.Says, "in 30 days"):
				if wanted {
					t.Errorf("%q, and something is due", e.Says)
				}
			case has("role:clerk") != strings.Contains(e.Says, "Finance"):
				t.Errorf("%q, and enters postings: %v", e.Says, has("role:clerk"))
			case waits != strings.Contains(e.Says, "two approvals"):
				t.Errorf("%q, and waits for approval: %v", e.Says, waits)
			case !has("group:" + strings.ToLower(r["department"])):
				t.Errorf("%q, and has not the department's group", e.Says)
			}
		}
	}
}
