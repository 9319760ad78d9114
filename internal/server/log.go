package server

import (
	"context"
	"errors"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/export"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/trail"
)

// A LogQuery says which events are to be told, and how.
type LogQuery struct {
	Where  []string // conditions, see trail.ParseFilter
	From   int64    // leaf index, inclusive
	Follow bool     // go on with what comes, until the context ends
	Words  bool     // in words and with names
	State  bool     // over HTTP: with the state that each event left
}

// Log gives the selected events in the order of the ledger.
func (b *Books) Log(ctx context.Context, q LogQuery, each func(trail.Line) error) error {
	filter, err := trail.ParseFilter(q.Where, b.now())
	if err != nil {
		return err
	}
	if q.From < 0 {
		return onus.Errorf(onus.Invalid, "", "entries are numbered from 0, and %d is before that", q.From)
	}
	waiter, canWait := b.store.(store.Waiter)
	if q.Follow && !canWait {
		return onus.Errorf(onus.Internal, "", "this store does not tell when its ledger grows")
	}
	err = b.store.View(ctx, func(r store.Reader) (err error) {
		filter, err = trail.Resolve(ctx, r, filter)
		return err
	})
	if err != nil {
		return err
	}
	for next := q.From; ; {
		var page trail.Page
		err := b.store.View(ctx, func(r store.Reader) (err error) {
			page, err = trail.Read(ctx, r, trail.Query{Filter: filter, From: next, Words: q.Words})
			return err
		})
		if err != nil {
			return err
		}
		for _, l := range page.Lines {
			if err := each(l); err != nil {
				return err
			}
		}
		next = page.Next
		switch {
		case !page.End:
		case !q.Follow:
			return nil
		default:
			if err := waiter.Wait(ctx, next); err != nil {
				return err
			}
		}
	}
}

// Exporter gives the format of a name, for events of a ledger.
func Exporter(name, host string, process int) (export.Format, error) {
	return export.ByName(name, export.Origin{Log: Origin, Host: host, Process: process})
}

// LogPage gives at most limit lines of the ledger from q.From on, and where to
// go on; -1: there was no more.
func (b *Books) LogPage(ctx context.Context, q LogQuery, limit int, lines *[]trail.Line) (next int64, err error) {
	next = -1
	errFull := errors.New("the page is full")
	q.Follow = false
	err = b.Log(ctx, q, func(l trail.Line) error {
		if len(*lines) == limit {
			next = l.Index
			return errFull
		}
		*lines = append(*lines, l)
		return nil
	})
	if errors.Is(err, errFull) {
		err = nil
	}
	return next, err
}
