package prom

import (
	"context"
	"time"
)

// Server is a live source: a Prometheus, or what speaks its HTTP API.
type Server struct{}

// Dial returns the server at the given URL. It does not connect yet.
func Dial(url string) (*Server, error) { return nil, nil }

func (s *Server) Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Matrix, error) {
	return nil, nil
}
func (s *Server) Metrics(ctx context.Context) ([]string, error) { return nil, nil }
