package sqlstore

// maxKnown is how many bytes of objects the writer remembers; twice that at
// most, because it forgets the older half of them at once.
const maxKnown = 16 << 20

// stateSize is about what a remembered object takes beside its body.
const stateSize = 512

// known is the objects that were moved or looked at last, as they are
// committed: what moves is mostly what moved a moment ago. Only the writer
// touches it.
type known struct {
	root       [32]byte // of the ledger that they are as of
	young, old map[ref]*state
	bytes      int // about what young holds
}

// asOf forgets everything when the ledger is another one than it was: another
// process wrote, or what was thought to be committed is not.
func (k *known) asOf(h *head) {
	if k.root != h.root {
		*k = known{root: h.root}
	}
}

func (k *known) get(at ref) *state {
	if st := k.young[at]; st != nil {
		return st
	}
	st := k.old[at]
	if st != nil {
		k.put(at, st)
	}
	return st
}

func (k *known) put(at ref, st *state) {
	if k.young == nil {
		k.young = map[ref]*state{}
	}
	if k.young[at] == nil {
		k.bytes += stateSize
	}
	k.bytes += len(st.row.Body)
	k.young[at] = st
	if k.bytes > maxKnown {
		k.young, k.old, k.bytes = nil, k.young, 0
	}
}

// learn takes over what a group left, once it is committed.
func (k *known) learn(p *pending, h *head) {
	k.root = h.root
	for at, st := range p.objects {
		if st.exists {
			k.put(at, st)
		}
	}
}
