package mesh

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// Canonical names the series that the features are made of, in the order in
// which people are told of them.
var Canonical = []string{RequestRate, ErrorRatio, LatencyMean, LatencyP50, LatencyP90, LatencyP99, InFlight, Utilization, CPU, Memory, Up, Age}

// The names of the series that the features are made of. A schema maps each
// to a query; all but RequestRate may be missing. Units are tidied in the
// query: seconds, ratios, requests per second.
const (
	RequestRate = "request_rate"         // requests per second that the endpoint was sent
	ErrorRatio  = "error_ratio"          // failed requests / requests, 0 to 1
	LatencyMean = "latency_mean_seconds" // mean latency
	LatencyP50  = "latency_p50_seconds"
	LatencyP90  = "latency_p90_seconds"
	LatencyP99  = "latency_p99_seconds"
	InFlight    = "in_flight"   // requests being served or queued
	Utilization = "utilization" // busy share of the capacity, 0 to 1
	CPU         = "cpu_cores"
	Memory      = "memory_bytes"
	Up          = "up"          // 1 while the endpoint answers its scrapes, else 0
	Age         = "age_seconds" // since the newest sample of the endpoint
)

// Series is one column of a Window: a name and the query that brings it.
type Series struct {
	Name  string `json:"name" yaml:"name"`
	Unit  string `json:"unit,omitempty" yaml:"unit,omitempty"`
	Help  string `json:"help,omitempty" yaml:"help,omitempty"`
	Query string `json:"query" yaml:"query"` // PromQL; $range is the span of the window
	// Needs says what must be switched on for the query to find something;
	// empty where the technology tells it without being asked.
	Needs string `json:"needs,omitempty" yaml:"needs,omitempty"`
}

// Lack is a series that a technology cannot tell, why, and what would.
type Lack struct {
	Name  string `json:"name" yaml:"name"`
	Why   string `json:"why" yaml:"why"`
	Needs string `json:"needs,omitempty" yaml:"needs,omitempty"`
}

// Level says what the endpoints of a schema's windows are.
type Level string

// The levels, the finest first. Only the first tells one place where a request
// can go from another; the others are there so that a technology which names
// nothing finer is recognised, and called by its name.
const (
	EndpointLevel Level = ""         // endpoints
	WorkloadLevel Level = "workload" // a deployment, all its pods together
	ServiceLevel  Level = "service"  // the service itself, as if it were one endpoint
)

// Labels names the labels of the query results that say what a value is about.
type Labels struct {
	Service  string `json:"service" yaml:"service"`
	Endpoint string `json:"endpoint" yaml:"endpoint"`
	Subset   string `json:"subset,omitempty" yaml:"subset,omitempty"`
	Zone     string `json:"zone,omitempty" yaml:"zone,omitempty"`
	Address  string `json:"address,omitempty" yaml:"address,omitempty"`
}

// Schema says how the metrics of one technology become windows.
type Schema struct {
	Name   string `json:"name"`
	Help   string `json:"help,omitempty"`
	Labels Labels `json:"labels"`
	Level  Level  `json:"level,omitempty"`
	// Step is the time between windows and Range the span that each
	// describes, when the user asks for nothing else.
	Step   time.Duration `json:"step"`
	Range  time.Duration `json:"range"`
	Series []Series      `json:"series"`
	Lacks  []Lack        `json:"lacks,omitempty"`
}

// Index returns the column of the named series, or -1.
func (s *Schema) Index(name string) int {
	for i := range s.Series {
		if s.Series[i].Name == name {
			return i
		}
	}
	return -1
}

// Hash identifies what the schema asks and of whom: two schemas with the same
// hash bring the same numbers. What the schema only says to people (names, units,
// help, needs, lacks) does not count.
func (s *Schema) Hash() string {
	asked := struct {
		Labels Labels
		Series [][2]string
	}{Labels: s.Labels}
	for _, q := range s.Series {
		asked.Series = append(asked.Series, [2]string{q.Name, q.Query})
	}
	text, err := json.Marshal(asked)
	if err != nil {
		panic(err) // strings only: cannot happen
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
