package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// etag names the state of something, for If-Match.
func etag(state any) (string, error) {
	body, err := json.Marshal(state)
	if err != nil {
		return "", fmt.Errorf("name the state of %T: %w", state, err)
	}
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:12]) + `"`, nil
}

// IfMatch is what a decision says it was made on.
type IfMatch struct {
	IfMatch string `header:"If-Match" maxLength:"1024" doc:"the ETag of what is decided on, as it was seen"`
}

// holds says whether what is decided on is still as whoever decides saw it.
func (m IfMatch) holds(state any) error {
	if m.IfMatch == "" {
		return problem(http.StatusPreconditionRequired, "unseen", "a decision says what it was made on", "send the ETag of what you saw in If-Match")
	}
	now, err := etag(state)
	if err != nil {
		return err
	}
	for tag := range strings.SplitSeq(m.IfMatch, ",") {
		if strings.TrimSpace(tag) == now {
			return nil
		}
	}
	return problem(http.StatusPreconditionFailed, "changed", "it is not as it was when it was looked at", "look again, and decide on what is there now")
}
