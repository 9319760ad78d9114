package publish_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/onus-id/onus/internal/publish"
	"github.com/onus-id/onus/ledger"
)

// Several processes publish one ledger to one folder: whoever looks never
// sees it shrink.
func TestPublishersOfOneFolderDoNotSetItBack(t *testing.T) {
	w := newWorld(t)
	w.record(10, "a")
	dir := publish.Dir(t.TempDir())
	w.publish(w.publisher(dir))
	stop := make(chan struct{})
	var publishers, looking sync.WaitGroup
	for range 4 {
		p := w.publisher(dir)
		publishers.Go(func() {
			for {
				if _, err := p.Publish(t.Context()); err != nil {
					t.Error(err)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	looking.Go(func() {
		before, seen := "", int64(0)
		for seen < 10+40*7 {
			r, err := verify(dir, w.policy(), before)
			if err != nil {
				t.Error(err)
				return
			}
			signed, err := dir.Read(ledger.CheckpointPath)
			if c, peeked := ledger.PeekCheckpoint(string(signed)); errors.Join(err, peeked) != nil || c.Size < r.Size || r.Size < seen {
				t.Errorf("%d entries became %d: %v", r.Size, c.Size, errors.Join(err, peeked))
				return
			}
			before, seen = string(signed), r.Size
		}
	})
	for range 40 {
		w.record(7, "b")
	}
	looking.Wait()
	close(stop)
	publishers.Wait()
}
