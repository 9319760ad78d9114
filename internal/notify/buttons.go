package notify

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"github.com/onus-id/onus"
)

// A Press is a yes or no that somebody gave by button.
type Press struct {
	Approval string
	Yes      bool
	Person   string // mail: mapped by the definitions, and the address that Slack knows the user by
}

// Buttons takes the presses of buttons in Slack: the signature must be
// Slack's and fresh, each press counts once, and its user must be a person
// by our definitions and by Slack's own record of them.
type Buttons struct {
	Slack    *Slack
	PersonAt func(user string) string // mail by the definitions, or ""
	Answer   func(ctx context.Context, p Press) (says string, err error)
	Log      *slog.Logger

	mu   sync.Mutex
	seen map[string]time.Time // guarded by mu; signature → when it came
}

// pressWindow is how long a signature of Slack's holds.
const pressWindow = 5 * time.Minute

// ServeHTTP takes one press.
func (b *Buttons) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "a decision is posted", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 512<<10))
	if err != nil {
		http.Error(w, "too long", http.StatusRequestEntityTooLarge)
		return
	}
	v, err := slack.NewSecretsVerifier(r.Header, b.Slack.Signing)
	if err == nil {
		if _, err = v.Write(body); err == nil {
			err = v.Ensure()
		}
	}
	if err != nil || len(r.Header.Values("X-Slack-Signature")) != 1 {
		http.Error(w, "not signed by Slack, or not now", http.StatusUnauthorized)
		return
	}
	if b.again(r.Header.Get("X-Slack-Signature")) {
		return // Slack repeats what it thinks was lost: it had its answer
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	press, err := slack.InteractionCallbackParse(r)
	if err != nil {
		http.Error(w, "no press of a button", http.StatusBadRequest)
		return
	}
	b.take(r.Context(), press)
}

// again says whether a request came before, and remembers it while its
// signature holds.
func (b *Buttons) again(signature string) bool {
	now := time.Now() //nolint:forbidigo // signatures hold by the real time, by which they were checked
	b.mu.Lock()
	defer b.mu.Unlock()
	for s, at := range b.seen {
		if now.Sub(at) > 2*pressWindow {
			delete(b.seen, s)
		}
	}
	if b.seen == nil {
		b.seen = map[string]time.Time{}
	}
	_, is := b.seen[signature]
	b.seen[signature] = now
	return is
}

func (b *Buttons) take(ctx context.Context, press slack.InteractionCallback) {
	if press.Type != slack.InteractionTypeBlockActions || len(press.ActionCallback.BlockActions) != 1 {
		return
	}
	action := press.ActionCallback.BlockActions[0]
	if action.ActionID != pressYes && action.ActionID != pressNo {
		return // a link was followed: that decides nothing
	}
	says, err := b.answer(ctx, press, action)
	if err != nil {
		b.Log.WarnContext(ctx, "a press of a button counts for nothing", slog.String("approval", action.Value), slog.Any("err", err))
		says = err.Error()
		if hint := onus.HintOf(err); hint != "" {
			says += " (" + hint + ")"
		}
	}
	b.show(ctx, press, action.BlockID, says)
}

func (b *Buttons) answer(ctx context.Context, press slack.InteractionCallback, action *slack.BlockAction) (string, error) {
	person, err := b.person(ctx, press)
	if err != nil {
		return "", err
	}
	return b.Answer(ctx, Press{Approval: action.Value, Yes: action.ActionID == pressYes, Person: person})
}

// person says who pressed: the definitions map the user, and Slack knows the
// user by the same mail address today.
func (b *Buttons) person(ctx context.Context, press slack.InteractionCallback) (string, error) {
	refuse := func(why string) (string, error) {
		return "", onus.Errorf(onus.Denied, "answer by the command or in Onus itself", "the button counts for nothing: %s", why)
	}
	if b.Slack.Team != "" && press.Team.ID != b.Slack.Team {
		return refuse("it was pressed in another workspace")
	}
	person := b.PersonAt(press.User.ID)
	if person == "" {
		return refuse("no person of the definitions is this user of Slack")
	}
	user, err := b.Slack.API.GetUserInfoContext(ctx, press.User.ID)
	switch {
	case err != nil:
		return refuse("Slack does not say who the user is")
	case user.ID != press.User.ID || user.Deleted || user.IsBot || user.IsStranger || user.IsRestricted || user.IsUltraRestricted:
		return refuse("the user is no full member of the workspace")
	case !strings.EqualFold(user.Profile.Email, person):
		return refuse("Slack knows the user by another mail address than " + person)
	}
	return person, nil
}

// show puts what came of it in the place of the buttons.
func (b *Buttons) show(ctx context.Context, press slack.InteractionCallback, block, says string) {
	blocks := press.Message.Blocks.BlockSet
	for i := range blocks {
		if blocks[i].ID() == block {
			blocks[i] = slack.NewContextBlock("", slack.NewTextBlockObject(slack.MarkdownType, plainly(escape(says), 2900), false, false))
		}
	}
	_, _, _, err := b.Slack.API.UpdateMessageContext(ctx, press.Channel.ID, press.Message.Timestamp,
		slack.MsgOptionText(escape("[Onus] "+says), false), slack.MsgOptionBlocks(blocks...))
	if err != nil {
		b.Log.WarnContext(ctx, "what came of a button is not shown in Slack", slog.Any("err", slackError(err)))
	}
}
