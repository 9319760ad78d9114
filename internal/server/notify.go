package server

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/notify"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// openNotifier opens the channels that the definitions name.
func (s *Server) openNotifier() error {
	settings := s.Program.Organisation.Notify
	senders := map[string]notify.Sender{}
	for name, c := range settings.Channels {
		sender, err := s.openChannel(c)
		if err != nil {
			return onus.Errorf(onus.Invalid, onus.HintOf(err), "channel %s: %w", name, err)
		}
		senders[name] = sender
	}
	s.notifier = notify.New(notify.Config{
		Store: s.store, Program: s.Program, Senders: senders, Raiser: s.Engine, Now: s.Now, Log: s.Log,
	})
	return nil
}

func (s *Server) openChannel(c *flow.Channel) (notify.Sender, error) {
	org := s.Program.Organisation
	words := notify.Words{Organisation: org.Name, Links: org.Notify.Links, Zone: org.Zone}
	settings, secret := located(s.Dir, c.Settings), secrets(s.Dir, c.Secrets)
	switch c.Kind {
	case "mail":
		return notify.OpenMail(settings, secret, words)
	case "slack":
		return notify.OpenSlack(settings, secret, c.Private, words)
	case "webhook":
		return notify.OpenWebhook(settings, secret, c.Private, words, s.Now)
	default:
		return nil, onus.Errorf(onus.Invalid, "mail, slack or webhook", "there is no kind of channel %q", c.Kind)
	}
}

// channels are the names of the channels, in order.
func (s *Server) channels() []string {
	return slices.Sorted(maps.Keys(s.Program.Organisation.Notify.Channels))
}

// notifyTime is how long a run that ends when nothing is due goes on sending;
// the rest is sent by the next one.
const notifyTime = 30 * time.Second

// notifyNow tells people what the ledger asks of them. That somebody could
// not be told stays on record, and fails no run.
func (s *Server) notifyNow(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, notifyTime)
	defer cancel()
	s.follow(ctx, true)
	s.tendNotices(ctx, true)
	var all sync.WaitGroup
	for _, name := range s.channels() {
		all.Go(func() { s.deliver(ctx, name, true) })
	}
	all.Wait()
}

// notifyEvery keeps telling people until ctx ends. Each channel goes by
// itself: one that is slow keeps none of the others waiting.
func (s *Server) notifyEvery(ctx context.Context, every time.Duration) {
	var all sync.WaitGroup
	all.Go(func() { repeat(ctx, every, func() { s.follow(ctx, false) }) })
	for _, name := range s.channels() {
		all.Go(func() { repeat(ctx, every, func() { s.deliver(ctx, name, false) }) })
	}
	all.Wait()
}

// repeat does something every so often until ctx ends.
func repeat(ctx context.Context, every time.Duration, do func()) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		do()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// follow and deliver are led by one process at a time.
func (s *Server) follow(ctx context.Context, wait bool) {
	s.led(ctx, notifyLock, wait, "the ledger could not be followed for notices; the next time goes on where it stood", func() error {
		defer s.Hold()()
		_, err := s.notifier.Follow(ctx)
		return err
	})
}

// tendNotices tells whoever is asked now by what others were asked before.
func (s *Server) tendNotices(ctx context.Context, wait bool) {
	s.led(ctx, notifyLock, wait, "open questions could not be looked at for notices; the next cycle tries again", func() error {
		_, err := s.notifier.Tend(ctx)
		return err
	})
}

func (s *Server) deliver(ctx context.Context, channel string, wait bool) {
	name := fnv.New32a()
	_, _ = name.Write([]byte(channel)) // a hash takes everything
	s.led(ctx, channelLock|int64(name.Sum32()), wait, "notices could not be sent; the next time tries again", func() error {
		defer s.Hold()()
		_, err := s.notifier.Deliver(ctx, channel)
		return err
	})
}

func (s *Server) led(ctx context.Context, lock int64, wait bool, failed string, do func() error) {
	if err := oneAtATime(ctx, s.store, lock, wait, do); err != nil && ctx.Err() == nil {
		s.Log.ErrorContext(ctx, failed, slog.Any("err", err)) //nolint:sloglint // one of two constants of the callers
	}
}

// Practise sends a practice message over a channel or to a person.
func (s *Server) Practise(ctx context.Context, to, person string, by onus.Actor) ([]onus.Notice, error) {
	return s.notifier.Practise(ctx, to, notify.Orderer{By: by, Person: person})
}

// RetryNotice sends a notice that was given up, or waits, now.
func (s *Server) RetryNotice(ctx context.Context, id string, by onus.Actor) (onus.Notice, error) {
	err := s.store.View(ctx, func(r store.Reader) error {
		v, err := findNotice(ctx, r, id)
		id = v.ID
		return err
	})
	if err != nil {
		return onus.Notice{}, err
	}
	return s.notifier.RetryNow(ctx, id, notify.Orderer{By: by})
}

func findNotice(ctx context.Context, r store.Reader, id string) (onus.Notice, error) {
	if v, known, err := store.Notices.Lookup(ctx, r, id); err != nil || known {
		return v, err
	}
	all, err := store.Notices.Query(ctx, r, store.Query{})
	if err != nil {
		return onus.Notice{}, err
	}
	match := slices.DeleteFunc(all, func(v onus.Notice) bool { return !strings.HasPrefix(v.ID, id) })
	switch len(match) {
	case 0:
		return onus.Notice{}, onus.Errorf(onus.NotFound, "onus notify list --all shows them", "there is no notice %s", id)
	case 1:
		return match[0], nil
	default:
		return onus.Notice{}, onus.Errorf(onus.Conflict, "give more of it", "%d notices begin with %s", len(match), id)
	}
}

// Notices lists who is still to be told and who could not be, or all, the
// latest first.
func (b *Books) Notices(ctx context.Context, all bool) (found []onus.Notice, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		key := "unsent"
		if all {
			key = "made"
		}
		found, err = store.Notices.Query(ctx, r, store.Query{Key: key, To: "~"}) // after every time
		return err
	})
	slices.Reverse(found)
	return append([]onus.Notice{}, found...), err
}

// SlackHandler takes the presses of buttons of every Slack channel that has a
// signing secret, each at /slack/NAME; nil when there is none.
func (s *Server) SlackHandler() (http.Handler, error) {
	mux := http.NewServeMux()
	settings := s.Program.Organisation.Notify
	found := false
	for _, name := range s.channels() {
		if settings.Channels[name].Kind != "slack" {
			continue
		}
		sender, err := s.openChannel(settings.Channels[name])
		if err != nil {
			return nil, err
		}
		if of, is := sender.(*notify.Slack); is && of.Signing != "" {
			found = true
			mux.Handle("/slack/"+name, &notify.Buttons{
				Slack: of, Log: s.Log, Answer: s.pressed,
				PersonAt: func(user string) string { return settings.PersonAt(name, user) },
			})
		}
	}
	if !found {
		return nil, onus.Errorf(onus.Invalid, "add secrets: {signing_secret: {env: NAME}} to a channel of kind slack", "no channel has buttons")
	}
	return mux, nil
}

// pressed answers a request by button, where that is enough: by the same
// review as every other answer.
func (s *Server) pressed(ctx context.Context, p notify.Press) (string, error) {
	may, err := s.notifier.MayPress(ctx, p.Approval)
	if err != nil {
		return "", err
	}
	if !may && p.Yes {
		return "", onus.Errorf(onus.Denied, "look at it first: onus approvals show "+p.Approval, "it cannot be answered by button: it is decided already, or of more than low weight")
	}
	by := onus.Actor("slack")
	err = s.store.View(ctx, func(r store.Reader) error {
		found, err := store.Identities.Find(ctx, r, "mail", p.Person)
		for _, i := range found {
			if i.State == onus.Active {
				by = onus.Actor("person:" + string(i.ID))
			}
		}
		return err
	})
	if err != nil {
		return "", err
	}
	t, err := s.Answer(ctx, engine.Vote{Approval: p.Approval, Yes: p.Yes, By: by, Person: p.Person, Reason: "by button in Slack", Among: 1})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %s counts: %s", p.Person, map[bool]string{true: "yes", false: "no"}[p.Yes], t.Says), nil
}

// unwitnessed tells the escalation that the ledger has too few cosignatures,
// and witnessedAgain that it has enough.
func (s *Server) unwitnessed(ctx context.Context, why error) {
	if onus.KindOf(why) != onus.Unavailable && !errors.Is(why, ledger.ErrNoQuorum) {
		return
	}
	s.keepWitness(ctx, func(tx store.Tx) error {
		return s.Engine.Raise(ctx, tx, onus.Unwitnessed, witnessGroup, "too few witnesses cosign the ledger: nothing is changed on any system until they do",
			"see that the witnesses of the policy answer; what waits goes on by itself then", "")
	})
}

func (s *Server) witnessedAgain(ctx context.Context) {
	open := false
	err := s.store.View(ctx, func(r store.Reader) error {
		found, err := store.Exceptions.Find(ctx, r, "group", witnessGroup)
		open = slices.ContainsFunc(found, func(x onus.Exception) bool { return x.State == onus.ExceptionOpen })
		return err
	})
	if err == nil && open {
		s.keepWitness(ctx, func(tx store.Tx) error { return s.Engine.Clear(ctx, tx, witnessGroup) })
	}
}

func (s *Server) keepWitness(ctx context.Context, do func(store.Tx) error) {
	if err := s.store.Update(ctx, do); err != nil && ctx.Err() == nil {
		s.Log.ErrorContext(ctx, "how the witnesses stand could not be recorded", slog.Any("err", err))
	}
}

const witnessGroup = "witness"
