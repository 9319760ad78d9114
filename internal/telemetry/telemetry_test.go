package telemetry_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus/internal/telemetry"
)

// Spans go where OpenTelemetry's environment says, and all have gone when
// tracing stops.
func TestSpansGoWhereTheEnvironmentSays(t *testing.T) {
	var got []string
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = append(got, r.URL.Path+" "+string(body))
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	stop, err := telemetry.Trace(t.Context(), "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	_, end := telemetry.Span(t.Context(), "cycle")
	end()
	telemetry.Traced(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if err := stop(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(got, "")
	for _, want := range []string{"/v1/traces ", "cycle", "GET", "1.2.3", "onus"} {
		if !strings.Contains(all, want) {
			t.Errorf("the collector was not told %q", want)
		}
	}
}

func TestWithoutAnEndpointNothingIsSent(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
	stop, err := telemetry.Trace(t.Context(), "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// A state that cannot be read is an error of the reading, never a zero.
func TestAStateThatCannotBeReadIsNotZero(t *testing.T) {
	m := telemetry.NewMetrics(func(context.Context) ([]telemetry.Gauge, error) { return nil, errors.New("the disk is gone") })
	m.Observe("GET /x", http.StatusOK, time.Millisecond)
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if rec.Code != http.StatusInternalServerError {
		t.Errorf("the reading is answered %d %s", rec.Code, rec.Body)
	}
}
