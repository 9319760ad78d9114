package engine

import (
	"context"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// Raise opens an exception about Onus itself, in the transaction of what
// brought it to light: it goes to the heads of the escalation. The group says
// which standing trouble it is; while an exception of the group is open, no
// other is opened.
func (e *Engine) Raise(ctx context.Context, tx store.Tx, category onus.Category, group, message, hint, cause string) error {
	heads := e.Program.Organisation.Escalation
	if len(heads) == 0 {
		return onus.Errorf(onus.Invalid, "name the people of last resort under escalation in Organisation", "there is nobody to tell that %s", message)
	}
	id, err := e.nextID(ctx, tx, string(category), group)
	if err != nil {
		return err
	}
	return e.open(ctx, tx, onus.Exception{
		ID: id, Category: category, Group: group, Message: message, Hint: hint,
		Route: onus.Route{To: heads[0], Within: ownerWithin, Then: heads[1:]},
	}, cause)
}

// Clear closes what was raised for a group: its cause is gone.
func (e *Engine) Clear(ctx context.Context, tx store.Tx, group string) error {
	return e.clearAbout(ctx, tx, "group", group, func(onus.Exception) bool { return true })
}
