package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairway-mesh/fairway/api/client"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
)

// asker asks all the time where requests should go, by picking from what its
// Watch brought and by asking the daemon, and sends them there.
type asker struct {
	client *client.Client
	meter  meter
	stop   func()
}

// meter counts answers, and how long there were none that were fresh.
type meter struct {
	mu      sync.Mutex
	picks   map[client.From]int
	decides map[client.From]int
	sources map[string]int // of the daemon's decisions
	slowest time.Duration  // Decide
	fresh   time.Time      // when there was an answer of the daemon's last
	gap     time.Duration  // the longest time without
	wrong   []string       // what must not be
}

// newAsker calls through the daemon at an address until the test ends.
func newAsker(t testing.TB, address string, m *lab, change ...func(*client.Config)) *asker {
	t.Helper()
	cfg := client.DefaultConfig()
	cfg.Targets, cfg.Credentials, cfg.Clock, cfg.Seed = []string{address}, insecure.NewCredentials(), time.Now, rand.Uint64()
	cfg.MaxRetry = time.Second
	var known []mesh.Endpoint
	for _, e := range m.endpoints {
		known = append(known, mesh.Endpoint{Name: e.name, Address: e.address})
	}
	cfg.Static = map[string][]mesh.Endpoint{"shop": known}
	for _, f := range change {
		f(&cfg)
	}
	c := &asker{}
	var err error
	if c.client, err = client.Dial(cfg); err != nil {
		t.Fatal(err)
	}
	c.meter = meter{picks: map[client.From]int{}, decides: map[client.From]int{}, sources: map[string]int{}, fresh: time.Now()}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = c.client.Watch(ctx, []string{"shop"}, nil) }) // ends with ctx
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	for range 2 {
		running.Go(func() { c.pick(ctx, &http.Client{Transport: transport}) })
		running.Go(func() { c.decide(ctx) })
	}
	c.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		transport.CloseIdleConnections()
		if err := c.client.Close(); err != nil {
			t.Error(err)
		}
		for _, wrong := range c.meter.wrong {
			t.Error(wrong)
		}
		t.Logf("callers saw: %s", &c.meter)
	})
	t.Cleanup(c.stop)
	return c
}

// pause is the time between two requests of one of an asker's four.
const pause = 10 * time.Millisecond

func (c *asker) pick(ctx context.Context, to *http.Client) {
	for tick := time.Tick(pause); ; {
		choice := c.client.Pick("shop", nil)
		c.meter.picked(choice)
		call := c.client.Begin(choice, nil)
		code := 0
		if e := choice.Endpoint; e != nil {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.Address+"/", nil)
			if err == nil {
				if answer, err := to.Do(r); err == nil {
					answer.Body.Close()
					code = answer.StatusCode
				}
			}
		}
		call.Done(code)
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
	}
}

func (c *asker) decide(ctx context.Context) {
	for tick := time.Tick(pause); ; {
		began := time.Now()
		a := c.client.Decide(context.WithoutCancel(ctx), &fairwayv1.DecideRequest{Service: "shop", WantWeights: true})
		c.meter.decided(a, time.Since(began))
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
	}
}

func (m *meter) picked(choice client.Choice) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.picks[choice.From]++
	if choice.Endpoint == nil || choice.From == client.Nothing {
		m.blame("a pick without an endpoint: %v", choice.From)
		return
	}
	if p := choice.Propensity; !(p > 0 && p <= 1.000001) {
		m.blame("a pick of %s with propensity %v, from %v", choice.Endpoint.Name, p, choice.From)
	}
	if choice.From == client.Weights {
		m.heard()
	}
}

func (m *meter) decided(a client.Answer, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.decides[a.From]++
	m.slowest = max(m.slowest, took)
	if a.Endpoint.GetName() == "" {
		m.blame("a decision without an endpoint: %v from %v", a.Decision, a.From)
		return
	}
	if a.From != client.Daemon {
		if a.From == client.Weights {
			m.heard()
		}
		return
	}
	m.heard()
	source := a.Source.String()
	if a.Reason != "" {
		source += " " + a.Reason
	}
	m.sources[source]++
	sum := 0.0
	for _, w := range a.Weights {
		if !(w.Weight >= 0) {
			m.blame("%s has the weight %v", w.Endpoint, w.Weight)
		}
		sum += w.Weight
	}
	if len(a.Weights) == 0 || math.Abs(sum-1) > 1e-6 {
		m.blame("the weights %v sum to %v", a.Weights, sum)
	}
}

// heard is called with the lock held.
func (m *meter) heard() {
	now := time.Now()
	m.gap = max(m.gap, now.Sub(m.fresh))
	m.fresh = now
}

func (m *meter) blame(format string, args ...any) {
	if len(m.wrong) < 10 {
		m.wrong = append(m.wrong, fmt.Sprintf(format, args...))
	}
}

// longest is the longest time without an answer of the daemon's that was fresh.
func (m *meter) longest() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(m.gap, time.Since(m.fresh))
}

// count is how many picks or decisions rest on something.
func (m *meter) count(of map[client.From]int, from client.From) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return of[from]
}

// source is how many of the daemon's decisions had a source and reason.
func (m *meter) source(name string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sources[name]
}

// String is one line of the table of faults.
func (m *meter) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	part := func(of map[client.From]int) string {
		total, parts := 0, []string(nil)
		for _, n := range of {
			total += n
		}
		for _, from := range []client.From{client.Daemon, client.Weights, client.Equal, client.Static, client.Nothing} {
			if n := of[from]; n > 0 {
				parts = append(parts, fmt.Sprintf("%v %.1f %%", from, 100*float64(n)/float64(total)))
			}
		}
		return fmt.Sprintf("%d (%s)", total, strings.Join(parts, ", "))
	}
	return fmt.Sprintf("picks %s; decisions %s; the daemon's %v; slowest decision %v; longest without fresh weights %v; without an answer %d",
		part(m.picks), part(m.decides), m.sources, m.slowest.Round(time.Millisecond), max(m.gap, time.Since(m.fresh)).Round(time.Millisecond),
		m.picks[client.Nothing]+m.decides[client.Nothing])
}
