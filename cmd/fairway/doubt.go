package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/train"
)

type doubtOptions struct {
	recording, model, schema string
	json                     bool
	cache                    string
}

func newDoubtCommand() *cobra.Command {
	var o doubtOptions
	cmd := &cobra.Command{
		Use:   "doubt --recording DIR --model MODEL",
		Short: "whether a model would answer on a recording, and at which risk",
		Long: `Walks a recording past the gate of a model: in how many windows it would answer,
why it would not in the first that it leaves to the rules, and how the risk of
what it answers grows with how much it answers. docs/doubt.md says what all of
it means.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed(cmd, "recording", "model"); err != nil {
				return err
			}
			return doubtAll(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.recording, "recording", "", "recording or dump to walk through")
	flags.StringVar(&o.model, "model", "", "model file, or a registry directory")
	flags.StringVar(&o.schema, "schema", "", "schema file or built-in name; without it the model's")
	flags.BoolVar(&o.json, "json", false, "write JSON, with all points of the curves")
	cacheFlag(cmd, &o.cache)
	return cmd
}

// doubts is what the command says.
type doubts struct {
	Services []*gated        `json:"services"`
	Coverage *train.Coverage `json:"coverage"` // nil: no cost is predicted or known
}

// gated is what a gate did over the windows of one service.
type gated struct {
	Service  string `json:"service"`
	Windows  int    `json:"windows"`
	Answered int    `json:"answered"`
	// Identified is false where the load never varied: then nothing is answered,
	// whatever the gate says.
	Identified bool   `json:"load_effect_identified"`
	Declined   string `json:"first_declined,omitempty"` // when, and why
	gate       predict.Gate
}

func doubtAll(ctx context.Context, out, stderr io.Writer, o doubtOptions) error {
	m, recording, err := openFor(ctx, o.model, o.recording, o.schema)
	if err != nil {
		return err
	}
	defer recording.Close()
	recording.Cache = openCache(stderr, o.cache)
	all := doubts{}
	if all.Services, err = walkGates(ctx, m, recording); err != nil {
		return err
	}
	if m.Routing != nil && m.Routing.Kind == model.Outcome {
		config := train.DefaultConfig()
		config.Objective = m.Objective
		set, err := train.Collect(ctx, recording, m.Timing, config)
		if err != nil {
			return err
		}
		if all.Coverage, err = train.Cover(set, m, 1); err != nil {
			return err
		}
	}
	if o.json {
		return json.NewEncoder(out).Encode(all)
	}
	return all.writeText(out)
}

// walkGates asks the gate of each service about each of its windows.
func walkGates(ctx context.Context, m *model.Model, recording *datasets.Recording) ([]*gated, error) {
	p, err := predict.Compile(m)
	if err != nil {
		return nil, err
	}
	x := features.New(m.FeatureConfig())
	var list []*gated
	for w, err := range recording.Windows(ctx, m.Timing) {
		if err != nil {
			return nil, err
		}
		f, err := x.Push(w)
		if err != nil {
			return nil, err
		}
		k := slices.IndexFunc(list, func(g *gated) bool { return g.Service == f.Service })
		if k < 0 {
			k = len(list)
			list = append(list, &gated{Service: f.Service, Identified: m.Card.Identifies(f.Service)})
		}
		if err := list[k].take(p, f); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (g *gated) take(p *predict.Predictor, f *features.Frame) error {
	g.Windows++
	err := p.Trust(&g.gate, f)
	switch {
	case err == nil:
		g.Answered++
	case !errors.Is(err, predict.ErrUnfamiliar) && !errors.Is(err, predict.ErrDisagree) && !errors.Is(err, predict.ErrNotFinite):
		return err
	case g.Declined == "":
		g.Declined = fmt.Sprintf("window %d, at %s: %v", g.Windows, f.Time.UTC().Format("15:04:05"), err)
	}
	return nil
}

func (d *doubts) writeText(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "service\twindows\tthe gate lets the model answer")
	for _, g := range d.Services {
		fmt.Fprintf(t, "%s\t%d\t%.1f %%\n", g.Service, g.Windows, 100*float64(g.Answered)/float64(g.Windows))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, g := range d.Services {
		if !g.Identified {
			fmt.Fprintf(out, "%s: load effect not identifiable: the rules answer\n", g.Service)
		}
		if g.Declined != "" {
			fmt.Fprintf(out, "%s: first declined in %s\n", g.Service, g.Declined)
		}
	}
	if d.Coverage == nil {
		return nil
	}
	return d.Coverage.WriteText(out, "decisions")
}
