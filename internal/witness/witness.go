// Package witness cosigns the checkpoints of logs that it knows, as a C2SP
// tlog-witness: each only when it is proven that the log grew from the one
// cosigned before. So whoever asks for its cosignature sees the one history
// that everybody else sees. It knows nothing of what is in a log. The other
// end, a client that collects cosignatures under a policy, is here too.
package witness

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/durable"
	"github.com/onus-id/onus/ledger"
)

// A Witness is an http.Handler for POST /add-checkpoint. It keeps the last
// checkpoint that it cosigned of each log in a folder.
type Witness struct {
	dir    string
	signer note.Signer
	log    *slog.Logger
	unlock func() error

	mu   sync.Mutex                // held from reading a log's state until the new one is on disk
	logs map[string]*ledger.Policy // by origin; whose signature a checkpoint must have
}

// Open opens a witness on its folder, which it makes if need be, for the logs
// with these verifier keys.
func Open(dir string, signer note.Signer, vkeys []string, log *slog.Logger) (*Witness, error) {
	w := &Witness{dir: dir, signer: signer, log: log, logs: map[string]*ledger.Policy{}}
	for _, vkey := range vkeys {
		p, err := ledger.LogPolicy(vkey)
		if err != nil {
			return nil, onus.Errorf(onus.Invalid, "it is what onus ledger init printed", "the witness cannot know this log: %w", err)
		}
		name := p.Logs[0].Name
		if known := w.logs[name]; known != nil { // a log may change its key: both are good for a while
			p.Logs = append(known.Logs, p.Logs...)
		}
		w.logs[name] = p
	}
	if len(w.logs) == 0 {
		return nil, onus.Errorf(onus.Invalid, "name one with --log VERIFIER-KEY", "the witness knows no log")
	}
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, onus.Errorf(onus.Invalid, "name a folder that can be written", "the witness has no place for its state: %w", err)
	}
	var err error
	if w.unlock, err = durable.Lock(dir); err != nil {
		return nil, err
	}
	for origin := range w.logs {
		if _, err := w.last(origin); err != nil {
			return nil, errors.Join(err, w.unlock())
		}
	}
	return w, nil
}

// Close lets go of the folder.
func (w *Witness) Close() error { return w.unlock() }

func (w *Witness) file(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return filepath.Join(w.dir, hex.EncodeToString(sum[:16])+".checkpoint")
}

// last gives the last checkpoint that was cosigned of a log; of one that
// never was, the empty tree.
func (w *Witness) last(origin string) (ledger.Checkpoint, error) {
	data, err := os.ReadFile(w.file(origin))
	if errors.Is(err, fs.ErrNotExist) {
		return ledger.Checkpoint{Origin: origin, Root: emptyRoot}, nil
	}
	if err != nil {
		return ledger.Checkpoint{}, fmt.Errorf("read the witness's state: %w", err)
	}
	c, err := ledger.PeekCheckpoint(string(data))
	if err != nil || c.Origin != origin {
		return c, onus.Errorf(onus.Invalid, "bring it back from a copy; without it the witness could cosign a fork", "the witness's state of the log %q is damaged", origin)
	}
	return c, nil
}

var emptyRoot = func() ledger.Hash { return sha256.Sum256(nil) }()

// A refusal is an answer other than 200.
type refusal struct {
	status int
	says   string
	size   *int64 // with 409: of the last tree that was cosigned
}

func (r *refusal) Error() string { return r.says }

// maxRequest bounds a request: 63 hashes, and a checkpoint with its signatures.
const maxRequest = 64 << 10

// ServeHTTP answers POST /add-checkpoint.
func (w *Witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/add-checkpoint" {
		http.NotFound(rw, r)
		return
	}
	if r.Method != http.MethodPost {
		rw.Header().Set("Allow", http.MethodPost)
		http.Error(rw, "POST a checkpoint", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxRequest))
	if err != nil {
		http.Error(rw, "the request cannot be read", http.StatusBadRequest)
		return
	}
	lines, err := w.Add(body)
	var refused *refusal
	switch {
	case err == nil:
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = rw.Write(lines) // who does not hear it asks again
	case errors.As(err, &refused) && refused.size != nil:
		rw.Header().Set("Content-Type", "text/x.tlog.size")
		rw.WriteHeader(refused.status)
		fmt.Fprintf(rw, "%d\n", *refused.size)
	case errors.As(err, &refused):
		w.log.WarnContext(r.Context(), "the witness refused to cosign", slog.Int("status", refused.status), slog.Any("err", err))
		http.Error(rw, refused.says, refused.status)
	default:
		w.log.ErrorContext(r.Context(), "the witness could not cosign", slog.Any("err", err))
		http.Error(rw, "the witness could not cosign; its log says why", http.StatusInternalServerError)
	}
}

// Add takes a request of C2SP tlog-witness and gives the cosignature's line.
func (w *Witness) Add(body []byte) ([]byte, error) {
	old, proof, signed, err := parseRequest(body)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, err.Error(), nil}
	}
	said, err := ledger.PeekCheckpoint(signed)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, err.Error(), nil}
	}
	policy := w.logs[said.Origin]
	if policy == nil {
		return nil, &refusal{http.StatusNotFound, fmt.Sprintf("the witness does not know the log %q", said.Origin), nil}
	}
	c, err := policy.OpenLog(signed)
	if err != nil {
		return nil, &refusal{http.StatusForbidden, err.Error(), nil}
	}
	if old > c.Size {
		return nil, &refusal{http.StatusBadRequest, "the old size is past the checkpoint's", nil}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	last, err := w.last(c.Origin)
	if err != nil {
		return nil, err
	}
	switch {
	case last.Size != old:
		return nil, &refusal{http.StatusConflict, "the old size is not that of the last tree cosigned", &last.Size}
	case last.Size == c.Size && last.Root != c.Root:
		return nil, &refusal{http.StatusConflict, "the log was forked: it has two roots for one size", nil}
	}
	if err := ledger.CheckGrowth(proof, last, c); err != nil {
		return nil, &refusal{http.StatusUnprocessableEntity, err.Error(), nil}
	}
	return w.cosign(c, signed)
}

// cosign puts the cosigned checkpoint on disk before it gives the cosignature.
func (w *Witness) cosign(c ledger.Checkpoint, signed string) ([]byte, error) {
	own, err := note.Sign(&note.Note{Text: c.Text()}, w.signer)
	if err != nil {
		return nil, fmt.Errorf("cosign: %w", err)
	}
	// Extension lines are part of what is signed; we know of none.
	if !strings.HasPrefix(signed, c.Text()+"\n") {
		return nil, &refusal{http.StatusBadRequest, "the checkpoint has lines that the witness does not know", nil}
	}
	line, err := ledger.SignatureLines(own)
	if err != nil {
		return nil, err
	}
	if err := durable.WriteFile(w.file(c.Origin), append([]byte(signed), line...), 0o600); err != nil {
		return nil, err
	}
	return line, nil
}

// parseRequest reads the body of add-checkpoint: the old size, the proof that
// the log grew from there, an empty line, the signed checkpoint.
func parseRequest(body []byte) (old int64, proof []ledger.Hash, signed string, err error) {
	head, rest, ok := bytes.Cut(body, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	size, isOld := strings.CutPrefix(lines[0], "old ")
	if !ok || !isOld {
		return 0, nil, "", errors.New("the request does not begin with the old size")
	}
	if old, err = strconv.ParseInt(size, 10, 64); err != nil || old < 0 || strconv.FormatInt(old, 10) != size {
		return 0, nil, "", errors.New("the old size is no number")
	}
	if len(lines)-1 > 63 {
		return 0, nil, "", errors.New("no proof is that long")
	}
	for _, line := range lines[1:] {
		h, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(h) != 32 {
			return 0, nil, "", errors.New("a line of the proof is no hash")
		}
		proof = append(proof, ledger.Hash(h))
	}
	return old, proof, string(rest), nil
}
