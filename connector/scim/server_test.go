package scim_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// serve answers on loopback for as long as the test runs.
func serve(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return s.URL
}
