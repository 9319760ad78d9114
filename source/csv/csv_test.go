package csv_test

import (
	"bytes"
	"context"
	stdcsv "encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/source"
	"github.com/onus-id/onus/source/csv"
)

func write(tb testing.TB, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "hr.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string, o csv.Options) ([]source.Row, source.Taken, error) {
	t.Helper()
	feed, err := csv.New(path, o)
	if err != nil {
		t.Fatal(err)
	}
	var rows []source.Row
	taken, err := feed.Read(t.Context(), func(r source.Row) error {
		rows = append(rows, r)
		return nil
	})
	return rows, taken, err
}

// shown is a row in short: its values, or its fault.
func shown(rows []source.Row) []string {
	out := make([]string, 0, len(rows))
	for _, r := range rows {
		parts := []string{fmt.Sprintf("%d:", r.Line)}
		for _, c := range []string{"id", "name", "unit"} {
			if v, ok := r.Values[c]; ok {
				parts = append(parts, c+"="+v)
			}
		}
		if r.Fault != "" {
			parts = append(parts, "!"+r.Fault)
		}
		out = append(out, strings.Join(parts, " "))
	}
	return out
}

func TestRows(t *testing.T) {
	for name, tt := range map[string]struct {
		text    string
		options csv.Options
		want    []string
		why     string // incomplete because
	}{
		"plain":              {text: "id,name,unit\n1,Ana,Fin\n2,Bob,IT\n", want: []string{"2: id=1 name=Ana unit=Fin", "3: id=2 name=Bob unit=IT"}},
		"byte order mark":    {text: "\xEF\xBB\xBFid,name,unit\n1,Ana,Fin\n", want: []string{"2: id=1 name=Ana unit=Fin"}},
		"CRLF":               {text: "id,name,unit\r\n1,Ana,Fin\r\n", want: []string{"2: id=1 name=Ana unit=Fin"}},
		"semicolons sniffed": {text: "id;name;unit\n1;\"An,a\";Fin\n", want: []string{"2: id=1 name=An,a unit=Fin"}},
		"tabs sniffed":       {text: "id\tname\tunit\n1\tAna\tFin\n", want: []string{"2: id=1 name=Ana unit=Fin"}},
		"comma in a quoted header name does not mislead": {
			text: "id;\"a,b,c,d\";name\n1;x;Ana\n", want: []string{"2: id=1 name=Ana"},
		},
		"delimiter said": {text: "id;name,unit\n1;2,3\n", options: csv.Options{Delimiter: ','}, want: []string{"2: unit=3"}},
		"quoted newline": {text: "id,name,unit\n1,\"Ana\r\nMaria\",Fin\n2,Bob,IT\n", want: []string{"2: id=1 name=Ana\nMaria unit=Fin", "4: id=2 name=Bob unit=IT"}},
		"doubled quote":  {text: "id,name,unit\n1,\"Ana \"\"A\"\" K\",Fin\n", want: []string{`2: id=1 name=Ana "A" K unit=Fin`}},
		"trimmed, and empty is absent": {
			text: "id,name,unit\n 1 , Ana\u00A0,\n", want: []string{"2: id=1 name=Ana"},
		},
		"leading zeros stay": {text: "id,name,unit\n00123,Ana,Fin\n", want: []string{"2: id=00123 name=Ana unit=Fin"}},
		"blank lines":        {text: "\n\nid,name,unit\n\n1,Ana,Fin\n\n", want: []string{"5: id=1 name=Ana unit=Fin"}},
		"Latin-1 in one row": {
			text: "id,name,unit\n1,Jos\xE9,Fin\n2,Zo\u00EB,IT\n",
			want: []string{"2: id=1 unit=Fin !mixed encodings: column name is not UTF-8 as the file is", "3: id=2 name=Zo\u00EB unit=IT"},
		},
		"too few and too many fields": {
			text: "id,name,unit\n1,Ana\n2,Smith, Bob,IT\n3,Cy,HR\n",
			want: []string{"2: !the row has 2 fields where the header has 3", "3: !the row has 4 fields where the header has 3", "4: id=3 name=Cy unit=HR"},
		},
		"NUL": {text: "id,name,unit\n1,A\x00,Fin\n", want: []string{"2: id=1 unit=Fin !column name holds a NUL character"}},
		"stray quote takes no neighbour along": {
			text: "id,name,unit\n1,\"Ana,Fin\n2,\"Bob\",IT\n3,Cy,HR\n",
			want: []string{"2: !text follows a closing quote", "3: id=2 name=Bob unit=IT", "4: id=3 name=Cy unit=HR"},
		},
		"quote inside a field": {
			text: "id,name,unit\n1,Ana \"A\" K,Fin\n2,Bob,IT\n",
			want: []string{"2: !a quote stands inside a field that is not quoted", "3: id=2 name=Bob unit=IT"},
		},
		"quote never closed": {
			text: "id,name,unit\n1,Ana,Fin\n2,\"Bob,IT\n3,Cy,HR\n",
			want: []string{"2: id=1 name=Ana unit=Fin"}, why: "a quote that opens in the row on line 3 is never closed",
		},
		"breaks off in a row":             {text: "id,name,unit\n1,Ana,Fin\n2,Bo", want: []string{"2: id=1 name=Ana unit=Fin"}, why: "the file breaks off in the row on line 3"},
		"no line end, and every field":    {text: "id,name,unit\n1,Ana,Fin", want: []string{"2: id=1 name=Ana unit=Fin"}},
		"trailer":                         {text: "id,name,unit\n1,Ana,Fin\n#END,1\n", options: csv.Options{Trailer: "#END"}, want: []string{"2: id=1 name=Ana unit=Fin"}},
		"trailer missing":                 {text: "id,name,unit\n1,Ana,Fin\n", options: csv.Options{Trailer: "#END"}, want: []string{"2: id=1 name=Ana unit=Fin"}, why: `the trailer row "#END" is missing`},
		"trailer counts otherwise":        {text: "id,name,unit\n1,Ana,Fin\n#END,2\n", options: csv.Options{Trailer: "#END"}, want: []string{"2: id=1 name=Ana unit=Fin"}, why: "the trailer speaks of 2 rows, and there are 1"},
		"trailer without a count":         {text: "id,name,unit\n1,Ana,Fin\n#END\n", options: csv.Options{Trailer: "#END"}, want: []string{"2: id=1 name=Ana unit=Fin"}, why: "the trailer row on line 3 does not say how many rows there are"},
		"trailer with no number":          {text: "id,name,unit\n1,Ana,Fin\n#END,x\n", options: csv.Options{Trailer: "#END"}, want: []string{"2: id=1 name=Ana unit=Fin"}, why: "the trailer row on line 3 does not say how many rows there are"},
		"rows after the trailer":          {text: "id,name,unit\n1,Ana,Fin\n#END,1\n2,Bob,IT\n", options: csv.Options{Trailer: "#END"}, want: []string{"2: id=1 name=Ana unit=Fin"}, why: "rows follow the trailer, from line 4 on"},
		"columns without a name are none": {text: "id,name,\n1,Ana,\n", want: []string{"2: id=1 name=Ana"}},
	} {
		t.Run(name, func(t *testing.T) {
			rows, taken, err := read(t, write(t, tt.text), tt.options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, shown(rows)); diff != "" {
				t.Error(diff)
			}
			if taken.Complete != (tt.why == "") || taken.Why != tt.why {
				t.Errorf("complete %v because %q, want %q", taken.Complete, taken.Why, tt.why)
			}
			if taken.Rows != len(rows) {
				t.Errorf("says %d rows, gave %d", taken.Rows, len(rows))
			}
			if want := onus.DigestOf([]byte(tt.text)); taken.Digest != want {
				t.Errorf("digest %s, want %s", taken.Digest, want)
			}
		})
	}
}

// What a feed that failed leaves in the place of its rows. The first is the
// one that deprovisioned everybody (SailPoint).
func TestWhatIsNoRoster(t *testing.T) {
	for name, tt := range map[string]struct {
		text, want string
		options    csv.Options
	}{
		"redirect page":      {text: "<html><head><title>302 Found</title></head></html>\n", want: "is an HTML page, not CSV"},
		"login page":         {text: "\r\n  <!DOCTYPE html>\n<html>Sign in</html>", want: "is an HTML page, not CSV"},
		"XML error":          {text: "<?xml version='1.0'?><Error/>", want: "is an XML document, not CSV"},
		"JSON error":         {text: `{"error":"unauthorised"}`, want: "is a JSON document, not CSV"},
		"JSON list":          {text: "[]\n", want: "is a JSON document, not CSV"},
		"answer and headers": {text: "HTTP/1.1 302 Found\r\nLocation: /login\r\n", want: "is an HTTP answer with its headers, not CSV"},
		"workbook":           {text: "PK\x03\x04\x14\x00", want: "is a workbook or an archive, not CSV"},
		"UTF-16":             {text: "\xFF\xFEi\x00d\x00", want: "is UTF-16 text, not CSV"},
		"binary":             {text: "id\x00\x01", want: "is binary data, not CSV"},
		"empty":              {text: "", want: "is empty"},
		"blank":              {text: "\n\r\n\n", want: "is empty"},
		"header only":        {text: "id,name\n", want: "has a header and no rows"},
		"header and trailer": {text: "id,name\n#END,0\n", want: "has a header and no rows", options: csv.Options{Trailer: "#END"}},
		"no header":          {text: "4711,Ana,ana@acme.example\n4712,Bob,bob@acme.example\n", want: "is missing: its first line holds values"},
		"column twice":       {text: "id,name,id\n1,2,3\n", want: "names the column id twice"},
		"no names":           {text: ",,\n1,2,3\n", want: "names no column"},
		"Latin-1 header":     {text: "id,pr\xE9nom\n1,2\n", want: "is not UTF-8"},
		"old line ends":      {text: "id,name\r1,Ana\r2,Bob\r", want: "has lone carriage returns"},
		"no date column":     {text: "id,name\n1,Ana\n", want: "has no column made_at, which dates the feed", options: csv.Options{TakenAtColumn: "made_at"}},
		"no date at all":     {text: "id,made_at\n1,soon\n", want: "has a time in column made_at", options: csv.Options{TakenAtColumn: "made_at"}},
	} {
		t.Run(name, func(t *testing.T) {
			rows, taken, err := read(t, write(t, tt.text), tt.options)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one that says %q", err, tt.want)
			}
			if onus.KindOf(err) != onus.Invalid {
				t.Errorf("kind %q", onus.KindOf(err))
			}
			if taken.Complete {
				t.Error("complete")
			}
			if name != "no date at all" && len(rows) > 0 {
				t.Errorf("gave rows: %v", rows)
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	_, _, err := read(t, filepath.Join(t.TempDir(), "hr.csv"), csv.Options{})
	if onus.KindOf(err) != onus.NotFound || !strings.Contains(err.Error(), "there is no such file") {
		t.Fatalf("error %v", err)
	}
}

func TestTakenAt(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	t.Run("the file's own time", func(t *testing.T) {
		path := write(t, "id,name\n1,Ana\n")
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		if _, taken, err := read(t, path, csv.Options{}); err != nil || !taken.At.Equal(at) {
			t.Fatalf("taken at %v, error %v", taken.At, err)
		}
	})
	t.Run("the oldest row", func(t *testing.T) {
		path := write(t, "id,made_at\n1,2026-03-02T09:00:00+01:00\n2,2026-03-05\n3,\n")
		if _, taken, err := read(t, path, csv.Options{TakenAtColumn: "made_at"}); err != nil || !taken.At.Equal(at) {
			t.Fatalf("taken at %v, error %v", taken.At, err)
		}
	})
	t.Run("the trailer", func(t *testing.T) {
		path := write(t, "id,name\n1,Ana\n#END,1,2026-03-02T08:00:00Z\n")
		if _, taken, err := read(t, path, csv.Options{Trailer: "#END"}); err != nil || !taken.At.Equal(at) {
			t.Fatalf("taken at %v, error %v", taken.At, err)
		}
	})
}

// A file that is written while it is read is half old, half new.
func TestFileThatChangesWhileItIsRead(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"appended": func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("3,Cy\n")
			return errors.Join(err, f.Close())
		},
		"touched": func(path string) error { return os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)) },
		"replaced": func(path string) error {
			old, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return errors.Join(os.WriteFile(path+".new", old, 0o600), os.Rename(path+".new", path))
		},
		"removed": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "id,name\n1,Ana\n2,Bob\n")
			feed, err := csv.New(path, csv.Options{})
			if err != nil {
				t.Fatal(err)
			}
			once := false
			_, err = feed.Read(t.Context(), func(source.Row) error {
				if once {
					return nil
				}
				once = true
				return change(path)
			})
			if err == nil {
				t.Fatal("read as if nothing had happened")
			}
		})
	}
}

func TestYieldEndsTheReading(t *testing.T) {
	feed, err := csv.New(write(t, "id,name\n1,Ana\n2,Bob\n"), csv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("enough")
	if _, err := feed.Read(t.Context(), func(source.Row) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := feed.Read(ctx, func(source.Row) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
}

// Under a trailer no cut whatever, at any byte, passes for the whole.
func TestNoCutPassesForTheWhole(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var b bytes.Buffer
		b.WriteString("id,name,unit\n")
		n := rapid.IntRange(1, 30).Draw(rt, "rows")
		for i := range n {
			name := rapid.SampledFrom([]string{"Ana", `"A, B"`, "\"A\nB\"", `"A ""x"" B"`, ""}).Draw(rt, "name")
			fmt.Fprintf(&b, "%d,%s,Fin\n", i+1000, name)
		}
		fmt.Fprintf(&b, "#END,%d\n", n)
		whole := b.String()
		cut := rapid.IntRange(0, len(whole)).Draw(rt, "cut")
		rows, taken, err := read(t, write(t, whole[:cut]), csv.Options{Trailer: "#END"})
		if err == nil && taken.Complete && len(rows) != n {
			rt.Fatalf("cut at %d of %d gave %d of %d rows as complete", cut, len(whole), len(rows), n)
		}
		if cut == len(whole) && (err != nil || !taken.Complete) {
			rt.Fatalf("the whole is not complete: %v %s", err, taken.Why)
		}
	})
}

func TestOptions(t *testing.T) {
	got, err := csv.OptionsFrom(map[string]string{"path": "hr.csv", "delimiter": ";", "trailer": "#END", "taken_at_column": "made"})
	if want := (csv.Options{Delimiter: ';', Trailer: "#END", TakenAtColumn: "made"}); err != nil || got != want {
		t.Errorf("got %+v, error %v", got, err)
	}
	if _, err := csv.OptionsFrom(map[string]string{"delimiter": "x"}); err == nil {
		t.Error("took x for a delimiter")
	}
	if _, err := csv.New("", csv.Options{}); err == nil {
		t.Error("took no path")
	}
	if _, err := csv.New("hr.csv", csv.Options{Delimiter: '"'}); err == nil {
		t.Error("took a quote for a delimiter")
	}
}

func Test100000PeopleReadFast(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("id,person,login,name,mail,department,manager,start,end,status\n")
	for i := range 100_000 {
		fmt.Fprintf(&b, "%06d,P%06d,u%d,\"Name, %d\",u%d@acme.example,Finance,%06d,2020-01-01,,active\n", i, i, i, i, i, i/8)
	}
	path := write(t, b.String())
	began := time.Now()
	feed, err := csv.New(path, csv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if _, err := feed.Read(t.Context(), func(source.Row) error { n++; return nil }); err != nil || n != 100_000 {
		t.Fatalf("%d rows, error %v", n, err)
	}
	took := time.Since(began)
	t.Logf("100,000 rows in %v", took)
	if took > 5*time.Second { // a bound on madness, not a benchmark: the machine is shared
		t.Errorf("took %v", took)
	}
}

// FuzzRead reads anything without falling, and agrees with encoding/csv on
// every file in which we find no fault.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"id,name\n1,Ana\n", "id;name\r\n1;\"A\r\nB\"\r\n", "id,name\n1,\"A\"\"B\"\n", "id,name\n1,\"A\n2,B\n", "id,name\n1,\"A\"x\n2,B\n",
		"\xEF\xBB\xBFid,name\n1,Jos\xE9\n", "id,name\n1\n", "id,name\n#END,0\n", "<html>", "{}", "id,name\n1,A", "id,name\n\"1\n\",\"\n", "a,b\n1,\"\r\"\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		rows, taken, err := read(t, write(t, string(text)), csv.Options{Delimiter: ','})
		if err != nil || !taken.Complete {
			return
		}
		if taken.Digest != onus.DigestOf(text) {
			t.Fatal("the digest is not over the bytes")
		}
		for _, r := range rows {
			if r.Fault != "" {
				return
			}
		}
		std := stdcsv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))))
		want, err := std.ReadAll()
		if err != nil {
			t.Fatalf("encoding/csv refuses what we read: %v", err)
		}
		if len(want) != len(rows)+1 {
			t.Fatalf("%d rows, encoding/csv has %d", len(rows), len(want)-1)
		}
		for i, r := range rows {
			for j, column := range taken.Columns {
				if column != "" && r.Values[column] != strings.TrimSpace(want[i+1][j]) {
					t.Fatalf("row %d, %s: %q, encoding/csv has %q", i, column, r.Values[column], want[i+1][j])
				}
			}
		}
	})
}
