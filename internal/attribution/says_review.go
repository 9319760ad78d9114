package attribution

import (
	"cmp"
	"fmt"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// saysReview puts the entries of recertification into words.
func saysReview(kind string, body []byte) string {
	switch kind {
	case store.Campaigns.Name:
		return in(body, func(v onus.Campaign) string {
			return fmt.Sprintf("campaign %s (%s) is %s: %d lines, %d of them carried over", v.ID, v.Terms.Name, v.State, v.Lines, v.Carry)
		})
	case store.Sheets.Name:
		return in(body, func(v onus.Sheet) string {
			return fmt.Sprintf("%d lines of campaign %s for %s, until %s (%s)", len(v.Lines), v.Campaign, cmp.Or(v.Reviewer, "nobody"), day(v.Due), v.State)
		})
	case store.Reviews.Name:
		return in(body, func(v onus.Review) string {
			says := fmt.Sprintf("%s of %s: %s by %s, because %s", lineOf(v.Line), cmp.Or(string(v.Line.Identity), "nobody known"), v.Verdict, cmp.Or(v.Person, "nobody in time"), v.Reason)
			if !v.Gone.IsZero() {
				says += "; confirmed gone by " + v.Proof
			}
			return says
		})
	case store.Plants.Name:
		return in(body, func(v onus.Plant) string {
			return fmt.Sprintf("%s planted %s for %s, because %s", v.Person, lineOf(v.Line), v.Line.Identity, v.Reason)
		})
	default:
		return in(body, func(v onus.Denial) string {
			says := fmt.Sprintf("%s is denied %s: %s", cmp.Or(string(v.Identity), "nobody known"), lineOf(onus.Line{System: v.System, Entitlement: v.Entitlement}), v.Reason)
			if !v.Stands() {
				says += fmt.Sprintf("; lifted by %s, because %s", v.Lifter, v.Why)
			}
			return says
		})
	}
}

func lineOf(l onus.Line) string {
	return cmp.Or(l.Entitlement, "the account") + " on " + string(l.System)
}
