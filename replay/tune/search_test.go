package tune

import (
	"context"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/fairway-mesh/fairway/router/picker"
)

var bowl = []picker.Parameter{
	{Name: "gain", Default: 1, Min: 0, Max: 4},
	{Name: "time", Default: 10, Min: 0.001, Max: 3600, Unit: picker.Duration},
	{Name: "switch", Default: 0, Min: 0, Max: 1, Unit: picker.Count},
}

func with(v values, p picker.Parameter) float64 {
	if x, there := v[p.Name]; there {
		return x
	}
	return p.Default
}

// synthetic has its least loss at gain = 2, time = 0.1 and switch = 1, and
// meshes that differ by more than candidates do.
func synthetic(tried *int) evaluate {
	return func(_ context.Context, all []*candidate, jobs []job, losses []float64) error {
		for i, j := range jobs {
			v := all[j.candidate].values
			losses[i] = math.Pow(with(v, bowl[0])-2, 2) + math.Pow(math.Log10(with(v, bowl[1]))+1, 2) + 1 - with(v, bowl[2]) + 100*math.Sin(float64(j.mesh))
		}
		*tried += len(jobs)
		return nil
	}
}

func TestSearchFindsTheOptimum(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Meshes, cfg.Budget = 24, 3000
	tried := 0
	best, defaults, runs, err := search(t.Context(), bowl, cfg, synthetic(&tried))
	if err != nil {
		t.Fatal(err)
	}
	if runs > cfg.Budget || runs < cfg.Budget*8/10 || runs != tried {
		t.Errorf("of a budget of %d it says that it used %d, and used %d", cfg.Budget, runs, tried)
	}
	gain, time, on := with(best.values, bowl[0]), with(best.values, bowl[1]), with(best.values, bowl[2])
	if math.Abs(gain-2) > 0.5 || time < 0.03 || time > 0.3 || on != 1 {
		t.Errorf("found gain %v, time %v, switch %v; want about 2, 0.1, 1", gain, time, on)
	}
	if len(best.losses) != cfg.Meshes || len(defaults.losses) != cfg.Meshes || len(defaults.values) != 0 || best.loss(cfg.Meshes) >= defaults.loss(cfg.Meshes) {
		t.Errorf("best %v on %d meshes, defaults %v on %d", best.loss(cfg.Meshes), len(best.losses), defaults.loss(cfg.Meshes), len(defaults.losses))
	}
	again, _, _, _ := search(t.Context(), bowl, cfg, synthetic(&tried))
	if !reflect.DeepEqual(best, again) {
		t.Error("one seed finds two things")
	}
}

// TestSearchKeepsTheDefaults: where nothing is better, they are what is found;
// a loss that is no number is never the best.
func TestSearchKeepsTheDefaults(t *testing.T) {
	for _, other := range []float64{1, math.NaN()} {
		best, _, _, err := search(t.Context(), bowl, DefaultConfig(), func(_ context.Context, all []*candidate, jobs []job, losses []float64) error {
			for i, j := range jobs {
				if losses[i] = other; len(all[j.candidate].values) == 0 {
					losses[i] = 0.5
				}
			}
			return nil
		})
		if err != nil || len(best.values) != 0 {
			t.Errorf("with others at %v it found %v, %v", other, best.values, err)
		}
	}
}

// TestSearchWithoutParameters: a strategy that has none is tried once.
func TestSearchWithoutParameters(t *testing.T) {
	cfg := DefaultConfig()
	tried := 0
	_, _, runs, err := search(t.Context(), nil, cfg, synthetic(&tried))
	if err != nil || runs != cfg.Meshes {
		t.Errorf("%d runs, %v; want %d", runs, err, cfg.Meshes)
	}
}

func TestDrawsStayInRange(t *testing.T) {
	parameters := append([]picker.Parameter{
		{Name: "below", Default: 0, Min: -3, Max: 3}, {Name: "share", Default: 0.84, Min: 0, Max: 1}, {Name: "pool", Default: 16, Min: 1, Max: 256, Unit: picker.Count},
		{Name: "off", Default: 0, Min: 0, Max: 600, Unit: picker.Duration},
	}, bowl...)
	seen := map[string]map[float64]bool{}
	random, center := rand.New(rand.NewPCG(7, 7)), values{}
	for k := range 400 {
		center = draw(parameters, random, center, k%2 == 0)
		for _, p := range parameters {
			x := with(center, p)
			if x < p.Min || x > p.Max || p.Unit == picker.Count && x != math.Trunc(x) {
				t.Errorf("%s is %v; want %v to %v", p.Name, x, p.Min, p.Max)
			}
			if seen[p.Name] == nil {
				seen[p.Name] = map[float64]bool{}
			}
			seen[p.Name][x] = true
		}
	}
	for _, p := range parameters {
		if n := len(seen[p.Name]); n < 50 && p.Name != "switch" && p.Name != "pool" || n < 2 {
			t.Errorf("of %s only %d values were drawn", p.Name, n)
		}
	}
}
