package onus

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// A Digest is "sha256:" and 64 lower-case hexadecimal digits.
type Digest string

// DigestOf gives the digest of bytes.
func DigestOf(data []byte) Digest {
	sum := sha256.Sum256(data)
	return Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// DigestOfJSON gives the digest of a value's JSON. The values of this package
// marshal to one form only: struct fields keep their order, map keys are
// sorted, numbers that matter are text.
func DigestOfJSON(v any) Digest {
	data, err := json.Marshal(v)
	if err != nil {
		panic("onus: a digested value does not marshal: " + err.Error())
	}
	return DigestOf(data)
}

// Short gives the first twelve hexadecimal digits, for people.
func (d Digest) Short() string {
	_, digits, _ := strings.Cut(string(d), ":")
	return digits[:min(12, len(digits))]
}

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// ID derives an identifier from what makes a thing itself: the same parts
// give the same ID, so that work repeated after a crash meets its own traces
// instead of doubling them. The prefix says what it names ("run", "exc").
func ID(prefix string, parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		// The length keeps ("ab","c") and ("a","bc") apart.
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		h.Write([]byte(p))
	}
	return prefix + "_" + idEncoding.EncodeToString(h.Sum(nil)[:10])
}
