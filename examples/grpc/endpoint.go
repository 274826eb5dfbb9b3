package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/orca"
	"google.golang.org/grpc/status"
)

// What an endpoint can do: workers requests at once, each for a random time.
const (
	workers  = 4
	slowdown = 6.0
)

// service are the mean times of the endpoints; the last two are of an older version.
var service = []time.Duration{20 * time.Millisecond, 20 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond, 40 * time.Millisecond}

// endpoint answers health checks, which here stand for work, and tells Prometheus how
// it fares in the words of the schema "fleet".
type endpoint struct {
	grpc_health_v1.UnimplementedHealthServer
	name, subset     string
	address, metrics string
	mean             time.Duration
	slow             atomic.Bool
	served           atomic.Int64
	free             chan struct{}
	mu               sync.Mutex
	random           *rand.Rand

	requests *prometheus.CounterVec
	duration prometheus.Histogram
	inFlight prometheus.Gauge
	busy     prometheus.Counter
	close    func()
}

type fleet []*endpoint

func startFleet(seed uint64) (all fleet, err error) {
	for i, mean := range service {
		e := &endpoint{name: "e" + strconv.Itoa(i+1), subset: "v1", mean: mean, free: make(chan struct{}, workers), random: rand.New(rand.NewPCG(seed, uint64(i)))}
		if i >= 3 {
			e.subset = "v2"
		}
		if err := e.start(); err != nil {
			all.stop()
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

func (f fleet) stop() {
	for _, e := range f {
		e.close()
	}
}

func (e *endpoint) start() error {
	e.requests = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "http_server_requests_total", Help: "Requests answered."}, []string{"code"})
	e.duration = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "http_server_request_duration_seconds", Help: "From arrival to answer.",
		Buckets: []float64{.005, .01, .025, .05, .075, .1, .15, .25, .4, .65, 1, 1.5, 2.5, 5}})
	e.inFlight = prometheus.NewGauge(prometheus.GaugeOpts{Name: "http_server_in_flight_requests", Help: "Served or waiting."})
	e.busy = prometheus.NewCounter(prometheus.CounterOpts{Name: "http_server_workers_busy_seconds_total", Help: "Seconds that workers were busy."})
	pool := prometheus.NewGauge(prometheus.GaugeOpts{Name: "http_server_workers", Help: "Workers."})
	pool.Set(workers)
	reg := prometheus.NewRegistry()
	reg.MustRegister(e.requests, e.duration, e.inFlight, e.busy, pool)
	calls, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	scrapes, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, calls.Close())
	}
	e.address, e.metrics = calls.Addr().String(), scrapes.Addr().String()
	server := grpc.NewServer(orca.CallMetricsServerOption(nil))
	grpc_health_v1.RegisterHealthServer(server, e)
	web := &http.Server{Handler: promhttp.HandlerFor(reg, promhttp.HandlerOpts{}), ReadHeaderTimeout: time.Second}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(calls) })
	running.Go(func() { _ = web.Serve(scrapes) })
	e.close = func() { server.Stop(); _ = web.Close(); running.Wait() }
	return nil
}

// Check takes its turn at a worker and then its time, and says how busy it is.
func (e *endpoint) Check(ctx context.Context, _ *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	began := time.Now()
	e.served.Add(1)
	e.inFlight.Inc()
	defer func() {
		e.inFlight.Dec()
		e.duration.Observe(time.Since(began).Seconds())
	}()
	select {
	case e.free <- struct{}{}:
		defer func() { <-e.free }()
	case <-ctx.Done():
		e.requests.WithLabelValues("503").Inc()
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	took := e.takes()
	select {
	case <-time.After(took):
	case <-ctx.Done():
		e.requests.WithLabelValues("503").Inc()
		return nil, status.Error(codes.DeadlineExceeded, "nobody waits any more")
	}
	e.busy.Add(took.Seconds())
	e.requests.WithLabelValues("200").Inc()
	if r := orca.CallMetricsRecorderFromContext(ctx); r != nil {
		r.SetApplicationUtilization(float64(len(e.free)) / workers)
	}
	return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}, nil
}

// takes is a time around the mean, half of it fixed.
func (e *endpoint) takes() time.Duration {
	e.mu.Lock()
	x := 0.5 + 0.5*e.random.ExpFloat64()
	e.mu.Unlock()
	if e.slow.Load() {
		x *= slowdown
	}
	return time.Duration(x * float64(e.mean))
}
