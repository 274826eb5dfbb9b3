package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/datasets/accesslog"
)

// contradictions refuses flags that say how a log is read where there is none.
func (o *requestsOptions) contradictions(cmd *cobra.Command) error {
	for _, name := range readFlagNames {
		if cmd.Flag(name).Changed && len(o.logs) == 0 {
			return usagef("--%s says how an access log is read, and there is none; name one with --requests", name)
		}
	}
	if err := o.locate(); err != nil {
		return err
	}
	if err := o.config.Config.Validate(); err != nil {
		return usageError{err}
	}
	return nil
}

// join gives the recording the access logs in place of its own request log, and
// says on stderr what of them was read, what was not, and who is no endpoint of
// the recording.
func (o *requestsOptions) join(ctx context.Context, stderr io.Writer, r *datasets.Recording) error {
	read := func(t *accesslog.Tally, joined *datasets.Joined) iter.Seq2[datasets.Request, error] {
		return r.JoinRequests(ctx, accesslog.Read(ctx, o.config.Config, t, o.logs...), joined)
	}
	var tally accesslog.Tally
	var joined datasets.Joined
	var failed error
	for _, err := range read(&tally, &joined) {
		failed = firstError(failed, err)
	}
	if written := tally.WriteText(stderr); failed == nil {
		failed = written
	}
	if failed != nil {
		return failed
	}
	strangers := 0
	for _, n := range joined.Strangers {
		strangers += n
	}
	fmt.Fprintf(stderr, "%s: %d of %d requests are of endpoints that it knows\n", r.Path, joined.Requests-strangers, joined.Requests)
	for i, name := range slices.Sorted(maps.Keys(joined.Strangers)) {
		if i == o.config.Keep {
			fmt.Fprintf(stderr, "  and %d more\n", len(joined.Strangers)-i)
			break
		}
		fmt.Fprintf(stderr, "  %s is no endpoint of it: %d requests\n", name, joined.Strangers[name])
	}
	if strangers == joined.Requests {
		return fmt.Errorf("%s: the recording knows no endpoint of the access log; endpoints must have the same names or addresses, and services the same names (--service names that of a log)", r.Path)
	}
	r.Log = func(yield func(datasets.Request, error) bool) { read(&accesslog.Tally{}, nil)(yield) }
	return nil
}

// command is what of a call says how logs are read.
func (o *requestsOptions) command() (parts []string) {
	add := func(flag, value string) {
		if value != "" {
			parts = append(parts, "--"+flag+" "+quoted(value))
		}
	}
	for _, path := range o.logs {
		add("requests", path)
	}
	if len(o.logs) == 0 {
		return nil
	}
	c := accesslog.DefaultConfig()
	add("format", o.config.Format)
	add("log-format", o.config.LogFormat)
	add("service", o.config.Service)
	if o.config.Deadline != c.Deadline {
		add("deadline", o.config.Deadline.String())
	}
	if o.config.Window != c.Window {
		add("window", o.config.Window.String())
	}
	if o.zone != "UTC" {
		add("time-zone", o.zone)
	}
	return parts
}
