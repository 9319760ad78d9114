package flow

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// SignersFile is what a file of signers is called, in whichever folder.
const SignersFile = "allowed_signers"

// signersNamespace is what the organisation's keys sign for.
const signersNamespace = "onus"

// A Signer is a person and a key of theirs, by which they act at the command
// line and sign what they decide.
type Signer struct {
	Mail string
	Key  string // as OpenSSH writes it: the type, a space, base64
}

// SignerOf gives the mail address of the person whose key it is, or "".
func (o *Organisation) SignerOf(key string) string {
	for _, s := range o.Signers {
		if s.Key == key {
			return s.Mail
		}
	}
	return ""
}

func isSigners(name string) bool { return path.Base(name) == SignersFile }

// signers reads the file of signers that the organisation names. Another file
// of that name is not part of the definitions: git, too, calls its own so.
func (c *compiler) signers() {
	var named text
	if len(c.organisations) > 0 {
		named = c.organisations[0].Signers
	}
	found := slices.IndexFunc(c.program.Files, func(f File) bool { return named.ok() && isSigners(f.Path) && f.Path == path.Clean(named.value) })
	switch {
	case found >= 0:
		c.signersIn(c.program.Files[found])
	case named.ok() && !isSigners(named.value):
		c.fault(named.place, oneLine(named.value)+" cannot be a file of signers", "a file of signers is called "+SignersFile)
	case named.ok():
		c.fault(named.place, "there is no file "+oneLine(named.value)+" among the definitions", "its path is relative to this folder; a line of it is a mail address and a public key")
	}
	c.program.Files = slices.DeleteFunc(c.program.Files, func(f File) bool {
		return isSigners(f.Path) && (found < 0 || f.Path != path.Clean(named.value))
	})
}

// signersIn reads a file in the format that ssh-keygen calls ALLOWED SIGNERS,
// a person to a line. What would make a key count for whom or when the line
// does not show is refused.
func (c *compiler) signersIn(f File) {
	doc := &document{file: f.Path, lines: strings.Split(strings.TrimPrefix(f.Text, "\ufeff"), "\n")}
	first := map[string]int{}
	for i, line := range doc.lines {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		at := place{doc, &yaml.Node{Kind: yaml.ScalarNode, Value: words[0], Line: i + 1, Column: 1 + strings.Index(line, words[0])}}
		rest := words[1:]
		if len(rest) > 0 && !slices.Contains(keyTypes, rest[0]) {
			if !c.signerOptions(at, rest[0]) {
				continue
			}
			rest = rest[1:]
		}
		if len(rest) < 2 {
			c.fault(at, "the line has no key", "write the mail address and the public key: "+words[0]+" ssh-ed25519 AAAA…")
			continue
		}
		if problem := badKey(rest[0], rest[1]); problem != "" {
			c.fault(at, "the key of "+oneLine(words[0])+" "+problem, "copy the whole line of the .pub file; ssh-keygen -t ed25519 makes a new pair")
			continue
		}
		s := Signer{Mail: words[0], Key: rest[0] + " " + rest[1]}
		if before, twice := first[s.Key]; twice {
			c.fault(at, "this is the key of line "+strconv.Itoa(before)+" too: "+oneLine(s.Mail), "a key is one person's own; let each make their own")
			continue
		}
		first[s.Key] = at.line()
		c.person(text{place: at, value: s.Mail}, signer)
		c.program.Organisation.Signers = append(c.program.Organisation.Signers, s)
	}
}

// signerOptions checks what stands between a principal and the key.
func (c *compiler) signerOptions(at place, options string) bool {
	const plain = "write the mail address and the public key only"
	switch o := strings.ToLower(options); {
	case o == `namespaces="`+signersNamespace+`"`:
		return true
	case strings.HasPrefix(o, "namespaces="):
		c.fault(at, "the key of "+oneLine(at.node.Value)+" signs for other things than Onus", "a key that decides over access should do nothing else; "+plain)
	case strings.HasPrefix(o, "valid-"):
		c.fault(at, "a key counts while this file names it, not by "+oneLine(options), "take the line away when the key shall not count any more: the ledger knows what it signed before")
	case strings.HasPrefix(o, "cert-authority"):
		c.fault(at, "a certificate authority is nobody's own key", plain)
	default:
		c.fault(at, oneLine(options)+" is no key that Onus knows", "it knows "+strings.Join(keyTypes, ", "))
	}
	return false
}

const (
	keyEd25519   = "ssh-ed25519"
	keySKEd25519 = "sk-ssh-ed25519@openssh.com"
	keyP256      = "ecdsa-sha2-nistp256"
	keySKP256    = "sk-ecdsa-sha2-nistp256@openssh.com"
	keyP384      = "ecdsa-sha2-nistp384"
	keyP521      = "ecdsa-sha2-nistp521"
	keyRSA       = "ssh-rsa"
	minRSA       = 2048 // bits
)

var keyTypes = []string{keyEd25519, keySKEd25519, keyP256, keySKP256, keyP384, keyP521, keyRSA}

var curves = map[string]ecdh.Curve{keyP256: ecdh.P256(), keySKP256: ecdh.P256(), keyP384: ecdh.P384(), keyP521: ecdh.P521()}

// badKey says what is wrong with a public key (RFC 4253, section 6.6; RFC
// 5656, section 3.1; RFC 8709; OpenSSH's PROTOCOL.u2f), or "".
func badKey(kind, encoded string) string {
	blob, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "is not whole: it is no base64"
	}
	fields, ok := wire(blob)
	if !ok || len(fields) == 0 {
		return "is not whole"
	}
	if string(fields[0]) != kind {
		return "says that it is of another type within"
	}
	fields = fields[1:]
	want := map[string]int{keyEd25519: 1, keySKEd25519: 2, keyP256: 2, keySKP256: 3, keyP384: 2, keyP521: 2, keyRSA: 2}[kind]
	if len(fields) != want {
		return "is not whole"
	}
	switch kind {
	case keyEd25519, keySKEd25519:
		if len(fields[0]) != ed25519.PublicKeySize {
			return "is not whole"
		}
	case keyRSA:
		if bits := new(big.Int).SetBytes(fields[1]).BitLen(); bits < minRSA {
			return "is too short: " + strconv.Itoa(bits) + " bits, of at least " + strconv.Itoa(minRSA)
		}
	default:
		if !bytes.HasSuffix([]byte(strings.TrimSuffix(kind, "@openssh.com")), fields[0]) {
			return "says that it is on another curve within"
		}
		if _, err := curves[kind].NewPublicKey(fields[1]); err != nil {
			return "is no point of its curve"
		}
	}
	return ""
}

// wire splits what SSH writes as strings one after another.
func wire(blob []byte) (fields [][]byte, ok bool) {
	for len(blob) > 0 {
		if len(blob) < 4 {
			return nil, false
		}
		n, rest := int64(binary.BigEndian.Uint32(blob)), blob[4:]
		if n > int64(len(rest)) {
			return nil, false
		}
		fields, blob = append(fields, rest[:n]), rest[n:]
	}
	return fields, true
}
