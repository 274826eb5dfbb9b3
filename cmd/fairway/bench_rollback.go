package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets/lab"
	"github.com/fairway-mesh/fairway/model"
)

// The names of fairwayd's metrics that this reads.
const (
	rollbacksMetric = "fairway_rollbacks_total"
	trialMetric     = "fairway_trial_share"
	sourceMetric    = "fairway_window_decisions_total"
)

type rollbackOptions struct {
	daemon     string
	model      string
	recordings []string
	settle     time.Duration
	load       float64
	out        string
}

// rollbackFigures are the last line.
type rollbackFigures struct {
	Rollback float64 `json:"rollback_s"`       // from the publication of the bad model
	Blamed   int     `json:"blamed_slowdown"`  // 1: the innocent model was rolled back
	Before   float64 `json:"p99_before_ms"`    // in the half minute before the publication
	During   float64 `json:"p99_during_ms"`    // from the publication to the rollback
	After    float64 `json:"p99_after_ms"`     // in the half minute that begins 10 s after it
	Failed   float64 `json:"failed_during"`    // part of the requests
	Slow     float64 `json:"p99_slowdown_ms"`  // while the mesh was slowed down
	Watched  float64 `json:"slowdown_watch_s"` // how long the slow-down lasted, and the innocent model was watched
}

const (
	rollbackLimit   = 3 * time.Minute  // until the rollback
	calm            = 30 * time.Second // what is measured before and after
	slowdownFactor  = 3
	slowdownAfter   = 5 * time.Second
	slowdownWatched = 2 * time.Minute
	calmFailures    = 0.01 // of the requests: more, and the machine is too busy to tell anything
	calmPatience    = 10 * time.Minute
)

func newBenchRollbackCommand() *cobra.Command {
	o := rollbackOptions{}
	cmd := &cobra.Command{
		Use:   "rollback",
		Short: "promote a bad model under load in a real mesh, and see it rolled back",
		Long: `Runs a real mesh on this machine (HAProxy, endpoints, Prometheus), whose requests
go where fairwayd's weights say, and publishes a model whose weights are the
inverse of the good one's in the registry that fairwayd watches. Says how long it
took until fairwayd went back by itself and what requests met meanwhile. Then the
same with an innocent model, right after which the whole mesh is slowed down: that
must not be blamed on it. The last line is JSON. Takes about seven minutes, and
some seconds of training before them.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.settle < 10*time.Second {
				return usagef("--settle is %v; want 10s or more", o.settle)
			}
			if !(o.load > 0 && o.load <= 3) {
				return usagef("--load is %v; want more than 0, at most 3", o.load)
			}
			b, err := newRollbackBench(cmd, o)
			if err != nil {
				return err
			}
			figures, err := b.run(cmd.Context())
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(figures)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.daemon, "daemon", "", "the fairwayd program (default: beside this one)")
	flags.StringVar(&o.model, "model", "", "good model with a softmax network, of the schema lab (default: one is trained)")
	flags.StringSliceVar(&o.recordings, "recording", []string{"datasets/recordings/lab-train", "datasets/recordings/lab-validation"}, "recordings to train it on")
	flags.DurationVar(&o.settle, "settle", 90*time.Second, "how long the good model serves before anything is changed")
	flags.Float64Var(&o.load, "load", 1.6, "times the lab's usual load, under which hardly anybody is ever busy")
	flags.StringVar(&o.out, "out", "", "directory for the logs, which stay there (default a temporary one)")
	return cmd
}

type rollbackBench struct {
	o       rollbackOptions
	out     string // absolute
	stdout  io.Writer
	stderr  io.Writer
	traffic traffic
	serving atomic.Pointer[served] // whom requests follow
	keep    bool
}

func newRollbackBench(cmd *cobra.Command, o rollbackOptions) (*rollbackBench, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if o.daemon == "" {
		o.daemon = filepath.Join(filepath.Dir(program), "fairwayd")
	}
	if _, err := os.Stat(o.daemon); err != nil {
		return nil, fmt.Errorf("%w (build both programs with `make build`, or name it with --daemon)", err)
	}
	b := &rollbackBench{o: o, stdout: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr(), keep: o.out != ""}
	if o.out == "" {
		b.out, err = os.MkdirTemp("", "fairway-rollback-")
		return b, err
	}
	if b.out, err = filepath.Abs(o.out); err != nil {
		return nil, err
	}
	return b, os.MkdirAll(b.out, 0o755)
}

func (b *rollbackBench) run(ctx context.Context) (f rollbackFigures, err error) {
	if !b.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(b.out)) }()
	}
	good, err := b.good(ctx)
	if err != nil {
		return f, err
	}
	bad, err := invertedModel(good)
	if err != nil {
		return f, err
	}
	cfg := lab.DefaultConfig()
	program, err := os.Executable()
	if err != nil {
		return f, err
	}
	cfg.EndpointCommand = []string{program, "lab", "endpoint"}
	cfg.Out, cfg.Duration, cfg.Faults = filepath.Join(b.out, "mesh"), 30*time.Minute, 0
	for i := range cfg.Services {
		cfg.Services[i].Rate *= b.o.load
	}
	cfg.Done = b.traffic.done
	cfg.Choose = func(service string, c lab.Class) string {
		if s := b.serving.Load(); s != nil {
			return s.choose(service, c)
		}
		return ""
	}
	err = lab.Drive(ctx, cfg, func(ctx context.Context, m *lab.Mesh) error {
		if err := b.bad(ctx, m, good, bad, &f); err != nil {
			return err
		}
		return b.innocent(ctx, m, good, retrainedModel(good, 2), &f)
	})
	return f, err
}

// good is the model that serves at first.
func (b *rollbackBench) good(ctx context.Context) (*model.Model, error) {
	if b.o.model != "" {
		return model.Load(b.o.model)
	}
	path := filepath.Join(b.out, "good.model")
	fmt.Fprintf(b.stderr, "training a softmax network on %v\n", b.o.recordings)
	if err := trainOn(ctx, io.Discard, io.Discard, b.o.recordings, path, []string{"--network", "softmax", "--epochs", "40"}); err != nil {
		return nil, err
	}
	return model.Load(path)
}

// serve starts a daemon with the good model, lets requests follow it, and waits until
// that has settled.
func (b *rollbackBench) serve(ctx context.Context, m *lab.Mesh, name string, good *model.Model) (*served, func() error, error) {
	log, err := os.Create(filepath.Join(b.out, name+".log"))
	if err != nil {
		return nil, nil, err
	}
	s, err := serveModel(ctx, log, b.o.daemon, filepath.Join(b.out, name), m.Prometheus(), good)
	if err != nil {
		return nil, nil, errors.Join(err, log.Close())
	}
	b.serving.Store(s)
	stop := func() error {
		b.serving.Store(nil)
		return errors.Join(s.close(), log.Close())
	}
	if _, err := s.await(ctx, 2*time.Minute, func(x float64) bool { return x > 0 }, sourceMetric, `"MODEL"`); err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	if err := b.settle(ctx); err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	return s, stop, nil
}

// settle lets the good model serve, and goes on for as long as the machine has no
// time for the mesh: endpoints that wait for a processor are all alike.
func (b *rollbackBench) settle(ctx context.Context) error {
	began := time.Now()
	for next := b.o.settle; ; next = calm {
		if err := wait(ctx, next); err != nil {
			return err
		}
		now := time.Now()
		m := b.traffic.between(now.Add(-calm-5*time.Second), now.Add(-5*time.Second)) // the last may be under way
		switch {
		case m.requests > 0 && m.failed <= calmFailures:
			return nil
		case time.Since(began) > calmPatience:
			return fmt.Errorf("%.1f %% of the requests fail before anything is changed: the machine is too busy, or too slow for this load", 100*m.failed)
		}
		fmt.Fprintf(b.stderr, "%.1f %% of the requests fail before anything is changed: waiting for the machine to be less busy\n", 100*m.failed)
	}
}

// bad publishes the bad model and waits for the rollback.
func (b *rollbackBench) bad(ctx context.Context, m *lab.Mesh, good, bad *model.Model, f *rollbackFigures) (err error) {
	s, stop, err := b.serve(ctx, m, "bad", good)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	published := time.Now()
	if _, err := s.registry.Publish(ctx, bad); err != nil {
		return err
	}
	back, err := s.await(ctx, rollbackLimit, func(x float64) bool { return x > 0 }, rollbacksMetric, `"model"`)
	if err != nil {
		b.tell("bad model", published, time.Now())
		return fmt.Errorf("the bad model was not rolled back: %w", err)
	}
	if err := wait(ctx, 10*time.Second+calm); err != nil {
		return err
	}
	f.Rollback = back.Sub(published).Seconds()
	f.Before = b.tell("before", published.Add(-calm), published).p99
	during := b.tell("bad model", published, back)
	f.During, f.Failed = during.p99, during.failed
	f.After = b.tell("after", back.Add(10*time.Second), back.Add(10*time.Second+calm)).p99
	return nil
}

// innocent publishes an innocent model and slows the mesh down.
func (b *rollbackBench) innocent(ctx context.Context, m *lab.Mesh, good, other *model.Model, f *rollbackFigures) (err error) {
	s, stop, err := b.serve(ctx, m, "innocent", good)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if _, err := s.registry.Publish(ctx, other); err != nil {
		return err
	}
	if _, err := s.await(ctx, time.Minute, func(x float64) bool { return x > 0 }, trialMetric); err != nil {
		return fmt.Errorf("the innocent model was not tried: %w", err)
	}
	if err := wait(ctx, slowdownAfter); err != nil {
		return err
	}
	began := time.Now()
	b.tell("before the slow-down", began.Add(-calm), began)
	if err := m.Slow(ctx, slowdownFactor); err != nil {
		return err
	}
	if err := wait(ctx, slowdownWatched); err != nil {
		return err
	}
	blamed, err := s.metric(ctx, rollbacksMetric, `"model"`)
	if err != nil {
		return err
	}
	f.Blamed = int(math.Min(blamed, 1))
	f.Slow = b.tell("slow-down, innocent model", began, time.Now()).p99
	f.Watched = time.Since(began).Seconds()
	return m.Slow(ctx, 1)
}

// tell says what requests met in a time.
func (b *rollbackBench) tell(what string, from, to time.Time) met {
	m := b.traffic.between(from, to)
	fmt.Fprintf(b.stdout, "%-26s %4.0f s  %5d requests  mean %4.0f ms  p99 %5.0f ms  %5.2f %% failed  %s\n", what, to.Sub(from).Seconds(), m.requests, m.mean, m.p99, 100*m.failed, m.shares())
	return m
}

// wait lets time pass.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
