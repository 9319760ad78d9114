package httpapi

import (
	"net"
	"net/http"

	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/server"
)

// measure notes how every operation goes.
func (a *api) measure(next http.Handler) http.Handler {
	if a.Metrics == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := a.Now()
		seen := &watched{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(seen, r)
		name := r.Pattern
		if name == "" {
			name = "none" // never the path: anybody can make up as many as they like
		}
		a.Metrics.Observe(name, seen.status, a.Now().Sub(began))
	})
}

// watched sees the status of an answer.
type watched struct {
	http.ResponseWriter

	status int
}

func (w *watched) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets live views flush.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// metrics are for Prometheus: on this machine, or by the token of an auditor.
func (a *api) metrics(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() || r.Header.Get("X-Forwarded-For") != "" {
		who, err := a.Callers.Caller(r)
		if err == nil {
			err = a.may(r.Context(), who, authority.Look, server.Ref{Kind: "ledger"})
		}
		if err != nil {
			a.tell(w, problem(http.StatusUnauthorized, "unauthenticated", "nobody is signed in", "read it on this machine, or with an auditor's token"))
			return
		}
	}
	a.Metrics.Handler().ServeHTTP(w, r)
}
