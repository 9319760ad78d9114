package export

import (
	"encoding/json"
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
	for k, v := range more {
		m[k] = v
	}
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

// severity is Informational but for what a person should look at.
func severity(e ledger.Event) int {
	switch e.Type {
	case ledger.ReadHeld, ledger.BatchHeld, ledger.RunExcepted, ledger.ChangeExcepted, ledger.ExceptionOpened, ledger.ChangeOverridden:
		return severityMedium
	case ledger.ExceptionClimbed:
		return severityHigh
	case ledger.ErasureRequested, ledger.ErasureCarried, ledger.ErasureRefused, ledger.ObjectErased, ledger.OccasionStopped,
		ledger.BatchRefused, ledger.ChangeRefused, ledger.ApprovalDenied, ledger.ApprovalClimbed:
		return severityLow
	default:
		return severityInformational
	}
}

// statusOf is how it went, where the event says so.
func statusOf(e ledger.Event) (int, string) {
	switch e.Type {
	case ledger.ChangeExcepted, ledger.ChangeRefused, ledger.RunExcepted, ledger.BatchRefused, ledger.ReadHeld, ledger.BatchHeld:
		return 2, "Failure"
	case ledger.ChangeIntended, ledger.ChangeApplied, ledger.ChangeHeld, ledger.ChangeRetried, ledger.RunWaiting, ledger.RunCreated, ledger.ChangeOverridden,
		ledger.ChangeApproved, ledger.ApprovalAsked, ledger.ApprovalGiven, ledger.ApprovalDenied, ledger.ApprovalClimbed, ledger.ApprovalExpired:
		return 99, string(e.Type) // not yet known, or not the system's answer
	default:
		return 1, "Success"
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
