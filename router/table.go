package router

import (
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

// Answer is where one request should go, and why.
type Answer struct {
	Route        string
	Subset       string
	Endpoint     int // position in Routes.Endpoints, −1 when there is none
	Priority     int
	Retries      int
	Timeout      time.Duration
	Source       Source
	Reason       Reason
	Policy       string
	Model        string
	RulesVersion string
	TableVersion uint64
	Propensity   float64      // the exact probability of this endpoint under this route
	Weights      mesh.Weights // of the route, over Routes.Endpoints; shared, do not write
	MetricsTime  time.Time    // the end of the window that was decided upon; zero when none was
	Decided      time.Time
	TTL          time.Duration
}

// Routes is the published answer for one service. It is never changed.
type Routes struct {
	Service   string
	Endpoints []mesh.Endpoint
	Version   uint64
	Decision  Decision        // what the policy said; zero when none was asked
	Frame     *features.Frame // what it said it of; nil when there is none
}

// Decide answers one request with 64 random bits.
func (r *Routes) Decide(req *mesh.Request, u uint64) Answer { return Answer{Endpoint: -1} }

// Table serves the newest Routes of each service.
type Table struct{}

// NewTable returns a table that serves what the rules alone say.
func NewTable(set *rules.Set, cfg Config) *Table { return &Table{} }

// Publish serves the decision from now on.
func (t *Table) Publish(d *Decision, f *features.Frame) {}

// SetRules serves other rules from now on.
func (t *Table) SetRules(set *rules.Set) {}

// Load returns the newest routes of a service, never nil.
func (t *Table) Load(service string) *Routes { return &Routes{} }

// Services names all services that the table knows, sorted.
func (t *Table) Services() []string { return nil }

// Version counts the publications.
func (t *Table) Version() uint64 { return 0 }

// Changed returns a channel that is closed at the next publication.
func (t *Table) Changed() <-chan struct{} { return nil }
