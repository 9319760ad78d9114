package scim

import (
	"context"
	"sync"

	"github.com/onus-id/onus/connector"
)

// locks lets one writer at a time at each group. Adding a member is a read
// and then a write; two at once would add it twice, on a server that does not
// look.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock // guarded by mu
}

type lock struct {
	free  chan struct{}
	users int
}

// take waits for the key and gives the way to let go of it.
func (l *locks) take(ctx context.Context, key string) (release func(), err error) {
	l.mu.Lock()
	k := l.held[key]
	if k == nil {
		k = &lock{free: make(chan struct{}, 1)}
		l.held[key] = k
	}
	k.users++
	l.mu.Unlock()
	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if k.users--; k.users == 0 {
			delete(l.held, key)
		}
	}
	select {
	case k.free <- struct{}{}:
		return func() { <-k.free; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, &connector.Error{Kind: connector.Transient, Op: "apply", Message: "the call was ended before anything was sent", Err: ctx.Err()}
	}
}
