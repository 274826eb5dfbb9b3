// Command grpc shows a stock gRPC client before and after: with its own balancing, and
// told by fairwayd over xDS where to go. Five real endpoints, Prometheus and fairwayd
// run on this machine; one endpoint becomes six times as slow in the middle third.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

// show is what the flags say.
type show struct {
	fairwayd, prometheus, model string
	duration                    time.Duration
	rate                        float64
	seed                        uint64
}

func main() {
	var s show
	flag.StringVar(&s.fairwayd, "fairwayd", "out/fairwayd", "`program`")
	flag.StringVar(&s.prometheus, "prometheus", "prometheus", "`program`")
	flag.StringVar(&s.model, "model", "cmd/fairway/models/fleet.model", "`file` of the model that fairwayd serves")
	flag.DurationVar(&s.duration, "duration", 45*time.Second, "of each of the three runs")
	flag.Float64Var(&s.rate, "rate", 300, "requests per second")
	flag.Uint64Var(&s.seed, "seed", 1, "of the arrivals and service times")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := s.run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "grpc:", err)
		os.Exit(1)
	}
}

// run starts everything, runs the load under each way to balance, and stops
// everything.
func (s *show) run(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "fairway-grpc")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fleet, err := startFleet(s.seed)
	if err != nil {
		return err
	}
	defer fleet.stop()
	prometheus, stop, err := s.startPrometheus(ctx, dir, fleet)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Fprintf(out, "%.0f requests/s to %d endpoints, %v each; e1 is %.0f times as slow in the middle third\n\n", s.rate, len(fleet), s.duration, slowdown)
	fmt.Fprintln(out, "balancing     third    p50 ms   p99 ms   failed   to e1")
	for _, by := range []string{"pick_first", "round_robin"} {
		if err := s.one(ctx, out, by, fleet, ""); err != nil {
			return err
		}
	}
	control, stop, err := s.startFairwayd(ctx, dir, fleet, prometheus) // which knows nothing of what was before
	if err != nil {
		return err
	}
	defer stop()
	return s.one(ctx, out, "xds", fleet, control)
}

// one is the load under one way to balance.
func (s *show) one(ctx context.Context, out io.Writer, by string, fleet fleet, control string) error {
	conn, err := dial(by, fleet, control)
	if err != nil {
		return err
	}
	return errors.Join(s.under(ctx, out, by, fleet, conn), conn.Close())
}
