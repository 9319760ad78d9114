package ledger

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// ProveEntry gives the hashes that tie an entry to the root of a tree of that
// size (RFC 6962, section 2.1.1). Read reads the tiles of the log; what they
// say is not checked, so check the proof.
func ProveEntry(size, index int64, read func(Tile) ([]byte, error)) ([]Hash, error) {
	if index < 0 || index >= size {
		return nil, fmt.Errorf("there is no entry %d in a log of %d entries", index, size)
	}
	proof, err := tlog.ProveRecord(size, index, hashesOf(size, read))
	if err != nil {
		return nil, fmt.Errorf("prove entry %d: %w", index, err)
	}
	return fromTlog(proof), nil
}

// ProveGrowth gives the hashes that show a tree to begin with the whole of a
// smaller one (RFC 6962, section 2.1.2).
func ProveGrowth(from, to int64, read func(Tile) ([]byte, error)) ([]Hash, error) {
	if from < 0 || from > to {
		return nil, fmt.Errorf("a log of %d entries does not begin with one of %d", to, from)
	}
	if from == 0 || from == to {
		return nil, nil
	}
	proof, err := tlog.ProveTree(to, from, hashesOf(to, read))
	if err != nil {
		return nil, fmt.Errorf("prove that the log of %d entries begins with that of %d: %w", to, from, err)
	}
	return fromTlog(proof), nil
}

// CheckEntry says whether a proof ties a leaf to a checkpoint.
func CheckEntry(proof []Hash, c Checkpoint, index int64, leaf []byte) error {
	if index < 0 || index >= c.Size {
		return fmt.Errorf("there is no entry %d in a log of %d entries", index, c.Size)
	}
	if tlog.CheckRecord(toTlog(proof), c.Size, tlog.Hash(c.Root), index, tlog.Hash(HashLeaf(leaf))) != nil {
		return fmt.Errorf("the proof does not tie this entry to place %d of the log with %d entries", index, c.Size)
	}
	return nil
}

// CheckGrowth says whether a proof shows the newer log to begin with the whole
// of the older one. A smaller log, and one of the same size with another
// root, never do.
func CheckGrowth(proof []Hash, older, newer Checkpoint) error {
	switch {
	case newer.Origin != older.Origin:
		return fmt.Errorf("the checkpoints are of two logs, %q and %q", older.Origin, newer.Origin)
	case newer.Size < older.Size:
		return fmt.Errorf("the log shrank: it had %d entries, and now %d", older.Size, newer.Size)
	case newer.Size == older.Size && newer.Root != older.Root:
		return fmt.Errorf("the log was forked: it has two roots for its %d entries", newer.Size)
	case newer.Size == older.Size, older.Size == 0:
		if len(proof) > 0 {
			return errors.New("the proof of growth has hashes where none are needed")
		}
		return nil
	}
	if tlog.CheckTree(toTlog(proof), newer.Size, tlog.Hash(newer.Root), older.Size, tlog.Hash(older.Root)) != nil {
		return fmt.Errorf("the log of %d entries does not begin with the one of %d that was signed before: it was forked", newer.Size, older.Size)
	}
	return nil
}

// hashesOf gives the nodes of a tree out of its tiles.
func hashesOf(size int64, read func(Tile) ([]byte, error)) tlog.HashReader {
	kept := map[Tile][]Hash{}
	return tlog.HashReaderFunc(func(indices []int64) ([]tlog.Hash, error) {
		nodes := make([]tlog.Hash, len(indices))
		for i, index := range indices {
			level, n := tlog.SplitStoredHashIndex(index)
			first, count := n<<(level%8), 1<<(level%8)
			tile := tileAt(size, level/8, first)
			if kept[tile] == nil {
				data, err := read(tile)
				if err != nil {
					return nil, err
				}
				if kept[tile], err = parseHashes(data, tile.Width); err != nil {
					return nil, fmt.Errorf("%s: %w", tile.Path(), err)
				}
			}
			at := int(first % TileWidth)
			if at+count > tile.Width {
				return nil, fmt.Errorf("%s has no hash %d", tile.Path(), at+count-1)
			}
			nodes[i] = tlog.Hash(treeHash(kept[tile][at : at+count]))
		}
		return nodes, nil
	})
}

func fromTlog(hashes []tlog.Hash) []Hash {
	out := make([]Hash, len(hashes))
	for i, h := range hashes {
		out[i] = Hash(h)
	}
	return out
}

func toTlog(hashes []Hash) []tlog.Hash {
	out := make([]tlog.Hash, len(hashes))
	for i, h := range hashes {
		out[i] = tlog.Hash(h)
	}
	return out
}
