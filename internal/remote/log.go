package remote

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/api/client"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/trail"
)

// logPage is how many entries are asked for at a time.
const logPage = 1000

// entry is one as the server writes it.
type entry struct {
	trail.Line

	State json.RawMessage `json:"state"`
}

func (e entry) line() trail.Line {
	l := e.Line
	l.State = e.State
	return l
}

// Log gives the selected events in the order of the ledger, page by page.
func (s *Server) Log(ctx context.Context, q server.LogQuery, each func(trail.Line) error) error {
	if q.From < 0 {
		return onus.Errorf(onus.Invalid, "", "entries are numbered from 0, and %d is before that", q.From)
	}
	if q.Follow {
		return s.follow(ctx, q, each)
	}
	limit := int64(logPage)
	for cursor := (*string)(nil); ; {
		resp, err := s.api.ReadLog(ctx, &client.ReadLogParams{
			Where: &q.Where, Words: &q.Words, State: &q.State, From: &q.From, Limit: &limit, Cursor: cursor,
		})
		page, err := ask[list[entry]](s, resp, err)
		if err != nil {
			return err
		}
		for _, e := range page.Items {
			if err := each(e.line()); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		cursor = &page.Next
	}
}

// follow gives what there is and what comes, until ctx ends. A stream that is
// cut is taken up after the last entry that came.
func (s *Server) follow(ctx context.Context, q server.LogQuery, each func(trail.Line) error) error {
	for next := q.From; ; {
		from := next
		resp, err := s.live.FollowLog(ctx, &client.FollowLogParams{Where: &q.Where, Words: &q.Words, State: &q.State, From: &from})
		if err != nil {
			return errors.Join(ctx.Err(), s.unreached(err))
		}
		if resp.StatusCode != http.StatusOK {
			_, err := answer(s, resp, nil, nil)
			return err
		}
		err = events(resp.Body, func(name string, data []byte) error {
			if name == "problem" {
				return s.told(data)
			}
			var e entry
			if err := json.Unmarshal(data, &e); err != nil {
				return s.unclear()
			}
			next = e.Index + 1
			return each(e.line())
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil || next == from {
			return err
		}
	}
}

// events reads server-sent events until the stream ends: what each is called,
// and what it holds.
func events(stream io.ReadCloser, each func(name string, data []byte) error) error {
	defer stream.Close()
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 1<<20)
	name, data := "", ""
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "data":
			data += value
		case "": // the end of one, or a comment that keeps the stream open
			if data != "" && lines.Text() == "" {
				if err := each(name, []byte(data)); err != nil {
					return err
				}
				name, data = "", ""
			}
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("follow the log: %w", err)
	}
	return nil
}
