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

	// Authors are those who asked for the access, or put right what it is
	// planned on, by mail address. They answer for that already.
	Authors []string
	// Person gives whom a mail address belongs to; false: nobody known.
	Person func(mail string) (onus.Identity, bool)
}

// Bars says why a person may not answer; empty: they may.
func (b Ballot) Bars(mail string) string {
	who, known := b.Person(mail)
	switch {
	case !slices.ContainsFunc(b.Everybody(), func(m string) bool { return strings.EqualFold(m, mail) }):
		return mail + " was not asked"
	case !known:
		return "nobody on the roster has the address " + mail
	case who.Kind != onus.Person:
		return mail + " is no person"
	case who.State != onus.Active:
		return mail + " is not active"
	case who.ID == b.Identity:
		return mail + " is the subject, and nobody approves their own access"
	case b.author(mail, who.ID):
		return mail + " asked for it, or put right what it is planned on"
	default:
		return ""
	}
}

func (b Ballot) author(mail string, id onus.IdentityID) bool {
	return slices.ContainsFunc(b.Authors, func(a string) bool {
		who, known := b.Person(a)
		return strings.EqualFold(a, mail) || known && who.ID == id
	})
}

// Everybody lists who was asked, first or later, whether or not they may answer.
func (b Ballot) Everybody() []string { return slices.Concat(b.Of, b.Also) }

// Eligible lists who may answer now, each person once.
func (b Ballot) Eligible() []string {
	var may []string
	seen := map[onus.IdentityID]bool{}
	for _, mail := range b.Everybody() {
		if b.Bars(mail) != "" {
			continue
		}
		who, _ := b.Person(mail)
		if !seen[who.ID] {
			seen[who.ID], may = true, append(may, mail)
		}
	}
	return may
}

// Lacking says whether fewer may answer than must say yes. No yes given
// earlier makes up for that: it becomes an exception, never a pass.
func (b Ballot) Lacking() bool { return len(b.Eligible()) < max(1, b.Need) }

// Yeses counts the people who said yes to this plan and may still say so.
func (b Ballot) Yeses() int {
	said := map[onus.IdentityID]bool{}
	for _, a := range b.Answers {
		who, known := b.Person(a.Person)
		if a.Yes && a.Plan == b.Plan && known && who.ID == a.Who && b.Bars(a.Person) == "" {
			said[a.Who] = true
		}
	}
	return len(said)
}

// Enough says whether as many said yes as must.
func (b Ballot) Enough() bool { return b.Yeses() >= max(1, b.Need) }

// Answered says whether a person has answered already, under whatever address.
func (b Ballot) Answered(mail string) bool {
	who, known := b.Person(mail)
	return slices.ContainsFunc(b.Answers, func(a onus.Answer) bool {
		return strings.EqualFold(a.Person, mail) || known && a.Who == who.ID
	})
}

// AskAlso lists whom of these people a request can be put to beside those
// who were asked and did not answer.
func (b Ballot) AskAlso(people []string) []string {
	var also []string
	wider := b
	for _, mail := range people {
		if slices.ContainsFunc(wider.Everybody(), func(m string) bool { return strings.EqualFold(m, mail) }) {
			continue
		}
		wider.Also = append(slices.Clone(wider.Also), mail)
		if wider.Bars(mail) != "" {
			wider.Also = wider.Also[:len(wider.Also)-1]
			continue
		}
		also = append(also, mail)
	}
	return also
}
