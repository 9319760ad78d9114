package engine

import (
	"context"
	"sync"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// people turns the mail addresses that definitions name people by into the
// IDs that the ledger names them by, and remembers them.
type people struct {
	mu  sync.Mutex
	ids map[string]string // guarded by mu
}

// id gives the identity's ID of a mail address, or "" when nobody known has it.
func (p *people) id(ctx context.Context, r store.Reader, mail string) string {
	if mail == "" {
		return ""
	}
	p.mu.Lock()
	id, known := p.ids[mail]
	p.mu.Unlock()
	if known {
		return id
	}
	found, err := store.Identities.Find(ctx, r, "mail", mail)
	if err != nil || len(found) == 0 {
		return "" // not remembered: the next read of the roster may bring them
	}
	id = string(found[0].ID)
	for _, i := range found {
		if i.State == onus.Active {
			id = string(i.ID)
		}
	}
	p.mu.Lock()
	if p.ids == nil {
		p.ids = map[string]string{}
	}
	p.ids[mail] = id
	p.mu.Unlock()
	return id
}

// forget makes the next look-ups read the roster again.
func (p *people) forget() {
	p.mu.Lock()
	p.ids = nil
	p.mu.Unlock()
}
