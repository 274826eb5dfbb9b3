package train

import (
	"cmp"
	"math"
	"slices"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/model"
)

// tooFew is how many known values a column needs to be scaled by them.
const tooFew = 2

// column is what the training part says of one column.
type column struct {
	center, scale, low, high float64
	known                    int
	constant                 bool // all known values are the same
}

// measure looks at values, of which NaN ones are unknown. Center is the
// median; scale the standard deviation that the quartiles suggest, but wide
// enough that the whole range of training stays inside the clip.
func measure(values []float32) column {
	known := make([]float64, 0, len(values))
	for _, v := range values {
		if v == v {
			known = append(known, float64(v))
		}
	}
	if len(known) < tooFew {
		return column{scale: 1, known: len(known), constant: true}
	}
	slices.Sort(known)
	c := column{known: len(known), center: quantile(known, 0.5), low: quantile(known, 0.001), high: quantile(known, 0.999)}
	c.constant = known[0] == known[len(known)-1]
	reach := math.Max(known[len(known)-1]-c.center, c.center-known[0])
	c.scale = math.Max((quantile(known, 0.75)-quantile(known, 0.25))/1.349, reach/model.Clip)
	if !(c.scale > 1e-12) {
		c.scale = 1
	}
	return c
}

// quantile of sorted values, linear between them.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	part := at - float64(i)
	return sorted[i]*(1-part) + sorted[i+1]*part
}

// median of the known values, each of which counts as often as its weight says;
// 0 of too few. With equal weights it is quantile's.
func median(values, weights []float64) float64 {
	type weighed struct{ value, weight float64 }
	var known []weighed
	for i, v := range values {
		if v == v {
			known = append(known, weighed{v, weights[i]})
		}
	}
	if len(known) < tooFew {
		return 0
	}
	slices.SortFunc(known, func(a, b weighed) int {
		return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.weight, b.weight))
	})
	total := 0.0 // from the first value to the last, which are a weight apart
	for i := range known[1:] {
		total += (known[i].weight + known[i+1].weight) / 2
	}
	at := 0.0
	for i := range known[1:] {
		gap := (known[i].weight + known[i+1].weight) / 2
		if at+gap >= total/2 {
			part := (total/2 - at) / gap
			return known[i].value*(1-part) + known[i+1].value*part
		}
		at += gap
	}
	return known[len(known)-1].value
}

// columnsOf measures every column of the set on the training part.
func columnsOf(set *Set) []column {
	values := make([][]float32, len(set.Columns))
	set.each(datasets.Train, func(_ int, m *Moment) {
		for i := range m.Endpoints {
			for c, v := range m.row(i, len(set.Columns)) {
				values[c] = append(values[c], v)
			}
		}
	})
	columns := make([]column, len(values))
	for c := range values {
		columns[c] = measure(values[c])
	}
	return columns
}

// inputs are the columns that a network takes, and how it scales them.
type inputs struct {
	names  []string
	at     []int // in the set
	scaler model.Scaler
}

// chooseInputs takes the wanted columns but for those that the set lacks or
// that say nothing, being constant; with all, it takes every one.
func chooseInputs(set *Set, columns []column, wanted []string, all bool) (inputs, error) {
	var in inputs
	for _, name := range wanted {
		at, err := set.column(name)
		if err != nil {
			return in, err
		}
		c := columns[at]
		if c.constant && !all {
			continue
		}
		in.names = append(in.names, name)
		in.at = append(in.at, at)
		s := &in.scaler
		s.Center = append(s.Center, float32(c.center))
		s.Scale = append(s.Scale, float32(c.scale))
		s.Impute = append(s.Impute, float32(c.center))
		s.Low = append(s.Low, float32(c.low))
		s.High = append(s.High, float32(c.high))
	}
	return in, nil
}

// scaled writes the inputs of one row of the set to dst.
func (in *inputs) scaled(dst, row []float32) {
	for i, at := range in.at {
		dst[i] = row[at]
	}
	in.scaler.Apply(dst, dst)
}
