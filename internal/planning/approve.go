package planning

import (
	"slices"
	"strings"

	"github.com/onus-id/onus"
)

// A Ballot is a request for approval with everybody it concerns, as the
// roster has them now. Who may answer is never remembered: whoever leaves
// counts no more, nor does a yes that they gave (rule 6).
type Ballot struct {
	onus.Approval

	// Authors are those who asked for the access, put right what it is planned
	// on, or alone wrote what asks for it, by mail address. They answer for that
	// already.
	Authors []string
	// Person gives whom a mail address belongs to; false: nobody known.
	Person func(mail string) (onus.Identity, bool)
	// Away says whether somebody is absent for now; nil: nobody is.
	Away func(onus.IdentityID) bool
	// Delegations are those in force of the people who were asked.
	Delegations []onus.Delegation
	// Did are acts in the same run that bar whoever did them, by a rule of
	// separation of duty, in words: "answered another stage of it".
	Did map[onus.IdentityID]string
}

// Bars says why a person may not answer; empty: they may.
func (b Ballot) Bars(mail string) string {
	if !has(b.Everybody(), mail) && b.For(mail) == "" {
		return mail + " was not asked"
	}
	return b.cannot(mail)
}

// Why says why nobody counts on a person's answer now: they may not give it,
// or are away; empty: they are counted on.
func (b Ballot) Why(mail string) string {
	bar := b.Bars(mail)
	if bar == "" && b.absent(mail) {
		bar = mail + " is away"
	}
	return bar
}

// cannot says why a person could not answer even where they were asked.
func (b Ballot) cannot(mail string) string {
	who, known := b.Person(mail)
	switch {
	case !known:
		return "nobody on the roster has the address " + mail
	case who.Kind != onus.Person:
		return mail + " is no person"
	case who.State != onus.Active:
		return mail + " is not active"
	case who.ID == b.Identity:
		return mail + " is the subject, and nobody approves their own access"
	case b.among(b.Wrote, mail, who.ID):
		return mail + " alone wrote the version that asks for it"
	case b.among(b.Authors, mail, who.ID):
		return mail + " asked for it, or put right what it is planned on"
	case b.Did[who.ID] != "":
		return mail + " " + b.Did[who.ID]
	default:
		return ""
	}
}

// among says whether somebody is one of these people, under whatever address.
func (b Ballot) among(people []string, mail string, id onus.IdentityID) bool {
	return slices.ContainsFunc(people, func(a string) bool {
		who, known := b.Person(a)
		return strings.EqualFold(a, mail) || known && who.ID == id
	})
}

// absent says whether somebody could answer and is away. One who answers
// nevertheless is there.
func (b Ballot) absent(mail string) bool {
	who, known := b.Person(mail)
	return known && b.Away != nil && b.Away(who.ID) && !b.Answered(mail)
}

// Everybody lists who was asked, first or later, whether or not they may
// answer, and whoever stands in for those who cannot.
func (b Ballot) Everybody() []string { return slices.Concat(b.Of, b.Also, b.StandIns()) }

// StandIns lists who stands in: for each who was asked first and cannot
// answer, has left or is away, the next by rule. Who has answered so stays.
func (b Ballot) StandIns() []string {
	gaps := 0
	for _, mail := range b.Of {
		if b.cannot(mail) != "" || b.absent(mail) && b.delegate(mail) == "" {
			gaps++
		}
	}
	var in []string
	for _, mail := range b.Else {
		if b.cannot(mail) != "" || has(b.Of, mail) || has(b.Also, mail) {
			continue
		}
		switch {
		case b.answeredAs(mail):
			in, gaps = append(in, mail), gaps-1
		case gaps > 0 && !b.absent(mail):
			in, gaps = append(in, mail), gaps-1
		}
	}
	return in
}

func (b Ballot) answeredAs(mail string) bool {
	return slices.ContainsFunc(b.Answers, func(a onus.Answer) bool { return a.For == "" && strings.EqualFold(a.Person, mail) })
}

// For gives in whose place a person who was not asked may answer: that of
// somebody who was asked in their own right, may answer, has not, and
// delegated it to them; "": in nobody's. Nothing passes on from there.
func (b Ballot) For(mail string) string {
	who, known := b.Person(mail)
	asked := slices.Concat(b.Of, b.Also, b.StandIns())
	if !known || has(asked, mail) || b.cannot(mail) != "" {
		return ""
	}
	for _, giver := range asked {
		from, known := b.Person(giver)
		if known && b.cannot(giver) == "" && !b.Answered(giver) && b.delegates(from.ID, who.ID) {
			return giver
		}
	}
	return ""
}

func (b Ballot) delegates(from, to onus.IdentityID) bool {
	return slices.ContainsFunc(b.Delegations, func(d onus.Delegation) bool { return d.Giver == from && d.Taker == to && from != to })
}

// delegate gives who may answer in somebody's place, or "".
func (b Ballot) delegate(mail string) string {
	from, known := b.Person(mail)
	if !known || b.cannot(mail) != "" {
		return ""
	}
	for _, d := range b.Delegations {
		if to, known := b.Person(d.To); known && d.Giver == from.ID && d.Taker == to.ID && b.cannot(d.To) == "" && !b.absent(d.To) {
			return d.To
		}
	}
	return ""
}

// Delegates lists who may answer in somebody's place, whether or not that is
// needed now.
func (b Ballot) Delegates() []string {
	var may []string
	for _, d := range b.Delegations {
		if !has(may, d.To) && b.For(d.To) != "" {
			may = append(may, d.To)
		}
	}
	return may
}

// Eligible lists who may answer now, each person once: those who were asked,
// and in the place of one who is away the one whom they delegated it to.
func (b Ballot) Eligible() []string {
	var may []string
	seen := map[onus.IdentityID]bool{}
	add := func(mail string) {
		if who, _ := b.Person(mail); !seen[who.ID] {
			seen[who.ID], may = true, append(may, mail)
		}
	}
	for _, mail := range b.Everybody() {
		switch {
		case b.cannot(mail) != "":
		case !b.absent(mail):
			add(mail)
		case b.delegate(mail) != "":
			add(b.delegate(mail))
		}
	}
	return may
}

// Lacking says whether fewer may answer than must say yes. No yes given
// earlier makes up for that: it becomes an exception, never a pass.
func (b Ballot) Lacking() bool { return len(b.Eligible()) < max(1, b.Need) }

// Yeses counts the people who said yes to this plan and may still say so. A
// yes under a delegation counts for both who gave it and in whose place.
func (b Ballot) Yeses() int {
	said := map[onus.IdentityID]bool{}
	n := 0
	for _, a := range b.Answers {
		if !a.Yes || a.Plan != b.Plan || said[a.Who] || said[a.ForWho] || !b.stands(a) {
			continue
		}
		said[a.Who] = true
		if a.ForWho != "" {
			said[a.ForWho] = true
		}
		n++
	}
	return n
}

// stands says whether whoever gave an answer could still give it.
func (b Ballot) stands(a onus.Answer) bool {
	who, known := b.Person(a.Person)
	if !known || who.ID != a.Who {
		return false
	}
	if a.For == "" {
		return has(b.Everybody(), a.Person) && b.cannot(a.Person) == ""
	}
	giver, known := b.Person(a.For)
	return known && giver.ID == a.ForWho && has(b.Everybody(), a.For) && b.cannot(a.For) == "" && b.cannot(a.Person) == ""
}

// Enough says whether as many said yes as must.
func (b Ballot) Enough() bool { return b.Yeses() >= max(1, b.Need) }

// Answered says whether a person has answered already, under whatever
// address, or somebody has in their place.
func (b Ballot) Answered(mail string) bool {
	who, known := b.Person(mail)
	return slices.ContainsFunc(b.Answers, func(a onus.Answer) bool {
		return strings.EqualFold(a.Person, mail) || strings.EqualFold(a.For, mail) || known && (a.Who == who.ID || a.ForWho == who.ID)
	})
}

// AskAlso lists whom of these people a request can be put to beside those
// who were asked and did not answer.
func (b Ballot) AskAlso(people []string) []string {
	var also []string
	for _, mail := range people {
		if !has(b.Everybody(), mail) && !has(also, mail) && b.cannot(mail) == "" {
			also = append(also, mail)
		}
	}
	return also
}
