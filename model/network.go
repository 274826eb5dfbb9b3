package model

// Kind says what the outputs of a routing network mean.
type Kind string

const (
	// Outcome has ten outputs per endpoint: the shape of its answer to load.
	Outcome Kind = "outcome"
	// Softmax has one logit per endpoint; the softmax over the endpoints of
	// a service is the probability that each is the best choice.
	Softmax Kind = "softmax"
	// Fixed5 is the origin's network: 4 features of each of five routes in,
	// five logits out.
	Fixed5 Kind = "fixed5"
)

// Kinds lists the kinds of routing networks.
func Kinds() []Kind { return []Kind{Outcome, Softmax, Fixed5} }

// OutcomeOutputs is the number of outputs of an Outcome network.
const OutcomeOutputs = 10

// Layer computes y = W·x + B, then max(y, 0) if ReLU.
type Layer struct {
	In   int       `json:"in"`
	Out  int       `json:"out"`
	ReLU bool      `json:"relu,omitempty"`
	W    []float32 `json:"-"` // Out × In, row by row
	B    []float32 `json:"-"` // Out
}

// Network is a routing network: columns of a frame in, by name; outputs as
// its Kind says.
type Network struct {
	Kind    Kind     `json:"kind"`
	Columns []string `json:"columns"`
	Scaler  Scaler   `json:"scaler"` // one entry per column
	// Layers: the first takes the columns (Fixed5: of each route in turn),
	// the last has no ReLU.
	Layers []Layer `json:"layers"`
	// Members (Outcome only) are further networks of the same shape, trained
	// from other beginnings on other draws of the same history. How far they
	// are apart says how little they know.
	Members [][]Layer `json:"members,omitempty"`
	// Mean says that the network's outputs are the means of those of Layers
	// and of all members: in validation they were better than those of Layers,
	// which else speaks alone.
	Mean bool `json:"mean,omitempty"`
	// Doubt is what the network was trained on and how well its members
	// agreed; nil in files from before there was one.
	Doubt *Doubt `json:"doubt,omitempty"`
	// Routes (Fixed5 only) are the endpoints in the order of inputs and
	// outputs; an empty name is a place that no endpoint takes.
	Routes []string `json:"routes,omitempty"`
	Bounds Bounds   `json:"bounds,omitzero"`
}

// Bounds (Outcome only) are the factors by which the network may correct what
// is known without it, either way. The networks of a former fairway had other
// bounds, and outputs of another meaning: without these a model is refused.
type Bounds struct {
	Capacity float64 `json:"capacity"` // of an endpoint
	Stretch  float64 `json:"stretch"`  // of waiting
	Level    float64 `json:"level"`    // of the mean latency
}

// DefaultBounds lets a capacity be off by a factor of 4, waiting by 8 and the
// mean by 4.
func DefaultBounds() Bounds { return Bounds{Capacity: 4, Stretch: 8, Level: 4} }
