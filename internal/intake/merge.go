package intake

import (
	"slices"

	"github.com/onus-id/onus"
)

// merge says what a new occasion makes of those that still wait for the same
// identity, or that could not be planned: the new record may have put right
// what stopped them. It gives the waiting ones that are to be settled unacted, and the
// occasion that stands: the new one, an older one brought up to date (it
// keeps its id), or nil. Date occasions stand beside others; somebody who
// left settles them.
//
//	waits               comes            then
//	joined, returned    moved, changed   stays what it was, with the new after
//	joined, returned    left             settled; left stands (see below)
//	moved, changed      moved, changed   one, with the first before and the last
//	                                     after: what differs between them says of
//	                                     which kind, and nothing settles both
//	moved, changed      left             settled; left, with the first before
//	left                returned         settled; returned, with the first before:
//	                                     what left would have taken is still there,
//	                                     and whoever plans a return takes the old
//	                                     grants away as for any other
//
// Left after joined or returned has nothing to do only when nothing was ever
// given, which a waiting occasion alone does not prove: accounts may be older
// than Onus. So left is settled too only where untouched says that nobody
// knows of anything that the identity holds; else it goes on, and finds out
// (rule 9).
func merge(waiting []onus.Occasion, now onus.Occasion, untouched bool, kind func(fields []string) onus.OccasionKind) (settle []onus.Occasion, stands *onus.Occasion) {
	if now.Kind == onus.DateArrived {
		return nil, &now
	}
	for _, old := range waiting {
		if old.Kind == onus.DateArrived {
			if now.Kind == onus.Departed {
				settle = append(settle, old)
			}
			continue
		}
		switch {
		case now.Kind == onus.Departed:
			if (old.Kind == onus.Joined || old.Kind == onus.Returned) && untouched {
				now.State = onus.Settled
			} else if old.Kind == onus.Moved || old.Kind == onus.Changed {
				now = carried(old, now)
			}
			settle = append(settle, old)
		case now.Kind == onus.Returned:
			if old.Kind == onus.Departed {
				now = carried(old, now)
			}
			settle = append(settle, old)
		case old.Kind == onus.Departed:
			settle = append(settle, old)
		default: // a move or a change on top of something that waits
			next := updated(old, now)
			if old.Kind == onus.Moved || old.Kind == onus.Changed {
				if len(next.Fields) == 0 { // back where it was
					return append(settle, old), nil
				}
				next.Kind = kind(next.Fields)
			}
			return settle, &next
		}
	}
	return settle, &now
}

// carried gives the new occasion the before of an older one.
func carried(old, now onus.Occasion) onus.Occasion {
	now.Before = old.Before
	now.Fields = differing(now.Before, now.After)
	return now
}

// updated gives an older occasion the after of a new one.
func updated(old, now onus.Occasion) onus.Occasion {
	old.State, old.Source, old.Key, old.Read = onus.Waiting, now.Source, now.Key, now.Read
	if old.Kind != onus.Returned { // what came before a return is another engagement's
		old.At = now.At
	}
	old.After = now.After
	old.Fields = differing(old.Before, old.After)
	return old
}

// waitingOf picks the occasions that still wait or were stopped, oldest first.
// What a person ordered or asked for is none of them: no record overtakes it.
func waitingOf(all []onus.Occasion) []onus.Occasion {
	waiting := slices.DeleteFunc(all, func(o onus.Occasion) bool {
		return o.Kind == onus.Reversing || o.Kind == onus.Requested || o.Kind == onus.Drifted || o.Kind == onus.Reviewed || o.Kind == onus.Ruled || o.State != onus.Waiting && o.State != onus.Stopped
	})
	slices.SortStableFunc(waiting, func(a, b onus.Occasion) int { return a.At.Compare(b.At) })
	return waiting
}
