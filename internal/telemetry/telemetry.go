// Package telemetry tells what Onus is doing to Prometheus and OpenTelemetry.
// It tells no names: who and what stands in the ledger, and there alone.
package telemetry

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
)

// A Gauge is one number that is so now.
type Gauge struct {
	Name   string // onus_exceptions_open
	Help   string
	Labels map[string]string // the same names for every gauge of a name
	Value  float64
}

// Metrics are what Prometheus reads.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
}

// NewMetrics measures requests, and asks for what is so whenever it is read.
func NewMetrics(now func(context.Context) ([]Gauge, error)) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "onus_http_request_seconds", Help: "How long requests took, by operation and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"operation", "status"}),
	}
	m.registry.MustRegister(m.requests, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), gauges{now})
	return m
}

// Handler is what Prometheus reads.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Observe notes how a request went.
func (m *Metrics) Observe(operation string, status int, took time.Duration) {
	m.requests.WithLabelValues(operation, strconv.Itoa(status)).Observe(took.Seconds())
}

// gauges are collected when they are asked for.
type gauges struct {
	now func(context.Context) ([]Gauge, error)
}

// Describe describes nothing: what there is depends on the definitions.
func (gauges) Describe(chan<- *prometheus.Desc) {}

// patience is how long a reading may take.
const patience = 5 * time.Second

// Collect reads what is so now.
func (g gauges) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	all, err := g.now(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(prometheus.NewDesc("onus_reading", "Whether the state could be read.", nil, nil), err)
		return
	}
	for _, v := range all {
		names, values := make([]string, 0, len(v.Labels)), make([]string, 0, len(v.Labels))
		for _, name := range slices.Sorted(maps.Keys(v.Labels)) {
			names, values = append(names, name), append(values, v.Labels[name])
		}
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(v.Name, v.Help, names, nil), prometheus.GaugeValue, v.Value, values...)
	}
}

// endpoints name where spans go (OpenTelemetry's own environment variables).
var endpoints = []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}

// Trace sends spans to where OpenTelemetry's environment variables say, and
// nowhere when they say nothing. Stop sends what is left.
func Trace(ctx context.Context, version string) (stop func(context.Context) error, err error) {
	wanted := false
	for _, name := range endpoints {
		wanted = wanted || os.Getenv(name) != ""
	}
	if !wanted {
		return func(context.Context) error { return nil }, nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("send spans: %w", err)
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(resource.NewSchemaless(
		semconv.ServiceName("onus"), semconv.ServiceVersion(version),
	)))
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	return provider.Shutdown, nil
}

// Traced gives every request a span named after its operation.
func Traced(h http.Handler) http.Handler {
	return otelhttp.NewHandler(h, "http", otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
		if r.Pattern != "" {
			return r.Pattern
		}
		return r.Method
	}))
}

// Span begins a span of what Onus does by itself; end it with the function.
func Span(ctx context.Context, name string) (context.Context, func()) {
	ctx, span := otel.Tracer("github.com/onus-id/onus").Start(ctx, name)
	return ctx, func() { span.End() }
}
