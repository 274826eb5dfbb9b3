package router

import (
	"sync/atomic"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
	"github.com/fairway-mesh/fairway/router/rules"
)

// Answer is where one request should go, and why. It is small: what is the same for
// all requests of a route is pointed to.
type Answer struct {
	*Terms
	Subset   string // that the rule named, else the endpoint's; "default" if no rule matched
	Endpoint int    // position in Endpoints, −1 when there is none
	// Propensity is the exact probability of this endpoint under this route, for
	// callers of this zone. For a request with a session key it is that over all
	// keys: the pick of one key is fixed while the weights are, so requests of one
	// session are one draw, not many. While a trial is on it is that over both lines.
	Propensity float64
	// Place, below Routes.Places, is of all answers of a line that differ in no more
	// than the endpoint.
	Place int
}

// Terms are what every request is told that takes one route. They are shared: do not
// write to them.
type Terms struct {
	Route    string
	Priority int
	Retries  int
	RetryOn  string        // as the rule says; empty leaves it to the proxy
	PerTry   time.Duration // of each try; 0: the whole Timeout
	Timeout  time.Duration
	Balance  *rules.Balance // what the rules ask of who sends the requests, never nil
	Circuit  *rules.Circuit
	// Split says that the rule shares the requests between several targets: whoever
	// chooses an endpoint by more than the weights keeps to what is drawn.
	Split  bool
	Source Source
	Reason Reason
	Policy string
	Model  string

	RulesVersion string
	TableVersion uint64
	Line         Line            // that decided
	Endpoints    []mesh.Endpoint // of the line
	Weights      mesh.Weights    // of the line's route and the caller's zone, over Endpoints
	// Targets names, per endpoint, the target in another service that it is in, empty
	// where it is in none; nil where the route leads to no other service.
	Targets     []string
	MetricsTime time.Time // of the newest metrics that were decided upon; zero when none were
	Decided     time.Time // zero when nothing was
	TTL         time.Duration
}

// Routes is all that is served for one service. It is never changed; neither
// may be what its fields point to.
type Routes struct {
	Service string
	// Endpoints are those of the metrics, of the rules and of discovery, by name; what
	// one does not say of an endpoint is taken from another.
	Endpoints []mesh.Endpoint
	Version   uint64          // of the table when these were made
	Decision  *Decision       // what the policy said, of the Frame's endpoints; nil when none was asked
	Frame     *features.Frame // what it said it of, or nil
	Notes     []string        // what could not be done as the rules say
	// Memo is a place for what those who serve these routes make of them once.
	Memo atomic.Value

	matcher *rules.Matcher
	members *Members         // nil: it is not discovered
	loans   map[string]*loan // "" is that of the service itself
	met     []bool           // per rule, whether its criteria are
	choices []choice         // one per rule, then the one of no match
	hashes  []uint64         // of the endpoints' names, for session keys
	places  int
	which   []int32  // per place, of which choice it is
	callers *callers // by zone; nil: no zone has weights of its own
	pair    *pair    // the line on trial beside this one; nil: there is none
}

// choice is the readied answer of one route.
type choice struct {
	terms   Terms
	subset  string   // where no endpoint is drawn
	subsets []string // per endpoint

	// What every request reads stands together.
	draw   picker.Draw
	taken  uint32 // requests in this edition, each for oneIn; atomic
	place  int32
	hashed bool             // requests may have a key without a session key
	sticks *picker.Affinity // of keys; nil: picker.Stick
	zones  []zoned          // for callers of zones with weights of their own

	before  float64         // requests that took the route in the editions before, the latest count most
	adapted rules.Algorithm // what adaptive stands for
}

// oneIn is how many requests one that is counted stands for: it is chosen by the low
// bits of what is random, of which no draw makes use.
const oneIn = 16

// Decide answers one request, using 64 random bits. It does not allocate and
// takes no lock; any number of goroutines may call it.
func (r *Routes) Decide(req *mesh.Request, u uint64) Answer {
	if r.pair != nil {
		return r.decideBoth(req, u)
	}
	c := r.choice(req, u)
	if req.SessionKey == "" && !c.hashed {
		return c.drawn(u)
	}
	return r.pick(c, c.key(req), u)
}

// drawn is the answer to a request without a key.
func (c *choice) drawn(u uint64) Answer {
	a := c.answer()
	if a.Endpoint = c.draw.Pick(u); a.Endpoint >= 0 {
		a.Subset, a.Propensity = c.subsets[a.Endpoint], a.Weights[a.Endpoint]
	}
	return a
}

func (r *Routes) pick(c *choice, key string, u uint64) Answer {
	switch {
	case key == "":
		return c.drawn(u)
	case c.sticks != nil:
		return c.stuck(key)
	}
	a := c.answer()
	if a.Endpoint = picker.Stick(a.Weights, r.hashes, key); a.Endpoint >= 0 {
		a.Subset, a.Propensity = c.subsets[a.Endpoint], a.Weights[a.Endpoint]
	}
	return a
}

// answer is one without an endpoint.
func (c *choice) answer() Answer {
	return Answer{Terms: &c.terms, Subset: c.subset, Endpoint: -1, Place: int(c.place)}
}

func (r *Routes) choice(req *mesh.Request, u uint64) *choice {
	i := r.matcher.Match(req, r.met)
	if i < 0 {
		i = len(r.choices) - 1
	}
	c := &r.choices[i]
	if u%oneIn == 0 {
		atomic.AddUint32(&c.taken, 1)
		if r.callers != nil {
			r.callers.count(req.Source.Zone)
		}
	}
	if c.zones != nil {
		return c.from(req.Source.Zone)
	}
	return c
}

// Weigh is the answer without an endpoint drawn: the weights are what requests
// like this one meet, over both lines while a trial is on.
func (r *Routes) Weigh(req *mesh.Request) Answer {
	c := r.choice(req, 1) // which is not counted
	if r.pair == nil {
		return c.weighed(c.key(req))
	}
	tried := r.pair.tried.choice(req, 1)
	return r.pair.mixture(c, c.weights(c.key(req)), tried, tried.weights(tried.key(req)))
}

// Places is how many different answers the routes give, but for the endpoint.
func (r *Routes) Places() int { return r.places }

// Answers lists the answer of each route, in the order in which they are
// tried, then that of no match, without an endpoint picked. While a trial is on
// their weights are what requests meet, over both lines, where these have the
// same routes; else they are those of the line that decides the most.
func (r *Routes) Answers() []Answer {
	if r.pair != nil {
		return r.pair.answers(r)
	}
	var list []Answer
	for i := range r.choices {
		list = append(list, r.choices[i].answer())
	}
	return list
}

// Rule is the rule of the i-th of Answers, and whether its criteria are met; nil
// for the answer of no match.
func (r *Routes) Rule(i int) (rule *rules.Route, met bool) {
	if r.pair != nil && !r.pair.aligned && r.pair.share >= 0.5 {
		return r.pair.tried.Rule(i)
	}
	if i >= len(r.met) {
		return nil, true
	}
	return &r.matcher.Service.Routes[i], r.met[i]
}

// Explain says of each rule that is tried why it matches or does not.
func (r *Routes) Explain(req *mesh.Request) []rules.Step { return r.matcher.Explain(req, r.met) }
