package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/durable"
	"github.com/onus-id/onus/internal/publish"
	"github.com/onus-id/onus/internal/signer"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/witness"
	"github.com/onus-id/onus/ledger"
)

// LedgerSettings say who signs a ledger and where outsiders find it. They are
// in a file of the data folder: nothing that a caller sends decides that.
type LedgerSettings struct {
	Origin  string `json:"origin"`            // names the log in its checkpoints
	Epoch   int    `json:"epoch"`             // how often it began again after a backup was restored, from 1
	Key     string `json:"key,omitempty"`     // the key's file in the data folder
	Signer  string `json:"signer,omitempty"`  // the socket of onus signer, instead of Key
	Public  string `json:"public,omitempty"`  // the verifier key of that signer
	Publish string `json:"publish,omitempty"` // the folder where it is published; best on another disk
	Policy  string `json:"policy,omitempty"`  // the file of the C2SP tlog-policy that names the witnesses
}

const ledgerFile = "ledger.json"

// ReadLedgerSettings reads the settings of a data folder; those of one that
// has none are the key in the folder, and nothing published.
func ReadLedgerSettings(data string) (LedgerSettings, error) {
	ls := LedgerSettings{Origin: Origin, Epoch: 1, Key: keyFile}
	text, err := os.ReadFile(filepath.Join(data, ledgerFile)) //nolint:gosec // whoever runs us names the folder
	if errors.Is(err, fs.ErrNotExist) {
		return ls, nil
	}
	if err == nil {
		ls = LedgerSettings{}
		err = json.Unmarshal(text, &ls)
	}
	if err != nil || ls.Origin == "" || ls.Epoch < 1 || (ls.Key == "") == (ls.Signer == "") || strings.ContainsRune(ls.Key, filepath.Separator) {
		return ls, onus.Errorf(onus.Invalid, "put it right, or bring it back from a copy", "the ledger's settings in %s cannot be used", filepath.Join(data, ledgerFile))
	}
	return ls, nil
}

func (ls LedgerSettings) write(data string) error {
	text, err := json.MarshalIndent(ls, "", "  ")
	if err != nil {
		return fmt.Errorf("keep the ledger's settings: %w", err)
	}
	return durable.WriteFile(filepath.Join(data, ledgerFile), append(text, '\n'), 0o600)
}

// logKey is who signs a log, and how others check it.
type logKey struct {
	signer note.Signer
	vkey   string
	late   bool
}

func (ls LedgerSettings) open(data string) (logKey, error) {
	if ls.Signer == "" {
		s, vkey, err := ledger.LoadOrCreateKey(filepath.Join(data, ls.Key), ls.Origin)
		if err != nil {
			return logKey{}, onus.Errorf(onus.LedgerClosed, "bring back the key that signed this ledger", "the ledger cannot be signed: %w", err)
		}
		return logKey{s, vkey, false}, nil
	}
	s, err := signer.At(ls.Signer, ls.Public)
	if err != nil {
		return logKey{}, err
	}
	return logKey{s, ls.Public, true}, nil
}

// signedAt gives the settings with the signer at a socket, as it says which
// log's key it has.
func (ls LedgerSettings) signedAt(ctx context.Context, socket string) (LedgerSettings, error) {
	s, err := signer.Dial(ctx, socket)
	if err != nil {
		return ls, err
	}
	ls.Key, ls.Signer, ls.Origin, ls.Public = "", socket, s.Name(), s.VerifierKey()
	return ls, s.Close()
}

// InitLedger settles who signs the ledger of a data folder and where it is
// published, and makes the key if need be. It gives the verifier key.
func InitLedger(ctx context.Context, data string, ls LedgerSettings) (string, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", onus.Errorf(onus.Invalid, "name a folder that can be written with --data", "make the data folder: %w", err)
	}
	if _, err := os.Stat(filepath.Join(data, ledgerFile)); err == nil {
		return "", onus.Errorf(onus.Conflict, "onus ledger key shows its key; change the file by hand where you must", "%s is there already", filepath.Join(data, ledgerFile))
	}
	_, err := os.Stat(filepath.Join(data, keyFile))
	if ls.Signer != "" && err == nil {
		return "", onus.Errorf(onus.Conflict, "begin a new epoch with that signer: onus ledger new-epoch --signer", "the ledger in %s is signed by the key in it", data)
	}
	ls.Epoch = 1
	if ls.Key = keyFile; ls.Signer != "" {
		if ls, err = ls.signedAt(ctx, ls.Signer); err != nil {
			return "", err
		}
	}
	key, err := ls.open(data)
	if err != nil {
		return "", err
	}
	return key.vkey, ls.write(data)
}

// policy gives the policy of a ledger: as its file says, or its key alone.
func (ls LedgerSettings) policy(vkey string) (*ledger.Policy, error) {
	if ls.Policy == "" {
		return ledger.LogPolicy(vkey)
	}
	p, err := ReadPolicy(ls.Policy)
	if err != nil {
		return nil, err
	}
	for _, k := range p.Logs {
		if own, err := ledger.NewVerifier(vkey); err == nil && k.Name == own.Name() && k.Verifier.KeyHash() == own.KeyHash() {
			return p, nil
		}
	}
	return nil, onus.Errorf(onus.Invalid, "add the line: log "+vkey, "the policy %s does not name the key of this ledger", ls.Policy)
}

// ReadPolicy reads a C2SP tlog-policy.
func ReadPolicy(file string) (*ledger.Policy, error) {
	text, err := os.ReadFile(file) //nolint:gosec // whoever runs us names it
	if err != nil {
		return nil, onus.Errorf(onus.Invalid, "name a file that can be read", "the policy cannot be read: %w", err)
	}
	p, err := ledger.ParsePolicy(string(text))
	if err != nil {
		return nil, onus.Errorf(onus.Invalid, "its lines are log, witness, group and quorum, as C2SP tlog-policy has them", "%s: %w", file, err)
	}
	return p, nil
}

// Publisher publishes the ledger of a data folder as its settings say. Where
// they name no folder it publishes to memory, only to prove events.
func (ls LedgerSettings) publisher(st store.Store, vkey string, now func() time.Time) (*publish.Publisher, error) {
	p, err := ls.policy(vkey)
	if err != nil {
		return nil, err
	}
	clients, err := witness.NewClients(p)
	if err != nil {
		return nil, err
	}
	var folder publish.Folder = publish.Hashes{Memory: publish.Memory{}}
	if ls.Publish != "" {
		folder = publish.Dir(ls.folder())
	}
	return &publish.Publisher{Store: st, Folder: folder, Policy: p, Witnesses: clients, Now: now}, nil
}

// folder is where this epoch is published: each is a log of its own.
func (ls LedgerSettings) folder() string {
	if ls.Epoch == 1 {
		return ls.Publish
	}
	return filepath.Join(ls.Publish, fmt.Sprintf("epoch-%d", ls.Epoch))
}

// openLedger prepares publishing, and halts when the database is older than
// what was published of it.
func (s *Server) openLedger(ctx context.Context) error {
	ls, err := ReadLedgerSettings(s.Data)
	if err != nil {
		return err
	}
	if ls.Publish == "" && ls.Policy == "" {
		return nil
	}
	if s.publisher, err = ls.publisher(s.store, s.Verifier, s.Now); err != nil {
		return err
	}
	return s.publisher.Check(ctx)
}

// witnessed returns when the intents that were committed may take effect.
func (s *Server) witnessed(ctx context.Context) error {
	if s.publisher == nil {
		return nil
	}
	err := s.publisher.Witnessed(ctx)
	if err != nil {
		s.Log.ErrorContext(ctx, "effects wait: the ledger is not witnessed", slog.Any("err", err), slog.Any("cause", errors.Unwrap(err)))
		s.unwitnessed(ctx, err)
	}
	return err
}

// publishNow publishes what is new. That it could not is for the log: nothing
// is lost, and the next time makes up for it.
func (s *Server) publishNow(ctx context.Context) {
	if s.publisher == nil {
		return
	}
	_, err := s.publisher.Publish(ctx)
	switch {
	case err == nil:
		s.witnessedAgain(ctx)
	case ctx.Err() == nil:
		s.Log.ErrorContext(ctx, "the ledger could not be published; the next time tries again", slog.Any("err", err), slog.Any("cause", errors.Unwrap(err)))
		s.unwitnessed(ctx, err)
	}
}

// publishEvery keeps publishing until ctx ends.
func (s *Server) publishEvery(ctx context.Context, every time.Duration) {
	if s.publisher == nil {
		return
	}
	repeat(ctx, every, func() { s.publishNow(ctx) })
}
