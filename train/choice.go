package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
)

// draws is how often the costs of a horizon are drawn anew to see which
// endpoint is the best.
const draws = 256

// fiveRoutes and fiveColumns are the origin's form: five routes, four columns
// of each.
const fiveRoutes = 5

var fiveColumns = []string{"log_request_rate", "log_latency_mean", "error_ratio", "log_in_flight"}

// cost is the mean cost of a request over the horizon and its standard error.
// Latencies are taken to spread like an exponential's, whose deviation is its
// mean; the error ratio is that of half an error and a request more, so that
// no errors in three requests is not certainty.
func cost(s *Seen, o mesh.Objective) (mean, spread float64, ok bool) {
	if !(s.Requests > 0) {
		return 0, 0, false
	}
	failed := s.ErrorRatio
	if math.IsNaN(failed) {
		failed = 0
	}
	latency := s.Mean
	if math.IsNaN(latency) {
		if failed < 1 {
			return 0, 0, false
		}
		latency = 0
	}
	mean = o.Cost(latency, failed)
	shrunk := (failed*s.Requests + 0.5) / (s.Requests + 1)
	step := o.Deadline.Seconds()*o.ErrorCost - latency
	variance := (1-shrunk)*latency*latency + shrunk*(1-shrunk)*step*step
	return mean, math.Sqrt(variance / s.Requests), true
}

// bestChoice writes, per endpoint, the probability of having had the lowest
// mean cost, and -1 where nothing is known. It reports whether there was a
// choice: at least two endpoints with an outcome.
func bestChoice(dst []float32, m *Moment, o mesh.Objective, random *rand.Rand) bool {
	means, spreads := make([]float64, len(m.After)), make([]float64, len(m.After))
	known := 0
	for i := range m.After {
		dst[i] = -1
		if mean, spread, ok := cost(&m.After[i], o); ok {
			means[i], spreads[i], dst[i] = mean, spread, 0
			known++
		}
	}
	if known < 2 {
		return false
	}
	for range draws {
		best, least := -1, math.Inf(1)
		for i := range means {
			if dst[i] < 0 {
				continue
			}
			if c := means[i] + spreads[i]*random.NormFloat64(); c < least {
				best, least = i, c
			}
		}
		dst[best] += 1.0 / draws
	}
	return true
}

// weigh makes a choice count weight times: a cross-entropy is proportional to
// its target. Below 0 is no candidate.
func weigh(target []float32, weight float64) {
	for i := range target {
		if target[i] > 0 {
			target[i] *= float32(weight)
		}
	}
}

// softmaxTask prepares the origin's trunk, applied to each candidate.
func softmaxTask(set *Set, columns []column, skip map[string]bool, cfg Config, random *rand.Rand) (task, *model.Network, error) {
	in, err := cfg.inputs(set, columns, features.Routing(), false)
	if err != nil {
		return task{}, nil, err
	}
	widest := 0
	for h := range set.Histories {
		for i := range set.Histories[h].Moments {
			if m := &set.Histories[h].Moments[i]; !skip[m.Service] {
				widest = max(widest, len(m.Endpoints))
			}
		}
	}
	t := task{stage: "routing", loss: choice{1, widest}, dropped: droppedLayers}
	part := func(p datasets.Part) rows {
		r := rows{in: len(in.names), targets: 1, group: widest, pad: []float32{-1}}
		x, target := make([]float32, widest*len(in.names)), make([]float32, widest)
		set.each(p, func(_ int, m *Moment) {
			if skip[m.Service] || !bestChoice(target, m, cfg.Objective, random) {
				return
			}
			clear(x)
			for i := range widest {
				if i >= len(m.Endpoints) {
					target[i] = -1
					continue
				}
				in.scaled(x[i*len(in.names):][:len(in.names)], m.row(i, len(set.Columns)))
			}
			weigh(target, m.weight())
			r.add(x, target)
			r.from(m, everyEndpoint)
		})
		return r
	}
	t.train, t.validation = part(datasets.Train), part(datasets.Validation)
	t.begin = func(random *rand.Rand, width int) []model.Layer {
		return initial(random, hidden(width, len(in.names), 1)...)
	}
	t.layers = t.begin(random, cfg.Width)
	return t, &model.Network{Kind: model.Softmax, Columns: in.names, Scaler: in.scaler}, nil
}

// fixed5Task prepares the origin's network as it was: five routes of one
// service, which have places of their own.
func fixed5Task(set *Set, columns []column, skip map[string]bool, cfg Config, random *rand.Rand) (task, *model.Network, error) {
	routes := fiveOf(set, skip)
	in, err := cfg.inputs(set, columns, fiveColumns, true)
	if err != nil {
		return task{}, nil, err
	}
	t := task{stage: "routing", loss: choice{fiveRoutes, fiveRoutes}, dropped: droppedLayers}
	part := func(p datasets.Part) rows {
		r := rows{in: fiveRoutes * len(in.names), targets: fiveRoutes, group: 1, pad: []float32{-1, -1, -1, -1, -1}}
		x, found, target := make([]float32, r.in), make([]float32, fiveRoutes), make([]float32, fiveRoutes)
		set.each(p, func(_ int, m *Moment) {
			if skip[m.Service] || !bestChoice(found, m, cfg.Objective, random) {
				return
			}
			clear(x)
			for place, route := range routes {
				target[place] = -1
				if i := slices.Index(m.Endpoints, route); i >= 0 && route != "" {
					in.scaled(x[place*len(in.names):][:len(in.names)], m.row(i, len(set.Columns)))
					target[place] = found[i]
				}
			}
			weigh(target, m.weight())
			r.add(x, target)
			r.from(m, everyEndpoint)
		})
		return r
	}
	t.train, t.validation = part(datasets.Train), part(datasets.Validation)
	t.begin = func(random *rand.Rand, width int) []model.Layer {
		return initial(random, hidden(width, fiveRoutes*len(in.names), fiveRoutes)...)
	}
	t.layers = t.begin(random, cfg.Width)
	return t, &model.Network{Kind: model.Fixed5, Columns: in.names, Scaler: in.scaler, Routes: routes}, nil
}

// onlyFive leaves one service to the fixed5 network: the first with a choice
// whose endpoints fit its five routes. The others are skipped, and noted.
func (f *fitting) onlyFive(skip map[string]bool) error {
	taken := ""
	var why []string
	for _, s := range f.services {
		endpoints := len(f.set.endpoints(s.Name))
		switch {
		case skip[s.Name]:
			continue
		case endpoints > fiveRoutes:
			why = append(why, fmt.Sprintf("%s: the fixed5 network has five routes, the service %d endpoints: not trained; the softmax network takes any number", s.Name, endpoints))
		case taken != "":
			why = append(why, fmt.Sprintf("%s: the fixed5 network has the five routes of one service, here %s: not trained; the softmax network takes all services", s.Name, taken))
		default:
			taken = s.Name
			continue
		}
		skip[s.Name] = true
	}
	if taken == "" {
		return fmt.Errorf("train: no service fits: %s", strings.Join(why, "; "))
	}
	f.model.Card.Notes = append(f.model.Card.Notes, why...)
	return nil
}

// endpoints lists all endpoints that a service ever had, sorted.
func (s *Set) endpoints(service string) []string {
	var names []string
	for h := range s.Histories {
		for i := range s.Histories[h].Moments {
			if m := &s.Histories[h].Moments[i]; m.Service == service {
				names = append(names, m.Endpoints...)
			}
		}
		slices.Sort(names)
		names = slices.Compact(names)
	}
	return names
}

// fiveOf lists the endpoints of the only service that is not skipped, in the
// order of their names, filled up to five.
func fiveOf(set *Set, skip map[string]bool) []string {
	for _, service := range set.Services() {
		if !skip[service] {
			routes := set.endpoints(service)
			return append(routes, make([]string, fiveRoutes-len(routes))...)
		}
	}
	return make([]string, fiveRoutes)
}
