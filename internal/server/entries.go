package server

import (
	"context"
	"fmt"
	"strconv"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/trail"
)

// mostCauses bounds how far the causes of an entry are followed.
const mostCauses = 50

// An EntryView is an entry of the ledger as it stands there, and what led to
// it.
type EntryView struct {
	trail.Line

	Leaf   string       // the exact bytes that were hashed
	Size   int64        // of the ledger
	Causes []trail.Line // the nearest first
	More   bool         // the causes have causes that are not here
}

// Entry gives an entry by its number or by the ID of its event.
func (b *Books) Entry(ctx context.Context, name string) (v EntryView, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		head, err := r.Head(ctx)
		if err != nil {
			return err
		}
		v = EntryView{Size: head.Size}
		at := store.EventQuery{ID: name, Limit: 1}
		if n, bad := strconv.ParseInt(name, 10, 64); bad == nil {
			at = store.EventQuery{From: max(0, n), Limit: 1}
		}
		found := false
		for e, err := range r.Events(ctx, at) {
			if err != nil {
				return err
			}
			found = at.ID != "" || name == strconv.FormatInt(e.Index, 10)
			v.Index, v.Leaf = e.Index, string(e.Leaf)
		}
		if !found {
			return onus.Errorf(onus.NotFound, fmt.Sprintf("its %d entries are numbered from 0", head.Size), "the ledger has no entry %q", name)
		}
		if v.Line, err = lineAt(ctx, r, v.Index); err != nil {
			return err
		}
		return v.causes(ctx, r)
	})
	return v, err
}

func (v *EntryView) causes(ctx context.Context, r store.Reader) error {
	for of := v.Event.Cause; of != ""; {
		if v.More = len(v.Causes) == mostCauses; v.More {
			return nil
		}
		index := int64(-1)
		for e, err := range r.Events(ctx, store.EventQuery{ID: of, Limit: 1}) {
			if err != nil {
				return err
			}
			index = e.Index
		}
		if index < 0 {
			return onus.Errorf(onus.Internal, "onus verify ledger tells what is wrong", "the ledger has no event %s, and entry %d names it as its cause", of, v.Index)
		}
		l, err := lineAt(ctx, r, index)
		if err != nil {
			return err
		}
		v.Causes, of = append(v.Causes, l), l.Event.Cause
	}
	return nil
}

// lineAt is an entry in words.
func lineAt(ctx context.Context, r store.Reader, index int64) (trail.Line, error) {
	p, err := trail.Read(ctx, r, trail.Query{From: index, Limit: 1, Words: true})
	if err != nil {
		return trail.Line{}, err
	}
	if len(p.Lines) != 1 || p.Lines[0].Index != index {
		return trail.Line{}, onus.Errorf(onus.Internal, "onus verify ledger tells what is wrong", "ledger entry %d is missing", index)
	}
	return p.Lines[0], nil
}

// Size is how many entries the ledger has.
func (b *Books) Size(ctx context.Context) (size int64, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		head, err := r.Head(ctx)
		size = head.Size
		return err
	})
	return size, err
}
