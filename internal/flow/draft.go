package flow

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow/expr"
	"github.com/onus-id/onus/internal/rota"
)

// A Draft is a folder of definitions as far as it can be checked without
// knowing who the people are.
type Draft struct {
	program *Program
	faults  Faults
	duties  []duty
	shifts  []duty // on a rota: in the past, too, when others were there
}

// A Roster knows the people of an organisation.
type Roster interface {
	// ByMail finds a member by mail address, whatever its letters' case.
	ByMail(mail string) (Member, bool)
}

// A Member is somebody or something on the roster.
type Member struct {
	Mail   string
	Name   string
	Active bool
	Kind   onus.IdentityKind
}

// An Option changes how definitions are checked.
type Option func(*compiler)

// WithConnector makes one more kind of connector known. It can undo what the
// connectors that come with Onus can.
func WithConnector(kind string) Option {
	return func(c *compiler) { c.connectors[kind] = canUndo }
}

// Compile parses and checks in one go. The program is nil if there is any
// fault. With a nil roster nobody is looked up, and the program's notes say so.
func Compile(files []File, roster Roster, opts ...Option) (*Program, Faults) {
	draft, _ := Parse(files, opts...)
	return draft.Check(roster)
}

// Parse reads definitions, and finds every fault that can be found without a
// roster. The draft is there to be checked further whatever the faults.
func Parse(files []File, opts ...Option) (*Draft, Faults) {
	c := &compiler{
		program: &Program{
			Files:        slices.Clone(files),
			Sources:      map[onus.SourceName]*Source{},
			Systems:      map[onus.SystemName]*System{},
			Entitlements: map[EntitlementKey]*Entitlement{},
			Workflows:    map[onus.WorkflowName]*Workflow{},
			Separations:  map[string]*Separation{},
			Campaigns:    map[string]*onus.Terms{},
			Rotas:        map[string]*rota.Rota{},
			Rules:        map[string]*Rule{},
		},
		connectors: maps.Clone(undoes),
		broken:     map[string][]string{},
		envs:       map[onus.SourceName]*expr.Env{},
	}
	for _, o := range opts {
		o(c)
	}
	slices.SortStableFunc(c.program.Files, byPath)
	for i, f := range c.program.Files {
		if i > 0 && c.program.Files[i-1].Path == f.Path {
			c.report(Fault{File: f.Path, Line: 1, Col: 1, Message: "the file is there twice"})
			continue
		}
		if isSigners(f.Path) {
			continue // read when it is known whether the organisation names it
		}
		if isCalendar(f.Path) {
			continue
		}
		for _, doc := range split(f, c.brokenDocument) {
			c.decode(doc)
		}
	}
	c.compile()
	c.program.Digest = onus.DigestOfJSON(c.program.Files)
	d := &Draft{program: c.program, faults: c.faults.sorted(), duties: c.duties, shifts: c.shifts}
	return d, slices.Clone(d.faults)
}

// PeopleSource gives the source that people come from, so that the caller can
// read the roster, or nil if the definitions name none that could be read.
func (d *Draft) PeopleSource() *Source {
	return d.program.Sources[d.program.Organisation.People]
}

// Digest is that of the files: a program made of them has the same.
func (d *Draft) Digest() onus.Digest { return d.program.Digest }

// A compiler turns documents into a program, collecting faults.
type compiler struct {
	program    *Program
	faults     Faults
	duties     []duty
	shifts     []duty
	connectors map[string]undo
	broken     map[string][]string // kind → names of documents that could not be read

	organisations []*organisationShape
	sources       []*sourceShape
	systems       []*systemShape
	entitlements  []*entitlementShape
	workflows     []*workflowShape
	separations   []*separationShape
	campaigns     []*campaignShape
	rotas         []*rotaShape
	rules         []*ruleShape
	envs          map[onus.SourceName]*expr.Env
	shapes        map[onus.WorkflowName]*workflowShape // by name, the first of each
	homeless      []string                             // entitlements whose system is not known
	catalogues    map[onus.SystemName][]string         // see catalogue
}

func (c *compiler) report(f Fault) { c.faults = append(c.faults, f) }

func (c *compiler) fault(at place, message, hint string) { c.report(at.fault(message, hint)) }

// kinds are the kinds of document of a definition file.
var kinds = []string{"Organisation", "Source", "System", "Entitlement", "Rota", "Workflow", "SeparationOfDuty", "Rule", "Campaign"}

func (c *compiler) decode(doc *document) {
	d := &decoder{doc: doc, report: c.report, left: maxNodes}
	switch kind := kindOf(d, kinds); kind {
	case "Organisation":
		c.organisations = append(c.organisations, readShape[organisationShape](d))
	case "Source":
		c.sources = append(c.sources, readShape[sourceShape](d))
	case "System":
		c.systems = append(c.systems, readShape[systemShape](d))
	case "Entitlement":
		c.entitlements = append(c.entitlements, readShape[entitlementShape](d))
	case "Rota":
		c.rotas = append(c.rotas, readShape[rotaShape](d))
	case "Workflow":
		c.workflows = append(c.workflows, readShape[workflowShape](d))
	case "SeparationOfDuty":
		c.separations = append(c.separations, readShape[separationShape](d))
	case "Rule":
		c.rules = append(c.rules, readShape[ruleShape](d))
	case "Campaign":
		c.campaigns = append(c.campaigns, readShape[campaignShape](d))
	default:
		// Whatever it was meant to be, its name is not unknown.
		for _, k := range kinds {
			c.noteBroken(k, doc.lines)
		}
	}
}

func readShape[T any](d *decoder) *T {
	shape := new(T)
	d.read(d.doc.root, reflectOf(shape), &field{name: "the document"}, 0)
	return shape
}

// kindOf gives the document's kind, or reports that it has none of those known.
func kindOf(d *decoder, known []string) string {
	root := d.doc.root
	if root.Kind != yaml.MappingNode {
		d.fault(root, "the document wants a mapping", "begin with kind: "+strings.Join(known, ", "))
		return ""
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value != "kind" {
			continue
		}
		var kind text
		kind.read(d, root.Content[i+1], &field{name: "kind", enum: known})
		if kind.bad {
			return ""
		}
		return kind.value
	}
	d.fault(root, "the document has no kind", "it is one of "+strings.Join(known, ", "))
	return ""
}

// brokenDocument reports a document that is not YAML.
func (c *compiler) brokenDocument(doc *document, f Fault) {
	c.report(f)
	if doc == nil {
		return
	}
	kind := ""
	for _, line := range doc.lines {
		if m := topLine.FindStringSubmatch(line); m != nil && m[1] == "kind" {
			kind = m[2]
		}
	}
	c.noteBroken(kind, doc.lines)
}

var topLine = regexp.MustCompile(`^(kind|name|system):\s*["']?([^\s"'#]+)`)

// noteBroken remembers what a document that cannot be read was about, so that
// the others are not blamed for naming it.
func (c *compiler) noteBroken(kind string, lines []string) {
	for _, line := range lines {
		if m := topLine.FindStringSubmatch(line); m != nil && m[1] != "kind" && (m[1] == "name" || kind == "Entitlement") {
			c.broken[kind] = append(c.broken[kind], m[2])
		}
	}
	if kind == "Organisation" && len(c.broken[kind]) == 0 {
		c.broken[kind] = []string{""}
	}
}

// unknown reports a name that nothing has.
func (c *compiler) unknown(kind string, t text, known []string) {
	if slices.Contains(c.broken[kind], t.value) {
		return
	}
	hint := "there is no " + strings.ToLower(kind) + " at all"
	if near := expr.Nearest(t.value, known); near != "" {
		hint = "did you mean " + near + "?"
	} else if len(known) > 0 {
		hint = "there are " + strings.Join(known[:min(10, len(known))], ", ")
	}
	c.fault(t.place, "unknown "+strings.ToLower(kind)+" "+oneLine(t.value), hint)
}

func sortedKeys[K ~string, V any](m map[K]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, string(k))
	}
	slices.Sort(out)
	return out
}
