package console

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/ownership"
)

// A dutyView answers: what would I answer for, and who comes after me?
type dutyView struct {
	ownership.View

	Now    time.Time
	Seen   string
	Acts   []dutyAct
	Reason string // that was typed, when it could not be done
	Wrong  refusal
}

// A dutyAct is what somebody can say to a duty.
type dutyAct struct {
	Act, Name, Does, Key string
	Reason               bool
}

var dutyActs = []dutyAct{
	{Act: ownership.Accepts, Name: "Accept", Does: "From now on you stand for it, until the acceptance ends, and can be asked at any hour what was done under it.", Key: "y"},
	{Act: ownership.Renews, Name: "Renew", Does: "You go on with what you accepted, for as long again.", Key: "y"},
	{Act: ownership.Declines, Name: "Decline", Does: "You do not stand for it, or not any more, and whoever comes next is asked.", Key: "n", Reason: true},
}

func (h *console) duty(ctx context.Context, l look) (view, error) {
	v, err := h.dutyView(ctx, l)
	return dutyPage(v), err
}

func dutyPage(v dutyView) view {
	command := "onus owners list"
	if len(v.Acts) > 0 {
		command = "onus owners " + v.Acts[0].Act + " " + string(v.ID)
	}
	return view{title: v.Says, command: command, status: v.Wrong.status, body: duty(v)}
}

func (h *console) dutyView(ctx context.Context, l look) (dutyView, error) {
	d, err := h.Server.Duty(ctx, l.who.Mail, onus.DutyID(l.URL.Query().Get("id")))
	if err != nil {
		return dutyView{}, err
	}
	return dutyOf(d, l.now), nil
}

// dutyOf is the page of a duty as somebody sees it, at a time.
func dutyOf(d ownership.View, now time.Time) dutyView {
	v := dutyView{View: d, Now: now, Seen: string(onus.DigestOfJSON(d))}
	for _, a := range dutyActs {
		if slices.Contains(d.Can, a.Act) {
			v.Acts = append(v.Acts, a)
		}
	}
	return v
}

// answerDuty records what the form of the page says to a duty.
func (h *console) answerDuty(ctx context.Context, l look) (view, error) {
	v, err := h.dutyView(ctx, l)
	if err != nil {
		return view{}, err
	}
	if err := l.ParseForm(); err != nil {
		return view{}, onus.Errorf(onus.Invalid, "send it again", "the form could not be read")
	}
	v.Reason = strings.TrimSpace(l.PostForm.Get("reason"))
	if l.PostForm.Get("seen") != v.Seen {
		err = onus.Errorf(onus.Conflict, "this is how it is now; nothing was recorded", "it changed while you looked at it")
	} else {
		_, err = h.Server.AnswerDuty(ctx, ownership.Answer{Duty: v.ID, Act: l.PostForm.Get("act"), By: l.who.actor(), Person: l.who.Mail, Reason: v.Reason})
	}
	if err == nil {
		return view{goTo: dutyPath(v.ID)}, nil
	}
	if v.Wrong = refusalOf(err); v.Wrong.status == 0 {
		return view{}, err
	}
	return dutyPage(v), nil
}
