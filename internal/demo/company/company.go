// Package company is Acme Instruments, the made-up company of the demo: its
// definitions, and the files that its HR department and its register of
// non-human identities send over four days. What happens on a day is told by
// Story. The same day and date always give the same bytes; carrying anything
// out is left to package demo.
package company

import "time"

// The days of the story. A file of a later day holds what the days before it
// brought.
const (
	FirstLoad  = 1 // everybody who is there already
	BusyDay    = 2 // joiners, movers and leavers
	BadDay     = 3 // a duplicate, a key twice, a manager who does not exist
	BadEvening = 4 // and an owner leaves
)

// Domain is where the company's mail goes: nowhere (RFC 6761).
const Domain = "acme.example"

// Mail gives the address of somebody's login.
func Mail(login string) string { return login + "@" + Domain }

// noDate is an offset that stands for no date at all.
const noDate = -1 << 30

// date writes the day that is so many days after today.
func date(today time.Time, days int) string {
	if days == noDate {
		return ""
	}
	return today.AddDate(0, 0, days).Format(time.DateOnly)
}
