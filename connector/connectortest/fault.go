package connectortest

import (
	"time"

	"github.com/onus-id/onus/connector"
)

// Op is a method of a connector, as faults are scripted for it.
type Op string

// The operations of a connector.
const (
	OpProbe       Op = "probe"
	OpScan        Op = "scan"
	OpRead        Op = "read"
	OpFind        Op = "find"
	OpApply       Op = "apply"
	OpVerify      Op = "verify"
	OpEndSessions Op = "end sessions"
)

// A Fault is what goes wrong in one call. Make it with a function below.
type Fault struct {
	way   way
	kind  connector.Kind
	wait  time.Duration
	reads int
	after int
	do    func()
}

type way int

const (
	fails way = iota + 1
	losesAnswer
	losesRequest
	lies
	isSlow
	throttles
	isCut
	endsEarly
	panics
	hangs
	meddles
)

// Fails refuses with a typed error; nothing is carried out.
func Fails(kind connector.Kind) Fault { return Fault{way: fails, kind: kind} }

// LosesAnswer carries the call out and then answers Ambiguous.
func LosesAnswer() Fault { return Fault{way: losesAnswer} }

// LosesRequest answers Ambiguous, and nothing is carried out.
func LosesRequest() Fault { return Fault{way: losesRequest} }

// Lies answers yes and does nothing: an Apply says that it wrote, a Verify
// that it holds.
func Lies() Fault { return Fault{way: lies} }

// IsSlow carries an Apply out, and reads go on showing the old state for so
// many of them and for so long; whichever ends last. The oracle sees the
// effect at once.
func IsSlow(reads int, wait time.Duration) Fault {
	return Fault{way: isSlow, reads: reads, wait: wait}
}

// ThrottledFor answers Throttled, until the clock's now plus wait.
func ThrottledFor(wait time.Duration) Fault { return Fault{way: throttles, wait: wait} }

// CutAfter ends a Scan with a Transient error after so many accounts.
func CutAfter(accounts int) Fault { return Fault{way: isCut, after: accounts} }

// EndsEarly ends a Scan after so many accounts without an error and without
// calling itself complete.
func EndsEarly(accounts int) Fault { return Fault{way: endsEarly, after: accounts} }

// Panics panics; nothing is carried out.
func Panics() Fault { return Fault{way: panics} }

// Hangs waits until the context ends and then answers Ambiguous; nothing is
// carried out.
func Hangs() Fault { return Fault{way: hangs} }

// Meddles calls do first and then carries the call out as usual: somebody
// else was faster. It may call the oracle's methods.
func Meddles(do func()) Fault { return Fault{way: meddles, do: do} }

// rule is a fault that waits for its call.
type rule struct {
	op    Op
	name  string // of the account; empty: any
	nth   int    // 0: every one
	seen  int    // matching calls so far
	fault Fault
}

// Fail makes the nth call of op from now on go wrong: 1 is the next one, 0
// is every one. Where several faults fall on one call, the first scripted
// wins; each counts the call.
func (f *Faulty) Fail(op Op, nth int, fault Fault) { f.FailOn(op, "", nth, fault) }

// FailOn is Fail for the calls that concern one account, by name.
func (f *Faulty) FailOn(op Op, name string, nth int, fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, &rule{op: op, name: name, nth: nth, fault: fault})
}

// Heal forgets every fault that is still to come.
func (f *Faulty) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

// enter counts a call and gives what goes wrong in it.
func (f *Faulty) enter(op Op, name string) Fault {
	f.mu.Lock()
	f.calls[op]++
	var fault Fault
	for _, r := range f.rules {
		if r.op != op || r.name != "" && r.name != name {
			continue
		}
		r.seen++
		if fault.way == 0 && (r.nth == 0 || r.seen == r.nth) {
			fault = r.fault
		}
	}
	f.mu.Unlock()
	switch fault.way {
	case meddles:
		fault.do()
	case panics:
		panic("connectortest: scripted panic in " + string(op))
	case fails, losesAnswer, losesRequest, lies, isSlow, throttles, isCut, endsEarly, hangs:
	default:
	}
	return fault
}
