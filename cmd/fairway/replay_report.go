package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay"
	"github.com/fairway-mesh/fairway/replay/contest"
	"github.com/fairway-mesh/fairway/replay/report"
	"github.com/fairway-mesh/fairway/replay/sim"
)

// reportFindings writes the page of a contest.
func reportFindings(f *contest.Findings, o replayOptions) error {
	page := report.Report{Title: "Replay in the simulated mesh", Command: o.command(), Findings: f}
	for _, name := range o.scenarios {
		input, err := scenarioInput(name)
		if err != nil {
			return err
		}
		page.Inputs = append(page.Inputs, input)
	}
	return o.write(&page)
}

// reportRecording writes the page of a recording.
func reportRecording(ctx context.Context, recording *datasets.Recording, t *replay.Table, foretold []report.CalibrationPoint, o replayOptions) error {
	digest, err := recording.Digest(ctx)
	if err != nil {
		return err
	}
	page := report.Report{
		Title: "Replay of " + filepath.Base(o.recording), Command: o.command(), Table: t, Faults: recording.Faults, Calibration: foretold,
		Inputs: []report.Input{{Name: o.recording, SHA256: digest}},
	}
	for _, path := range o.requests.logs {
		input, err := fileInput(path)
		if err != nil {
			return err
		}
		page.Inputs = append(page.Inputs, input)
	}
	return o.write(&page)
}

// write adds what both kinds read, and writes the page.
func (o *replayOptions) write(page *report.Report) error {
	for _, path := range []string{o.model, o.rules} {
		if stat, err := os.Stat(path); path == "" || err != nil || stat.IsDir() {
			continue // a registry has versions of its own
		}
		input, err := fileInput(path)
		if err != nil {
			return err
		}
		page.Inputs = append(page.Inputs, input)
	}
	return writeFile(o.report, page.Write)
}

// command is the call that makes the page again, with all that has a say.
func (o *replayOptions) command() string {
	parts := []string{"fairway replay"}
	add := func(flag, value string) {
		if value != "" {
			parts = append(parts, "--"+flag+" "+quoted(value))
		}
	}
	add("recording", o.recording)
	add("scenario", strings.Join(o.scenarios, ","))
	add("model", o.model)
	add("schema", o.schema)
	add("rules", o.rules)
	add("policies", strings.Join(o.policies, ","))
	add("reference", o.reference)
	add("seed", fmt.Sprint(o.seed))
	if o.seeds > 0 {
		add("seeds", fmt.Sprint(o.seeds))
	}
	if o.simulate {
		parts = append(parts, "--simulate")
		add("proxies", fmt.Sprint(o.proxies))
	}
	if o.requests != nil {
		parts = append(parts, o.requests.command()...)
	}
	if o.all {
		parts = append(parts, "--all")
	}
	add("report", o.report)
	return strings.Join(parts, " ")
}

// quoted is a word as a shell reads it.
func quoted(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./,:=+#@%") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func fileInput(path string) (report.Input, error) {
	file, err := os.Open(path)
	if err != nil {
		return report.Input{}, err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return report.Input{}, err
	}
	return report.Input{Name: path, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

// scenarioInput is the file, or, of a scenario that is built in, what it says
// with its defaults.
func scenarioInput(name string) (report.Input, error) {
	path, _, _ := strings.Cut(name, "#")
	if _, err := os.Stat(path); err == nil {
		input, err := fileInput(path)
		input.Name = name
		return input, err
	}
	s, err := sim.Builtin(name)
	if err != nil {
		return report.Input{}, err
	}
	text, err := yaml.Marshal(s)
	if err != nil {
		return report.Input{}, err
	}
	sum := sha256.Sum256(text)
	return report.Input{Name: name + " (built in)", SHA256: hex.EncodeToString(sum[:])}, nil
}
