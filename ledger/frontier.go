package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// A Hash is a node of the tree: SHA-256.
type Hash = [32]byte

// HashLeaf is the RFC 6962 hash of a leaf: SHA-256(0x00 ‖ leaf).
func HashLeaf(leaf []byte) Hash {
	return Hash(rfc6962.DefaultHasher.HashLeaf(leaf))
}

var ranges = compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

// A Frontier is what must be kept of a Merkle tree to append to it and to
// know its root: at most one hash for each level.
type Frontier struct{ r *compact.Range }

// NewFrontier is the frontier of the empty tree.
func NewFrontier() *Frontier { return &Frontier{ranges.NewEmptyRange(0)} }

// Size is the number of leaves.
func (f *Frontier) Size() int64 { return int64(f.r.End()) } //nolint:gosec // ParseFrontier bounds it, and no log grows past it

// Append adds the hash of the next leaf.
func (f *Frontier) Append(leaf Hash) error {
	if err := f.r.Append(leaf[:], nil); err != nil {
		return fmt.Errorf("append to the tree: %w", err)
	}
	return nil
}

// Root is the root of the tree, by RFC 6962.
func (f *Frontier) Root() (Hash, error) {
	if f.r.End() == 0 {
		return Hash(rfc6962.DefaultHasher.EmptyRoot()), nil
	}
	root, err := f.r.GetRootHash(nil)
	if err != nil {
		return Hash{}, fmt.Errorf("work out the root: %w", err)
	}
	return Hash(root), nil
}

// Marshal gives the size (8 bytes, big-endian) and the hashes, from left to
// right.
func (f *Frontier) Marshal() []byte {
	hashes := f.r.Hashes()
	data := binary.BigEndian.AppendUint64(make([]byte, 0, 8+32*len(hashes)), f.r.End())
	for _, h := range hashes {
		data = append(data, h...)
	}
	return data
}

// ParseFrontier reads what Marshal gave.
func ParseFrontier(data []byte) (*Frontier, error) {
	if len(data) < 8 || (len(data)-8)%32 != 0 {
		return nil, errors.New("the tree's frontier is damaged: wrong length")
	}
	size := binary.BigEndian.Uint64(data)
	if size > 1<<62 {
		return nil, errors.New("the tree's frontier is damaged: impossible size")
	}
	var hashes [][]byte
	for rest := data[8:]; len(rest) > 0; rest = rest[32:] {
		hashes = append(hashes, append([]byte(nil), rest[:32]...))
	}
	r, err := ranges.NewRange(0, size, hashes)
	if err != nil {
		return nil, fmt.Errorf("the tree's frontier is damaged: %w", err)
	}
	return &Frontier{r}, nil
}
