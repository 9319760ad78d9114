package console

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/review"
	"github.com/onus-id/onus/internal/server"
)

// A campaignsView answers: what is looked at again, and what could be?
type campaignsView struct {
	Now    time.Time
	Rows   []onus.Campaign
	Table  *table
	Start  []string // the campaigns that whoever looks can start
	Name   string   // that was to be started, when it could not be
	Reason string
	Wrong  refusal
}

var campaignStates = []field{{string(onus.CampaignGathering), "gathering"}, {string(onus.CampaignOpen), "open"}, {string(onus.CampaignClosed), "closed"}}

func (h *console) campaigns(ctx context.Context, l look) (view, error) {
	v, err := h.campaignsView(ctx, l)
	return campaignsPage(v), err
}

func campaignsPage(v campaignsView) view {
	return view{title: "Campaigns", command: "onus campaign list --all", status: v.Wrong.status, body: campaigns(v)}
}

func (h *console) campaignsView(ctx context.Context, l look) (campaignsView, error) {
	all, err := h.Server.Campaigns(ctx, true)
	if err != nil {
		return campaignsView{}, err
	}
	all, err = server.Visible(ctx, h.Server, l.who.Mail, all, func(c onus.Campaign) server.Ref { return server.Ref{Kind: "campaign", ID: c.ID} })
	if err != nil {
		return campaignsView{}, err
	}
	var start []string
	for _, name := range h.Server.CampaignNames() {
		ruling, err := h.Server.May(ctx, l.who.Mail, authority.Certify, server.Ref{Kind: "campaign", ID: name})
		if err != nil {
			return campaignsView{}, err
		}
		if ruling.Allowed {
			start = append(start, name)
		}
	}
	return campaigning(all, start, l.URL, l.now), nil
}

// campaigning is the page of campaigns, for somebody who can start some.
func campaigning(all []onus.Campaign, start []string, address *url.URL, now time.Time) campaignsView {
	t := tableOf(address, []string{"opened", "name"}, []string{string(onus.CampaignGathering), string(onus.CampaignOpen), string(onus.CampaignClosed)})
	var rows []onus.Campaign
	for i := range all {
		if c := all[i]; (t.Kind == "" || string(c.State) == t.Kind) && t.has(c.ID, c.Terms.Name, c.Terms.Owner, c.Reason) {
			rows = append(rows, c)
		}
	}
	by(&t, rows, map[string]func(a, b onus.Campaign) int{
		"opened": func(a, b onus.Campaign) int { return b.Opened.Compare(a.Opened) },
		"name":   func(a, b onus.Campaign) int { return cmp.Compare(a.Terms.Name, b.Terms.Name) },
	})
	return campaignsView{Now: now, Rows: cut(&t, rows), Table: &t, Start: start}
}

// openCampaign begins one of the definitions.
func (h *console) openCampaign(ctx context.Context, l look) (view, error) {
	if err := l.ParseForm(); err != nil {
		return view{}, onus.Errorf(onus.Invalid, "send it again", "the form could not be read")
	}
	o := review.Order{Name: l.PostForm.Get("name"), Reason: strings.TrimSpace(l.PostForm.Get("reason")), By: l.who.actor(), Person: l.who.Mail}
	c, err := h.Server.OpenCampaign(ctx, o)
	if err == nil {
		return view{goTo: "/campaigns/" + c.ID}, nil
	}
	says := refusalOf(err)
	if says.status == 0 {
		return view{}, err
	}
	v, err := h.campaignsView(ctx, l)
	v.Name, v.Reason, v.Wrong = o.Name, o.Reason, says
	return campaignsPage(v), err
}

// A campaignView answers: how far is it, who is asked, and did they look?
type campaignView struct {
	review.Progress

	Now     time.Time
	Decided int // lines that nobody is asked about any more
	Counts  []field
	Facts   []field
	Can     bool // close it
	Wrong   refusal
}

func (h *console) campaign(ctx context.Context, l look) (view, error) {
	v, err := h.campaignView(ctx, l)
	return campaignPage(v), err
}

func campaignPage(v campaignView) view {
	return view{title: "Campaign " + v.Terms.Name, command: "onus campaign show " + v.ID, status: v.Wrong.status, body: campaign(v)}
}

func (h *console) campaignView(ctx context.Context, l look) (campaignView, error) {
	on := server.Ref{Kind: "campaign", ID: l.PathValue("id")}
	if err := h.mayLook(ctx, l, on); err != nil {
		return campaignView{}, err
	}
	p, err := h.Server.Campaign(ctx, on.ID)
	if err != nil {
		return campaignView{}, err
	}
	ruling, err := h.Server.May(ctx, l.who.Mail, authority.Certify, on)
	return campaignOf(p, ruling.Allowed, l.now), err
}

// campaignOf is the page of a campaign, for somebody who can close it or not.
func campaignOf(p review.Progress, can bool, now time.Time) campaignView {
	v := campaignView{Progress: p, Now: now, Can: can && p.State == onus.CampaignOpen}
	v.Decided = p.Lines
	for _, s := range p.Open {
		v.Decided = max(0, v.Decided-s.Lines)
	}
	v.Counts = []field{
		{"Carried over", strconv.Itoa(p.Carry)},
		{"Kept", strconv.Itoa(p.Kept)},
		{"Denied", fmt.Sprintf("%d, of which nobody decided %d in time", p.Denied, p.Silent)},
		{"Denied, and not confirmed gone", strconv.Itoa(p.Waiting)},
	}
	v.Facts = filled(
		field{"Owner", p.Terms.Owner}, field{"Control owner", p.Terms.Control}, field{"Because", p.Reason}, field{"About", string(p.Cause)},
		field{"The list", cmp.Or(p.Digest.Short(), "is not complete")},
	)
	return v
}

// closeCampaign closes one of which nothing is left, or says what is.
func (h *console) closeCampaign(ctx context.Context, l look) (view, error) {
	v, err := h.campaignView(ctx, l)
	if err != nil {
		return view{}, err
	}
	if _, err = h.Server.CloseCampaign(ctx, v.ID, l.who.actor(), l.who.Mail); err == nil {
		return view{goTo: "/campaigns/" + v.ID}, nil
	}
	if v.Wrong = refusalOf(err); v.Wrong.status == 0 {
		return view{}, err
	}
	return campaignPage(v), nil
}

// median is how long a reviewer took for a line; empty: it is not known.
func median(q review.ReviewerQuality) string {
	if q.Median == 0 {
		return "not known"
	}
	return fmt.Sprintf("%.1f s", q.Median.Seconds())
}
