package engine

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// ownerWithin is how long an escalation head has to name somebody.
const ownerWithin = time.Hour

// askForOwners opens an exception for every duty that nobody stands for, and
// closes those that somebody stands for again.
func (e *Engine) askForOwners(ctx context.Context, s survey) error {
	if err := e.ownersFound(ctx, s.lacking); err != nil || len(s.lacking) == 0 {
		return err
	}
	heads := e.Program.Organisation.Escalation
	if len(heads) == 0 {
		return onus.Errorf(onus.Invalid, "name the people of last resort under escalation in Organisation", "there is nobody to ask who shall own what has no owner")
	}
	return e.Store.Update(ctx, func(tx store.Tx) error {
		for _, duty := range slices.Sorted(maps.Keys(s.lacking)) {
			id, err := e.nextID(ctx, tx, "owner", duty)
			if err != nil {
				return err
			}
			message := "nobody active stands as " + duty
			if waits := s.lacking[duty]; len(waits) > 0 {
				message += ": until somebody does, nothing is given by " + strings.Join(waits, ", ")
			}
			err = e.open(ctx, tx, onus.Exception{
				ID: id, Category: onus.OwnerMissing, Group: ownerGroup + duty, Message: message,
				Hint:  "name somebody on the roster in the definitions and start again with them; taking access from leavers goes on",
				Route: onus.Route{To: heads[0], Within: ownerWithin, Then: heads[1:]},
			}, "")
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// ownerGroup begins the group of every exception that asks for an owner.
const ownerGroup = "owner: "

// ownersFound closes what asked for an owner that is there again.
func (e *Engine) ownersFound(ctx context.Context, lacking map[string][]string) error {
	var found []string
	err := e.Store.View(ctx, func(r store.Reader) error {
		open, err := store.Exceptions.Find(ctx, r, "state", string(onus.ExceptionOpen))
		if err != nil {
			return err
		}
		for _, x := range open {
			duty, asks := strings.CutPrefix(x.Group, ownerGroup)
			if _, still := lacking[duty]; asks && !still {
				found = append(found, x.Group)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, group := range found {
		if err := e.clearGroup(ctx, group); err != nil {
			return err
		}
	}
	return nil
}
