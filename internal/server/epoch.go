package server

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// An EpochOrder asks for a new epoch of the ledger: after a backup was
// restored, it goes on from there as another log.
type EpochOrder struct {
	By     onus.Actor
	Person string // who answers for it
	Reason string
	Signer string // the socket of a signer with the new key; empty: a new key in the data folder
}

// NewEpoch begins a new epoch. Its first event holds the checkpoint that was
// published last, so that everybody sees what was given up. It gives the new
// epoch and the key that checks it.
func NewEpoch(ctx context.Context, o Options, order EpochOrder) (store.Epoch, string, error) {
	if order.Person == "" {
		return store.Epoch{}, "", onus.Errorf(onus.Denied, onus.UnknownActor, "%s is nobody that the organisation knows", order.By)
	}
	if strings.TrimSpace(order.Reason) == "" {
		return store.Epoch{}, "", onus.Errorf(onus.Invalid, "as in --reason 'the disk of 3 March was lost; backup of 2 March restored'", "a new epoch needs a reason")
	}
	old, err := ReadLedgerSettings(o.Data)
	if err != nil {
		return store.Epoch{}, "", err
	}
	next, err := old.next(ctx, order.Signer)
	if err != nil {
		return store.Epoch{}, "", err
	}
	given, err := givenUp(ctx, o, old)
	if err != nil {
		return store.Epoch{}, "", err
	}
	epoch := store.Epoch{Origin: next.Origin, Number: next.Epoch, Former: given, Reason: order.Reason, Person: order.Person}
	st, vkey, err := openStoreAs(ctx, o, next)
	if err != nil {
		return epoch, "", err
	}
	err = st.Update(ctx, func(tx store.Tx) error {
		_, err := store.Epochs.Put(ctx, tx, ledger.Event{
			Type: ledger.EpochBegan, Actor: string(order.By), Owner: order.Person, Notes: map[string]string{"former": given},
		}, epoch)
		return err
	})
	if err == nil {
		err = next.write(o.Data)
	}
	return epoch, vkey, errors.Join(err, st.Close())
}

// next gives the settings of the epoch after this one.
func (ls LedgerSettings) next(ctx context.Context, socket string) (LedgerSettings, error) {
	base, _, _ := strings.Cut(ls.Origin, "/epoch-")
	next := ls
	next.Epoch++
	next.Origin = fmt.Sprintf("%s/epoch-%d", base, next.Epoch)
	next.Key, next.Signer, next.Public = fmt.Sprintf("log-%d.key", next.Epoch), "", ""
	if socket == "" {
		return next, nil
	}
	next, err := next.signedAt(ctx, socket)
	if err != nil {
		return next, err
	}
	if next.Origin == ls.Origin {
		return next, onus.Errorf(onus.Invalid, "start one with another key, state and --origin", "a new epoch is another log, and the signer at %s has the key of the old one", socket)
	}
	return next, nil
}

// givenUp is the last checkpoint that outsiders may hold: the published one,
// else the database's own.
func givenUp(ctx context.Context, o Options, ls LedgerSettings) (string, error) {
	st, vkey, err := OpenStore(ctx, o)
	if err != nil {
		return "", err
	}
	defer st.Close()
	if ls.Publish != "" {
		// The policy may name the next epoch's key by now: the key alone will do.
		ls.Policy = ""
		p, err := ls.publisher(st, vkey, o.Now)
		if err != nil {
			return "", err
		}
		if _, signed, err := p.Last(); err != nil || signed != "" {
			return signed, err
		}
	}
	var signed string
	err = st.View(ctx, func(r store.Reader) error {
		head, err := r.Head(ctx)
		signed = head.Checkpoint
		return err
	})
	if err == nil && signed == "" {
		err = onus.Errorf(onus.Conflict, "", "the ledger is empty: there is nothing to go on from")
	}
	return signed, err
}

// OrganisationIn reads who is who from a folder of definitions.
func OrganisationIn(dir string) (flow.Organisation, error) {
	draft, faults, err := parse(dir)
	if err != nil {
		return flow.Organisation{}, err
	}
	if len(faults) > 0 {
		return flow.Organisation{}, faults
	}
	p, faults := draft.Check(nil)
	if p == nil {
		return flow.Organisation{}, faults
	}
	return p.Organisation, nil
}
