package server

import (
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/ldap"
	"github.com/onus-id/onus/connector/postgres"
	"github.com/onus-id/onus/connector/scim"
	"github.com/onus-id/onus/connector/sqlapp"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/source"
	"github.com/onus-id/onus/source/csv"
	"github.com/onus-id/onus/source/sql"
)

// connectors by the kind that definitions name.
var connectors = map[string]func(settings map[string]string, secret func(string) (string, error)) (connector.Connector, error){
	"ldap": ldap.Open, "postgres": postgres.Open, "scim": scim.Open, "sql": sqlapp.Open,
}

func openConnectors(dir string, p *flow.Program) (map[onus.SystemName]connector.Connector, error) {
	conns := map[onus.SystemName]connector.Connector{}
	for name, sys := range p.Systems {
		open, known := connectors[sys.Connector]
		if !known {
			return conns, onus.Errorf(onus.Invalid, "ldap, postgres, scim or sql", "system %s: there is no connector %q", name, sys.Connector)
		}
		c, err := open(located(dir, sys.Settings), secrets(dir, sys.Secrets))
		if err != nil {
			return conns, onus.Errorf(onus.Invalid, onus.HintOf(err), "system %s: %w", name, err)
		}
		conns[name] = c
	}
	return conns, nil
}

func openFeeds(dir string, p *flow.Program) (map[onus.SourceName]source.Source, error) {
	open := map[onus.SourceName]source.Source{}
	for name, src := range p.Sources {
		feed, err := openFeed(dir, src)
		if err != nil {
			return nil, err
		}
		open[name] = feed
	}
	return open, nil
}

func openFeed(dir string, src *flow.Source) (source.Source, error) {
	settings := located(dir, src.Settings)
	switch src.Driver {
	case "csv":
		opts, err := csv.OptionsFrom(settings)
		if err != nil {
			return nil, err
		}
		return csv.New(settings["path"], opts)
	case "sql":
		dsn, err := secrets(dir, src.Secrets)("dsn")
		if err != nil {
			return nil, err
		}
		if dsn == "" {
			dsn = settings["dsn"]
		}
		return sql.New(settings["driver"], dsn, settings["query"])
	default:
		return nil, onus.Errorf(onus.Invalid, "csv or sql", "source %s: there is no driver %q", src.Name, src.Driver)
	}
}

// located makes the paths among settings relative to the definitions.
func located(dir string, settings map[string]string) map[string]string {
	out := maps.Clone(settings)
	paths := []string{"path", "ca", "ca_file"}
	if out["driver"] == "sqlite" && !strings.HasPrefix(out["dsn"], "file:") {
		paths = append(paths, "dsn")
	}
	for _, k := range paths {
		if p := out[k]; p != "" && !filepath.IsAbs(p) {
			out[k] = filepath.Join(dir, p)
		}
	}
	return out
}

// secrets reads secrets where the definitions say that they are; a secret
// that is not named is empty.
func secrets(dir string, refs map[string]flow.Secret) func(string) (string, error) {
	return func(name string) (string, error) {
		ref, named := refs[name]
		switch {
		case !named:
			return "", nil
		case ref.Env != "":
			v, set := os.LookupEnv(ref.Env)
			if !set {
				return "", onus.Errorf(onus.Invalid, "set it before starting", "the environment variable %s, which holds the secret %s, is not set", ref.Env, name)
			}
			return v, nil
		default:
			path := ref.File
			if !filepath.IsAbs(path) {
				path = filepath.Join(dir, path)
			}
			data, err := os.ReadFile(path) //nolint:gosec // the definitions name the file
			if err != nil {
				return "", onus.Errorf(onus.Invalid, "make it readable to us alone", "the file of the secret %s cannot be read: %w", name, err)
			}
			return strings.TrimRight(string(data), "\r\n"), nil
		}
	}
}
