// Package intake reads sources and turns what they say into records,
// identities and occasions. It judges whether a read may be believed at all,
// checks every row against the schema, finds out what differs from the last
// good read, correlates records to identities, and says what happened:
// somebody joined, moved, changed, left or returned, or a date arrived. What
// is then done about an occasion is for packages planning and engine.
//
// A read that cannot be believed changes nothing: it is kept, and its data
// owner is asked. A row that cannot be believed leaves the record of its key
// as it was, and the others go on. A person is not their engagement: one
// identity may have several records, in several sources, and has left only
// when none of them is running or ahead.
package intake
