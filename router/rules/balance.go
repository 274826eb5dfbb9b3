package rules

import "time"

// Balance is how the requests of a service, or of one subset, are spread by who
// sends them, within the weights that are served. The zero value leaves it to them.
type Balance struct {
	Algorithm Algorithm
	// Hash is what the key of a request is made of, for RingHash and Maglev: the
	// first of these that a request has.
	Hash []HashKey
	// Table is the size of a ring or of a Maglev table; 0 is the picker's default.
	Table int
	// SubsetSize is how many endpoints each proxy is given of a large fleet (gRFC
	// A68); 0 is all.
	SubsetSize int
}

// Algorithm is a way to choose among endpoints.
type Algorithm string

// The algorithms. Adaptive chooses one of the others by the service's load
// (ORIGIN.md, "Adaptive algorithm choice").
const (
	Weighted     Algorithm = "" // drawn by weight
	RoundRobin   Algorithm = "round_robin"
	LeastRequest Algorithm = "least_request"
	Random       Algorithm = "random"
	RingHash     Algorithm = "ring_hash"
	Maglev       Algorithm = "maglev"
	Adaptive     Algorithm = "adaptive"
)

// HashKey is a part of a request that sessions are told apart by.
type HashKey struct {
	Of   HashOf
	Name string        // of the header (lower case), cookie or query parameter
	TTL  time.Duration // of a cookie that the proxy makes; 0: it makes none
}

// HashOf is the kind of a HashKey.
type HashOf string

// The kinds of hash keys.
const (
	HashHeader HashOf = "header"
	HashCookie HashOf = "cookie"
	HashQuery  HashOf = "query"
	HashSource HashOf = "source" // the caller's address, which only the proxy knows
)

// Circuit bounds what a proxy has open at once; 0 is no bound. The bounds on
// requests are of one proxy to the whole service, as in Envoy's circuit breakers.
type Circuit struct {
	Connections int // to each endpoint over HTTP/1 and TCP
	Pending     int // requests that wait for a connection
	Requests    int // in flight
	Retries     int // in flight
	// PerConnection is after how many requests a connection is closed.
	PerConnection  int
	ConnectTimeout time.Duration
}

// Outlier says when an endpoint is ejected for its failures; the zero value is the
// router's own judgement. What is 0 keeps the router's default.
type Outlier struct {
	// Consecutive failures (5xx, or no answer) after which an endpoint is ejected.
	Consecutive  int
	Interval     time.Duration // between judgements
	BaseEjection time.Duration // of a first ejection
	// MinHealthy is the part of the endpoints, 0 to 1, below which nothing is ejected, and
	// what is not ready but serves goes on.
	MinHealthy float64
}

// Subset is what the rules say of a part of a service.
type Subset struct {
	Name string
	// Labels are those of its endpoints. An endpoint whose own subset is the value of
	// the label that LabelOf finds is in this subset.
	Labels map[string]string
	// Balance and Circuit replace the service's; nil keeps them.
	Balance *Balance
	Circuit *Circuit
}

// VersionLabels are the labels whose value names the subset of an endpoint, in
// the metrics of meshes (Istio's destination_version), the first that is there.
var VersionLabels = []string{"version", "app.kubernetes.io/version", "subset"}

// Value is what the metrics call the subset, which may differ from what the rules
// call it: Istio's subsets have names of their own, and the metrics tell the
// value of a label.
func (s *Subset) Value() string {
	for _, label := range VersionLabels {
		if v := s.Labels[label]; v != "" {
			return v
		}
	}
	return s.Name
}

// Selects reports whether an endpoint with these labels is in the subset, as far as
// its own labels tell: where it has none, no.
func (s *Subset) Selects(labels map[string]string) bool {
	for label, want := range s.Labels {
		if got, there := labels[label]; !there || got != want {
			return false
		}
	}
	return len(s.Labels) > 0
}

// Subset finds what is said of a subset; nil is nothing.
func (s *Service) Subset(name string) *Subset {
	for i := range s.Subsets {
		if s.Subsets[i].Name == name {
			return &s.Subsets[i]
		}
	}
	return nil
}

// Traffic is what holds for requests to the targets: where there is one and it is a
// subset with settings of its own, those; else the service's.
func (s *Service) Traffic(to []Target) (*Balance, *Circuit) {
	balance, circuit := &s.Balance, &s.Circuit
	if len(to) != 1 || to[0].Service != "" {
		return balance, circuit
	}
	if subset := s.Subset(to[0].Subset); subset != nil {
		if subset.Balance != nil {
			balance = subset.Balance
		}
		if subset.Circuit != nil {
			circuit = subset.Circuit
		}
	}
	return balance, circuit
}
