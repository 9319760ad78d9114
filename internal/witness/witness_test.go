package witness_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/witness"
	"github.com/onus-id/onus/ledger"
)

// log is a log in memory whose checkpoints of every size are signed.
type log struct {
	signer note.Signer
	vkey   string
	tiles  map[string][]byte
	roots  []ledger.Hash
}

func newLog(t *testing.T, n int) *log {
	t.Helper()
	secret, public, err := ledger.NewKey("onus.example/log")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	l := &log{signer: s, vkey: public}
	l.fill(t, n, "entry")
	return l
}

func (l *log) fill(t *testing.T, n int, salt string) {
	t.Helper()
	l.tiles, l.roots = map[string][]byte{}, nil
	write := func(tile ledger.Tile, data []byte) error {
		l.tiles[tile.Path()] = append([]byte(nil), data...)
		return nil
	}
	var tiling ledger.Tiling
	for i := range n + 1 {
		l.roots = append(l.roots, tiling.Root())
		if err := errors.Join(tiling.Edge(write), tiling.Append(fmt.Appendf(nil, "%s %d", salt, i), write)); err != nil {
			t.Fatal(err)
		}
	}
}

func (l *log) at(t *testing.T, size int64) string {
	t.Helper()
	signed, err := ledger.Checkpoint{Origin: "onus.example/log", Size: size, Root: l.roots[size]}.Sign(l.signer)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func (l *log) growth(to int64) func(int64) ([]ledger.Hash, error) {
	return func(from int64) ([]ledger.Hash, error) {
		return ledger.ProveGrowth(from, to, func(tile ledger.Tile) ([]byte, error) { return l.tiles[tile.Path()], nil })
	}
}

type open struct {
	*witness.Witness

	vkey string
	url  string
}

// aWitness runs a witness in a folder.
func aWitness(t *testing.T, dir string, vkeys ...string) open {
	t.Helper()
	secret, public, err := ledger.NewWitnessKey("witness.example/w")
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := ledger.NewCosigner(secret, func() time.Time { return time.Unix(1_800_000_000, 0) })
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.Open(dir, s, vkeys, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w)
	t.Cleanup(func() { server.Close(); _ = w.Close() })
	return open{w, public, server.URL}
}

func (l *log) request(t *testing.T, old, size int64) string {
	t.Helper()
	proof, err := l.growth(size)(old)
	if err != nil {
		t.Fatal(err)
	}
	var body strings.Builder
	fmt.Fprintf(&body, "old %d\n", old)
	for _, h := range proof {
		body.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	return body.String() + "\n" + l.at(t, size)
}

func post(t *testing.T, url, body string) (status int, kind, answer string) {
	t.Helper()
	resp, err := http.Post(url+"/add-checkpoint", "text/plain", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(data)
}

// The answers are those of C2SP tlog-witness, case by case, and the
// cosignature is one that torchwood takes.
func TestTheWitnessAnswersAsC2SPSays(t *testing.T) {
	l := newLog(t, 300)
	fork := &log{signer: l.signer, vkey: l.vkey}
	fork.fill(t, 300, "forged")
	stranger := newLog(t, 300)
	w := aWitness(t, t.TempDir(), l.vkey)
	v, err := torchwood.NewCosignatureVerifier(w.vkey)
	if err != nil {
		t.Fatal(err)
	}
	good := l.request(t, 0, 7)
	for _, c := range []struct {
		name, body string
		status     int
		answer     string // its beginning
	}{
		{"nothing", "", 400, ""},
		{"no old size", "\n\n" + l.at(t, 7), 400, ""},
		{"a size that is none", strings.Replace(good, "old 0", "old 00", 1), 400, ""},
		{"a negative size", strings.Replace(good, "old 0", "old -1", 1), 400, ""},
		{"a proof that is none", strings.Replace(good, "old 0\n", "old 0\nabc\n", 1), 400, ""},
		{"a very long proof", strings.Replace(good, "old 0\n", "old 0\n"+strings.Repeat("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 64), 1), 400, ""},
		{"an unknown log", strings.ReplaceAll(good, "onus.example/log", "onus.example/other"), 404, ""},
		{"a stranger's signature", stranger.request(t, 0, 7), 403, ""},
		{"a changed size", strings.Replace(good, "\n7\n", "\n8\n", 1), 403, ""},
		{"too early", l.request(t, 5, 7), 409, "0\n"},
		{"the first", good, 200, "— witness.example/w "},
		{"the same", l.request(t, 7, 7), 200, "— witness.example/w "},
		{"a fork of one size", fork.request(t, 7, 7), 409, "the log was forked"},
		{"as if it were the first", l.request(t, 0, 20), 409, "7\n"},
		{"an old size past the new", strings.Replace(l.request(t, 5, 5), "old 5", "old 7", 1), 400, ""},
		{"a grown fork", fork.request(t, 7, 20), 422, ""},
		{"a proof that lacks", "old 7\n\n" + l.at(t, 20), 422, ""},
		{"growth", l.request(t, 7, 300), 200, "— witness.example/w "},
		{"a smaller one", strings.Replace(l.request(t, 20, 20), "old 20", "old 300", 1), 400, ""},
		{"a smaller one, honestly", l.request(t, 7, 20), 409, "300\n"},
	} {
		status, kind, answer := post(t, w.url, c.body)
		if status != c.status || !strings.HasPrefix(answer, c.answer) {
			t.Errorf("%s: got %d %q, want %d %q", c.name, status, answer, c.status, c.answer)
		}
		if sized := status == 409 && c.answer != "the log was forked"; sized != (kind == "text/x.tlog.size") {
			t.Errorf("%s: the answer is %q", c.name, kind)
		}
		if status == 200 {
			_, checkpoint, _ := strings.Cut(c.body, "\n\n")
			text, _, _ := strings.Cut(checkpoint, "\n\n")
			if _, err := note.Open([]byte(text+"\n\n"+answer), note.VerifierList(v)); err != nil {
				t.Errorf("%s: torchwood: %v", c.name, err)
			}
		}
	}
	resp, err := http.Get(w.url + "/add-checkpoint")
	if err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %v, %v", resp.Status, err)
	}
	_ = resp.Body.Close()
}

// What was cosigned is on disk before anybody hears of it; a witness that
// lost it, or shares it, does not start.
func TestTheWitnessRemembers(t *testing.T) {
	l := newLog(t, 30)
	dir := t.TempDir()
	w := aWitness(t, dir, l.vkey)
	if status, _, answer := post(t, w.url, l.request(t, 0, 20)); status != 200 {
		t.Fatal(answer)
	}
	secret, _, err := ledger.NewWitnessKey("witness.example/w")
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := ledger.NewCosigner(secret, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	if _, err := witness.Open(dir, s, []string{l.vkey}, quiet); onus.KindOf(err) != onus.Conflict {
		t.Errorf("two on one folder: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := witness.Open(dir, s, []string{l.vkey}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Add([]byte(l.request(t, 0, 25))); err == nil || !strings.Contains(err.Error(), "not that of the last tree") {
		t.Errorf("it forgot: %v", err)
	}
	if _, err := again.Add([]byte(l.request(t, 20, 25))); err != nil {
		t.Errorf("it does not go on: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	states, err := filepath.Glob(filepath.Join(dir, "*.checkpoint"))
	if err != nil || len(states) != 1 {
		t.Fatal(states, err)
	}
	if err := os.Truncate(states[0], 10); err != nil {
		t.Fatal(err)
	}
	if _, err := witness.Open(dir, s, []string{l.vkey}, quiet); onus.KindOf(err) != onus.Invalid || onus.HintOf(err) == "" {
		t.Errorf("a damaged state: %v", err)
	}
	if _, err := witness.Open(t.TempDir(), s, []string{"banana"}, quiet); onus.KindOf(err) != onus.Invalid {
		t.Errorf("a key that is none: %v", err)
	}
	// A witness that cannot keep its state cosigns nothing.
	gone := filepath.Join(t.TempDir(), "gone")
	lost, err := witness.Open(gone, s, []string{l.vkey}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(gone); err != nil {
		t.Fatal(err)
	}
	if line, err := lost.Add([]byte(l.request(t, 0, 5))); err == nil {
		t.Errorf("it cosigned %q without keeping it", line)
	}
}

// However many ask at once, the witness cosigns one history.
func TestForksRaceInVain(t *testing.T) {
	l := newLog(t, 40)
	forks := append(make([]*log, 0, 5), l)
	for i := range 4 {
		f := &log{signer: l.signer, vkey: l.vkey}
		f.fill(t, 40, fmt.Sprint("fork", i))
		forks = append(forks, f)
	}
	w := aWitness(t, t.TempDir(), l.vkey)
	var mu sync.Mutex
	cosigned := map[int64]string{}
	var wg sync.WaitGroup
	for _, f := range forks {
		wg.Go(func() {
			for size := int64(1); size <= 40; size++ {
				for old := range size + 1 {
					if _, err := w.Add([]byte(f.request(t, old, size))); err == nil {
						mu.Lock()
						if former := cosigned[size]; former != "" && former != string(f.roots[size][:]) {
							t.Errorf("two roots were cosigned for size %d", size)
						}
						cosigned[size] = string(f.roots[size][:])
						mu.Unlock()
					}
				}
			}
		})
	}
	wg.Wait()
	if len(cosigned) == 0 {
		t.Error("nothing was cosigned at all")
	}
}

// quorum makes a policy of so many needed among these witnesses.
func quorum(t *testing.T, l *log, need int, names map[string][2]string) (*ledger.Policy, []*witness.Client) {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "log %s\n", l.vkey)
	for name, w := range names {
		fmt.Fprintf(&text, "witness %s %s %s\n", name, w[0], w[1])
	}
	fmt.Fprintf(&text, "group g %d %s\nquorum g\n", need, strings.Join(slices.Collect(maps.Keys(names)), " "))
	p, err := ledger.ParsePolicy(text.String())
	if err != nil {
		t.Fatal(err)
	}
	clients, err := witness.NewClients(p)
	if err != nil {
		t.Fatal(err)
	}
	return p, clients
}

// One dead, one lying and two honest witnesses: two of four is reached, three is not.
func TestCollectingWithDeadAndLyingWitnesses(t *testing.T) {
	l := newLog(t, 300)
	a := aWitness(t, t.TempDir(), l.vkey)
	b := aWitness(t, t.TempDir(), l.vkey)
	_, liarKey, err := ledger.NewWitnessKey("witness.example/liar")
	if err != nil {
		t.Fatal(err)
	}
	_, deadKey, err := ledger.NewWitnessKey("witness.example/dead")
	if err != nil {
		t.Fatal(err)
	}
	for name, lie := range map[string]http.HandlerFunc{
		"a cosignature of another key": func(w http.ResponseWriter, r *http.Request) {
			resp, err := http.Post(a.url+r.URL.Path, "text/plain", r.Body)
			if err != nil {
				return
			}
			defer resp.Body.Close()
			_, _ = io.Copy(w, resp.Body)
		},
		"its name on it": func(w http.ResponseWriter, _ *http.Request) {
			v, err := ledger.NewVerifier(liarKey)
			if err != nil {
				return
			}
			raw := append([]byte{byte(v.KeyHash() >> 24), byte(v.KeyHash() >> 16), byte(v.KeyHash() >> 8), byte(v.KeyHash())}, make([]byte, 72)...)
			fmt.Fprintf(w, "— witness.example/liar %s\n", base64.StdEncoding.EncodeToString(raw))
		},
		"more text":          func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "\n\nonus.example/log\n9\n") },
		"nothing":            func(http.ResponseWriter, *http.Request) {},
		"a huge answer":      func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("— "), 1<<20)) },
		"a size of its own":  func(w http.ResponseWriter, _ *http.Request) { size(w, "5") },
		"a larger size":      func(w http.ResponseWriter, _ *http.Request) { size(w, "999999") },
		"a size that is not": func(w http.ResponseWriter, _ *http.Request) { size(w, "-1") },
		"a fork":             func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusConflict) },
		"an error":           func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
	} {
		t.Run(name, func(t *testing.T) {
			liar := httptest.NewServer(lie)
			defer liar.Close()
			names := map[string][2]string{
				"a": {a.vkey, a.url}, "b": {b.vkey, b.url}, "liar": {liarKey, liar.URL}, "dead": {deadKey, "http://127.0.0.1:1"},
			}
			p, clients := quorum(t, l, 2, names)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			signed, err := witness.Collect(ctx, p, clients, l.at(t, 300), 300, l.growth(300))
			if err != nil {
				t.Errorf("two of four: %v", err)
			}
			if _, err := p.Open(signed); err != nil {
				t.Errorf("two of four: %v", err)
			}
			p, clients = quorum(t, l, 3, names)
			if _, err := witness.Collect(ctx, p, clients, l.at(t, 300), 300, l.growth(300)); !errors.Is(err, ledger.ErrNoQuorum) {
				t.Errorf("three of four: %v", err)
			}
		})
	}
}

func size(w http.ResponseWriter, n string) {
	w.Header().Set("Content-Type", "text/x.tlog.size")
	w.WriteHeader(http.StatusConflict)
	fmt.Fprintln(w, n)
}

// Our database is older than what the witness cosigned, or another: the
// client says so, and does not call the witness unreachable.
func TestAWitnessThatIsAheadIsHeard(t *testing.T) {
	l := newLog(t, 30)
	w := aWitness(t, t.TempDir(), l.vkey)
	p, clients := quorum(t, l, 1, map[string][2]string{"w": {w.vkey, w.url}})
	if _, err := witness.Collect(t.Context(), p, clients, l.at(t, 20), 20, l.growth(20)); err != nil {
		t.Fatal(err)
	}
	if _, err := witness.Collect(t.Context(), p, clients, l.at(t, 10), 10, l.growth(10)); !errors.Is(err, witness.ErrAhead) {
		t.Errorf("an older database: %v", err)
	}
	l.fill(t, 30, "rewritten")
	for _, size := range []int64{20, 30} {
		if _, err := witness.Collect(t.Context(), p, clients, l.at(t, size), size, l.growth(size)); !errors.Is(err, witness.ErrAhead) {
			t.Errorf("rewritten to %d: %v", size, err)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte("old 0\n\nonus.example/log\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— onus.example/log AAAA\n"))
	f.Add([]byte("old 7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"))
	_, vkey, err := ledger.NewKey("onus.example/log")
	if err != nil {
		f.Fatal(err)
	}
	secret, _, err := ledger.NewWitnessKey("witness.example/w")
	if err != nil {
		f.Fatal(err)
	}
	s, _, err := ledger.NewCosigner(secret, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	w, err := witness.Open(f.TempDir(), s, []string{vkey}, slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if line, err := w.Add(body); err == nil {
			t.Errorf("%q was cosigned without its log's key: %q", body, line)
		}
	})
}
