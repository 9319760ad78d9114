package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// The algorithms of keys (C2SP signed-note). A further one is one more case
// in NewVerifier and in NewCosigner.
const (
	algEd25519  = 1
	algCosigner = 4 // Ed25519 over a checkpoint with the time (C2SP tlog-cosignature)
)

// NewVerifier reads a verifier key of a log or of a witness.
func NewVerifier(vkey string) (note.Verifier, error) {
	name, key, err := splitKey(vkey)
	if err != nil {
		return nil, err
	}
	switch key[0] {
	case algEd25519:
		v, err := note.NewVerifier(vkey)
		if err != nil {
			return nil, fmt.Errorf("the key of %s is no Ed25519 key: %w", name, err)
		}
		return v, nil
	case algCosigner:
		if len(key) != 1+ed25519.PublicKeySize {
			return nil, fmt.Errorf("the key of %s is no Ed25519 key", name)
		}
		public := ed25519.PublicKey(key[1:])
		return &cosignVerifier{keyName{name, keyHash(name, key)}, public}, nil
	default:
		return nil, fmt.Errorf("the key of %s is of algorithm %d, which this version does not know", name, key[0])
	}
}

// IsWitness says whether a verifier is of a witness.
func IsWitness(v note.Verifier) bool {
	_, ok := v.(*cosignVerifier)
	return ok
}

// splitKey reads the form name+hash+key of a verifier key.
func splitKey(vkey string) (name string, key []byte, err error) {
	name, rest, ok := strings.Cut(vkey, "+")
	hash, text, more := strings.Cut(rest, "+")
	key, err = base64.StdEncoding.Strict().DecodeString(text)
	if !ok || !more || err != nil || len(key) == 0 || !validName(name) {
		return "", nil, fmt.Errorf("%.80q is not a verifier key: it has the form name+hash+key", vkey)
	}
	if hash != fmt.Sprintf("%08x", keyHash(name, key)) {
		return "", nil, fmt.Errorf("the verifier key of %s is damaged: its hash does not fit", name)
	}
	return name, key, nil
}

func validName(name string) bool {
	return name != "" && utf8.ValidString(name) && strings.IndexFunc(name, unicode.IsSpace) < 0 && !strings.Contains(name, "+")
}

// keyHash is a key's short name (C2SP signed-note).
func keyHash(name string, key []byte) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"), key...))
	return binary.BigEndian.Uint32(sum[:])
}

type keyName struct {
	name string
	hash uint32
}

func (k keyName) Name() string    { return k.name }
func (k keyName) KeyHash() uint32 { return k.hash }

type cosignVerifier struct {
	keyName

	public ed25519.PublicKey
}

// Verify checks a cosignature: eight bytes of time, then the signature.
func (v *cosignVerifier) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	text, err := cosigned(at, msg)
	return err == nil && ed25519.Verify(v.public, text, sig[8:])
}

// cosigned is what a witness signs. It signs nothing but checkpoints.
func cosigned(at uint64, msg []byte) ([]byte, error) {
	if _, err := ParseCheckpoint(string(msg)); err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, msg), nil
}

// A Cosigner signs checkpoints as a witness does.
type Cosigner struct {
	keyName

	private ed25519.PrivateKey
	now     func() time.Time
}

var _ note.Signer = (*Cosigner)(nil)

const privatePrefix = "PRIVATE+KEY+"

// NewWitnessKey makes a key pair for a witness of that name: signer is secret,
// verifier is for everybody.
func NewWitnessKey(name string) (signer, verifier string, err error) {
	if !validName(name) {
		return "", "", fmt.Errorf("%q cannot name a witness: a name has no spaces and no plus", name)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make a key for the witness: %w", err)
	}
	key := append([]byte{algCosigner}, public...)
	hash := keyHash(name, key)
	seed := append([]byte{algCosigner}, private.Seed()...)
	text := func(key []byte) string {
		return fmt.Sprintf("%s+%08x+%s", name, hash, base64.StdEncoding.EncodeToString(key))
	}
	return privatePrefix + text(seed), text(key), nil
}

// NewCosigner reads the secret key of a witness. Its errors never quote it.
func NewCosigner(signer string, now func() time.Time) (*Cosigner, string, error) {
	bad := errors.New("the witness's key is damaged")
	text, ok := strings.CutPrefix(signer, privatePrefix)
	if !ok {
		return nil, "", bad
	}
	name, rest, _ := strings.Cut(text, "+")
	hash, seed64, _ := strings.Cut(rest, "+")
	seed, err := base64.StdEncoding.Strict().DecodeString(seed64)
	if err != nil || !validName(name) || len(seed) != 1+ed25519.SeedSize || seed[0] != algCosigner {
		return nil, "", bad
	}
	private := ed25519.NewKeyFromSeed(seed[1:])
	key := append([]byte{algCosigner}, private[ed25519.SeedSize:]...)
	if want, err := strconv.ParseUint(hash, 16, 32); err != nil || uint32(want) != keyHash(name, key) {
		return nil, "", bad
	}
	verifier := fmt.Sprintf("%s+%08x+%s", name, keyHash(name, key), base64.StdEncoding.EncodeToString(key))
	return &Cosigner{keyName{name, keyHash(name, key)}, private, now}, verifier, nil
}

// Sign signs the text of a checkpoint with the time.
func (c *Cosigner) Sign(msg []byte) ([]byte, error) {
	at := uint64(max(c.now().Unix(), 0))
	text, err := cosigned(at, msg)
	if err != nil {
		return nil, fmt.Errorf("cosign: %w", err)
	}
	return append(binary.BigEndian.AppendUint64(nil, at), ed25519.Sign(c.private, text)...), nil
}

// SignatureLines gives the signatures of a signed note as its lines.
func SignatureLines(signed []byte) ([]byte, error) {
	at := bytes.LastIndex(signed, []byte("\n\n"))
	if at < 0 {
		return nil, errors.New("the note has no signatures")
	}
	return signed[at+2:], nil
}
