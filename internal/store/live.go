package store

import (
	"context"

	"github.com/onus-id/onus"
)

// LiveVersion gives the version of the definitions that is live, and whether
// there is one. Nothing runs under any other.
func LiveVersion(ctx context.Context, r Reader) (onus.Version, bool, error) {
	live, err := Versions.Find(ctx, r, "state", string(onus.VersionLive))
	if err != nil || len(live) == 0 {
		return onus.Version{}, false, err
	}
	return live[0], true, nil
}
