package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/replay"
	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/report"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/train"
)

// The names of the policies that a new model is judged with. All three are
// what the daemon serves: with this model, with the one in use, with none.
const (
	withThisModel = "this model"
	withOldModel  = "model in use"
	withoutModel  = "rules alone"
)

// mostJudged is how many recordings the verdict looks at.
const mostJudged = 3

// trained is the report of a training with the verdicts of the replays.
type trained struct {
	*train.Report
	Replays []*replay.Table `json:"replays,omitempty"`
}

// modelInUse loads the model that --against names, before the work; nil where
// it names none.
func (o *trainOptions) modelInUse() (*model.Model, error) {
	if o.against == "" {
		return nil, nil
	}
	return model.Load(o.against)
}

// writeReport writes the report that was asked for: a page, JSON or text, by
// the file's name. Judging takes a while, so it is done for a page, and where a
// model in use was named.
func (o *trainOptions) writeReport(ctx context.Context, stderr io.Writer, m, old *model.Model, r *train.Report) error {
	if o.report == "" {
		return nil
	}
	kind := filepath.Ext(o.report)
	out := trained{Report: r}
	if old != nil || kind == ".html" {
		var err error
		if out.Replays, err = o.replays(ctx, stderr, m, old); err != nil {
			return err
		}
	}
	switch kind {
	case ".html":
		return o.writePage(ctx, m, &out)
	case ".json":
		return writeFile(o.report, func(w io.Writer) error { return writeIndented(w, out) })
	}
	return writeFile(o.report, func(w io.Writer) error {
		if err := r.WriteText(w); err != nil {
			return err
		}
		text := &output{Writer: w}
		for _, t := range out.Replays {
			fmt.Fprintf(text, "\nreplay of %s, %s", t.Recording, t.Label)
			finding.WriteVerdicts(text, t.Verdicts)
		}
		return text.err
	})
}

func (o *trainOptions) writePage(ctx context.Context, m *model.Model, r *trained) error {
	page := report.Training{Title: "Training of " + m.Name, Command: o.command(), Report: r.Report, Replays: r.Replays}
	for _, p := range m.Card.Recordings {
		page.Inputs = append(page.Inputs, report.Input{Name: p.Path, SHA256: p.SHA256})
	}
	if stat, err := os.Stat(o.against); err == nil && !stat.IsDir() { // a registry has versions of its own
		input, err := fileInput(o.against)
		if err != nil {
			return err
		}
		page.Inputs = append(page.Inputs, input)
	}
	return writeFile(o.report, page.Write)
}

// command is the call that trains the same again.
func (o *trainOptions) command() string {
	parts := []string{"fairway train"}
	add := func(flag, value string) {
		if value != "" {
			parts = append(parts, "--"+flag+" "+quoted(value))
		}
	}
	for _, path := range o.recordings {
		add("recording", path)
	}
	add("out", o.out)
	add("schema", o.schema)
	if o.window > 0 {
		add("window", o.window.String())
	}
	if o.horizon > 0 {
		add("horizon", o.horizon.String())
	}
	add("network", string(o.config.Network))
	add("epochs", fmt.Sprint(o.config.Epochs))
	add("deadline", o.config.Objective.Deadline.String())
	add("seed", fmt.Sprint(o.config.Seed))
	add("rows", fmt.Sprint(o.config.Rows))
	add("warm-start", o.warm)
	if o.config.Trials > 0 {
		add("search", fmt.Sprint(o.config.Trials))
	}
	if o.budget > 0 {
		add("budget", o.budget.String())
	}
	add("against", o.against)
	add("report", o.report)
	return strings.Join(parts, " ")
}

// replays judges the model on what training did not learn from: the test parts
// of its recordings or, where no recording has one, the validation parts. A
// recording that cannot be judged is told of and left out.
func (o *trainOptions) replays(ctx context.Context, stderr io.Writer, m, old *model.Model) ([]*replay.Table, error) {
	rivals := []string{withoutModel}
	if old != nil {
		rivals = append(rivals, withOldModel)
	}
	var tables []*replay.Table
	judged := 0
	for _, part := range []datasets.Part{datasets.Test, datasets.Validation} {
		for _, path := range o.recordings {
			if judged == mostJudged || judged > 0 && part == datasets.Validation {
				break
			}
			found, err := o.judgeRecording(ctx, stderr, path, part, m, old, rivals)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != nil {
				fmt.Fprintf(stderr, "fairway: no verdict on %s: %v\n", path, err)
				continue
			}
			if found != nil {
				judged, tables = judged+1, append(tables, found...)
			}
		}
	}
	return tables, nil
}

// judgeRecording judges one recording, against each rival; nil where the
// recording has nothing of the part.
func (o *trainOptions) judgeRecording(ctx context.Context, stderr io.Writer, path string, part datasets.Part, m, old *model.Model, rivals []string) ([]*replay.Table, error) {
	recording, err := datasets.OpenWith(ctx, path, &m.Schema)
	if err != nil {
		return nil, err
	}
	defer recording.Close()
	recording.Cache = openCache(stderr, o.cache)
	split := recording.Split(m.Timing)
	if whole := split.Whole(); whole != datasets.None && whole != part {
		return nil, nil
	}
	config := replay.DefaultConfig()
	config.Recording, config.Seed = path, o.config.Seed
	config.Timing, config.Objective, config.Unidentified = m.Timing, m.Objective, m.Card.Unidentified
	config.Timing.Horizon = m.Timing.InForce()
	config.From, config.Notes = split.TestStart, []string{"judged on test time"}
	if part == datasets.Validation {
		config.From, config.Notes = split.ValidationStart, []string{"judged on validation time, which chose the epoch: it flatters this model"}
	}
	var tables []*replay.Table
	for _, rival := range rivals {
		config.Reference = rival
		policies, err := judgedPolicies(rival, m, old)
		if err != nil {
			return nil, err
		}
		trace, err := replay.Run(recording.Pairs(ctx, config.Timing, features.New(m.FeatureConfig())), policies, config)
		if err != nil {
			return nil, err
		}
		if recording.HasRequests() {
			if err := trace.Weigh(recording.Requests()); err != nil {
				return nil, err
			}
		}
		tables = append(tables, trace.Table())
	}
	return tables, nil
}

func judgedPolicies(rival string, m, old *model.Model) ([]router.Policy, error) {
	if rival == withoutModel {
		old = nil
	}
	set, err := rules.Compile(&rules.File{})
	if err != nil {
		return nil, err
	}
	reference, err := router.Named("fairway", old, set, router.DefaultConfig())
	if err != nil {
		return nil, fmt.Errorf("the model in use: %w", err)
	}
	candidate, err := router.Named("fairway", m, set, router.DefaultConfig())
	if err != nil {
		return nil, err
	}
	if old != nil {
		reference = &ownFrames{reference, features.New(old.FeatureConfig())}
	}
	return []router.Policy{renamed{reference, rival}, renamed{candidate, withThisModel}}, nil
}

// renamed is a policy under another name.
type renamed struct {
	router.Policy
	name string
}

func (p renamed) Name() string { return p.name }

// ownFrames is a policy whose model understands frames of its own making.
type ownFrames struct {
	router.Policy
	extractor *features.Extractor
}

func (p *ownFrames) Decide(dst *router.Decision, f *features.Frame) error {
	own, err := p.extractor.Push(f.Window)
	if err != nil {
		return err
	}
	return p.Policy.Decide(dst, own)
}
