package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

const (
	follower = "notify"
	page     = 1_000  // entries that are looked at in one go
	some     = 100    // of them that ask for something, in one transaction
	far      = 50_000 // entries that ask for nothing before the place is kept all the same
)

// Follow makes notices of everything that the ledger asks of people and that
// was not looked at yet. It gives how many it made.
func (n *Notifier) Follow(ctx context.Context) (int, error) {
	made := 0
	for len(n.settings().Channels) > 0 {
		more, fresh, err := n.followPage(ctx)
		made += fresh
		if err != nil || !more {
			return made, err
		}
	}
	return made, nil
}

// errMoved says that another process followed meanwhile.
var errMoved = errors.New("another process followed the ledger meanwhile")

func (n *Notifier) followPage(ctx context.Context) (more bool, made int, err error) {
	var (
		from, next int64
		found      []onus.Matter
	)
	err = n.Store.View(ctx, func(r store.Reader) error {
		f, _, err := store.Followers.Lookup(ctx, r, follower)
		if err != nil {
			return err
		}
		from, found = f.Before, nil
		next = max(from, n.passed)
		for e, err := range r.Events(ctx, store.EventQuery{From: next, Limit: page}) {
			if err != nil {
				return err
			}
			if len(found) == some {
				break
			}
			next = e.Index + 1
			ev, err := ledger.ParseLeaf(e.Leaf)
			if err != nil {
				return fmt.Errorf("follow the ledger at entry %d: %w", e.Index, err)
			}
			if _, asks := askers[ev.Type]; asks {
				found = append(found, onus.Matter{Event: ev.ID, Type: string(ev.Type), Kind: ev.Object.Kind, ID: ev.Object.ID})
			}
		}
		return nil
	})
	if err != nil || next == max(from, n.passed) {
		return false, 0, err
	}
	if len(found) == 0 && next-from < far {
		n.passed = next
		return true, 0, nil
	}
	err = n.Store.Update(ctx, func(tx store.Tx) error {
		made = 0
		f, _, err := store.Followers.Lookup(ctx, tx, follower)
		if err != nil {
			return err
		}
		if f.Before != from {
			return errMoved
		}
		if made, err = n.note(ctx, tx, found, false); err != nil {
			return err
		}
		f = store.Follower{Name: follower, Before: next}
		_, err = store.Followers.Put(ctx, tx, ledger.Event{Type: ledger.LedgerFollowed, Actor: string(onus.Engine), Notes: f.Place()}, f)
		return err
	})
	n.passed = 0
	if errors.Is(err, errMoved) {
		return true, 0, nil
	}
	return err == nil, made, err
}

// note makes the notices of some matters: for everybody asked who was not
// told yet in this round, on every channel that carries it. What one person
// is told on one channel is one message.
func (n *Notifier) note(ctx context.Context, tx store.Tx, matters []onus.Matter, again bool) (int, error) {
	var due []onus.Notice
	at := map[string]int{} // person and channel → place in due
	add := func(person, channel string, m onus.Matter) {
		key := strings.ToLower(person) + "\x00" + channel
		i, there := at[key]
		if !there || person == "" { // a machine is told of each by itself
			i, at[key] = len(due), len(due)
			due = append(due, onus.Notice{State: onus.NoticeDue, Person: person, Channel: channel, Made: tx.Now(), Next: tx.Now()})
		}
		due[i].About = append(due[i].About, m)
	}
	for _, m := range matters {
		a, err := n.ask(ctx, tx, m)
		if err != nil && ctx.Err() == nil && poison(err) {
			// It must not keep the others from being told, nor get lost.
			n.Log.ErrorContext(ctx, "an event cannot be told to anybody", slog.String("event", m.Event), slog.Any("err", err))
			due = append(due, onus.Notice{Made: tx.Now(), About: []onus.Matter{m}, Error: unreadable})
			continue
		}
		if err != nil {
			return 0, err
		}
		if a == nil {
			continue
		}
		told, err := toldAlready(ctx, tx, a.Matter)
		if err != nil {
			return 0, err
		}
		for _, to := range n.recipients(a) {
			name := ""
			if to.Channel != nil {
				name = to.Channel.Name
			}
			isAlready := func(at onus.Notice) bool { return at.Channel == name && strings.EqualFold(at.Person, to.person) }
			if to.person == "" && again || slices.ContainsFunc(told, isAlready) {
				continue
			}
			add(to.person, name, a.Matter)
		}
	}
	for i := range due {
		if err := n.putDue(ctx, tx, &due[i], string(onus.Engine), ""); err != nil {
			return 0, err
		}
	}
	return len(due), nil
}

// poison says whether reading an object will fail the next time as well.
func poison(err error) bool {
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	return errors.As(err, &syntax) || errors.As(err, &shape) || onus.KindOf(err) == onus.NotFound
}

// toldAlready lists the notices about a matter in its round.
func toldAlready(ctx context.Context, r store.Reader, m onus.Matter) ([]onus.Notice, error) {
	all, err := store.Notices.Find(ctx, r, "about", m.Kind+"/"+m.ID)
	return slices.DeleteFunc(all, func(v onus.Notice) bool {
		return v.State == onus.NoticeVoid || !slices.ContainsFunc(v.About, func(o onus.Matter) bool { return o.Kind == m.Kind && o.ID == m.ID && o.Round == m.Round })
	}), err
}

// A recipient is a person at an address, a machine (no person), or a person
// whom no channel reaches (no channel).
type recipient struct {
	flow.Address

	person string
}

// recipients lists who is to be told of an ask, and where.
func (n *Notifier) recipients(a *Ask) []recipient {
	var to []recipient
	s := n.settings()
	for _, name := range slices.Sorted(maps.Keys(s.Channels)) {
		if c := s.Channels[name]; !c.Personal() && (c.Carries(a.Matter.Type) || name == a.Hook) {
			to = append(to, recipient{flow.Address{Channel: c}, ""})
		}
	}
	machines := len(to)
	for _, mail := range a.People {
		reached := s.Reaches(mail, a.Matter.Type)
		for _, at := range reached {
			to = append(to, recipient{at, mail})
		}
		if len(reached) == 0 && machines == 0 {
			to = append(to, recipient{person: mail})
		}
	}
	if asks := a.Then != "" || len(a.Acts) > 0; len(a.People) == 0 && asks && machines == 0 {
		to = append(to, recipient{}) // everybody who could be asked has left
	}
	return to
}

// putDue records a notice that is to be sent; one that nothing can send is
// dead from the start, and that is somebody's to put right.
func (n *Notifier) putDue(ctx context.Context, tx store.Tx, v *onus.Notice, actor, policy string) error {
	parts := []string{strings.ToLower(v.Person), v.Channel, v.Instead}
	for _, m := range v.About {
		parts = append(parts, m.Event, m.Round)
	}
	if v.Practice {
		parts = append(parts, store.Stamp(v.Made))
	}
	v.ID = onus.ID("ntc", parts...)
	cause := ""
	if len(v.About) > 0 {
		cause = v.About[0].Event
	}
	if v.Channel == "" {
		switch {
		case v.Error != "":
		case v.Person != "":
			v.Error = "no channel reaches " + v.Person
		default:
			v.Error = "everybody who could be asked has left"
		}
		return n.die(ctx, tx, v, cause)
	}
	notes := under(policy, v.Channel)
	notes["events"] = strconv.Itoa(len(v.About))
	_, err := n.put(ctx, tx, ledger.NoticeDue, *v, actor, cause, notes)
	return err
}

// put records a notice.
func (n *Notifier) put(ctx context.Context, tx store.Tx, typ ledger.Type, v onus.Notice, actor, cause string, notes map[string]string) (ledger.Event, error) {
	owner, err := personID(ctx, tx, v.Person)
	if err != nil {
		return ledger.Event{}, err
	}
	return store.Notices.Put(ctx, tx, ledger.Event{Type: typ, Actor: actor, Owner: owner, Cause: cause, Notes: notes}, v)
}

// personID is by which ID the ledger names a person.
func personID(ctx context.Context, r store.Reader, mail string) (string, error) {
	if mail == "" {
		return "", nil
	}
	found, err := store.Identities.Find(ctx, r, "mail", mail)
	if err != nil || len(found) == 0 {
		return "", err
	}
	i := slices.IndexFunc(found, func(i onus.Identity) bool { return i.State == onus.Active })
	return string(found[max(0, i)].ID), nil
}
