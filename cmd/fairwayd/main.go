// Command fairwayd serves routing decisions: it reads windows of metrics from
// a Prometheus server or a recording, asks a policy, and publishes what the
// policy says to whoever asks over gRPC. Rules bind it, and answer whenever
// the model should not.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/fairway-mesh/fairway/api"
)

func main() {
	api.CollectLess()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	var wrong usage
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.As(err, &wrong):
		fmt.Fprintf(os.Stderr, "fairwayd: %v; --help lists the flags\n", err)
		os.Exit(2)
	case err != nil:
		fmt.Fprintf(os.Stderr, "fairwayd: %v\n", err)
		os.Exit(1)
	}
}

// run is the whole program. It writes the addresses that it listens on to
// stdout, one a line, and logs to stderr. It returns nil when ctx ends, or at
// the end of a recording that is played once.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	d, err := newDaemon(ctx, o, stderr)
	if err != nil {
		return err
	}
	defer d.close()
	if o.checkConfig {
		_, err := fmt.Fprintln(stdout, d)
		return err
	}
	return d.serve(ctx, stdout)
}
