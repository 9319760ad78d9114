package attribution

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// Says puts one ledger entry into words, from the state that it left. A body
// that was erased is said to be.
func Says(ev ledger.Event, body []byte) string {
	if body == nil {
		return fmt.Sprintf("%s %s (its data was erased)", ev.Object.Kind, ev.Object.ID)
	}
	switch ev.Object.Kind {
	case store.Reads.Name:
		return in(body, func(v onus.Read) string {
			return fmt.Sprintf("source %s read as of %s: %d rows, %s", v.Source, v.TakenAt.UTC().Format("2006-01-02 15:04:05 MST"), v.Rows, v.Digest.Short())
		})
	case store.Records.Name:
		return in(body, func(v onus.Record) string {
			return fmt.Sprintf("record %s/%s, line %d: %s", v.Source, v.Key, v.Line, listed(v.Attributes))
		})
	case store.Identities.Name:
		return in(body, func(v onus.Identity) string { return fmt.Sprintf("identity %s is %s (%s)", v.ID, called(v), v.State) })
	case store.Occasions.Name:
		return in(body, func(v onus.Occasion) string {
			what := ""
			if len(v.Fields) > 0 && v.Kind != onus.Joined {
				what = ": " + strings.Join(v.Fields, ", ")
			}
			return fmt.Sprintf("%s %s%s (%s)", v.Key, v.Kind, what, v.State)
		})
	case store.Plans.Name:
		return in(body, func(v onus.Plan) string {
			return fmt.Sprintf("plan %s of %s v%d: %d changes, weight %d", v.Digest.Short(), v.Workflow, v.Version, len(v.Changes), v.Weight())
		})
	case store.Runs.Name:
		return in(body, func(v onus.Run) string {
			return fmt.Sprintf("run %s of %s v%d is %s", v.ID, v.Workflow, v.Version, v.State)
		})
	case store.Changes.Name:
		return in(body, func(v onus.Change) string {
			return fmt.Sprintf("%s: %s, because %s%s", statement(v.Planned), v.State, v.Planned.Reason.Says, evidence(v))
		})
	case store.Grants.Name:
		return in(body, func(v onus.Grant) string {
			seen := "not observed"
			if v.Observed {
				seen = "observed"
			}
			return fmt.Sprintf("%s: %s, %d warrants", thing(v), seen, len(v.Warrants))
		})
	case store.Reversals.Name:
		return in(body, func(v onus.Reversal) string {
			return fmt.Sprintf("reversal %s of %d changes ordered by %s, because %s", v.ID, v.Changes, v.Person, v.Reason)
		})
	case store.Pauses.Name:
		return in(body, func(v onus.Pause) string {
			does := "goes on by the word of"
			if v.Paused {
				does = "was paused by"
			}
			return fmt.Sprintf("workflow %s %s %s, because %s", v.Workflow, does, v.Person, v.Reason)
		})
	case store.Findings.Name:
		return in(body, finding)
	case store.Campaigns.Name, store.Sheets.Name, store.Reviews.Name, store.Plants.Name, store.Denials.Name:
		return saysReview(ev.Object.Kind, body)
	case store.Exceptions.Name:
		return in(body, func(v onus.Exception) string { return fmt.Sprintf("exception %s (%s): %s", v.ID, v.State, v.Message) })
	case store.Approvals.Name:
		return in(body, approval)
	case store.Notices.Name:
		return in(body, notice)
	case store.Delegations.Name:
		return in(body, func(v onus.Delegation) string {
			return fmt.Sprintf("%s may answer in the place of %s until %s, because %s", v.To, v.From, day(v.Until), v.Reason)
		})
	case store.Requests.Name:
		return in(body, func(v onus.Request) string {
			wants := make([]string, len(v.Wants))
			for i, w := range v.Wants {
				wants[i] = fmt.Sprintf("%s on %s", w.Entitlement, w.System)
			}
			return fmt.Sprintf("%s asked for %s for %s until %s, because %s (%s)", v.Person, strings.Join(wants, ", "), v.For, day(v.Until), v.Reason, v.State)
		})
	case store.Emergencies.Name:
		return in(body, emergency)
	case store.RuleStandings.Name:
		return in(body, func(v onus.RuleStanding) string {
			return strings.TrimSuffix(fmt.Sprintf("standing rule %s, which %s keeps and %s approved beforehand until %s, %s: %s", v.Rule, v.Owner, v.By, day(v.Until), v.State, v.Why), ": ")
		})
	case store.Exemptions.Name:
		return in(body, func(v onus.Exemption) string {
			return fmt.Sprintf("%s exempted %s from rule %s until %s, because %s", v.Person, v.Identity, v.Rule, day(v.Until), v.Reason)
		})
	case store.Credentials.Name:
		return in(body, func(v store.Credential) string {
			counts := "on record"
			if !v.Counts() {
				counts = "removed"
			}
			return fmt.Sprintf("%s key %s of %s is %s", v.Kind, v.Fingerprint, v.Person, counts)
		})
	case store.AccessErrors.Name:
		return in(body, func(v onus.AccessError) string {
			says := fmt.Sprintf("access error %s is %s, reported by %s", v.ID, v.State, v.Person)
			if v.Verdict != nil {
				says += ": " + v.Verdict.Sentence
			}
			if n := len(v.Answers); n > 0 {
				says += fmt.Sprintf(" %s: %s (%s)", v.Answers[n-1].Person, v.Answers[n-1].Act, v.Answers[n-1].Reason)
			}
			return says
		})
	case store.Versions.Name:
		return in(body, version)
	case store.WorkflowVersions.Name:
		return in(body, func(v store.WorkflowVersion) string {
			return fmt.Sprintf("workflow %s is at version %d, of definitions %s", v.Name, v.Version, v.Program.Short())
		})
	case store.Erasures.Name:
		return in(body, func(v store.Erasure) string {
			return fmt.Sprintf("erasure of %s is %s: %s", v.Subject, v.State, v.Reason)
		})
	default:
		return ev.Object.Kind + " " + ev.Object.ID
	}
}

// version says how a version of the definitions stands, and who brought and
// decided it.
func version(v onus.Version) string {
	by := make([]string, len(v.Authors))
	for i, a := range v.Authors {
		by[i] = a.Name
	}
	says := fmt.Sprintf("version %s of the definitions (%s), proposed by %s, is %s", v.ID, v.Program.Short(), strings.Join(by, " and "), v.State)
	switch v.State {
	case onus.VersionProposed:
		says += ": " + strings.Join(v.Effect, "; ")
	case onus.VersionLive:
		says += fmt.Sprintf(" as number %d by the yes of %s", v.Number, v.Person)
	case onus.VersionRefused:
		says += fmt.Sprintf(": %s said no (%s)", v.Person, v.Why)
	case onus.VersionSuperseded:
	}
	return says
}

// approval says how a request for approval stands, and who answered it.
func approval(v onus.Approval) string {
	var says strings.Builder
	fmt.Fprintf(&says, "approval %s of plan %s is %s: %d of %s", v.ID, v.Plan.Short(), v.State, v.Need, strings.Join(slices.Concat(v.Of, v.Also), ", "))
	for _, a := range v.Answers {
		word := "no"
		if a.Yes {
			word = "yes"
		}
		fmt.Fprintf(&says, "; %s said %s", a.Person, word)
		if a.For != "" {
			says.WriteString(" in the place of " + a.For)
		}
		if a.Reason != "" {
			says.WriteString(" (" + a.Reason + ")")
		}
	}
	if v.Why != "" {
		says.WriteString("; " + v.Why)
	}
	return says.String()
}

// notice says whom somebody was to tell, and how that went.
func notice(v onus.Notice) string {
	who := v.Person
	if who == "" {
		who = "a machine"
	}
	says := fmt.Sprintf("notice %s to %s over %s is %s", v.ID, who, v.Channel, v.State)
	if v.Error != "" {
		says += ": " + v.Error
	}
	return says
}

func in[T any](body []byte, say func(T) string) string {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		return "the state is not readable: " + err.Error()
	}
	return say(v)
}

func listed(a onus.Attributes) string {
	parts := make([]string, 0, len(a))
	for _, k := range slices.Sorted(maps.Keys(a)) {
		parts = append(parts, k+"="+a[k])
	}
	return strings.Join(parts, ", ")
}

// statement is a change as people say it.
func statement(c onus.PlannedChange) string {
	if c.Target.IsGrant() {
		return fmt.Sprintf("%s %s on %s", c.Verb, c.Target.Entitlement, c.Target.System)
	}
	return fmt.Sprintf("%s account %s on %s", c.Verb, c.Target.Name, c.Target.System)
}

// finding says what differs on a system, and what was chosen to do about it.
func finding(v onus.Finding) string {
	what := "account " + v.Name
	if v.Entitlement != "" {
		what = v.Entitlement + " of " + v.Name
	}
	says := fmt.Sprintf("finding %s: %s on %s %s, and is %s", v.ID, what, v.System, v.Kind, v.State)
	if v.Person != "" {
		says += fmt.Sprintf("; %s chose to %s, because %s", v.Person, v.Repair, v.Reason)
	}
	return says
}

func emergency(v onus.Emergency) string {
	wants := make([]string, len(v.Wants))
	for i, w := range v.Wants {
		wants[i] = fmt.Sprintf("%s on %s", w.Entitlement, w.System)
	}
	says := fmt.Sprintf("%s called an emergency of %s for %s until %s, by standing rule %s, which %s approved beforehand, because %s (%s)",
		v.Person, strings.Join(wants, ", "), v.For, day(v.Until), v.Rule, v.Answers, v.Reason, v.State)
	if v.Reviewer != "" {
		says += fmt.Sprintf("; %s reviewed it: %s", v.Reviewer, v.Finding)
	}
	return says
}
