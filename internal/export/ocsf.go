package export

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/trail"
	"github.com/onus-id/onus/ledger"
)

// SchemaVersion is the version of OCSF that is written. It is the first that
// has user_management and role_management.
const SchemaVersion = "1.9.0"

// The classes of OCSF's category Identity & Access Management that are used.
const (
	accountChange    = 3001
	entityManagement = 3004
	groupManagement  = 3006
	userManagement   = 3007
	roleManagement   = 3008
)

var classNames = map[int]string{
	accountChange: "Account Change", entityManagement: "Entity Management", groupManagement: "Group Management",
	userManagement: "User Management", roleManagement: "Role Management",
}

// OCSF's severities.
const (
	severityInformational = 1
	severityLow           = 2
	severityMedium        = 3
	severityHigh          = 4
)

// An activity is what happened, as a class of OCSF numbers it.
type activity struct {
	id   int
	name string
}

type object = map[string]any

// OCSF is the event as OCSF's consumers read it; docs/siem.md has the table.
func OCSF(l trail.Line, from Origin) map[string]any {
	e := l.Event
	class, act, more := classify(l)
	status, statusName := statusOf(e)
	m := object{
		"category_uid": 3, "category_name": "Identity & Access Management",
		"class_uid": class, "class_name": classNames[class],
		"activity_id": act.id, "activity_name": act.name, "type_uid": class*100 + act.id, "type_name": classNames[class] + ": " + act.name,
		"severity_id": severity(e), "time": e.Time.UnixMilli(), "status_id": status, "status": statusName,
		"metadata": object{
			"version": SchemaVersion, "product": object{"name": "Onus", "vendor_name": "Onus"},
			"uid": e.ID, "sequence": l.Index, "event_code": string(e.Type), "log_name": from.Log, "original_time": e.Time.UTC().Format(timeLayout),
		},
		"actor": actor(l), "unmapped": unmapped(l),
	}
	if e.Cause != "" {
		m["metadata"].(object)["correlation_uid"] = e.Cause //nolint:errcheck // it is one, eight lines above
	}
	if l.Says != "" {
		m["message"] = l.Says
	}
	maps.Copy(m, more)
	return m
}

const timeLayout = "2006-01-02T15:04:05.999999999Z07:00"

// actor is who acted: the engine is an application, everybody else a user.
func actor(l trail.Line) object {
	if l.Event.Actor == string(onus.Engine) {
		return object{"app_name": "onus"}
	}
	id := strings.TrimPrefix(l.Event.Actor, "person:")
	return object{"user": user(l, id)}
}

func user(l trail.Line, id string) object {
	u := object{"uid": id}
	if id == "" {
		u["uid"] = "unknown"
	}
	if name := l.Names[id]; name != "" {
		u["name"] = name
	}
	return u
}

// unmapped holds what the ledger says and OCSF has no place for.
func unmapped(l trail.Line) object {
	e := l.Event
	m := object{"object": object{"kind": e.Object.Kind, "id": e.Object.ID, "version": e.Object.Version}}
	for name, value := range map[string]string{
		"owner": e.Owner, "workflow": e.Workflow, "rule": e.Rule, "before": e.Before, "after": e.After, "subject": l.Subject,
	} {
		if value != "" {
			m[name] = value
		}
	}
	if len(e.Notes) > 0 {
		m["notes"] = e.Notes
	}
	if l.Erased {
		m["erased"] = true
	}
	return m
}

// severities are those of events that a person should look at.
var severities = map[ledger.Type]int{
	ledger.ReadHeld: severityMedium, ledger.BatchHeld: severityMedium, ledger.RunExcepted: severityMedium,
	ledger.ChangeExcepted: severityMedium, ledger.ExceptionOpened: severityMedium, ledger.ChangeOverridden: severityMedium,
	ledger.ExceptionClimbed: severityHigh, ledger.ExceptionSnoozed: severityLow,
	ledger.ErasureRequested: severityLow, ledger.ErasureCarried: severityLow, ledger.ErasureRefused: severityLow, ledger.ObjectErased: severityLow,
	ledger.OccasionStopped: severityLow, ledger.BatchRefused: severityLow, ledger.ChangeRefused: severityLow,
}

func severity(e ledger.Event) int {
	if s, listed := severities[e.Type]; listed {
		return s
	}
	return severityInformational
}

// OCSF's statuses.
const (
	statusSuccess = 1
	statusFailure = 2
	statusOther   = 99 // not yet known, or not the system's answer
)

// statuses are those of events that are no success.
var statuses = map[ledger.Type]int{
	ledger.ChangeExcepted: statusFailure, ledger.ChangeRefused: statusFailure, ledger.RunExcepted: statusFailure,
	ledger.BatchRefused: statusFailure, ledger.ReadHeld: statusFailure, ledger.BatchHeld: statusFailure,
	ledger.ChangeIntended: statusOther, ledger.ChangeApplied: statusOther, ledger.ChangeHeld: statusOther, ledger.ChangeRetried: statusOther,
	ledger.RunWaiting: statusOther, ledger.RunCreated: statusOther, ledger.ChangeOverridden: statusOther,
}

// statusOf is how it went, where the event says so.
func statusOf(e ledger.Event) (int, string) {
	switch statuses[e.Type] {
	case statusFailure:
		return statusFailure, "Failure"
	case statusOther:
		return statusOther, string(e.Type)
	default:
		return statusSuccess, "Success"
	}
}

// decode reads the state that an event left. What was erased reads as empty.
func decode[T any](l trail.Line) T {
	var v T
	if l.State != nil {
		if err := json.Unmarshal(l.State, &v); err != nil {
			var none T
			return none
		}
	}
	return v
}
