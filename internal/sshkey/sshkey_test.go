package sshkey_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/sshkey"
)

const message = "a decision that somebody made\n"

// needs skips a test whose program is not installed, but not under make test.
func needs(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, exec.ErrNotFound) {
		rig.Require(t, fmt.Errorf("%w: %w", err, rig.ErrMissing))
	}
}

// keygen runs the real ssh-keygen in a folder.
func keygen(t *testing.T, dir, stdin string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ssh-keygen", args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	needs(t, err)
	return string(out), err
}

func mustKeygen(t *testing.T, dir, stdin string, args ...string) {
	t.Helper()
	if out, err := keygen(t, dir, stdin, args...); err != nil {
		t.Fatalf("ssh-keygen %v: %v\n%s", args, err, out)
	}
}

// What we sign ssh-keygen accepts, and the other way round, for every type of
// key that it makes without a device.
func TestOpenSSHAgrees(t *testing.T) {
	for name, how := range map[string][]string{
		"ed25519": {"-t", "ed25519"}, "p256": {"-t", "ecdsa", "-b", "256"}, "p384": {"-t", "ecdsa", "-b", "384"},
		"p521": {"-t", "ecdsa", "-b", "521"}, "rsa": {"-t", "rsa", "-b", "2048"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			mustKeygen(t, dir, "", append(how, "-q", "-N", "", "-f", "key")...)
			key, err := sshkey.Load(filepath.Join(dir, "key"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, dir, "allowed", "ana@acme.example "+key.Public()+"\n")

			ours, err := key.Sign([]byte(message))
			if err != nil {
				t.Fatal(err)
			}
			write(t, dir, "ours.sig", sshkey.Armor(ours))
			verify := []string{"-Y", "verify", "-f", "allowed", "-I", "ana@acme.example", "-n", sshkey.Namespace, "-s", "ours.sig"}
			mustKeygen(t, dir, message, verify...)
			if out, err := keygen(t, dir, message+"not", verify...); err == nil {
				t.Errorf("ssh-keygen accepts another message: %s", out)
			}

			write(t, dir, "message", message)
			mustKeygen(t, dir, "", "-Y", "sign", "-q", "-f", "key", "-n", sshkey.Namespace, "message")
			theirs := unarmored(t, signature(t, dir))
			public, err := sshkey.Verify([]byte(message), theirs)
			if err != nil || public != key.Public() {
				t.Errorf("what ssh-keygen signed with %s is of %q: %v", key.Public(), public, err)
			}
			if how[1] != "ecdsa" && signature(t, dir) != sshkey.Armor(ours) { // ECDSA takes a random number
				t.Errorf("ssh-keygen signs\n%s\nand we\n%s", signature(t, dir), sshkey.Armor(ours))
			}
			if _, err := sshkey.Verify([]byte(message+"not"), theirs); err == nil {
				t.Error("we accept another message")
			}
		})
	}
}

func TestASignatureForSomethingElseIsNone(t *testing.T) {
	dir := t.TempDir()
	mustKeygen(t, dir, "", "-t", "ed25519", "-q", "-N", "", "-f", "key")
	write(t, dir, "message", message)
	mustKeygen(t, dir, "", "-Y", "sign", "-q", "-f", "key", "-n", "git", "message")
	theirs := unarmored(t, signature(t, dir))
	if _, err := sshkey.Verify([]byte(message), theirs); err == nil {
		t.Error("what was signed as a commit counts as a decision")
	}
	for _, broken := range [][]byte{nil, []byte("yes"), []byte("SSHSIG"), theirs[:len(theirs)-1], append(slices.Clone(theirs), 0)} {
		if _, err := sshkey.Verify([]byte(message), broken); err == nil {
			t.Errorf("%q counts as a signature", broken)
		}
	}
}

func unarmored(t *testing.T, text string) []byte {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("%q is no signature", text)
	}
	return block.Bytes
}

func TestAGeneratedKeyIsOneOfOpenSSH(t *testing.T) {
	dir := t.TempDir()
	private, public, err := sshkey.Generate("practice")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "key", string(private))
	out, err := keygen(t, dir, "", "-y", "-f", "key")
	if err != nil || strings.TrimSpace(out) != public+" practice" {
		t.Errorf("ssh-keygen reads %q of %q: %v", out, public, err)
	}
	key, err := sshkey.Load(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := keygen(t, dir, "", "-l", "-f", "key")
	if err != nil || !strings.Contains(list, key.Fingerprint()) {
		t.Errorf("ssh-keygen -l gives %q, we %s: %v", list, key.Fingerprint(), err)
	}
}

func TestWhatCannotBeUsedSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	mustKeygen(t, dir, "", "-t", "ed25519", "-q", "-N", "hush-hush", "-f", "locked")
	mustKeygen(t, dir, "", "-t", "ed25519", "-q", "-N", "", "-f", "open")
	write(t, dir, "text", "no key")
	write(t, dir, "text.pub", "no key")
	if err := os.Chmod(filepath.Join(dir, "open"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSH_AUTH_SOCK", filepath.Join(dir, "nobody"))
	for name, want := range map[string]string{
		"none": "cannot be read", "locked": "has a passphrase", "text": "is no private key", "text.pub": "is no public key",
		"none.pub": "cannot be read", "open": "others can read", "open.pub": "none answers",
	} {
		_, err := sshkey.Load(filepath.Join(dir, name))
		if err == nil || !strings.Contains(err.Error(), want) || onus.HintOf(err) == "" {
			t.Errorf("%s: %v (hint %q), want one that says %q", name, err, onus.HintOf(err), want)
		}
	}
}

// A key with a passphrase signs through the ssh-agent, which is the real one.
func TestTheAgentSigns(t *testing.T) {
	dir := t.TempDir()
	mustKeygen(t, dir, "", "-t", "rsa", "-b", "2048", "-q", "-N", "", "-f", "key")
	mustKeygen(t, dir, "", "-t", "ed25519", "-q", "-N", "", "-f", "other")
	sock := filepath.Join(dir, "agent")
	agent := exec.CommandContext(t.Context(), "ssh-agent", "-D", "-a", sock)
	var said bytes.Buffer
	agent.Stderr = &said
	out, err := agent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	err = agent.Start()
	needs(t, err)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = agent.Process.Kill()
		_ = agent.Wait()
	})
	if _, err := out.Read(make([]byte, 256)); err != nil { // it says where it listens once it does
		t.Fatal(err, said.String())
	}
	t.Setenv("SSH_AUTH_SOCK", sock)
	if out, err := exec.CommandContext(t.Context(), "ssh-add", "-q", filepath.Join(dir, "key")).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	key, err := sshkey.Load(filepath.Join(dir, "key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	sig, err := key.Sign([]byte(message))
	if err != nil {
		t.Fatal(err)
	}
	if public, err := sshkey.Verify([]byte(message), sig); err != nil || public != key.Public() {
		t.Errorf("the agent's signature is of %q, not %q: %v", public, key.Public(), err)
	}
	if _, err := sshkey.Load(filepath.Join(dir, "other.pub")); onus.KindOf(err) != onus.NotFound {
		t.Errorf("a key that the agent does not hold: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	private, _, err := sshkey.Generate("")
	if err != nil {
		f.Fatal(err)
	}
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), private, 0o600); err != nil {
		f.Fatal(err)
	}
	key, err := sshkey.Load(filepath.Join(dir, "key"))
	if err != nil {
		f.Fatal(err)
	}
	good, err := key.Sign([]byte(message))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(message), good)
	f.Add([]byte(""), good)
	f.Add([]byte(message), []byte("SSHSIG"))
	f.Fuzz(func(t *testing.T, said, sig []byte) {
		public, err := sshkey.Verify(said, sig)
		if err == nil && public == key.Public() && string(said) != message {
			t.Errorf("a signature of %q counts for %q", message, said)
		}
		if err == nil {
			if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(public)); err != nil {
				t.Errorf("%q is no public key", public)
			}
		}
	})
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func signature(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "message.sig"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
