package prom

import (
	"context"

	"github.com/fairway-mesh/fairway/mesh"
)

// Missing is a metric that a query names and the source does not have.
type Missing struct {
	Series      string   // of the schema
	Metric      string   // what its query names
	Suggestions []string // metrics of the source with similar names
}

// Misfit says that a source has nothing of what a schema asks for.
type Misfit struct {
	Schema  string
	Missing []Missing
}

func (m *Misfit) Error() string { return "" }

// Check returns the metrics that the schema's queries name and src lacks.
func Check(ctx context.Context, src Source, s *mesh.Schema) ([]Missing, error) { return nil, nil }

// Detect returns the built-in schema that fits src.
func Detect(ctx context.Context, src Source) (*mesh.Schema, error) { return nil, nil }
