package planning

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/onus-id/onus"
)

// Describe names a change: "present corp-ldap account ana.k", "absent
// corp-ldap group:sales". What only moves our record says so.
func Describe(c onus.PlannedChange) string {
	what := c.Target.Entitlement
	if what == "" {
		what = "account " + c.Target.Name
	}
	s := string(c.Verb) + " " + string(c.Target.System) + " " + what
	if c.WarrantOnly {
		s += " (warrant only)"
	}
	return s
}

// Diff says in words what a replan changed. It is empty only if the two plans
// would do the same for the same reasons.
func Diff(old, replanned onus.Plan) []string {
	var words []string
	say := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	if old.Workflow != replanned.Workflow || old.Version != replanned.Version {
		say("planned by %s version %d, was %s version %d", replanned.Workflow, replanned.Version, old.Workflow, old.Version)
	}
	before := make(map[string]*onus.PlannedChange, len(old.Changes))
	for i := range old.Changes {
		before[changeKey(&old.Changes[i])] = &old.Changes[i]
	}
	for i := range replanned.Changes {
		c := &replanned.Changes[i]
		was := before[changeKey(c)]
		if was == nil {
			say("new: %s", Describe(*c))
			continue
		}
		delete(before, changeKey(c))
		for _, difference := range differences(was, c) {
			say("%s: %s", Describe(*c), difference)
		}
	}
	for i := range old.Changes {
		if c := &old.Changes[i]; before[changeKey(c)] == c {
			say("no longer: %s", Describe(*c))
		}
	}
	return words
}

func changeKey(c *onus.PlannedChange) string {
	return c.Step + "\x00" + Describe(*c) + "\x00" + string(c.Target.Account) + "\x00" + c.Target.Name
}

func differences(was, is *onus.PlannedChange) []string {
	var words []string
	compare := func(what, before, after string) {
		if before != after {
			words = append(words, fmt.Sprintf("%s is now %s, was %s", what, orNothing(after), orNothing(before)))
		}
	}
	names := map[string]bool{}
	for name := range was.Attributes {
		names[name] = true
	}
	for name := range is.Attributes {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		compare(name, was.Attributes[name], is.Attributes[name])
	}
	compare("approval", approval(was), approval(is))
	compare("reason", was.Reason.Says, is.Reason.Says)
	compare("sensitivity", string(was.Sensitivity), string(is.Sensitivity))
	compare("system owner", was.Owners.System, is.Owners.System)
	compare("data owner", was.Owners.Data, is.Owners.Data)
	compare("workflow owner", was.Owners.Workflow, is.Owners.Workflow)
	compare("expiry", was.Expires.String()+" "+end(was), is.Expires.String()+" "+end(is))
	compare("reversal", was.Reversal, is.Reversal)
	compare("sessions end", strconv.FormatBool(was.EndSessions), strconv.FormatBool(is.EndSessions))
	compare("warrants that end", refs(was), refs(is))
	compare("warrants that come back", restored(was), restored(is))
	return words
}

func end(c *onus.PlannedChange) string {
	if c.Until.IsZero() {
		return ""
	}
	return c.Until.UTC().String()
}

func approval(c *onus.PlannedChange) string {
	if c.Approval == nil {
		return ""
	}
	return Asks(c.Approval)
}

// Asks says whom a need asks: "1 of ana@acme.example, then 2 of …".
func Asks(n *onus.ApprovalNeed) string {
	stages := n.Stages()
	parts := make([]string, 0, len(stages))
	for _, s := range stages {
		part := fmt.Sprintf("%d of %s", s.Need, strings.Join(s.Of, ", "))
		if s.Separation != "" {
			part += " (an exception to rule " + s.Separation + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", then ")
}

func refs(c *onus.PlannedChange) string {
	words := make([]string, len(c.Ends))
	for i, r := range c.Ends {
		words[i] = string(r.Workflow) + "/" + r.Step
	}
	return strings.Join(words, ", ")
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
