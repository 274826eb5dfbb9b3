package ope

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

var nan = math.NaN()

// Statistic is computed from the blocks of time that are drawn; a block may
// be drawn several times.
type Statistic func(drawn []int) float64

// Ratio is a sum over a sum, per block.
type Ratio []struct{ Sum, Weight float64 }

// Add counts x with a weight; an unknown x does not count.
func (r Ratio) Add(block int, x, weight float64) {
	if !math.IsNaN(x) {
		r[block].Sum += x * weight
		r[block].Weight += weight
	}
}

// Value is the ratio over the drawn blocks; NaN when they hold nothing.
func (r Ratio) Value(drawn []int) float64 {
	sum, weight := 0.0, 0.0
	for _, b := range drawn {
		sum += r[b].Sum
		weight += r[b].Weight
	}
	return over(sum, weight)
}

// over is NaN where there is nothing to divide by.
func over(sum, weight float64) float64 {
	if weight == 0 {
		return nan
	}
	return sum / weight
}

// Filled names the blocks that hold anything.
func (r Ratio) Filled() []int {
	var blocks []int
	for b := range r {
		if r[b].Weight > 0 {
			blocks = append(blocks, b)
		}
	}
	return blocks
}

// Bootstrap draws blocks of time with replacement (Carlstein, Annals of
// Statistics 1986). All statistics share the draws, so differences are paired.
type Bootstrap struct {
	Blocks []int   // each once: the estimate itself
	draws  [][]int // of as many blocks
	level  float64
}

// NewBootstrap draws from blocks; the same seed draws the same.
func NewBootstrap(blocks []int, resamples int, level float64, seed uint64) *Bootstrap {
	b := &Bootstrap{Blocks: blocks, level: level}
	if len(blocks) < MinBlocks {
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

// MinBlocks is the least number of blocks that give an interval at all, and
// FewBlocks that below which it is rough.
const MinBlocks, FewBlocks = 3, 10

// Sample is a statistic and what the draws made of it.
type Sample struct {
	Value float64
	Drawn []float64 // in step with the draws
}

// Sample computes a statistic on the blocks and on every draw of them.
func (b *Bootstrap) Sample(s Statistic) Sample {
	drawn := make([]float64, len(b.draws))
	for i, blocks := range b.draws {
		drawn[i] = s(blocks)
	}
	return Sample{s(b.Blocks), drawn}
}

// Unknown is the sample of what cannot be said.
func (b *Bootstrap) Unknown() Sample {
	return b.Sample(func([]int) float64 { return nan })
}

// minus pairs two samples draw by draw.
func (s Sample) minus(o Sample) Sample {
	drawn := make([]float64, len(s.Drawn))
	for i := range drawn {
		drawn[i] = s.Drawn[i] - o.Drawn[i]
	}
	return Sample{s.Value - o.Value, drawn}
}

// Estimate is the sample's statistic with its interval.
func (b *Bootstrap) Estimate(s Sample) Estimate {
	low, high := b.Interval(s)
	return Estimate{Value: Number(s.Value), Low: Number(low), High: Number(high)}
}

// tie is how close two values are one.
const tie = 1e-9

// Against is the estimate of s with its difference from the reference.
// Rounding alone is no difference, and neither is what too few blocks say.
func (b *Bootstrap) Against(s, reference Sample) Estimate {
	e, d := b.Estimate(s), s.minus(reference)
	low, high := b.Interval(d)
	least := math.Abs(reference.Value) * tie
	e.Change = &Change{
		Value: Number(d.Value), Low: Number(low), High: Number(high),
		Significant: (low > least || high < -least) && Conclusive(len(b.Blocks), b.level),
	}
	return e
}

// Conclusive reports whether so many blocks could show a difference at all:
// that all of them lean to the same side by chance must be as unlikely as the
// level asks, which is the sign test. Six blocks are needed for 95 %.
func Conclusive(blocks int, level float64) bool {
	return math.Pow(2, float64(1-blocks)) <= 1-level
}

// Interval is the expanded percentile interval (Hesterberg, The American
// Statistician 2015): percentiles far enough out to make up for the narrowness
// of the plain ones when there are few blocks. NaN when there are too few.
func (b *Bootstrap) Interval(s Sample) (low, high float64) {
	values := slices.DeleteFunc(slices.Clone(s.Drawn), math.IsNaN)
	if len(values) <= len(b.draws)/2 {
		return nan, nan
	}
	slices.Sort(values)
	tail := b.tail()
	return quantile(values, tail), quantile(values, 1-tail)
}

// tail is the probability to leave out on each side.
func (b *Bootstrap) tail() float64 {
	n := float64(len(b.Blocks))
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
