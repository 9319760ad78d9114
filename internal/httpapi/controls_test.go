package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
)

// Drawings and evidence are for whom the ledger is for, and nobody else.
func TestWhatIsDrawnAndMeasuredIsForWhoMaySeeIt_ASVS_8(t *testing.T) {
	w := newWorld(t)
	drawn := api + "/explanations/graph?who=omar.farouk&what=group:finance&form="
	for form, want := range map[string]string{"svg": "<svg ", "mermaid": "flowchart LR", "json": `"nodes"`} {
		got := w.want(w.ask(noor, "GET", drawn+form, nil), http.StatusOK, want)
		if form == "svg" && got.header.Get("Content-Type") != "image/svg+xml" {
			t.Errorf("the drawing is %s", got.header.Get("Content-Type"))
		}
	}
	w.want(w.ask(noor, "GET", drawn+"png", nil), http.StatusUnprocessableEntity)
	w.want(w.ask(tomas, "GET", strings.Replace(drawn, "omar.farouk", "idn_nobody", 1)+"svg", nil), http.StatusNotFound)

	w.want(w.ask(noor, "GET", api+"/evidence", nil), http.StatusOK, "PR.AA-05")
	w.want(w.ask(noor, "GET", api+"/evidence/A.5.15?from=2020-01-01T00:00:00Z", nil), http.StatusOK, "grants of access")
	w.want(w.ask(noor, "GET", api+"/evidence/A.99?from=2020-01-01T00:00:00Z", nil), http.StatusNotFound, "no catalogue has a control A.99")
	w.want(w.ask(tomas, "GET", api+"/evidence/A.5.15?from=2020-01-01T00:00:00Z", nil), http.StatusNotFound)
}
