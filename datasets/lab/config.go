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
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
)

// Config says what is recorded.
type Config struct {
	Out      string        // directory of the recording; must not exist yet
	Duration time.Duration // of the load
	Seed     uint64
	// Faults is how many are injected; negative: as many as suit the duration.
	Faults   int
	Part     datasets.Part // what the recording is for; None: to be cut by time
	Services []Service
	Scrape   time.Duration // how often Prometheus reads the mesh
	// Light endpoints wait where others use the processor for a hundredth of their time.
	Light bool
	// EndpointCommand runs ServeEndpoint; the Spec is appended as one more
	// argument, in JSON. The program's path is absolute or found in PATH.
	EndpointCommand []string
	MadeBy          string // goes into the manifest
	// MaxSendDelay bounds how late requests may be sent, at the 99th
	// percentile. What is sent later than that does not follow the plan.
	MaxSendDelay time.Duration
	// MinKept is the least that is worth keeping of an interrupted recording.
	MinKept time.Duration
	// Choose names the endpoint of a request, as a proxy would that asks a decision
	// service; nil, or an empty name: the one that was drawn. Done is told what
	// became of each request; nil: nobody is. Both are called by many goroutines at
	// once, and only by Drive: a recording knows the propensities of its choices.
	Choose func(service string, c Class) (endpoint string)
	Done   func(Answer)
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

// DefaultConfig has two services. Each is sized so that an endpoint with an
// equal share is busy for about a fifth of its capacity, and one with the
// largest share is overloaded when a burst falls on the height of the day, and
// hardly before. With loads twice as high a fifth of the requests failed
// without any fault. Nobody who is well takes a second, the origin's limit of
// the tail, for one request in a hundred, and no decoy makes him.
func DefaultConfig() Config {
	return Config{
		Duration: 50 * time.Minute,
		Seed:     1,
		Faults:   -1,

		MaxSendDelay: 20 * time.Millisecond,
		MinKept:      2 * time.Minute,
		Scrape:       2 * time.Second,

		Services: []Service{
			{Name: "checkout", Rate: 78, Classes: classes("/cart", "/quote", "/order"), Endpoints: []Endpoint{
				endpoint("checkout-1", "v1", "z1", 58*time.Millisecond, 4),
				endpoint("checkout-2", "v1", "z2", 58*time.Millisecond, 4),
				endpoint("checkout-3", "v1", "z3", 62*time.Millisecond, 4),
				endpoint("checkout-4", "v2", "z1", 40*time.Millisecond, 3),
				endpoint("checkout-5", "v2", "z2", 40*time.Millisecond, 3),
				endpoint("checkout-6", "v3", "z3", 82*time.Millisecond, 5),
			}},
			{Name: "catalog", Rate: 48, Classes: classes("/item", "/search", "/import"), Endpoints: []Endpoint{
				endpoint("catalog-1", "a", "z1", 75*time.Millisecond, 3),
				endpoint("catalog-2", "a", "z2", 75*time.Millisecond, 3),
				endpoint("catalog-3", "a", "z3", 80*time.Millisecond, 3),
				endpoint("catalog-4", "b", "z1", 110*time.Millisecond, 4),
				endpoint("catalog-5", "b", "z2", 110*time.Millisecond, 4),
			}},
		},
	}
}

func classes(light, normal, heavy string) []Class {
	return []Class{
		{Name: "light", Method: "GET", Path: light, Share: 0.55, Cost: 0.5, Deadline: time.Second},
		{Name: "normal", Method: "GET", Path: normal, Share: 0.35, Cost: 1, Deadline: time.Second},
		{Name: "heavy", Method: "POST", Path: heavy, Share: 0.10, Cost: 2.5, Deadline: 2 * time.Second},
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

// addresses is how many the mesh needs: one per service and endpoint, and two
// where Prometheus and HAProxy tell their metrics.
func (c Config) addresses() int {
	n := 2
	for _, s := range c.Services {
		n += 1 + len(s.Endpoints)
	}
	return n
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
