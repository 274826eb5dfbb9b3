package lab

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Spec is all that an endpoint process is told.
type Spec struct {
	Endpoint
	Classes []Class
	Seed    uint64
	Light   bool // see Config
}

// Headers between the load, HAProxy and the endpoints.
const (
	askedHeader    = "X-Fairway-Endpoint"
	answeredHeader = "X-Fairway-Answered-By"
)

// knobsPath is where an endpoint is told what is wrong with it.
const knobsPath = "/lab/knobs"

// ServeEndpoint runs one endpoint on spec.Address until ctx ends. It serves
// the paths of its classes, /metrics, and the knobs of its faults.
func ServeEndpoint(ctx context.Context, spec Spec) error {
	server := &http.Server{Addr: spec.Address, Handler: newEndpoint(spec), ReadHeaderTimeout: 10 * time.Second}
	stopped := context.AfterFunc(ctx, func() { server.Close() })
	defer stopped()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("endpoint %s: %w", spec.Name, err)
	}
	return nil
}

// served answers requests: it queues them, takes its time, and fails when
// its knobs say so.
type served struct {
	spec    Spec
	classes map[string]Class // by method and path
	pool    pool
	metrics *endpointMetrics

	mu     sync.Mutex
	rng    *rand.Rand
	knobs  Knobs
	leaked [][]byte
}

func newEndpoint(spec Spec) http.Handler {
	e := &served{
		spec:    spec,
		classes: map[string]Class{},
		pool:    pool{workers: spec.Workers, queue: spec.Queue},
		rng:     stream(spec.Seed, "endpoint/"+spec.Name),
	}
	for _, c := range spec.Classes {
		e.classes[c.Method+" "+c.Path] = c
	}
	e.metrics = newEndpointMetrics(&e.pool)
	paths := http.NewServeMux()
	paths.Handle("GET /metrics", promhttp.HandlerFor(e.metrics.registry, promhttp.HandlerOpts{}))
	paths.HandleFunc("PUT "+knobsPath, e.turn)
	paths.HandleFunc("/", e.answer)
	return paths
}

// turn sets the knobs.
func (e *served) turn(w http.ResponseWriter, r *http.Request) {
	var k Knobs
	if err := json.NewDecoder(r.Body).Decode(&k); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	e.pool.spoil(time.Now(), k.LostWorkers, k.HeldWorkers)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.knobs = k
	for len(e.leaked) < k.LeakedMB {
		page := make([]byte, 1<<20)
		for i := range page {
			page[i] = byte(i) // memory that is never written is never resident
		}
		e.leaked = append(e.leaked, page)
	}
	e.leaked = e.leaked[:min(len(e.leaked), k.LeakedMB)]
}

func (e *served) answer(w http.ResponseWriter, r *http.Request) {
	arrived := time.Now()
	class, known := e.classes[r.Method+" "+r.URL.Path]
	if !known {
		http.NotFound(w, r)
		return
	}
	e.metrics.inFlight.Inc()
	code := e.work(arrived, class)
	e.metrics.inFlight.Dec()
	w.Header().Set(answeredHeader, e.spec.Name)
	w.WriteHeader(code)
	e.metrics.duration.Observe(time.Since(arrived).Seconds())
	e.metrics.requests.WithLabelValues(class.Name, strconv.Itoa(code)).Inc()
}

// work takes the time that a request takes, and returns its status. It goes on
// when the client has given up: real servers behind a proxy do.
func (e *served) work(now time.Time, class Class) int {
	if knobs, luck, _ := e.draw(); luck < knobs.FastFailure {
		time.Sleep(time.Millisecond)
		return http.StatusServiceUnavailable
	}
	turn, ok := e.pool.enter(now)
	if !ok {
		return http.StatusServiceUnavailable
	}
	<-turn
	begun := time.Now()
	defer func() { e.pool.leave(time.Now()) }()
	knobs, luck, spread := e.draw()
	nominal := e.spec.ServiceTime.Seconds() * class.Cost * spread
	if !e.spec.Light {
		burn(nominal)
	}
	took := time.Duration(nominal * max(1, knobs.Slowdown) * float64(time.Second))
	time.Sleep(took - time.Since(begun))
	if luck < knobs.ErrorRatio {
		return http.StatusInternalServerError
	}
	return http.StatusOK
}

// spreadSigma makes service times vary as a log-normal does.
const spreadSigma = 0.4

// draw returns the knobs as they are, a uniform number and a factor of mean 1.
func (e *served) draw() (knobs Knobs, luck, spread float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.knobs, e.rng.Float64(), math.Exp(spreadSigma*e.rng.NormFloat64() - spreadSigma*spreadSigma/2)
}

// burn uses the processor for about a hundredth of the seconds: the work, not
// the time, is fixed, so that a busy machine does not change the CPU metrics.
func burn(seconds float64) {
	var block [1024]byte
	for range int(seconds * 8000) {
		sum := sha256.Sum256(block[:])
		copy(block[:], sum[:])
	}
}
