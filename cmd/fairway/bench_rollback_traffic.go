package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fairway-mesh/fairway/datasets/lab"
)

// traffic is what became of the lab's requests. It is safe for concurrent use.
type traffic struct {
	mu      sync.Mutex
	answers []lab.Answer
}

func (t *traffic) done(a lab.Answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers = append(t.answers, a)
}

// met is what requests of a time met.
type met struct {
	requests   int
	mean, p99  float64 // ms; a failed request counts as it took
	failed     float64 // part
	byEndpoint map[string]int
}

// shares are the endpoints' parts of all requests, in percent.
func (m *met) shares() string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(m.byEndpoint)) {
		texts = append(texts, fmt.Sprintf("%s %d", name, 100*m.byEndpoint[name]/m.requests))
	}
	return strings.Join(texts, ", ")
}

// between sums up the requests that were to be sent from one time to another.
func (t *traffic) between(from, to time.Time) met {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := met{mean: math.NaN(), p99: math.NaN(), byEndpoint: map[string]int{}}
	var took []float64
	for _, a := range t.answers {
		if a.At.Before(from) || !a.At.Before(to) {
			continue
		}
		took = append(took, 1e3*a.Latency.Seconds())
		m.byEndpoint[a.Endpoint]++
		if a.Failed() {
			m.failed++
		}
	}
	if m.requests = len(took); m.requests == 0 {
		return m
	}
	slices.Sort(took)
	sum := 0.0
	for _, x := range took {
		sum += x
	}
	m.mean, m.failed = sum/float64(len(took)), m.failed/float64(len(took))
	m.p99 = took[(99*len(took)+99)/100-1]
	return m
}
