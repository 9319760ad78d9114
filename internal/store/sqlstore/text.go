package sqlstore

import "strings"

// The statements, with ? for each argument. Every one means the same on
// SQLite and on PostgreSQL.
const (
	selectHead       = `SELECT size, frontier, root, checkpoint, erasures FROM ledger_head WHERE one = 1`
	updateCheckpoint = `UPDATE ledger_head SET checkpoint = ? WHERE one = 1 AND size = ?`
	updateHead       = `UPDATE ledger_head SET size = ?, frontier = ?, root = ?, checkpoint = ? WHERE one = 1 AND size = ?`

	selectObject = `SELECT version, event, after, body, keys FROM object WHERE kind = ? AND id = ?`

	objectColumns = `o.id, o.version, o.event, o.body, o.keys`
	selectOfKind  = `SELECT o.id, ` + objectColumns + ` FROM object o WHERE o.kind = ? AND o.id > ? ORDER BY o.id LIMIT ?`
	// Of two lower bounds SQLite seeks to the first, and steps over all below
	// the second: so the greater of the two is worked out before.
	selectPrefix = `SELECT o.id, ` + objectColumns + ` FROM object o
		WHERE o.kind = ? AND o.id >= ? AND o.id <> ? AND o.id < ? ORDER BY o.id LIMIT ?`
	// The pair of value and id goes on after the last row given.
	selectByKey = `SELECT k.value, ` + objectColumns + ` FROM object_key k JOIN object o ON o.kind = k.kind AND o.id = k.id
		WHERE k.kind = ? AND k.name = ? AND (k.value, k.id) > (?, ?) AND k.value <= ? ORDER BY k.value, k.id LIMIT ?`
	selectFromKey = `SELECT k.value, ` + objectColumns + ` FROM object_key k JOIN object o ON o.kind = k.kind AND o.id = k.id
		WHERE k.kind = ? AND k.name = ? AND k.value >= ? AND k.value <= ? ORDER BY k.value, k.id LIMIT ?`

	countOfKind = `SELECT COUNT(*) FROM object WHERE kind = ?`
	countPrefix = `SELECT COUNT(*) FROM object WHERE kind = ? AND id >= ? AND id < ?`
	countByKey  = `SELECT COUNT(DISTINCT id) FROM object_key WHERE kind = ? AND name = ? AND value >= ? AND value <= ?`

	deleteKey = `DELETE FROM object_key WHERE kind = ? AND name = ? AND value = ? AND id = ?`
)

// withHistory begins a statement on the entries of one object, whose last is at
// the index given: each names the one before.
const withHistory = `WITH RECURSIVE history (idx, prev) AS (
	SELECT idx, prev FROM entry WHERE idx = ?
	UNION ALL SELECT e.idx, e.prev FROM history h JOIN entry e ON e.idx = h.prev AND e.idx < h.idx) `

// A bulk statement writes several rows at once.
type bulk struct {
	before string
	width  int
	after  string
}

var (
	insertEntries = bulk{
		`INSERT INTO entry (idx, id, object_kind, object_id, object_version, prev, cause, leaf, salt, body, keys, subject) VALUES `,
		12, ``,
	}
	putObjects = bulk{
		`INSERT INTO object (kind, id, version, event, after, body, keys) VALUES `, 7,
		` ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, event = excluded.event,
			after = excluded.after, body = excluded.body, keys = excluded.keys`,
	}
	insertKeys = bulk{`INSERT INTO object_key (kind, name, value, id) VALUES `, 4, ` ON CONFLICT DO NOTHING`}
)

// bulkSizes are the numbers of rows that a bulk statement is prepared for.
var bulkSizes = []int{64, 8, 1}

// text is the statement for so many rows.
func (b bulk) text(rows int) string {
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", b.width), ",") + "),"
	return b.before + strings.TrimSuffix(strings.Repeat(row, rows), ",") + b.after
}

// bulkTexts are the texts of each bulk statement, in the order of bulkSizes.
var bulkTexts = func() map[string][]string {
	texts := map[string][]string{}
	for _, b := range []bulk{insertEntries, putObjects, insertKeys} {
		for _, n := range bulkSizes {
			texts[b.before] = append(texts[b.before], b.text(n))
		}
	}
	return texts
}()

// texts are all statements that are worth preparing.
func texts() []string {
	all := []string{
		selectHead, updateHead, updateCheckpoint, selectObject, selectOfKind, selectPrefix, selectByKey, selectFromKey,
		countOfKind, countPrefix, countByKey, deleteKey, selectSubjectKey, insertSubjectKey,
	}
	for _, sized := range bulkTexts {
		all = append(all, sized...)
	}
	return all
}
