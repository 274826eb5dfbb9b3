package client

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

type report = fairwayv1.OutcomeReport

// reports are outcomes on their way to a daemon.
type reports struct {
	queue   chan *report
	closing chan struct{}
	sent    atomic.Uint64
	dropped atomic.Uint64
}

// Report tells a daemon what became of a request. It never waits: where more
// reports wait than Config.Queue, it drops this one and says so. r is the
// client's from now on.
func (c *Client) Report(r *fairwayv1.OutcomeReport) (taken bool) {
	select {
	case <-c.reports.closing:
	default:
		select {
		case c.reports.queue <- r:
			return true
		default:
		}
	}
	c.reports.dropped.Add(1)
	return false
}

// Reports says how many reports were handed to a connection and how many were
// dropped, of all that Report was given; the others wait. A connection that
// breaks may lose what it was handed last.
func (c *Client) Reports() (sent, dropped uint64) {
	return c.reports.sent.Load(), c.reports.dropped.Load()
}

// batch is the most reports that are sent in one go.
const batch = 512

// send runs until the client is closed.
func (c *Client) send() {
	s := sender{client: c}
	defer s.end()
	for {
		select {
		case r := <-c.reports.queue:
			s.waiting = append(s.waiting, r)
			s.gather()
			s.flush()
		case <-c.reports.closing:
			s.last()
			return
		}
	}
}

// sender owns the stream of reports.
type sender struct {
	client  *Client
	waiting []*report
	stream  grpc.ClientStreamingClient[fairwayv1.OutcomeReport, fairwayv1.ReportSummary]
	stop    context.CancelFunc
	target  *target
	turn    int
}

// gather waits for other reports to be sent with the first.
func (s *sender) gather() {
	timer := time.NewTimer(s.client.cfg.Flush)
	defer timer.Stop()
	for len(s.waiting) < batch {
		select {
		case r := <-s.client.reports.queue:
			s.waiting = append(s.waiting, r)
		case <-timer.C:
			return
		case <-s.client.reports.closing:
			return
		}
	}
}

// flush sends what waits, over another stream where one breaks, until it is
// sent or the client is closed.
func (s *sender) flush() {
	for len(s.waiting) > 0 {
		if s.stream == nil && !s.open() {
			return
		}
		for len(s.waiting) > 0 {
			if err := s.stream.Send(s.waiting[0]); err != nil {
				s.broke(err)
				break
			}
			s.waiting = s.waiting[1:]
			s.client.reports.sent.Add(1)
		}
	}
}

// open begins a stream at the first target that may be asked; false when the
// client is closed before there is one.
func (s *sender) open() bool {
	c := s.client
	for {
		turn, left, at := c.ask(int(c.current.Load()))
		if left <= 0 {
			ctx, cancel := context.WithCancel(c.watching)
			s.target, s.turn, s.stop = c.targets[at], turn, cancel
			var err error
			if s.stream, err = s.target.router.Report(ctx); err == nil {
				s.target.answered(turn)
				return true
			}
			s.broke(err)
			continue
		}
		select {
		case <-c.reports.closing:
			return false
		case <-time.After(left):
		}
	}
}

func (s *sender) broke(err error) {
	if s.stream != nil { // Send says io.EOF only; the summary's error says why
		_, err = s.stream.CloseAndRecv()
	}
	s.target.failed(s.turn, s.client.cfg.Clock(), err, s.client.roll())
	s.stop()
	s.stream = nil
}

// last sends what is left when the client is closed, and waits for the daemon
// to have read it, both until Close cancels it.
func (s *sender) last() {
	for more := true; more; {
		select {
		case r := <-s.client.reports.queue:
			s.waiting = append(s.waiting, r)
		default:
			more = false
		}
	}
	s.flush()
	if s.stream != nil {
		_, _ = s.stream.CloseAndRecv() // what the daemon took is in its own metrics
	}
}

func (s *sender) end() {
	s.client.reports.dropped.Add(uint64(len(s.waiting)))
	if s.stop != nil {
		s.stop()
	}
}
