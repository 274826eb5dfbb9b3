// Package lab runs a real mesh on one machine and records it: endpoints that
// are processes of their own, HAProxy in front of them, Prometheus scraping
// both, an open-loop load whose shares are drawn at random, and faults that
// are injected on a schedule. The result is a recording as CONTRACTS.md
// describes it.
//
// What will be asked of the mesh (arrivals, classes, endpoints, faults) is
// drawn from the seed before the first request is sent, so that no choice of
// an endpoint can depend on the state of the mesh. What the mesh answers is
// real and differs from run to run.
//
// Unlike the rooms below it, this one reads the clock: it measures.
package lab

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// Config says what is recorded.
type Config struct {
	Out      string        // directory of the recording; must not exist yet
	Duration time.Duration // of the load
	Seed     uint64
	// Faults is how many are injected; negative: as many as suit the duration.
	Faults   int
	Services []Service
	// Endpoint is the command that runs ServeEndpoint; the specification is
	// appended as one more argument.
	Endpoint []string
	MadeBy   string // goes into the manifest
}

// Service is one service of the mesh and the load on it.
type Service struct {
	Name      string
	Rate      float64 // mean requests per second
	Classes   []Class
	Endpoints []Endpoint
}

// Class is one kind of request.
type Class struct {
	Name, Method, Path string
	Share              float64 // of the requests; the shares of a service sum to 1
	Cost               float64 // multiplies the endpoint's service time
	Deadline           time.Duration
}

// Endpoint is a process that answers requests.
type Endpoint struct {
	mesh.Endpoint
	ServiceTime time.Duration // mean, for a request of cost 1
	Workers     int           // requests served at once
	Queue       int           // requests that may wait; one more is refused
}

// ScrapeInterval is how often Prometheus reads the mesh.
const ScrapeInterval = 2 * time.Second

// DefaultConfig has two services. Each is sized so that an endpoint with an
// equal share is busy for about 0.3 of its capacity, and one with a share of
// 0.7 is saturated.
func DefaultConfig() Config {
	return Config{
		Duration: 50 * time.Minute,
		Seed:     1,
		Faults:   -1,
		Services: []Service{
			// The lead: 20 % of the fault-free requests of the first trial failed. Overload
			// through shares alone must be rare (about 2 %), so the rates are low.
			{Name: "checkout", Rate: 42, Classes: classes("/cart", "/quote", "/order"), Endpoints: []Endpoint{
				endpoint("checkout-1", "v1", "z1", 115*time.Millisecond, 4),
				endpoint("checkout-2", "v1", "z2", 115*time.Millisecond, 4),
				endpoint("checkout-3", "v1", "z3", 125*time.Millisecond, 4),
				endpoint("checkout-4", "v2", "z1", 80*time.Millisecond, 3),
				endpoint("checkout-5", "v2", "z2", 80*time.Millisecond, 3),
				endpoint("checkout-6", "v3", "z3", 165*time.Millisecond, 5),
			}},
			{Name: "catalog", Rate: 26, Classes: classes("/item", "/search", "/import"), Endpoints: []Endpoint{
				endpoint("catalog-1", "a", "z1", 150*time.Millisecond, 3),
				endpoint("catalog-2", "a", "z2", 150*time.Millisecond, 3),
				endpoint("catalog-3", "a", "z3", 160*time.Millisecond, 3),
				endpoint("catalog-4", "b", "z1", 220*time.Millisecond, 4),
				endpoint("catalog-5", "b", "z2", 220*time.Millisecond, 4),
			}},
		},
	}
}

func classes(light, normal, heavy string) []Class {
	return []Class{
		{Name: "light", Method: "GET", Path: light, Share: 0.55, Cost: 0.5, Deadline: time.Second},
		{Name: "normal", Method: "GET", Path: normal, Share: 0.35, Cost: 1, Deadline: time.Second},
		{Name: "heavy", Method: "POST", Path: heavy, Share: 0.10, Cost: 3, Deadline: 2 * time.Second},
	}
}

func endpoint(name, subset, zone string, serviceTime time.Duration, workers int) Endpoint {
	return Endpoint{
		Endpoint:    mesh.Endpoint{Name: name, Subset: subset, Zone: zone},
		ServiceTime: serviceTime,
		Workers:     workers,
		Queue:       40,
	}
}

// Validate reports the first setting that cannot be run.
func (c Config) Validate() error {
	switch {
	case c.Out == "":
		return errors.New("no directory for the recording; set Out")
	case c.Duration < 10*time.Second:
		return fmt.Errorf("duration %v is too short; want at least 10s", c.Duration)
	case len(c.Services) == 0:
		return errors.New("no services")
	case len(c.Endpoint) == 0:
		return errors.New("no command that runs an endpoint; set Endpoint")
	}
	seen := map[string]bool{}
	for _, s := range c.Services {
		if err := s.validate(seen); err != nil {
			return fmt.Errorf("service %q: %w", s.Name, err)
		}
	}
	return nil
}

// validate checks s, whose name and endpoints must not be in seen yet.
func (s Service) validate(seen map[string]bool) error {
	names := []string{s.Name}
	if !(s.Rate > 0) || math.IsInf(s.Rate, 0) {
		return fmt.Errorf("rate %v; want a finite number above 0", s.Rate)
	}
	if n := len(s.Endpoints); float64(n)*minShare > 1 || float64(n)*maxShare < 1 {
		return fmt.Errorf("%d endpoints cannot have shares within [%v, %v]", n, minShare, maxShare)
	}
	for _, e := range s.Endpoints {
		if e.ServiceTime <= 0 || e.Workers < 1 || e.Queue < 0 {
			return fmt.Errorf("endpoint %q: want a service time above 0, a worker or more, a queue of 0 or more", e.Name)
		}
		names = append(names, e.Name)
	}
	for _, name := range names {
		if name == "" || seen[name] {
			return fmt.Errorf("name %q is empty or used twice", name)
		}
		seen[name] = true
	}
	sum := 0.0
	for _, c := range s.Classes {
		if !(c.Share >= 0) || !(c.Cost > 0) || c.Deadline <= 0 {
			return fmt.Errorf("class %q: want a share of 0 or more, a cost and a deadline above 0", c.Name)
		}
		sum += c.Share
	}
	if math.Abs(sum-1) > 1e-9 {
		return fmt.Errorf("shares of the classes sum to %v; want 1", sum)
	}
	return nil
}

// stream is a source of randomness of its own for each name, so that drawing
// more of one thing changes nothing else.
func stream(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// between draws uniformly from [low, high).
func between(rng *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(rng.Float64()*float64(high-low))
}
