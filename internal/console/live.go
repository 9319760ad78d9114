package console

import (
	"fmt"
	"net/http"
	"time"
)

// settle is how long what comes together is told together.
const settle = time.Second

// live tells a page, as server-sent events, that something happened; the page
// then asks for itself again. It says no more, so there is nothing to keep
// from anybody.
func (h *console) live(w http.ResponseWriter, r *http.Request) {
	if _, err := h.Viewer(r); err != nil {
		http.Error(w, "nobody is signed in", http.StatusUnauthorized)
		return
	}
	ctx, stop := h.UntilClosing(r.Context())
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	size, err := h.Server.Books().Grown(ctx, -1)
	for err == nil {
		if _, err = fmt.Fprintf(w, "id: %d\nevent: moved\ndata:\n\n", size); err != nil {
			return
		}
		if err = out.Flush(); err != nil {
			return
		}
		pause := time.NewTimer(settle)
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
		if _, err = h.Viewer(r); err != nil {
			return // signed out, or left, meanwhile
		}
		size, err = h.Server.Books().Grown(ctx, size)
	}
}
