package flow

import (
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
)

// A TestFile is one document of kind Test: cases that stand beside a
// workflow. Carrying them out is for others.
type TestFile struct {
	File     string
	Line     int
	Workflow onus.WorkflowName
	Rule     string // a standing rule, in place of a workflow
	Now      time.Time
	Cases    []TestCase
}

// A TestCase is a record, what is known around it, and what must come of it.
type TestCase struct {
	Name     string
	File     string
	Line     int
	Record   onus.Attributes
	Before   onus.Attributes
	Change   onus.OccasionKind
	People   []onus.Attributes // active people besides; where the record's manager is found
	Holds    []TestHeld
	Accounts []TestAccount
	Expect   Expectation

	// Of a standing rule.
	Asks     []onus.Wanted // in an emergency
	Lasts    time.Duration // of an emergency; 0: as long as it may
	Since    time.Duration // when the case came up
	UnderWay int           // other cases that are not over
	Used     int           // times that it acted within its bound on uses
}

// A TestHeld is a grant that the identity has.
type TestHeld struct {
	System      onus.SystemName
	Entitlement string
	Workflow    onus.WorkflowName // of its warrant; empty: nobody warranted it
	Step        string
}

// A TestAccount is an account that the identity has.
type TestAccount struct {
	System  onus.SystemName
	Name    string
	Enabled bool
}

// An Expectation is what a case must come to. Changes are written as
// "VERB SYSTEM account NAME" or "VERB SYSTEM ENTITLEMENT".
type Expectation struct {
	Changes   []string
	Exception onus.Category
	To        string // who the exception goes to: mail address
	Nothing   bool

	// Of a standing rule.
	Acts    bool     // it does; else Because says why not
	Because string   // part of why it does not
	Steps   []string // those that are due, in order
}

type testShape struct {
	place
	Kind     text        `yaml:"kind" want:"required" enum:"Test"`
	Workflow text        `yaml:"workflow" doc:"the workflow to try"`
	Rule     text        `yaml:"rule" doc:"the standing rule to try, in place of a workflow"`
	Now      moment      `yaml:"now" want:"required" doc:"the time of planning, such as 2026-03-02T09:00:00Z"`
	Cases    []caseShape `yaml:"cases" want:"required" doc:"what to try, and what must come of it"`
}

func (testShape) noun() string { return "the test" }

type caseShape struct {
	place
	Name     text            `yaml:"name" want:"required" doc:"what the case shows"`
	Record   table[scalar]   `yaml:"record" doc:"the record's attributes; a workflow needs it"`
	Before   table[scalar]   `yaml:"before" doc:"the record's attributes before the change"`
	Change   text            `yaml:"change" enum:"joined|moved|left|returned|changed|date" doc:"what happened to the record; a workflow needs it"`
	People   []table[scalar] `yaml:"people" doc:"active people besides, each by attributes"`
	Holds    []heldShape     `yaml:"holds" doc:"grants that the identity has"`
	Accounts []presentShape  `yaml:"accounts" doc:"accounts that the identity has"`
	Asks     []asksShape     `yaml:"asks" doc:"of a standing rule for emergencies: what is asked for"`
	Lasts    span            `yaml:"lasts" doc:"of a standing rule for emergencies: for how long; as long as it may unless said"`
	Since    span            `yaml:"since" doc:"of a standing rule: how long ago the case came up"`
	UnderWay number          `yaml:"under_way" doc:"of a standing rule: how many other cases are not over"`
	Used     number          `yaml:"used" doc:"of a standing rule: how often it acted within its bound on uses"`
	Expect   expectShape     `yaml:"expect" want:"required" doc:"what must come of it: changes, an exception, or nothing"`
}

func (c caseShape) noun() string { return nounNamed("case", c.Name) }

type asksShape struct {
	place
	System      text `yaml:"system" want:"required" doc:"where it is"`
	Entitlement text `yaml:"entitlement" want:"required" doc:"what is asked for"`
}

func (asksShape) noun() string { return "what is asked for" }

type heldShape struct {
	place
	System      text `yaml:"system" want:"required" doc:"where it is held"`
	Entitlement text `yaml:"entitlement" want:"required" doc:"what is held"`
	Warrant     text `yaml:"warrant" doc:"why: workflow/step; nobody warranted it unless said"`
}

func (heldShape) noun() string { return "the grant held" }

type presentShape struct {
	place
	System  text `yaml:"system" want:"required" doc:"where the account is"`
	Name    text `yaml:"name" want:"required" doc:"its name there"`
	Enabled flag `yaml:"enabled" doc:"false: disabled; enabled unless said"`
}

func (presentShape) noun() string { return "the account" }

type expectShape struct {
	place
	Changes   []text `yaml:"changes" doc:"VERB SYSTEM account NAME, or VERB SYSTEM ENTITLEMENT; the verbs are present, absent, disabled, enabled and attributes"`
	Exception text   `yaml:"exception" doc:"the category of the exception"`
	To        text   `yaml:"to" doc:"mail address of whom the exception goes to"`
	Nothing   flag   `yaml:"nothing" doc:"true: nothing happens"`
	Acts      flag   `yaml:"acts" doc:"whether the standing rule acts"`
	Because   text   `yaml:"because" doc:"of a standing rule that does not act: part of why"`
	Steps     []text `yaml:"steps" doc:"of a standing rule: ids of the steps that are due, in order"`
}

func (expectShape) noun() string { return "the expectation" }

var testKinds = []string{"Test"}

// ParseTests reads *_test.yaml files. Whether the workflows they name exist is
// for who carries them out.
func ParseTests(files []File) ([]TestFile, Faults) {
	c := &compiler{broken: map[string][]string{}}
	var out []TestFile
	files = slices.Clone(files)
	slices.SortStableFunc(files, byPath)
	for _, f := range files {
		for _, doc := range split(f, c.brokenDocument) {
			d := &decoder{doc: doc, report: c.report, left: maxNodes}
			if kindOf(d, testKinds) == "" {
				continue
			}
			s := readShape[testShape](d)
			t := TestFile{File: f.Path, Line: s.line(), Workflow: onus.WorkflowName(s.Workflow.value), Rule: s.Rule.value, Now: s.Now.value}
			if s.Workflow.there() == s.Rule.there() {
				c.fault(s.place, "the test wants exactly one of workflow and rule", "make a test of each")
			}
			var names []text
			for i := range s.Cases {
				names = append(names, s.Cases[i].Name)
				t.Cases = append(t.Cases, c.testCase(&s.Cases[i], s.Rule.there()))
			}
			c.distinct(names, "the case")
			out = append(out, t)
		}
	}
	return out, c.faults.sorted()
}

func (c *compiler) testCase(s *caseShape, rule bool) TestCase {
	t := TestCase{
		Name: s.Name.value, Record: attributes(&s.Record), Before: attributes(&s.Before), Change: onus.OccasionKind(s.Change.value),
		Expect: Expectation{To: s.Expect.To.value, Nothing: s.Expect.Nothing.value},
	}
	if s.there() {
		t.File, t.Line = s.doc.file, s.line()
	}
	for i := range s.Asks {
		t.Asks = append(t.Asks, onus.Wanted{System: onus.SystemName(s.Asks[i].System.value), Entitlement: s.Asks[i].Entitlement.value})
	}
	t.Lasts, t.Since, t.UnderWay, t.Used = s.Lasts.value, s.Since.value, s.UnderWay.value, s.Used.value
	for i := range s.People {
		t.People = append(t.People, attributes(&s.People[i]))
	}
	for _, h := range s.Holds {
		held := TestHeld{System: onus.SystemName(h.System.value), Entitlement: h.Entitlement.value}
		if h.Warrant.ok() {
			workflow, step, ok := strings.Cut(h.Warrant.value, "/")
			if !ok || workflow == "" || step == "" {
				c.fault(h.Warrant.place, oneLine(h.Warrant.value)+" is no warrant", "write workflow/step, as in joiner/team")
			}
			held.Workflow, held.Step = onus.WorkflowName(workflow), step
		}
		t.Holds = append(t.Holds, held)
	}
	for _, a := range s.Accounts {
		t.Accounts = append(t.Accounts, TestAccount{onus.SystemName(a.System.value), a.Name.value, a.Enabled.value || !a.Enabled.there()})
	}
	if rule {
		c.ruleExpectation(s, &t)
		return t
	}
	if s.there() && !s.Record.there() {
		c.fault(s.place, s.noun()+" has no record", "the record's attributes")
	}
	if s.there() && !s.Change.there() {
		c.fault(s.place, s.noun()+" has no change", "what happened to the record: joined, moved, left, returned, changed or date")
	}
	c.expectation(s, &t)
	return t
}

// ruleExpectation reads what must come of a case of a standing rule.
func (c *compiler) ruleExpectation(s *caseShape, t *TestCase) {
	e := s.Expect
	t.Expect.Acts, t.Expect.Because, t.Expect.Steps = e.Acts.value, e.Because.value, values(e.Steps)
	switch {
	case !e.there():
	case !e.Acts.there() && e.Steps == nil:
		c.fault(e.place, "the case does not say whether the rule acts", "say acts: true, or acts: false")
	case e.Changes != nil || e.Exception.there() || e.To.there() || e.Nothing.there():
		c.fault(e.place, "a standing rule acts or does not; what its acts come to is the plan's", "say acts, because and steps")
	case e.Because.there() && (e.Acts.value || !e.Acts.there()):
		c.fault(e.Because.place, "because goes with acts: false", "")
	}
	t.Expect.Acts = t.Expect.Acts || !e.Acts.there()
}

func (c *compiler) expectation(s *caseShape, t *TestCase) {
	e := s.Expect
	if e.Exception.there() {
		t.Expect.Exception = c.category(e.Exception)
	}
	c.address(e.To, "whom an exception goes to")
	for _, ch := range e.Changes {
		if !ch.ok() {
			continue
		}
		if !isChange(ch.value) {
			c.fault(ch.place, oneLine(ch.value)+" is no change", "write it as in present crm account ana.k, or absent crm group:finance")
		}
		t.Expect.Changes = append(t.Expect.Changes, ch.value)
	}
	switch {
	case !e.there():
	case e.Nothing.value && (e.Changes != nil || e.Exception.there()):
		c.fault(e.place, "the case expects nothing and something", "keep one of them")
	case !e.Nothing.value && e.Changes == nil && !e.Exception.there():
		c.fault(e.place, "the case expects neither changes, nor an exception, nor nothing", "say nothing: true if that is meant")
	case e.To.there() && !e.Exception.there():
		c.fault(e.To.place, "to goes with an exception", "say which, as in exception: invalid_attribute")
	}
}

// isChange says whether a text is "VERB SYSTEM account NAME" or "VERB SYSTEM
// ENTITLEMENT".
func isChange(s string) bool {
	words := strings.SplitN(s, " ", 3)
	if len(words) != 3 || !slices.Contains(verbs, words[0]) || !nameForm.MatchString(words[1]) {
		return false
	}
	if name, ok := strings.CutPrefix(words[2], "account "); ok {
		return strings.TrimSpace(name) == name && name != ""
	}
	return entitlementForm.MatchString(words[2])
}

var verbs = []string{string(onus.EnsurePresent), string(onus.EnsureAbsent), string(onus.EnsureDisabled), string(onus.EnsureEnabled), string(onus.EnsureAttributes)}

func attributes(t *table[scalar]) onus.Attributes {
	if !t.there() {
		return nil
	}
	out := onus.Attributes{}
	for _, e := range t.entries {
		if e.value.value != "" {
			out[e.key.value] = e.value.value
		}
	}
	return out
}
