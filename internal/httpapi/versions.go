package httpapi

import (
	"context"
	"net/http"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/server"
)

// VersionPath names one.
type VersionPath struct {
	ID string `path:"id" doc:"of the version, or a beginning that only one has" example:"ver_4f"`
}

type versionView struct {
	ETag string `header:"ETag"`
	Body server.VersionView
}

type proposal struct {
	Body struct {
		Files  []flow.File `json:"files" minItems:"1" maxItems:"2000" doc:"every file of the definitions, by its path in their folder"`
		Reason string      `json:"reason,omitempty" maxLength:"2000"`
	}
}

type versionDecision struct {
	VersionPath
	IfMatch

	Body struct {
		Yes    bool   `json:"yes" doc:"whether it goes live"`
		Reason string `json:"reason,omitempty" maxLength:"2000" doc:"why; a no needs one"`
	}
}

// VersionDecided is a version after somebody decided over it.
type VersionDecided struct {
	server.VersionView

	Stale bool `json:"stale,omitempty" doc:"it would not do any more what was shown: nothing went live, and what it would do is shown anew"`
}

// versions are the definitions that run, ran, or are proposed.
func (a *api) versions() {
	handle(a, operation(http.MethodGet, "/versions", "list-versions", "Every version that was proposed, the newest first"),
		func(ctx context.Context, who Caller, in *Page) (*struct{ Body List[onus.Version] }, error) {
			all, err := a.Server.Books().Versions(ctx)
			if err != nil {
				return nil, err
			}
			if all, err = visible(ctx, a, who, all, func(v onus.Version) server.Ref { return server.Ref{Kind: "version", ID: v.ID} }); err != nil {
				return nil, err
			}
			list, err := newest(a, "versions", *in, all, func(v onus.Version) string { return place(v.Proposed, v.ID) })
			return &struct{ Body List[onus.Version] }{list}, err
		})

	handle(a, operation(http.MethodGet, "/versions/{id}", "show-version", "What a version does, what is missing, and who can say yes"),
		func(ctx context.Context, who Caller, in *VersionPath) (*versionView, error) {
			v, err := a.version(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			tag, err := etag(v.Version)
			return &versionView{ETag: tag, Body: v}, err
		})

	handle(a, operation(http.MethodGet, "/versions/{id}/files", "list-files", "The definitions of a version, as they were proposed"),
		func(ctx context.Context, who Caller, in *VersionPath) (*struct{ Body List[flow.File] }, error) {
			id, err := a.seen(ctx, who, "version", in.ID)
			if err != nil {
				return nil, err
			}
			files, err := a.Server.Books().VersionFiles(ctx, id)
			return &struct{ Body List[flow.File] }{List[flow.File]{Items: files}}, err
		})

	handle(a, operation(http.MethodGet, "/versions/{id}/difference", "compare-versions", "What is different under a version from under another"),
		func(ctx context.Context, who Caller, in *struct {
			VersionPath

			From string `query:"from" required:"true" minLength:"1" maxLength:"100" doc:"the version to compare it with" example:"ver_2c"`
		},
		) (*struct{ Body List[string] }, error) {
			to, err := a.seen(ctx, who, "version", in.ID)
			if err != nil {
				return nil, err
			}
			from, err := a.seen(ctx, who, "version", in.From)
			if err != nil {
				return nil, err
			}
			words, err := a.Server.Books().CompareVersions(ctx, from, to)
			if words == nil {
				words = []string{}
			}
			return &struct{ Body List[string] }{List[string]{Items: words}}, err
		})

	free(a, operation(http.MethodPost, "/versions", "propose-version", "Propose that these definitions be what runs"),
		func(ctx context.Context, who Caller, in *proposal) (*versionView, error) {
			return proposed(a.Server.ProposeFiles(ctx, who.asker(), who.actor(), in.Body.Files, in.Body.Reason))
		})

	free(a, operation(http.MethodPost, "/versions/{id}/again", "propose-again", "Propose a former version anew"),
		func(ctx context.Context, who Caller, in *struct {
			VersionPath
			Because
		},
		) (*versionView, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			v, err := a.heldVersion(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			return proposed(a.Server.ProposeAgain(ctx, who.acts, v.ID, in.Body.Reason))
		})

	free(a, operation(http.MethodPost, "/versions/{id}/decisions", "decide-version", "Say yes to a version, and it goes live; or no"),
		func(ctx context.Context, who Caller, in *versionDecision) (*struct{ Body VersionDecided }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			v, err := a.heldVersion(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			if err := in.holds(v.Version); err != nil {
				return nil, err
			}
			out := &struct{ Body VersionDecided }{}
			if in.Body.Yes {
				out.Body.VersionView, out.Body.Stale, err = a.Server.ApproveKept(ctx, who.acts, v.ID)
				return out, err
			}
			out.Body.Version, err = a.Server.RefuseVersion(ctx, who.acts, v.ID, in.Body.Reason)
			return out, err
		})
}

func proposed(v server.VersionView, err error) (*versionView, error) {
	if err != nil {
		return nil, err
	}
	tag, err := etag(v.Version)
	return &versionView{ETag: tag, Body: v}, err
}

// version is one that the caller may look at.
func (a *api) version(ctx context.Context, who Caller, id string) (server.VersionView, error) {
	id, err := a.seen(ctx, who, "version", id)
	if err != nil {
		return server.VersionView{}, err
	}
	return a.Server.Books().Version(ctx, id)
}

// heldVersion is version for an operation that holds no definitions.
func (a *api) heldVersion(ctx context.Context, who Caller, id string) (server.VersionView, error) {
	defer a.Server.Hold()()
	return a.version(ctx, who, id)
}
