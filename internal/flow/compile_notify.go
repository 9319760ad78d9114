package flow

import (
	"net/url"
	"slices"
	"strings"

	"github.com/onus-id/onus"
)

// Notify says how people are told that something waits for them.
type Notify struct {
	Links    string // the console's address, with no slash at its end; empty: messages name commands only
	Channels map[string]*Channel
	People   map[string]map[string]string // mail in lower case → channel → their address on it
}

// A Channel is a way to tell somebody.
type Channel struct {
	Name     string
	Kind     string // "mail", "slack", "webhook"
	Settings map[string]string
	Secrets  map[string]Secret
	Of       []string // topics or types of event that it carries; nil: all
	Private  []string // hosts that it may call though they are on private addresses
}

// Personal says whether the channel tells people, and not a machine.
func (c *Channel) Personal() bool { return c.Kind != "webhook" }

// Carries says whether events of a type go over the channel.
func (c *Channel) Carries(typ string) bool {
	return len(c.Of) == 0 || slices.ContainsFunc(c.Of, func(of string) bool { return typ == of || strings.HasPrefix(typ, of+".") })
}

// An Address is where somebody is told.
type Address struct {
	Channel *Channel
	At      string // on that channel
}

// Reaches lists where a person is told of an event of a type: where the
// definitions say so, else by mail. A question does not get lost because no
// channel of theirs carries its type: then every one that reaches them does.
func (n Notify) Reaches(mail, typ string) []Address {
	var fit []Address
	all := n.Everywhere(mail)
	for _, a := range all {
		if a.Channel.Carries(typ) {
			fit = append(fit, a)
		}
	}
	if len(fit) == 0 {
		return all
	}
	return fit
}

// Everywhere lists every place where a person can be told.
func (n Notify) Everywhere(mail string) []Address {
	all := make([]Address, 0, len(n.Channels))
	own := n.People[strings.ToLower(mail)]
	for _, name := range sortedKeys(n.Channels) {
		c := n.Channels[name]
		at, named := own[name]
		switch {
		case named:
		case c.Kind == "mail" && len(own) == 0:
			at = mail
		default:
			continue
		}
		all = append(all, Address{c, at})
	}
	return all
}

// PersonAt gives whom an address on a channel belongs to, or "".
func (n Notify) PersonAt(channel, address string) string {
	for _, mail := range sortedKeys(n.People) {
		if n.People[mail][channel] == address {
			return mail
		}
	}
	return ""
}

// wants are the settings and secrets that each kind of channel knows; those
// that it must have stand before the bar.
var channelWants = map[string]struct{ must, may, secrets, maySecrets []string }{
	"mail":    {[]string{"host", "from"}, []string{"port", "tls", "user", "ca_file"}, nil, []string{"password"}},
	"slack":   {nil, []string{"api", "team"}, []string{"token"}, []string{"signing_secret"}},
	"webhook": {[]string{"url"}, []string{"ca_file"}, []string{"secret"}, []string{"former_secret"}},
}

func (c *compiler) notify(s notifyShape) Notify {
	n := Notify{Channels: map[string]*Channel{}, People: map[string]map[string]string{}}
	if s.Links.ok() {
		if u, err := url.Parse(s.Links.value); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.User != nil {
			c.fault(s.Links.place, "links cannot begin with "+oneLine(s.Links.value), "write the console's address, as in https://onus.acme.example")
		}
		n.Links = strings.TrimRight(s.Links.value, "/")
	}
	for _, e := range s.Channels.entries {
		if !c.name("channel", e.key, n.Channels[e.key.value] != nil) {
			continue
		}
		n.Channels[e.key.value] = c.channel(e.key.value, e.value)
	}
	taken := map[string]string{}
	for _, e := range s.People.entries {
		c.person(e.key, "person who is notified")
		own := map[string]string{}
		for _, at := range e.value.entries {
			ch := n.Channels[at.key.value]
			switch {
			case ch == nil:
				c.unknown("channel", at.key, sortedKeys(n.Channels))
				continue
			case !ch.Personal():
				c.fault(at.key.place, "a webhook is nobody's own", "name a channel of kind mail or slack")
				continue
			case ch.Kind == "mail" && !c.address(at.value, "an address of "+e.key.value):
				continue
			}
			key := at.key.value + " " + at.value.value
			if other := taken[key]; other != "" && ch.Kind == "slack" {
				c.fault(at.value.place, "two people are "+oneLine(at.value.value)+" on "+at.key.value+": "+other+" and "+e.key.value, "who presses a button must be one person")
			}
			taken[key] = e.key.value
			own[at.key.value] = at.value.value
		}
		n.People[strings.ToLower(e.key.value)] = own
	}
	return n
}

func (c *compiler) channel(name string, s channelShape) *Channel {
	ch := &Channel{Name: name, Kind: s.Kind.value, Private: values(s.Private)}
	ch.Settings, ch.Secrets = c.settings(&s.Settings, &s.Secrets)
	for _, t := range s.Of {
		topic, _, _ := strings.Cut(t.value, ".")
		if t.ok() && !slices.Contains(onus.NoticeTopics, topic) {
			c.fault(t.place, "nobody is told about "+oneLine(t.value), "name one of "+strings.Join(onus.NoticeTopics, ", ")+", or one of its events as in exception.opened")
		}
	}
	ch.Of = values(s.Of)
	want, known := channelWants[ch.Kind]
	if !known {
		return ch // the kind was reported
	}
	for _, e := range s.Settings.entries {
		if all := slices.Concat(want.must, want.may); !slices.Contains(all, e.key.value) {
			c.fault(e.key.place, "a "+ch.Kind+" channel has no setting "+oneLine(e.key.value), nearHint(e.key.value, all))
		}
	}
	for _, e := range s.Secrets.entries {
		if all := slices.Concat(want.secrets, want.maySecrets); !slices.Contains(all, e.key.value) {
			c.fault(e.key.place, "a "+ch.Kind+" channel has no secret "+oneLine(e.key.value), nearHint(e.key.value, all))
		}
	}
	for _, must := range want.must {
		if _, there := s.Settings.get(must); !there {
			c.fault(s.place, "the channel "+name+" does not say its "+must, "add settings: {"+must+": ...}")
		}
	}
	for _, must := range want.secrets {
		if _, there := s.Secrets.get(must); !there {
			c.fault(s.place, "the channel "+name+" does not say where its "+must+" is", "add secrets: {"+must+": {env: NAME}}")
		}
	}
	c.channelValues(ch, s)
	return ch
}

// channelValues checks what a setting may be.
func (c *compiler) channelValues(ch *Channel, s channelShape) {
	if t, there := s.Settings.get("tls"); there && t.ok() && !slices.Contains([]string{"required", "implicit", "opportunistic", "none"}, t.value) {
		c.fault(t.place, "unknown tls "+oneLine(t.value), "it is one of required, implicit, opportunistic, none")
	}
	if t, there := s.Settings.get("from"); there {
		c.address(t.text, "the sender")
	}
	for _, name := range []string{"url", "api"} {
		t, there := s.Settings.get(name)
		if !there || !t.ok() {
			continue
		}
		u, err := url.Parse(t.value)
		switch {
		case err != nil || u.Hostname() == "":
			c.fault(t.place, "no address to call: "+oneLine(t.value), "write https://host/path")
		case u.Scheme != "https" && (u.Scheme != "http" || !slices.Contains(ch.Private, u.Hostname())):
			c.fault(t.place, "what is sent to "+oneLine(u.Hostname())+" can be read on its way", "write https; plain http is for hosts that private: names")
		}
	}
}
