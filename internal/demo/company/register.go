package company

import (
	"fmt"
	"strings"
	"time"

	"github.com/onus-id/onus"
)

var registerColumns = []string{
	"nhi_id", "login", "name", "kind", "purpose", "environment", "sponsor", "department", "unit", "start_date", "end_date", "status",
}

// A machine is one row of the register of non-human identities.
type machine struct {
	id, login, name, kind string
	purpose, environment  string
	sponsor               *person
	start, end            int // days from today; noDate: none
	status                string
}

// A register is the machines while the days pass over them.
type register struct {
	all   []*machine
	story []told
}

// The values of kind.
const (
	serviceAccount = "service_account"
	apiKey         = "api_key"
	workload       = "workload"
	bot            = "bot"
	agent          = "ai_agent"
)

// retired is no longer there: the register's word for left.
const retired = "retired"

// jobs are what machines do here: the sponsor is of the department.
var jobs = []struct{ kind, login, purpose, department string }{
	{serviceAccount, "svc-backup", "Backs up file servers", it},
	{serviceAccount, "svc-monitoring", "Reads health of servers", it},
	{serviceAccount, "svc-ledger-export", "Exports the ledger nightly", finance},
	{serviceAccount, "svc-invoice-import", "Imports supplier invoices", finance},
	{serviceAccount, "svc-build", "Builds firmware", engineering},
	{serviceAccount, "svc-calibration", "Stores calibration records", operations},
	{apiKey, "key-crm-sync", "Brings customers from the CRM", sales},
	{apiKey, "key-payroll", "Sends hours to payroll", people},
	{apiKey, "key-telemetry", "Receives device telemetry", engineering},
	{apiKey, "key-shipping", "Books shipments", operations},
	{workload, "job-forecast", "Forecasts demand", sales},
	{workload, "job-simulation", "Simulates sensors", engineering},
	{workload, "job-reconcile", "Reconciles payments", finance},
	{workload, "job-maintenance", "Plans maintenance", operations},
	{bot, "bot-deploy", "Deploys releases", engineering},
	{bot, "bot-helpdesk", "Sorts help desk tickets", it},
	{bot, "bot-rota", "Fills the field rota", operations},
	{agent, "agent-review", "Reviews code changes", engineering},
	{agent, "agent-quotes", "Drafts quotations", sales},
	{agent, "agent-close", "Prepares the month's end", finance},
}

var environments = []string{"production", "staging", "test"}

// firstRegister is every machine on the first day: each job in each
// environment.
func firstRegister(s *staff) *register {
	r := &register{}
	for _, environment := range environments {
		for i, j := range jobs {
			seniors := s.filter(func(p *person) bool {
				return p.department == j.department && p.status == active && p.end == noDate && p.grade >= 3 && p != s.sponsor && p.login != leavingOwner
			})
			sponsor := seniors[(i+len(r.all))%len(seniors)]
			if j.login == "svc-backup" && environment != "test" {
				sponsor = s.sponsor
			}
			r.add(j.kind, j.login, j.purpose, environment, sponsor)
		}
	}
	return r
}

func (r *register) add(kind, job, purpose, environment string, sponsor *person) *machine {
	n := len(r.all)
	short := map[string]string{"production": "prod", "staging": "stage", "test": "test"}[environment]
	m := &machine{
		id: fmt.Sprintf("NHI-%04d", 101+n), login: job + "-" + short, kind: kind, purpose: purpose, environment: environment,
		name:    strings.ToUpper(purpose[:1]) + purpose[1:] + " (" + environment + ")",
		sponsor: sponsor, start: -30 - n*53%900, end: noDate, status: active,
	}
	if kind == apiKey || kind == agent {
		m.end = 60 + n // keys and agents are for a time, and are asked for again
	}
	r.all = append(r.all, m)
	return m
}

// registerOf gives the register as it stands on a day. The sponsor's number
// is as the roster of the first day has it: nobody told the register yet.
func registerOf(day int) *register {
	s := firstStaff()
	r := firstRegister(s)
	if day < BusyDay {
		return r
	}
	m := r.add(agent, "agent-triage", "Sorts alarms of instruments", "production", s.byLogin("yuki.tanaka"))
	m.start = 0
	r.tell(onus.Joined, m, "is a new AI agent, and %s answers for it", m.sponsor.name())
	m = r.byLogin("key-telemetry-test")
	m.status, m.end = retired, -1
	r.tell(onus.Departed, m, "is retired: its account goes")
	m = r.byLogin("bot-deploy-prod")
	m.sponsor = s.byLogin("yuki.tanaka")
	r.tell(onus.Changed, m, "has another sponsor: %s", m.sponsor.name())
	return r
}

func (r *register) tell(kind onus.OccasionKind, m *machine, format string, args ...any) {
	r.story = append(r.story, told{Event{Kind: kind, Nonhuman: true, Key: m.id, Login: m.login, Says: m.login + " " + fmt.Sprintf(format, args...)}, BusyDay})
}

func (r *register) byLogin(login string) *machine {
	for _, m := range r.all {
		if m.login == login {
			return m
		}
	}
	panic("company: the story asks for " + login + ", which is not in the register")
}

// Register gives the CSV file that the register of non-human identities
// sends on a day. Dates in it are told from today.
func Register(day int, today time.Time) []byte {
	r := registerOf(day)
	rows := make([][]string, len(r.all))
	for i, m := range r.all {
		rows[i] = []string{
			m.id, m.login, m.name, m.kind, m.purpose, m.environment, m.sponsor.no, m.sponsor.department, m.sponsor.unit,
			date(today, m.start), date(today, m.end), m.status,
		}
	}
	return file(registerColumns, rows)
}
