package server

import (
	"context"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/notify"
	"github.com/onus-id/onus/internal/store"
)

// A ChannelView is a way by which people or machines are told, without what
// opens it.
type ChannelView struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`     // "mail", "slack", "webhook"
	Personal bool     `json:"personal"` // whether it tells people, and not a machine
	Of       []string `json:"of,omitempty"`
	Waiting  int      `json:"waiting"` // how many notices are to go over it still
	Dead     int      `json:"dead"`    // how many were given up
}

// ChannelsFor lists the channels, for whoever may see how Onus itself runs.
func (s *Server) ChannelsFor(ctx context.Context, mail string) ([]ChannelView, error) {
	if err := s.runs(ctx, mail); err != nil {
		return nil, err
	}
	unsent, err := s.Books().Notices(ctx, false)
	if err != nil {
		return nil, err
	}
	list := []ChannelView{}
	for _, name := range s.channels() {
		c := s.Program.Organisation.Notify.Channels[name]
		v := ChannelView{Name: name, Kind: c.Kind, Personal: c.Personal(), Of: c.Of}
		for _, n := range unsent {
			switch {
			case n.Channel != name:
			case n.State == onus.NoticeDead:
				v.Dead++
			default:
				v.Waiting++
			}
		}
		list = append(list, v)
	}
	return list, nil
}

// NoticesFor lists those of the notices that a person may see: their own, and
// whoever may see how Onus itself runs, everybody's.
func (s *Server) NoticesFor(ctx context.Context, mail string, all bool) ([]onus.Notice, error) {
	found, err := s.Books().Notices(ctx, all)
	if err != nil {
		return nil, err
	}
	err = s.runs(ctx, mail)
	if onus.KindOf(err) == onus.Denied {
		return slices.DeleteFunc(found, func(n onus.Notice) bool { return !strings.EqualFold(n.Person, mail) }), nil
	}
	return found, err
}

// PractiseFor sends a practice message as a person orders it: to themself as
// they like, to others and to machines where they run Onus.
func (s *Server) PractiseFor(ctx context.Context, to string, by SignedIn) ([]onus.Notice, error) {
	c := s.Program.Organisation.Notify.Channels[to]
	policy, err := s.orders(ctx, by.Name, strings.EqualFold(to, by.Name) || c != nil && c.Personal())
	if err != nil {
		return nil, err
	}
	return s.notifier.Practise(ctx, to, notify.Orderer{By: by.actor(), Person: by.Name, Policy: policy})
}

// RetryFor sends a notice that was given up, or waits, as a person orders it.
func (s *Server) RetryFor(ctx context.Context, id string, by SignedIn) (onus.Notice, error) {
	var v onus.Notice
	err := s.store.View(ctx, func(r store.Reader) (err error) {
		v, err = findNotice(ctx, r, id)
		return err
	})
	if onus.KindOf(err) == onus.Conflict { // how many there are is not for everybody
		err = ErrUnseen(Ref{"notice", id})
	}
	if err != nil {
		return v, err
	}
	policy, err := s.orders(ctx, by.Name, strings.EqualFold(v.Person, by.Name))
	if err != nil {
		return onus.Notice{}, ErrUnseen(Ref{"notice", id})
	}
	return s.notifier.RetryNow(ctx, v.ID, notify.Orderer{By: by.actor(), Person: by.Name, Policy: policy})
}

// orders names the policy by which a person has something sent: to themself,
// or as who runs Onus.
func (s *Server) orders(ctx context.Context, mail string, themselves bool) (string, error) {
	act, on := authority.Administer, authority.Thing{Kind: "onus"}
	if themselves {
		act, on = authority.Keep, themself(mail)
	}
	ruling, err := s.rule(ctx, mail, act, on)
	if err == nil {
		err = ruling.Err()
	}
	return ruling.Policy, err
}

// runs refuses whoever may not see how Onus itself runs.
func (s *Server) runs(ctx context.Context, mail string) error {
	ruling, err := s.May(ctx, mail, authority.Look, Ref{Kind: "onus"})
	if err == nil && !ruling.Allowed {
		ruling, err = s.May(ctx, mail, authority.Administer, Ref{Kind: "onus"})
	}
	if err == nil {
		err = ruling.Err()
	}
	return err
}

// actor is who is signed in as the ledger names them.
func (in SignedIn) actor() onus.Actor {
	if in.Machine {
		return onus.Actor("machine:" + string(in.Identity))
	}
	return onus.Actor("person:" + string(in.Identity))
}
