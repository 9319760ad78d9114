package evidence

import "slices"

// Harmless is harmless.
var Harmless = harmless

// StandingFaults names the parts of reports that no measure has.
func StandingFaults() (faults []string) {
	for _, s := range Standings {
		for _, p := range s.parts {
			if m, known := measureOf(p.measure); !known || p.by != "" && !slices.Contains(m.columns, p.by) {
				faults = append(faults, s.Name+": "+p.measure+" by "+p.by)
			}
		}
	}
	return faults
}
