package storetest

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlstore"
)

// Where the child finds its place and its key.
const (
	placeEnv = "ONUS_STORETEST_PLACE"
	keyEnv   = "ONUS_STORETEST_KEY"
)

// Main runs a backend's tests, or, in the child of the crash test, writes
// until it is killed. Call it from TestMain.
func Main(m interface{ Run() int }, b Backend) {
	if place := os.Getenv(placeEnv); place != "" {
		if err := writeForEver(context.Background(), b, place, os.Getenv(keyEnv)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeForEver says on its output which updates were acknowledged.
func writeForEver(ctx context.Context, b Backend, place, key string) error {
	signer, err := note.NewSigner(key)
	if err != nil {
		return err
	}
	s, err := b.Open(ctx, place, sqlstore.Options{Signer: signer, Now: time.Now}) //nolint:forbidigo // the child is a process of its own: it has the real clock
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				var id string
				err := s.Update(ctx, func(tx store.Tx) error {
					e, err := tx.Record(ctx, event, thing("child", `1`))
					if err != nil {
						return err
					}
					id = e.ID
					return add(ctx, tx)
				})
				mu.Lock()
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
				} else {
					fmt.Fprintln(os.Stdout, id)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return nil
}

// A process is killed at any moment, again and again: what it was told is
// durable is there, and the ledger and the state hold together.
func killLosesNothing(t *testing.T, b Backend) {
	t.Helper()
	place := b.Place(t)
	key, _ := testKey()
	children := 1
	if b.Shared {
		children = 2
	}
	acknowledged := map[string]bool{}
	for range 6 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		for range children {
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$") //nolint:gosec // this very test
			child.Env = append(os.Environ(), placeEnv+"="+place, keyEnv+"="+key)
			child.Stderr = os.Stderr
			child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			enough := rand.IntN(200)                                   //nolint:gosec // no secret: when to kill
			delay := time.Duration(rand.IntN(3000)) * time.Microsecond //nolint:gosec // the same
			wg.Go(func() {
				lines := bufio.NewScanner(out)
				for n := 0; lines.Scan(); n++ {
					if n == enough {
						time.AfterFunc(delay, func() { _ = child.Process.Kill() })
					}
					mu.Lock()
					acknowledged[strings.TrimSpace(lines.Text())] = true
					mu.Unlock()
				}
				_ = child.Wait() // it was killed
			})
		}
		wg.Wait()
		o := Options(t)
		s, err := b.Open(t.Context(), place, o)
		if err != nil {
			t.Fatal(err)
		}
		report := verify(t, s)
		lost := 0
		view(t, s, func(r store.Reader) error {
			for id := range acknowledged {
				found := false
				for _, err := range r.Events(t.Context(), store.EventQuery{ID: id}) {
					if err != nil {
						return err
					}
					found = true
				}
				if !found {
					lost++
				}
			}
			return nil
		})
		if lost > 0 {
			t.Errorf("%d of %d acknowledged updates are lost", lost, len(acknowledged))
		}
		if want := strconv.FormatInt(report.Entries/2, 10); body(t, s, "counter") != want {
			t.Errorf("counted %s in %d entries", body(t, s, "counter"), report.Entries)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d acknowledged updates, none lost", len(acknowledged))
}
