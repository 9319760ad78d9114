package company

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"time"
)

var rosterColumns = []string{
	"employee_no", "person_id", "login", "given_name", "family_name", "mail", "department", "unit", "title",
	"grade", "manager", "start_date", "end_date", "status",
}

// Roster gives the CSV file that HR sends on a day. Dates in it are told from
// today.
func Roster(day int, today time.Time) []byte {
	var rows [][]string
	for _, p := range staffOf(day).all {
		if p.dropped {
			continue
		}
		rows = append(rows, []string{
			p.no, p.id, p.login, p.given, p.family, p.mail, p.department, p.unit, p.title,
			strconv.Itoa(p.grade), p.manager, date(today, p.start), date(today, p.end), p.status,
		})
	}
	return file(rosterColumns, rows)
}

// Truncated gives the file as it arrives when the line breaks: a bit more
// than half of it, and the last row cut in two.
func Truncated(whole []byte) []byte {
	half := len(whole) * 6 / 10
	end := bytes.IndexByte(whole[half:], '\n')
	if end < 0 {
		return whole[:half]
	}
	return whole[:half+end-12] // within the last row's dates
}

// file writes a CSV file. A last row says that it is whole, so that a file cut
// off between two rows is seen too.
func file(columns []string, rows [][]string) []byte {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	_ = w.Write(columns) // a buffer takes every byte
	_ = w.WriteAll(rows)
	_ = w.Write([]string{Trailer, strconv.Itoa(len(rows))})
	w.Flush()
	return out.Bytes()
}

// Trailer begins the row that ends a whole file.
const Trailer = "END"
