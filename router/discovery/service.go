package discovery

import (
	"fmt"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// Service is what a source says of one service, or all of them together do. It is
// not changed once it was given away.
type Service struct {
	// Name is unique: in Kubernetes NAME.NAMESPACE.svc.DOMAIN, elsewhere what the
	// source calls it. A service with several ports is several: the one that requests
	// go to has the name, and another is NAME:PORT.
	Name string `json:"name"`
	// Names are others by which rules, metrics and callers may mean it.
	Names []string `json:"names,omitempty"`
	// Namespace and Port are those of Kubernetes; empty elsewhere.
	Namespace string `json:"namespace,omitempty"`
	Port      Port   `json:"port,omitzero"`
	// Source is that which found it; several, joined by "+", where more than one did.
	Source string `json:"source"`
	// Endpoints are in the order of their names.
	Endpoints []Endpoint `json:"endpoints"`
	// Version is the source's own, such as a resourceVersion; empty where it has none.
	Version string `json:"version,omitempty"`
	// Time is when the source said so last.
	Time time.Time `json:"time"`
	// Stale says that its source does not answer now, or has not yet since the process
	// began: this is what it said before.
	Stale bool `json:"stale,omitempty"`
}

// Port is where a service listens, which need not be where its endpoints do.
type Port struct {
	Name     string `json:"name,omitempty"`
	Number   int    `json:"number,omitempty"`
	Protocol string `json:"protocol,omitempty"` // http, http2, grpc, tcp, …; empty when unknown
}

// Endpoint is one place where requests of a service can go.
type Endpoint struct {
	mesh.Endpoint
	// Names are others by which metrics may mean it: its IP, IP:port, host names,
	// NAMESPACE/POD.
	Names []string `json:"names,omitempty"`
	// Labels are what subsets are chosen by; nil when unknown.
	Labels map[string]string `json:"labels,omitempty"`
	State  State             `json:"state"`
	// Leaves says of one that is not ready that it was told to go: it will not be again.
	Leaves bool `json:"leaves,omitempty"`
}

// State is what the source says of an endpoint's health.
type State uint8

const (
	// Ready endpoints take requests.
	Ready State = iota
	// NotReady ones do not, by their own word.
	NotReady
	// Draining ones finish what they have and go. They take requests only where
	// nobody else is left (KEP-1669, as kube-proxy does).
	Draining
)

// String is the name in metrics and files.
func (s State) String() string { return states[min(s, Draining)] }

var states = [...]string{"ready", "not_ready", "draining"}

// MarshalText is String.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (s *State) UnmarshalText(text []byte) error {
	i := slices.Index(states[:], string(text))
	if i < 0 {
		return fmt.Errorf("state is %q; want one of %v", text, states)
	}
	*s = State(i)
	return nil
}
