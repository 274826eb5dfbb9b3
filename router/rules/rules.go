package rules

import (
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// DefaultTimeout is what a request gets when no rule says otherwise.
const DefaultTimeout = 30 * time.Second

// Default names the route of a request that no rule matches, and of a service
// without rules.
const Default = "default"

// File is a parsed rules file. It is not changed after Parse.
type File struct {
	Name     string // of the file, for errors
	Version  string // as written, else Hash
	Hash     string // of the text
	Classes  []Class
	Services []Service
	// Home is the namespace whose services have short names here, where the metrics
	// and callers may use full ones: reviews is reviews.HOME.svc.cluster.local, and
	// reviews.other is reviews.other.svc.cluster.local. Empty: no name is another's.
	Home string
}

// Class names a kind of request, whose features and weights are kept apart.
type Class struct {
	Name  string
	Match Match
}

// Service is all that the rules say about one service.
type Service struct {
	Name      string
	Endpoints []Endpoint
	Routes    []Route // the first that matches wins
	// Objective is the zero value unless the file has one; fields that it
	// leaves out are those of mesh.DefaultObjective.
	Objective mesh.Objective
	Limits    Limits
	Locality  Locality
	Health    Health
	Balance   Balance
	Circuit   Circuit
	Outlier   Outlier
	Subsets   []Subset // that have more to them than a name
	// Where is the place that it was written at, file:line; empty when unknown.
	Where string
}

// Endpoint is a place that the rules know, with its weight under Static.
type Endpoint struct {
	mesh.Endpoint
	// Weight is relative to the other endpoints of the subset; 1 unless
	// written.
	Weight float64
}

// Limits bounds what a policy may do to a service.
type Limits struct {
	// Step is the most that an endpoint's weight may rise from one window to
	// the next, as a part of the service's traffic. It falls by as much as the
	// others take over.
	Step float64
	// Floor is the least weight of an endpoint that is not ejected, as a part
	// of an equal share.
	Floor float64
	// MaxEjection is the part of the endpoints that may be ejected at once; one
	// endpoint always may.
	MaxEjection float64
}

// DefaultLimits adds at most a tenth of the traffic per endpoint and window,
// keeps 2 % of an equal share on each endpoint so that it goes on being
// measured, and ejects at most 10 % of the endpoints (gRFC A50).
func DefaultLimits() Limits { return Limits{Step: 0.10, Floor: 0.02, MaxEjection: 0.10} }

// Route sends the requests that match to subsets, while its criteria are met.
type Route struct {
	Name     string
	Match    Match
	Criteria []Criterion
	To       []Target
	Timeout  time.Duration
	Priority int
	Retries  int
	// RetryOn are the conditions of a retry, in Envoy's words, comma-separated; empty
	// is the proxy's own choice. It is carried through to the proxy.
	RetryOn string
	// PerTry is the timeout of each try; 0 is the whole Timeout.
	PerTry time.Duration
	// Where is the place that it was written at, file:line; empty when unknown.
	Where string
}

// Auto reports whether the policy may choose the split between the subsets.
func (r *Route) Auto() bool { return len(r.To) == 0 || r.To[0].Auto }

// Target is a subset and its part of a route's requests.
type Target struct {
	// Service is another service whose endpoints these are, by its own weights; empty
	// is the service of the route.
	Service string
	// Subset is a subset's name; empty means all endpoints of the service.
	Subset string
	// Weight is in percent, 0 to 100, and zero when Auto.
	Weight float64
	// Auto leaves the part to the policy.
	Auto bool
}

// Name is what the target is called where a subset's name is wanted.
func (t *Target) Name() string {
	switch {
	case t.Service == "":
		return t.Subset
	case t.Subset == "":
		return t.Service
	}
	return t.Service + "/" + t.Subset
}
