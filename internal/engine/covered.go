package engine

import (
	"context"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
)

// CoveredBy says which standing rule covers an emergency, if the rules had
// been otherwise than they were: a rule that becomes nil had not been there.
// Without one it says why. It is for a moment right after the emergency.
func (m *Moment) CoveredBy(ctx context.Context, id string, otherwise func(*flow.Rule) *flow.Rule) (rule, answers, whyNot string, err error) {
	x, err := store.Emergencies.Get(ctx, m.r, id)
	if err != nil {
		return "", "", "", err
	}
	who, err := store.Identities.Get(ctx, m.r, string(x.For))
	if err != nil {
		return "", "", "", err
	}
	var reasons []string
	for _, was := range m.charge.program.RulesFor(onus.EmergencyCase) {
		now := otherwise(was)
		if now == nil {
			reasons = append(reasons, was.Name+": it had not been there")
			continue
		}
		why, err := uncovered(ctx, m.r, m.charge, now, who, x.Wants, x.Until.Sub(x.At), x.ID)
		if err != nil {
			return "", "", "", err
		}
		stands := m.charge.Preapproved(was)
		if stands.Mail == "" {
			why = append(why, stands.Why)
		}
		if len(why) == 0 {
			return was.Name, stands.Mail, "", nil
		}
		reasons = append(reasons, was.Name+": "+strings.Join(why, ", "))
	}
	return "", "", strings.Join(reasons, "; "), nil
}
