package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/slack-go/slack"
)

// Slack tells people by direct message. What is of little weight they answer
// there by button; everything else by the link or the command.
type Slack struct {
	API     *slack.Client
	Team    string // whose presses of a button count; empty: of any team that has our signing secret
	Signing string // the secret that Slack signs presses with; empty: no buttons
	Words
}

// slackAPI is where Slack answers unless the settings say otherwise.
const slackAPI = "https://slack.com/api/"

// OpenSlack makes a Slack of a channel's settings.
func OpenSlack(settings map[string]string, secret func(string) (string, error), private []string, w Words) (*Slack, error) {
	token, err := secret("token")
	if err != nil {
		return nil, err
	}
	signing, err := secret("signing_secret")
	if err != nil {
		return nil, err
	}
	api := slackAPI
	if settings["api"] != "" {
		api = strings.TrimRight(settings["api"], "/") + "/"
	}
	client := caller(private, nil)
	client.Transport = bounded{client.Transport}
	return &Slack{
		API:  slack.New(token, slack.OptionAPIURL(api), slack.OptionHTTPClient(client)),
		Team: settings["team"], Signing: signing, Words: w,
	}, nil
}

// bounded reads no more than so much of an answer.
type bounded struct{ http.RoundTripper }

// RoundTrip makes one call.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, 1<<20)
	}
	return answer, err
}

// Send posts one message. Slack knows no key to drop a repetition by, so the
// notice's ID goes along as metadata, which an app can look for.
func (s *Slack) Send(ctx context.Context, m Message) (string, error) {
	v := s.view(m)
	channel, at, err := s.API.PostMessageContext(ctx, m.To,
		slack.MsgOptionText(escape(v.Subject), false), slack.MsgOptionBlocks(s.blocks(m, v)...),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "onus_notice", EventPayload: map[string]any{"notice": m.ID}}),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
	)
	if err != nil {
		return "", slackError(err)
	}
	return channel + "/" + at, nil
}

// The IDs of the buttons, and the value that says of which request.
const (
	pressYes = "onus_yes"
	pressNo  = "onus_no"
)

func (s *Slack) blocks(m Message, v view) []slack.Block {
	section := func(text string) slack.Block {
		return slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, text, false, false), nil, nil)
	}
	if m.Practice {
		return []slack.Block{section("This is a practice message of Onus at " + escape(s.Organisation) + ". *Nothing is wanted of you.*")}
	}
	var all []slack.Block
	for n, i := range v.Items {
		all = append(all, section(plainly(lines(i), 2900)))
		var buttons []slack.BlockElement
		if a := m.Asks[n]; a.Yes && s.Signing != "" {
			word := func(text string) *slack.TextBlockObject {
				return slack.NewTextBlockObject(slack.PlainTextType, text, false, false)
			}
			buttons = append(buttons,
				slack.NewButtonBlockElement(pressYes, a.Matter.ID, word("Yes")).WithStyle(slack.StylePrimary),
				slack.NewButtonBlockElement(pressNo, a.Matter.ID, word("No")).WithStyle(slack.StyleDanger))
		}
		if i.Link != "" {
			b := slack.NewButtonBlockElement("onus_open", m.Asks[n].Matter.ID, slack.NewTextBlockObject(slack.PlainTextType, "Open in Onus", false, false))
			b.URL = i.Link
			buttons = append(buttons, b)
		}
		if len(buttons) > 0 {
			all = append(all, slack.NewActionBlock(m.Asks[n].Matter.Event, buttons...))
		}
	}
	if v.More > 0 {
		all = append(all, section(fmt.Sprintf("… and %d more: `onus exceptions list`, `onus approvals list`", v.More)))
	}
	return all
}

// lines are an item in Slack's mark-up.
func lines(i item) string {
	all := []string{"*" + escape(i.Title) + "*"}
	switch {
	case i.Until != "" && i.Then != "":
		all = append(all, "Until *"+i.Until+"*, "+escape(i.Then))
	case i.Until != "":
		all = append(all, "Until *"+i.Until+"*")
	}
	for _, says := range i.Says {
		all = append(all, escape(says))
	}
	for _, act := range i.Acts {
		all = append(all, act.Name+": `"+escape(act.Command)+"`")
	}
	return strings.Join(all, "\n")
}

// escape keeps a text from being read as Slack's mark-up: no link, no mention.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace

// plainly cuts a text that is too long for Slack.
func plainly(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}

// noSuch are Slack's answers that are about the address and stay as they are.
var noSuch = []string{"channel_not_found", "user_not_found", "user_disabled", "is_archived", "cannot_dm_bot", "not_in_channel", "restricted_action"}

func slackError(err error) *SendError {
	var limited *slack.RateLimitedError
	var status slack.StatusCodeError
	var said slack.SlackErrorResponse
	switch {
	case errors.As(err, &limited):
		return &SendError{Says: "Slack asks us to wait", After: limited.RetryAfter, Err: err}
	case errors.As(err, &status):
		return &SendError{Says: fmt.Sprintf("Slack answered %d", status.Code), Err: err}
	case errors.As(err, &said):
		return &SendError{Says: "Slack answered " + plain(said.Err, 60), Final: slices.Contains(noSuch, said.Err), Err: err}
	}
	return callError(err)
}
