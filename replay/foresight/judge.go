package foresight

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/fairway-mesh/fairway/datasets"
)

// Judge chooses the thresholds on the calibration recordings and judges the
// entries by the test recordings. The first entry is the one that the others
// are compared with. As many recordings are walked at once as there are CPUs;
// what is told does not depend on that.
func Judge(ctx context.Context, calibration, test []Source, entries []Entry, cfg Config) (*Report, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if len(calibration) == 0 || len(test) == 0 || len(entries) == 0 {
		return nil, errors.New("foresight: it takes a recording to calibrate with, one to judge by, and a forecaster")
	}
	done, all := 0, len(calibration)+len(test)
	var mu sync.Mutex
	progress := func() {
		mu.Lock()
		defer mu.Unlock()
		if done++; cfg.Progress != nil {
			cfg.Progress(done, all)
		}
	}
	r := &Report{Refractory: cfg.Refractory, Block: cfg.Block, Precision: cfg.Precision, Resamples: cfg.Resamples, Level: cfg.Level, Seed: cfg.Seed}
	learned, err := calibrate(ctx, calibration, entries, &cfg, progress)
	if err != nil {
		return nil, err
	}
	shared := standard{cfg: &cfg}
	for k, c := range learned {
		r.Names = append(r.Names, entries[k].Name)
		shared.chosen = append(shared.chosen, c.choose(cfg.Precision))
		shared.mappings = append(shared.mappings, nil)
		if !entries[k].Probability {
			shared.mappings[k] = c.mapping()
		}
	}
	units, err := judge(ctx, test, entries, &shared, progress)
	if err != nil {
		return nil, err
	}
	r.sum(test, shared.chosen, learned[0], units)
	return r, nil
}

// each runs f for every source, some at a time.
func each(ctx context.Context, sources []Source, f func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range sources {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return f(ctx, i)
		})
	}
	return group.Wait()
}

func calibrate(ctx context.Context, sources []Source, entries []Entry, cfg *Config, progress func()) ([]*calibration, error) {
	results := make([][]*calibration, len(sources))
	err := each(ctx, sources, func(ctx context.Context, i int) error {
		c := newCalibrating(cfg, len(entries))
		w, err := sources[i].run(ctx, entries, cfg, datasets.Validation, c.row)
		if err != nil {
			return err
		}
		results[i] = c.finish(w)
		progress()
		return nil
	})
	if err != nil {
		return nil, err
	}
	learned := newCalibrating(cfg, len(entries)).of
	for _, result := range results {
		for k := range learned {
			learned[k].add(result[k])
		}
	}
	if learned[0].empty() {
		return nil, fmt.Errorf("foresight: in the %d recordings for calibration nothing begins to fail: no threshold can be chosen", len(sources))
	}
	return learned, nil
}

func (c *calibration) empty() bool { return len(c.incidents) == 0 }

// judged is what one test recording says.
type judged struct {
	units     []*unit
	within    int
	incidents int // that began in the part that is judged
}

func judge(ctx context.Context, sources []Source, entries []Entry, shared *standard, progress func()) ([]judged, error) {
	results := make([]judged, len(sources))
	err := each(ctx, sources, func(ctx context.Context, i int) error {
		j := newJudging(shared, i)
		w, err := sources[i].run(ctx, entries, shared.cfg, datasets.Test, j.row)
		if err != nil {
			return err
		}
		j.finish(w)
		results[i] = judged{units: j.units, within: j.within}
		for _, incident := range w.incidents() {
			if w.split.Part(incident.Start) == datasets.Test {
				results[i].incidents++
			}
		}
		progress()
		return nil
	})
	return results, err
}
