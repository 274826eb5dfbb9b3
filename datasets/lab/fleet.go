package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Fleet is a mesh whose proxies come and go: real endpoints and a Prometheus that
// scrapes them run throughout, proxies by a recipe run for a Turn each.
type Fleet struct {
	running *running
	dir     string
	places  []proxyPlace
	turns   int
}

// proxyPlace is where one proxy is found, the same in every turn.
type proxyPlace struct{ front, admin, socket string }

// MaxProxies is how many proxies a fleet may have.
const MaxProxies = 20

// othersPorts is how many addresses Fleet.Address gives.
const othersPorts = 12

// RunFleet runs the mesh of cfg, which has one service, for as long as use takes.
// What the processes write is in cfg.Out, which must not exist yet. No process outlives
// it. Duration, Faults, Part, Choose, Done and MinKept of cfg have no meaning here, for
// a Turn says what happens.
func RunFleet(ctx context.Context, cfg Config, use func(context.Context, *Fleet) error) (err error) {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if len(cfg.Services) != 1 {
		return fmt.Errorf("a fleet has %d services; want one", len(cfg.Services))
	}
	if most := blockPorts - 1 - 2*MaxProxies - othersPorts; cfg.addresses() > most {
		return fmt.Errorf("a fleet has %d endpoints; want at most %d", len(cfg.Services[0].Endpoints), most-3)
	}
	dir, err := filepath.Abs(cfg.Out)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	m, err := newMesh(cfg, dir)
	if err != nil {
		return err
	}
	defer m.close()
	f := &Fleet{running: m, dir: dir}
	if err := f.start(ctx); err != nil {
		return err
	}
	all, running := errgroup.WithContext(ctx)
	all.Go(func() error {
		select {
		case died := <-m.children.died:
			return died
		case <-running.Done():
			return nil
		}
	})
	all.Go(func() error {
		if err := use(running, f); err != nil {
			return err
		}
		return errUsed
	})
	if err := all.Wait(); !errors.Is(err, errUsed) {
		return err
	}
	return nil
}

// start starts the endpoints and Prometheus, and waits until that sees them.
func (f *Fleet) start(ctx context.Context) error {
	m := f.running
	prometheus := Program{Name: "prometheus", Debian: "prometheus"}
	program, err := prometheus.find(programPath())
	if err != nil {
		return err
	}
	targets, err := m.startEndpoints(ctx)
	if err != nil {
		return err
	}
	if err := m.startPrometheus(ctx, program, f.dir, "", m.ports.address()); err != nil {
		return err
	}
	return m.awaitTargets(ctx, targets)
}

// Prometheus is the URL of the server that scrapes the endpoints.
func (f *Fleet) Prometheus() string { return "http://" + f.running.address }

// Address is one of the loopback that nobody else has, for instance for a listener of
// fairwayd. There are a dozen.
func (f *Fleet) Address() string { return f.running.ports.address() }

// Service is the service, with the addresses of its endpoints.
func (f *Fleet) Service() Service { return f.running.services[0] }

// Turn is a time in which the fleet has proxies of one kind.
type Turn struct {
	Name    string // of its directory, beside the number of the turn
	Recipe  *Recipe
	Place   Place // Fairway, Balance and the addresses of fairwayd; the rest is each proxy's own
	Proxies int
	Rate    float64 // requests per second; 0: the service's
	Seed    uint64  // of the arrivals, their classes, and the proxy that each meets
	// Settle is how long requests come before the turn is measured, and Length is how
	// long it is.
	Settle, Length time.Duration
	// Faults, whose times count from the start of what is measured.
	Faults []Fault
}

// Taken is what a turn brought.
type Taken struct {
	Start   time.Time // of what is measured
	Answers []Answer  // to the requests of that time, in order of when they were due
	Sent    Delay     // how late requests were sent, settling included
	Late    Delay     // how late waits of 10 ms ended on this machine
}

// Take lets the fleet have the proxies of a turn and sends requests to them: each when
// it is due, whatever became of earlier ones, to a proxy drawn at random, as a load
// balancer before the proxies would. Turns of the same seed bring the same requests,
// to the same proxies. One turn at a time.
func (f *Fleet) Take(ctx context.Context, t Turn) (*Taken, error) {
	if t.Proxies < 1 || t.Proxies > MaxProxies || t.Length <= 0 || t.Settle < 0 {
		return nil, fmt.Errorf("a turn of %v after %v with %d proxies; want a length, and 1 to %d proxies", t.Length, t.Settle, t.Proxies, MaxProxies)
	}
	f.turns++
	fronts, stop, err := f.startProxies(ctx, t)
	if err != nil {
		return nil, err
	}
	defer stop()
	s := f.Service()
	if t.Rate > 0 {
		s.Rate = t.Rate
	}
	start := time.Now().Add(100 * time.Millisecond).Truncate(time.Millisecond)
	taken := &Taken{Start: start.Add(t.Settle)}
	l := newFleetLoad(s, fleetPlan(t, s), fronts, start)
	var late []time.Duration
	all, running := errgroup.WithContext(ctx)
	timed, over := context.WithDeadline(running, start.Add(t.Settle+t.Length))
	defer over()
	all.Go(func() error { l.run(running); return nil })
	all.Go(func() error { late = lateness(timed); return nil })
	all.Go(func() error {
		return (&injector{mesh: f.running, start: taken.Start}).run(running, t.Faults)
	})
	if err := all.Wait(); err != nil {
		return nil, err
	}
	taken.Answers, taken.Sent = l.answers(taken.Start), delayOf(l.late())
	taken.Late = delayOf(late)
	return taken, ctx.Err()
}

// startProxies starts the proxies of a turn and waits until they listen.
func (f *Fleet) startProxies(ctx context.Context, t Turn) (fronts []string, stop func(), err error) {
	var started []*child
	stop = func() {
		var ending sync.WaitGroup
		for _, c := range started {
			ending.Go(c.kill)
		}
		ending.Wait()
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	for i := range t.Proxies {
		p := f.Tell(t.Place, i)
		p.Dir = filepath.Join(f.dir, fmt.Sprintf("%03d-%s", f.turns, t.Name), fmt.Sprintf("%02d", i+1))
		argv, err := t.Recipe.Lay(p)
		if err != nil {
			return nil, stop, err
		}
		c, err := f.running.children.startIn(p.Dir, "proxy", argv...)
		if err != nil {
			return nil, stop, err
		}
		started, fronts = append(started, c), append(fronts, p.Front)
	}
	for _, front := range fronts {
		if err := f.running.await(ctx, "the proxy at "+front, listens(front)); err != nil {
			return nil, stop, err
		}
	}
	return fronts, stop, nil
}

// Tell adds to a place what holds for the i-th proxy in every turn: its addresses and
// socket, and the service.
func (f *Fleet) Tell(p Place, i int) Place {
	for len(f.places) <= i {
		f.places = append(f.places, proxyPlace{f.Address(), f.Address(), filepath.Join(f.dir, fmt.Sprintf("s%02d", len(f.places)+1))})
	}
	own := f.places[i]
	p.Front, p.Admin, p.Socket = own.front, own.admin, own.socket
	p.Service, p.Endpoints = f.Service().Name, f.Service().Endpoints
	return p
}

// listens tries to connect.
func listens(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return c.Close()
	}
}

// fleetPlan draws the requests of a turn: Poisson arrivals of a steady rate.
func fleetPlan(t Turn, s Service) []fleetRequest {
	arrivals, proxies := stream(t.Seed, "fleet/arrivals"), stream(t.Seed, "fleet/proxies")
	var requests []fleetRequest
	for at := time.Duration(0); ; {
		at += exponential(arrivals, s.Rate)
		if at >= t.Settle+t.Length {
			return requests
		}
		requests = append(requests, fleetRequest{at: at, class: s.draw(arrivals), proxy: proxies.IntN(t.Proxies)})
	}
}

// exponential draws the time to the next of so many arrivals in a second.
func exponential(rng *rand.Rand, rate float64) time.Duration {
	return time.Duration(rng.ExpFloat64() / rate * float64(time.Second))
}
