// Package features turns windows into frames: windows in, feature rows out.
package features

import "github.com/fairway-mesh/fairway/mesh"

// Extractor holds the memory behind the features.
type Extractor struct{ cfg Config }

// New returns an extractor without memory.
func New(cfg Config) *Extractor { return &Extractor{cfg: cfg} }

// Push advances the service of w by one window.
func (x *Extractor) Push(w mesh.Window) (*Frame, error) { return &Frame{Window: w}, nil }

// MarshalBinary saves the memory.
func (x *Extractor) MarshalBinary() ([]byte, error) { return nil, nil }

// UnmarshalBinary restores a saved memory.
func (x *Extractor) UnmarshalBinary(data []byte) error { return nil }
