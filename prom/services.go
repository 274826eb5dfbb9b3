package prom

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// Services names the services that the schema's first query finds at a time,
// sorted.
func Services(ctx context.Context, src Source, s *mesh.Schema, at time.Time) ([]string, error) {
	first := s.Series[max(s.Index(mesh.RequestRate), 0)]
	rows, err := src.Range(ctx, withRange(first.Query, s.Range), at, at, 0)
	if err != nil {
		return nil, fmt.Errorf("schema %s, series %s: %w", s.Name, first.Name, err)
	}
	var names []string
	for _, row := range rows {
		if name := row.Labels[s.Labels.Service]; name != "" && row.Labels[s.Labels.Endpoint] != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
