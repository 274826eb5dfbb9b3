package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/prom"
)

func newRecordCommand() *cobra.Command {
	cfg := datasets.DefaultRecordConfig()
	var server, since string
	cmd := &cobra.Command{
		Use:   "record --prometheus URL|FILE --since 24h --out DIR",
		Short: "pull the history of a Prometheus server into a recording",
		Long: `Pulls the raw samples of every metric that the schema names, and up, from a
Prometheus, Thanos, Mimir or VictoriaMetrics into a recording. The server is
given by its URL, or by a source file:

  prometheus: https://mimir.example/prometheus
  since: 14d
  http:
    authorization: {credentials_file: token}
    tls_config: {ca_file: ca.pem}
    http_headers: {X-Scope-OrgID: {values: [team-a]}}

It may be stopped or killed at any time: the same command goes on where it
ended. A source file can also be given wherever a recording can; then the
server is asked, and nothing is copied.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed(cmd, "prometheus", "out"); err != nil {
				return err
			}
			return recordServer(cmd.Context(), cmd.ErrOrStderr(), cfg, server, since)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&server, "prometheus", "", "URL of the server, or a source file")
	flags.StringVar(&since, "since", "", "how much of the history, such as 24h or 14d; without it the source file's, or with --follow none")
	flags.StringVar(&cfg.Out, "out", "", "directory of the recording; one that was begun is continued")
	flags.StringVar(&cfg.Schema, "schema", "", "schema file or built-in name; without it the source file's, or the one that fits")
	flags.BoolVar(&cfg.Follow, "follow", false, "go on until interrupted")
	flags.DurationVar(&cfg.Every, "every", cfg.Every, "how often --follow pulls")
	flags.DurationVar(&cfg.Shard, "block", cfg.Shard, "time that is kept in one block, at most; shorter takes less memory")
	flags.DurationVar(&cfg.Delay, "delay", cfg.Delay, "how much later than one scrape interval a sample can reach the server")
	flags.IntVar(&cfg.Limits.Parallel, "parallel", cfg.Limits.Parallel, "requests at once")
	return cmd
}

func recordServer(ctx context.Context, stderr io.Writer, cfg datasets.RecordConfig, server, since string) error {
	var err error
	if cfg.Connection, err = prom.LoadConnection(server); err != nil {
		return usageError{fmt.Errorf("--prometheus: %w", err)}
	}
	if since != "" {
		span, err := model.ParseDuration(since)
		if err != nil || span <= 0 {
			return usagef("--since is %q; want a time such as 24h or 14d", since)
		}
		cfg.Connection.Since, cfg.Connection.Start = time.Duration(span), time.Time{}
	}
	if cfg.Connection.Since == 0 && cfg.Connection.Start.IsZero() && !cfg.Follow {
		return usagef("fairway record needs --since: how much of the history, such as 24h or 14d")
	}
	cfg.Limits.Seed = uint64(time.Now().UnixNano())
	cfg.MadeBy = "fairway record --prometheus " + cfg.Connection.Identity()
	if err := cfg.Validate(); err != nil {
		return usageError{err}
	}
	line, end := recordLine(stderr)
	cfg.Progress = line
	cfg.Say = func(text string) { end(); fmt.Fprintln(stderr, "fairway:", strings.ReplaceAll(text, "\n", "\n  ")) }
	_, err = datasets.Record(ctx, cfg)
	end()
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: interrupted; the same command goes on", cfg.Out)
	}
	return err
}

// recordLine rewrites one line on a terminal; end goes on to the next one.
func recordLine(w io.Writer) (line func(datasets.RecordProgress), end func()) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil, func() {}
	}
	open := false
	line = func(p datasets.RecordProgress) {
		open = true
		fmt.Fprintf(w, "\r\033[K%s of %s  %d samples", p.Until.Sub(p.Start).Round(time.Second), p.Goal.Sub(p.Start).Round(time.Second), p.Samples)
	}
	return line, func() {
		if open {
			fmt.Fprintln(w)
		}
		open = false
	}
}
