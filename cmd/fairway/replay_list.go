package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/picker"
)

// listReplay names everything that a replay can be asked for.
func listReplay(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "strategies, for --scenario; those with a * are policies and for --recording too")
	policies := router.Names()
	for _, d := range router.Strategies() {
		star := ""
		if slices.Contains(policies, d.Name) {
			star = " *"
		}
		fmt.Fprintf(w, "  %s%s\t%s Lives on: %s.\n", d.Name, star, d.Mechanism, d.Lives)
	}
	fmt.Fprintln(w, "\noverlays, as in power_of_two+outlier_ejection")
	for _, name := range picker.Overlays() {
		d, err := picker.About(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "  %s\t%s\n", d.Name, d.Mechanism)
	}
	fmt.Fprintln(w, "\nscenarios")
	for _, name := range sim.Builtins() {
		s, err := sim.Builtin(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "  %s\t%s\n", s.Name, firstSentence(s.About))
	}
	fmt.Fprintln(w, "\nA policy and a picker make a strategy too, as in fairway/power_of_two; parameters follow a colon, as in pid:kp=0.1.")
	return w.Flush()
}

// firstSentence is the begin of a text, in one line.
func firstSentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if i := strings.Index(text, ". "); i >= 0 {
		return text[:i+1]
	}
	return text
}
