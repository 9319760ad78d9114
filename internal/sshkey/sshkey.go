// Package sshkey signs what people decide with their SSH keys, and checks such
// signatures, in the format of ssh-keygen -Y (OpenSSH's PROTOCOL.sshsig).
// Whose key is whose it leaves to the organisation's definitions.
package sshkey

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/onus-id/onus"
)

// Namespace is what the signatures are made for. One that was made for
// anything else, such as a file or a login, is none here.
const Namespace = "onus"

// A Key is a private key that somebody holds, in a file or in their ssh-agent.
type Key struct {
	public ssh.PublicKey
	sign   func(message []byte) (*sshsig.Signature, error)
}

// Load opens a private key. A file that ends in .pub names one that the
// ssh-agent holds.
func Load(path string) (*Key, error) {
	if strings.HasSuffix(path, ".pub") {
		return loadFromAgent(path)
	}
	data, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(data)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return nil, onus.Errorf(onus.Invalid, "ssh-add "+path+", then name "+path+".pub", "the key %s has a passphrase", path)
	case err != nil:
		return nil, onus.Errorf(onus.Invalid, "name a private key that ssh-keygen made, or the .pub of one that the ssh-agent holds", "%s is no private key", path)
	}
	return &Key{signer.PublicKey(), func(message []byte) (*sshsig.Signature, error) {
		return sshsig.Sign(bytes.NewReader(message), signer, sshsig.HashSHA512, Namespace)
	}}, nil
}

// readPrivate reads a file that only its owner may read, as ssh wants it.
func readPrivate(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, onus.Errorf(onus.NotFound, "name a private key with --sign or in ONUS_SIGN_KEY", "the key cannot be read: %w", err)
	case info.Mode().Perm()&0o077 != 0:
		return nil, onus.Errorf(onus.Denied, "chmod 600 "+path, "others can read the key %s, so it is nobody's own", path)
	}
	data, err := os.ReadFile(path) //nolint:gosec // whoever sits at the command line names it
	if err != nil {
		return nil, onus.Errorf(onus.NotFound, "name a private key with --sign or in ONUS_SIGN_KEY", "the key cannot be read: %w", err)
	}
	return data, nil
}

func loadFromAgent(path string) (*Key, error) {
	data, err := os.ReadFile(path) //nolint:gosec // whoever sits at the command line names it
	if err != nil {
		return nil, onus.Errorf(onus.NotFound, "name the .pub of a key that the ssh-agent holds", "the key cannot be read: %w", err)
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(data)
	if err != nil {
		return nil, onus.Errorf(onus.Invalid, "name the .pub of a key that the ssh-agent holds", "%s is no public key", path)
	}
	k := &Key{public, func(message []byte) (*sshsig.Signature, error) { return signByAgent(path, public, message) }}
	return k, withAgent(path, public, func(ssh.Signer) error { return nil })
}

func signByAgent(path string, public ssh.PublicKey, message []byte) (sig *sshsig.Signature, err error) {
	err = withAgent(path, public, func(s ssh.Signer) (err error) {
		sig, err = sshsig.Sign(bytes.NewReader(message), s, sshsig.HashSHA512, Namespace)
		return err
	})
	return sig, err
}

// withAgent finds a key in the ssh-agent.
func withAgent(path string, public ssh.PublicKey, do func(ssh.Signer) error) error {
	conn, err := net.Dial("unix", os.Getenv("SSH_AUTH_SOCK")) //nolint:gosec,noctx // a socket of the user's own, named by their session
	if err != nil {
		return onus.Errorf(onus.Invalid, "start one and ssh-add the key, or name the private key's file", "%s names a key of the ssh-agent, and none answers", path)
	}
	defer conn.Close()
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		return onus.Errorf(onus.Invalid, "ssh-add -l should list it", "the ssh-agent does not say which keys it holds: %w", err)
	}
	for _, s := range signers {
		if bytes.Equal(s.PublicKey().Marshal(), public.Marshal()) {
			return do(s)
		}
	}
	return onus.Errorf(onus.NotFound, "ssh-add "+strings.TrimSuffix(path, ".pub"), "the ssh-agent does not hold the key %s", path)
}

// Public gives the public key as definitions name it.
func (k *Key) Public() string { return written(k.public) }

// Fingerprint names a public key, "SHA256:…", as ssh-keygen -l does.
func (k *Key) Fingerprint() string { return ssh.FingerprintSHA256(k.public) }

// Sign signs a message, as ssh-keygen -Y sign -n onus does. Armor writes what
// it gives as ssh-keygen does.
func (k *Key) Sign(message []byte) ([]byte, error) {
	sig, err := k.sign(message)
	if err != nil {
		return nil, fmt.Errorf("sign with the key %s: %w", k.Fingerprint(), err)
	}
	return sig.Marshal(), nil
}

// Armor writes a signature as ssh-keygen -Y sign does, to the byte.
func Armor(signature []byte) string {
	var b strings.Builder
	b.WriteString("-----BEGIN " + sshsig.PEMType + "-----\n")
	for line := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(signature)), 70) {
		b.Write(line)
		b.WriteByte('\n')
	}
	b.WriteString("-----END " + sshsig.PEMType + "-----\n")
	return b.String()
}

// Verify checks the signature of a message, and gives the public key that it
// was made with. Whose that is, is another question.
func Verify(message, signature []byte) (public string, err error) {
	sig, err := sshsig.ParseSignature(signature)
	if err != nil {
		return "", fmt.Errorf("it is no signature of ssh-keygen -Y sign: %w", err)
	}
	if !bytes.Equal(sig.Marshal(), signature) {
		return "", errors.New("the signature is not in the form in which signatures are written")
	}
	if err := sshsig.Verify(bytes.NewReader(message), sig, sig.PublicKey, sig.HashAlgorithm, Namespace); err != nil {
		return "", err
	}
	return written(sig.PublicKey), nil
}

// Fingerprint names a public key that definitions name, as ssh-keygen -l does.
func Fingerprint(public string) (string, error) {
	p, _, _, _, err := ssh.ParseAuthorizedKey([]byte(public))
	if err != nil {
		return "", fmt.Errorf("%q is no public key: %w", public, err)
	}
	return ssh.FingerprintSHA256(p), nil
}

// Generate makes a new pair: the private key as a file holds it, and the
// public key as definitions name it.
func Generate(comment string) (private []byte, public string, err error) {
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, "", err
	}
	block, err := ssh.MarshalPrivateKey(priv, comment)
	if err != nil {
		return nil, "", err
	}
	p, err := ssh.NewPublicKey(pub)
	if err != nil {
		return nil, "", err
	}
	return pem.EncodeToMemory(block), written(p), nil
}

func written(p ssh.PublicKey) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(p))) }
