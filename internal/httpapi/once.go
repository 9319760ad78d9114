package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"

	"github.com/onus-id/onus/internal/server"
)

// Replies remembers how requests were answered.
type Replies interface {
	Begin(ctx context.Context, caller, key, mark string) (*server.Reply, error)
	End(ctx context.Context, caller, key string, r *server.Reply) error
}

// maxKey is the longest Idempotency-Key.
const maxKey = 255

// once answers a write that carries an Idempotency-Key one time: whoever sends
// it again gets the answer of the first. An error of ours is not kept, so that
// it can be tried again; nor is an answer that was never finished, and then the
// state itself says what was done.
func (a *api) once(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		if key == "" || r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		if len(key) > maxKey {
			a.tell(w, problem(http.StatusUnprocessableEntity, "request", "the request cannot be understood", "the Idempotency-Key is longer than 255 bytes"))
			return
		}
		ctx, caller := r.Context(), callerOf(r.Context()).Name
		body, err := io.ReadAll(r.Body)
		if err != nil {
			a.tell(w, problem(http.StatusRequestEntityTooLarge, "request", "the request cannot be understood", "the request is larger than a mebibyte, or was cut"))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		sum := sha256.New()
		for _, part := range []string{r.Method, r.URL.RequestURI(), r.Header.Get("If-Match"), string(body)} {
			_, _ = io.WriteString(sum, part+"\x00") // a hash takes everything
		}
		was, err := a.Replies.Begin(ctx, caller, key, hex.EncodeToString(sum.Sum(nil)))
		switch {
		case err != nil:
			a.tell(w, problemOf(ctx, a.Log, err))
			return
		case was != nil:
			w.Header().Set("Idempotency-Replayed", "true")
			w.Header().Set("Content-Type", was.Type)
			w.WriteHeader(was.Status)
			_, _ = w.Write(was.Body) //nolint:gosec // it is our own JSON, of the type that it was written with; whoever asked has gone
			return
		}
		kept := &recorder{ResponseWriter: w, status: http.StatusInternalServerError}
		defer func() {
			var reply *server.Reply
			if kept.status < http.StatusInternalServerError {
				reply = &server.Reply{Status: kept.status, Type: kept.Header().Get("Content-Type"), Body: kept.body.Bytes()}
			}
			if err := a.Replies.End(context.WithoutCancel(ctx), caller, key, reply); err != nil {
				a.Log.WarnContext(ctx, "a reply was not kept", slog.String("request", requestID(ctx)), slog.Any("error", err))
			}
		}()
		next.ServeHTTP(kept, r)
	})
}

// recorder keeps what is answered.
type recorder struct {
	http.ResponseWriter

	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.body.Write(p)
	return r.ResponseWriter.Write(p) //nolint:wrapcheck // a writer in the middle changes nothing
}
