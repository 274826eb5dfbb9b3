package replay

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// statistic is computed from the blocks of time that are drawn; a block may
// be drawn several times.
type statistic func(drawn []int) float64

// ratio is a sum over a sum, per block.
type ratio []struct{ sum, weight float64 }

// add counts x with a weight; an unknown x does not count.
func (r ratio) add(block int, x, weight float64) {
	if !math.IsNaN(x) {
		r[block].sum += x * weight
		r[block].weight += weight
	}
}

func (r ratio) value(drawn []int) float64 {
	sum, weight := 0.0, 0.0
	for _, b := range drawn {
		sum += r[b].sum
		weight += r[b].weight
	}
	if weight == 0 {
		return nan
	}
	return sum / weight
}

// filled marks the blocks that hold anything.
func (r ratio) filled() []int {
	var blocks []int
	for b := range r {
		if r[b].weight > 0 {
			blocks = append(blocks, b)
		}
	}
	return blocks
}

// bootstrap draws blocks of time with replacement (Carlstein 1986). All
// statistics share the draws, so differences are paired.
type bootstrap struct {
	all   []int   // each block once: the estimate itself
	draws [][]int // of as many blocks
	level float64
}

// newBootstrap draws from blocks; the same seed draws the same.
func newBootstrap(blocks []int, resamples int, level float64, seed uint64) *bootstrap {
	b := &bootstrap{all: blocks, level: level}
	if len(blocks) < minBlocks {
		return b
	}
	random := rand.New(rand.NewPCG(seed, 0x7265706c6179))
	b.draws = make([][]int, resamples)
	for i := range b.draws {
		b.draws[i] = make([]int, len(blocks))
		for j := range b.draws[i] {
			b.draws[i][j] = blocks[random.IntN(len(blocks))]
		}
	}
	return b
}

// minBlocks is the least number of blocks that give an interval at all, and
// fewBlocks that below which it is rough.
const minBlocks, fewBlocks = 3, 10

// sample is a statistic and what the draws made of it.
type sample struct {
	value float64
	drawn []float64 // in step with the draws
}

func (b *bootstrap) sample(s statistic) sample {
	drawn := make([]float64, len(b.draws))
	for i, blocks := range b.draws {
		drawn[i] = s(blocks)
	}
	return sample{s(b.all), drawn}
}

// minus pairs two samples draw by draw.
func (s sample) minus(o sample) sample {
	drawn := make([]float64, len(s.drawn))
	for i := range drawn {
		drawn[i] = s.drawn[i] - o.drawn[i]
	}
	return sample{s.value - o.value, drawn}
}

// estimate is the sample's statistic with its interval.
func (b *bootstrap) estimate(s sample) Estimate {
	low, high := b.interval(s)
	return Estimate{Value: Number(s.value), Low: Number(low), High: Number(high)}
}

// against is the estimate of s with its difference from the reference.
// Rounding alone is no difference, and neither is what too few blocks say.
func (b *bootstrap) against(s, reference sample) Estimate {
	e, d := b.estimate(s), s.minus(reference)
	low, high := b.interval(d)
	least := math.Abs(reference.value) * tie
	e.Change = &Change{
		Value: Number(d.value), Low: Number(low), High: Number(high),
		Significant: (low > least || high < -least) && conclusive(len(b.all), b.level),
	}
	return e
}

// conclusive reports whether so many blocks could show a difference at all:
// that all of them lean to the same side by chance must be as unlikely as the
// level asks, which is the sign test. Six blocks are needed for 95 %.
func conclusive(blocks int, level float64) bool {
	return math.Pow(2, float64(1-blocks)) <= 1-level
}

// interval is the expanded percentile interval (Hesterberg, The American
// Statistician 2015): percentiles far enough out to make up for the narrowness
// of the plain ones when there are few blocks. NaN when there are too few.
func (b *bootstrap) interval(s sample) (low, high float64) {
	values := slices.DeleteFunc(slices.Clone(s.drawn), math.IsNaN)
	if len(values) <= len(b.draws)/2 {
		return nan, nan
	}
	slices.Sort(values)
	tail := b.tail()
	return quantile(values, tail), quantile(values, 1-tail)
}

// tail is the probability to leave out on each side.
func (b *bootstrap) tail() float64 {
	n := float64(len(b.all))
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile((1 - b.level) / 2)
	return distuv.UnitNormal.CDF(math.Sqrt(n/(n-1)) * t)
}

// quantile interpolates between the sorted values.
func quantile(sorted []float64, p float64) float64 {
	if len(sorted) == 1 {
		return sorted[0]
	}
	at := p * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-2)
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
