package signer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus"
)

// The protocol: each side sends a line "WORD LENGTH" and so many bytes.
//
//	key 0                → ok and the verifier key
//	sign n, a checkpoint → ok and the signature, or no and why
const (
	wordKey  = "key"
	wordSign = "sign"
	wordOK   = "ok"
	wordNo   = "no"

	maxMessage = 64 << 10
	patience   = 10 * time.Second
)

func send(w io.Writer, word string, data []byte) error {
	_, err := w.Write(append(fmt.Appendf(nil, "%s %d\n", word, len(data)), data...))
	return err
}

func receive(r *bufio.Reader) (word string, data []byte, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return "", nil, err
	}
	word, length, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
	n, err := strconv.ParseUint(length, 10, 32)
	if !ok || err != nil || n > maxMessage {
		return "", nil, errors.New("this is not the signer's protocol")
	}
	data = make([]byte, n)
	_, err = io.ReadFull(r, data)
	return word, data, err
}

// Listen opens a socket that only our user and group may use. One that is
// left over from a signer that is no more is taken away.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != os.ModeSocket {
			return nil, onus.Errorf(onus.Invalid, "name another path", "%s is there and is no socket", path)
		}
		var d net.Dialer
		if conn, err := d.DialContext(ctx, "unix", path); err == nil {
			return nil, errors.Join(onus.Errorf(onus.Conflict, "stop it first", "a signer answers at %s already", path), conn.Close())
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("take the old socket away: %w", err)
		}
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, onus.Errorf(onus.Invalid, "name a path in a folder that can be written", "the signer cannot listen: %w", err)
	}
	if err := os.Chmod(path, 0o660); err != nil { //nolint:gosec // the ledger's user shares the group and nothing else
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Serve answers on a socket until ctx ends.
func Serve(ctx context.Context, l net.Listener, s note.Signer, vkey string, log *slog.Logger) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("the signer's socket: %w", err)
		}
		wg.Go(func() {
			closing := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer closing()
			defer conn.Close()
			if err := answer(ctx, conn, s, vkey, log); err != nil && !errors.Is(err, io.EOF) && ctx.Err() == nil {
				log.WarnContext(ctx, "a connection to the signer broke", slog.Any("err", err))
			}
		})
	}
}

func answer(ctx context.Context, conn net.Conn, s note.Signer, vkey string, log *slog.Logger) error {
	r := bufio.NewReader(conn)
	for {
		word, data, err := receive(r)
		if err != nil {
			return err
		}
		switch word {
		case wordKey:
			err = send(conn, wordOK, []byte(vkey))
		case wordSign:
			sig, refused := s.Sign(data)
			if refused == nil {
				err = send(conn, wordOK, sig)
				break
			}
			log.ErrorContext(ctx, "the signer refused to sign", slog.Any("err", refused))
			var safe *onus.Error
			if !errors.As(refused, &safe) {
				safe = onus.Errorf(onus.Internal, "", "the signer could not sign; its log says why")
			}
			err = send(conn, wordNo, []byte(string(safe.Kind)+"\n"+safe.Message+"\n"+safe.Hint))
		default:
			return fmt.Errorf("the signer was asked to %.20q", word)
		}
		if err != nil {
			return err
		}
	}
}

// A Remote is a signer at the other end of a socket.
type Remote struct {
	path     string
	vkey     string
	verifier note.Verifier

	mu   sync.Mutex
	conn net.Conn      // guarded by mu; nil: to be opened
	r    *bufio.Reader // guarded by mu
}

var _ note.Signer = (*Remote)(nil)

// Dial reaches the signer at a socket and learns its key.
func Dial(ctx context.Context, path string) (*Remote, error) {
	s := &Remote{path: path}
	vkey, err := s.ask(ctx, wordKey, nil)
	if err == nil {
		s.vkey = string(vkey)
		s.verifier, err = verifierOf(path, s.vkey)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// At is the signer at a socket whose key is known. It is reached when it is
// asked to sign.
func At(path, vkey string) (*Remote, error) {
	v, err := verifierOf(path, vkey)
	return &Remote{path: path, vkey: vkey, verifier: v}, err
}

func verifierOf(path, vkey string) (note.Verifier, error) {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, onus.Errorf(onus.Invalid, "onus signer prints its key", "the signer at %s has no key that can be used: %w", path, err)
	}
	return v, nil
}

// Name is the key's name.
func (s *Remote) Name() string { return s.verifier.Name() }

// KeyHash is the key's hash.
func (s *Remote) KeyHash() uint32 { return s.verifier.KeyHash() }

// VerifierKey is the key that checks what the signer signs.
func (s *Remote) VerifierKey() string { return s.vkey }

// Sign has the other side sign, and checks that it did.
func (s *Remote) Sign(msg []byte) ([]byte, error) {
	sig, err := s.ask(context.Background(), wordSign, msg)
	if err != nil {
		return nil, err
	}
	if !s.verifier.Verify(msg, sig) {
		return nil, onus.Errorf(onus.Unavailable, "see who listens there", "what answers at %s is not the signer: its signature is false", s.path)
	}
	return sig, nil
}

// Close lets go of the connection.
func (s *Remote) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drop()
}

func (s *Remote) drop() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}

// ask asks once more on a new connection when the old one broke: to sign the
// same checkpoint twice does no harm.
func (s *Remote) ask(ctx context.Context, word string, data []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := s.conn == nil
	answer, err := s.askOnce(ctx, word, data)
	var refused *onus.Error
	if err != nil && !errors.As(err, &refused) && !fresh {
		answer, err = s.askOnce(ctx, word, data)
	}
	if err != nil && !errors.As(err, &refused) {
		return nil, onus.Errorf(onus.Unavailable, "start it with onus signer", "the signer at %s cannot be reached: %w", s.path, err)
	}
	return answer, err
}

func (s *Remote) askOnce(ctx context.Context, word string, data []byte) (answer []byte, err error) {
	defer func() {
		if err != nil {
			_ = s.drop() // the error that matters is the first
		}
	}()
	if s.conn == nil {
		d := net.Dialer{Timeout: patience}
		if s.conn, err = d.DialContext(ctx, "unix", s.path); err != nil {
			return nil, err
		}
		s.r = bufio.NewReader(s.conn)
	}
	// A signer that hangs must not hang the ledger.
	conn := s.conn
	timeout := time.AfterFunc(patience, func() { _ = conn.Close() })
	defer timeout.Stop()
	if err := send(s.conn, word, data); err != nil {
		return nil, err
	}
	got, answer, err := receive(s.r)
	if err != nil {
		return nil, err
	}
	switch got {
	case wordOK:
		return answer, nil
	case wordNo:
		parts := strings.SplitN(string(answer), "\n", 3)
		if len(parts) < 3 {
			return nil, errors.New("the signer refused without a word")
		}
		return nil, onus.Errorf(onus.ErrorKind(parts[0]), parts[2], "%s", parts[1])
	default:
		return nil, fmt.Errorf("the signer answered %.20q", got)
	}
}
