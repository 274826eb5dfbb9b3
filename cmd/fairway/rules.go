package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/load"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

func newRulesCommand() *cobra.Command {
	return group("rules", "check rules, explain what they do with a request, and share them by a database or directory",
		newRulesCheckCommand(), newRulesExplainCommand(),
		positional("list REGISTRY", "the versions in a database or directory, oldest first", listRules),
		positional("publish REGISTRY PATH…", "check rules, add them as the newest version, and serve it", publishRules),
		positional("diff REGISTRY|PATH A|PATH [B]", "what changes from version A to B, by default the latest, or between the rules at two paths", diffRules),
		positional("promote REGISTRY VERSION", "serve another version", promoteRules),
		positional("rollback REGISTRY", "serve the version that was served before the present one", rollbackRules),
		positional("events REGISTRY", "what happened to the versions, oldest first", listRulesEvents),
	)
}

func newRulesCheckCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check PATH…",
		Short: "say what is wrong with rules in files and directories, which are taken together",
		Long: "Files are fairway's own, or manifests of Istio and of the Gateway API. Errors and warnings have file:line; " +
			"the exit status is 1 where there is an error. Warnings and notes go to stderr.",
		Args: arguments("at least one file or directory of rules"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := checkRules(args)
			if asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return errors.Join(encoder.Encode(c), c.err)
			}
			return c.write(cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object on stdout, with findings and errors")
	return cmd
}

// checked is what was found of rules.
type checked struct {
	Name     string         `json:"name"`
	OK       bool           `json:"ok"`
	Version  string         `json:"version,omitempty"`
	Hash     string         `json:"hash,omitempty"`
	Services int            `json:"services"`
	Routes   int            `json:"routes"`
	Findings []foundInRules `json:"findings"`
	Errors   []string       `json:"errors"`

	classes bool
	err     error
}

type foundInRules struct {
	File  string `json:"file"`
	Line  int    `json:"line"`
	Level string `json:"level"`
	Text  string `json:"text"`
}

func checkRules(paths []string) *checked {
	c := &checked{Findings: []foundInRules{}, Errors: []string{}}
	name, text, err := load.Read(paths...)
	if err != nil {
		c.fail(fmt.Errorf("rules: %w", err))
		return c
	}
	c.Name = name
	set, findings, err := load.Compile(name, text)
	for _, f := range findings {
		c.Findings = append(c.Findings, foundInRules(f))
	}
	if err != nil {
		c.fail(err)
		return c
	}
	file := set.File()
	c.OK, c.Version, c.Hash, c.Services, c.classes = true, file.Version, file.Hash, len(file.Services), len(file.Classes) > 0
	for _, service := range file.Services {
		c.Routes += len(service.Routes)
	}
	return c
}

func (c *checked) fail(err error) {
	c.err = err
	c.Errors = strings.Split(err.Error(), "\n")
}

func (c *checked) write(stdout, stderr io.Writer) error {
	for _, f := range c.Findings {
		if f.Level != manifest.Error { // the error tells of those
			fmt.Fprintln(stderr, manifest.Finding(f))
		}
	}
	if c.err != nil {
		return c.err
	}
	version := c.Version
	if version != c.Hash {
		version += " (" + c.Hash + ")"
	}
	fmt.Fprintf(stdout, "%s: version %s, %d services, %d routes: in order\n", c.Name, version, c.Services, c.Routes)
	if c.classes {
		fmt.Fprintf(stderr, "%s: classes are matched and reported; weights are not yet kept per class\n", c.Name)
	}
	return nil
}

// readRules reads rules of all kinds for a command, whose stderr is told of warnings.
func readRules(stderr io.Writer, paths ...string) (*rules.Set, error) {
	name, text, err := load.Read(paths...)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	set, findings, err := load.Compile(name, text)
	for _, f := range findings {
		if f.Level == manifest.Warning {
			fmt.Fprintln(stderr, f)
		}
	}
	return set, err
}
