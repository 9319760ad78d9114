package notify

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// An Orderer is who has something sent now.
type Orderer struct {
	By     onus.Actor
	Person string // mail address; empty: nobody whom the organisation knows
	Policy string // that lets them; empty: whoever runs the machine
}

// under are the notes of an event that somebody ordered under a policy.
func under(policy, channel string) map[string]string {
	notes := map[string]string{"channel": channel}
	if policy != "" {
		notes["policy"] = policy
	}
	return notes
}

// Practise sends a practice message to a person on every channel that
// reaches them, or over one channel: to whoever ordered it, or to the machine
// behind it. It gives what became of each.
func (n *Notifier) Practise(ctx context.Context, to string, by Orderer) ([]onus.Notice, error) {
	s := n.settings()
	var made []onus.Notice
	add := func(person, channel string) {
		made = append(made, onus.Notice{State: onus.NoticeDue, Person: person, Channel: channel, Practice: true})
	}
	c := s.Channels[to]
	switch {
	case len(s.Channels) == 0:
		return nil, onus.Errorf(onus.Invalid, "name one under notify: {channels: ...} in Organisation", "the definitions have no channel")
	case c != nil && !c.Personal():
		add("", to)
	case c != nil && by.Person == "":
		return nil, onus.Errorf(onus.Invalid, "name a person instead, or map the operating-system user under operators in Organisation", "nobody knows who you are, to send you a practice message over %s", to)
	case c != nil:
		add(by.Person, to)
	case !strings.Contains(to, "@"):
		return nil, onus.Errorf(onus.NotFound, "the definitions have "+strings.Join(slices.Sorted(maps.Keys(s.Channels)), ", ")+"; people are named by mail address", "there is no channel %s", to)
	default:
		for _, at := range s.Everywhere(to) {
			add(to, at.Channel.Name)
		}
		if len(made) == 0 {
			return nil, onus.Errorf(onus.NotFound, "give them an address under notify: {people: ...} in Organisation", "no channel reaches %s", to)
		}
	}
	err := n.Store.Update(ctx, func(tx store.Tx) error {
		for i := range made {
			v := &made[i]
			if v.Person != "" {
				who, err := there(ctx, tx, []string{v.Person})
				if err != nil {
					return err
				}
				if who == nil {
					return onus.Errorf(onus.Denied, "", "%s has left: nothing is sent to them", v.Person)
				}
			}
			v.Made, v.Next = tx.Now(), tx.Now()
			if err := n.putDue(ctx, tx, v, string(by.By), by.Policy); err != nil {
				return err
			}
		}
		return nil
	})
	return n.deliverAll(ctx, made, err)
}

// RetryNow sends what was given up, or waits for its next try, now.
func (n *Notifier) RetryNow(ctx context.Context, id string, by Orderer) (onus.Notice, error) {
	var v onus.Notice
	err := n.Store.Update(ctx, func(tx store.Tx) error {
		now, row, err := store.Notices.GetRow(ctx, tx, id)
		if err != nil {
			return err
		}
		v = now
		switch {
		case v.State == onus.NoticeSent || v.State == onus.NoticeVoid:
			return onus.Errorf(onus.Conflict, "onus notify test tries a channel", "notice %s is %s: there is nothing to send", v.ID, v.State)
		case v.Channel == "":
			return onus.Errorf(onus.Conflict, "give the person an address; what asks them next reaches them then", "notice %s has no channel to go over", v.ID)
		}
		v.State, v.Next, v.Ended, v.Attempts = onus.NoticeDue, tx.Now(), time.Time{}, 0
		_, err = n.put(ctx, tx, ledger.NoticeRetried, v, string(by.By), row.Event, under(by.Policy, v.Channel))
		return err
	})
	if err != nil {
		return v, err
	}
	return n.deliver(ctx, v)
}

func (n *Notifier) deliverAll(ctx context.Context, made []onus.Notice, err error) ([]onus.Notice, error) {
	for i := range made {
		if err != nil {
			return nil, err
		}
		made[i], err = n.deliver(ctx, made[i])
	}
	return made, err
}

// MayPress says whether a request can be answered by button: as it is now,
// nothing in it is of weight.
func (n *Notifier) MayPress(ctx context.Context, approval string) (may bool, err error) {
	err = n.Store.View(ctx, func(r store.Reader) error {
		a, err := n.approval(ctx, r, onus.Matter{Kind: store.Approvals.Name, ID: approval})
		may = a != nil && a.Yes
		return err
	})
	return may, err
}
