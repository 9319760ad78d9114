package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// shown is of how many things a message tells; it counts the rest.
const shown = 20

// Deliver sends what is due on a channel, and records of each how it went.
// One that fails keeps none of the others back. It gives how many were sent.
func (n *Notifier) Deliver(ctx context.Context, channel string) (int, error) {
	due, err := n.due(ctx, channel)
	sent := 0
	for _, v := range due {
		if ctx.Err() != nil {
			return sent, ctx.Err()
		}
		done, err := n.deliver(ctx, v)
		if err != nil {
			return sent, err
		}
		if done.State == onus.NoticeSent {
			sent++
		}
	}
	return sent, err
}

// due lists what is due on a channel, the oldest try first. A clock that was
// set back does not keep a notice longer than the longest wait.
func (n *Notifier) due(ctx context.Context, channel string) (due []onus.Notice, err error) {
	now := n.Now()
	err = n.Store.View(ctx, func(r store.Reader) error {
		due, err = store.Notices.Query(ctx, r, store.Query{Key: "next", From: channel + "/", To: channel + "/" + store.Stamp(now), Limit: page})
		if err != nil {
			return err
		}
		later, err := store.Notices.Query(ctx, r, store.Query{
			Key: "next", From: channel + "/" + store.Stamp(now.Add(n.Retry.Longest+time.Minute)), To: channel + "0", Limit: page, // "0" comes after "/"
		})
		due = append(due, later...)
		return err
	})
	return due, err
}

// deliver tries a notice once.
func (n *Notifier) deliver(ctx context.Context, v onus.Notice) (onus.Notice, error) {
	m, err := n.compose(ctx, v)
	switch {
	case err != nil && !poison(err):
		return v, err // ours, and no try
	case err != nil:
		return n.settle(ctx, v, "", &SendError{Says: unreadable, Final: true, Err: err})
	case len(m.Asks) == 0 && !v.Practice:
		return n.settleVoid(ctx, v)
	}
	sender := n.Senders[v.Channel]
	if sender == nil {
		return n.settle(ctx, v, "", &SendError{Says: "the definitions have no channel " + v.Channel + " any more", Final: true})
	}
	if m.To == "" && v.Person != "" {
		return n.settle(ctx, v, "", &SendError{Says: v.Person + " has no address on " + v.Channel + " any more", Final: true})
	}
	sending, cancel := context.WithTimeout(ctx, n.Retry.Send)
	receipt, err := sender.Send(sending, m)
	cancel()
	if err != nil && ctx.Err() != nil {
		return v, ctx.Err() // we were stopped: that is no try
	}
	return n.settle(ctx, v, receipt, err)
}

// compose makes the message of a notice: of what is still asked of its person.
func (n *Notifier) compose(ctx context.Context, v onus.Notice) (Message, error) {
	m := Message{ID: v.ID, Made: v.Made, Person: v.Person, Practice: v.Practice}
	for _, at := range n.settings().Everywhere(v.Person) {
		if at.Channel.Name == v.Channel {
			m.To = at.At
		}
	}
	err := n.Store.View(ctx, func(r store.Reader) error {
		m.Asks = nil
		for _, about := range v.About {
			a, err := n.ask(ctx, r, about)
			if err != nil {
				return err
			}
			if a != nil && a.Matter.Round == about.Round && (v.Person == "" || asks(a, v.Person)) {
				m.Asks = append(m.Asks, *a)
			}
		}
		return nil
	})
	return m, err
}

func asks(a *Ask, person string) bool {
	return slices.ContainsFunc(a.People, func(mail string) bool { return strings.EqualFold(mail, person) })
}

// settle records how a try went. What another process recorded meanwhile
// stands.
func (n *Notifier) settle(ctx context.Context, v onus.Notice, receipt string, failed error) (onus.Notice, error) {
	err := n.change(ctx, &v, func(tx store.Tx, row store.Row) error {
		v.Attempts++
		notes := map[string]string{"channel": v.Channel, "attempt": strconv.Itoa(v.Attempts)}
		if failed == nil {
			v.State, v.Ended, v.Next, v.Error, v.Receipt = onus.NoticeSent, tx.Now(), time.Time{}, "", plain(receipt, 200)
			if _, err := n.put(ctx, tx, ledger.NoticeSent, v, string(onus.Engine), row.Event, notes); err != nil {
				return err
			}
			if err := n.Raiser.Clear(ctx, tx, channelGroup(v.Channel, "")); err != nil || v.Person == "" {
				return err
			}
			return n.Raiser.Clear(ctx, tx, channelGroup(v.Channel, v.Person))
		}
		var why *SendError
		if !errors.As(failed, &why) {
			why = &SendError{Says: plain(failed.Error(), 200), Err: failed}
		}
		v.Error = why.Says
		n.Log.WarnContext(ctx, "a notice was not taken", slog.String("notice", v.ID), slog.String("channel", v.Channel), slog.String("why", why.Says))
		if why.Final || v.Attempts >= n.Retry.Attempts {
			if err := n.die(ctx, tx, &v, row.Event); err != nil || v.Practice {
				return err
			}
			return n.afterDeath(ctx, tx, v, why.Final)
		}
		v.State = onus.NoticeFailed
		v.Next = tx.Now().Add(max(n.Retry.wait(v.Attempts), min(why.After, n.Retry.Longest)))
		_, err := n.put(ctx, tx, ledger.NoticeFailed, v, string(onus.Engine), row.Event, notes)
		return err
	})
	return v, err
}

// die records that a notice is given up.
func (n *Notifier) die(ctx context.Context, tx store.Tx, v *onus.Notice, cause string) error {
	v.State, v.Ended, v.Next = onus.NoticeDead, tx.Now(), time.Time{}
	ev, err := n.put(ctx, tx, ledger.NoticeDead, *v, string(onus.Engine), cause, map[string]string{"channel": v.Channel, "attempt": strconv.Itoa(v.Attempts)})
	if err != nil || v.Channel != "" {
		return err
	}
	who, hint := v.Person, "give them an address under notify in Organisation; onus notify list shows what they were not told"
	if who == "" {
		who, hint = "anybody about something that waits", "onus notify list shows what nobody was told"
	}
	return n.Raiser.Raise(ctx, tx, onus.ChannelDead, channelGroup("", v.Person), "nothing tells "+who+": "+v.Error, hint, ev.ID)
}

const unreadable = "what it tells of cannot be read"

// afterDeath tells the person over another channel, and the escalation that
// the channel is dead. A final answer is about one address, not the channel.
func (n *Notifier) afterDeath(ctx context.Context, tx store.Tx, v onus.Notice, final bool) error {
	if err := n.otherwise(ctx, tx, v); err != nil {
		return err
	}
	row, _, err := tx.Get(ctx, store.Notices.Name, v.ID)
	if err != nil {
		return err
	}
	group, what := channelGroup(v.Channel, ""), "people are not told over the channel "+v.Channel
	switch {
	case v.Error == unreadable: // no fault of the channel's
		group, what = channelGroup("", v.Person), "nothing tells "+v.Person
	case final && v.Person != "":
		group, what = channelGroup(v.Channel, v.Person), v.Person+" is not told over the channel "+v.Channel
	}
	return n.Raiser.Raise(ctx, tx, onus.ChannelDead, group, fmt.Sprintf("%s: %s", what, v.Error),
		"see what is wrong with it; onus notify test "+v.Channel+" tries it, and onus notify retry ID sends what was given up", row.Event)
}

// channelGroup is the group of the exceptions about a channel, or about one
// person on it.
func channelGroup(channel, person string) string {
	group := "channel " + channel
	if person != "" {
		group += " to " + person
	}
	return group
}

// otherwise makes a notice on every channel that reaches the person and was
// not used for this.
func (n *Notifier) otherwise(ctx context.Context, tx store.Tx, v onus.Notice) error {
	if v.Person == "" || len(v.About) == 0 {
		return nil
	}
	told, err := toldAlready(ctx, tx, v.About[0])
	if err != nil {
		return err
	}
	for _, at := range n.settings().Everywhere(v.Person) {
		used := func(o onus.Notice) bool { return o.Channel == at.Channel.Name && strings.EqualFold(o.Person, v.Person) }
		if at.Channel.Name == v.Channel || slices.ContainsFunc(told, used) {
			continue
		}
		other := onus.Notice{State: onus.NoticeDue, Person: v.Person, Channel: at.Channel.Name, About: v.About, Instead: v.ID, Made: tx.Now(), Next: tx.Now()}
		if err := n.putDue(ctx, tx, &other, string(onus.Engine), ""); err != nil {
			return err
		}
	}
	return nil
}

// settleVoid records that a notice asks for nothing any more. Where somebody
// else is asked now, as when its person left, they are told.
func (n *Notifier) settleVoid(ctx context.Context, v onus.Notice) (onus.Notice, error) {
	err := n.change(ctx, &v, func(tx store.Tx, row store.Row) error {
		v.State, v.Ended, v.Next = onus.NoticeVoid, tx.Now(), time.Time{}
		if _, err := n.put(ctx, tx, ledger.NoticeVoid, v, string(onus.Engine), row.Event, map[string]string{"channel": v.Channel}); err != nil {
			return err
		}
		_, err := n.note(ctx, tx, v.About, true)
		return err
	})
	return v, err
}

// change changes a notice that is still to be sent.
func (n *Notifier) change(ctx context.Context, v *onus.Notice, do func(store.Tx, store.Row) error) error {
	return n.Store.Update(ctx, func(tx store.Tx) error {
		now, row, err := store.Notices.GetRow(ctx, tx, v.ID)
		if err != nil {
			return err
		}
		*v = now
		if now.State.Ended() {
			return nil
		}
		return do(tx, row)
	})
}
