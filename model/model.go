// Package model is what was learned: parameters, the schema, timing and
// objective they hold for, their scaling and calibration, and a card that says
// where all of it comes from. One file holds a model; a registry holds its
// versions.
package model

import (
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// Format names the layout of a model's header.
const Format = "fairway-model/1"

// Version counts the models of a registry from 1; 0 is a model that was never
// published.
type Version uint64

// Model is everything that serving needs to know of what was learned. It is
// not written after it was made, so it may be shared.
type Model struct {
	Format    string         `json:"format"` // Format
	Name      string         `json:"name"`
	Version   Version        `json:"version,omitempty"`
	Created   time.Time      `json:"created"`
	Schema    mesh.Schema    `json:"schema"` // the frames must come from one with the same hash
	Timing    mesh.Timing    `json:"timing"`
	Objective mesh.Objective `json:"objective"`
	// Features is how the frames were made; see FeatureConfig.
	Features *features.Config `json:"features,omitempty"`
	// Routing predicts what each endpoint would answer, Failure when it may
	// fail. Either may be nil, not both.
	Routing *Network `json:"routing,omitempty"`
	Failure *Hazard  `json:"failure,omitempty"`
	Card    Card     `json:"card"`
}

// FeatureConfig is the Config of the extractor whose frames the model
// understands: the one it was trained with or, where none was kept, the
// default with the model's horizon and objective.
func (m *Model) FeatureConfig() features.Config {
	if m.Features != nil {
		return *m.Features
	}
	cfg := features.DefaultConfig()
	cfg.Horizon, cfg.Objective = m.Timing.Horizon, m.Objective
	return cfg
}
