package train

import (
	"maps"
	"math"
	"slices"
)

// Decile is a tenth of the requests, those with like predictions of the mean.
type Decile struct {
	Windows   int      `json:"windows"`
	Predicted Number   `json:"predicted_seconds"`
	Came      Interval `json:"came_seconds"`
}

// deciles gathers predictions of the mean by their size, in steps so small
// that tenths can be made of them afterwards.
type deciles struct {
	clock *clock
	steps map[int]*tally // predicted, came, weight, count
}

// stepsInTwo is into how many steps a doubling of the prediction is parted.
const stepsInTwo = 32

func (d *deciles) add(cell int, predicted, came, weight float64) {
	if !(predicted > 0 && came > 0) || math.IsInf(predicted, 0) {
		return
	}
	step := int(math.Floor(stepsInTwo * math.Log2(predicted)))
	if d.steps[step] == nil {
		d.steps[step] = d.clock.tally(4)
	}
	row := d.steps[step].at(cell)
	for k, v := range [4]float64{predicted * weight, came * weight, weight, 1} {
		row[k] += v
	}
}

// told joins neighbouring steps to tenths of the requests, as near as can be.
func (d *deciles) told(draws *resampled) (list []Decile) {
	total := 0.0
	sums := map[int][]float64{}
	steps := slices.Sorted(maps.Keys(d.steps))
	for _, step := range steps {
		sums[step] = d.steps[step].total()
		total += sums[step][2]
	}
	joined, seen := d.clock.tally(4), 0.0
	for i, step := range steps {
		joined.join(d.steps[step])
		seen += sums[step][2]
		if seen < total*float64(len(list)+1)/10 && i < len(steps)-1 {
			continue
		}
		all, drawn := draws.sums(joined)
		list = append(list, Decile{int(all[3]), Number(all[0] / all[2]), interval(all, drawn, func(s []float64) float64 { return s[1] / s[2] })})
		joined = d.clock.tally(4)
	}
	return list
}
