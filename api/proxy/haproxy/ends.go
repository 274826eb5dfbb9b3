package haproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/fairway-mesh/fairway/router/journal"
)

// ended takes the end of a request: its number, the status that the caller got, and
// the endpoint that HAProxy sent it to in the end. A number of 0 is of a request that
// was not decided here.
func (s *SPOE) ended(number, status int64, endpoint string) {
	if number == 0 {
		return
	}
	now := s.cfg.Clock()
	service, to, since, ok := s.flights.end(number, now)
	if !ok {
		s.metrics.ends.WithLabelValues("unknown").Inc()
		return
	}
	if other := service.endpoints[endpoint]; other != nil {
		to = other
	}
	s.metrics.end(status)
	if j := s.cfg.Journal; j.Sampled(s.roll()) {
		j.Append(&journal.Entry{
			Kind: journal.Outcome, Time: now, Service: service.routes.Service, Endpoint: to.name,
			Latency: max(0, now.Sub(since)), Status: int(status), InFlight: int(to.inFlight.Load()), By: "haproxy",
		})
	}
}

// mark begins what a line of the log tells of the end of a request.
const mark = "fairway-done "

// longestLine is the most that is read of a line of the log.
const longestLine = 8 << 10

// ServeEnds reads lines of HAProxy's log, one in each datagram, until ctx ends; it
// closes conn. A line tells the end of a request with "fairway-done NUMBER STATUS
// SERVER" anywhere in it:
//
//	log 127.0.0.1:18191 len 1024 format raw local0
//	log-format "… fairway-done %[var(txn.fairway.request)] %ST %s"
//
// A log is written when a request is over, whoever answered it, and HAProxy does not
// wait for its reader: nothing can hang on it. What is lost on the way counts as in
// flight until it is taken for lost. Whoever may send datagrams here may end requests,
// so it is for the loopback. The result is nil after ctx, else why conn failed.
func (s *SPOE) ServeEnds(ctx context.Context, conn net.PacketConn) error {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	line := make([]byte, longestLine)
	for {
		n, _, err := conn.ReadFrom(line)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("haproxy spoe: ends of requests: %w", err)
		case err == nil:
			s.ended(readEnd(string(line[:n])))
		}
	}
}

// readEnd reads a line; number is 0 where it tells of no request that was decided
// here, as HAProxy writes "-" for a variable that is not set.
func readEnd(line string) (number, status int64, endpoint string) {
	at := strings.LastIndex(line, mark) // what a request says of itself stands before it
	if at < 0 {
		return 0, 0, ""
	}
	words := strings.Fields(line[at+len(mark):])
	if len(words) < 3 {
		return 0, 0, ""
	}
	number, err := strconv.ParseInt(words[0], 10, 64)
	if err != nil || number < 0 {
		return 0, 0, ""
	}
	if status, err = strconv.ParseInt(words[1], 10, 64); err != nil {
		status = 0
	}
	return number, status, words[2]
}
