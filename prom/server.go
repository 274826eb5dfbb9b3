package prom

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// Server is a live source: a Prometheus, or what speaks its HTTP API. It may
// be used by several goroutines at once. What counts as alive is up to the
// server: a Prometheus marks series stale when a target vanishes.
type Server struct {
	api v1.API
	url string // without credentials, for errors
}

// Dial returns the server at a URL such as http://127.0.0.1:9090; a user and
// password in it are sent as basic authentication. Nothing is sent yet.
func Dial(address string) (*Server, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("the URL of Prometheus: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("the URL of Prometheus is %q; want one such as http://127.0.0.1:9090", u.Redacted())
	}
	client, err := api.NewClient(api.Config{Address: address})
	if err != nil {
		return nil, fmt.Errorf("the URL of Prometheus: %w", err)
	}
	return &Server{api: v1.NewAPI(client), url: u.Redacted()}, nil
}

// Range implements Source.
func (s *Server) Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Matrix, error) {
	n := steps(start, end, step)
	var result model.Value
	var err error
	if n == 1 {
		result, _, err = s.api.Query(ctx, expr, start)
	} else {
		result, _, err = s.api.QueryRange(ctx, expr, v1.Range{Start: start, End: end, Step: step})
	}
	if err != nil {
		return nil, fmt.Errorf("%s: query %q: %w", s.url, expr, explain(err))
	}
	var answer Matrix
	switch result := result.(type) {
	case model.Vector:
		for _, x := range result {
			answer = append(answer, Row{Labels: labelMap(x.Metric), Values: []float64{float64(x.Value)}})
		}
	case model.Matrix:
		for _, x := range result {
			row := Row{Labels: labelMap(x.Metric), Values: unknown(n)}
			for _, p := range x.Values {
				if i := int64(p.Timestamp.Time().Sub(start)+step/2) / int64(step); i >= 0 && i < int64(n) {
					row.Values[i] = float64(p.Value)
				}
			}
			answer = append(answer, row)
		}
	default:
		return nil, fmt.Errorf("%s: query %q gives a %s; want an instant vector", s.url, expr, result.Type())
	}
	return answer, nil
}

// Metrics implements Source.
func (s *Server) Metrics(ctx context.Context) ([]string, error) {
	values, _, err := s.api.LabelValues(ctx, model.MetricNameLabel, nil, time.Time{}, time.Time{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.url, explain(err))
	}
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = string(v)
	}
	slices.Sort(names)
	return names, nil
}

// explain adds what the server itself said, which the error leaves out.
func explain(err error) error {
	if e, ok := err.(*v1.Error); ok && e.Detail != "" {
		return fmt.Errorf("%w (%s)", err, short(e.Detail))
	}
	return err
}

func labelMap(m model.Metric) map[string]string {
	l := make(map[string]string, len(m))
	for name, v := range m {
		l[string(name)] = string(v)
	}
	return l
}
