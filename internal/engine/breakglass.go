package engine

import (
	"context"
	"fmt"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// EmergencyOccasion is the ID of the occasion that an emergency gives.
func EmergencyOccasion(id string) string { return emergencies + id }

// sealedBy names the standing rule that keeps an account sealed for when Onus
// is down; empty: none does.
func (e *Engine) sealedBy(system onus.SystemName, account string) string {
	if account == "" {
		return ""
	}
	for _, r := range e.Program.RulesFor(onus.EmergencyCase) {
		for _, a := range r.Sealed {
			if a.System == system && a.Account == account {
				return r.Name
			}
		}
	}
	return ""
}

// sealBroken tells the owner of the rule that a sealed account was used.
func (e *Engine) sealBroken(ctx context.Context, tx store.Tx, f onus.Finding, cause string) error {
	what := "its account is enabled, or was changed"
	if f.Entitlement != "" {
		what = "it holds " + f.Entitlement
	}
	return e.open(ctx, tx, onus.Exception{
		ID: onus.ID("exc", "sealed", f.ID), Category: onus.BreakGlass, Group: "sealed account: " + string(f.System) + "/" + f.Name,
		Message: fmt.Sprintf("break-glass account %s on %s was used: %s (finding %s)", f.Name, f.System, what, f.ID),
		Hint:    "ask who broke the seal and why; have what opens it changed, and the finding repaired: onus drift show " + f.ID,
		Route:   e.ruleRoute(f.BreakGlass), System: f.System,
	}, cause)
}
