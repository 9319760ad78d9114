package export_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/export"
	"github.com/onus-id/onus/internal/trail"
	"github.com/onus-id/onus/ledger"
)

var origin = export.Origin{Log: "onus.log/main", Host: "onus-1", Process: 42}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("testdata/ocsf-1.9.0-iam.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// written gives the export of a line as its readers see it.
func written(t *testing.T, format string, l trail.Line) []byte {
	t.Helper()
	write, err := export.ByName(format, origin)
	if err != nil {
		t.Fatal(err)
	}
	data, err := write(l)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsAny(data, "\n\r") {
		t.Errorf("%s is more than one line: %q", format, data)
	}
	return data
}

func asOCSF(t *testing.T, s *jsonschema.Schema, l trail.Line) map[string]any {
	t.Helper()
	data := written(t, "ocsf", l)
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("%s of a %s is not OCSF: %v\n%s", l.Event.Type, l.Event.Object.Kind, err, data)
	}
	m := map[string]any{}
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func line(typ ledger.Type, kind, id string, version int64, state any) trail.Line {
	l := trail.Line{
		Index: 7, Subject: "idn_5",
		Event: ledger.Event{
			Version: "1", ID: "evt_1", Time: time.Date(2026, 3, 2, 9, 0, 0, 1e6, time.UTC), Type: typ, Actor: "engine", Owner: "idn_9",
			Object: ledger.Object{Kind: kind, ID: id, Version: version}, Cause: "evt_0", Workflow: "joiner@3", Rule: "team",
		},
	}
	if state == nil {
		l.Erased = true
		return l
	}
	data, err := json.Marshal(state)
	if err != nil {
		panic(err)
	}
	l.State = data
	return l
}

// Every type of event, about every kind of object, with its state and with
// that erased, new and changed, is valid by the pinned schema.
func TestEveryEventIsValidOCSF(t *testing.T) {
	s := schema(t)
	states := map[string]any{
		"account":  onus.Account{System: "dir", Ref: "u-1", Identity: "idn_5", Enabled: true},
		"grant":    onus.Grant{System: "dir", Account: "u-1", Identity: "idn_5", Entitlement: "group:finance"},
		"change":   onus.Change{Identity: "idn_5", Planned: onus.PlannedChange{Verb: onus.EnsureDisabled, Target: onus.Target{System: "dir", Account: "u-1"}}},
		"identity": onus.Identity{ID: "idn_5", Kind: onus.Person},
		"workflow": map[string]any{"name": "joiner", "version": 1}, "run": map[string]any{}, "record": map[string]any{}, "plan": map[string]any{},
		"exception": map[string]any{}, "batch": map[string]any{}, "read": map[string]any{}, "definitions": map[string]any{}, "erasure": map[string]any{},
	}
	ids := map[string]string{"account": "dir/u-1", "grant": "dir/idn_5/group:finance", "workflow": "joiner"}
	classes := map[float64]bool{}
	for typ := range ledger.Types {
		for kind, state := range states {
			id := ids[kind]
			if id == "" {
				id = kind + "_1"
			}
			for _, version := range []int64{1, 2} {
				for _, state := range []any{state, nil} {
					for _, subject := range []string{"idn_5", ""} {
						l := line(typ, kind, id, version, state)
						l.Subject = subject
						class, _ := asOCSF(t, s, l)["class_uid"].(float64)
						classes[class] = true
						if err := parse5424(written(t, "syslog", l)); err != nil {
							t.Errorf("%s of a %s: %v", typ, kind, err)
						}
						written(t, "jsonl", l)
					}
				}
			}
		}
	}
	for _, class := range []float64{3001, 3004, 3006, 3007, 3008} {
		if !classes[class] {
			t.Errorf("no event is of class %v", class)
		}
	}
}

// The table of docs/siem.md, row by row.
func TestWhatHappenedIsSaidInOCSFsNumbers(t *testing.T) {
	s := schema(t)
	held := func(entitlement string) onus.Grant {
		return onus.Grant{System: "dir", Account: "u-1", Identity: "idn_5", Entitlement: entitlement}
	}
	changed := func(verb onus.Verb, entitlement string) onus.Change {
		return onus.Change{Identity: "idn_5", Planned: onus.PlannedChange{Verb: verb, Target: onus.Target{System: "dir", Account: "u-1", Entitlement: entitlement}}}
	}
	for name, c := range map[string]struct {
		line   trail.Line
		class  float64
		act    float64
		status float64
	}{
		"an account appears":      {line(ledger.AccountObserved, "account", "dir/u-1", 1, onus.Account{Enabled: true}), 3001, 1, 1},
		"an account is disabled":  {line(ledger.AccountObserved, "account", "dir/u-1", 2, onus.Account{}), 3001, 5, 1},
		"an account is gone":      {line(ledger.AccountGone, "account", "dir/u-1", 3, onus.Account{Gone: true}), 3001, 6, 1},
		"a member":                {line(ledger.GrantObserved, "grant", "dir/idn_5/group:x", 1, held("group:x")), 3006, 3, 1},
		"no member any more":      {line(ledger.GrantGone, "grant", "dir/idn_5/group:x", 2, held("group:x")), 3006, 4, 1},
		"a role":                  {line(ledger.GrantWarranted, "grant", "dir/idn_5/role:x", 1, held("role:x")), 3007, 16, 1},
		"no role any more":        {line(ledger.GrantUnwarranted, "grant", "dir/idn_5/role:x", 2, held("role:x")), 3007, 17, 1},
		"another privilege":       {line(ledger.GrantObserved, "grant", "dir/idn_5/scope:x", 1, held("scope:x")), 3007, 14, 1},
		"a grant that was erased": {line(ledger.GrantGone, "grant", "dir/idn_5/role:x", 2, nil), 3007, 17, 1},
		"a role is to be given":   {line(ledger.ChangeIntended, "change", "run_1.01", 2, changed(onus.EnsurePresent, "role:x")), 3007, 16, 99},
		"it is taken":             {line(ledger.ChangeConfirmed, "change", "run_1.01", 3, changed(onus.EnsureAbsent, "role:x")), 3007, 17, 1},
		"it could not be":         {line(ledger.ChangeExcepted, "change", "run_1.01", 3, changed(onus.EnsureAbsent, "role:x")), 3007, 17, 2},
		"an account enabled":      {line(ledger.ChangeConfirmed, "change", "run_1.01", 3, changed(onus.EnsureEnabled, "")), 3001, 2, 1},
		"its attributes":          {line(ledger.ChangeConfirmed, "change", "run_1.01", 3, changed(onus.EnsureAttributes, "")), 3001, 99, 1},
		"somebody new":            {line(ledger.IdentityCorrelated, "identity", "idn_5", 1, onus.Identity{}), 3007, 1, 1},
		"somebody changed":        {line(ledger.IdentityChanged, "identity", "idn_5", 2, onus.Identity{}), 3007, 2, 1},
		"somebody is erased":      {line(ledger.ObjectErased, "identity", "idn_5", 9, onus.Identity{}), 3007, 3, 1},
		"a workflow":              {line(ledger.WorkflowPinned, "workflow", "joiner", 1, map[string]any{}), 3008, 1, 1},
		"its next version":        {line(ledger.WorkflowPinned, "workflow", "joiner", 2, map[string]any{}), 3008, 2, 1},
		"a record is gone":        {line(ledger.RecordGone, "record", "hr/1", 2, map[string]any{}), 3004, 4, 1},
		"an exception opens":      {line(ledger.ExceptionOpened, "exception", "exc_1", 1, map[string]any{}), 3004, 1, 1},
	} {
		m := asOCSF(t, s, c.line)
		if m["class_uid"] != c.class || m["activity_id"] != c.act || m["type_uid"] != c.class*100+c.act || m["status_id"] != c.status {
			t.Errorf("%s: class %v, activity %v, type %v, status %v; want %v, %v and %v", name, m["class_uid"], m["activity_id"], m["type_uid"], m["status_id"], c.class, c.act, c.status)
		}
		meta, _ := m["metadata"].(map[string]any)
		if meta["sequence"] != 7.0 || meta["uid"] != "evt_1" || meta["correlation_uid"] != "evt_0" {
			t.Errorf("%s: the metadata do not lead back to the ledger: %v", name, meta)
		}
	}
}

// What another system has taken in no erasure reaches: names go out only
// when they were asked for.
func TestNoNameGoesOutUnasked(t *testing.T) {
	l := line(ledger.AccountObserved, "account", "dir/u-1", 1, onus.Account{
		System: "dir", Ref: "u-1", Name: "ana.kovac", Identity: "idn_5", Enabled: true, Attributes: onus.Attributes{"mail": "ana.kovac@acme.example"},
	})
	for _, format := range strings.FieldsFunc(export.Formats, func(r rune) bool { return r == ' ' || r == ',' }) {
		if format == "or" {
			continue
		}
		if data := written(t, format, l); bytes.Contains(data, []byte("ana.kovac")) {
			t.Errorf("%s says a name: %s", format, data)
		}
	}
	l.Names, l.Says = map[string]string{"idn_5": "ana.kovac"}, "account ana.kovac"
	if data := written(t, "ocsf", l); !bytes.Contains(data, []byte(`"name":"ana.kovac"`)) || !bytes.Contains(data, []byte(`"message":"account ana.kovac"`)) {
		t.Errorf("asked for, the name is not there: %s", data)
	}
}

func TestAnUnknownFormatIsRefused(t *testing.T) {
	if _, err := export.ByName("cef", origin); onus.KindOf(err) != onus.Invalid || !strings.Contains(onus.HintOf(err), "syslog") {
		t.Errorf("got %v", err)
	}
}
