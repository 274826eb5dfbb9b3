package train

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// resamples of the bootstrap, and the least length of its blocks: feedback
// and queues make neighbouring decisions alike.
const resamples = 1000

const leastBlock = time.Minute

// leastBlocks is how many blocks an interval needs to mean something.
const leastBlocks = 5

// cellsInBlock is by how small a part of their length blocks move.
const cellsInBlock = 4

// blockOf is how long the blocks of the bootstrap are.
func blockOf(t mesh.Timing) time.Duration { return max(leastBlock, 2*t.Horizon) }

// clock cuts the time of all histories into cells, which are numbered on from
// one history to the next, and notes in which of them something was judged.
type clock struct {
	cell  time.Duration
	spans []span
}

// span is the cells of one history; used are those from the first to the last
// that were judged, none when from ≥ to.
type span struct {
	start    time.Time
	first, n int
	from, to int
}

func newClock(set *Set) *clock {
	block := blockOf(set.Timing)
	for h := range set.Histories {
		block = max(block, blockOf(set.timing(h)))
	}
	c := &clock{cell: block / cellsInBlock}
	first := 0
	for i := range set.Histories {
		s := set.Histories[i].Split
		n := int(s.End.Sub(s.Start)/c.cell) + 1
		c.spans = append(c.spans, span{start: s.Start, first: first, n: n, from: first + n})
		first += n
	}
	return c
}

func (c *clock) cells() int {
	if len(c.spans) == 0 {
		return 0
	}
	last := c.spans[len(c.spans)-1]
	return last.first + last.n
}

// at is the cell of a time in history h, which counts as judged from now on.
func (c *clock) at(h int, t time.Time) int {
	s := &c.spans[h]
	cell := s.first + min(max(int(t.Sub(s.start)/c.cell), 0), s.n-1)
	s.from, s.to = min(s.from, cell), max(s.to, cell+1)
	return cell
}

// tally is a row of sums in each cell.
type tally struct {
	width int
	cells [][]float64 // nil where nothing was added
}

func (c *clock) tally(width int) *tally { return &tally{width, make([][]float64, c.cells())} }

func (t *tally) at(cell int) []float64 {
	if t.cells[cell] == nil {
		t.cells[cell] = make([]float64, t.width)
	}
	return t.cells[cell]
}

// join adds the cells of another tally of the same clock.
func (t *tally) join(o *tally) {
	for cell, row := range o.cells {
		if row == nil {
			continue
		}
		for k, v := range row {
			t.at(cell)[k] += v
		}
	}
}

// total is the sum over all cells.
func (t *tally) total() []float64 {
	all := make([]float64, t.width)
	for _, row := range t.cells {
		for k, v := range row {
			all[k] += v
		}
	}
	return all
}

// resampled are the draws of a moving block bootstrap (Künsch, Annals of
// Statistics 1989): how often each drew each cell. Blocks of a history may
// overlap, and no block is in two. All tallies share the draws, so that
// differences are paired.
type resampled struct {
	blocks int // in a resample
	times  [][]uint16
}

func (c *clock) draw(random *rand.Rand) *resampled {
	var starts []span // blocks that may be drawn: from, to
	judged := 0
	for _, s := range c.spans {
		if s.from >= s.to {
			continue
		}
		judged += s.to - s.from
		for from := s.from; from == s.from || from+cellsInBlock <= s.to; from++ {
			starts = append(starts, span{from: from, to: min(from+cellsInBlock, s.to)})
		}
	}
	d := &resampled{blocks: judged / cellsInBlock}
	if d.blocks < leastBlocks {
		return d
	}
	for range resamples {
		times := make([]uint16, c.cells())
		for drawn := 0; drawn < judged; {
			s := starts[random.IntN(len(starts))]
			for cell := s.from; cell < s.to; cell++ {
				times[cell]++
			}
			drawn += s.to - s.from
		}
		d.times = append(d.times, times)
	}
	return d
}

// sums are those of a tally over all cells, and over those of each draw.
func (d *resampled) sums(t *tally) (all []float64, drawn [][]float64) {
	all = t.total()
	drawn = make([][]float64, len(d.times))
	for i := range drawn {
		drawn[i] = make([]float64, t.width)
	}
	for cell, row := range t.cells {
		if row == nil {
			continue
		}
		for i, times := range d.times {
			if n := float64(times[cell]); n > 0 {
				for k, v := range row {
					drawn[i][k] += n * v
				}
			}
		}
	}
	return all, drawn
}

// Interval is a figure with its intervals; NaN of fewer than five blocks.
type Interval struct {
	Value  Number `json:"value"`
	Low90  Number `json:"low_90"`
	High90 Number `json:"high_90"`
	Low95  Number `json:"low_95"`
	High95 Number `json:"high_95"`
}

// Sure reports whether the 90 % interval is on one side of 0.
func (i *Interval) Sure() bool { return i.Low90 > 0 || i.High90 < 0 }

// interval is what f makes of sums. Draws that hold nothing of the kind are
// left out, and where that is most of them, nothing is said.
func interval(all []float64, drawn [][]float64, f func(sums []float64) float64) Interval {
	nan := Number(math.NaN())
	out := Interval{Number(f(all)), nan, nan, nan, nan}
	values := make([]float64, 0, len(drawn))
	for _, sums := range drawn {
		if v := f(sums); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	if len(values) == 0 || len(values) < len(drawn)/2 {
		return out
	}
	slices.Sort(values)
	out.Low90, out.High90 = Number(quantile(values, 0.05)), Number(quantile(values, 0.95))
	out.Low95, out.High95 = Number(quantile(values, 0.025)), Number(quantile(values, 0.975))
	return out
}
