package postgres

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// longest is how many bytes of a name PostgreSQL keeps (NAMEDATALEN - 1). It
// cuts a longer one with no more than a notice, and so would act on another.
const longest = 63

// identifier quotes a name for a statement that takes no parameters. It
// refuses what quoting would change: the name that is meant and the name that
// is acted on must be the same.
func identifier(name string) (string, error) {
	switch {
	case name == "":
		return "", errors.New("a name is empty")
	case strings.ContainsRune(name, 0):
		return "", fmt.Errorf("the name %q holds a zero byte", name)
	case !utf8.ValidString(name):
		return "", fmt.Errorf("the name %q is not UTF-8", name)
	case len(name) > longest:
		return "", fmt.Errorf("the name %q is longer than %d bytes", name, longest)
	}
	return pgx.Identifier{name}.Sanitize(), nil
}

// identifiers quotes several.
func identifiers(names ...string) ([]string, error) {
	quoted := make([]string, len(names))
	errs := make([]error, len(names))
	for i, name := range names {
		quoted[i], errs[i] = identifier(name)
	}
	return quoted, errors.Join(errs...)
}

// literal quotes a text for a statement that takes no parameters. It relies
// on standard_conforming_strings, which the connection sets.
func literal(text string) (string, error) {
	if !isText(text) {
		return "", errors.New("a text is not UTF-8 or holds a zero byte")
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'", nil
}

// isText says whether PostgreSQL can have such a text at all.
func isText(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }
