package xds

import (
	"math"
	"net"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"github.com/prometheus/client_golang/prometheus"
)

// maxMeasures bounds the metrics of one endpoint: their names are an endpoint's own.
const maxMeasures = 16

// maxName bounds the name of a metric.
const maxName = 64

// loads adds up what all clients report. It is safe for concurrent use.
type loads struct {
	mu     sync.Mutex
	places map[place]*sum
}

type sum struct {
	ok, failed uint64
	measures   map[string]*measure
}

func newLoads() *loads { return &loads{places: map[place]*sum{}} }

func (l *loads) add(at place, r *report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.places[at]
	if s == nil {
		s = &sum{measures: map[string]*measure{}}
		l.places[at] = s
	}
	s.ok, s.failed = s.ok+r.ok, s.failed+r.failed
	for _, m := range r.measures {
		if m.name == "" || len(m.name) > maxName || !utf8.ValidString(m.name) || !(m.sum >= 0) || math.IsInf(m.sum, 0) || m.count > 1<<32 {
			continue
		}
		own := s.measures[m.name]
		if own == nil {
			if len(s.measures) == maxMeasures {
				continue
			}
			own = &measure{name: m.name}
			s.measures[m.name] = own
		}
		own.count, own.sum = own.count+m.count, own.sum+m.sum
	}
}

var (
	requestsDesc = prometheus.NewDesc("fairway_xds_requests_total",
		"Requests that clients reported by xDS, by how they ended.", []string{"service", "endpoint", "result"}, nil)
	sumDesc = prometheus.NewDesc("fairway_xds_load_sum",
		"Sum of a metric that endpoints reported beside their answers (ORCA).", []string{"service", "endpoint", "metric"}, nil)
	countDesc = prometheus.NewDesc("fairway_xds_load_count",
		"Answers that brought the metric.", []string{"service", "endpoint", "metric"}, nil)
)

// Describe implements prometheus.Collector.
func (s *Server) Describe(to chan<- *prometheus.Desc) {
	to <- requestsDesc
	to <- sumDesc
	to <- countDesc
}

// Collect implements prometheus.Collector. An endpoint that has left the table is
// forgotten here.
func (s *Server) Collect(to chan<- prometheus.Metric) {
	look := s.table.Look()
	s.loads.mu.Lock()
	defer s.loads.mu.Unlock()
	for at, sum := range s.loads.places {
		if _, known := slices.BinarySearchFunc(look.Load(at.service).Endpoints, at.endpoint, byName); !known {
			delete(s.loads.places, at)
			continue
		}
		counted := func(d *prometheus.Desc, n float64, label string) {
			to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, n, at.service, at.endpoint, label)
		}
		counted(requestsDesc, float64(sum.ok), "ok")
		counted(requestsDesc, float64(sum.failed), "failed")
		for name, m := range sum.measures {
			counted(sumDesc, m.sum, name)
			counted(countDesc, float64(m.count), name)
		}
	}
}

func dial(one *endpointv3.UpstreamEndpointStats) string {
	a := one.GetAddress().GetSocketAddress()
	return net.JoinHostPort(a.GetAddress(), strconv.Itoa(int(a.GetPortValue())))
}
