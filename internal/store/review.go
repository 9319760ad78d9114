package store

import (
	"strings"

	"github.com/onus-id/onus"
)

// The kinds of recertification. Campaigns, and sheets of lines, name people by
// ID and reviewers by the address that definitions name them by; what is said
// about somebody in particular stands in reviews, plants and denials.
var (
	Campaigns = Kind[onus.Campaign]{
		Name: "campaign", ID: func(v onus.Campaign) string { return v.ID },
		Keys: func(v onus.Campaign) []Key {
			keys := []Key{{"at", Stamp(v.Opened)}, {"name", v.Terms.Name + "/" + string(v.Cause) + "/" + Stamp(v.Opened)}}
			if v.State != onus.CampaignClosed {
				keys = append(keys, Key{"state", string(v.State)})
			}
			return keys
		},
	}
	Sheets = Kind[onus.Sheet]{
		Name: "sheet", ID: func(v onus.Sheet) string { return v.ID },
		Keys: func(v onus.Sheet) []Key {
			if v.State != onus.SheetOpen {
				return nil
			}
			return []Key{{"reviewer", strings.ToLower(v.Reviewer)}, {"open", v.Campaign}}
		},
	}
	Reviews = Kind[onus.Review]{
		Name: "review", ID: func(v onus.Review) string { return v.ID },
		Keys: func(v onus.Review) []Key {
			keys := []Key{{"grant", v.Line.Grant}}
			if v.Waits() {
				keys = append(keys, Key{"pending", v.Campaign})
			}
			return keys
		},
		Subject: func(v onus.Review) string { return string(v.Line.Identity) },
	}
	Plants = Kind[onus.Plant]{
		Name: "plant", ID: func(v onus.Plant) string { return v.ID },
		Subject: func(v onus.Plant) string { return string(v.Line.Identity) },
	}
	Denials = Kind[onus.Denial]{
		Name: "denial", ID: func(v onus.Denial) string { return v.Grant },
		Keys: func(v onus.Denial) []Key {
			if !v.Stands() {
				return nil
			}
			return []Key{{"identity", string(v.Identity)}, {"since", Stamp(v.Since)}}
		},
		Subject: func(v onus.Denial) string { return string(v.Identity) },
	}
)

// ReviewID is the ID of what is decided on a grant in a campaign: in order of
// it stand the reviews of a campaign as the grants do.
func ReviewID(campaign, grant string) string { return campaign + "/" + grant }
