package main

import (
	"context"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/replay/foresight"
)

const (
	// misplacedBy is how many horizons later, and of another endpoint, the
	// labels are that must show no skill.
	misplacedBy = 5
	// causalWindows are looked at for what depends on a later one.
	causalWindows = 120
)

// leaks looks for forecasts that know what they cannot: by what became of
// others later, on a third of the recordings, and by telling another story from
// some windows on.
func (b *forecastBench) leaks(ctx context.Context, calibration, test []foresight.Source, cfg foresight.Config) error {
	cfg.Progress = counting(b.log, "looking for leaks")
	r, err := foresight.Misplace(ctx, third(calibration), third(test), b.entries, cfg, misplacedBy)
	if err != nil {
		return err
	}
	row := &r.Sections[0].Rows[0]
	b.note("Labels of other endpoints %d horizons later, %d recordings: Brier skill of %s %.3f [%.3f, %.3f], as it must be.",
		misplacedBy, r.Sections[0].Sources, row.Name, float64(row.Skill.Value), float64(row.Skill.Low), float64(row.Skill.High))
	return b.causal(ctx, test[0])
}

func (b *forecastBench) causal(ctx context.Context, source foresight.Source) error {
	rec, err := source.Open(ctx)
	if err != nil {
		return err
	}
	defer rec.Close()
	t, cfg := b.look(rec)
	var windows []mesh.Window
	for w, err := range rec.Windows(ctx, t) {
		if err != nil {
			return err
		}
		if windows = append(windows, w); len(windows) == causalWindows {
			break
		}
	}
	var cuts []int
	for cut := 10; cut < len(windows); cut += 10 {
		cuts = append(cuts, cut)
	}
	if err := foresight.Causal(windows, t, cuts, foresight.Extracted(cfg), b.entries); err != nil {
		return err
	}
	b.note("Another story from %d windows of %s on changes no feature and no forecast before.", len(cuts), source.Name)
	return nil
}

// third is every third source, and one at least.
func third(sources []foresight.Source) []foresight.Source {
	var out []foresight.Source
	for i := 0; i < len(sources); i += 3 {
		out = append(out, sources[i])
	}
	return out
}
