package versions

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flow/expr"
	"github.com/onus-id/onus/internal/planning"
)

// A Company is who there is, as one version's sources show them, with what
// they have on the systems now.
type Company struct {
	Identities []onus.Identity // who is there or expected
	People     expr.People
	Accounts   map[onus.IdentityID][]onus.Account
	Grants     map[onus.IdentityID][]onus.Grant
	Now        time.Time
}

// A Difference is what is not the same under a version as under the one that
// is live.
type Difference struct {
	Words  []string    // for people
	Alters []string    // the steps that are new or otherwise, as onus.Version has them
	Shown  onus.Digest // of all of it, identity by identity
}

// Differ works out what is different under a version: what it says, and what
// it would give to and take from everybody. With a nil program for what is
// live, everything is new.
func Differ(base string, live *flow.Program, before Company, p *flow.Program, after Company) Difference {
	was, is := picture{}, draw(p, after)
	if live != nil {
		was = draw(live, before)
	}
	words := slices.Concat(was.against(is), said(live, p))
	full := map[string][]onus.IdentityID{}
	for thing, who := range is {
		if thing.when == onus.Departed {
			continue // what people have changes every day; what would be different about it is in the words
		}
		full[thing.String()] = slices.Sorted(maps.Keys(who))
	}
	return Difference{Words: words, Alters: alters(live, p), Shown: onus.DigestOfJSON([]any{base, words, full})}
}

// An outcome is one thing that a version brings about for somebody.
type outcome struct {
	when onus.OccasionKind // they would join, move or leave now
	says string            // "group:finance on directory"
	kind onus.IdentityKind
}

func (o outcome) String() string { return string(o.when) + " " + string(o.kind) + " " + o.says }

// A picture is what a version brings about, and for whom.
type picture map[outcome]map[onus.IdentityID]bool

// unplanned is what comes of somebody whom no plan can be made for.
const unplanned = "whatever nobody could plan"

// draw works out for everybody what their joining, moving and leaving would
// bring about today: the very plans that the engine would make.
func draw(p *flow.Program, c Company) picture {
	all := picture{}
	note := func(o outcome, id onus.IdentityID) {
		if all[o] == nil {
			all[o] = map[onus.IdentityID]bool{}
		}
		all[o][id] = true
	}
	mails := map[string]string{} // of people, by their key and by their mail address
	for _, who := range c.Identities {
		if who.Kind == onus.Person && who.State == onus.Active {
			mails[who.Key], mails[who.Mail] = who.Mail, who.Mail
		}
	}
	delete(mails, "")
	for _, who := range c.Identities {
		for _, when := range []onus.OccasionKind{onus.Joined, onus.Moved, onus.Departed} {
			f := facts(p, c, mails, who, when)
			for _, wf := range p.Workflows {
				if wf.Source != who.Source {
					continue
				}
				wants, err := planning.Wants(wf, f)
				if err != nil {
					note(outcome{when, unplanned, who.Kind}, who.ID)
				}
				if err != nil || !wants {
					continue
				}
				plan, refusal := planning.Plan(p, wf, 0, f)
				if refusal != nil {
					note(outcome{when, unplanned, who.Kind}, who.ID)
					continue
				}
				for _, ch := range plan.Changes {
					if says := thing(ch.Target); says != "" && ch.Verb.TakesAway() == (when == onus.Departed) {
						note(outcome{when, says, who.Kind}, who.ID)
					}
				}
			}
		}
	}
	return all
}

// facts are those of somebody who would join or move from nothing, or leave
// with what they have.
func facts(p *flow.Program, c Company, mails map[string]string, who onus.Identity, when onus.OccasionKind) planning.Facts {
	f := planning.Facts{
		Now: c.Now, Identity: who, People: c.People,
		Occasion: onus.Occasion{ID: "version/" + string(who.ID), Kind: when, Identity: who.ID, Source: who.Source, Key: who.Key, Before: who.Attributes, After: who.Attributes},
	}
	if src := p.Sources[who.Source]; src != nil && when == onus.Moved {
		f.Occasion.Fields = slices.Sorted(slices.Values(src.Schema.Moves))
	}
	f.Manager, f.Sponsor = mails[who.Manager], mails[who.Sponsor]
	if when == onus.Departed {
		f.Accounts, f.Grants = c.Accounts[who.ID], c.Grants[who.ID]
	}
	return f
}

func thing(t onus.Target) string {
	if t.IsGrant() {
		return fmt.Sprintf("%s on %s", t.Entitlement, t.System)
	}
	return fmt.Sprintf("an account on %s", t.System)
}

// against says in words what another picture has that this one has not, and
// the other way round: who loses first.
func (was picture) against(is picture) []string {
	type line struct {
		verb, says string
		kind       onus.IdentityKind
	}
	when, count := map[line][]onus.OccasionKind{}, map[line]map[onus.OccasionKind]int{}
	compare := func(a, b picture, verb, leaving string) {
		for o, who := range a {
			n := 0
			for id := range who {
				if !b[o][id] {
					n++
				}
			}
			if n == 0 {
				continue
			}
			l := line{verb, o.says, o.kind}
			if o.when == onus.Departed {
				l.verb = leaving
			}
			if count[l] == nil {
				count[l] = map[onus.OccasionKind]int{}
			}
			when[l], count[l][o.when] = append(when[l], o.when), n
		}
	}
	compare(was, is, "lose", "keep")
	compare(is, was, "gain", "give up")
	lines := slices.SortedFunc(maps.Keys(count), func(a, b line) int {
		return cmp.Or(cmp.Compare(rank[a.verb], rank[b.verb]), cmp.Compare(a.says, b.says), cmp.Compare(a.kind, b.kind))
	})
	var words []string
	for _, l := range lines {
		by := count[l]
		if len(by) == 2 && by[onus.Joined] == by[onus.Moved] {
			words = append(words, sentence(by[onus.Joined], l.kind, l.verb, l.says, ""))
			continue
		}
		for _, k := range slices.Sorted(slices.Values(when[l])) {
			words = append(words, sentence(by[k], l.kind, l.verb, l.says, occasions[k]))
		}
	}
	return words
}

var (
	rank      = map[string]int{"lose": 1, "gain": 2, "keep": 3, "give up": 4}
	occasions = map[onus.OccasionKind]string{onus.Joined: "when they join", onus.Moved: "when they move", onus.Departed: "when they leave"}
)

func sentence(n int, kind onus.IdentityKind, verb, says, when string) string {
	nouns := map[onus.IdentityKind][2]string{onus.Person: {"person", "people"}, onus.NonHuman: {"machine identity", "machine identities"}}[kind]
	who, s := nouns[1], ""
	if n == 1 {
		who, s = nouns[0], "s"
	}
	verb, rest, _ := strings.Cut(verb, " ")
	return strings.Join(strings.Fields(fmt.Sprintf("%d %s %s%s %s %s %s", n, who, verb, s, rest, says, when)), " ")
}
