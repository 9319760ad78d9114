package attribution

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// How far the search for corrections goes.
const (
	mostCorrections = 16 // that are tried alone
	mostAtOnce      = 3  // in one combination
	mostDecisions   = 8  // of one identity
)

// A correction is one thing that may have been wrong, put right.
type correction struct {
	class   onus.FaultClass
	says    string
	apply   func(*whatIf)
	support onus.Confidence // that it was wrong, whatever it led to
	why     []onus.Sentence
	at      decision          // the decision that it is about
	version pinned            // of wrong logic: the version that the fault is in
	source  onus.SourceName   // of records and matches
	people  []onus.Answerable // whose deed it was
	system  onus.SystemName   // of an account's match
}

// corrections gathers what the evidence says may have been wrong.
func (q *inquiry) corrections() ([]correction, error) {
	var all []correction
	for _, find := range []func() ([]correction, error){q.ofRecord, q.ofMatch, q.ofPeople, q.ofVersions} {
		found, err := find()
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if len(all) > mostCorrections {
		q.v.Missing = append(q.v.Missing, fmt.Sprintf("%d corrections more were not tried", len(all)-mostCorrections))
		all = all[:mostCorrections]
	}
	return all, nil
}

// ofRecord gives the record as whoever reports says that it should have been,
// and as a later read has it.
func (q *inquiry) ofRecord() ([]correction, error) {
	p, who := q.p, q.who
	src := q.moment.Program.Sources[who.Source]
	if src == nil {
		return nil, nil
	}
	var all []correction
	events, err := p.about(q.ctx, store.Records.Name, store.RecordID(who.Source, who.Key))
	if err != nil {
		return nil, err
	}
	var then, later entry
	var now onus.Record
	for _, e := range events {
		r, there, err := bodyOf[onus.Record](e)
		if err != nil {
			return nil, err
		}
		if e.index < q.size {
			then = e
			continue
		}
		if there && later.ID == "" && (r.Gone || !maps.Equal(r.Attributes, who.Attributes)) {
			later, now = e, r
		}
	}
	changed := map[string]string{}
	if later.ID != "" && !now.Gone {
		for _, a := range src.Schema.Attributes {
			if now.Attributes[a.Name] != who.Attributes[a.Name] {
				changed[a.Name] = now.Attributes[a.Name]
			}
		}
	}
	var cites []onus.Citation
	if then.ID != "" {
		cites = append(cites, then.citation())
	}
	if len(q.e.Right) > 0 {
		c := correction{
			says: "the record had said " + fields(q.e.Right), support: onus.Probable, source: who.Source,
			apply: func(w *whatIf) { w.record = maps.Clone(q.e.Right) },
			why:   []onus.Sentence{{Says: fmt.Sprintf("The record said %s; whoever reports says that %s is right.", fields(pick(who.Attributes, q.e.Right)), fields(q.e.Right)), Cites: cites}},
		}
		agrees := len(changed) > 0
		for k, v := range q.e.Right {
			agrees = agrees && now.Attributes[k] == v
		}
		if agrees {
			c.support = onus.Established
			c.why = append(c.why, onus.Sentence{Says: "The source itself says so since a later read.", Cites: []onus.Citation{later.citation()}})
		}
		all = append(all, c)
	}
	switch {
	case later.ID == "":
	case now.Gone:
		all = append(all, correction{
			class: onus.StaleRecord, says: "the record had been gone already", support: onus.Undetermined, source: who.Source,
			apply: func(w *whatIf) { w.gone = true },
			why:   []onus.Sentence{{Says: "A later read does not have the record any more.", Cites: []onus.Citation{later.citation()}}},
		})
	case !maps.Equal(changed, q.e.Right):
		c := correction{
			says: "the record had said " + fields(changed) + " already", support: onus.Undetermined, source: who.Source,
			apply: func(w *whatIf) { w.record = maps.Clone(changed) },
			why:   []onus.Sentence{{Says: fmt.Sprintf("A later read says %s. Whether it was so before, the ledger does not say.", fields(changed)), Cites: []onus.Citation{later.citation()}}},
		}
		// A date that lay before the error proves that what was known then was not so any more.
		if end := changed[src.Schema.Roles.End]; src.Schema.Roles.End != "" && end != "" && end < q.day(q.moment.Program) {
			c.class, c.support = onus.StaleRecord, onus.Established
			c.why = []onus.Sentence{{Says: fmt.Sprintf("A later read says that their last day was %s, before the error.", end), Cites: []onus.Citation{later.citation()}}}
		}
		all = append(all, c)
	}
	return all, nil
}

// ofMatch gives the account to whom a later look, or whoever reports, gives it.
func (q *inquiry) ofMatch() ([]correction, error) {
	var all []correction
	for _, g := range q.grants {
		if g.Account == "" {
			continue
		}
		id := store.AccountID(g.System, g.Account)
		events, err := q.p.about(q.ctx, store.Accounts.Name, id)
		if err != nil {
			return nil, err
		}
		var matched, again entry
		var to onus.IdentityID
		var rule string
		for _, e := range events {
			a, there, err := bodyOf[onus.Account](e)
			if err != nil {
				return nil, err
			}
			switch {
			case !there:
			case e.index < q.size && a.Identity == q.who.ID && matched.ID == "":
				matched, rule = e, a.Matched
			case e.index >= q.size && a.Identity != q.who.ID && a.Identity != "" && again.ID == "":
				again, to = e, a.Identity
			}
		}
		said, claimed := q.e.Match[id]
		if matched.ID == "" || !claimed && again.ID == "" || claimed && said == q.who.ID {
			continue
		}
		c := correction{class: onus.WrongMatch, support: onus.Probable, system: g.System}
		c.why = append(c.why, onus.Sentence{Says: fmt.Sprintf("Account %s was taken for that of %s by the rule %q.", id, q.called(), rule), Cites: []onus.Citation{matched.citation()}})
		if again.ID != "" && (!claimed || said == to) {
			c.support = onus.Established
			c.why = append(c.why, onus.Sentence{Says: "It was found to be somebody else's later.", Cites: []onus.Citation{again.citation()}})
		}
		if claimed {
			to = said
		}
		c.says = fmt.Sprintf("account %s had been known as that of %s", id, q.p.called(q.ctx, to))
		c.apply = func(w *whatIf) { w.match = map[string]onus.IdentityID{id: to} }
		all = append(all, c)
	}
	return all, nil
}

// ofPeople takes back, one at a time, what people decided on the way.
func (q *inquiry) ofPeople() ([]correction, error) {
	var all []correction
	seen := map[string]bool{}
	then := q.p.history.At(q.size)
	for _, d := range q.decisions {
		for _, by := range []struct{ key, value string }{{"batch", d.run.Batch}, {"occasion", d.run.Occasion}, {"run", string(d.run.ID)}} {
			about, err := store.Exceptions.Find(q.ctx, then, by.key, by.value)
			if err != nil {
				return nil, err
			}
			for _, x := range about {
				if x.Decided == nil || x.Decided.Act != "override" && x.Decided.Act != "amend" || seen[x.ID] {
					continue
				}
				seen[x.ID] = true
				c, err := q.ofDecision(d, x)
				if err != nil {
					return nil, err
				}
				all = append(all, c)
			}
		}
		if read := d.facts.Occasion.Read; read != "" {
			c, found, err := q.ofRead(d, read)
			if err != nil {
				return nil, err
			}
			if found && !seen[c.says] {
				seen[c.says] = true
				all = append(all, c)
			}
		}
		approvals, err := store.Approvals.Find(q.ctx, then, "run", string(d.run.ID))
		if err != nil {
			return nil, err
		}
		for _, a := range approvals {
			if a.State != onus.ApprovalApproved {
				continue
			}
			row, _, err := then.Get(q.ctx, store.Approvals.Name, a.ID)
			if err != nil {
				return nil, err
			}
			e, err := q.p.event(q.ctx, row.Event)
			if err != nil {
				return nil, err
			}
			c := correction{class: onus.Approved, says: "approval " + a.ID + " had not been given", at: d, support: onus.Undetermined, apply: func(w *whatIf) { w.without[a.ID] = true }}
			if d.facts.Occasion.Kind == onus.Requested {
				c.support = onus.Probable // nobody but them decided it
			}
			var names []string
			for _, ans := range a.Answers {
				if ans.Yes {
					names = append(names, ans.Person)
					c.people = append(c.people, onus.Answerable{Duty: "said yes to it", Mail: ans.Person, ID: ans.Who})
				}
			}
			c.why = []onus.Sentence{{Says: fmt.Sprintf("%s said yes to plan %s.", strings.Join(names, " and "), a.Plan.Short()), Cites: []onus.Citation{e.citation()}}}
			all = append(all, c)
		}
	}
	return all, nil
}

func (q *inquiry) ofDecision(d decision, x onus.Exception) (correction, error) {
	row, _, err := q.p.history.At(q.size).Get(q.ctx, store.Exceptions.Name, x.ID)
	if err != nil {
		return correction{}, err
	}
	e, err := q.p.event(q.ctx, row.Event)
	if err != nil {
		return correction{}, err
	}
	did := map[string]string{"override": "overrode", "amend": "amended"}[x.Decided.Act]
	return correction{
		class: onus.Overridden, says: fmt.Sprintf("%s had not %s exception %s", x.Decided.Person, map[string]string{"override": "overridden", "amend": "amended"}[x.Decided.Act], x.ID), at: d, support: onus.Established,
		apply:  func(w *whatIf) { w.without[x.ID] = true },
		people: []onus.Answerable{{Duty: did + " exception " + x.ID, Mail: x.Decided.Person}},
		why:    []onus.Sentence{{Says: fmt.Sprintf("%s %s the exception that had stopped it (%s): %s.", x.Decided.Person, did, x.Category, x.Decided.Reason), Cites: []onus.Citation{e.citation()}}},
	}, nil
}

// ofRead finds who let a read through that was held.
func (q *inquiry) ofRead(d decision, read string) (correction, bool, error) {
	r, known, err := store.Reads.Lookup(q.ctx, q.p.r, read)
	if err != nil || !known {
		return correction{}, false, err
	}
	all, err := store.Exceptions.Find(q.ctx, q.p.history.At(q.size), "state", string(onus.ExceptionOverridden))
	if err != nil {
		return correction{}, false, err
	}
	for _, x := range all {
		if x.Source != r.Source || x.Key != "" || x.Read == "" {
			continue
		}
		held, known, err := store.Reads.Lookup(q.ctx, q.p.r, x.Read)
		if err != nil {
			return correction{}, false, err
		}
		if x.Read != read && (!known || held.Digest != r.Digest) {
			continue
		}
		c, err := q.ofDecision(d, x)
		return c, err == nil, err
	}
	return correction{}, false, nil
}

// ofVersions tries the workflows as they were, or came to be.
func (q *inquiry) ofVersions() ([]correction, error) {
	var all []correction
	seen := map[onus.WorkflowName]bool{}
	for _, d := range q.decisions {
		name := d.plan.Workflow
		if seen[name] || d.facts.Occasion.Kind == onus.Reversing {
			continue
		}
		seen[name] = true
		versions, err := q.p.workflow(q.ctx, name)
		if err != nil {
			return nil, err
		}
		var before, after, since, until pinned
		for _, v := range versions {
			if v.Version == d.plan.Version {
				continue
			}
			holds, err := q.outcome(whatIf{workflow: map[onus.WorkflowName]int{name: v.Version}, without: map[string]bool{}})
			if says, lacks := notThere(err); lacks {
				q.v.Missing = append(q.v.Missing, says)
				continue
			}
			if err != nil {
				return nil, err
			}
			right := holds == q.e.ShouldHold
			switch {
			case v.Version < d.plan.Version && right:
				before, since = v, pinned{}
			case v.Version < d.plan.Version && before.Version > 0 && since.Version == 0:
				since = v
			case v.Version > d.plan.Version && right && until.Version == 0:
				after, until = v, v
			}
		}
		if since.Version == 0 {
			for _, v := range versions {
				if v.Version == d.plan.Version || before.Version > 0 && v.Version == before.Version+1 {
					since = v
					break
				}
				if before.Version == 0 { // no earlier version was right
					since = v
					break
				}
			}
		}
		if before.Version == 0 && after.Version == 0 {
			continue
		}
		c := correction{class: onus.WrongLogic, at: d, version: since, support: onus.Probable}
		to := before
		if to.Version == 0 {
			to = after
		}
		c.says = fmt.Sprintf("%s had been as in version %d", name, to.Version)
		c.apply = func(w *whatIf) { w.workflow = map[onus.WorkflowName]int{name: to.Version} }
		c.why = []onus.Sentence{{Says: fmt.Sprintf("It is so since version %d of %s.", since.Version, name), Cites: []onus.Citation{since.event.citation()}}}
		if c.people, err = q.whoPublished(since); err != nil {
			return nil, err
		}
		if after.Version > 0 {
			c.support = onus.Established
			c.why = append(c.why, onus.Sentence{Says: fmt.Sprintf("Version %d puts it right.", after.Version), Cites: []onus.Citation{after.event.citation()}})
		}
		all = append(all, c)
	}
	return all, nil
}

// search tries corrections alone, then the smallest combinations of those
// that do not do alone, and gives every smallest set that removes the error.
func (q *inquiry) search(all []correction) ([][]int, error) {
	var found [][]int
	for n := 1; n <= min(mostAtOnce, len(all)); n++ {
		for _, set := range choose(len(all), n) {
			if slices.ContainsFunc(found, func(f []int) bool { return subset(f, set) }) || clash(all, set) {
				continue
			}
			w := whatIf{without: map[string]bool{}}
			says := make([]string, len(set))
			for i, k := range set {
				all[k].apply(&w)
				says[i] = all[k].says
			}
			holds, err := q.outcome(w)
			if says, lacks := notThere(err); lacks {
				q.v.Missing = append(q.v.Missing, says)
				continue
			}
			if err != nil {
				return nil, err
			}
			removes := holds == q.e.ShouldHold
			if removes {
				found = append(found, set)
			}
			if removes || n == 1 {
				q.v.Tried = append(q.v.Tried, onus.Tried{Corrections: says, Removes: removes})
			}
		}
	}
	q.v.Bound = fmt.Sprintf("%d corrections, alone and in combinations of up to %d", len(all), mostAtOnce)
	return found, nil
}

// clash says whether a set puts the same thing right twice.
func clash(all []correction, set []int) bool {
	records := 0
	for _, k := range set {
		if all[k].source != "" {
			records++
		}
	}
	return records > 1
}

func choose(n, k int) [][]int {
	var all [][]int
	var from func(start int, set []int)
	from = func(start int, set []int) {
		if len(set) == k {
			all = append(all, slices.Clone(set))
			return
		}
		for i := start; i < n; i++ {
			from(i+1, append(set, i))
		}
	}
	from(0, nil)
	return all
}

func subset(a, of []int) bool {
	return !slices.ContainsFunc(a, func(k int) bool { return !slices.Contains(of, k) })
}

// outcome says whether the access would be warranted if something had been
// otherwise.
func (q *inquiry) outcome(w whatIf) (bool, error) {
	target := q.target()
	gave, took := false, false
	for _, d := range q.decisions {
		plan, err := q.carriedOut(d, w)
		if err != nil {
			return false, err
		}
		g, t := does(plan, target)
		gave = gave || g
		took = took || t
	}
	if !q.e.ShouldHold && !gave {
		return false, nil
	}
	if q.e.ShouldHold && (gave || q.taken && !took) {
		return true, nil
	}
	if len(w.record) == 0 && !w.gone {
		return gave, nil
	}
	g, t, err := q.byThen(w)
	if err != nil {
		return false, err
	}
	if q.e.ShouldHold {
		return g, nil
	}
	return gave && !t, nil
}

// carriedOut is what a decision would have led to.
func (q *inquiry) carriedOut(d decision, w whatIf) (onus.Plan, error) {
	plan, instead, err := q.p.replayed(q.ctx, d, w)
	if err != nil || instead != "" {
		return onus.Plan{}, err
	}
	if w.held[d.run.Batch] {
		return onus.Plan{}, nil
	}
	for id := range w.without {
		rests, err := q.p.rests(q.ctx, d, id)
		if err != nil {
			return plan, err
		}
		if !rests {
			continue
		}
		if plan, instead, err = q.p.undecided(q.ctx, d, plan, id); err != nil || instead != "" {
			return onus.Plan{}, err
		}
	}
	return plan, nil
}

// does says whether a plan gives a thing, or takes it.
func does(plan onus.Plan, t onus.Target) (gives, takes bool) {
	for _, c := range plan.Changes {
		if c.Target.System != t.System || c.Target.Entitlement != t.Entitlement {
			continue
		}
		if c.Verb.TakesAway() {
			takes = takes || !c.WarrantOnly
		} else {
			gives = true
		}
	}
	return gives, takes
}

// byThen plans what the record, put right at the time of the error, would
// have set off then.
func (q *inquiry) byThen(w whatIf) (gives, takes bool, err error) {
	who, m := q.who, q.moment
	src := m.Program.Sources[who.Source]
	if src == nil {
		return false, false, nil
	}
	o := onus.Occasion{ID: "as if", Kind: onus.Changed, Identity: who.ID, Source: who.Source, Key: who.Key, At: q.e.At, Before: who.Attributes}
	after := onus.Attributes{}
	maps.Copy(after, who.Attributes)
	for k, v := range w.record {
		if after[k] = v; v == "" {
			delete(after, k)
		}
	}
	for _, a := range src.Schema.Attributes {
		if after[a.Name] != who.Attributes[a.Name] {
			o.Fields = append(o.Fields, a.Name)
			if slices.Contains(src.Schema.Moves, a.Name) {
				o.Kind = onus.Moved
			}
		}
	}
	slices.Sort(o.Fields)
	o.After = after
	roles := src.Schema.Roles
	end := after[roles.End]
	left := w.gone || roles.End != "" && end != "" && end < q.day(m.Program) || roles.Status != "" && slices.Contains(roles.Gone, after[roles.Status])
	if left {
		o.Kind = onus.Departed
	}
	if len(o.Fields) == 0 && !left || who.State == onus.Left {
		return false, false, nil
	}
	f, err := m.Facts(q.ctx, o)
	if err != nil {
		return false, false, err
	}
	f.Identity.Attributes = after
	if left {
		f.Identity.State = onus.Left
	}
	for _, name := range slices.Sorted(maps.Keys(m.Program.Workflows)) {
		wf := m.Program.Workflows[name]
		if wf.Requests || wf.Source != o.Source {
			continue
		}
		if wants, err := planning.Wants(wf, f); err != nil || !wants {
			continue
		}
		plan, refusal := planning.Plan(m.Program, wf, 1, f)
		if refusal != nil {
			continue
		}
		g, t := does(plan, q.target())
		gives, takes = gives || g, takes || t
	}
	return gives, takes, nil
}

// day is the day of the error where the organisation is.
func (q *inquiry) day(p *flow.Program) string {
	at := q.e.At.UTC()
	if p.Organisation.Zone != nil {
		at = at.In(p.Organisation.Zone)
	}
	return at.Format("2006-01-02")
}

func fields(m map[string]string) string {
	parts := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		v := m[k]
		if v == "" {
			v = "nothing"
		}
		parts = append(parts, k+"="+v)
	}
	return strings.Join(parts, ", ")
}

func pick(a onus.Attributes, names map[string]string) map[string]string {
	out := map[string]string{}
	for k := range names {
		out[k] = a[k]
	}
	return out
}

func (e entry) citation() onus.Citation { return onus.Citation{Index: e.index, Event: e.ID} }

// rests says whether a decision rests on what somebody decided about an
// exception or a request for approval.
func (p *Past) rests(ctx context.Context, d decision, id string) (bool, error) {
	a, known, err := store.Approvals.Lookup(ctx, p.r, id)
	if err != nil || known {
		return a.Run == d.run.ID, err
	}
	x, _, err := store.Exceptions.Lookup(ctx, p.r, id)
	if err != nil {
		return false, err
	}
	return x.Batch != "" && x.Batch == d.run.Batch || x.Read != "" && p.sameRead(ctx, x.Read, d.facts.Occasion.Read) || d.amends.ID != "" && x.ID == d.amends.Object.ID, nil
}

// sameRead says whether two reads are of the same bytes: one that was held,
// and the same when it was let through.
func (p *Past) sameRead(ctx context.Context, a, b string) bool {
	if a == b {
		return true
	}
	x, there, err := store.Reads.Lookup(ctx, p.r, a)
	if err != nil || !there {
		return false
	}
	y, there, err := store.Reads.Lookup(ctx, p.r, b)
	return err == nil && there && x.Digest == y.Digest
}

// whoPublished gives the authors of a version, and who let it run.
func (q *inquiry) whoPublished(v pinned) ([]onus.Answerable, error) {
	all, err := store.Versions.Find(q.ctx, q.p.r, "program", string(v.Program))
	if err != nil {
		return nil, err
	}
	var people []onus.Answerable
	for _, of := range all {
		if of.Number == 0 {
			continue // it never ran
		}
		name := fmt.Sprintf("version %d of %s", v.Version, v.Name)
		for _, a := range of.Authors {
			people = append(people, onus.Answerable{Duty: "wrote " + name, Mail: a.Name, ID: a.ID})
		}
		people = append(people, onus.Answerable{Duty: "approved " + name, Mail: of.Person})
		break
	}
	if len(people) == 0 {
		q.v.Missing = append(q.v.Missing, fmt.Sprintf("who wrote and who approved version %d of %s", v.Version, v.Name))
	}
	return people, nil
}
