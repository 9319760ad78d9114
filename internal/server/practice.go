package server

import (
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/sshkey"
)

const (
	organisationFile = "organisation.yaml"
	rosterFile       = "hr.csv"
	practiceFolder   = "practice-keys"

	signersOfStarter = `# By which key the made-up people act: onus --sign practice-keys/NAME …
signers: ` + flow.SignersFile + `
# Elsewhere leave this away: who has a key, then, signs each yes to what is critical.
unsigned: allowed
`
	signersHead = `# Whose key is whose: mail address, public key. The private keys of these made-up
# people lie in ` + practiceFolder + `/, to practise with. Real people keep theirs to themselves.
`
)

// practiceKeys makes a key for each of the made-up people, so that whoever
// tries Onus can act as each, and the file of signers that says whose is whose.
// They are new in every company: no published key can act in any.
func practiceKeys(dir, roster string) (names []string, err error) {
	mails, err := mailsIn(roster)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(dir, practiceFolder)
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(folder, ".gitignore"), []byte("*\n"), 0o600); err != nil {
		return nil, err
	}
	var signers strings.Builder
	signers.WriteString(signersHead)
	for _, mail := range mails {
		private, public, err := sshkey.Generate("practice key of " + mail)
		if err != nil {
			return nil, err
		}
		name, _, _ := strings.Cut(mail, "@")
		if err := os.WriteFile(filepath.Join(folder, name), private, 0o600); err != nil {
			return nil, err
		}
		signers.WriteString(mail + " " + public + "\n")
	}
	name := filepath.Join(dir, flow.SignersFile)
	return []string{name, folder + string(filepath.Separator)}, os.WriteFile(name, []byte(signers.String()), 0o600)
}

// mailsIn gives the mail addresses of a roster.
func mailsIn(roster string) ([]string, error) {
	rows, err := csv.NewReader(strings.NewReader(roster)).ReadAll()
	if err != nil {
		return nil, err
	}
	at := slices.Index(rows[0], "mail")
	if at < 0 {
		return nil, errors.New("the roster has no mail addresses")
	}
	mails := make([]string, 0, len(rows)-1)
	for _, row := range rows[1:] {
		mails = append(mails, row[at])
	}
	return mails, nil
}
