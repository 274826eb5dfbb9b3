package router

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const docsHead = `# Baselines: the policies that set weights from metrics

*Made of the descriptions in ` + "`router`" + ` by a test of that package; change those.*

A policy sets the weights of a service's endpoints once per window; pickers use them. Each stands for a published mechanism, with the published parameters as its defaults; where a source is silent or was not at hand, the doc comment of the policy says what is our reading.
In a strategy's name a policy stands alone, with the picker that its source has it used by, or before the picker: ` + "`pid`, `pid:kp=0.1`, `fairway/power_of_two`, `capacity+outlier_ejection`" + `. A name that is a picker's too, such as round_robin, is the picker: ` + "`round_robin/weighted`" + ` is the policy.

All know what a scrape of the metrics shows, some seconds old, and no more: pickers on probes or beside answers have the advantage of knowing the load now. The exception is ` + "`board_power_of_two`" + `, power of two choices at equal information. Endpoints of which nothing is known yet get the mean weight (gRFC A58); those that are down get none, in all but round_robin, static, least_latency, performance_aware and adaptive, which stand here as they were first written down. Where a policy declines (before the first report, or on stale metrics), the weights of the rules count, else equal ones.
`

// TestDocs keeps docs/baselines-weights.md in step; it writes what it should be
// beside it.
func TestDocs(t *testing.T) {
	var text strings.Builder
	text.WriteString(docsHead)
	text.WriteString("\n## Policies\n\n| name | mechanism | source | lives on | picker | known to fail |\n|---|---|---|---|---|---|\n")
	for _, name := range Names() {
		k := kindOf(name)
		fmt.Fprintf(&text, "| `%s` | %s | %s | %s | %s | %s |\n", name, k.Mechanism, k.Source, k.Lives, k.picker, k.Fails)
	}
	for _, name := range Names() {
		parameters := kindOf(name).with(DefaultConfig())
		if len(parameters) == 0 {
			continue
		}
		fmt.Fprintf(&text, "\n## %s\n\n| parameter | default | range | meaning |\n|---|---|---|---|\n", name)
		for _, p := range parameters {
			fmt.Fprintf(&text, "| `%s` | %s | %s to %s | %s |\n", p.Name, p.Write(p.Default), p.Write(p.Min), p.Write(p.Max), p.Help)
		}
	}
	const file = "../docs/baselines-weights.md"
	want, err := os.ReadFile(file)
	if err == nil && string(want) == text.String() {
		return
	}
	if err := os.WriteFile(file+".new", []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Errorf("the text is not that of %s (%v); it was written to %s.new", file, err, file)
}
