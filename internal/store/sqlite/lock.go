package sqlite

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/onus-id/onus"
)

// lock takes the data folder for this process. The lock ends with the
// process, however it ends.
func lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the user says where the data folder is
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = onus.Errorf(onus.Conflict,
			"wait for it or stop it; for several processes at once use --store postgres://…",
			"another process is using this data folder: it holds %s", path)
		return nil, errors.Join(err, f.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f.Close, nil
}
