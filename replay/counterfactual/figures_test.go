package counterfactual

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// situations are those of the tables in docs/counterfactual.md.
func situations() map[string]Config {
	with := func(change func(*Config)) Config {
		cfg := DefaultConfig()
		cfg.Trajectories = 25
		change(&cfg)
		return cfg
	}
	return map[string]Config{
		"as-published":          DefaultConfig(),
		"quarter":               with(func(*Config) {}),
		"noise-5%":              with(func(c *Config) { c.Noise = 0.05 }),
		"noise-20%":             with(func(c *Config) { c.Noise = 0.2 }),
		"classes-10%":           with(func(c *Config) { c.ClassSpread = 0.1 }),
		"classes-30%":           with(func(c *Config) { c.ClassSpread = 0.3 }),
		"four-policies":         with(func(c *Config) { c.Policies = []string{"Random", "JSQ", "Pow2", "PseudoOptimal"} }),
		"four-pairs":            with(func(c *Config) { c.Policies = []string{"Random34", "Random45", "Random12", "Random03"} }),
		"fixed-shares":          with(func(c *Config) { c.Policies = []string{"Random", "Random#2", "Random#3", "Random#4"} }),
		"sixteen-instrument":    with(func(c *Config) { c.InstrumentOnly = true; c.Trajectories = 100 }),
		"fixed-instrument":      with(func(c *Config) { c.Policies, c.InstrumentOnly = alike(16), true }),
		"one-endpoint-policies": with(func(c *Config) { c.Policies = []string{"Random0", "Random1", "Random2", "Random3"} }),
	}
}

// alike are so many policies of the same shares.
func alike(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("Random#%d", i))
	}
	return names
}

// BenchmarkSituations makes the tables of docs/counterfactual.md:
//
//	go test -run - -bench Situations -benchtime 1x -timeout 1h ./replay/counterfactual
func BenchmarkSituations(b *testing.B) {
	all := situations()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.Run(name, func(b *testing.B) {
			fmt.Printf("\n%s\n", name)
			for range b.N {
				figures(b, all[name], 10)
			}
		})
	}
}

// figures prints the means over seeds with their 95 % intervals.
func figures(b *testing.B, cfg Config, seeds int) {
	var columns [6][]float64
	refused, worst, reason := 0, 0.0, ""
	perPolicy := map[string]*[10]float64{}
	for seed := range seeds {
		cfg.Seed = uint64(seed + 1)
		r, err := LeaveOneOut(context.Background(), cfg)
		if err != nil {
			b.Fatal(err)
		}
		refused += r.Refused
		for _, p := range r.Policies {
			if p.Refused != "" {
				reason = p.Refused
				continue
			}
			worst = max(worst, p.SlownessError)
			if perPolicy[p.Policy] == nil {
				perPolicy[p.Policy] = &[10]float64{}
			}
			for i, x := range []float64{p.Processing.Plain, p.Processing.Supervised, p.Processing.Ours, p.Latency.Plain, p.Latency.Supervised, p.Latency.Ours,
				math.Abs(p.MeanLatency.Plain), math.Abs(p.MeanLatency.Supervised), math.Abs(p.MeanLatency.Ours), 100 * p.SameEndpoint} {
				perPolicy[p.Policy][i] += x / float64(seeds)
			}
		}
		if r.Refused == len(r.Policies) {
			continue
		}
		for i, x := range []float64{r.Processing.Plain, r.Processing.Supervised, r.Processing.Ours, r.Latency.Plain, r.Latency.Supervised, r.Latency.Ours} {
			columns[i] = append(columns[i], x)
		}
	}
	fmt.Printf("refused %d of %d; largest error of a log slowness %.4f; %s\n", refused, seeds*len(cfg.Policies), worst, reason)
	for i, name := range []string{"processing plain", "processing supervised", "processing ours", "latency plain", "latency supervised", "latency ours"} {
		if n := float64(len(columns[i])); n > 1 {
			mean, deviation := stat.MeanStdDev(columns[i], nil)
			half := deviation / math.Sqrt(n) * distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975)
			fmt.Printf("%-22s %8.2f ± %.2f\n", name, mean, half)
		}
	}
	for _, p := range cfg.Policies {
		if row := perPolicy[p]; row != nil {
			fmt.Printf("%-14s %7.1f %7.1f %7.2f   %8.1f %7.1f %7.2f   mean off by %7.1f %7.1f %7.3f   same %6.2f\n", p, row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9])
		}
	}
}
