package export_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/onus-id/onus/internal/export"
	"github.com/onus-id/onus/internal/trail"
	"github.com/onus-id/onus/ledger"
)

var (
	header5424 = regexp.MustCompile(`^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) \[`)
	sdName     = regexp.MustCompile(`^[!-<>-\\^-~]{1,32}$`) // not = ] " or a space
)

// parse5424 reads a message by the grammar of RFC 5424, section 6, and
// nothing else.
func parse5424(data []byte) error {
	head := header5424.FindSubmatch(data)
	if head == nil {
		return fmt.Errorf("its header is not that of RFC 5424: %q", data)
	}
	var pri int
	if _, err := fmt.Sscan(string(head[1]), &pri); err != nil || pri > 191 || pri/8 != 13 {
		return fmt.Errorf("its priority is %s", head[1])
	}
	rest := string(data[len(head[0]):])
	id, rest, ok := strings.Cut(rest, " ")
	if !ok || !sdName.MatchString(id) {
		return fmt.Errorf("its SD-ID is %q", id)
	}
	for {
		name, value, ok := strings.Cut(rest, `="`)
		if !ok || !sdName.MatchString(name) {
			return fmt.Errorf("a parameter is called %q", name)
		}
		end := -1
		for i := 0; i < len(value); i++ {
			switch value[i] {
			case '\\':
				i++
				continue
			case ']':
				return errors.New("a ] stands unescaped")
			case '"':
				end = i
			}
			if end >= 0 {
				break
			}
		}
		if end < 0 || !utf8.ValidString(value[:end]) {
			return fmt.Errorf("the value of %s does not end, or is no text", name)
		}
		rest = value[end+1:]
		if after, ok := strings.CutPrefix(rest, "] \ufeff"); ok {
			if !utf8.ValidString(after) || strings.ContainsAny(after, "\n\r\x00") {
				return fmt.Errorf("its message is %q", after)
			}
			return nil
		}
		if !strings.HasPrefix(rest, " ") {
			return fmt.Errorf("after %s stands %q", name, rest)
		}
		rest = rest[1:]
	}
}

// Whatever a source put into a name, a message is one line and one message.
func FuzzSyslog(f *testing.F) {
	f.Add("ana", `a"]b\`, "hr/1")
	f.Add("x\n<13>1 - - - - - -", "\x00\xff", "é\u2028")
	f.Fuzz(func(t *testing.T, says, rule, id string) {
		l := line(ledger.RecordSeen, "record", id, 1, map[string]any{})
		l.Event.Rule, l.Says, l.Subject = rule, says, id
		if err := parse5424(export.Syslog(l, export.Origin{Log: rule, Host: says, Process: 1})); err != nil {
			t.Error(err)
		}
	})
}

func TestSyslogLooksLikeThis(t *testing.T) {
	l := line(ledger.ExceptionClimbed, "exception", "exc_1", 2, map[string]any{})
	want := `<107>1 2026-03-02T09:00:00.001000Z onus-1 onus 42 exception.climbed [onus@32473 index="7" event="evt_1" log="onus.log/main" ` +
		`actor="engine" owner="idn_9" subject="idn_5" object="exception/exc_1" version="2" workflow="joiner@3" rule="team" cause="evt_0"] ` +
		"\ufeffexception.climbed exception exc_1"
	if got := string(export.Syslog(l, origin)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := string(export.Syslog(trail.Line{Event: l.Event}, export.Origin{})); !strings.Contains(got, "Z - onus 0 exception.climbed [") {
		t.Errorf("without a host: %s", got)
	}
}
