package ledger

import (
	"fmt"
	"slices"

	"github.com/transparency-dev/merkle/rfc6962"
)

// A Tiling cuts a log into tiles as its entries come. It keeps no more than
// the last tile of each level.
type Tiling struct {
	size   int64
	levels [][]Hash // of each level's last tile, while it is not full
	bundle []byte   // of the last entries
}

// Size is the number of entries.
func (t *Tiling) Size() int64 { return t.size }

// ResumeTiling goes on where a log of that size ended: it reads the tiles at
// its edge. What they say is not checked; Root tells.
func ResumeTiling(size int64, read func(Tile) ([]byte, error)) (*Tiling, error) {
	t := &Tiling{size: size}
	for _, tile := range edge(size) {
		data, err := read(tile)
		if err != nil {
			return nil, err
		}
		if tile.Level == EntryLevel {
			t.bundle = slices.Clone(data)
			continue
		}
		hashes, err := parseHashes(data, tile.Width)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", tile.Path(), err)
		}
		t.grow(tile.Level)
		t.levels[tile.Level] = hashes
	}
	return t, nil
}

// edge gives the tiles of a tree that are not full.
func edge(size int64) []Tile {
	var tiles []Tile
	for level := 0; size>>(8*level) > 0; level++ {
		count := size >> (8 * level)
		if width := int(count % TileWidth); width > 0 {
			if level == 0 {
				tiles = append(tiles, Tile{EntryLevel, count / TileWidth, width})
			}
			tiles = append(tiles, Tile{level, count / TileWidth, width})
		}
	}
	return tiles
}

func (t *Tiling) grow(level int) {
	for len(t.levels) <= level {
		t.levels = append(t.levels, nil)
	}
}

// Append adds an entry, and writes each tile that it makes full.
func (t *Tiling) Append(leaf []byte, write func(Tile, []byte) error) error {
	return t.append(leaf, HashLeaf(leaf), write)
}

func (t *Tiling) append(leaf []byte, h Hash, write func(Tile, []byte) error) error {
	bundle, err := AppendEntry(t.bundle, leaf)
	if err != nil {
		return err
	}
	t.bundle = bundle
	t.size++
	if t.size%TileWidth == 0 {
		if err := write(Tile{EntryLevel, t.size/TileWidth - 1, TileWidth}, t.bundle); err != nil {
			return err
		}
		t.bundle = t.bundle[:0]
	}
	for level := 0; ; level++ {
		t.grow(level)
		t.levels[level] = append(t.levels[level], h)
		if len(t.levels[level]) < TileWidth {
			return nil
		}
		n := t.size>>(8*(level+1)) - 1
		if err := write(Tile{level, n, TileWidth}, appendHashes(nil, t.levels[level])); err != nil {
			return err
		}
		h = treeHash(t.levels[level])
		t.levels[level] = t.levels[level][:0]
	}
}

// Edge writes the tiles that are not full.
func (t *Tiling) Edge(write func(Tile, []byte) error) error {
	for _, tile := range edge(t.size) {
		data := t.bundle
		if tile.Level != EntryLevel {
			data = appendHashes(nil, t.levels[tile.Level])
		}
		if err := write(tile, data); err != nil {
			return err
		}
	}
	return nil
}

// Root is the root of the tree so far.
func (t *Tiling) Root() Hash {
	var hashes []Hash
	for _, level := range t.levels {
		// What is left of the levels below is the last, smaller one here.
		hashes = append(slices.Clone(level), hashes...)
		if len(hashes) > 0 {
			hashes = []Hash{treeHash(hashes)}
		}
	}
	return treeHash(hashes)
}

// treeHash is the RFC 6962 tree over hashes of equal trees; the last may be
// of a smaller one.
func treeHash(hashes []Hash) Hash {
	switch len(hashes) {
	case 0:
		return Hash(rfc6962.DefaultHasher.EmptyRoot())
	case 1:
		return hashes[0]
	}
	k := 1
	for 2*k < len(hashes) {
		k *= 2
	}
	left, right := treeHash(hashes[:k]), treeHash(hashes[k:])
	return Hash(rfc6962.DefaultHasher.HashChildren(left[:], right[:]))
}
