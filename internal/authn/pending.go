package authn

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// pendingFor is how long a sign-in may take from its beginning to its end.
const pendingFor = 5 * time.Minute

// A Seal closes what a browser holds between the beginning and the end of a
// sign-in, so that only that browser can end it and none can alter it.
type Seal struct{ aead cipher.AEAD }

// NewSeal makes a seal of 32 random bytes, which every process of a server
// must share.
func NewSeal(key [32]byte) (*Seal, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &Seal{aead}, err
}

type sealed struct {
	Until time.Time       `json:"until"`
	Value json.RawMessage `json:"value"`
}

// close seals a value for one purpose.
func (s *Seal) close(purpose string, v any, now time.Time) (string, error) {
	value, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(sealed{now.Add(pendingFor), value})
	if err != nil {
		return "", err
	}
	nonce := make([]byte, s.aead.NonceSize())
	_, _ = rand.Read(nonce) // it never fails
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, []byte(purpose))), nil
}

// open gives what was sealed for the same purpose a short time ago.
func (s *Seal) open(purpose, text string, v any, now time.Time) error {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(data) < s.aead.NonceSize() {
		return errNobody()
	}
	plain, err := s.aead.Open(nil, data[:s.aead.NonceSize()], data[s.aead.NonceSize():], []byte(purpose))
	if err != nil {
		return errNobody()
	}
	var in sealed
	if err := json.Unmarshal(plain, &in); err != nil || !now.Before(in.Until) {
		return errNobody()
	}
	return json.Unmarshal(in.Value, v)
}

// ReturnTo gives where to go after a sign-in: a path of this site, or its
// beginning. What could lead a browser to another site is not followed.
func ReturnTo(asked string) string {
	const home = "/"
	if !strings.HasPrefix(asked, "/") || strings.HasPrefix(asked, "//") || strings.ContainsRune(asked, '\\') ||
		strings.ContainsFunc(asked, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return home
	}
	u, err := url.Parse(asked)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || strings.HasPrefix(u.Path, "//") || strings.ContainsRune(u.Path, '\\') {
		return home
	}
	return asked
}
