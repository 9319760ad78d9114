package engine

import (
	"context"
	"sync"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
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

// unanswered lists the duties of a workflow for which nobody active stands
// today, in words; empty: rule 1 holds.
func unanswered(p *flow.Program, wf *flow.Workflow, roster flow.Roster) []string {
	type duty struct {
		name onus.Duty
		of   string
		mail string
	}
	duties := []duty{
		{onus.WorkflowOwner, string(wf.Name), wf.Owner},
		{onus.ProvisioningControl, string(wf.Name), wf.Controls.Provisioning},
		{onus.RevocationControl, string(wf.Name), wf.Controls.Revocation},
		{onus.ExceptionsControl, string(wf.Name), wf.Controls.Exceptions},
	}
	if src := p.Sources[wf.Source]; src != nil {
		duties = append(duties, duty{onus.DataOwner, string(src.Name), src.Owner})
	}
	for _, name := range systemsOf(wf) {
		if sys := p.Systems[name]; sys != nil {
			duties = append(duties, duty{onus.SystemOwner, string(name), sys.Owner})
		}
	}
	var lacking []string
	for _, d := range duties {
		m, known := roster.ByMail(d.mail)
		if !known || !m.Active || m.Kind != onus.Person {
			lacking = append(lacking, string(d.name)+" of "+d.of+" ("+d.mail+")")
		}
	}
	return lacking
}

// systemsOf lists the systems that a workflow's steps name, each once.
func systemsOf(wf *flow.Workflow) []onus.SystemName {
	var names []onus.SystemName
	seen := map[onus.SystemName]bool{}
	add := func(n onus.SystemName) {
		if !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	for _, s := range wf.Steps {
		switch {
		case s.Account != nil:
			add(s.Account.System)
		case s.Grant != nil:
			add(s.Grant.System)
		case s.Withdraw != nil:
			for _, n := range s.Withdraw.Systems {
				add(n)
			}
		}
	}
	return names
}
