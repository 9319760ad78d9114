// Package scimdir is a SCIM 2.0 directory (RFC 7643, RFC 7644) that runs
// inside the demo and in tests: Users and Groups, filters, PATCH, paging,
// entity tags and a bearer token, with a journal on disk where it shall
// outlive its process. It can be told to behave badly (Faults). It shares no
// code with the connector that is tried on it, and is no product.
package scimdir

import (
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	userSchema       = "urn:ietf:params:scim:schemas:core:2.0:User"
	enterpriseSchema = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	groupSchema      = "urn:ietf:params:scim:schemas:core:2.0:Group"

	kindUser  = "User"
	kindGroup = "Group"
)

// Options says how a directory is made.
type Options struct {
	Token string           // bearer token that every request must carry; empty: none is asked for
	Now   func() time.Time // for meta.created and meta.lastModified
}

// Directory is an http.Handler. It is safe for concurrent use.
type Directory struct {
	token string
	now   func() time.Time

	mu      sync.RWMutex // guards what follows
	order   map[string][]string
	all     map[string]*entry          // by id
	named   map[string]map[string]bool // ids by kind and folded name
	holders map[string]map[string]bool // ids of groups by member
	journal *os.File                   // nil: nothing is kept
	broken  error                      // the journal cannot be written: nothing is changed any more

	faults faults
}

// entry is one resource. Members stand apart from a group's document, so that
// a large group is not written anew for each of them.
type entry struct {
	kind    string
	id      string
	doc     map[string]any // without id, meta, groups and members
	members []string
	is      map[string]bool // of members
	version int
	created time.Time
	changed time.Time
}

// New gives an empty directory.
func New(o Options) *Directory {
	d := &Directory{token: o.Token, now: o.Now}
	d.faults.groups = map[string]*Faults{}
	d.clear()
	return d
}

func (d *Directory) clear() {
	d.order = map[string][]string{}
	d.all = map[string]*entry{}
	d.named = map[string]map[string]bool{}
	d.holders = map[string]map[string]bool{}
}

// newID gives an id that no resource had or will have.
func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func nameKey(kind, name string) string { return kind + ":" + strings.ToLower(name) }

func (e *entry) name() string {
	if e.kind == kindUser {
		return asText(get(e.doc, "userName"))
	}
	return asText(get(e.doc, "displayName"))
}

// put takes an entry up, new or changed. The caller holds mu.
func (d *Directory) put(e *entry) {
	old := d.all[e.id]
	if old == nil {
		d.order[e.kind] = append(d.order[e.kind], e.id)
	} else {
		d.unlink(old)
	}
	d.all[e.id] = e
	link(d.named, nameKey(e.kind, e.name()), e.id)
	for _, m := range e.members {
		link(d.holders, m, e.id)
	}
}

// drop forgets an entry. The caller holds mu.
func (d *Directory) drop(e *entry) {
	d.unlink(e)
	delete(d.all, e.id)
	d.order[e.kind] = slices.DeleteFunc(d.order[e.kind], func(id string) bool { return id == e.id })
}

func (d *Directory) unlink(e *entry) {
	unlink(d.named, nameKey(e.kind, e.name()), e.id)
	for _, m := range e.members {
		unlink(d.holders, m, e.id)
	}
}

func link(index map[string]map[string]bool, key, id string) {
	if index[key] == nil {
		index[key] = map[string]bool{}
	}
	index[key][id] = true
}

func unlink(index map[string]map[string]bool, key, id string) {
	delete(index[key], id)
	if len(index[key]) == 0 {
		delete(index, key)
	}
}

// groupsOf gives the ids of the groups that hold a member directly, and of
// those that hold it through other groups. The caller holds mu.
func (d *Directory) groupsOf(id string) (direct, indirect []string) {
	direct = slices.Sorted(maps.Keys(d.holders[id]))
	seen := map[string]bool{id: true}
	for _, g := range direct {
		seen[g] = true
	}
	next := slices.Clone(direct)
	for len(next) > 0 {
		g := next[0]
		next = next[1:]
		for _, up := range slices.Sorted(maps.Keys(d.holders[g])) {
			if !seen[up] {
				seen[up] = true
				indirect = append(indirect, up)
				next = append(next, up)
			}
		}
	}
	return direct, indirect
}

// EnsureGroups makes the groups that are not there yet.
func (d *Directory) EnsureGroups(names ...string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range names {
		if len(d.named[nameKey(kindGroup, name)]) > 0 {
			continue
		}
		e := d.fresh(kindGroup, map[string]any{"displayName": name})
		if err := d.commit(e); err != nil {
			return err
		}
	}
	return nil
}

// fresh makes an entry that is not in the directory yet.
func (d *Directory) fresh(kind string, doc map[string]any) *entry {
	now := d.now()
	return &entry{kind: kind, id: newID(), doc: doc, is: map[string]bool{}, version: 1, created: now, changed: now}
}

// An Account is what the directory has, for those who check it from outside.
type Account struct {
	ID, UserName string
	Active       bool
	Groups       []string // names, direct memberships only, sorted
}

// Accounts gives every user, sorted by name.
func (d *Directory) Accounts() []Account {
	d.mu.RLock()
	defer d.mu.RUnlock()
	out := make([]Account, 0, len(d.order[kindUser]))
	for _, id := range d.order[kindUser] {
		e := d.all[id]
		a := Account{ID: id, UserName: e.name(), Active: get(e.doc, "active") != false}
		for g := range d.holders[id] {
			a.Groups = append(a.Groups, d.all[g].name())
		}
		slices.Sort(a.Groups)
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b Account) int { return strings.Compare(a.UserName, b.UserName) })
	return out
}
