package rig_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/onus-id/onus/internal/rig"
)

func TestScimmyComesUpAndAsksForItsToken(t *testing.T) {
	s := rig.NeedScimmy(t)
	for token, want := range map[string]int{s.Token(): http.StatusOK, "other": http.StatusUnauthorized} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/Users", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("with the token %q: %d, want %d", token, answer.StatusCode, want)
		}
	}
}

func TestScimmyWithoutItsPackagesIsMissing(t *testing.T) {
	if _, err := rig.StartScimmy(t.Context(), t.TempDir()); !errors.Is(err, rig.ErrMissing) {
		t.Errorf("the error is %v", err)
	}
}
