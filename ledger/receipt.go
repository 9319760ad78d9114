package ledger

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const proofHeader = "c2sp.org/tlog-proof@v1"

// A Receipt proves, with nothing but the keys of a policy, that an event is
// in a log. It is a C2SP tlog-proof whose extra data is the event's leaf.
type Receipt struct {
	Index      int64
	Leaf       []byte
	Proof      []Hash
	Checkpoint string // signed
}

// Format gives the text of a receipt.
func (r Receipt) Format() []byte {
	var b strings.Builder
	b.WriteString(proofHeader + "\n")
	fmt.Fprintf(&b, "extra %s\nindex %d\n", base64.StdEncoding.EncodeToString(r.Leaf), r.Index)
	for _, h := range r.Proof {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	b.WriteString("\n" + r.Checkpoint)
	return []byte(b.String())
}

// maxProof is the most hashes that a proof of any log can have.
const maxProof = 63

// ParseReceipt reads a receipt; it does not check what it says.
func ParseReceipt(data []byte) (Receipt, error) {
	var r Receipt
	head, checkpoint, ok := strings.Cut(string(data), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || lines[0] != proofHeader {
		return r, errors.New("this is not a receipt: it does not begin with " + proofHeader)
	}
	if len(lines) < 3 || !strings.HasPrefix(lines[1], "extra ") || !strings.HasPrefix(lines[2], "index ") {
		return r, errors.New("the receipt is damaged: it needs a line 'extra', with the event, and a line 'index'")
	}
	var err error
	if r.Leaf, err = base64.StdEncoding.Strict().DecodeString(lines[1][len("extra "):]); err != nil {
		return r, errors.New("the receipt is damaged: its event cannot be read")
	}
	index := lines[2][len("index "):]
	if r.Index, err = strconv.ParseInt(index, 10, 64); err != nil || r.Index < 0 || strconv.FormatInt(r.Index, 10) != index {
		return r, errors.New("the receipt is damaged: its index is no number")
	}
	if len(lines)-3 > maxProof {
		return r, errors.New("the receipt is damaged: no proof is that long")
	}
	for _, line := range lines[3:] {
		h, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(h) != 32 {
			return r, errors.New("the receipt is damaged: a line of its proof is no hash")
		}
		r.Proof = append(r.Proof, Hash(h))
	}
	r.Checkpoint = checkpoint
	return r, nil
}

// Verify says whether the receipt's event is in a log under a checkpoint that
// satisfies the policy, and gives both.
func (r Receipt) Verify(p *Policy) (Event, Checkpoint, error) {
	c, err := p.Open(r.Checkpoint)
	if err != nil {
		return Event{}, c, err
	}
	if err := CheckEntry(r.Proof, c, r.Index, r.Leaf); err != nil {
		return Event{}, c, err
	}
	e, err := ParseLeaf(r.Leaf)
	return e, c, err
}
