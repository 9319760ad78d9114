package company_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/ldap"
	"github.com/onus-id/onus/connector/postgres"
	"github.com/onus-id/onus/connector/scim"
	"github.com/onus-id/onus/connector/sqlapp"
	"github.com/onus-id/onus/internal/demo/company"
	"github.com/onus-id/onus/internal/demo/ledgerapp"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flowtest"
)

func setup(onReal bool) company.Setup {
	s := company.Setup{Real: onReal, Operator: "root", DirectoryURL: "http://127.0.0.1:8460/scim/v2", Ledger: "/demo/ledger.db", Secrets: "/demo/it's secret"}
	if onReal {
		s.DirectoryURL, s.Ledger = "ldap://127.0.0.1:3890", "postgres://onus@127.0.0.1:5433/ledger"
	}
	return s
}

// definitions are the files of the folder, and the tests among them.
func definitions(t *testing.T, onReal bool) (files, tests []flow.File) {
	t.Helper()
	all, err := company.Definitions(setup(onReal))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if strings.HasSuffix(f.Path, "_test.yaml") {
			tests = append(tests, f)
		} else {
			files = append(files, f)
		}
	}
	return files, tests
}

// whoIsWho is the roster of a day, by mail address.
type whoIsWho map[string]flow.Member

func (w whoIsWho) ByMail(mail string) (flow.Member, bool) {
	m, ok := w[strings.ToLower(mail)]
	return m, ok
}

func peopleOn(t *testing.T, day int) whoIsWho {
	t.Helper()
	w := whoIsWho{}
	for _, r := range rowsOf(t, company.Roster(day, today)) {
		w[r["mail"]] = flow.Member{
			Mail: r["mail"], Name: r["given_name"] + " " + r["family_name"], Kind: onus.Person, Active: r["status"] == "active",
		}
	}
	return w
}

func TestTheDefinitionsHaveNoFault(t *testing.T) {
	for _, onReal := range []bool{false, true} {
		files, tests := definitions(t, onReal)
		for _, day := range []int{company.FirstLoad, company.BusyDay, company.BadDay} {
			program, faults := flow.Compile(files, peopleOn(t, day))
			for _, f := range faults {
				t.Errorf("real %v, day %d: %v", onReal, day, f)
			}
			if program != nil && len(program.Workflows) != 6 {
				t.Errorf("%d workflows, want 6", len(program.Workflows))
			}
		}
		parsed, faults := flow.ParseTests(tests)
		for _, f := range faults {
			t.Error(f)
		}
		if len(parsed) == 0 {
			t.Error("no workflow has a test beside it")
		}
	}
}

func TestInTheBadEveningASystemHasNoOwner(t *testing.T) {
	files, _ := definitions(t, false)
	_, faults := flow.Compile(files, peopleOn(t, company.BadEvening))
	if len(faults) == 0 {
		t.Fatal("an owner left, and the definitions have no fault")
	}
	said := false
	for _, f := range faults {
		if !strings.Contains(f.Message, "ruth.meyer") {
			t.Errorf("another fault than the owner's: %v", f)
		}
		said = said || strings.Contains(f.Message, string(onus.SystemOwner))
	}
	if !said {
		t.Errorf("no fault says that the system owner is gone: %v", faults)
	}
}

func TestEverybodyTheDefinitionsNameIsActive(t *testing.T) {
	named := map[string]bool{}
	for _, onReal := range []bool{false, true} {
		files, _ := definitions(t, onReal)
		for _, f := range files {
			for _, mail := range regexp.MustCompile(`[a-z.]+@acme\.example`).FindAllString(f.Text, -1) {
				named[mail] = true
			}
		}
	}
	for _, shared := range []string{"it@acme.example", "hr@acme.example", "servicedesk@acme.example"} {
		if !named[shared] {
			t.Errorf("%s is not named as a shared mailbox", shared)
		}
		delete(named, shared)
	}
	for _, day := range []int{company.FirstLoad, company.BusyDay, company.BadDay} {
		roster := peopleOn(t, day)
		for mail := range named {
			if m, ok := roster.ByMail(mail); !ok || !m.Active {
				t.Errorf("day %d: %s is named by the definitions, and is not an active person", day, mail)
			}
		}
	}
}

func TestNothingIsLeftOpen(t *testing.T) {
	for _, onReal := range []bool{false, true} {
		files, tests := definitions(t, onReal)
		for _, f := range append(files, tests...) {
			if strings.Contains(f.Text, "${") {
				t.Errorf("%s: a place to be filled in was not", f.Path)
			}
		}
	}
	files, _ := definitions(t, true)
	program, faults := flow.Compile(files, nil)
	if program == nil {
		t.Fatal(faults)
	}
	ldap, ledger := program.Systems["corp-directory"], program.Systems["finance-ledger"]
	if ldap.Connector != "ldap" || ledger.Connector != "postgres" || ldap.Settings["url"] != "ldap://127.0.0.1:3890" {
		t.Errorf("the real systems are %s at %s and %s", ldap.Connector, ldap.Settings["url"], ledger.Connector)
	}
	if got := ldap.Secrets["password"].File; got != "/demo/it's secret/directory-password" {
		t.Errorf("the password is in %q", got)
	}
	if got := program.Organisation.Operators["root"]; got != "noor.haddad@acme.example" {
		t.Errorf("root acts as %q", got)
	}
}

// The SQL application is told about in the words of its own author.
func TestTheLedgerIsToldAboutAsItsAuthorDoes(t *testing.T) {
	files, _ := definitions(t, false)
	program, faults := flow.Compile(files, nil)
	if program == nil {
		t.Fatal(faults)
	}
	got, want := program.Systems["finance-ledger"].Settings, ledgerapp.Settings("/demo/ledger.db")
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("the setting %s is not the author's", name)
		}
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("the setting %s is\n%s\nand should be\n%s", name, got[name], value)
		}
	}
}

// Connectors refuse settings that they do not know: these are known.
func TestEveryConnectorTakesItsSettings(t *testing.T) {
	open := map[string]func(map[string]string, func(string) (string, error)) (connector.Connector, error){
		"ldap": ldap.Open, "postgres": postgres.Open, "scim": scim.Open, "sql": sqlapp.Open,
	}
	for _, onReal := range []bool{false, true} {
		files, _ := definitions(t, onReal)
		program, faults := flow.Compile(files, nil)
		if program == nil {
			t.Fatal(faults)
		}
		for name, system := range program.Systems {
			c, err := open[system.Connector](system.Settings, func(string) (string, error) { return "secret", nil })
			if err != nil {
				t.Errorf("%s, by %s: %v", name, system.Connector, err)
				continue
			}
			if closer, ok := c.(connector.Closer); ok {
				if err := closer.Close(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
}

func TestTheCatalogueIsWhatASystemMustHave(t *testing.T) {
	roles, err := company.Catalogue("finance-ledger")
	if err != nil || !slices.Equal(roles, []string{"approver", "clerk", "viewer"}) {
		t.Errorf("roles %v, %v", roles, err)
	}
	// Whatever a department or a unit is called, its group is in the catalogue.
	groups, err := company.Catalogue("corp-directory")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rowsOf(t, company.Roster(company.BadEvening, today)) {
		for _, group := range []string{strings.ToLower(r["department"]), "unit-" + strings.ToLower(r["unit"])} {
			if !slices.Contains(groups, group) {
				t.Fatalf("%s wants the group %s, which is not in the catalogue", r["login"], group)
			}
		}
	}
}

func TestTheTestsBesideTheWorkflowsPass(t *testing.T) {
	files, tests := definitions(t, false)
	program, faults := flow.Compile(files, nil)
	if program == nil {
		t.Fatal(faults)
	}
	parsed, faults := flow.ParseTests(tests)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	results := flowtest.Run(program, parsed)
	for _, r := range results {
		if !r.Passed() {
			t.Errorf("%s, %s: %v; it came to %v %+v", r.File, r.Case, r.Problems, r.Changes, r.Refusal)
		}
	}
	if len(results) != 8 {
		t.Errorf("%d cases, want 8", len(results))
	}
}
