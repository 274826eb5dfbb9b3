package predict

import (
	"math"

	"github.com/fairway-mesh/fairway/features"
)

// Spread is how far apart the members of an ensemble are about an endpoint:
// standard deviations over them, each the greatest of half its load now, that
// load, and one and a half of it. NaN when its curve is not known.
type Spread struct {
	Mean   float64 // of ln(mean latency)
	Errors float64 // of the error ratio
	Cost   float64 // of ln(cost of a request), which holds both
}

// askedLoads are where members are compared, in multiples of the load now: a
// decision moves loads, and at the load of now all know the answer.
var askedLoads = [3]float64{0.5, 1, 1.5}

// sums are of one endpoint over the members, at each load: the three values,
// and their squares.
type sums [len(askedLoads)][2][3]float64

func (s *sums) add(load int, values [3]float64) {
	for k, v := range values {
		s[load][0][k] += v
		s[load][1][k] += v * v
	}
}

// spread is the greatest standard deviation of n values each.
func (s *sums) spread(n float64) (result [3]float64) {
	for load := range s {
		for k := range result {
			mean := s[load][0][k] / n
			d := math.Sqrt(max(s[load][1][k]/n-mean*mean, 0))
			if !(result[k] >= d) { // NaN wins
				result[k] = d
			}
		}
	}
	return result
}

// Disagreement writes how far apart the members are about each endpoint of f;
// dst has one entry per endpoint. Without members they agree. Errors: those of
// Curves.
func (p *Predictor) Disagreement(dst []Spread, f *features.Frame) error {
	p.sums, p.curves = resize(p.sums, len(dst)), resize(p.curves, len(dst))
	clear(p.sums)
	if p.routing == nil {
		return p.Curves(p.curves, f, 1) // says why not
	}
	at, err := p.scales.find(f)
	if err != nil {
		return err
	}
	members := p.routing.members
	for k := 0; k <= len(members); k++ {
		p.routing.alone = p.routing.network
		if k > 0 {
			p.routing.alone = members[k-1]
		}
		err := p.Curves(p.curves, f, 1)
		p.routing.alone = nil
		if err != nil {
			return err
		}
		for i := range dst {
			row := f.Row(i)
			p.compare(&p.sums[i], &p.curves[i], float64(row[at[scaleCapacity]])*float64(row[at[scaleLoad]]))
		}
	}
	for i := range dst {
		s := p.sums[i].spread(float64(1 + len(members)))
		dst[i] = Spread{Mean: s[0], Errors: s[1], Cost: s[2]}
	}
	return nil
}

// compare adds what one member's curve says around the load of now.
func (p *Predictor) compare(s *sums, c *Curve, now float64) {
	for k, factor := range askedLoads {
		load := factor * now
		s.add(k, [3]float64{math.Log(c.Mean(load)), c.Errors(load), math.Log(c.Cost(load, p.model.Objective))})
	}
}
