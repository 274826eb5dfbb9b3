package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

func newRulesCommand() *cobra.Command {
	return group("rules", "check rules, explain what they do with a request, and share them by a database",
		newRulesCheckCommand(), newRulesExplainCommand(),
		positional("list DATABASE", "the versions in a database, oldest first", listRules),
		positional("publish DATABASE FILE", "check a rules file, add it as the newest version, and serve it", publishRules),
		positional("promote DATABASE VERSION", "serve another version", promoteRules),
		positional("rollback DATABASE", "serve the version that was served before the present one", rollbackRules),
		positional("events DATABASE", "what happened to the versions, oldest first", listRulesEvents),
	)
}

func newRulesCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE…",
		Short: "say what is wrong with rules files",
		Args:  arguments("at least one rules file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var errs []error
			for _, path := range args {
				errs = append(errs, checkRules(cmd.OutOrStdout(), cmd.ErrOrStderr(), path))
			}
			return errors.Join(errs...)
		},
	}
}

func checkRules(stdout, stderr io.Writer, path string) error {
	file, err := rules.Load(path)
	if err != nil {
		return err
	}
	if _, err := rules.Compile(file); err != nil {
		return err
	}
	routes := 0
	for _, service := range file.Services {
		routes += len(service.Routes)
	}
	fmt.Fprintf(stdout, "%s: version %s, %d services, %d routes: in order\n", path, file.Version, len(file.Services), routes)
	if len(file.Classes) > 0 {
		fmt.Fprintf(stderr, "%s: classes are matched and reported; weights are not yet kept per class\n", path)
	}
	return nil
}

func newRulesExplainCommand() *cobra.Command {
	var path string
	var headers []string
	request := mesh.Request{Headers: map[string]string{}}
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "say which rule takes a request, and why the ones before it do not",
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
			return explainRules(cmd.OutOrStdout(), path, &request)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&path, "rules", "", "rules file")
	flags.StringVar(&request.Service, "service", "", "service that is called")
	flags.StringVar(&request.Method, "method", "GET", "HTTP method")
	flags.StringVar(&request.Path, "path", "/", "path, with its query")
	flags.StringVar(&request.Host, "host", "", "host that is called")
	flags.StringArrayVar(&headers, "header", nil, "name=value; may be given again")
	flags.StringVar(&request.Source.Zone, "zone", "", "zone of the caller")
	flags.StringToStringVar(&request.Source.Labels, "source", nil, "label=value of the caller; may be given again")
	return cmd
}

// explainRules takes every criterion as met: what the metrics say is known
// only to a running daemon.
func explainRules(out io.Writer, path string, request *mesh.Request) error {
	file, err := rules.Load(path)
	if err != nil {
		return err
	}
	set, err := rules.Compile(file)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(file.Services, func(s rules.Service) bool { return s.Name == request.Service }) {
		fmt.Fprintf(out, "%s names no service %q: what follows is the default\n", path, request.Service)
	}
	matcher := set.Service(request.Service)
	for _, step := range matcher.Explain(request, nil) {
		verdict := "no "
		if step.Matched {
			verdict = "yes"
		}
		fmt.Fprintf(out, "%s  %s: %s\n", verdict, step.Route, step.Why)
	}
	if matcher.Match(request, nil) < 0 {
		fmt.Fprintf(out, "no rule of %s matches: destination %s, priority 0, timeout %s\n", request.Service, rules.Default, rules.DefaultTimeout)
	}
	return nil
}
