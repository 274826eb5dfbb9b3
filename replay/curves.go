package replay

import (
	"math"
	"slices"
	"time"
)

// Curves are what the rows did over time on one service, for pictures: means
// over the windows of each of at most maxSlots equal parts of the time, weighed
// by their requests. NaN is unknown.
type Curves struct {
	Start     []time.Time // of the parts
	Endpoints []string    // sorted
	Rows      []RowCurves // as in the section
}

// RowCurves are those of one row.
type RowCurves struct {
	Policy    string
	Cost, P99 []float64   // seconds
	Weights   [][]float64 // part by part, of each endpoint; nil where nothing is known
}

const maxSlots = 120

// curves walks the windows of a service.
func (t *Trace) curves(service string) *Curves {
	first, last := t.span()
	length := max((last.Sub(first)/maxSlots).Truncate(time.Second)+time.Second, t.cfg.Timing.Step)
	clock := clock{first, length, int(last.Sub(first)/length) + 1}
	c := &Curves{}
	for i := range clock.n {
		c.Start = append(c.Start, first.Add(time.Duration(i)*length))
	}
	var windows []*Window
	for _, w := range t.Windows {
		if w.Service != service {
			continue
		}
		windows = append(windows, w)
		for _, e := range w.Endpoints {
			if at, found := slices.BinarySearch(c.Endpoints, e.Name); !found {
				c.Endpoints = slices.Insert(c.Endpoints, at, e.Name)
			}
		}
	}
	for i, name := range t.Rows {
		c.Rows = append(c.Rows, c.row(name, i, windows, clock))
	}
	return c
}

func (c *Curves) row(name string, row int, windows []*Window, clock clock) RowCurves {
	out := RowCurves{Policy: name, Weights: make([][]float64, clock.n)}
	cost, p99 := make(mean, clock.n), make(mean, clock.n)
	known := make([]float64, clock.n)
	for _, w := range windows {
		slot, step := clock.of(w.Time), &w.Steps[row]
		cost.add(slot, step.Cost, w.Requests)
		p99.add(slot, step.P99, w.Requests)
		if step.Weights == nil {
			continue
		}
		if out.Weights[slot] == nil {
			out.Weights[slot] = make([]float64, len(c.Endpoints))
		}
		for i, weight := range step.Weights {
			at, _ := slices.BinarySearch(c.Endpoints, w.Endpoints[i].Name)
			out.Weights[slot][at] += weight
		}
		known[slot]++
	}
	for slot, weights := range out.Weights {
		for i := range weights {
			weights[i] /= known[slot]
		}
	}
	out.Cost, out.P99 = cost.values(), p99.values()
	return out
}

// mean is a weighed mean for each part of the time.
type mean []struct{ sum, weight float64 }

func (m mean) add(slot int, x, weight float64) {
	if !math.IsNaN(x) {
		m[slot].sum += x * weight
		m[slot].weight += weight
	}
}

func (m mean) values() []float64 {
	out := make([]float64, len(m))
	for i := range m {
		out[i] = m[i].sum / m[i].weight
	}
	return out
}
