package picker

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const docsHead = `# Baselines: the pickers that decide per request

*Made of the descriptions in ` + "`router/picker`" + ` by a test of that package; change those.*

A picker picks an endpoint for each request of one proxy. Each stands for a published mechanism and has the published parameters as its defaults; where a source is silent or was not at hand, the doc comment of the picker says what is our reading.
A name may set parameters and lay overlays over the picker: ` + "`prequal:q=0.6:probes=5`, `round_robin+outlier_ejection`, `wrr_a58:oob=10s+slow_start:window=30s`" + `.

No picker sends anything to an endpoint of weight 0. "Uses weights" says which pickers use the others too; the rest treat all endpoints alike. What a picker lives on is what it must be given to be compared fairly: those on probes and beside answers know the load of each endpoint now, which no metrics can tell.
`

// TestDocs keeps docs/baselines.md in step; it writes what it should be beside it.
func TestDocs(t *testing.T) {
	var text strings.Builder
	text.WriteString(docsHead)
	table(&text, "Pickers", Names(), kinds)
	table(&text, "Overlays", Overlays(), overlayKinds)
	for _, name := range append(Names(), Overlays()...) {
		about, err := About(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(about.Parameters) == 0 {
			continue
		}
		fmt.Fprintf(&text, "\n## %s\n\n| parameter | default | range | meaning |\n|---|---|---|---|\n", name)
		for _, p := range about.Parameters {
			fmt.Fprintf(&text, "| `%s` | %s | %s to %s | %s |\n", p.Name, p.Write(p.Default), p.Write(p.Min), p.Write(p.Max), p.Help)
		}
	}
	const file = "../../docs/baselines.md"
	want, err := os.ReadFile(file)
	if err == nil && string(want) == text.String() {
		return
	}
	if err := os.WriteFile(file+".new", []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Errorf("the text is not that of %s (%v); it was written to %s.new", file, err, file)
}

func table(text *strings.Builder, title string, names []string, kinds []kind) {
	fmt.Fprintf(text, "\n## %s\n\n| name | mechanism | source | lives on | uses weights | known to fail |\n|---|---|---|---|---|---|\n", title)
	for _, name := range names {
		k, uses := find(kinds, name), "no"
		if k.weighs {
			uses = "yes"
		}
		if k.over != nil {
			uses = "as its picker"
		}
		fmt.Fprintf(text, "| `%s` | %s | %s | %s | %s | %s |\n", name, k.mechanism, k.source, k.lives, uses, k.fails)
	}
}
