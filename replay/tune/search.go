package tune

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/fairway-mesh/fairway/router/picker"
)

// values are those of a candidate that differ from the defaults.
type values map[string]float64

// candidate is one set of values, with its losses mesh by mesh as far as it got.
type candidate struct {
	values values
	losses []float64
}

// loss is the mean over the first n meshes; a number that is none is the worst.
func (c *candidate) loss(n int) float64 {
	sum := 0.0
	for _, x := range c.losses[:n] {
		sum += x
	}
	if math.IsNaN(sum) {
		return math.Inf(1)
	}
	return sum / float64(n)
}

// job is a candidate on a mesh.
type job struct{ candidate, mesh int }

// evaluate fills in the loss of each job; less is better, NaN is the worst.
type evaluate func(ctx context.Context, candidates []*candidate, jobs []job, losses []float64) error

// fewest meshes on which candidates are told apart.
const fewest = 6

// generations share the budget: in the first, candidates are drawn from
// everywhere, in the others around the best so far.
const generations = 3

// search tries candidates on some meshes, the better half of them on twice as
// many, and so on until those that are left were tried on all; then others
// around the best of these. The defaults are tried on all meshes. runs is how
// many it made.
func search(ctx context.Context, parameters []picker.Parameter, cfg Config, try evaluate) (best, defaults *candidate, runs int, err error) {
	rounds := rungs(cfg.Meshes)
	random := rand.New(rand.NewPCG(cfg.Seed, 0x7a6e))
	defaults = &candidate{values: values{}}
	best = defaults
	for g := range generations {
		budget := (cfg.Budget - runs) / (generations - g)
		if g > 0 && (len(parameters) == 0 || cost(rounds, 1) > budget) {
			break
		}
		all := []*candidate{best}
		if len(parameters) > 0 {
			for range affordable(rounds, budget, len(best.losses)) - 1 {
				all = append(all, &candidate{values: draw(parameters, random, best.values, g == 0)})
			}
		}
		made, err := race(ctx, all, rounds, try)
		if err != nil {
			return nil, nil, 0, err
		}
		runs += made
		best = ranked(all, cfg.Meshes)[0]
	}
	return best, defaults, runs, nil
}

// race is one generation. Whoever was tried on all meshes before is not tried
// again. The first of all stays to the end.
func race(ctx context.Context, all []*candidate, rounds []int, try evaluate) (runs int, err error) {
	for k, n := range rounds {
		if k > 0 {
			all = halve(all, rounds[k-1])
		}
		var jobs []job
		for mesh := range n {
			for i, c := range all {
				if mesh >= len(c.losses) {
					jobs = append(jobs, job{i, mesh})
				}
			}
		}
		losses := make([]float64, len(jobs))
		if err := try(ctx, all, jobs, losses); err != nil {
			return 0, err
		}
		for i, j := range jobs {
			all[j.candidate].losses = append(all[j.candidate].losses, losses[i])
		}
		runs += len(jobs)
	}
	return runs, nil
}

// rungs are how many meshes each round has: all in the last, half in each
// before, but not fewer than can tell.
func rungs(meshes int) []int {
	out := []int{meshes}
	for out[0]/2 >= fewest {
		out = slices.Insert(out, 0, out[0]/2)
	}
	return out
}

// affordable is the greatest number of candidates, at least one, whose runs are
// within the budget; the first of them has had some already.
func affordable(rounds []int, budget, had int) int {
	n := 1
	for cost(rounds, n+1)-had <= budget {
		n++
	}
	return n
}

func cost(rounds []int, candidates int) int {
	runs, before := 0, 0
	for k, n := range rounds {
		if k > 0 {
			candidates = half(candidates)
		}
		runs += candidates * (n - before)
		before = n
	}
	return runs
}

// half of the candidates stay, and at least one beside the first.
func half(n int) int { return min(n, max(2, n/2)) }

// halve keeps the better half by the first n meshes, and the first.
func halve(all []*candidate, n int) []*candidate {
	keep := []*candidate{all[0]}
	for _, c := range ranked(all, n) {
		if len(keep) < half(len(all)) && c != all[0] {
			keep = append(keep, c)
		}
	}
	return keep
}

// ranked sorts those that were tried on n meshes by their loss; of equal ones
// the first stays first.
func ranked(all []*candidate, n int) []*candidate {
	var out []*candidate
	for _, c := range all {
		if len(c.losses) >= n {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b *candidate) int { return cmp.Compare(a.loss(n), b.loss(n)) })
	return out
}

// draw makes a candidate that differs from a center in each parameter with a
// chance of a half. Everywhere: in half of the cases it is drawn from the whole
// range.
func draw(parameters []picker.Parameter, random *rand.Rand, center values, everywhere bool) values {
	out := values{}
	near := !everywhere || random.IntN(2) == 0
	for _, p := range parameters {
		x, there := center[p.Name]
		if !there {
			x = p.Default
		}
		if random.IntN(2) == 0 {
			if near {
				x = beside(p, x, random)
			} else {
				x = somewhere(p, random)
			}
		}
		if x != p.Default {
			out[p.Name] = x
		}
	}
	return out
}

// spans reports whether the range is of decades, in which all orders of
// magnitude are alike; least is the lowest that is drawn above 0.
func spans(p picker.Parameter) (least float64, ok bool) {
	if least = p.Min; least <= 0 {
		least = p.Max / 1e4
		if p.Default > 0 {
			least = p.Default / 100
		}
	}
	return least, p.Min >= 0 && p.Max/least >= 100
}

// somewhere draws from the whole range: of one of decades that has 0 in it, 0
// one time in five.
func somewhere(p picker.Parameter, r *rand.Rand) float64 {
	if few(p) {
		return p.Min + float64(r.IntN(int(p.Max-p.Min)+1))
	}
	least, decades := spans(p)
	if !decades {
		return fit(p, p.Min+(p.Max-p.Min)*r.Float64())
	}
	if p.Min == 0 && r.IntN(5) == 0 {
		return 0
	}
	return fit(p, least*math.Pow(p.Max/least, r.Float64()))
}

// beside draws around x, within a factor of two or so; where that is 0, or one
// of a few numbers, it stays or is drawn from the whole range.
func beside(p picker.Parameter, x float64, r *rand.Rand) float64 {
	switch {
	case x > 0 && !few(p):
		return fit(p, x*math.Exp(0.4*r.NormFloat64()))
	case r.IntN(3) == 0:
		return somewhere(p, r)
	}
	return x
}

// few reports whether the parameter is a switch or the like.
func few(p picker.Parameter) bool { return p.Unit == picker.Count && p.Max-p.Min <= 4 }

// fit keeps x within the range, with as many digits as a name can bear.
func fit(p picker.Parameter, x float64) float64 {
	if p.Unit == picker.Count {
		x = math.Round(x)
	} else if x != 0 {
		scale := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(x))))
		x = math.Round(x*scale) / scale
	}
	return min(max(x, p.Min), p.Max)
}
