package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxBody is the most bytes that a request may carry.
const maxBody = 1 << 20

type contextKey int

const (
	callerKey contextKey = iota
	requestKey
	closingKey
	recorderKey
)

// callerOf is whom the request is from.
func callerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey).(Caller)
	return c
}

// requestID names a request in the log and in what its caller is told.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey).(string)
	return id
}

// guard stands before everything: it numbers requests, bounds them, refuses
// what another site's page sends in somebody's name, and survives a handler
// that panics.
func (a *api) guard(next http.Handler) http.Handler {
	inner := http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := "req_" + rand.Text()
		r = r.WithContext(context.WithValue(r.Context(), requestKey, id))
		h := w.Header()
		h.Set("X-Request-Id", id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		defer a.survive(w, r)
		inner.ServeHTTP(w, r)
	})
}

// survive answers for a handler that panicked.
func (a *api) survive(w http.ResponseWriter, r *http.Request) {
	what := recover()
	if what == nil {
		return
	}
	if err, ok := what.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(what) // the server's own way to drop a connection
	}
	id := requestID(r.Context())
	a.Log.ErrorContext(r.Context(), "a handler panicked", slog.String("request", id), slog.String("path", r.URL.Path), slog.Any("panic", what))
	a.tell(w, problem(http.StatusInternalServerError, "internal", "something went wrong in Onus", "the request could not be answered: "+id))
}

// tell writes a problem where huma is not at work.
func (a *api) tell(w http.ResponseWriter, p *ProblemDetails) {
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // whoever asked has gone
}

// identify lets a request on as whoever it is from, as often as they may.
func (a *api) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := a.Callers.Caller(r)
		if err != nil {
			if a.mayGoOn(w, address(r)) {
				w.Header().Set("WWW-Authenticate", `Bearer realm="onus"`)
				a.tell(w, problem(http.StatusUnauthorized, "unauthenticated", "nobody is signed in", "sign in, or send a token that is good"))
			}
			return
		}
		if a.mayGoOn(w, who.Name) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey, who)))
		}
	})
}

// pages lets a browser on as whoever looks, or as somebody who is nobody yet:
// what a person asks by pages and by the interface counts together.
func (a *api) pages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := address(r)
		if who, err := a.Person(r); err == nil {
			name = who.Name
		}
		if wait := a.limits.wait(name, a.Now()); wait > 0 {
			http.Error(w, "Too many requests. Wait "+retryAfter(w, wait)+" s, then load the page again.", http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// address counts those who are nobody yet by where they are.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return "address " + host
}

// stranger lets somebody on who is nobody yet, as often as one address may.
func (a *api) stranger(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.mayGoOn(w, address(r)) {
			next.ServeHTTP(w, r)
		}
	})
}

// mayGoOn holds a caller to their rate, and tells them where they are past it.
func (a *api) mayGoOn(w http.ResponseWriter, who string) bool {
	wait := a.limits.wait(who, a.Now())
	if wait == 0 {
		return true
	}
	a.tell(w, problem(http.StatusTooManyRequests, "throttled", "too many requests", "wait "+retryAfter(w, wait)+" s before the next"))
	return false
}

// retryAfter tells a caller in a header how many seconds to wait.
func retryAfter(w http.ResponseWriter, wait time.Duration) string {
	after := strconv.Itoa(int(math.Ceil(wait.Seconds())))
	w.Header().Set("Retry-After", after)
	return after
}

// limits count each caller's requests.
type limits struct {
	rate  rate.Limit
	burst int

	mu sync.Mutex
	of map[string]*rate.Limiter // guarded by mu
}

// most is how many callers are counted; then those who have been quiet are
// forgotten.
const most = 10_000

func newLimits(perSecond float64, burst int) *limits {
	if perSecond == 0 {
		perSecond = 20
	}
	if burst == 0 {
		burst = 40
	}
	return &limits{rate: rate.Limit(perSecond), burst: burst, of: map[string]*rate.Limiter{}}
}

// wait says how long a caller must wait; 0: they may go on.
func (l *limits) wait(who string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	of, known := l.of[who]
	if !known {
		if len(l.of) >= most {
			for name, of := range l.of {
				if of.TokensAt(now) >= float64(l.burst) {
					delete(l.of, name)
				}
			}
		}
		of = rate.NewLimiter(l.rate, l.burst)
		l.of[who] = of
	}
	r := of.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return wait
	}
	return 0
}
