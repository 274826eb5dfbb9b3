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

	"github.com/fairway-mesh/fairway/replay/report"
)

// show is what the flags say.
type show struct {
	fairwayd, prometheus, model, page string
	duration                          time.Duration
	rate                              float64
	seed                              uint64
	runs                              []report.Run
}

func main() {
	var s show
	flag.StringVar(&s.fairwayd, "fairwayd", "out/fairwayd", "`program`")
	flag.StringVar(&s.prometheus, "prometheus", "prometheus", "`program`")
	flag.StringVar(&s.model, "model", "cmd/fairway/models/fleet.model", "`file` of the model that fairwayd serves")
	flag.DurationVar(&s.duration, "duration", 45*time.Second, "of each of the three runs")
	flag.Float64Var(&s.rate, "rate", 300, "requests per second")
	flag.Uint64Var(&s.seed, "seed", 1, "of the arrivals and service times")
	flag.StringVar(&s.page, "out", "", "write an HTML page with pictures to this `file`")
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
	fmt.Fprintln(out, "balancing     fault    p50 ms   p99 ms   failed   to e1")
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
	if err := s.one(ctx, out, "xds", fleet, control); err != nil || s.page == "" {
		return err
	}
	return s.write(len(fleet))
}

// write writes the page with the pictures.
func (s *show) write(endpoints int) error {
	third := (s.duration / 3).Truncate(time.Second).Seconds()
	page := report.BeforeAfter{
		Title:   "gRPC clients by xDS, before and after",
		What:    fmt.Sprintf("A stock gRPC client of %d endpoints: by its own balancing, and told by fairwayd over xDS. In the middle third e1 is %.0f times as slow.", endpoints, slowdown),
		Command: fmt.Sprintf("examples/grpc/run -duration %v -rate %g -seed %d -out %s", s.duration, s.rate, s.seed, s.page),
		Faulty:  "e1", From: third, To: 2 * third, Runs: s.runs,
		Method: []string{
			fmt.Sprintf("%.0f in a second at random times, each sent when it is due whatever became of earlier ones. Latencies count from when a request was due.", s.rate),
			"e1 to e3 answer in 20 ms and e4 and e5, an older version, in 40 ms, with four workers each.",
			"One run each: no intervals.",
		},
	}
	file, err := os.Create(s.page)
	if err != nil {
		return err
	}
	return errors.Join(page.Write(file), file.Close())
}

// one is the load under one way to balance.
func (s *show) one(ctx context.Context, out io.Writer, by string, fleet fleet, control string) error {
	conn, err := dial(by, fleet, control)
	if err != nil {
		return err
	}
	return errors.Join(s.under(ctx, out, by, fleet, conn), conn.Close())
}
