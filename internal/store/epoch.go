package store

// An Epoch is a ledger that goes on as another log from where a restored
// backup had ended.
type Epoch struct {
	Origin string `json:"origin"` // of the new log
	Number int    `json:"number"`
	Former string `json:"former"` // the signed checkpoint that was published last before it
	Reason string `json:"reason"`
	Person string `json:"person"` // who decided it
}

// Epochs are the epochs after the first.
var Epochs = Kind[Epoch]{Name: "epoch", ID: func(v Epoch) string { return v.Origin }}

// Decode reads the value of a row.
func (k Kind[T]) Decode(row Row) (T, error) {
	var v T
	err := k.decode(row, &v)
	return v, err
}
