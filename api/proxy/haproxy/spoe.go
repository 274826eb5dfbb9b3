package haproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/api/proxy"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/journal"
	"github.com/fairway-mesh/fairway/router/picker"
	"github.com/fairway-mesh/fairway/router/rules"
)

// SPOEConfig bounds what the agent of the Stream Processing Offload Engine takes.
type SPOEConfig struct {
	// MaxConnections is the most at once; HAProxy opens a few for each of its
	// threads. Further ones are closed at once.
	MaxConnections int
	// MaxFrame is the longest frame in bytes, at least 256. HAProxy names its own
	// bound, 16380 unless tune.bufsize is set, and the lower one holds.
	MaxFrame int
	// MaxInFlight is how many requests are followed at once until their end is told.
	MaxInFlight int
	// Idle is after how long without a frame a connection ends.
	Idle time.Duration
	// Lost is after how long a request whose end nobody told is taken for ended.
	Lost time.Duration
	// Journal, where it is set, is told of a sample of the picks and outcomes.
	Journal *journal.Journal
	// Grants, where it is set, says who has connected and which services he may ask
	// about. It is asked once for each connection, after what came first on it.
	Grants func(net.Conn) func(service string) bool
	// Clock tells the time, and Seed starts the random numbers that draw endpoints.
	Clock func() time.Time
	Seed  uint64
}

// DefaultSPOEConfig suits some hundred HAProxy processes.
func DefaultSPOEConfig() SPOEConfig {
	return SPOEConfig{
		MaxConnections: 4096, MaxFrame: 64 << 10, MaxInFlight: 1 << 16,
		Idle: 5 * time.Minute, Lost: rules.DefaultTimeout, Clock: time.Now,
	}
}

// Validate reports everything that is out of range.
func (c SPOEConfig) Validate() error {
	var errs []error
	for _, n := range []struct {
		name      string
		is, least int
	}{{"max connections", c.MaxConnections, 1}, {"max frame", c.MaxFrame, 256}, {"max in flight", c.MaxInFlight, 1}} {
		if n.is < n.least {
			errs = append(errs, fmt.Errorf("haproxy spoe: %s is %d; want at least %d", n.name, n.is, n.least))
		}
	}
	for name, d := range map[string]time.Duration{"idle": c.Idle, "lost": c.Lost} {
		if d <= 0 {
			errs = append(errs, fmt.Errorf("haproxy spoe: %s is %v; want more than 0", name, d))
		}
	}
	if c.Clock == nil {
		errs = append(errs, errors.New("haproxy spoe: there is no clock"))
	}
	return errors.Join(errs...)
}

// SPOE is an agent that HAProxy asks for every request where it should go, and that
// its log tells when the request is over (ServeEnds). It is safe for concurrent use.
type SPOE struct {
	table   *router.Table
	cfg     SPOEConfig
	told    *proxy.Adapter
	flights *flights
	metrics spoeMetrics
	random  atomic.Uint64
	open    atomic.Int64 // connections
}

// NewSPOE makes an agent of the table. Both metrics and reg may be nil.
func NewSPOE(table *router.Table, metrics *proxy.Metrics, reg prometheus.Registerer, cfg SPOEConfig) (*SPOE, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &SPOE{table: table, cfg: cfg, told: metrics.Adapter("haproxy-spoe")}
	s.random.Store(cfg.Seed)
	s.flights = newFlights(cfg.MaxInFlight, s.roll()>>12)
	s.metrics = newSPOEMetrics(s, reg)
	return s, nil
}

// roll gives 64 random bits (SplitMix64).
func (s *SPOE) roll() uint64 { return picker.Scramble(s.random.Add(0x9e3779b97f4a7c15)) }

// Serve answers the connections that arrive at l until ctx ends; it closes l, tells
// each HAProxy that it goes, and returns when all connections have ended. The result
// is nil after ctx, else why l failed.
func (s *SPOE) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var open sync.WaitGroup
	defer open.Wait()
	defer cancel()
	open.Go(func() { s.sweep(ctx) })
	return accept(ctx, l, "haproxy spoe", func(conn net.Conn) {
		if s.open.Add(1) > int64(s.cfg.MaxConnections) {
			s.open.Add(-1)
			s.told.FailedOpen("refused")
			conn.Close()
			return
		}
		open.Go(func() {
			defer s.open.Add(-1)
			newSession(s, conn).run(ctx)
		})
	})
}

// sweep looks after requests whose end never came, until ctx ends.
func (s *SPOE) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.flights.sweep(s.cfg.Clock().Add(-s.cfg.Lost), s.table)
		}
	}
}

// accept hands on the connections that arrive at l until ctx ends or l fails; it
// closes l.
func accept(ctx context.Context, l net.Listener, what string, take func(net.Conn)) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("%s: %w", what, err)
		case err != nil: // such as too many open files: it passes
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(10 * time.Millisecond):
			}
			continue
		}
		take(conn)
	}
}
