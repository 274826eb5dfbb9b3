package prom

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
)

// Server is a live source: a Prometheus, or what speaks its HTTP API, such as
// Thanos, Mimir and VictoriaMetrics. It may be used by several goroutines at
// once. What counts as alive is up to the server: a Prometheus marks series
// stale when a target vanishes, VictoriaMetrics goes by each series' own
// scrape interval. An answer of which the server itself says that it is not
// complete is an error. VictoriaMetrics gives values of the last 30 s as the
// ones before (-search.latencyOffset): serve from it with that set lower.
type Server struct {
	api    v1.API
	wire   *wire // beneath api
	http   *http.Client
	url    string // without credentials, for errors
	limits Limits

	mu      sync.Mutex
	remarks []string
}

// Connect returns the server of a connection, to be asked within limits; a user
// and password in its URL are sent as basic authentication. Nothing is sent yet.
func Connect(c *Connection, l Limits) (*Server, error) {
	u, err := c.url()
	if err != nil {
		return nil, err
	}
	if err := l.Validate(); err != nil {
		return nil, err
	}
	httpClient, err := config.NewClientFromConfig(c.HTTP, "fairway", config.WithUserAgent("fairway"))
	if err != nil {
		return nil, fmt.Errorf("%s: http: %w", shown(u), err)
	}
	httpClient.Transport = unpacking{httpClient.Transport, longestAnswer}
	client, err := api.NewClient(api.Config{Address: c.Address, Client: httpClient})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", shown(u), err)
	}
	w := newWire(client, l)
	return &Server{api: v1.NewAPI(w), wire: w, http: httpClient, url: shown(u), limits: l}, nil
}

// String is the URL without credentials.
func (s *Server) String() string { return s.url }

// Close ends idle connections.
func (s *Server) Close() error {
	s.http.CloseIdleConnections()
	return nil
}

// Now is the time of the server's clock.
func (s *Server) Now(ctx context.Context) (time.Time, error) {
	result, warnings, err := s.api.Query(ctx, "time()", time.Time{})
	if err = s.sound(err, warnings); err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", s.url, err)
	}
	// Prometheus answers a scalar, VictoriaMetrics a vector.
	seconds := math.NaN()
	switch result := result.(type) {
	case *model.Scalar:
		if result != nil {
			seconds = float64(result.Value)
		}
	case model.Vector:
		if len(result) == 1 && result[0] != nil {
			seconds = float64(result[0].Value)
		}
	}
	const latest = 1e11 // the year 5138: what is far from it is no time
	if !(seconds >= 0 && seconds < latest) {
		return time.Time{}, fmt.Errorf("%s: the server does not say what time it is", s.url)
	}
	return time.UnixMilli(int64(seconds * 1000)).UTC(), nil
}

// Metrics implements Source.
func (s *Server) Metrics(ctx context.Context) ([]string, error) {
	return s.metrics(ctx, time.Time{}, time.Time{})
}

func (s *Server) metrics(ctx context.Context, start, end time.Time) ([]string, error) {
	values, warnings, err := s.api.LabelValues(ctx, model.MetricNameLabel, nil, start, end)
	if err = s.sound(err, warnings); err != nil {
		return nil, fmt.Errorf("%s: %w", s.url, err)
	}
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = string(v)
	}
	slices.Sort(names)
	return names, nil
}

func labelMap(m model.Metric) map[string]string {
	l := make(map[string]string, len(m))
	for name, v := range m {
		l[string(name)] = string(v)
	}
	return l
}
