package server

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authn"
)

// doorFile settles how people sign in at the door, in the data folder. It says
// nothing of who may do what: that is in the definitions.
const doorFile = "door.json"

// DoorSettings are the settings of the door over HTTP.
type DoorSettings struct {
	Site      string                      `json:"site,omitempty"`      // the address by which people know it: https://onus.example
	Providers map[string]ProviderSettings `json:"providers,omitempty"` // single sign-on, by the name in /sign-in/NAME
	Workloads []WorkloadSettings          `json:"workloads,omitempty"` // machines for which an identity provider vouches
}

// ProviderSettings name an OpenID Connect provider, and us at it.
type ProviderSettings struct {
	Issuer    string   `json:"issuer"`
	Client    string   `json:"client"`
	SecretEnv string   `json:"secret_env,omitempty"` // the environment variable that holds the secret; none: a public client
	Native    string   `json:"native,omitempty"`     // the public client by which 'onus login' signs people in, at a loopback address; none: the same client
	ACR       []string `json:"acr,omitempty"`        // classes that count as a second factor
}

// WorkloadSettings say which machine identity a program is.
type WorkloadSettings struct {
	Issuer   string   `json:"issuer"`
	Audience string   `json:"audience"`
	Subject  string   `json:"subject"` // exact, or with * for what has no slash
	Login    string   `json:"login"`   // of the machine identity
	Scopes   []string `json:"scopes"`
}

// A Door is what the door over HTTP needs of a server.
type Door struct {
	Desk      *authn.Desk
	Passkeys  *authn.Passkeys
	Providers map[string]*authn.Provider
	Workloads []authn.Workload
	Replies   *Replies
	Key       []byte // seals what the door gives out and takes back
}

// Door opens what the door needs, at a site unless the settings name one.
func (s *Server) Door(ctx context.Context, site string) (d Door, err error) {
	settings, err := readDoor(s.Data)
	if err != nil {
		return d, err
	}
	if settings.Site != "" {
		site = settings.Site
	}
	if d.Passkeys, err = authn.NewPasskeys(site); err != nil {
		return d, err
	}
	d.Providers = map[string]*authn.Provider{}
	for name, p := range settings.Providers {
		secret := os.Getenv(p.SecretEnv)
		if p.SecretEnv != "" && secret == "" {
			return d, onus.Errorf(onus.Invalid, "set it before the start", "the environment variable %s, which holds the secret of %s, is empty", p.SecretEnv, name)
		}
		d.Providers[name] = &authn.Provider{Issuer: p.Issuer, Client: p.Client, Secret: secret, Native: p.Native, ACR: p.ACR, Redirect: site + "/sign-in/" + name + "/return"}
	}
	for _, w := range settings.Workloads {
		d.Workloads = append(d.Workloads, authn.Workload{
			Provider: &authn.Provider{Issuer: w.Issuer}, Audience: w.Audience, Subject: w.Subject, Login: w.Login, Scopes: w.Scopes, For: 15 * time.Minute,
		})
	}
	if d.Desk, err = s.Desk(); err != nil {
		return d, err
	}
	if d.Replies, err = s.Replies(ctx); err != nil {
		return d, err
	}
	master, err := loadMaster(s.Data)
	if err != nil {
		return d, err
	}
	if d.Key, err = hkdf.Key(sha256.New, master, nil, "onus door v1", 32); err != nil {
		return d, fmt.Errorf("derive the key of the door: %w", err)
	}
	return d, nil
}

// readDoor reads the settings; without the file there are none.
func readDoor(data string) (d DoorSettings, err error) {
	name := filepath.Join(data, doorFile)
	text, err := os.ReadFile(name) //nolint:gosec // whoever runs us names the folder
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err == nil {
		err = dec.Decode(&d)
	}
	if err != nil {
		return d, onus.Errorf(onus.Invalid, "docs/login.md says what it may hold", "the settings of the door in %s cannot be used: %w", name, err)
	}
	return d, nil
}
