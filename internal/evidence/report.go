package evidence

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Parse(page))

// HTML writes the report as a page that needs nothing else.
func (r Report) HTML() ([]byte, error) {
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, r); err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	return out.Bytes(), nil
}

// PDF writes the report on paper. Its date is the end of the period: the same
// question at the same size of the ledger gives the same bytes.
func (r Report) PDF() ([]byte, error) {
	to, err := time.Parse(time.RFC3339, r.To)
	if err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	p := fpdf.New("P", "mm", "A4", "")
	p.SetCatalogSort(true)
	p.SetCreationDate(to)
	p.SetModificationDate(to)
	p.SetProducer("Onus", true)
	p.SetTitle(r.Control.ID+" "+r.Control.Title, true)
	p.SetLang("en")
	p.AddUTF8FontFromBytes("go", "", goregular.TTF)
	p.AddUTF8FontFromBytes("go", "B", gobold.TTF)
	p.SetMargins(18, 18, 18)
	p.SetAutoPageBreak(true, 18)
	p.AliasNbPages("")
	p.SetFooterFunc(func() {
		p.SetY(-12)
		p.SetFont("go", "", 8)
		p.CellFormat(0, 5, fmt.Sprintf("%s, %s to %s, ledger %s at %d, page %d", r.Control.ID, r.From, r.To, r.Origin, r.Size, p.PageNo()), "", 0, "L", false, 0, "")
	})
	p.AddPage()
	text := func(style string, size, gap float64, format string, args ...any) {
		p.SetFont("go", style, size)
		p.MultiCell(0, size*0.5, drawable(fmt.Sprintf(format, args...)), "", "L", false)
		p.Ln(gap)
	}
	text("B", 17, 2, "%s: %s", r.Control.ID, r.Control.Title)
	text("", 10, 3, "%s. From %s up to %s.", r.Control.Catalogue, r.From, r.To)
	text("", 12, 4, "%s", r.Says)
	for _, f := range r.Facts {
		text("B", 13, 1, "%s", f.Title)
		text("", 10, 1, "%s.", f.Says)
		text("", 9, 2, "Query: %s.\nPopulation %d, as they should be %d, exceptions %d.", f.Query, f.Population, f.Good, f.Exceptions)
		for _, row := range f.Failed {
			answers := row.Answers
			if answers == "" {
				answers = "nobody is named"
			}
			text("", 9, 1, "%s: %s; answers: %s. %s", row.ID, row.Why, answers, told(f.Columns, row.Cells))
		}
		if len(f.Sample) > 0 {
			text("B", 9, 1, "Sample of the others")
		}
		for _, row := range f.Sample {
			text("", 8, 0.5, "%s. %s", row.ID, told(f.Columns, row.Cells))
		}
		p.Ln(3)
	}
	text("B", 13, 1, "How to check this")
	text("", 9, 1, "It was measured on ledger %s of %d entries, root %s. onus-verify bundle FOLDER --policy POLICY checks the files, the receipts and what they commit to.", r.Origin, r.Size, r.Root)
	var out bytes.Buffer
	if err := p.Output(&out); err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	return out.Bytes(), nil
}

func told(columns, cells []string) string {
	var parts []string
	for i, c := range cells {
		if c != "" {
			parts = append(parts, columns[i]+" "+c)
		}
	}
	return strings.Join(parts, ", ")
}

// drawable leaves out what no page can show.
func drawable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ' && r != '\n' || r == 0x7f:
			return ' '
		case r > 0xFFFF:
			return '\uFFFD' // the fonts and the library end there
		}
		return r
	}, s)
}
