package scimdir

import (
	"sync"
	"time"
)

// Always is the number of a fault that strikes until it is taken away.
const Always = -1

// Faults are ways to behave badly. A number says how many requests it strikes
// before it wears off; Always never does.
type Faults struct {
	LieOnWrite     int           // writes: answer as if done, and do nothing
	CutAfterWrite  int           // writes: do it, and break the connection off
	CutBeforeWrite int           // writes: break the connection off, and do nothing
	FailAfterWrite int           // writes: do it, and answer 500
	CutList        int           // lists: break off in the middle of the answer
	Throttle       int           // any request: 429
	Unavailable    int           // any request: 503 without a Retry-After
	Redirect       int           // any request: 302 to a login page
	RetryAfter     time.Duration // what Throttle tells; 0: one second
}

// faults holds what is switched on.
type faults struct {
	mu     sync.Mutex
	all    Faults             // guarded by mu
	groups map[string]*Faults // by name of the group; guarded by mu
}

// SetFaults replaces the faults of the whole directory; Faults{} heals it,
// groups included.
func (d *Directory) SetFaults(f Faults) {
	d.faults.mu.Lock()
	defer d.faults.mu.Unlock()
	d.faults.all = f
	if f == (Faults{}) {
		clear(d.faults.groups)
	}
}

// SetGroupFaults replaces the faults of the writes to one group.
func (d *Directory) SetGroupFaults(group string, f Faults) {
	d.faults.mu.Lock()
	defer d.faults.mu.Unlock()
	d.faults.groups[group] = &f
}

type fault int

const (
	none fault = iota
	lie
	cutAfter
	cutBefore
	failAfter
	cutList
	throttle
	unavailable
	redirect
)

// strike picks the fault that this request meets, and wears it off.
func (f *faults) strike(write, list bool, group string) (fault, time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if own := f.groups[group]; own != nil && write {
		if what := own.strike(write, list); what != none {
			return what, own.RetryAfter
		}
	}
	return f.all.strike(write, list), f.all.RetryAfter
}

func (f *Faults) strike(write, list bool) fault {
	for _, x := range []struct {
		left    *int
		applies bool
		is      fault
	}{
		{&f.Throttle, true, throttle},
		{&f.Unavailable, true, unavailable},
		{&f.Redirect, true, redirect},
		{&f.CutList, list, cutList},
		{&f.LieOnWrite, write, lie},
		{&f.CutBeforeWrite, write, cutBefore},
		{&f.CutAfterWrite, write, cutAfter},
		{&f.FailAfterWrite, write, failAfter},
	} {
		if !x.applies || *x.left == 0 {
			continue
		}
		if *x.left > 0 {
			*x.left--
		}
		return x.is
	}
	return none
}
