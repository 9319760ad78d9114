package publish_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/torchwood"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/publish"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/internal/witness"
	"github.com/onus-id/onus/ledger"
)

const origin = "onus.example/log"

// world is a ledger in a real store, with its key.
type world struct {
	*testing.T

	store  store.Store
	place  string
	signer note.Signer
	vkey   string
	clock  atomic.Int64 // seconds
	events []string     // the ids of those recorded through record
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, place: t.TempDir()}
	w.clock.Store(1_800_000_000)
	w.newKey()
	w.open()
	return w
}

func (w *world) newKey() {
	w.Helper()
	secret, public, err := ledger.NewKey(origin)
	if err != nil {
		w.Fatal(err)
	}
	w.vkey = public
	if w.signer, err = note.NewSigner(secret); err != nil {
		w.Fatal(err)
	}
}

func (w *world) now() time.Time { return time.Unix(w.clock.Load(), 0).UTC() }

func (w *world) open() {
	w.Helper()
	var err error
	if w.store, err = sqlite.Open(w.Context(), w.place, sqlite.Options{Signer: w.signer, Now: w.now}); err != nil {
		w.Fatal(err)
	}
	s := w.store
	w.Cleanup(func() { _ = s.Close() })
}

func (w *world) close() {
	w.Helper()
	if err := w.store.Close(); err != nil {
		w.Fatal(err)
	}
}

// record writes n events, each of a thing of its own and one that they share.
func (w *world) record(n int, what string) {
	w.Helper()
	ctx := w.Context()
	for done := 0; done < n; {
		batch := min(n-done, 500)
		var ids []string
		err := w.store.Update(ctx, func(tx store.Tx) error {
			ids = nil
			for i := range batch {
				id := fmt.Sprint(len(w.events) + done + i)
				if i%5 == 0 {
					id = "shared"
				}
				body, err := json.Marshal(what + fmt.Sprint(done+i))
				if err != nil {
					return err
				}
				e, err := tx.Record(ctx, ledger.Event{Type: ledger.RunCreated, Actor: "engine"}, store.Object{Kind: "thing", ID: what + id, Body: body})
				if err != nil {
					return err
				}
				ids = append(ids, e.ID)
			}
			return nil
		})
		if err != nil {
			w.Fatal(err)
		}
		done += batch
		w.events = append(w.events, ids...)
	}
}

func (w *world) policy() *ledger.Policy {
	w.Helper()
	p, err := ledger.LogPolicy(w.vkey)
	if err != nil {
		w.Fatal(err)
	}
	return p
}

func (w *world) publisher(folder publish.Folder) *publish.Publisher {
	w.Helper()
	return &publish.Publisher{Store: w.store, Folder: folder, Policy: w.policy(), Now: w.now}
}

func (w *world) publish(p *publish.Publisher) string {
	w.Helper()
	signed, err := p.Publish(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return signed
}

// verify checks a folder as an outsider does.
func verify(folder publish.Folder, p *ledger.Policy, since string) (ledger.Report, error) {
	fetch := func(_ context.Context, path string) ([]byte, error) { return folder.Read(path) }
	r, _, err := ledger.VerifyPublished(context.Background(), fetch, ledger.Options{Policy: p, Since: since})
	return r, err
}

// Published piece by piece it is the same as published at once, and each
// piece goes on from the one before.
func TestPublishingIsIncremental(t *testing.T) {
	w := newWorld(t)
	dir := publish.Dir(filepath.Join(t.TempDir(), "deep", "pub"))
	pieces := w.publisher(dir)
	if signed := w.publish(pieces); signed != "" {
		t.Errorf("an empty ledger was published: %s", signed)
	}
	before := ""
	for _, n := range []int{1, 1, 253, 1, 1, 0, 254, 300, 700} {
		w.record(n, "a")
		w.publish(pieces)
		r, err := verify(dir, w.policy(), before)
		if err != nil || r.Size != int64(len(w.events)) {
			t.Fatalf("at %d: %+v, %v", len(w.events), r, err)
		}
		signed, err := dir.Read(ledger.CheckpointPath)
		if err != nil {
			t.Fatal(err)
		}
		before = string(signed)
	}
	whole := publish.Memory{}
	w.publish(w.publisher(whole))
	for path, data := range whole {
		if got, err := dir.Read(path); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s differs: %v", path, err)
		}
	}
	partial, err := filepath.Glob(filepath.Join(string(dir), "tile", "entries", "*.p"))
	if err != nil || len(partial) != 1 {
		t.Errorf("partial tiles that full ones replaced are left: %v", partial)
	}
}

// faulty is a folder whose n-th write fails: it was not done, or it was and
// nobody heard.
type faulty struct {
	publish.Memory

	at   int
	done bool // the write was carried out before it failed
	n    int
}

var errPower = errors.New("the power failed")

func (f *faulty) Write(path string, data []byte) error {
	f.n++
	if f.n != f.at {
		return f.Memory.Write(path, data)
	}
	if f.done {
		_ = f.Memory.Write(path, data)
	}
	return errPower
}

func (f *faulty) Remove(path string) error {
	f.n++
	if f.n != f.at {
		return f.Memory.Remove(path)
	}
	if f.done {
		_ = f.Memory.Remove(path)
	}
	return errPower
}

// Every write of the publisher is lost once, and once done with the answer
// lost. What is published stays whole at every moment, and the next time
// publishes all.
func TestEveryWriteOfThePublisherIsLostOnce(t *testing.T) {
	w := newWorld(t)
	first := publish.Memory{}
	w.record(300, "a")
	before := w.publish(w.publisher(first))
	w.record(500, "b")
	want := publish.Memory{}
	w.publish(w.publisher(want))
	crashes := 0
	for at := 1; ; at++ {
		stopped := false
		for _, done := range []bool{false, true} {
			f := &faulty{Memory: publish.Memory{}, at: at, done: done}
			maps.Copy(f.Memory, first)
			_, err := w.publisher(f).Publish(t.Context())
			if stopped = err == nil && f.n < at; stopped {
				continue
			}
			if !errors.Is(err, errPower) {
				t.Fatalf("write %d: the failure was not told: %v", at, err)
			}
			crashes++
			if r, err := verify(f.Memory, w.policy(), before); err != nil || r.Size != 300 && r.Size != 800 {
				t.Fatalf("write %d (done %v): after the crash it is %d, %v", at, done, r.Size, err)
			}
			again := w.publisher(f)
			w.publish(again)
			if r, err := verify(f.Memory, w.policy(), before); err != nil || r.Size != 800 {
				t.Fatalf("write %d (done %v): after the repair it is %d, %v", at, done, r.Size, err)
			}
			for path, data := range want {
				if !bytes.Equal(f.Memory[path], data) {
					t.Fatalf("write %d (done %v): %s differs", at, done, path)
				}
			}
		}
		if stopped {
			break
		}
	}
	if crashes < 15 {
		t.Errorf("only %d crashes were tried", crashes)
	}
}

// What a real store published over HTTP is verified by Tessera, by torchwood
// and by us; tiles may be kept for ever, the checkpoint not.
func TestForeignersVerifyOverHTTP(t *testing.T) {
	w := newWorld(t)
	w.record(777, "a")
	dir := publish.Dir(t.TempDir())
	w.publish(w.publisher(dir))
	if err := dir.Write("unwitnessed-since", []byte("x")); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.StripPrefix("/ledger", publish.Handler(dir)))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, _, err := ledger.VerifyPublished(ctx, ledger.FetchFrom(server.URL+"/ledger"), ledger.Options{Policy: w.policy()})
	if err != nil || r.Size != 777 {
		t.Errorf("we: %+v, %v", r, err)
	}
	root, err := url.Parse(server.URL + "/ledger/")
	if err != nil {
		t.Fatal(err)
	}
	fetcher, err := client.NewHTTPFetcher(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	v := w.policy().Logs[0].Verifier
	if err := fsck.New(origin, v, fetcher, bundleHashes, fsck.Opts{}).Check(ctx); err != nil {
		t.Errorf("tessera: %v", err)
	}
	tiles, err := torchwood.NewTileFetcher(server.URL + "/ledger")
	if err != nil {
		t.Fatal(err)
	}
	reader, err := torchwood.NewClient(tiles)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := tiles.ReadEndpoint(ctx, "checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := torchwood.VerifyCheckpoint(signed, torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(origin), torchwood.SingleVerifierPolicy(v)))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range reader.AllEntries(ctx, c.Tree, 0) {
		n++
	}
	if err := reader.Err(); err != nil || n != 777 {
		t.Errorf("torchwood: %d, %v", n, err)
	}
	for path, want := range map[string]string{
		"checkpoint": "no-cache", "tile/0/000": "public, max-age=31536000, immutable", "tile/0/../0/000": "", "unwitnessed-since": "",
		"tile/0": "", "": "", "tile/0/000.p/1": "", "../world": "",
	} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/ledger/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Path += path
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if got := resp.Header.Get("Cache-Control"); got != want || (resp.StatusCode == http.StatusOK) != (want != "") {
			t.Errorf("%q: %d, cache %q", path, resp.StatusCode, got)
		}
	}
	resp, err := http.Post(server.URL+"/ledger/checkpoint", "text/plain", strings.NewReader("x"))
	if err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
}

func bundleHashes(bundle []byte) ([][]byte, error) {
	var b api.EntryBundle
	if err := b.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	hashes := make([][]byte, 0, len(b.Entries))
	for _, e := range b.Entries {
		h := ledger.HashLeaf(e)
		hashes = append(hashes, h[:])
	}
	return hashes, nil
}

// A receipt is given for any event, published or not, and is about a kilobyte.
func TestAReceiptForAnyEvent(t *testing.T) {
	w := newWorld(t)
	w.record(400, "a")
	p := w.publisher(publish.Hashes{Memory: publish.Memory{}})
	for i, id := range w.events {
		if i%37 != 0 && i != 399 {
			continue
		}
		r, err := p.Receipt(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ledger.ParseReceipt(r.Format())
		if err != nil {
			t.Fatal(err)
		}
		e, c, err := again.Verify(w.policy())
		if err != nil || e.ID != id || c.Size != 400 || r.Index != int64(i) {
			t.Errorf("event %d: %+v, %v", i, e, err)
		}
		if n := len(r.Format()); n > 1500 {
			t.Errorf("event %d: the receipt is %d bytes", i, n)
		}
	}
	w.record(1, "b")
	if _, err := p.Receipt(t.Context(), w.events[400]); err != nil {
		t.Errorf("one that is new: %v", err)
	}
	if _, err := p.Receipt(t.Context(), "evt_none"); onus.KindOf(err) != onus.NotFound {
		t.Errorf("one that is not there: %v", err)
	}
}

// doorway is a witness that can be away.
type doorway struct {
	witness *witness.Witness
	away    atomic.Bool
	asked   atomic.Int64
}

func (d *doorway) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	d.asked.Add(1)
	if d.away.Load() {
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	d.witness.ServeHTTP(rw, r)
}

// witnessed makes the publisher need one witness, and gives that.
func (w *world) witnessed(p *publish.Publisher, grace time.Duration) *doorway {
	w.Helper()
	secret, public, err := ledger.NewWitnessKey("witness.example/w")
	if err != nil {
		w.Fatal(err)
	}
	s, _, err := ledger.NewCosigner(secret, w.now)
	if err != nil {
		w.Fatal(err)
	}
	door := &doorway{}
	if door.witness, err = witness.Open(w.TempDir(), s, []string{w.vkey}, slog.New(slog.DiscardHandler)); err != nil {
		w.Fatal(err)
	}
	server := httptest.NewServer(door)
	w.Cleanup(func() { server.Close(); _ = door.witness.Close() })
	text := fmt.Sprintf("log %s\nwitness w %s %s\nquorum w\n# onus: grace %s\n", w.vkey, public, server.URL, grace)
	if p.Policy, err = ledger.ParsePolicy(text); err != nil {
		w.Fatal(err)
	}
	if p.Witnesses, err = witness.NewClients(p.Policy); err != nil {
		w.Fatal(err)
	}
	return door
}

// Without its witness the ledger holds effects back; reading and recording go
// on, and all is made up for when the witness is back.
func TestEffectsWaitForTheWitness(t *testing.T) {
	w := newWorld(t)
	folder := publish.Memory{}
	p := w.publisher(folder)
	door := w.witnessed(p, 0)
	w.record(10, "a")
	if err := p.Witnessed(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked := door.asked.Load()
	if err := p.Witnessed(t.Context()); err != nil || door.asked.Load() != asked {
		t.Errorf("the witness was asked again about nothing new: %v", err)
	}
	door.away.Store(true)
	w.record(300, "b")
	if err := p.Witnessed(t.Context()); onus.KindOf(err) != onus.Unavailable || onus.HintOf(err) == "" {
		t.Errorf("the witness is away: %v", err)
	}
	if _, err := verify(folder, p.Policy, ""); err == nil || !strings.Contains(err.Error(), "too few of the policy's witnesses") {
		t.Errorf("an outsider, meanwhile: %v", err)
	}
	if r, err := verify(folder, w.policy(), ""); err != nil || r.Size != 310 {
		t.Errorf("an outsider without witnesses: %+v, %v", r, err)
	}
	if _, err := p.Receipt(t.Context(), w.events[300]); onus.KindOf(err) != onus.Unavailable {
		t.Errorf("a receipt, meanwhile: %v", err)
	}
	door.away.Store(false)
	if err := p.Witnessed(t.Context()); err != nil {
		t.Errorf("the witness is back: %v", err)
	}
	if r, err := verify(folder, p.Policy, ""); err != nil || r.Size != 310 {
		t.Errorf("an outsider, after all: %+v, %v", r, err)
	}
}

// The grace of a policy is bounded, and does not begin anew with a restart.
func TestTheGraceEnds(t *testing.T) {
	w := newWorld(t)
	folder := publish.Memory{}
	p := w.publisher(folder)
	door := w.witnessed(p, 10*time.Minute)
	door.away.Store(true)
	w.record(1, "a")
	if err := p.Witnessed(t.Context()); err != nil {
		t.Errorf("at first: %v", err)
	}
	w.clock.Add(9 * 60)
	restarted := &publish.Publisher{Store: w.store, Folder: folder, Policy: p.Policy, Witnesses: p.Witnesses, Now: w.now}
	w.record(1, "b")
	if err := restarted.Witnessed(t.Context()); err != nil {
		t.Errorf("after nine minutes: %v", err)
	}
	w.clock.Add(61)
	if err := restarted.Witnessed(t.Context()); onus.KindOf(err) != onus.Unavailable {
		t.Errorf("after ten minutes: %v", err)
	}
	door.away.Store(false)
	if err := restarted.Witnessed(t.Context()); err != nil {
		t.Errorf("the witness is back: %v", err)
	}
	door.away.Store(true)
	w.record(1, "c")
	if err := restarted.Witnessed(t.Context()); err != nil {
		t.Errorf("a new grace after it was back: %v", err)
	}
}

// Many who wait at once share the asking.
func TestWaitersShareTheWitness(t *testing.T) {
	w := newWorld(t)
	p := w.publisher(publish.Memory{})
	door := w.witnessed(p, 0)
	w.record(5, "a")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := p.Witnessed(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := door.asked.Load(); n > 2 {
		t.Errorf("the witness was asked %d times about one ledger", n)
	}
}
