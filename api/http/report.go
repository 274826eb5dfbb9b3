package http

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/guard"
)

// report takes outcomes: an array, or one after the other for as long as the
// body goes on. Calls of one machine are one proxy's, unless it says which it
// is of several: its requests in flight stand from call to call.
func (h *Handler) report(w http.ResponseWriter, r *http.Request) {
	ctx := h.context(r)
	q, err := queryOf(r, "proxy")
	in := &reports{from: &patient{body: r.Body, control: http.NewResponseController(w), silence: h.cfg.Silence, most: h.cfg.MaxBytes}}
	var sum *fairwayv1.ReportSummary
	failed := h.run("Report", &stream{
		ctx: api.Reporter(ctx, reporter(r.RemoteAddr, guard.Identity(ctx), q.Get("proxy"))),
		recv: func(m any) error {
			if err != nil {
				return err
			}
			return in.next(m.(*fairwayv1.OutcomeReport))
		},
		send: func(m any) error { sum = m.(*fairwayv1.ReportSummary); return nil },
	})
	if failed != nil {
		fail(w, failed)
		return
	}
	plain(w, r, sum)
}

// reporter is who reports, in words of our own.
func reporter(address, identity, proxy string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil { // a Unix socket
		host = address
	}
	const most = 100
	return fmt.Sprintf("%s %s %.*s", host, identity, most, proxy)
}

// reports reads them one by one.
type reports struct {
	from    *patient
	decoder *json.Decoder
	array   bool
	n       int // read so far
}

// next reads the next, io.EOF after the last.
func (s *reports) next(m *fairwayv1.OutcomeReport) error {
	s.from.left = s.from.most
	if s.decoder == nil {
		if err := s.begin(); err != nil {
			return err
		}
	}
	if s.array && !s.decoder.More() {
		return s.closed()
	}
	var text json.RawMessage
	err := s.decoder.Decode(&text)
	switch {
	case err == io.EOF && !s.array:
		return io.EOF
	case err != nil:
		return s.wrong(err)
	}
	if err := parse(text, m, fmt.Sprintf("report %d, from which on none was taken: ", s.n+1)); err != nil {
		return err
	}
	s.n++
	return nil
}

// begin finds out whether there is an array.
func (s *reports) begin() error {
	b := bufio.NewReader(s.from)
	s.decoder = json.NewDecoder(b)
	for {
		c, err := b.ReadByte()
		switch {
		case err == io.EOF:
			return io.EOF
		case err != nil:
			return s.wrong(err)
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			continue
		}
		if err := b.UnreadByte(); err != nil {
			return s.wrong(err)
		}
		if s.array = c == '['; s.array {
			_, err = s.decoder.Token()
		}
		return err
	}
}

// closed reads the end of an array, after which there is nothing.
func (s *reports) closed() error {
	if _, err := s.decoder.Token(); err != nil {
		return s.wrong(err)
	}
	if _, err := s.decoder.Token(); err != io.EOF {
		return api.Invalid("body", "goes on after the array, all of which was taken")
	}
	return io.EOF
}

// wrong says why a report could not be read. Those before it were taken.
func (s *reports) wrong(err error) error {
	syntax := (*json.SyntaxError)(nil)
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &syntax) {
		return api.Invalid("body", fmt.Sprintf("has no report %d, and none was taken from there on: %v", s.n+1, err))
	}
	return unread(err)
}

// patient reads a body for as long as something comes now and then, and no
// report is larger than most.
type patient struct {
	body       io.Reader
	control    *http.ResponseController
	silence    time.Duration
	most, left int64
}

func (p *patient) Read(b []byte) (int, error) {
	if p.left <= 0 {
		return 0, errTooLarge
	}
	_ = p.control.SetReadDeadline(time.Now().Add(p.silence)) // where the connection has one
	n, err := p.body.Read(b[:min(int64(len(b)), p.left)])
	p.left -= int64(n)
	return n, err
}
