package sql

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// canonical writes a value of a driver as text, or says what is wrong with
// it. A floating-point number keeps its point ("123.0"): a key that came
// through one has lost its leading zeros, and must not look like text.
func canonical(v any, databaseType string) (text, fault string) {
	switch v := v.(type) {
	case nil:
		return "", ""
	case string:
		return written(v)
	case []byte:
		return written(string(v))
	case int64:
		if kind := strings.ToUpper(databaseType); (kind == "BOOLEAN" || kind == "BOOL") && (v == 0 || v == 1) {
			return strconv.FormatBool(v == 1), "" // SQLite has no booleans, only columns called so
		}
		return strconv.FormatInt(v, 10), ""
	case bool:
		return strconv.FormatBool(v), ""
	case float64:
		return float(v)
	case time.Time:
		return instant(v, databaseType), ""
	default:
		return "", fmt.Sprintf("is of a type that has no text (%T): cast it in the query", v)
	}
}

func written(s string) (text, fault string) {
	switch {
	case !utf8.ValidString(s):
		return "", "is not UTF-8 (mixed encodings, or bytes)"
	case strings.IndexByte(s, 0) >= 0:
		return "", "holds a NUL character"
	}
	return strings.TrimSpace(s), ""
}

func float(v float64) (text, fault string) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "", "is no number"
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s, ""
}

func instant(t time.Time, databaseType string) string {
	midnight := t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 && t.Nanosecond() == 0
	if strings.EqualFold(databaseType, "DATE") && midnight {
		return t.Format(time.DateOnly)
	}
	return t.UTC().Format(time.RFC3339Nano)
}
