package train

import (
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/predict"
)

// What is foretold of an endpoint. The cost follows from the mean and the
// error ratio and is no entry of a forecast.
const (
	ofMean = iota
	ofP50
	ofP90
	ofP99
	ofErrors
	quantities
	ofCost = quantities
)

var quantityNames = [quantities + 1]string{"mean", "p50", "p90", "p99", "error_ratio", "cost"}

// forecast is what somebody foretells of one endpoint, or what came: four
// latencies in seconds and the error ratio; NaN = unknown.
type forecast [quantities]float64

func seenAs(s *Seen) forecast { return forecast{s.Mean, s.P50, s.P90, s.P99, s.ErrorRatio} }

func foretold(p *predict.Prediction) forecast {
	return forecast{p.Mean, p.P50, p.P90, p.P99, p.ErrorRatio}
}

// Who foretells, in the order of the report. The network is told the load that
// came, as the solver tells it the load that a weight would bring; what it
// says at the load of now shows how much of its lead is owed to that.
const (
	rivalNetwork = iota
	rivalPersistence
	rivalEWMA
	rivalSameLoad
	rivals
)

var rivalNames = [rivals]string{"network", "persistence", "EWMA", "network, load as now"}

// halfLives are what the moving average may choose from, in steps.
var halfLives = [...]float64{0.5, 1, 2, 4, 8, 16, 32}

const usualHalfLife = 2 // its place, where the training part has nothing to choose by

// past is what persistence and the moving averages know of one endpoint. What
// a window does not show stays as it was.
type past struct {
	first  time.Time // sighting
	last   forecast
	at     [quantities]time.Time // of last
	smooth [len(halfLives)]forecast
}

func newPast(at time.Time) *past {
	p := &past{first: at}
	for q := range p.last {
		p.last[q] = math.NaN()
	}
	return p
}

// push takes note of the window that is decided upon.
func (p *past) push(at time.Time, s *Seen, step time.Duration) {
	for q, v := range seenAs(s) {
		if math.IsNaN(v) {
			continue
		}
		steps := float64(at.Sub(p.at[q])) / float64(step)
		for k, half := range halfLives {
			if math.IsNaN(p.last[q]) {
				p.smooth[k][q] = v
				continue
			}
			p.smooth[k][q] += (1 - math.Exp2(-steps/half)) * (v - p.smooth[k][q])
		}
		p.last[q], p.at[q] = v, at
	}
}

// pastsOf a history's endpoints.
type pastsOf struct {
	step time.Duration
	list map[[2]string]*past
}

func newPasts(step time.Duration) *pastsOf { return &pastsOf{step, map[[2]string]*past{}} }

// of takes note of a moment, later than those before, and returns what is then
// known of its endpoints.
func (p *pastsOf) of(m *Moment) []recalled {
	list := make([]recalled, len(m.Endpoints))
	for i, name := range m.Endpoints {
		key := [2]string{m.Service, name}
		if p.list[key] == nil {
			p.list[key] = newPast(m.Time)
		}
		p.list[key].push(m.Time, &m.Now[i], p.step)
		list[i] = p.list[key].known(m.Time)
	}
	return list
}

// recalled is what is known of an endpoint at a decision, for keeping.
type recalled struct {
	age    time.Duration // since it was first seen
	last   [quantities]float32
	smooth [len(halfLives)][quantities]float32
}

func (p *past) known(at time.Time) recalled {
	k := recalled{age: at.Sub(p.first)}
	for q, v := range p.last {
		k.last[q] = float32(v)
		for half := range halfLives {
			k.smooth[half][q] = float32(p.smooth[half][q])
			if math.IsNaN(v) { // never seen
				k.smooth[half][q] = float32(v)
			}
		}
	}
	return k
}

func widened(v *[quantities]float32) (f forecast) {
	for q := range f {
		f[q] = float64(v[q])
	}
	return f
}

// persisted is the last window, smoothed a moving average.
func (k *recalled) persisted() forecast { return widened(&k.last) }

func (k *recalled) smoothed(half int) forecast { return widened(&k.smooth[half]) }

// walk calls f with every moment of the wanted part, and with what was known
// of each of its endpoints by then: the moments before the part count too.
func (s *Set) walk(wanted datasets.Part, f func(h int, m *Moment, pasts []recalled)) {
	for h := range s.Histories {
		history := &s.Histories[h]
		pasts := newPasts(s.timing(h).Step)
		for i := range history.Moments {
			m := &history.Moments[i]
			list := m.pasts
			if list == nil {
				list = pasts.of(m)
			}
			if history.Split.Part(m.Time) == wanted {
				f(h, m, list)
			}
		}
	}
}

// yardsticks are what the training part gives to judge others by.
type yardsticks struct {
	half   [len(scores)]int    // the best of the moving averages for each score
	floors map[string]forecast // per service: the least that an error is relative to
	loads  [2]float64          // between the thirds of the load ÷ capacity
	ages   [2]float64          // between the thirds of the metrics' age, s
}

// leastDenominator is the part of a service's usual latency below which an
// error is not relative to the latency that came but to that part.
const leastDenominator = 0.1

// measureTraining looks at the training part twice: the losses need the floors.
func (j *judge) measureTraining() {
	y := &j.yardsticks
	y.floors = map[string]forecast{}
	usual := map[string]*[quantities][]float32{}
	var loads, ages []float64
	columns := len(j.set.Columns)
	j.set.each(datasets.Train, func(_ int, m *Moment) {
		if usual[m.Service] == nil {
			usual[m.Service] = &[quantities][]float32{}
		}
		for i := range m.After {
			for q, v := range seenAs(&m.After[i]) {
				if v > 0 {
					usual[m.Service][q] = append(usual[m.Service][q], float32(v))
				}
			}
			row := m.row(i, columns)
			if load := m.After[i].Rate / float64(row[j.anchors.capacity]); load >= 0 {
				loads = append(loads, load)
			}
			if age := float64(row[j.age]); age >= 0 {
				ages = append(ages, age)
			}
		}
	})
	for service, values := range usual {
		var floors forecast
		for q := range floors {
			if floors[q] = leastDenominator * measure(values[q]).center; len(values[q]) < tooFew {
				floors[q] = 0
			}
		}
		y.floors[service] = floors
	}
	y.loads, y.ages = thirds(loads), thirds(ages)
	y.half = j.tune()
}

// thirds are what parts values into three; NaN of none.
func thirds(values []float64) [2]float64 {
	if len(values) == 0 {
		return [2]float64{math.NaN(), math.NaN()}
	}
	slices.Sort(values)
	return [2]float64{quantile(values, 1.0/3), quantile(values, 2.0/3)}
}

// tune chooses, for each score, the half-life with the least loss in training.
func (j *judge) tune() (best [len(scores)]int) {
	var losses [len(scores)][len(halfLives)]average
	j.set.walk(datasets.Train, func(_ int, m *Moment, pasts []recalled) {
		for i := range pasts {
			after := &m.After[i]
			if j.skip[m.Service] || !(after.Requests > 0) {
				continue
			}
			came := j.cameOf(m.Service, after)
			for k := range halfLives {
				smooth := pasts[i].smoothed(k)
				for s := range scores {
					if loss := scores[s].loss(&smooth, &came); !math.IsNaN(loss) {
						losses[s][k].add(loss, after.Requests*m.weight())
					}
				}
			}
		}
	})
	for s := range best {
		best[s] = usualHalfLife
		for k := range halfLives {
			if losses[s][k].value() < losses[s][best[s]].value() {
				best[s] = k
			}
		}
	}
	return best
}
