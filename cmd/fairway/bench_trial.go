package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/picker"
	"github.com/fairway-mesh/fairway/router/trial"
)

type trialOptions struct {
	runs          int
	seed          uint64
	model, other  string
	only          []string
	recordings    []string
	window, spans time.Duration
}

// newBenchTrialCommand is `fairway bench trial`.
func newBenchTrialCommand() *cobra.Command {
	o := trialOptions{}
	cmd := &cobra.Command{
		Use:   "trial",
		Short: "try changes, bad and innocent, in the simulated mesh, and say which are rolled back",
		Long: `Changes the version that serves a simulated mesh of unequal endpoints, while
nothing else happens, an endpoint breaks, or the whole mesh slows down, and says
how often each kind of change was rolled back, after how long, and what requests
met until then. The last line is JSON.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := newTrialBench(o, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			figures, err := b.run(cmd.Context())
			if err != nil {
				return err
			}
			writeTrials(cmd.OutOrStdout(), figures)
			return json.NewEncoder(cmd.OutOrStdout()).Encode(figures)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.runs, "runs", 200, "runs of each change")
	flags.Uint64Var(&o.seed, "seed", 1, "the first seed")
	flags.StringVar(&o.model, "model", "", "model that serves (default the one that ships)")
	flags.StringVar(&o.other, "other", "", "the same retrained, for the change that is none (default: that change is left out)")
	flags.StringSliceVar(&o.only, "change", nil, "these changes only")
	flags.StringSliceVar(&o.recordings, "recording", nil, "recordings to try some of the changes in as well, one trial a minute")
	flags.DurationVar(&o.window, "window", 5*time.Second, "time between scrapes, and between windows")
	flags.DurationVar(&o.spans, "range", 0, "what a window spans (default twice as much)")
	return cmd
}

// change is one kind of change, and what happens meanwhile.
type change struct {
	name string
	bad  bool
	// line makes the tried line's weights of what the version decides; nil: another model.
	line   func(rng *rand.Rand) func(mesh.Weights)
	events func(rng *rand.Rand) []sim.Event
	load   float64
	alike  float64 // 1: all endpoints are equally fast; 0: as trialSpeeds
	about  string
}

// The times of a simulated trial: when the change is made, and how long it may last.
const (
	trialChange = 90 * time.Second
	trialLength = 13 * time.Minute
)

// trialSpeeds are those of the endpoints.
var trialSpeeds = []float64{2, 1.5, 1.2, 1, 1, 0.8, 0.6, 0.4}

var changes = []change{
	{name: "same", load: 0.6, line: sameWeights, about: "the same version again"},
	{name: "retrained", load: 0.6, about: "trained with another seed"},
	{name: "jittered", load: 0.6, line: jittered, about: "weights off by about 10 % each, for good"},
	{name: "restless", load: 0.6, line: restless, about: "weights off by about 10 % each, anew in each window"},
	{name: "same + faults", load: 0.6, line: sameWeights, events: troubles, about: "the same, while endpoints slow down, fail and crash"},
	{name: "retrained + faults", load: 0.6, events: troubles, about: "another seed, while endpoints slow down, fail and crash"},
	{name: "jittered + faults", load: 0.6, line: jittered, events: troubles, about: "10 % off, while endpoints slow down, fail and crash"},
	{name: "apart", load: 0.25, alike: 1, line: distorted, about: "weights off by half, among equal endpoints that have room"},
	{name: "apart + faults", load: 0.25, alike: 1, line: distorted, events: troubles, about: "off by half, while endpoints slow down, fail and crash: by luck the one or the other is hurt"},
	{name: "same + slow-down", load: 0.25, line: sameWeights, events: slowDown, about: "the same, and the whole mesh 3 times slower 20 s later"},
	{name: "retrained + slow-down", load: 0.25, events: slowDown, about: "another seed, and the whole mesh 3 times slower 20 s later"},
	{name: "jittered + slow-down", load: 0.25, line: jittered, events: slowDown, about: "10 % off, and the whole mesh 3 times slower 20 s later"},
	{name: "inverted", bad: true, load: 0.6, line: inverted, about: "w becomes 1/w"},
	{name: "inverted + light load", bad: true, load: 0.25, line: inverted, about: "w becomes 1/w, at a load of a quarter"},
	{name: "inverted + alike", bad: true, load: 0.2, alike: 0.6, line: inverted, about: "w becomes 1/w, where all endpoints have room and hardly differ"},
	{name: "inverted + slow-down", bad: true, load: 0.25, line: inverted, events: slowDown, about: "w becomes 1/w, and the whole mesh 3 times slower 20 s later"},
	{name: "herd", bad: true, load: 0.6, line: herding, about: "all to the endpoint of the largest weight: good at 10 %, too much for it at 90 %"},
}

func sameWeights(*rand.Rand) func(mesh.Weights) { return func(mesh.Weights) {} }

// inverted gives most to whom the version gives least, a hundredth or less.
func inverted(*rand.Rand) func(mesh.Weights) {
	return func(w mesh.Weights) {
		for i := range w {
			w[i] = 1 / max(w[i], 0.01)
		}
		w.Normalize()
	}
}

func herding(*rand.Rand) func(mesh.Weights) {
	return func(w mesh.Weights) {
		best := 0
		for i := range w {
			if w[i] > w[best] {
				best = i
			}
		}
		for i := range w {
			w[i] = 0
		}
		w[best] = 1
	}
}

// weightNoise and distortion are standard deviations of the logarithm.
const weightNoise, distortion = 0.1, 0.5

func jittered(rng *rand.Rand) func(mesh.Weights) { return off(rng, weightNoise) }

func distorted(rng *rand.Rand) func(mesh.Weights) { return off(rng, distortion) }

func off(rng *rand.Rand, by float64) func(mesh.Weights) {
	factors := make([]float64, len(trialSpeeds))
	for i := range factors {
		factors[i] = math.Exp(by * rng.NormFloat64())
	}
	return func(w mesh.Weights) {
		for i := range w {
			w[i] *= factors[i%len(factors)]
		}
		w.Normalize()
	}
}

func restless(rng *rand.Rand) func(mesh.Weights) {
	return func(w mesh.Weights) {
		for i := range w {
			w[i] *= math.Exp(weightNoise * rng.NormFloat64())
		}
		w.Normalize()
	}
}

// troubles are four faults of single endpoints in the time of the trial.
func troubles(rng *rand.Rand) []sim.Event {
	var all []sim.Event
	kinds := []sim.Event{
		{Kind: sim.Slow, Factor: 4}, {Kind: sim.Errors, Ratio: 0.5}, {Kind: sim.Crash}, {Kind: sim.Stall}, {Kind: sim.SinkHole, Ratio: 1}, {Kind: sim.Slow, Factor: 10},
	}
	for _, k := range rng.Perm(len(kinds))[:4] {
		e := kinds[k]
		e.At = trialChange + time.Duration(rng.Float64()*float64(10*time.Minute))
		e.For = 20*time.Second + time.Duration(rng.Float64()*float64(100*time.Second))
		e.Select = sim.Select{Index: []int{rng.IntN(len(trialSpeeds))}}
		all = append(all, e)
	}
	return all
}

func slowDown(*rand.Rand) []sim.Event {
	at := trialChange + 20*time.Second
	return []sim.Event{{Kind: sim.Slow, Factor: 3, At: at, For: trialLength - at, Select: sim.Select{All: true}}}
}

// trialScenario is the mesh of one run.
func (c *change) scenario(o trialOptions, rng *rand.Rand) *sim.Scenario {
	s := &sim.Scenario{
		Name: "trial", Seeds: 1, WarmUp: 30 * time.Second, Duration: trialLength, Deadline: time.Second, Network: 250 * time.Microsecond,
		Proxies:  sim.Proxies{Count: 2},
		Arrivals: sim.Arrivals{Process: sim.Poisson, Load: c.load},
		Work:     sim.Work{Distribution: sim.Lognormal, Shape: 0.5, Mean: 40 * time.Millisecond},
		Metrics:  sim.Metrics{Scrape: o.window, Step: o.window, Range: 2 * o.window, Delay: time.Second},
	}
	if o.spans > 0 {
		s.Metrics.Range = o.spans
	}
	s.Classes = []sim.Class{{Name: "all", Share: 1, Work: s.Work}}
	for _, speed := range trialSpeeds {
		speed = math.Pow(speed, 1-c.alike)
		s.Groups = append(s.Groups, sim.Group{Count: 1, Workers: 2, Discipline: sim.FIFO, Burst: 2, Queue: 60, Speed: sim.Speed{Values: []float64{speed}}, Memory: 256e6})
	}
	if c.events != nil {
		s.Events = c.events(rng)
	}
	return s
}

type trialBench struct {
	o            trialOptions
	model, other *model.Model
	log          io.Writer
}

func newTrialBench(o trialOptions, log io.Writer) (*trialBench, error) {
	if o.runs < 1 || o.window < time.Second {
		return nil, usagef("--runs is %d and --window %v; want 1 or more, and a second or more", o.runs, o.window)
	}
	for _, name := range o.only {
		if !slices.ContainsFunc(changes, func(c change) bool { return c.name == name }) {
			return nil, usagef("--change %q is not known", name)
		}
	}
	b := &trialBench{o: o, log: log}
	var err error
	if o.model == "" {
		b.model, err = bundledModel(routingModelFile)
	} else {
		b.model, err = model.Load(o.model)
	}
	if err == nil && o.other != "" {
		b.other, err = model.Load(o.other)
	}
	return b, err
}

// tried is what came of one run.
type tried struct {
	verdict trial.Verdict
	after   time.Duration // of the verdict
	by      float64       // part of the requests since the change that the tried line decided
	before  float64       // mean cost, seconds: in the minute before the change
	during  float64       // and from it to the verdict
	failed  float64       // part of the requests from the change to the verdict
}

func (b *trialBench) one(ctx context.Context, c *change, seed uint64) (tried, error) {
	rng := rand.New(rand.NewPCG(seed, 1))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cfg := trial.DefaultConfig()
	p := &trialPolicy{at: time.Unix(0, 0).Add(trialChange), cfg: cfg, ended: cancel}
	var err error
	if p.former, err = router.Named("fairway", b.model, nil, router.DefaultConfig()); err != nil {
		return tried{}, err
	}
	m := b.model
	if c.line == nil {
		m = b.other
	} else {
		p.change = c.line(rng)
	}
	if p.tried, err = router.Named("fairway", m, nil, router.DefaultConfig()); err != nil {
		return tried{}, err
	}
	var t tally
	strategy := router.Strategy{Name: "trial", Policy: p, Picker: weightedPicker}
	_, err = sim.Watch(ctx, c.scenario(b.o, rng), seed, strategy, &sim.Observer{Finished: func(f *sim.Finished) { t.count(f, p) }})
	if err != nil && !(errors.Is(err, context.Canceled) && p.verdict.Step != trial.GoOn) {
		return tried{}, err
	}
	return t.tried(p), nil
}

func weightedPicker(c picker.Config) picker.Picker {
	p, err := picker.Named("weighted", c)
	if err != nil {
		panic(err) // it is in its own list
	}
	return p
}

// tally adds up requests around the change.
type tally struct {
	before, during, failed, by float64 // sums
	requests                   [2]float64
}

func (t *tally) count(f *sim.Finished, p *trialPolicy) {
	cost := min(f.Latency.Seconds(), 1)
	if f.Status != 200 {
		cost = 1
	}
	switch {
	case f.Arrived >= trialChange:
		t.requests[1]++
		t.during += cost
		t.by += p.share(time.Unix(0, 0).Add(f.Arrived))
		if f.Status != 200 {
			t.failed++
		}
	case f.Arrived >= trialChange-time.Minute:
		t.requests[0]++
		t.before += cost
	}
}

func (t *tally) tried(p *trialPolicy) tried {
	return tried{
		verdict: p.verdict, after: p.verdict.Time.Sub(p.at), by: t.by / t.requests[1],
		before: t.before / t.requests[0], during: t.during / t.requests[1], failed: t.failed / t.requests[1],
	}
}

// trialFigures are of one change.
type trialFigures struct {
	Change     string  `json:"change"`
	Bad        bool    `json:"bad"`
	Runs       int     `json:"runs"`
	RolledBack int     `json:"rolled_back"`
	Adopted    int     `json:"adopted"`
	Median     float64 `json:"rollback_median_s,omitempty"` // until the rollback
	Longest    float64 `json:"rollback_longest_s,omitempty"`
	By         float64 `json:"requests_by_tried"` // part, from the change to the verdict
	Before     float64 `json:"cost_before_ms"`
	During     float64 `json:"cost_during_ms"`
	Failed     float64 `json:"failed_during"`
	Evidence   float64 `json:"evidence_most"` // the most of those that were not rolled back
	about      string
}

func (b *trialBench) run(ctx context.Context) ([]trialFigures, error) {
	var all []trialFigures
	for i := range changes {
		c := &changes[i]
		if len(b.o.only) > 0 && !slices.Contains(b.o.only, c.name) || c.line == nil && b.other == nil {
			continue
		}
		start, runs := time.Now(), make([]tried, b.o.runs)
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(runtime.GOMAXPROCS(0))
		for k := range runs {
			group.Go(func() (err error) {
				runs[k], err = b.one(ctx, c, b.o.seed+uint64(k))
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		f := summed(c, runs)
		fmt.Fprintf(b.log, "%-26s %6.1f s  %d of %d rolled back\n", c.name, time.Since(start).Seconds(), f.RolledBack, f.Runs)
		for k, r := range runs {
			if (r.verdict.Step == trial.RollBack) != c.bad {
				fmt.Fprintf(b.log, "  seed %d, after %v: %s\n", b.o.seed+uint64(k), r.after.Round(time.Second), r.verdict.Why)
			}
		}
		all = append(all, f)
	}
	return b.inRecordings(ctx, all)
}

// inRecordings adds what comes of the changes in recordings.
func (b *trialBench) inRecordings(ctx context.Context, all []trialFigures) ([]trialFigures, error) {
	for _, path := range b.o.recordings {
		for i := range changes {
			if !slices.Contains(recordedChanges, changes[i].name) {
				continue
			}
			f, err := b.recorded(ctx, path, &changes[i])
			if err != nil {
				return nil, err
			}
			all = append(all, f)
		}
	}
	return all, nil
}

func summed(c *change, runs []tried) trialFigures {
	f := trialFigures{Change: c.name, Bad: c.bad, Runs: len(runs), about: c.about}
	var after []float64
	n := float64(len(runs))
	for _, r := range runs {
		switch r.verdict.Step {
		case trial.RollBack:
			f.RolledBack++
			after = append(after, r.after.Seconds())
		case trial.Adopt:
			f.Adopted++
		}
		if r.verdict.Step != trial.RollBack {
			f.Evidence = max(f.Evidence, r.verdict.Evidence)
		}
		f.By += r.by / n
		f.Before += 1e3 * r.before / n
		f.During += 1e3 * r.during / n
		f.Failed += r.failed / n
	}
	if len(after) > 0 {
		slices.Sort(after)
		f.Median, f.Longest = after[len(after)/2], after[len(after)-1]
	}
	return f
}

func writeTrials(w io.Writer, all []trialFigures) {
	fmt.Fprintf(w, "%-26s %5s %8s %8s %9s %9s %9s %9s %9s %8s  %s\n", "change", "runs", "rolled", "adopted", "median s", "longest s", "by tried", "before ms", "during ms", "failed", "what")
	for _, f := range all {
		fmt.Fprintf(w, "%-26s %5d %8d %8d %9.0f %9.0f %8.1f%% %9.1f %9.1f %7.2f%%  %s\n", f.Change, f.Runs, f.RolledBack, f.Adopted, f.Median, f.Longest, 100*f.By, f.Before, f.During, 100*f.Failed, f.about)
	}
}
