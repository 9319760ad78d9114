package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/remote"
)

// way is how somebody logs in.
type way struct {
	file, pin, provider, name string
	noBrowser                 bool
	lasts                     time.Duration
}

func (e *env) loginCmd() *cobra.Command {
	var w way
	cmd := &cobra.Command{
		Use: "login URL", Short: "Be known to a server, for --server", Args: needs("URL"),
		Long: `Login keeps how you are known to a server. At a terminal it opens your browser where
you sign in, and waits for it to come back to an address of this machine; with
--no-browser it prints where to go. Otherwise it reads, from stdin or --token-file and
never from an argument, an API token that you made where you are signed in, or the
code of an invitation.

What a server makes for a login is a token of that name, for 12 hours unless said. It
begins no session. 'onus tokens list' shows it, and 'onus logout' ends it.

A server whose certificate nobody vouches for is trusted by its fingerprint: you are
asked first, or give it with --fingerprint. From then on only that certificate counts.`,
		Example: "  onus login https://onus.acme.example\n  onus login https://onus.acme.example < token\n" +
			"  onus login https://localhost:8743 --token-file token --fingerprint AB:12…",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, in := cmd.Context(), bufio.NewReader(cmd.InOrStdin())
			l, err := e.trusted(ctx, args[0], w.pin, in)
			if err != nil {
				return err
			}
			if l, err = e.identified(ctx, l, w, in); err != nil {
				return err
			}
			s, err := remote.Dial(l)
			if err != nil {
				return err
			}
			who, err := s.Who(ctx)
			if err != nil {
				return err
			}
			kept, err := logins()
			if err != nil {
				return err
			}
			if err := kept.Keep(l); err != nil {
				return err
			}
			fmt.Fprintf(e.out, "you are %s at %s\n", who.Name, l.URL)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&w.file, "token-file", "", "a file that holds the token or the code; stdin unless said")
	f.StringVar(&w.pin, "fingerprint", "", "the SHA-256 of the server's certificate: trust that one")
	f.StringVar(&w.provider, "provider", "", "sign in there, where the server has several")
	f.BoolVar(&w.noBrowser, "no-browser", false, "print where to sign in, and open nothing")
	f.DurationVar(&w.lasts, "for", remote.DefaultFor, "how long the server is to know you, in whole hours")
	f.StringVar(&w.name, "name", "", "what the token is called in your list; after this machine unless said")
	return cmd
}

// trusted is the server, by its certificate.
func (e *env) trusted(ctx context.Context, text, pin string, in *bufio.Reader) (l remote.Login, err error) {
	if l.URL, err = remote.Address(text); err != nil {
		return l, err
	}
	if pin != "" {
		l.Pin, err = remote.Fingerprint(pin)
		return l, err
	}
	if l.Pin, err = remote.Stranger(ctx, l.URL); err == nil && l.Pin != "" {
		err = e.trusts(l, in)
	}
	return l, err
}

// identified is the login with a token: one that is brought, or one that the
// server makes.
func (e *env) identified(ctx context.Context, l remote.Login, w way, in *bufio.Reader) (remote.Login, error) {
	ask := remote.Ask{Provider: w.provider, Name: w.name, For: w.lasts}
	if w.file == "" && (w.provider != "" || w.noBrowser || atTerminal()) {
		all, err := remote.Providers(ctx, l)
		switch {
		case err != nil:
			return l, err
		case ask.Provider != "" && !slices.Contains(all, ask.Provider), ask.Provider == "" && len(all) > 1:
			return l, onus.Errorf(onus.Invalid, "name one with --provider: "+cmp.Or(strings.Join(all, ", "), "there is none"), "say where to sign in")
		case len(all) > 0:
			ask.Provider = cmp.Or(ask.Provider, all[0])
			return remote.SignIn(ctx, l, ask, func(address string) error { return e.show(ctx, address, w.noBrowser) })
		case w.noBrowser:
			return l, onus.Errorf(onus.Invalid, "give a token or a code on stdin or with --token-file", "%s has no single sign-on", l.URL)
		}
	}
	secret, err := secretFrom(w.file, in)
	if err != nil {
		return l, err
	}
	if strings.HasPrefix(secret, "onus_") {
		l.Token = secret
		return l, nil
	}
	return remote.Redeem(ctx, l, secret, ask)
}

// atTerminal says whether somebody sits at stdin.
func atTerminal() bool {
	info, err := os.Stdin.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// show brings an address to the person's browser, or says it.
func (e *env) show(ctx context.Context, address string, noBrowser bool) error {
	if !noBrowser {
		opener := "xdg-open"
		if runtime.GOOS == "darwin" {
			opener = "open"
		}
		if err := exec.CommandContext(ctx, opener, address).Start(); err == nil { //nolint:gosec // an address over HTTP that was looked at; no shell reads it
			fmt.Fprintf(e.err, "sign in in your browser; if none opened, go to\n  %s\n", address)
			return nil
		}
	}
	fmt.Fprintf(e.err, "to sign in, go on this machine to\n  %s\n", address)
	return nil
}

// trusts asks whether a certificate that nobody vouches for is the right one.
func (e *env) trusts(l remote.Login, in *bufio.Reader) error {
	fmt.Fprintf(e.err, "nobody vouches for %s; its certificate has the SHA-256\n  %s\nIs that the one that the server's own machine shows (tls.crt in its data folder)? yes or no: ", l.URL, l.Pin)
	said, _ := in.ReadString('\n') // the end of the input is a no
	fmt.Fprintln(e.err)
	if strings.TrimSpace(said) != "yes" {
		return onus.Errorf(onus.Denied, "compare it, then say yes or give it with --fingerprint", "%s is not trusted, so nothing was sent to it", l.URL)
	}
	return nil
}

// secretFrom reads one line.
func secretFrom(file string, in *bufio.Reader) (string, error) {
	if file != "" {
		f, err := os.Open(file) //nolint:gosec // whoever runs us names it
		if err != nil {
			return "", onus.Errorf(onus.NotFound, "name a file that holds the token", "read the token: %w", err)
		}
		defer f.Close()
		in = bufio.NewReader(f)
	}
	line, err := in.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", onus.Errorf(onus.Invalid, "give it on stdin or with --token-file", "the token cannot be read")
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", onus.Errorf(onus.Invalid, "give it on stdin or with --token-file", "there is no token")
	}
	return line, nil
}

func (e *env) logoutCmd() *cobra.Command {
	return &cobra.Command{
		Use: "logout --server URL", Short: "Be known to a server no more", Args: needs(),
		Long: `Logout revokes the token and forgets it.`, Example: "  onus logout --server https://onus.acme.example",
		RunE: func(cmd *cobra.Command, _ []string) error {
			address, err := remote.Address(e.server)
			if err != nil {
				return err
			}
			kept, err := logins()
			if err != nil {
				return err
			}
			l, err := kept.Of(address)
			if err != nil {
				return err
			}
			if err := kept.Forget(address); err != nil {
				return err
			}
			s, err := remote.Dial(l)
			if err != nil {
				return err
			}
			if err := s.Revoke(cmd.Context()); err != nil {
				return fmt.Errorf("the token is forgotten here, and may still be good: %w", err)
			}
			fmt.Fprintf(e.out, "the token for %s is revoked and forgotten\n", address)
			return nil
		},
	}
}

func (e *env) whoamiCmd() *cobra.Command {
	var (
		at  place
		dir string
	)
	cmd := anywhere(&cobra.Command{
		Use: "whoami", Short: "Say as whom you act", Args: needs(),
		Example: "  onus whoami --dir acme\n  onus whoami --server https://onus.acme.example",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.working(cmd.Context(), dir, at, func(_ works, by onus.Actor, person string) error {
				fmt.Fprintln(e.out, cmp.Or(person, "nobody whom the organisation knows: "+string(by)))
				return nil
			})
		},
	})
	at.flags(cmd)
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	return cmd
}
