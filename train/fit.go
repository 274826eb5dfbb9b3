// Package train learns a model from recordings: frames and their later
// answers in, a model and a report out. It is the only room with gorgonia.
package train

import (
	"context"

	"github.com/fairway-mesh/fairway/model"
)

// Fit learns from set. One Fit at a time: Gorgonia's graphs share a counter,
// so concurrent calls wait for each other.
func Fit(ctx context.Context, set *Set, cfg Config) (*model.Model, *Report, error) {
	return nil, nil, nil
}
