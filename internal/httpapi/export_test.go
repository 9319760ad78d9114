package httpapi

import (
	"log/slog"
	"net/http"
)

// Specification30 is the specification that the client is generated from.
var Specification30 = specification30

// Guarded is a handler behind the guard.
func Guarded(log *slog.Logger, h http.HandlerFunc) http.Handler {
	return (&api{Config: Config{Log: log}}).guard(h)
}

// A Sealer makes and opens cursors.
type Sealer struct{ a *api }

// SealedBy seals with a key.
func SealedBy(key []byte) Sealer { return Sealer{&api{Config: Config{Key: key}}} }

// Cursor makes one.
func (s Sealer) Cursor(list, place string) string { return s.a.cursor(list, place) }

// Place opens one.
func (s Sealer) Place(list, cursor string) (string, error) { return s.a.placeOf(list, cursor) }
