package evidence

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// data writes the rows of a measure as they come, as CSV and as JSON.
type data struct {
	csv   *csv.Writer
	json  *bufio.Writer
	close []io.Closer
	rows  int
}

func newData(b *Bundle, m measure) (*data, error) {
	table, err := b.create("data/" + m.id + ".csv")
	if err != nil {
		return nil, err
	}
	list, err := b.create("data/" + m.id + ".json")
	if err != nil {
		return nil, err
	}
	d := &data{csv: csv.NewWriter(table), json: bufio.NewWriter(list), close: []io.Closer{table, list}}
	if err := d.csv.Write(append(append([]string{}, m.columns...), "good", "why", "who answers", "kind", "id", "event")); err != nil {
		return nil, fmt.Errorf("write the data of %s: %w", m.id, err)
	}
	_, err = d.json.WriteString("[")
	return d, err
}

func (d *data) row(r Row) error {
	good := "yes"
	if !r.Good {
		good = "no"
	}
	line := append(append([]string{}, r.Cells...), good, r.Why, r.Answers, r.Kind, r.ID, r.Event)
	for i, c := range line {
		line[i] = harmless(c)
	}
	if err := d.csv.Write(line); err != nil {
		return fmt.Errorf("write a row: %w", err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write a row: %w", err)
	}
	sep := ",\n"
	if d.rows == 0 {
		sep = "\n"
	}
	d.rows++
	_, err = d.json.WriteString(sep + string(text))
	return err
}

func (d *data) end() error {
	d.csv.Flush()
	if err := d.csv.Error(); err != nil {
		return fmt.Errorf("write the data: %w", err)
	}
	if _, err := d.json.WriteString("\n]\n"); err != nil {
		return fmt.Errorf("write the data: %w", err)
	}
	if err := d.json.Flush(); err != nil {
		return fmt.Errorf("write the data: %w", err)
	}
	for _, c := range d.close {
		if err := c.Close(); err != nil {
			return fmt.Errorf("write the data: %w", err)
		}
	}
	return nil
}

// harmless keeps a spreadsheet from taking a cell for a formula: a name in a
// personnel system may begin with "=". OWASP calls it CSV injection.
func harmless(cell string) string {
	if at := strings.TrimLeft(cell, " \t\r\n\v\f\u00a0\ufeff"); at != "" && strings.ContainsAny(at[:1], "=+-@|") || strings.ContainsAny(cell[:min(1, len(cell))], "\t\r\n") {
		return "'" + cell
	}
	for _, wide := range []string{"＝", "＋", "－", "＠"} {
		if strings.HasPrefix(cell, wide) {
			return "'" + cell
		}
	}
	return cell
}
