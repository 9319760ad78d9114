package cli

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/remote"
)

func (e *env) loginCmd() *cobra.Command {
	var file, pin string
	cmd := &cobra.Command{
		Use: "login URL", Short: "Be known to a server, for --server", Args: needs("URL"),
		Long: `Login keeps how you are known to a server: an API token, which you make where you
are signed in, or one that it makes for 30 days from the code of an invitation.
The token or code is read from stdin or --token-file, never from an argument.

A server whose certificate nobody vouches for is trusted by its fingerprint: you are
asked first, or give it with --fingerprint. From then on only that certificate counts.`,
		Example: "  onus login https://onus.acme.example < token\n" +
			"  onus login https://localhost:8743 --token-file token --fingerprint AB:12…",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, in := cmd.Context(), bufio.NewReader(cmd.InOrStdin())
			address, err := remote.Address(args[0])
			if err != nil {
				return err
			}
			l := remote.Login{URL: address}
			if pin != "" {
				l.Pin, err = remote.Fingerprint(pin)
			} else {
				l.Pin, err = remote.Stranger(ctx, address)
				if err == nil && l.Pin != "" {
					err = e.trusts(l, in)
				}
			}
			if err != nil {
				return err
			}
			secret, err := secretFrom(file, in)
			if err != nil {
				return err
			}
			if l.Token = secret; !strings.HasPrefix(secret, "onus_") {
				if l, err = remote.Redeem(ctx, l, secret); err != nil {
					return err
				}
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
			fmt.Fprintf(e.out, "you are %s at %s\n", who.Name, address)
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "token-file", "", "a file that holds the token or the code; stdin unless said")
	cmd.Flags().StringVar(&pin, "fingerprint", "", "the SHA-256 of the server's certificate: trust that one")
	return cmd
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
		Long: `Logout forgets the token, and revokes it where login made it.`, Example: "  onus logout --server https://onus.acme.example",
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
			if l.ID == "" {
				fmt.Fprintf(e.out, "the token for %s is forgotten; it is good until it is revoked or expires\n", address)
				return nil
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
