package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
)

// Standard Webhooks (https://www.standardwebhooks.com): a message is signed
// with a secret that both sides have, over its ID, the time and the body.
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"

	// ReplayWindow is how far a message's time may be from the receiver's.
	ReplayWindow = 5 * time.Minute
)

// A WebhookSecret signs webhooks.
type WebhookSecret []byte

// ParseWebhookSecret reads a secret as it is handed out: whsec_ and base64 of
// 24 to 64 bytes.
func ParseWebhookSecret(text string) (WebhookSecret, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(strings.TrimSpace(text), "whsec_"))
	if err != nil || len(raw) < 24 || len(raw) > 64 {
		return nil, onus.Errorf(onus.Invalid, "it is whsec_ and base64 of 24 to 64 random bytes, as 'echo whsec_$(openssl rand -base64 32)' makes it", "the secret of a webhook cannot be used")
	}
	return raw, nil
}

// sign gives the signature of one message under this secret.
func (s WebhookSecret) sign(id, timestamp string, body []byte) string {
	return "v1," + base64.StdEncoding.EncodeToString(s.mac(id, timestamp, body))
}

func (s WebhookSecret) mac(id, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, s)
	h.Write([]byte(id + "." + timestamp + "."))
	h.Write(body)
	return h.Sum(nil)
}

// SignWebhook sets the headers of a message: one signature for each secret,
// so that receivers can change to a new one while the former still holds.
func SignWebhook(h http.Header, id string, at time.Time, body []byte, secrets ...WebhookSecret) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(secrets))
	for i, s := range secrets {
		signatures[i] = s.sign(id, timestamp, body)
	}
	h.Set(headerID, id)
	h.Set(headerTimestamp, timestamp)
	h.Set(headerSignature, strings.Join(signatures, " "))
}

// VerifyWebhook checks a message that was received: that one of its
// signatures is of one of the secrets, and that it is neither old nor of the
// future. It gives the message's ID, by which whoever receives drops what
// they have had already.
func VerifyWebhook(h http.Header, body []byte, now time.Time, secrets ...WebhookSecret) (string, error) {
	refuse := func(why string) (string, error) {
		return "", onus.Errorf(onus.Denied, "", "the webhook is refused: %s", why)
	}
	id, timestamp := h.Get(headerID), h.Get(headerTimestamp)
	if id == "" || len(h.Values(headerID)) > 1 || len(h.Values(headerTimestamp)) > 1 {
		return refuse("it has no ID and time of its own")
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != timestamp {
		return refuse("its time is none")
	}
	if d := now.Unix() - seconds; d > int64(ReplayWindow/time.Second) || d < -int64(ReplayWindow/time.Second) {
		return refuse("its time is too far from ours")
	}
	for signature := range strings.FieldsSeq(h.Get(headerSignature)) {
		version, text, _ := strings.Cut(signature, ",")
		given, err := base64.StdEncoding.Strict().DecodeString(text)
		if version != "v1" || err != nil {
			continue // of a version that we do not know
		}
		for _, s := range secrets {
			if hmac.Equal(given, s.mac(id, timestamp, body)) {
				return id, nil
			}
		}
	}
	return refuse("no signature of it is right")
}
