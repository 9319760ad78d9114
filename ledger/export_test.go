package ledger

// The two readers of leaves, for the tests that hold one against the other.
var (
	Read   = read
	Decode = decode
)
