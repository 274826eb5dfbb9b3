package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// Watch keeps the weights of the services (none named: all) up to date until
// ctx ends or the client is closed, and returns why. When a daemon goes, or
// says nothing for so long that its weights would expire, the next is asked,
// and so on round for as long as it takes; report, which may be nil, hears of
// each failure, and of rules that this version does not understand: requests
// that match only those are routed as if they were not there. One goroutine
// watches; any number pick meanwhile.
func (c *Client) Watch(ctx context.Context, services []string, report func(error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.watching, cancel)()
	if report == nil {
		report = func(error) {}
	}
	w := &watch{client: c, services: services, report: report}
	for i := 0; ; {
		turn, left, at := c.ask(i)
		if left > 0 {
			if err := sleep(ctx, left); err != nil {
				return c.ended(err)
			}
			continue
		}
		t := c.targets[at]
		err := w.once(ctx, t, turn)
		if ctx.Err() != nil {
			return c.ended(ctx.Err())
		}
		report(fmt.Errorf("client: watching %s: %w", t.name, err))
		t.failed(w.turn, c.cfg.Clock(), err, c.roll())
		i = at + 1
	}
}

// ended says of a context's end whether it was the client's.
func (c *Client) ended(err error) error {
	if c.watching.Err() != nil {
		return status.Error(codes.Canceled, "client: closed")
	}
	return err
}

// ask finds a target that may be asked, the i-th or the next after it; where
// all are to be left alone, for how long.
func (c *Client) ask(i int) (turn int, left time.Duration, at int) {
	now := c.cfg.Clock()
	for k := range c.targets {
		j := (i + k) % len(c.targets)
		turn, wait := c.targets[j].ask(now)
		if wait <= 0 {
			return turn, 0, j
		}
		if k == 0 || wait < left {
			left, at = wait, j
		}
	}
	return 0, left, at
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// watch is what one Watch knows of the daemon that it listens to.
type watch struct {
	client   *Client
	services []string
	report   func(error)
	turn     int

	// A daemon's table versions begin with the time of its start in ms, and
	// versions of two daemons can overlap. A stream is therefore resumed only at
	// the same target, from a version up to which it had sent everything, and if
	// its header says that it is the same daemon still.
	target   *target
	life     string
	bookmark uint64
	held     map[string]*table // by service, that this daemon sent
}

// lifeHeader names the header that tells daemons apart: the first version of
// its table.
const lifeHeader = "fairway-life"

var errAnother = errors.New("another daemon than before answers there")

var errSilent = errors.New("nothing heard for as long as its weights hold; the connection may be half open")

// once reads one stream to its end.
func (w *watch) once(ctx context.Context, t *target, turn int) error {
	w.turn = turn
	if w.target != t || w.life == "" || w.bookmark == 0 {
		w.target, w.life, w.bookmark, w.held = t, "", 0, map[string]*table{}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alarm := time.AfterFunc(w.client.cfg.MaxRetry, func() { cancel(errSilent) }) // until a time to live is known
	defer alarm.Stop()
	heard := func(ttl time.Duration) { alarm.Reset(ttl) }
	err := w.read(ctx, heard)
	if err == errAnother {
		w.bookmark, w.held = 0, map[string]*table{}
		err = w.read(ctx, heard)
	}
	if cause := context.Cause(ctx); cause == errSilent {
		return cause
	}
	return err
}

func (w *watch) read(ctx context.Context, heard func(time.Duration)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := w.target.router.Watch(ctx, &fairwayv1.WatchRequest{Services: w.services, ResumeVersion: w.bookmark})
	if err != nil {
		return err
	}
	beats := false
	for first := true; ; first = false {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		if first {
			head, _ := stream.Header() // it is there: a message came
			life := strings.Join(head.Get(lifeHeader), "")
			if w.bookmark > 0 && life != w.life {
				return errAnother
			}
			w.life = life
			w.target.answered(w.turn)
		}
		ttl := m.GetTtl().AsDuration()
		if m.GetService() == "" {
			beats = true
			w.bookmark = m.TableVersion
			for _, t := range w.held {
				t.renew(ttl)
			}
		} else {
			w.store(m)
		}
		if beats { // early enough to hear of another daemon in time
			ttl = ttl / 4 * 3
		}
		heard(max(ttl, w.client.cfg.Retry))
	}
}

// store puts the weights of a service in force.
func (w *watch) store(m *fairwayv1.ServiceWeights) {
	s := w.client.services.at(m.Service)
	former := s.table.Load()
	t := newTable(m, w.client.proxy, former, w.client.static[m.Service])
	t.renew(m.GetTtl().AsDuration())
	s.take(t)
	if former != nil {
		former.leave()
	}
	w.held[m.Service] = t
	for _, err := range t.unread {
		w.report(fmt.Errorf("%w (service %q)", err, m.Service))
	}
}
