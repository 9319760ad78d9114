package ledger

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// A Checkpoint states the size and the root of a log (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string // names the log
	Size   int64
	Root   Hash
}

// Text is what is signed of a checkpoint.
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// Sign gives the checkpoint as a C2SP signed note. Several signers, perhaps
// of several algorithms, may sign it; a reader passes over those it does not
// know.
func (c Checkpoint) Sign(signers ...note.Signer) (string, error) {
	if c.Origin == "" || strings.ContainsAny(c.Origin, "\n") {
		return "", fmt.Errorf("sign the checkpoint: %q cannot be the origin of a log", c.Origin)
	}
	signed, err := note.Sign(&note.Note{Text: c.Text()}, signers...)
	if err != nil {
		return "", fmt.Errorf("sign the checkpoint: %w", err)
	}
	return string(signed), nil
}

// OpenCheckpoint checks the signature of a checkpoint and reads it. With an
// empty origin, a log of any name will do. Extension lines are passed over.
func OpenCheckpoint(signed, origin string, verifier note.Verifier) (Checkpoint, error) {
	n, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint is not signed by %s: %w", verifier.Name(), err)
	}
	c, err := ParseCheckpoint(n.Text)
	if err != nil {
		return c, err
	}
	if origin != "" && c.Origin != origin {
		return c, fmt.Errorf("the checkpoint is of the log %q, not of %q", c.Origin, origin)
	}
	return c, nil
}

// PeekCheckpoint reads a signed checkpoint without checking who signed it.
func PeekCheckpoint(signed string) (Checkpoint, error) {
	at := strings.LastIndex(signed, "\n\n")
	if at < 0 {
		return Checkpoint{}, errors.New("the checkpoint has no signatures")
	}
	return ParseCheckpoint(signed[:at+1])
}

// ParseCheckpoint reads the text of a checkpoint; a number and a hash have
// one form only.
func ParseCheckpoint(text string) (Checkpoint, error) {
	body, ended := strings.CutSuffix(text, "\n")
	lines := strings.Split(body, "\n")
	if len(lines) < 3 || slices.Contains(lines, "") || !ended {
		return Checkpoint{}, errors.New("the checkpoint does not have its three lines")
	}
	c := Checkpoint{Origin: lines[0]}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return c, fmt.Errorf("the checkpoint's size is %q, which is no size", lines[1])
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != len(c.Root) || base64.StdEncoding.EncodeToString(root) != lines[2] {
		return c, fmt.Errorf("the checkpoint's root is %q, which is no hash", lines[2])
	}
	c.Size, c.Root = size, Hash(root)
	return c, nil
}
