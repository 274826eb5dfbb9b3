package picker

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const docsHead = `# Baselines: the pickers that decide per request

*Made of the descriptions in ` + "`router/picker`" + ` by a test of that package; change those.*

A picker picks an endpoint for each request of one proxy. Each but ` + "`hot_cold`" + `, which is fairway's own, stands for a published mechanism and has the published parameters as its defaults; where a source is silent or was not at hand, the doc comment of the picker says what is our reading.
A name may set parameters and lay overlays over the picker: ` + "`prequal:q=0.6:probes=5`, `round_robin+outlier_ejection`, `wrr_a58:oob=10s+slow_start:window=30s`" + `.

No picker sends anything to an endpoint of weight 0. "Uses weights" says which pickers use the others too; the rest treat all endpoints alike. What a picker lives on is what it must be given to be compared fairly: those on probes and beside answers know the load of each endpoint now, which no metrics can tell.
`

const docsHotCold = `
## What hot_cold knows

` + "`hot_cold`" + ` makes one estimate of the requests in flight at an endpoint, and one of how slow it is, out of all that a proxy can know:

- **Its own requests** count as what they are, from when they are sent until they are answered. The share of the traffic that the proxy has need not be known: what an endpoint tells, less what is the proxy's own, is what the others have there.
- **Requests of others** are what there was when the endpoint answered a probe last, and go back to what is usual there within half a mean latency (` + "`forget`" + `); sooner where there were few (` + "`crowding`" + `), since others find out too and go there.
- **Candidates** are those that it heard of last. An answer to a request makes an endpoint one as an answer to a probe does: who is done with a request has room.
- **Latency** at so many in flight is that of the fleet, by what endpoints tell, times how much slower the endpoint is. The cost is the marginal one: what the request takes, and what it adds to those that come while it is there. An endpoint that is slower than it was in its past (` + "`alarm`" + `) counts as slower still: it may be about to fail.
- **The board** of the slow loop is what an endpoint counts as until there are latencies of it, and again when these become old. An endpoint that gets less than half of the weight that would be its by capacity is spared in proportion; other weights decide between near-ties.
- **Hot** endpoints come after cold ones: those with more in flight than the ` + "`q`" + ` quantile of what was told lately, and those that fail more than the fleet (` + "`guard`" + `). **Silent** ones, which left a probe unanswered longer than answers take (` + "`patience`" + `), come last, and are asked on: the first answer brings them back.

Without probes it is power of two choices by weight on its own requests, their latencies and the board.
`

// TestDocs keeps docs/baselines.md in step; it writes what it should be beside it.
func TestDocs(t *testing.T) {
	var text strings.Builder
	text.WriteString(docsHead)
	table(&text, "Pickers", Names(), kinds)
	table(&text, "Overlays", Overlays(), overlayKinds)
	text.WriteString(docsHotCold)
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
