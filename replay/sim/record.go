package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/router"
)

// Record runs a strategy through a scenario, as Watch does, and writes what was
// to be seen as a recording, which package datasets reads: metrics of the lab's
// names, the request log, and the faults. Times count from 1970. The directory
// dir must not exist yet; on an error it does not appear. Memory does not grow
// with the run.
func Record(ctx context.Context, s *Scenario, seed uint64, strategy router.Strategy, dir string) (*Result, error) {
	m := &datasets.Manifest{MadeBy: fmt.Sprintf("fairway lab simulate --scenario %s --duration %v --scale %g --seed %d",
		s.Name, s.Duration.Round(time.Millisecond), cmp.Or(s.Arrivals.scale, 1), seed)}
	return record(ctx, s, seed, strategy, m, dir, true)
}

// RecordMetrics is Record without the request log, which is what is large. The
// manifest says when the slow loop of the scenario looks, so that who learns
// from the recording sees what a policy there would see. madeBy and part are
// those of the manifest.
func RecordMetrics(ctx context.Context, s *Scenario, seed uint64, strategy router.Strategy, madeBy string, part datasets.Part, dir string) (*Result, error) {
	m := &datasets.Manifest{
		MadeBy: madeBy, Part: part,
		StepS: s.Metrics.Step.Seconds(), RangeS: s.Metrics.Range.Seconds(), DelayS: s.Metrics.Delay.Seconds(), DeadlineS: s.Deadline.Seconds(),
	}
	return record(ctx, s, seed, strategy, m, dir, false)
}

// record fills in the rest of the manifest.
func record(ctx context.Context, s *Scenario, seed uint64, strategy router.Strategy, m *datasets.Manifest, dir string, requests bool) (*Result, error) {
	most := int((s.Duration+s.Deadline)/s.Metrics.Scrape) + 2
	e, err := newEmission(dir, s.service(), s.Endpoints(), most, s.Deadline, requests)
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	sent, failed := 0, 0
	result, err := Watch(ctx, s, seed, strategy, &Observer{
		Scraped: e.scraped,
		Finished: func(f *Finished) {
			sent++
			if f.Status != 200 {
				failed++
			}
			if requests {
				e.requests.add(f)
			}
		},
	})
	if err != nil {
		return nil, errors.Join(err, e.discard())
	}
	m.Format, m.Schema, m.Services, m.Seed = datasets.Format, "lab", []string{s.service()}, seed
	m.Start, m.End, m.ScrapeIntervalS = instantOf(0), instantOf(s.Duration), s.Metrics.Scrape.Seconds()
	m.Notes = datasets.Notes{
		"simulated: no real mesh was there; times count from 1970",
		fmt.Sprintf("scenario %s, strategy %s; the propensity is exact where the strategy draws by known weights, else empty", s.Name, strategy.Name),
		fmt.Sprintf("%d requests, %d failed", sent, failed),
	}
	return result, e.finish(m, result.Faults)
}
