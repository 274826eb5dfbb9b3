package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/guard"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/loop"
)

// newBenchServeDaemonCommand is the other process of `bench serve`. It says on
// stdout where it listens, and ends with its stdin.
func newBenchServeDaemonCommand() *cobra.Command {
	var answer int
	cmd := &cobra.Command{
		Use:    "serve-daemon",
		Hidden: true,
		Args:   noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if answer > 0 {
				return serveEcho(cmd, answer)
			}
			return serveDecisions(cmd)
		},
	}
	cmd.Flags().IntVar(&answer, "echo", 0, "serve nothing but an echo, whose answer has so many bytes")
	return cmd
}

// serveUntilEOF serves g on a free port until stdin ends; lines of stdin go to
// heard, and each is answered with a line once heard has returned.
func serveUntilEOF(cmd *cobra.Command, g *grpc.Server, heard func(line string) error) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- g.Serve(l) }()
	fmt.Fprintln(cmd.OutOrStdout(), l.Addr())
	for lines := bufio.NewScanner(cmd.InOrStdin()); err == nil && lines.Scan(); {
		if err = heard(lines.Text()); err == nil {
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "ok")
		}
	}
	g.Stop()
	return firstError(err, <-done)
}

// echoMethod is the name of the echo, as grpc.ClientConn.Invoke wants it.
const echoMethod = "/fairway.bench.Echo/Echo"

// serveEcho answers every call with the same bytes: gRPC itself, with its own
// codec and nothing in between.
func serveEcho(cmd *cobra.Command, size int) error {
	answer := make([]byte, size)
	g := grpc.NewServer()
	g.RegisterService(&grpc.ServiceDesc{
		ServiceName: "fairway.bench.Echo", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Echo", Handler: func(_ any, _ context.Context, read func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			if err := read(new(wrapperspb.BytesValue)); err != nil {
				return nil, err
			}
			return &wrapperspb.BytesValue{Value: answer}, nil
		}}},
	}, struct{}{})
	return serveUntilEOF(cmd, g, func(string) error { return nil })
}

// serveDecisions is fairwayd but for the source of its windows: the same loop, the
// same server, the same interceptors.
func serveDecisions(cmd *cobra.Command) error {
	api.CollectLess()
	feeding, err := newFeed(newServedMesh(servedServices, servedEndpoints, 1), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	metrics := api.NewMetrics(feeding.reg, time.Now)
	cfg := api.DefaultConfig()
	cfg.Seed, cfg.Policy, cfg.Horizon = rand.Uint64(), feeding.loop.Policy(), feeding.loop.Horizon()
	server, err := api.New(feeding.loop.Table(), metrics, cfg)
	if err != nil {
		return err
	}
	if metrics.Log, err = api.NewAccessLog(feeding.reg, time.Now, api.DefaultLogConfig()); err != nil {
		return err
	}
	metrics.Log.Who = guard.Identity
	allowing, err := guard.New(guard.Access{Allow: guard.DefaultAllow(""), Limits: guard.DefaultLimits()}, feeding.reg, nil)
	if err != nil {
		return err
	}
	options := append(allowing.Options(insecure.NewCredentials()), api.ServerOptions()...)
	g := grpc.NewServer(append(options, grpc.InTapHandle(metrics.Arrive),
		grpc.ChainUnaryInterceptor(metrics.Unary, allowing.Unary), grpc.ChainStreamInterceptor(metrics.Stream, allowing.Stream))...)
	server.Register(g)
	ctx, stop := context.WithCancel(cmd.Context())
	var running sync.WaitGroup
	running.Go(func() { feeding.run(ctx) })
	running.Go(func() { allowing.Run(ctx, time.Now) })
	running.Go(func() { metrics.Log.Run(ctx, slog.New(slog.NewTextHandler(io.Discard, nil))) })
	defer func() { stop(); running.Wait(); server.Close() }()
	return serveUntilEOF(cmd, g, feeding.every)
}

// windowsEvery is how often the daemon that is measured gets windows of all services,
// which go through features, model and policy: as often as the lab's schema asks, and
// three times as often as those of meshes do. The table is rebuilt every second.
const windowsEvery = 5 * time.Second

// feed brings windows to a loop.
type feed struct {
	mesh   *servedMesh
	rounds [][]mesh.Window // that come by turns: making them is not what is measured
	turn   int
	// rebuilds counts them: with new windows comes every fifth, in whoever's turn.
	rebuilds int
	model    *model.Model
	pace     loop.Pace
	loop     *loop.Loop
	reg      *prometheus.Registry
	faster   chan time.Duration
}

// newFeed makes a loop, and the windows that it takes to warm up.
func newFeed(m *servedMesh, log io.Writer) (*feed, error) {
	set, err := m.rules()
	if err != nil {
		return nil, err
	}
	f := &feed{mesh: m, reg: prometheus.NewRegistry(), faster: make(chan time.Duration)}
	if f.model, err = bundledModel(routingModelFile); err != nil {
		return nil, err
	}
	cfg := router.DefaultConfig()
	cfg.FirstVersion = uint64(time.Now().UnixMilli())
	f.loop, err = loop.New(loop.Config{
		Router: cfg,
		Policy: func(m *model.Model, p *predict.Predictor, cfg router.Config) router.Policy {
			return router.Limit(router.Eject(router.Practised(router.Learned(m, p, cfg), cfg), p, cfg), cfg)
		},
		Acted: true, Live: true, Clock: time.Now, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}, loop.Change{Model: f.model}, loop.Change{Rules: set}, f.reg)
	if err != nil {
		return nil, err
	}
	f.pace = loop.Pace{Schema: &f.model.Schema, Timing: mesh.Timing{Step: windowsEvery, Range: 4 * time.Second, Delay: 10 * time.Millisecond, Horizon: time.Minute}}
	if err := f.loop.Expect(f.pace); err != nil {
		return nil, err
	}
	const warmUp = 8
	for i := range warmUp {
		f.take(time.Now().Add(time.Duration(i-warmUp) * f.pace.Timing.Step))
	}
	return f, nil
}

// take brings the loop the windows of now.
func (f *feed) take(now time.Time) {
	if len(f.rounds) < differentRounds {
		f.rounds = append(f.rounds, f.mesh.windows(f.pace.Schema, f.pace.Timing, now))
	}
	all := f.rounds[f.turn%len(f.rounds)]
	f.turn++
	windows := make([]mesh.Window, len(all))
	for i, w := range all {
		w.Time, w.End = now, now.Add(-f.pace.Timing.Delay)
		w.Start = w.End.Add(-f.pace.Timing.Range)
		windows[i] = w
	}
	f.loop.Take(windows, nil)
}

// differentRounds is how many rounds of windows differ.
const differentRounds = 6

// rebuild makes the table anew: of new windows every fifth time, else of what was
// decided on the last.
func (f *feed) rebuild(now time.Time) {
	if f.rebuilds++; f.rebuilds%int(windowsEvery/time.Second) == 0 {
		f.take(now)
		return
	}
	table := f.loop.Table()
	var made []router.Made
	for _, service := range table.Services() {
		r := table.Load(service)
		made = append(made, router.Made{Decision: r.Decision, Frame: r.Frame})
	}
	table.PublishAll(made, nil)
}

// every has the table rebuilt at each multiple of the duration that the line says
// from now on; of 0 never.
func (f *feed) every(line string) error {
	d, err := time.ParseDuration(line)
	if err == nil {
		f.faster <- d
	}
	return err
}

// run rebuilds the table until ctx ends.
func (f *feed) run(ctx context.Context) {
	every := time.Duration(0)
	for {
		var due <-chan time.Time
		if every > 0 {
			due = time.After(time.Until(time.Now().Truncate(every).Add(every)))
		}
		select {
		case now := <-due:
			f.rebuild(now)
		case every = <-f.faster:
		case <-ctx.Done():
			return
		}
	}
}
