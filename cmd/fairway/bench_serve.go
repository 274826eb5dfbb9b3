package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/stat"
)

// serveFigures is the last line of `fairway bench serve`. A ratio is the median
// over the rounds of what was measured one right after the other.
type serveFigures struct {
	// Decide over an empty echo: latencies, and calls per second, with 64 callers.
	P50        float64 `json:"p50_ratio"`
	P99        float64 `json:"p99_ratio"`
	Throughput float64 `json:"throughput_ratio"`
	// The p99 of Decide in a second with a rebuild over that in one without, at
	// equal load.
	RebuildP99 float64 `json:"rebuild_p99_ratio"`
	// Decisions per second over those of Decide: of one Route with as many
	// requests in flight, and of DecideBatch with 32 requests.
	Stream  float64 `json:"stream_ratio"`
	Batch32 float64 `json:"batch32_ratio"`
	// In the process: a request to its answer, and the client's pick of an
	// endpoint from watched weights.
	DecideNs     float64 `json:"decide_ns"`
	DecideAllocs float64 `json:"decide_allocs"`
	ClientPickNs float64 `json:"client_pick_ns"`
	// The table of 10,000 endpoints made anew from decisions, on one core.
	Rebuild10k float64 `json:"rebuild_10k_ms"`
}

// What is measured, at a scale of 1.
const (
	servedServices  = 1000
	servedEndpoints = 20
	callers         = 64
	serveRounds     = 16
	serveTurn       = 2 * time.Second // of echo and of Decide in a round
	serveShortTurn  = time.Second     // of Route and of DecideBatch
	serveSeconds    = 60              // with and without a rebuild, by turns
	serveBatch      = 32
	serveRequests   = 4096
)

type serveBench struct {
	scale  float64
	seed   uint64
	log    io.Writer
	mesh   *servedMesh
	echo   *servedProcess
	daemon *servedProcess
}

func newBenchServeCommand() *cobra.Command {
	b := &serveBench{}
	cmd := scaledBench(&cobra.Command{
		Use:   "serve",
		Short: "hold the API against an empty gRPC call",
		Long: `Measures Decide, Route and DecideBatch of a daemon with 1,000 services of 20
endpoints, whose table is rebuilt every second, beside an empty gRPC echo with
messages of the same size: both servers in processes of their own, 64 callers, on
loopback, by turns. Prints one JSON line last. Some minutes on two cores.`,
	}, &b.scale, "the time that is measured", func(cmd *cobra.Command) (any, error) {
		b.log = cmd.ErrOrStderr()
		return b.run(cmd.Context())
	})
	cmd.Flags().Uint64Var(&b.seed, "seed", 1, "seed of the requests")
	return cmd
}

func (b *serveBench) say(format string, args ...any) { fmt.Fprintf(b.log, format+"\n", args...) }

func (b *serveBench) scaled(d time.Duration) time.Duration {
	return max(50*time.Millisecond, time.Duration(b.scale*float64(d)))
}

func (b *serveBench) run(ctx context.Context) (f serveFigures, err error) {
	b.mesh = newServedMesh(servedServices, servedEndpoints, b.seed)
	requests := b.mesh.requests(serveRequests)
	if err := b.local(&f, requests); err != nil {
		return f, err
	}
	if b.daemon, err = startServed(ctx, b.log, "bench", "serve-daemon"); err != nil {
		return f, err
	}
	defer func() { err = firstError(err, b.daemon.stop()) }()
	size, err := b.daemon.sizes(ctx, requests)
	if err != nil {
		return f, err
	}
	b.say("a request has %d bytes on average, a decision %d; the model set the weights of %.0f %%", size.request, size.answer, 100*size.learned)
	if b.echo, err = startServed(ctx, b.log, "bench", "serve-daemon", "--echo", fmt.Sprint(size.answer)); err != nil {
		return f, err
	}
	defer func() { err = firstError(err, b.echo.stop()) }()
	if err := b.picks(ctx, &f, requests); err != nil {
		return f, err
	}
	if err := b.rounds(ctx, &f, requests, size.request); err != nil {
		return f, err
	}
	return f, b.rebuilds(ctx, &f, requests)
}

// rounds measures the echo, Decide, Route and DecideBatch by turns: in every second
// round in the opposite order. The table is rebuilt every second while the daemon
// is measured, and not while the echo is.
func (b *serveBench) rounds(ctx context.Context, f *serveFigures, in requestList, size int) error {
	var p50, p99, throughput, stream, batch []float64
	for round := range max(2, int(b.scale*serveRounds)) {
		var echo, decide, route, batched measured
		turns := []func() error{
			func() (err error) { echo, err = b.echoed(ctx, size); return err },
			func() (err error) { decide, err = b.decided(ctx, in); return err },
			func() (err error) { route, err = b.routed(ctx, in); return err },
			func() (err error) { batched, err = b.batched(ctx, in); return err },
		}
		if round%2 == 1 {
			slices.Reverse(turns)
		}
		for _, turn := range turns {
			if err := turn(); err != nil {
				return err
			}
		}
		b.say("round %2d: echo %v; Decide %v; Route %.0f/s; DecideBatch %.0f decisions/s", round+1, echo, decide, route.rate, batched.rate)
		p50, p99 = append(p50, decide.p50.Seconds()/echo.p50.Seconds()), append(p99, decide.p99.Seconds()/echo.p99.Seconds())
		throughput = append(throughput, decide.rate/echo.rate)
		stream, batch = append(stream, route.rate/decide.rate), append(batch, batched.rate/decide.rate)
	}
	f.P50, f.P99, f.Throughput, f.Stream, f.Batch32 = middle(p50), middle(p99), middle(throughput), middle(stream), middle(batch)
	return nil
}

// rebuilds compares the seconds in which the table is rebuilt with the others, at
// half of the load that the daemon bears.
func (b *serveBench) rebuilds(ctx context.Context, f *serveFigures, in requestList) error {
	most, err := b.decided(ctx, in)
	if err != nil {
		return err
	}
	if err := b.daemon.tell("2s"); err != nil { // in even seconds
		return err
	}
	defer b.daemon.tell("0s")
	seconds, err := b.paced(ctx, in, most.rate/2, max(4, int(b.scale*serveSeconds)))
	if err != nil {
		return err
	}
	var ratios []float64
	for i := 0; i+1 < len(seconds); i += 2 {
		with, without := seconds[i], seconds[i+1]
		ratios = append(ratios, quantile(with, 0.99).Seconds()/quantile(without, 0.99).Seconds())
	}
	f.RebuildP99 = middle(ratios)
	b.say("at %.0f calls/s the p99 is %v in a second with a rebuild, %v in one without", most.rate/2, quantile(seconds[0], 0.99), quantile(seconds[1], 0.99))
	return nil
}

// middle is the median.
func middle(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	return stat.Quantile(0.5, stat.LinInterp, sorted, nil)
}
