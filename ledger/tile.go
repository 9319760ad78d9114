package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// TileWidth is how many hashes, or entries, a whole tile has (C2SP tlog-tiles).
const TileWidth = 256

// EntryLevel is the level of the tiles that hold the entries themselves.
const EntryLevel = -1

// maxLevel is the highest level that a tree of any size can have.
const maxLevel = 7

// A Tile is one file of a published log, by its place (C2SP tlog-tiles). Level
// 0 holds the hashes of entries; a hash of each further level stands for 256
// of the level below.
type Tile struct {
	Level int
	N     int64
	Width int // 1 to TileWidth; less than that: the last one, not full yet
}

// Path is where a tile is, below the address or the folder of a log.
func (t Tile) Path() string {
	var b strings.Builder
	b.WriteString("tile/")
	if t.Level == EntryLevel {
		b.WriteString("entries/")
	} else {
		b.WriteString(strconv.Itoa(t.Level) + "/")
	}
	digits := fmt.Sprintf("%03d", t.N)
	if odd := len(digits) % 3; odd > 0 {
		digits = strings.Repeat("0", 3-odd) + digits
	}
	for ; len(digits) > 3; digits = digits[3:] {
		b.WriteString("x" + digits[:3] + "/")
	}
	b.WriteString(digits)
	if t.Width < TileWidth {
		b.WriteString(".p/" + strconv.Itoa(t.Width))
	}
	return b.String()
}

// ParseTilePath reads what Path gave; a tile has one path only.
func ParseTilePath(path string) (Tile, error) {
	bad := fmt.Errorf("%q is not the path of a tile", path)
	t := Tile{Width: TileWidth}
	rest, ok := strings.CutPrefix(path, "tile/")
	level, rest, more := strings.Cut(rest, "/")
	if !ok || !more || len(rest) > 40 {
		return Tile{}, bad
	}
	var err error
	if level == "entries" {
		t.Level = EntryLevel
	} else if t.Level, err = strconv.Atoi(level); err != nil || t.Level < 0 || t.Level > maxLevel {
		return Tile{}, bad
	}
	if number, width, partial := strings.Cut(rest, ".p/"); partial {
		if t.Width, err = strconv.Atoi(width); err != nil || t.Width < 1 || t.Width >= TileWidth {
			return Tile{}, bad
		}
		rest = number
	}
	t.N, err = strconv.ParseInt(strings.ReplaceAll(strings.ReplaceAll(rest, "x", ""), "/", ""), 10, 64)
	if err != nil || t.N < 0 || t.Path() != path {
		return Tile{}, bad
	}
	return t, nil
}

// tileAt is the tile of a tree of that size that holds a hash of a level.
func tileAt(size int64, level int, index int64) Tile {
	t := Tile{Level: level, N: index / TileWidth, Width: TileWidth}
	if all := size >> (8 * max(level, 0)); all-t.N*TileWidth < TileWidth {
		t.Width = int(all - t.N*TileWidth)
	}
	return t
}

// AppendEntry adds a leaf to an entry bundle: its length in two bytes, then
// its bytes.
func AppendEntry(bundle, leaf []byte) ([]byte, error) {
	if len(leaf) > MaxLeaf {
		return nil, fmt.Errorf("an entry is %d bytes; %d are allowed", len(leaf), MaxLeaf)
	}
	bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(leaf))) //nolint:gosec // bounded above
	return append(bundle, leaf...), nil
}

var errBundleCut = errors.New("it ends in the middle of an entry")

// CutEntry gives the first leaf of an entry bundle, and what follows it.
func CutEntry(bundle []byte) (leaf, rest []byte, err error) {
	if len(bundle) < 2 {
		return nil, nil, errBundleCut
	}
	n := int(binary.BigEndian.Uint16(bundle))
	if len(bundle)-2 < n {
		return nil, nil, errBundleCut
	}
	return bundle[2 : 2+n], bundle[2+n:], nil
}

// CheckBundle says whether an entry bundle holds exactly the entries that
// have these hashes, and gives the place of the first that it does not hold.
func CheckBundle(bundle []byte, hashes []Hash) (at int, err error) {
	for i, want := range hashes {
		if len(bundle) == 0 {
			return i, fmt.Errorf("it has %d entries, and should have %d", i, len(hashes))
		}
		leaf, rest, err := CutEntry(bundle)
		if err != nil {
			return i, err
		}
		if HashLeaf(leaf) != want {
			return i, errors.New("the entry is not the one that its hash stands for")
		}
		bundle = rest
	}
	if len(bundle) > 0 {
		return len(hashes), fmt.Errorf("it goes on after its %d entries", len(hashes))
	}
	return len(hashes), nil
}

// parseHashes reads a tile of hashes.
func parseHashes(data []byte, width int) ([]Hash, error) {
	if len(data) != 32*width {
		return nil, fmt.Errorf("it is %d bytes; %d hashes are %d", len(data), width, 32*width)
	}
	hashes := make([]Hash, width)
	for i := range hashes {
		hashes[i] = Hash(data[32*i:])
	}
	return hashes, nil
}

func appendHashes(data []byte, hashes []Hash) []byte {
	for _, h := range hashes {
		data = append(data, h[:]...)
	}
	return data
}
