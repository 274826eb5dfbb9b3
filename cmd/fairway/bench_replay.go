package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/replay/contest"
	"github.com/fairway-mesh/fairway/replay/counterfactual"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/router"
)

// replayFigures is the last line of `fairway bench replay`.
type replayFigures struct {
	// Mean response in service times of M/M/1 at a load of 0.9 (theory: 10), and
	// of two choices over 100 endpoints (theory: 2.61).
	MM1 float64 `json:"mm1_mean"`
	P2C float64 `json:"p2c_mean"`
	// The p99 in seconds of Prequal's nine rules at 90 %, by name; the mean over
	// the seeds. The deadline is 5 s.
	NineRules map[string]float64 `json:"nine_rules_p99"`
	// Mean absolute percentage error of the latency under a policy that the log
	// does not have: of the plain replay, of a supervised simulator, and of ours.
	Plain      float64 `json:"lopo_mape_plain"`
	Supervised float64 `json:"lopo_mape_supervised"`
	Ours       float64 `json:"lopo_mape_ours"`
	// The same of the processing time alone, without the wait.
	PlainProcessing      float64 `json:"lopo_processing_mape_plain"`
	SupervisedProcessing float64 `json:"lopo_processing_mape_supervised"`
	OursProcessing       float64 `json:"lopo_processing_mape_ours"`
	// Simulated requests per second on one core: 100 endpoints, two choices.
	Requests float64 `json:"requests_per_s"`
}

// nineRules are those of Prequal's figure 7, as they are called here.
var nineRules = []string{"round_robin", "random", "wrr", "least_loaded", "power_of_two", "polled_power_of_two", "linear", "c3_score", "prequal"}

// The sizes at a scale of 1.
const (
	theoryRequests = 40e6
	nineSeeds      = 10
)

type benchReplay struct {
	scale float64
	seed  uint64
	log   io.Writer
}

func newBenchReplayCommand() *cobra.Command {
	b := benchReplay{}
	cmd := scaledBench(&cobra.Command{
		Use:   "replay",
		Short: "hold the simulated mesh to theory and to published figures, and measure it",
		Long: `Simulates queues of which theory knows the mean, Prequal's nine rules, and
CausalSim's trial with one policy left out, and prints one JSON line. Some minutes
on two cores.`,
	}, &b.scale, "the requests that is simulated", func(cmd *cobra.Command) (any, error) {
		b.log = cmd.ErrOrStderr()
		return b.run(cmd.Context())
	})
	cmd.Flags().Uint64Var(&b.seed, "seed", 1, "seed of everything")
	return cmd
}

func (b *benchReplay) run(ctx context.Context) (f replayFigures, err error) {
	for _, q := range []struct {
		strategy    string
		mean, speed *float64
	}{{"random", &f.MM1, new(float64)}, {"power_of_two", &f.P2C, &f.Requests}} {
		s, err := router.StrategyNamed(q.strategy, nil, nil, router.DefaultConfig())
		if err != nil {
			return f, err
		}
		if *q.mean, *q.speed, err = b.queue(ctx, s); err != nil {
			return f, err
		}
	}
	if f.NineRules, err = b.nine(ctx); err != nil {
		return f, err
	}
	cfg := counterfactual.DefaultConfig()
	cfg.Seed, cfg.Trajectories = b.seed, max(4, int(b.scale*float64(cfg.Trajectories)))
	fmt.Fprintf(b.log, "one policy left out: %d policies, %d trajectories each\n", len(cfg.Policies), cfg.Trajectories)
	report, err := counterfactual.LeaveOneOut(ctx, cfg)
	if err != nil {
		return f, err
	}
	if report.Refused > 0 {
		fmt.Fprintf(b.log, "%d policies were refused, as not identifiable, and are in no mean\n", report.Refused)
	}
	f.Plain, f.Supervised, f.Ours = report.Latency.Plain, report.Latency.Supervised, report.Latency.Ours
	p := report.Processing
	f.PlainProcessing, f.SupervisedProcessing, f.OursProcessing = p.Plain, p.Supervised, p.Ours
	return f, nil
}

// queue is the mean response of a hundred queues of service time 1 s at a load
// of 0.9, and how many requests were simulated in a second of one core.
func (b *benchReplay) queue(ctx context.Context, s router.Strategy) (mean, speed float64, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	seconds := b.scale * theoryRequests / 90
	all, err := sim.Parse("queue", fmt.Appendf(nil, `{name: queue, deadline: 10000h, duration: %.0fs, warm_up: %.0fs,
arrivals: {load: 0.9}, work: {distribution: exponential, mean: 1s}, endpoints: [{count: 100, workers: 1}]}`, seconds, seconds/20))
	if err != nil {
		return 0, 0, err
	}
	fmt.Fprintf(b.log, "%s over 100 queues, %.0f requests\n", s.Name, 90*seconds)
	start := time.Now()
	r, err := sim.Run(ctx, all[0], b.seed, s)
	if err != nil {
		return 0, 0, err
	}
	return r.Mean, 90 * seconds / time.Since(start).Seconds(), nil
}

// nine is the p99 of each of the nine rules.
func (b *benchReplay) nine(ctx context.Context) (map[string]float64, error) {
	s, err := sim.Builtin("nine-rules-90")
	if err != nil {
		return nil, err
	}
	cfg := contest.DefaultConfig()
	cfg.FirstSeed, cfg.Seeds, cfg.Progress = b.seed, nineSeeds, counting(b.log, "simulating")
	if b.scale < 1 {
		cfg.Seeds = 1
		s.Duration = max(2*time.Second, time.Duration(b.scale*float64(s.Duration))).Truncate(time.Millisecond)
		s.WarmUp = s.Duration / 4
	}
	fmt.Fprintf(b.log, "the nine rules in %s, %d seeds of %v\n", s.Name, cfg.Seeds, s.Duration)
	entries, err := entriesNamed(replayOptions{policies: nineRules})
	if err != nil {
		return nil, err
	}
	findings, err := contest.Run(ctx, []*sim.Scenario{s}, entries, cfg)
	if err != nil {
		return nil, err
	}
	p99 := map[string]float64{}
	for _, row := range findings.Comparisons[0].Rows {
		p99[row.Strategy] = float64(row.P99.Value)
	}
	return p99, nil
}
