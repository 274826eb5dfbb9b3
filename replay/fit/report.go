package fit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay/sim"
)

// Report shows how well a mesh was fitted.
type Report struct {
	Classes   []Class
	All       Comparison
	Endpoints []Comparison // in the order of Fit.Endpoints
	// Verdict is "fits" or "cannot tell", and Why what is beyond the limits.
	Verdict string
	Why     []string
}

// The verdicts.
const (
	Fits       = "fits"
	CannotTell = "cannot tell"
)

// Class is the work of a class of requests. Distance is the greatest difference
// between the distribution and that of the sample: 0 the same, 1 nothing alike.
type Class struct {
	Name         string
	Share        float64
	Mean         time.Duration
	Distribution string
	Shape        float64
	Distance     float64
}

// Comparison is what was recorded beside what the fitted mesh did: the mean of
// its runs, and how far single runs are from it (standard deviation). The
// recording is a single run too.
type Comparison struct{ Recorded, Fitted, Spread Measured }

// show runs the fitted mesh under the recorded shares, some times, records each
// run, and measures the recordings as it does the one that was fitted.
func (f *Fit) show(ctx context.Context, r *datasets.Recording, h *history, l *requestLog, cfg Config) error {
	recorded := measure(h, l)
	var runs [][]Measured
	for n := range cfg.Runs {
		run, err := f.run(ctx, r.HasRequests(), h, cfg, cfg.Seed+uint64(n))
		if err != nil {
			return fmt.Errorf("fit: run the fitted mesh: %w", err)
		}
		if len(run) != len(recorded) {
			return fmt.Errorf("fit: %w how well it fits: the fitted mesh has %d endpoints in its metrics, the recording %d", ErrTooLittle, len(run)-1, len(recorded)-1)
		}
		runs = append(runs, run)
	}
	for k := range recorded {
		c := Comparison{Recorded: recorded[k]}
		var of []*Measured
		for n := range runs {
			of = append(of, &runs[n][k])
		}
		c.Fitted, c.Spread = spread(of)
		if k == 0 {
			f.Report.All = c
		} else {
			f.Report.Endpoints = append(f.Report.Endpoints, c)
		}
	}
	f.Report.judge(f.Endpoints, cfg.Limits)
	return nil
}

// run is one run of the fitted mesh, measured.
func (f *Fit) run(ctx context.Context, withLog bool, h *history, cfg Config, seed uint64) (_ []Measured, err error) {
	folder, err := os.MkdirTemp("", "fairway-fit-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	dir := filepath.Join(folder, "fitted")
	if _, err := sim.Record(ctx, f.Scenario, seed, f.Strategy(), dir); err != nil {
		return nil, err
	}
	fitted, err := datasets.Open(ctx, dir, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, fitted.Close()) }()
	cfg.Service, cfg.Window = sim.Service, h.window
	there, err := look(ctx, fitted, cfg)
	if err != nil {
		return nil, err
	}
	l := &requestLog{}
	if withLog {
		if l, err = readLog(fitted, there); err != nil {
			return nil, err
		}
	}
	return measure(there, l), nil
}

// judge says cannot tell when the whole, or too many endpoints, are beyond the
// limits and what single runs differ by.
func (r *Report) judge(endpoints []Endpoint, limits Limits) {
	r.Verdict = Fits
	for _, x := range r.All.beyond(limits) {
		r.Verdict, r.Why = CannotTell, append(r.Why, x)
	}
	good := 0
	for e, c := range r.Endpoints {
		m, u := c.within(func(m *Measured) float64 { return m.Mean }, limits.Mean), c.within(func(m *Measured) float64 { return m.Utilization }, limits.Utilization)
		if m && u {
			good++
			continue
		}
		r.Why = append(r.Why, fmt.Sprintf("endpoint %s: mean latency off by %.1f %%, utilization by %.1f %%",
			endpoints[e].Name, 100*off(c.Recorded.Mean, c.Fitted.Mean), 100*off(c.Recorded.Utilization, c.Fitted.Utilization)))
	}
	if float64(good) < limits.Endpoints*float64(len(r.Endpoints)) {
		r.Verdict = CannotTell
	}
}

// beyond says what of the whole is beyond the limits, or differs too much from
// run to run to say.
func (c *Comparison) beyond(l Limits) (why []string) {
	for _, x := range []struct {
		name  string
		of    func(*Measured) float64
		limit float64
	}{
		{"mean latency", func(m *Measured) float64 { return m.Mean }, l.Mean},
		{"p50", func(m *Measured) float64 { return m.P50 }, l.P50},
		{"p90", func(m *Measured) float64 { return m.P90 }, l.P90},
		{"p99", func(m *Measured) float64 { return m.P99 }, l.P99},
		{"utilization", func(m *Measured) float64 { return m.Utilization }, l.Utilization},
	} {
		recorded, fitted := x.of(&c.Recorded), x.of(&c.Fitted)
		switch {
		case !c.within(x.of, x.limit):
			why = append(why, fmt.Sprintf("%s is %.4g, recorded %.4g: off by %.1f %%, more than %.0f %%", x.name, fitted, recorded, 100*off(recorded, fitted), 100*x.limit))
		case x.of(&c.Spread) > x.limit*recorded:
			why = append(why, fmt.Sprintf("%s differs by %.1f %% from run to run: more than %.0f %%, so nothing is shown", x.name, 100*x.of(&c.Spread)/recorded, 100*x.limit))
		}
	}
	if d := math.Abs(c.Recorded.ErrorRatio - c.Fitted.ErrorRatio); !(d <= l.ErrorRatio) {
		why = append(why, fmt.Sprintf("error ratio is %.4f, recorded %.4f: more than %.4f apart", c.Fitted.ErrorRatio, c.Recorded.ErrorRatio, l.ErrorRatio))
	}
	return why
}

// within allows the limit, and twice what single runs differ by.
func (c *Comparison) within(of func(*Measured) float64, limit float64) bool {
	recorded := of(&c.Recorded)
	return math.Abs(of(&c.Fitted)-recorded) <= limit*recorded+2*of(&c.Spread)
}

// off is how far the fitted is from the recorded, relative to the recorded.
func off(recorded, fitted float64) float64 { return math.Abs(fitted-recorded) / recorded }

// Write shows the parameters with their standard errors, and the fit.
func (f *Fit) Write(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(out, "%s, service %s, fitted over %v: %s\n\n", f.Recording, f.Service, f.Scenario.Duration, cmp.Or(f.Report.Verdict, "not run"))
	fmt.Fprintln(out, "endpoint\tworkers\tservice (ms)\tcapacity (1/s)\terrors (%)\tnetwork (ms)\tsamples\tevents")
	for _, e := range f.Endpoints {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\n", e.Name, e.Workers.Text(1), e.Service.Text(1000), e.Capacity.Text(1), e.Errors.Text(100), e.Network.Text(1000), e.Samples, e.Events)
	}
	if f.Queue > 0 {
		fmt.Fprintf(out, "at most %d requests wait at an endpoint; more are refused\n", f.Queue)
	}
	fmt.Fprintln(out, "\nclass\tshare (%)\twork (ms)\tdistribution\tshape\tdistance")
	for _, c := range f.Report.Classes {
		fmt.Fprintf(out, "%s\t%.1f\t%.2f\t%s\t%.3g\t%.3f\n", c.Name, 100*c.Share, 1000*c.Mean.Seconds(), c.Distribution, c.Shape, c.Distance)
	}
	fmt.Fprintln(out, "\nrecorded → fitted\tmean (ms)\tp50\tp90\tp99\terrors (%)\tutilization (%)")
	f.Report.All.write(out, "all")
	for e, c := range f.Report.Endpoints {
		c.write(out, f.Endpoints[e].Name)
	}
	if len(f.Report.Why) > 0 {
		fmt.Fprintln(out)
	}
	for _, why := range f.Report.Why {
		fmt.Fprintln(out, why)
	}
	return out.Flush()
}

// Text is the number with its error, scaled.
func (e Estimate) Text(scale float64) string {
	if math.IsNaN(e.Value) {
		return "?"
	}
	if math.IsNaN(e.Error) {
		return fmt.Sprintf("%.4g ± ?", scale*e.Value)
	}
	return fmt.Sprintf("%.4g ± %.2g", scale*e.Value, scale*e.Error)
}

func (c Comparison) write(w io.Writer, name string) {
	a, b := c.Recorded, c.Fitted
	fmt.Fprint(w, name)
	s := c.Spread
	for _, x := range []struct{ a, b, s, scale float64 }{
		{a.Mean, b.Mean, s.Mean, 1000}, {a.P50, b.P50, s.P50, 1000}, {a.P90, b.P90, s.P90, 1000}, {a.P99, b.P99, s.P99, 1000},
		{a.ErrorRatio, b.ErrorRatio, s.ErrorRatio, 100}, {a.Utilization, b.Utilization, s.Utilization, 100},
	} {
		fmt.Fprintf(w, "\t%.4g → %.4g ± %.2g", x.scale*x.a, x.scale*x.b, x.scale*x.s)
	}
	fmt.Fprintln(w)
}
