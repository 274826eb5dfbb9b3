package train

import (
	"fmt"
	"math"
	"slices"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/model"
)

// Service says what a set holds of one service, and what cannot be learned
// from it.
type Service struct {
	Name      string `json:"name"`
	Endpoints int    `json:"endpoints"` // at most at a time
	Decisions int    `json:"decisions"`
	Variation Number `json:"share_variation"` // of the shares, beyond chance; NaN = unknown
	NoChoice  bool   `json:"no_choice"`
	// Unidentified: the shares hardly varied, so the effect of load cannot be
	// told from that of the time.
	Unidentified bool `json:"load_effect_unidentified"`
	// DeadErrors: the error ratio never moved from a value that is not zero.
	DeadErrors bool `json:"dead_error_ratio"`
}

// leastVariation is the coefficient of variation of the shares below which
// they count as fixed. Round robin of unequal requests stays below it.
const leastVariation = 0.05

// servicesOf looks at the whole set for the endpoints and at the training
// part for what varied.
func servicesOf(set *Set) []Service {
	var list []Service
	for _, name := range set.Services() {
		s := Service{Name: name}
		errors := measureErrors(set, name)
		s.DeadErrors = errors.constant && errors.known >= tooFew && errors.center > 0
		for h := range set.Histories {
			for i := range set.Histories[h].Moments {
				if m := &set.Histories[h].Moments[i]; m.Service == name {
					s.Decisions++
					s.Endpoints = max(s.Endpoints, len(m.Endpoints))
				}
			}
		}
		s.NoChoice = s.Endpoints < 2
		s.Variation = Number(shareVariation(set, name))
		s.Unidentified = !s.NoChoice && !(s.Variation >= leastVariation)
		list = append(list, s)
	}
	return list
}

func measureErrors(set *Set, service string) column {
	var values []float32
	set.each(datasets.Train, func(_ int, m *Moment) {
		for i := range m.Now {
			if m.Service == service {
				values = append(values, float32(m.Now[i].ErrorRatio))
			}
		}
	})
	return measure(values)
}

// shareVariation is the median over the endpoints of the coefficient of
// variation of their share of the service's requests over a horizon, among
// horizons of one history with comparable service load (thirds), less what drawing each request
// by a fixed weight would give. Histories with different fixed shares, such as of
// several meshes that call a service alike, do not vary. Only horizons in which all endpoints had
// requests count: a failure moves shares, but not at random.
func shareVariation(set *Set, service string) float64 {
	var moments []*Moment
	var histories []int
	var loads []float64
	set.each(datasets.Train, func(h int, m *Moment) {
		if m.Service != service {
			return
		}
		total := 0.0
		for i := range m.After {
			if !(m.After[i].Requests > 0) {
				return
			}
			total += m.After[i].Requests
		}
		moments, histories, loads = append(moments, m), append(histories, h), append(loads, total)
	})
	if len(moments) < 6 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(loads))
	low, high := quantile(sorted, 1.0/3), quantile(sorted, 2.0/3)
	type group struct {
		history  int
		endpoint string
		third    int
	}
	seen := map[group]*spread{}
	for k, m := range moments {
		third := 0
		if loads[k] > high {
			third = 2
		} else if loads[k] > low {
			third = 1
		}
		for i, name := range m.Endpoints {
			g := group{histories[k], name, third}
			if seen[g] == nil {
				seen[g] = &spread{}
			}
			share := m.After[i].Requests / loads[k]
			seen[g].add(share, share*(1-share)/loads[k])
		}
	}
	var variations []float64
	for _, s := range seen {
		if s.n >= 2 {
			variations = append(variations, s.variation())
		}
	}
	if len(variations) == 0 {
		return math.NaN()
	}
	slices.Sort(variations)
	return quantile(variations, 0.5)
}

// spread sums values and the variance that chance alone would give them.
type spread struct{ n, sum, squares, chance float64 }

func (s *spread) add(v, chance float64) {
	s.n++
	s.sum += v
	s.squares += v * v
	s.chance += chance
}

func (s *spread) variation() float64 {
	mean := s.sum / s.n
	return math.Sqrt(math.Max(0, s.squares/s.n-mean*mean-s.chance/s.n)) / mean
}

// remarks are what the card says of the services.
func remarks(services []Service) (notes, unidentified []string) {
	for _, s := range services {
		if s.NoChoice {
			notes = append(notes, s.Name+": no choice, not trained")
		}
		if s.Unidentified {
			unidentified = append(unidentified, s.Name)
			why := fmt.Sprintf("its shares varied by %.1f %% beyond chance", 100*s.Variation)
			if math.IsNaN(float64(s.Variation)) {
				why = "it has too few decisions after which every endpoint had requests to tell whether its shares vary"
			}
			notes = append(notes, s.Name+": load effect not identifiable: "+why+"; stay with what is")
		}
		if s.DeadErrors {
			notes = append(notes, s.Name+": error_ratio never changes and is not zero: a dead metric, left out")
		}
	}
	return notes, unidentified
}

// withoutDead returns a set in which the dead error ratios are unknown.
func withoutDead(set *Set, services []Service) *Set {
	dead := map[string]bool{}
	for _, s := range services {
		if s.DeadErrors {
			dead[s.Name] = true
		}
	}
	if len(dead) == 0 {
		return set
	}
	alive := *set
	alive.Histories = slices.Clone(set.Histories)
	for h := range alive.Histories {
		moments := slices.Clone(alive.Histories[h].Moments)
		for i := range moments {
			if dead[moments[i].Service] {
				moments[i].Now = unknownErrors(moments[i].Now)
				moments[i].After = unknownErrors(moments[i].After)
			}
		}
		alive.Histories[h].Moments = moments
	}
	return &alive
}

func unknownErrors(list []Seen) []Seen {
	list = slices.Clone(list)
	for i := range list {
		list[i].ErrorRatio = math.NaN()
	}
	return list
}

// levels are what was usual of each endpoint in the training part.
func levels(set *Set) (map[string]map[string]model.Level, error) {
	a, err := anchorsOf(set)
	if err != nil {
		return nil, err
	}
	type values struct {
		latency, capacity, weights []float64
		windows                    int
	}
	seen := map[string]map[string]*values{}
	set.each(datasets.Train, func(_ int, m *Moment) {
		if seen[m.Service] == nil {
			seen[m.Service] = map[string]*values{}
		}
		for i, name := range m.Endpoints {
			v := seen[m.Service][name]
			if v == nil {
				v = &values{}
				seen[m.Service][name] = v
			}
			row := m.row(i, len(set.Columns))
			v.windows++
			v.latency = append(v.latency, float64(row[a.reference]))
			v.capacity = append(v.capacity, float64(row[a.capacity]))
			v.weights = append(v.weights, m.weight())
		}
	})
	levels := map[string]map[string]model.Level{}
	for service, endpoints := range seen {
		levels[service] = map[string]model.Level{}
		for name, v := range endpoints {
			levels[service][name] = model.Level{LatencySeconds: median(v.latency, v.weights), CapacityRPS: median(v.capacity, v.weights), Windows: v.windows}
		}
	}
	return levels, nil
}
