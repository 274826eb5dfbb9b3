package train

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/fairway-mesh/fairway/model"
)

// Search is how the settings of the routing network were looked for.
type Search struct {
	Trials []Trial `json:"trials"`
	Chosen int     `json:"chosen"` // of Trials
	// Cut says where the budget ended the search; empty: it did not.
	Cut string `json:"cut,omitempty"`
}

// Trial is one choice of settings and what came of it.
type Trial struct {
	Width        int      `json:"width"` // units of the first hidden layer
	Batch        int      `json:"batch"`
	LearningRate float64  `json:"learning_rate"`
	Dropout      float64  `json:"dropout"`
	Epochs       int      `json:"epochs"` // that ran
	Best         int      `json:"best_epoch"`
	Validation   Number   `json:"validation"` // least loss
	Diverged     bool     `json:"diverged,omitempty"`
	Losses       []Number `json:"validation_losses"` // by epoch, from 0
}

// A search trains all trials for a ninth of the epochs, the better third of
// them for a third, and the better third of these for all: successive halving
// (Jamieson and Talwalkar, AISTATS 2016) with a factor of three, but that the
// first trial, which has the given settings, always goes on. Each rung costs
// about as much as another.
const (
	rungs  = 3
	factor = 3
)

// MostTrials is how many a search begins at most.
const MostTrials = 81

// streamSearch is the first of the streams of the trials; each has two.
const streamSearch = 1 << 16

// drawTrial draws the settings of trial n; those of trial 0 are the given ones.
func drawTrial(n int, cfg Config) Config {
	if n == 0 {
		return cfg
	}
	random := streamed(cfg.Seed, streamSearch+2*uint64(n))
	cfg.LearningRate *= math.Exp((2*random.Float64() - 1) * math.Log(5))
	cfg.Dropout = 0.4 * random.Float64()
	cfg.Batch = []int{64, 128, 256, 512}[random.IntN(4)]
	cfg.EpochRows = max(cfg.EpochRows, cfg.Batch)
	width := []int{64, 96, 128, 192}[random.IntN(4)]
	if cfg.Warm == nil {
		cfg.Width = width
	}
	return cfg
}

// search trains the routing network with several settings, and returns that
// of the least validation loss. Equal sets, configs and numbers of trials give
// equal networks.
func (f *fitting) search(ctx context.Context, t task) ([]model.Layer, Course, error) {
	s := &searching{f: f, task: t, report: &Search{}}
	f.report.Search = s.report
	if err := s.begin(ctx); err != nil {
		return nil, Course{}, err
	}
	alive := s.ranked(len(s.report.Trials))
	for rung := 1; rung < rungs && s.report.Cut == ""; rung++ {
		alive = s.promote(alive)
		for _, n := range alive {
			if f.cfg.spent() >= 1 {
				s.report.Cut = fmt.Sprintf("the budget was spent in rung %d of %d", rung+1, rungs)
				break
			}
			if err := s.train(ctx, n, rung); err != nil {
				return nil, Course{}, err
			}
		}
		alive = s.sort(alive)
	}
	best := s.ranked(len(s.report.Trials))[0]
	s.report.Chosen = best
	f.tuned = drawTrial(best, f.cfg)
	made := f.saved.Made[trialName(best)]
	course := made.Course
	if course.Stop == "" {
		course.Stop = cmp.Or(s.report.Cut, "another trial went on in its place")
	}
	return made.Best, course, nil
}

// searching is a search under way.
type searching struct {
	f      *fitting
	task   task
	report *Search
}

func trialName(n int) string { return fmt.Sprintf("trial %d", n+1) }

// begin trains as many trials as were asked for, or as a third of the budget
// allows, for the first rung. How many that were is kept.
func (s *searching) begin(ctx context.Context) error {
	f := s.f
	for n := range cmp.Or(f.saved.Trials, f.cfg.Trials) {
		if f.saved.Trials == 0 && n > 0 && f.cfg.spent() >= 1.0/rungs {
			break
		}
		c := drawTrial(n, f.cfg)
		s.report.Trials = append(s.report.Trials, Trial{Width: c.Width, Batch: c.Batch, LearningRate: c.LearningRate, Dropout: c.Dropout})
		if err := s.train(ctx, n, 0); err != nil {
			return err
		}
	}
	f.saved.Trials = len(s.report.Trials)
	return f.saved.write()
}

// train takes trial n to the end of a rung.
func (s *searching) train(ctx context.Context, n, rung int) error {
	f, trial := s.f, &s.report.Trials[n]
	until := f.cfg.Epochs
	for range rungs - 1 - rung {
		until = (until + factor - 1) / factor
	}
	cfg, t := drawTrial(n, f.cfg), s.task
	if n > 0 {
		t.layers = t.begin(streamed(f.cfg.Seed, streamSearch+2*uint64(n)+1), cfg.Width)
	}
	t.stage = fmt.Sprintf("%s, trial %d", s.task.stage, n+1)
	d := f.dice(streamRouting + streamDescent)
	_, course, err := f.saved.train(ctx, trialName(n), t, cfg, d, until)
	if err != nil {
		return err
	}
	trial.Epochs, trial.Diverged, trial.Validation = 0, course.Diverged != nil, Number(math.Inf(1))
	trial.Losses = nil
	// What a later rung of a training that was interrupted found is not known yet.
	for _, e := range course.Epochs {
		if e.Epoch > until {
			break
		}
		trial.Epochs, trial.Losses = e.Epoch, append(trial.Losses, e.Validation)
		if e.Validation < trial.Validation {
			trial.Validation, trial.Best = e.Validation, e.Epoch
		}
	}
	return nil
}

// promote returns the better third of the ranked trials, and the first trial in
// any case: a slow learner can be the best in the end, and a search is not to
// ship what is worse than no search. The others give up their weights. None of
// them can be chosen: those that go on are better now, and do not get worse.
func (s *searching) promote(ranked []int) []int {
	var on []int
	for i, n := range ranked {
		if i < (len(ranked)+factor-1)/factor || n == 0 {
			on = append(on, n)
			continue
		}
		made := s.f.saved.Made[trialName(n)]
		made.Layers, made.First, made.Second, made.Best = nil, nil, nil, nil
	}
	return on
}

// ranked are the first n trials, the best first.
func (s *searching) ranked(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return s.sort(list)
}

func (s *searching) sort(trials []int) []int {
	slices.SortStableFunc(trials, func(a, b int) int {
		return cmp.Compare(s.report.Trials[a].Validation, s.report.Trials[b].Validation)
	})
	return trials
}

// search writes the trials, the best first.
func (t *text) search(s *Search) {
	t.line("")
	t.line("search, %d trials\tvalidation\tepochs\tbest\tlearning rate\twidth\tdropout\tbatch", len(s.Trials))
	order := make([]int, len(s.Trials))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.Trials[a].Validation, s.Trials[b].Validation) })
	for _, n := range order {
		c, mark := &s.Trials[n], ""
		if n == s.Chosen {
			mark = "  chosen"
		}
		t.line("  trial %d\t%s\t%d\t%d\t%.2g\t%d\t%.2f\t%d%s", n+1, number(float64(c.Validation)), c.Epochs, c.Best, c.LearningRate, c.Width, c.Dropout, c.Batch, mark)
	}
	t.line("  trial 1 has the settings that were given and goes on in any case; of the others a third goes on for three times the epochs, twice")
	if s.Cut != "" {
		t.line("  %s", s.Cut)
	}
}
