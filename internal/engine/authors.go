package engine

import (
	"cmp"
	"context"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// steps names the steps that these changes are of, as a version does.
func (l *live) steps(at []int) (steps []string) {
	for _, i := range at {
		steps = append(steps, string(l.run.Workflow)+"/"+l.changes[i].Planned.Step)
	}
	return steps
}

// wroteAlone gives the mail addresses of the people each of whom wrote alone
// the version, of those that a run began under, by which one of its steps is
// what it is. They answer for that it is asked for, and do not also say yes to
// it. A version that several people wrote has had their eyes on it, and before
// a first one there was nobody: of neither is there a sole author.
func wroteAlone(ctx context.Context, r store.Reader, run onus.Run, steps []string) (wrote []string, err error) {
	all, err := store.Versions.Query(ctx, r, store.Query{})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b onus.Version) int { return cmp.Compare(b.Number, a.Number) })
	for _, step := range steps {
		at := slices.IndexFunc(all, func(v onus.Version) bool {
			return v.Number > 0 && !v.Decided.After(run.Began) && slices.Contains(v.Alters, step)
		})
		if at < 0 {
			continue
		}
		by, err := soleAuthor(ctx, r, all[at])
		if err != nil {
			return nil, err
		}
		if by != "" && !slices.Contains(wrote, by) {
			wrote = append(wrote, by)
		}
	}
	return wrote, nil
}

// soleAuthor gives the only person among a version's authors; "": there are
// several. A machine that brought it has no eyes: its sponsor has.
func soleAuthor(ctx context.Context, r store.Reader, v onus.Version) (mail string, err error) {
	for _, a := range v.Authors {
		who, known, err := store.Identities.Lookup(ctx, r, string(a.ID))
		switch {
		case err != nil:
			return "", err
		case known && who.Kind == onus.NonHuman:
		case mail != "":
			return "", nil
		default:
			mail = a.Name
		}
	}
	return mail, nil
}
