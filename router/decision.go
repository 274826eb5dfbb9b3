package router

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router/health"
	"github.com/fairway-mesh/fairway/router/picker"
)

// Source says who set the weights of the endpoints.
type Source uint8

const (
	SourceDefault Source = iota // no rule matched
	SourceRules                 // the rules, or a fixed formula that stands in for them
	SourceModel                 // what was learned
)

// String is the name that the API and the metrics use.
func (s Source) String() string { return [...]string{"DEFAULT", "RULES", "MODEL"}[s%3] }

// Reason says why a policy declined, or why there is nothing to choose. It is
// an error, so that a policy returns it and errors.Is finds it.
type Reason string

// The closed set of reasons.
const (
	WarmUp          Reason = "warm_up"                      // too few windows of the service so far
	Stale           Reason = "stale"                        // the metrics are too old; or there are none, and discovery does not answer
	NoModel         Reason = "no_model"                     // none loaded, or it has no routing network
	SchemaMismatch  Reason = "schema_mismatch"              // the frame lacks what the model was trained on
	NotFinite       Reason = "not_finite"                   // the model answered with NaN or infinity
	Unfamiliar      Reason = "unfamiliar"                   // the frame is far from what the model was trained on
	Disagreement    Reason = "disagreement"                 // the networks of the model's ensemble are too far apart
	NotIdentifiable Reason = "load_effect_not_identifiable" // the load never varied in the recording
	NoEndpoints     Reason = "no_endpoints"                 // nowhere to send a request
	ShadowOnly      Reason = "shadow"                       // the model is only listened to
	Fault           Reason = "fault"                        // the policy failed; the text is in Notes
)

// Error is the reason's name, so that it prints as that everywhere.
func (r Reason) Error() string { return string(r) }

// declinef is a reason with its particulars.
func declinef(r Reason, format string, args ...any) error {
	return fmt.Errorf("%w: %s", r, fmt.Sprintf(format, args...))
}

// Decision is what a policy wants done with a service, and why. A policy
// fills it; its slices are reused by the next Decide, so copy what is kept.
type Decision struct {
	Service string
	Time    time.Time     // when it was decided, from the frame
	Age     time.Duration // of the metrics, at Time
	// Endpoints are those of the frame, in its order; all slices below are in
	// step with them, or empty.
	Endpoints []mesh.Endpoint
	Weights   mesh.Weights
	Source    Source
	Policy    string // the policy that set the weights
	Model     string // name and version of the model that was asked, if any
	// Reason is why a policy that was asked first declined; empty when none did.
	Reason      Reason
	Predictions []predict.Prediction // at the load that the weights cause
	Failures    []predict.Failure
	Ejected     []bool // gets no traffic
	Held        []bool // gets the floor weight: it fails too, and no more may be ejected
	// Carries marks those that get traffic although others are readier by what discovery
	// says: see Eject.
	Carries []bool
	// Drains is what forecasts take from each endpoint; zero where they take nothing.
	Drains []Drain
	// Health is what checks, traffic and forecast say of each endpoint together;
	// Unknown where nobody asked.
	Health []health.Status
	// Newcomers are endpoints that were discovered and that no window has shown yet, in
	// the order of their names, where they get more or less than their peers' mean:
	// because of a slow start of their own, or of the peers'.
	Newcomers []Newcomer
	// Board is what pickers that read a board are told; empty where the policy
	// has nothing to tell.
	Board picker.Board
	Notes []string
}

// reset makes d the empty decision for f, with weights 0.
func (d *Decision) reset(f *features.Frame) {
	n := len(f.Endpoints)
	*d = Decision{
		Service: f.Service, Time: f.Time, Age: metricsAge(f),
		Endpoints:   append(d.Endpoints[:0], f.Endpoints...),
		Weights:     sized(d.Weights, n),
		Predictions: d.Predictions[:0],
		Failures:    d.Failures[:0],
		Drains:      sized(d.Drains, n),
		Health:      sized(d.Health, n),
		Ejected:     sized(d.Ejected, n),
		Held:        sized(d.Held, n),
		Carries:     sized(d.Carries, n),
		Board:       d.Board,
		Newcomers:   d.Newcomers[:0],
		Notes:       d.Notes[:0],
	}
	clear(d.Weights)
	clear(d.Drains)
	clear(d.Health)
	clear(d.Ejected)
	clear(d.Held)
	clear(d.Carries)
	d.Board.Clear()
}

// metricsAge is how old the metrics are that f rests on: the age of its window,
// or of the newest sample where the schema asks for that. A server can answer
// in time with what it scraped long ago.
func metricsAge(f *features.Frame) time.Duration {
	age := f.Time.Sub(f.End)
	if x := newest(f); !math.IsInf(x, 0) {
		age = max(age, time.Duration(x*float64(time.Second)))
	}
	return age
}

// newest is the age in seconds of the newest sample that the window knows of,
// +Inf when it knows of none.
func newest(f *features.Frame) float64 {
	age := math.Inf(1)
	if f.Schema == nil { // nobody has seen anything: the rules name the endpoints
		return age
	}
	for i := range f.Endpoints {
		if x := f.At(i, mesh.Age); x < age {
			age = x
		}
	}
	return age
}

// Clone returns a copy that outlives the next Decide.
func (d *Decision) Clone() Decision {
	c := *d
	c.Endpoints = slices.Clone(d.Endpoints)
	c.Weights = slices.Clone(d.Weights)
	c.Predictions = slices.Clone(d.Predictions)
	c.Failures = slices.Clone(d.Failures)
	c.Drains = slices.Clone(d.Drains)
	c.Health = slices.Clone(d.Health)
	c.Ejected = slices.Clone(d.Ejected)
	c.Held = slices.Clone(d.Held)
	c.Carries = slices.Clone(d.Carries)
	c.Board = d.Board.Clone()
	c.Newcomers = slices.Clone(d.Newcomers)
	c.Notes = slices.Clone(d.Notes)
	return c
}

// Newcomer is an endpoint that gets Part times its peers' mean weight.
type Newcomer struct {
	Endpoint string
	Part     float64
}

// begins is the part of its peers' mean that an endpoint gets of which no window has
// shown anything.
func (d *Decision) begins(endpoint string) float64 {
	i, is := slices.BinarySearchFunc(d.Newcomers, endpoint, func(n Newcomer, name string) int { return strings.Compare(n.Endpoint, name) })
	if !is {
		return 1
	}
	return d.Newcomers[i].Part
}

// Policy sets the weights of a service's endpoints, once per window.
//
// Decide fills dst, or declines with a Reason (found with errors.As), or fails
// with any other error. The frame's Time may be later than when it was made:
// its metrics have aged by that much. A Policy may keep memory and scratch;
// use one from one goroutine.
type Policy interface {
	Name() string
	Decide(dst *Decision, f *features.Frame) error
}
