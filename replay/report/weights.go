package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/fairway-mesh/fairway/replay/contest"
)

// weights shows what the slow loop of a row said, or, where it has none, where
// the requests went, with the first seed; nil where nothing is known.
func weights(c *contest.Comparison, r *contest.Row) *chart {
	title, values := "Weights of "+r.Strategy, r.Curves.Weights
	if !slices.ContainsFunc(values, func(w []float64) bool { return w != nil }) {
		title, values = "Shares with "+r.Strategy, r.Curves.Shares
	}
	var faulty []string
	for _, f := range c.Faults {
		faulty = append(faulty, f.Endpoint)
	}
	lines := endpointLines(r.Curves.Endpoints, faulty, sinceStart(r.Curves.Start), values)
	if lines == nil {
		return nil
	}
	return &chart{
		title: title, about: fmt.Sprintf("Of each endpoint, with seed %d.", c.FirstSeed),
		x: axis{label: "seconds since the start"}, y: axis{label: "%", zero: true}, lines: lines, marks: marks(c.Faults),
	}
}

// most is how many endpoints a picture can tell apart.
const most = 8

// endpointLines are the weights of each endpoint in percent, or, where there
// are too many of them, of those that were faulty, and what the others span.
func endpointLines(endpoints, faulty []string, x []float64, values [][]float64) []line {
	var shown []int
	for i, name := range endpoints {
		if len(endpoints) <= most || slices.Contains(faulty, name) && len(shown) < most {
			shown = append(shown, i)
		}
	}
	if !slices.ContainsFunc(values, func(w []float64) bool { return len(w) > 0 }) {
		return nil
	}
	var lines []line
	if len(shown) < len(endpoints) {
		lines = append(lines, span(len(endpoints), shown, x, values))
	}
	for k, i := range shown {
		l := line{name: endpoints[i], colour: k, x: x}
		for _, w := range values {
			l.y = append(l.y, at(w, i))
		}
		lines = append(lines, l)
	}
	return lines
}

// span is the middle, the least and the most of the endpoints that are not
// shown one by one.
func span(n int, shown []int, x []float64, values [][]float64) line {
	l := line{name: fmt.Sprintf("%d others: the middle, and from the least to the most", n-len(shown)), colour: muted, x: x}
	for _, w := range values {
		var others []float64
		for i := range n {
			if share := at(w, i); !math.IsNaN(share) && !slices.Contains(shown, i) {
				others = append(others, share)
			}
		}
		low, middle, high := math.NaN(), math.NaN(), math.NaN()
		if len(others) > 0 {
			slices.Sort(others)
			low, middle, high = others[0], others[len(others)/2], others[len(others)-1]
		}
		l.low, l.y, l.high = append(l.low, low), append(l.y, middle), append(l.high, high)
	}
	return l
}

func at(w []float64, i int) float64 {
	if i >= len(w) {
		return math.NaN()
	}
	return 100 * w[i]
}
