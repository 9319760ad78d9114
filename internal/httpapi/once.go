package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onus-id/onus"
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
		ctx, caller := r.Context(), callerOf(r.Context()).ID
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
			switch {
			case kept.secret && kept.status < http.StatusMultipleChoices:
				reply = shownBefore()
			case kept.status < http.StatusInternalServerError:
				reply = &server.Reply{Status: kept.status, Type: kept.Header().Get("Content-Type"), Body: kept.body.Bytes()}
			}
			if err := a.Replies.End(context.WithoutCancel(ctx), caller, key, reply); err != nil {
				a.Log.WarnContext(ctx, "a reply was not kept", slog.String("request", requestID(ctx)), slog.Any("error", err))
			}
		}()
		next.ServeHTTP(kept, r.WithContext(context.WithValue(ctx, recorderKey, kept)))
	})
}

// shownOnce marks an operation whose answer holds a secret. It is never kept:
// whoever sends the request again learns that it was done.
func shownOnce(op huma.Operation) huma.Operation {
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		if kept, ok := ctx.Context().Value(recorderKey).(*recorder); ok {
			kept.secret = true
		}
		next(ctx)
	})
	return op
}

// shownBefore answers whoever asks again for what is shown once.
func shownBefore() *server.Reply {
	p := problem(http.StatusConflict, string(onus.Conflict), kinds[onus.Conflict].title, "the request was done, and its answer is shown once")
	p.Hint = "where the answer never came: revoke what was made, and make another with a key of its own"
	body, err := json.Marshal(p)
	if err != nil {
		return nil // it has no part that cannot be written
	}
	return &server.Reply{Status: p.Status, Type: p.ContentType(""), Body: body}
}

// recorder keeps what is answered.
type recorder struct {
	http.ResponseWriter

	status int
	body   bytes.Buffer
	secret bool // what is answered is shown once
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.body.Write(p)
	return r.ResponseWriter.Write(p) //nolint:wrapcheck // a writer in the middle changes nothing
}
