package planning

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow/expr"
)

// A witness remembers whom the expressions looked up and which names were
// asked for, so that the digest of the facts covers them too.
type witness struct {
	people  expr.People
	persons map[string]person
	names   map[string]onus.Account
}

type person struct {
	attributes onus.Attributes
	known      bool
}

// Person implements expr.People.
func (w *witness) Person(key string) (onus.Attributes, bool) {
	if w.people == nil {
		return nil, false
	}
	attributes, known := w.people.Person(key)
	if w.persons == nil {
		w.persons = map[string]person{}
	}
	w.persons[key] = person{attributes, known}
	return attributes, known
}

func (w *witness) named(f *Facts, system onus.SystemName, name string) (onus.Account, bool) {
	if f.AccountNamed == nil {
		return onus.Account{}, false
	}
	account, ok := f.AccountNamed(system, name)
	if w.names == nil {
		w.names = map[string]onus.Account{}
	}
	if !ok || account.Gone {
		w.names[string(system)+"/"+name] = onus.Account{}
		return onus.Account{}, false
	}
	w.names[string(system)+"/"+name] = account
	return account, true
}

// digest covers the facts that can move a plan, in one canonical form: each
// text with its length before it. Times of the clock and bookkeeping (when
// something was first seen, by which run) are left out: they decide nothing,
// and would give equal plans unequal digests.
func (w *witness) digest(f *Facts) onus.Digest {
	c := buffers.Get().(*canon) //nolint:errcheck // the pool holds nothing else
	*c = (*c)[:0]
	defer buffers.Put(c)
	i, o := &f.Identity, &f.Occasion
	c.text(string(i.ID), string(i.Kind), string(i.State), string(i.Source), i.Key, i.Login, i.Name, i.Mail, i.Starts, f.Manager, f.Sponsor)
	c.text(f.Above, f.SponsorAbove)
	c.attributes(i.Attributes)
	if req := f.Request; req != nil {
		c.text(req.ID, string(req.State))
	}
	for _, x := range f.Exempt {
		if f.Now.Before(x.Until) {
			c.text(x.ID)
		}
	}
	for _, d := range f.Denials {
		c.text("denied", string(d.System), d.Entitlement)
	}
	c.text(string(o.Kind), string(o.Source), o.Key)
	c.attributes(o.Before)
	c.attributes(o.After)
	fields := slices.Sorted(slices.Values(o.Fields))
	c.count(len(fields))
	c.text(fields...)
	c.count(len(f.Accounts))
	for k := range f.Accounts {
		c.account(&f.Accounts[k])
	}
	c.count(len(f.Grants))
	for k := range f.Grants {
		g := &f.Grants[k]
		c.text(string(g.System), string(g.Account), g.Entitlement, string(g.Ref), string(g.Path), g.Via)
		c.flag(g.Observed)
		c.count(len(g.Warrants))
		for _, wt := range g.Warrants {
			c.text(string(wt.Workflow), wt.Step, wt.EndedBy)
			if f.left(wt) {
				c.text("left")
			}
			c.time(wt.Until)
			c.time(wt.Ended)
		}
	}
	c.count(len(w.persons))
	for _, key := range slices.Sorted(maps.Keys(w.persons)) {
		c.text(key)
		c.flag(w.persons[key].known)
		c.attributes(w.persons[key].attributes)
	}
	c.count(len(w.names))
	for _, key := range slices.Sorted(maps.Keys(w.names)) {
		account := w.names[key]
		c.text(key)
		c.account(&account)
	}
	return onus.DigestOf(*c)
}

// buffers keeps canonical texts from being made anew for every plan.
var buffers = sync.Pool{New: func() any { return new(canon) }}

// canon is a canonical text under construction.
type canon []byte

func (c *canon) text(texts ...string) {
	for _, t := range texts {
		c.count(len(t))
		*c = append(*c, t...)
	}
}

func (c *canon) count(n int) { *c = append(strconv.AppendInt(*c, int64(n), 10), ':') }

func (c *canon) flag(on bool) { *c = strconv.AppendBool(*c, on) }

func (c *canon) time(t time.Time) {
	if t.IsZero() {
		*c = append(*c, '-')
		return
	}
	*c = t.UTC().AppendFormat(*c, time.RFC3339Nano)
}

func (c *canon) attributes(a onus.Attributes) {
	c.count(len(a))
	var room [32]string
	names := room[:0]
	for name := range a {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		c.text(name, a[name])
	}
}

func (c *canon) account(a *onus.Account) {
	c.text(string(a.System), string(a.Ref), a.Name)
	c.flag(a.Enabled)
	c.attributes(a.Attributes)
}
