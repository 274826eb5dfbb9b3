package model

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// Card says where a model comes from and what to think of it.
type Card struct {
	MadeBy     string       `json:"made_by"` // program and version
	Recordings []Provenance `json:"recordings"`
	Seed       uint64       `json:"seed"`
	Figures    Figures      `json:"figures,omitempty"`
	Notes      []string     `json:"notes,omitempty"` // such as "catalog: no choice, not trained"
	// Unidentified are the services whose loads never varied: their load
	// effect could not be learned.
	Unidentified []string `json:"unidentified,omitempty"`
	// Levels holds what was usual in training, by service and endpoint; an
	// endpoint without an entry was not in the recordings.
	Levels map[string]map[string]Level `json:"levels,omitempty"`
}

// Identifies reports whether training could tell the effect of a service's
// load. Of a service that training saw, its own history says so. One network
// serves all services: for one that training did not see, the others answer,
// if of those with a choice at least half the windows had loads that varied. A
// card without levels (a network from elsewhere) knows nothing, and allows it.
func (c *Card) Identifies(service string) bool {
	if slices.Contains(c.Unidentified, service) {
		return false
	}
	if _, seen := c.Levels[service]; seen {
		return true
	}
	varied, all := 0, 0
	for name, endpoints := range c.Levels {
		if len(endpoints) < 2 {
			continue
		}
		windows := 0
		for _, level := range endpoints {
			windows += level.Windows
		}
		all += windows
		if !slices.Contains(c.Unidentified, name) {
			varied += windows
		}
	}
	return 2*varied >= all
}

// Provenance is one recording that a model was trained on.
type Provenance struct {
	Path     string    `json:"path"`
	Services []string  `json:"services"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	SHA256   string    `json:"sha256"` // hexadecimal
	Split    Split     `json:"split"`
}

// Split says which part of a recording's time was used for what; the gaps
// between the parts were not used at all. A part may have no time at all.
type Split struct {
	TrainEnd        time.Time `json:"train_end"`
	ValidationStart time.Time `json:"validation_start"`
	ValidationEnd   time.Time `json:"validation_end"`
	TestStart       time.Time `json:"test_start"`
}

// Level is what was usual of an endpoint in training.
type Level struct {
	LatencySeconds float64 `json:"latency_seconds"` // median of latency_ref_seconds
	CapacityRPS    float64 `json:"capacity_rps"`    // median
	Windows        int     `json:"windows"`         // that it was seen in
}

// Figures are measurements by name, such as "test.cost_seconds".
type Figures map[string]float64

// MarshalJSON writes what JSON has no number for as "NaN", "+Inf", "-Inf".
func (f Figures) MarshalJSON() ([]byte, error) {
	values := make(map[string]any, len(f))
	for name, v := range f {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			values[name] = fmt.Sprintf("%+v", v)
		} else {
			values[name] = v
		}
	}
	return json.Marshal(values)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (f *Figures) UnmarshalJSON(text []byte) error {
	var values map[string]any
	if err := json.Unmarshal(text, &values); err != nil {
		return err
	}
	*f = make(Figures, len(values))
	for name, value := range values {
		switch v := value.(type) {
		case float64:
			(*f)[name] = v
		case string:
			n, ok := map[string]float64{"NaN": math.NaN(), "+Inf": math.Inf(1), "-Inf": math.Inf(-1)}[v]
			if !ok {
				return fmt.Errorf("figure %q is %q; want a number, or NaN, +Inf, -Inf in quotes", name, v)
			}
			(*f)[name] = n
		default:
			return fmt.Errorf("figure %q is %v; want a number", name, v)
		}
	}
	return nil
}
