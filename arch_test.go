package onus_test

import "testing"

const module = "github.com/onus-id/onus"

// A room is a package of the house and the packages of the house that it may
// import, by their folders, separated by spaces.
type room struct{ folder, mayImport string }

// The house (docs/architecture.md). Imports point up this list; siblings do
// not import each other: each declares the small interface that it needs.
var house = []room{
	{"onus", ""},
	{"ledger", "onus"},
	{"connector", "onus"},
	{"connector/internal/sqlstate", "connector"},
	{"connector/connectortest", "onus connector"},
	{"connector/ldap", "onus connector"},
	{"connector/postgres", "onus connector connector/internal/sqlstate"},
	{"connector/scim", "onus connector"},
	{"connector/sqlapp", "onus connector connector/internal/sqlstate"},
	{"source", "onus"},
	{"source/csv", "onus source"},
	{"source/sql", "onus source"},

	{"api/client", ""},

	{"internal/flow/expr", "onus"},
	{"internal/rota", ""},
	{"internal/lanes", ""},
	{"internal/flow", "onus connector internal/rota internal/flow/expr"},
	{"internal/flow/schema", "onus internal/flow/expr internal/flow"},
	{"internal/flow/starter", "onus internal/flow"},
	{"internal/planning", "onus internal/flow/expr internal/flow"},
	{"internal/flowtest", "onus internal/flow/expr internal/flow internal/planning"},
	{"internal/reconcile", "onus"},
	{"internal/authority", "onus"},
	{"internal/nhi", "onus"},
	{"internal/late", "onus"},

	{"internal/store", "onus ledger"},
	{"internal/store/sqlstore", "onus ledger internal/store"},
	{"internal/store/storetest", "onus ledger internal/store internal/store/sqlstore"},
	{"internal/store/sqlite", "onus ledger internal/store internal/store/sqlstore"},
	{"internal/store/postgres", "onus ledger internal/store internal/store/sqlstore"},

	{"internal/durable", "onus"},
	{"internal/sshkey", "onus"},
	{"internal/signer", "onus ledger internal/durable"},
	{"internal/witness", "onus ledger internal/durable"},
	{"internal/publish", "onus ledger internal/durable internal/store internal/witness"},

	{"internal/ownership", "onus ledger internal/flow internal/store"},
	{"internal/ownership/ownershiptest", "onus internal/flow internal/store internal/ownership"},
	{"internal/versions", "onus ledger internal/rota internal/flow/expr internal/flow internal/planning internal/authority internal/store internal/ownership"},
	{"internal/versions/versionstest", "onus internal/flow internal/store internal/versions"},

	{"internal/health", "onus internal/rota"},
	{"internal/escalation", "onus internal/rota internal/flow internal/store internal/ownership"},
	{"internal/review", "onus ledger internal/nhi internal/flow internal/store internal/ownership internal/escalation"},
	{"internal/telemetry", ""},
	{"internal/intake", "onus ledger source internal/flow/expr internal/flow internal/store internal/escalation"},
	{"internal/engine", "onus ledger connector source internal/flow/expr internal/flow internal/planning internal/reconcile internal/store internal/ownership internal/health internal/late internal/nhi internal/escalation internal/intake"},
	{"internal/engine/riverqueue", "onus internal/store internal/engine"},
	{"internal/notify", "onus ledger internal/flow internal/planning internal/store internal/engine"},
	{"internal/attribution", "onus ledger internal/lanes internal/flow/expr internal/flow internal/planning internal/store internal/ownership internal/escalation internal/intake internal/engine"},

	{"internal/evidence", "onus ledger internal/store"},
	{"internal/trail", "onus ledger internal/store internal/attribution"},
	{"internal/export", "onus ledger internal/trail"},
	{"internal/access", "onus ledger internal/store"},
	{"internal/authn", "onus ledger internal/store internal/sshkey"},

	{"internal/server", "" +
		"onus " +
		"ledger " +
		"connector " +
		"connector/ldap " +
		"connector/postgres " +
		"connector/scim " +
		"connector/sqlapp " +
		"source " +
		"source/csv " +
		"source/sql " +
		"internal/flow/expr " +
		"internal/flow " +
		"internal/flow/starter " +
		"internal/planning " +
		"internal/flowtest " +
		"internal/reconcile " +
		"internal/telemetry " +
		"internal/authority " +
		"internal/nhi " +
		"internal/store " +
		"internal/store/sqlstore " +
		"internal/store/sqlite " +
		"internal/store/postgres " +
		"internal/health internal/escalation internal/ownership internal/review " +
		"internal/versions " +
		"internal/intake " +
		"internal/engine " +
		"internal/engine/riverqueue " +
		"internal/notify " +
		"internal/attribution " +
		"internal/evidence " +
		"internal/trail " +
		"internal/export " +
		"internal/access " +
		"internal/authn " +
		"internal/durable " +
		"internal/sshkey " +
		"internal/signer " +
		"internal/witness " +
		"internal/publish "},

	{"internal/server/servertest", "onus internal/flow internal/ownership internal/server"},
	{"internal/httpapi", "onus ledger internal/review internal/durable internal/telemetry internal/authn internal/flow internal/health internal/escalation internal/engine internal/ownership internal/attribution internal/evidence internal/trail internal/authority internal/server"},
	{"internal/console", "onus ledger internal/trail internal/lanes internal/authn internal/authority internal/flow internal/health internal/review internal/escalation internal/engine internal/attribution internal/ownership internal/server"},

	{"internal/rig", ""},
	{"internal/demo/company", "onus internal/flow"},
	{"internal/demo/scimdir", "onus"},
	{"internal/demo/ledgerapp", "onus"},
	{"internal/demo", "onus ledger internal/flow internal/ownership internal/engine internal/attribution internal/server internal/rig " +
		"internal/demo/company internal/demo/scimdir internal/demo/ledgerapp"},
	{"internal/bench", "onus connector"},

	{"internal/remote", "onus ledger api/client internal/attribution internal/authority internal/durable internal/engine internal/escalation internal/evidence internal/flow internal/health internal/ownership internal/review internal/server internal/trail"},
	{"internal/cli", "onus ledger internal/flow internal/flow/schema internal/flow/starter internal/planning internal/flowtest " +
		"internal/health internal/escalation internal/review internal/engine internal/ownership internal/attribution internal/evidence internal/trail internal/authority internal/telemetry internal/httpapi internal/console internal/server internal/demo internal/durable internal/sshkey internal/signer internal/witness internal/remote"},
	{"cmd/onus", "internal/cli"},
	{"cmd/onus-verify", "ledger"},
}

// What test files may import: everything that the package under test reaches,
// the rooms that are made for tests, what stands here, and what these reach.
var (
	testRooms = "connector/connectortest internal/store/storetest internal/ownership/ownershiptest internal/versions/versionstest internal/server/servertest internal/flowtest internal/rig " +
		"internal/demo/company internal/demo/scimdir internal/demo/ledgerapp"
	testsMayAlso = map[string]string{
		"internal/engine":            "internal/engine/riverqueue internal/store/sqlite internal/store/postgres source/csv connector/ldap connector/postgres",
		"internal/engine/riverqueue": "internal/store/sqlite internal/store/postgres",
		"internal/versions":          "internal/store/sqlite internal/store/postgres",
		"internal/ownership":         "internal/store/sqlite internal/store/postgres",
		"internal/review":            "connector/connectortest internal/engine internal/store/sqlite internal/store/postgres",
		"internal/publish":           "internal/store/sqlite internal/signer",
		"internal/notify":            "internal/flow/starter internal/engine/riverqueue internal/store/sqlite internal/store/postgres source/csv",
		"internal/trail":             "internal/store/sqlite",
		"internal/evidence":          "internal/store/sqlite",
		"internal/authn":             "internal/store/sqlite",
		"internal/console":           "internal/httpapi",
		"internal/access":            "internal/attribution internal/trail internal/store/sqlite internal/store/postgres",
		"internal/attribution":       "internal/engine internal/engine/riverqueue internal/store/sqlite source/csv",
		"internal/intake":            "source/csv internal/store/sqlite",
		"internal/demo/company":      "source/csv internal/intake internal/planning internal/store/sqlite connector/ldap connector/postgres connector/scim connector/sqlapp",
		"internal/demo/ledgerapp":    "connector/sqlapp",
		"internal/bench":             everything,
		"internal/demo":              everything,
		"internal/cli":               everything,
		"cmd/onus":                   everything,
	}
)

const everything = "*"

// Rules over the table itself, so that a line cannot quietly break one.
var (
	// The pure rooms know no clock, no network and no database; nor does
	// anything that they reach. (forbidigo watches time.Now.)
	pure         = []string{"internal/flow", "internal/flow/expr", "internal/planning", "internal/reconcile", "internal/authority", "internal/rota", "internal/health", "internal/nhi", "internal/lanes"}
	impure       = []string{"net", "net/http", "database/sql", "os", "os/exec", "os/user"}
	doors        = []string{"internal/cli", "internal/httpapi", "internal/console"}
	behindDoors  = "internal/store" // and below
	onlyForTests = "internal/rig"   // and for the demo on real systems
)

// Modules that only some rooms may know, so that each can be replaced.
var mayKnow = map[string]string{
	"github.com/riverqueue/":      "internal/engine/riverqueue",
	"cel.dev/":                    "internal/flow/expr",
	"go.yaml.in/yaml/":            "internal/flow internal/flow/schema internal/flowtest internal/cli",
	"github.com/go-ldap/":         "connector/ldap internal/rig internal/demo",
	"github.com/scim2/":           "connector/scim internal/demo/scimdir",
	"github.com/wneessen/":        "internal/notify",
	"github.com/slack-go/":        "internal/notify",
	"github.com/go-pdf/":          "internal/evidence",
	"golang.org/x/image/":         "internal/evidence",
	"github.com/spf13/cobra":      "internal/cli cmd/onus",
	"github.com/cedar-policy/":    "internal/authority",
	"github.com/hiddeco/":         "internal/sshkey",
	"github.com/danielgtaylor/":   "internal/httpapi",
	"github.com/a-h/templ":        "internal/console",
	"github.com/prometheus/":      "internal/telemetry",
	"go.opentelemetry.io/":        "internal/telemetry",
	"github.com/go-webauthn/":     "internal/authn",
	"github.com/coreos/":          "internal/authn",
	"github.com/emersion/go-ical": "internal/rota",
	"github.com/teambition/":      "internal/rota",
}

func TestImportsPointUpTheHouse(t *testing.T) {
	files, err := parseHouse(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults(house, files) {
		t.Error(fault)
	}
}
