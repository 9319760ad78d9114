package export

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/onus-id/onus/internal/trail"
)

const (
	facilityAudit = 13 // "log audit" of RFC 5424, section 6.2.1
	// enterprise is the example number of RFC 5612: Onus has none of its own.
	enterprise = "32473"
	nilValue   = "-"
)

// Syslog is an RFC 5424 message: the facility "log audit", the event's type as
// MSGID, its facts as structured data, and a sentence. How it travels (RFC
// 5425, 6587) is for whoever sends it.
func Syslog(l trail.Line, from Origin) []byte {
	e := l.Event
	var b strings.Builder
	b.WriteString("<" + strconv.Itoa(facilityAudit*8+syslogSeverity(severity(e)))) // PRI
	b.WriteString(">1 " + e.Time.UTC().Format("2006-01-02T15:04:05.000000Z"))
	b.WriteString(" " + header(from.Host, 255) + " onus " + strconv.Itoa(from.Process) + " " + header(string(e.Type), 32))
	b.WriteString(" [onus@" + enterprise)
	for _, p := range []struct{ name, value string }{
		{"index", strconv.FormatInt(l.Index, 10)},
		{"event", e.ID},
		{"log", from.Log},
		{"actor", e.Actor},
		{"owner", e.Owner},
		{"subject", l.Subject},
		{"object", e.Object.Kind + "/" + e.Object.ID},
		{"version", strconv.FormatInt(e.Object.Version, 10)},
		{"workflow", e.Workflow},
		{"rule", e.Rule},
		{"cause", e.Cause},
	} {
		if p.value != "" {
			b.WriteString(" " + p.name + `="` + paramValue(p.value) + `"`)
		}
	}
	b.WriteString("] \ufeff")
	says := l.Says
	if says == "" {
		says = string(e.Type) + " " + e.Object.Kind + " " + e.Object.ID
	}
	b.WriteString(oneLine(says))
	return []byte(b.String())
}

// syslogSeverity turns OCSF's severity into that of RFC 5424.
func syslogSeverity(ocsf int) int {
	switch ocsf {
	case severityHigh:
		return 3 // error
	case severityMedium:
		return 4 // warning
	case severityLow:
		return 5 // notice
	default:
		return 6 // informational
	}
}

// header keeps a field of the header to printable ASCII without spaces.
func header(s string, longest int) string {
	s = strings.Map(func(r rune) rune {
		if r < '!' || r > '~' {
			return '?'
		}
		return r
	}, s)
	if s == "" {
		return nilValue
	}
	return s[:min(len(s), longest)]
}

var paramEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`)

// paramValue escapes as section 6.3.3 wants; a line must stay one.
func paramValue(s string) string { return paramEscapes.Replace(oneLine(s)) }

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
}
