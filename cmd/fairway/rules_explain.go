package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/load"
)

func newRulesExplainCommand() *cobra.Command {
	var paths, headers []string
	request := mesh.Request{Headers: map[string]string{}}
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "say which rule takes a request, why the ones before it do not, and what holds for it",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed(cmd, "rules", "service"); err != nil {
				return err
			}
			for _, header := range headers {
				name, value, ok := strings.Cut(header, "=")
				if !ok {
					return usagef("--header is %q; want name=value", header)
				}
				request.Headers[strings.ToLower(name)] = value
			}
			request.Path, request.Query, _ = strings.Cut(request.Path, "?")
			set, err := readRules(cmd.ErrOrStderr(), paths...)
			if err != nil {
				return err
			}
			return explainRules(cmd.OutOrStdout(), strings.Join(paths, ", "), set, &request)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&paths, "rules", nil, "rules: a file or directory; may be given again")
	flags.StringVar(&request.Service, "service", "", "service that is called")
	flags.StringVar(&request.Method, "method", "GET", "HTTP method")
	flags.StringVar(&request.Path, "path", "/", "path, with its query")
	flags.StringVar(&request.Host, "host", "", "host that is called")
	flags.StringArrayVar(&headers, "header", nil, "name=value; may be given again")
	flags.StringVar(&request.Source.Zone, "zone", "", "zone of the caller")
	flags.StringToStringVar(&request.Source.Labels, "source", nil, "label=value of the caller; may be given again")
	return cmd
}

// maxNames is how many services are named to who asked for one that is not there.
const maxNames = 20

func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

// explainRules takes every criterion as met: what the metrics say is known
// only to a running daemon.
func explainRules(out io.Writer, path string, set *rules.Set, request *mesh.Request) error {
	if !slices.Contains(set.Services(), set.Canonical(request.Service)) {
		fmt.Fprintf(out, "%s names no service %q: what follows is the default\n", path, request.Service)
		if names := slices.Sorted(slices.Values(set.Services())); len(names) > 0 {
			fmt.Fprintf(out, "it names %s%s\n", strings.Join(names[:min(len(names), maxNames)], ", "), more(len(names)-maxNames))
		}
	}
	matcher := set.Service(request.Service)
	for i, step := range matcher.Explain(request, nil) {
		verdict := "no "
		if step.Matched {
			verdict = "yes"
		}
		where := ""
		if w := matcher.Service.Routes[i].Where; w != "" {
			where = " (" + w + ")"
		}
		fmt.Fprintf(out, "%s  %s%s: %s\n", verdict, step.Route, where, step.Why)
	}
	i := matcher.Match(request, nil)
	if i < 0 {
		fmt.Fprintf(out, "no rule of %s matches: destination %s, priority 0, timeout %s\n", request.Service, rules.Default, rules.DefaultTimeout)
		return nil
	}
	explainRoute(out, matcher.Service, &matcher.Service.Routes[i], set.Class(request))
	return nil
}

// explainRoute says what holds for requests of a route.
func explainRoute(out io.Writer, s *rules.Service, r *rules.Route, class string) {
	balance, circuit := s.Traffic(r.To)
	retries := fmt.Sprint(r.Retries)
	if r.Retries > 0 && r.RetryOn != "" {
		retries += " on " + r.RetryOn
	}
	timeout := r.Timeout.String()
	if r.PerTry > 0 {
		timeout += ", " + r.PerTry.String() + " per try"
	}
	for _, line := range [][2]string{
		{"to", load.Targets(r.To)}, {"criteria", load.Words(r.Criteria)}, {"timeout", timeout}, {"retries", retries},
		{"priority", fmt.Sprint(r.Priority)}, {"balance", cmp.Or(load.Words(balance), "by weight")}, {"circuit", load.Words(circuit)},
		{"outlier", load.Words(s.Outlier)}, {"class", class},
	} {
		if line[1] != "" {
			fmt.Fprintf(out, "     %-8s  %s\n", line[0], line[1])
		}
	}
}
