package loop

import (
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// line is one version of the model and of the rules, and what it remembers. It
// serves one goroutine.
type line struct {
	model     *model.Model       // nil: none
	rules     *rules.Set         // nil: none
	forecast  *predict.Predictor // nil without a model
	extractor *features.Extractor
	policy    router.Policy
	course    *router.Course // the policy's; nil: nobody acts on what is decided

	// by service: the last frame, and what was decided on it
	last map[string]*features.Frame
	made map[string]*router.Decision

	known   *router.Known // nil: nobody discovers
	members map[string]*router.Members
	dropped []string // services that were forgotten, and may be followed still
}

// newLine makes a line without memory. The error is that of a model that cannot be
// compiled.
func newLine(cfg *Config, m *model.Model, set *rules.Set, p Pace, known *router.Known) (*line, error) {
	n := &line{model: m, rules: set, known: known, last: map[string]*features.Frame{}, made: map[string]*router.Decision{}, members: map[string]*router.Members{}}
	known.Teach(set)
	settings := cfg.Router
	settings.Rules, settings.Found = set, n
	if cfg.Acted {
		n.course = &router.Course{}
		settings.Course = n.course
	}
	frames := features.DefaultConfig()
	if m != nil {
		paced := m.Paced(p.Timing)
		var err error
		if n.forecast, err = predict.Compile(paced); err != nil {
			return nil, err
		}
		frames = paced.FeatureConfig()
		n.policy = cfg.Policy(paced, n.forecast, settings)
	} else {
		n.policy = cfg.Policy(nil, nil, settings)
	}
	if err := frames.Validate(); err != nil {
		return nil, err
	}
	n.extractor = features.New(frames)
	return n, nil
}

// open makes a frame without metrics of each service of the rules, and of each that is
// discovered and has none, but of those that are left out; nil leaves none.
func (n *line) open(now time.Time, leave func(service string) bool) {
	for _, name := range n.rules.Services() {
		if leave != nil && leave(name) {
			continue
		}
		n.bare(name, now)
	}
	n.found(n.known.Live(), now, leave)
}

// push takes in a window, whose endpoints it calls by their names in the rules, else by
// those that they were discovered by.
func (n *line) push(w mesh.Window) (err error) {
	defer caught(&err)
	n.identify(&w)
	f, err := n.extractor.Push(w)
	if err == nil {
		n.meet(w.Service)
		n.last[w.Service] = f
	}
	return err
}

func (n *line) identify(w *mesh.Window) {
	n.rules.Identify(w)
	n.Members(w.Service).Identify(w)
}

// decide asks the policy about the last frame of a service. What it returns is valid
// until the next time.
func (n *line) decide(service string) (d *router.Decision, err error) {
	defer caught(&err)
	f := n.last[service]
	if d = n.made[service]; d == nil {
		d = &router.Decision{}
		n.made[service] = d
	}
	if err := n.policy.Decide(d, f); err != nil {
		return nil, err
	}
	if f.End.IsZero() { // there are no metrics
		d.Age = 0
		if n.Members(service).Stale() {
			d.Reason = router.Stale // nothing that is known of it is of now
		}
	}
	return d, nil
}

// caught makes an error of a panic: whatever came over the wire or out of a file, the
// table goes on answering.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v\n%s", router.Fault, p, debug.Stack())
	}
}

// services are those of which there is a frame, in order.
func (n *line) services() []string { return slices.Sorted(maps.Keys(n.last)) }

// behind are the services whose last frame is more than patience behind, which it
// makes frames of now: their metrics have aged, and a policy to which they are too
// old declines by itself.
func (n *line) behind(now time.Time, patience time.Duration) []string {
	var list []string
	for _, service := range n.services() {
		if f := n.last[service]; now.Sub(f.Time) > patience {
			f.Time = now
			list = append(list, service)
		}
	}
	return list
}

// names are those of the endpoints, by service.
func (n *line) names() map[string][]string {
	all := map[string][]string{}
	for service, f := range n.last {
		for _, e := range f.Endpoints {
			all[service] = append(all[service], e.Name)
		}
	}
	return all
}

// named reports whether the endpoints have these names, so that what is remembered of
// them by name is theirs.
func (n *line) named(names map[string][]string) bool {
	return maps.EqualFunc(n.names(), names, slices.Equal)
}
